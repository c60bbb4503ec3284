//! Sounds: WAV files, other sampling rates, log-mel spectrograms and the way back.

use std::io::Read;
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::data::DataError;
use crate::data::formats::array::{in_words, malformed, open};
use crate::platform::files::write_whole;

/// One channel of sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// Samples a second.
    pub rate: u32,
    /// Samples from -1 to 1; floats of a file may lie beyond.
    pub samples: Vec<f32>,
}

/// Reads a WAV file of 8, 16, 24 or 32-bit integers or 32-bit floats; channels are averaged. Reading takes at most
/// `limit_bytes` of memory, or is refused.
pub fn read_wav(path: &Path, limit_bytes: u64) -> Result<Waveform, DataError> {
    let place = path.display().to_string();
    let unusable = |error: hound::Error| malformed(&place, in_our_words(&error));
    let (file, length) = open(path)?;
    let mut wav = WavReader::new(file).map_err(unusable)?;
    let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = wav.spec();
    let (samples, channels) = (u64::from(wav.len()), u64::from(channels));
    if sample_rate == 0 || samples < channels {
        let problem = format!("it holds {samples} samples at {sample_rate} a second; give a sound of some length");
        return Err(malformed(&place, problem));
    }
    if samples * u64::from(bits_per_sample) / 8 > length {
        return Err(malformed(
            &place,
            format!("its header claims {samples} samples and the file has only {length} bytes; fetch or save it again"),
        ));
    }
    let needed = samples / channels * size_of::<f32>() as u64;
    if needed > limit_bytes {
        return Err(malformed(
            &place,
            format!(
                "its {} samples take {} of memory and the limit is {}; give a shorter sound or a higher limit",
                samples / channels,
                in_words(needed),
                in_words(limit_bytes)
            ),
        ));
    }
    let channels = usize::from(wav.spec().channels);
    let samples = match (sample_format, bits_per_sample) {
        (SampleFormat::Float, 32) => average(&mut wav, channels, |sample: f32| sample),
        (SampleFormat::Int, 1..=32) => {
            let scale = 1.0 / (1_u64 << (bits_per_sample - 1)) as f32;
            average(&mut wav, channels, |sample: i32| sample as f32 * scale)
        }
        _ => Err(hound::Error::Unsupported),
    }
    .map_err(unusable)?;
    if let Some(sample) = samples.iter().position(|sample| !sample.is_finite()) {
        return Err(malformed(&place, format!("its sample {sample} is no number; save the sound again")));
    }
    Ok(Waveform { rate: sample_rate, samples })
}

/// The mean of the channels at each time; an unfinished last time is left out.
fn average<S: hound::Sample>(
    wav: &mut WavReader<impl Read>,
    channels: usize,
    value: impl Fn(S) -> f32,
) -> Result<Vec<f32>, hound::Error> {
    let times = wav.len() as usize / channels.max(1);
    let mut all = wav.samples::<S>();
    let mut averages = Vec::with_capacity(times);
    for _ in 0..times {
        let mut sum = 0.0;
        for sample in all.by_ref().take(channels) {
            sum += value(sample?);
        }
        averages.push(sum / channels as f32);
    }
    Ok(averages)
}

/// Writes `samples` as a WAV file of 16-bit integers, one channel, whole or not at all. What lies beyond -1 to 1 is
/// clipped.
pub fn write_wav(path: &Path, rate: u32, samples: &[f32]) -> Result<(), DataError> {
    let unwritable = |reason: String| DataError::Unwritable { path: path.into(), reason };
    if rate == 0 || samples.is_empty() || samples.len() > u32::MAX as usize / 4 {
        return Err(unwritable(format!("{} samples at {rate} a second are no WAV file", samples.len())));
    }
    let spec = WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    write_whole(path, |file| {
        let write = || -> Result<(), hound::Error> {
            let mut wav = WavWriter::new(file, spec)?;
            for sample in samples {
                // The scale of reading, so that what was read is written unchanged; `as` saturates.
                wav.write_sample((sample * 32768.0).round() as i16)?;
            }
            wav.finalize()
        };
        write().map_err(|error| match error {
            hound::Error::IoError(error) => error,
            other => std::io::Error::other(other),
        })
    })
    .map_err(|error| unwritable(error.to_string()))
}

fn in_our_words(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it ends before its last sample; fetch or save it again".to_owned()
        }
        hound::Error::IoError(error) => format!("it cannot be read as a WAV file ({error}); save it again"),
        hound::Error::FormatError(problem) => {
            format!("it is no WAV file that can be read ({problem}); save it as WAV (PCM)")
        }
        _ => "its samples are of a kind that is not read; save it as WAV (PCM, 16 bits)".to_owned(),
    }
}
