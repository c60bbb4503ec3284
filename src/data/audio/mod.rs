//! Recordings: WAV files, resampling, mel spectrograms.

pub(super) mod mel;
pub(super) mod resample;
pub(super) mod wav;
