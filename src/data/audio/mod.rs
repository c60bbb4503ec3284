//! Recordings: WAV, FLAC, MP3 and OGG files, resampling, mel spectrograms.

pub(super) mod mel;
pub(super) mod mono;
pub(super) mod resample;
pub(super) mod sound;
pub(super) mod wav;
