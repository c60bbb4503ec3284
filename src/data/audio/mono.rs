//! One channel out of decoded packets, counted against memory while it grows.

use symphonia::core::audio::GenericAudioBufferRef;

use crate::data::DataError;
use crate::data::formats::array::{in_words, malformed};

/// One channel of sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// Samples a second.
    pub rate: u32,
    /// Samples from -1 to 1; floats of a file may lie beyond.
    pub samples: Vec<f32>,
}

/// A sound with what is worth a remark.
#[derive(Debug)]
pub(crate) struct ReadSound {
    pub sound: Waveform,
    /// Doubts that the file leaves, in words.
    pub note: Option<String>,
    /// Channels that were averaged.
    pub channels: usize,
    /// True if the channels cancel each other for the most part, as those of opposite phase do.
    pub cancels: bool,
}

/// Share of the channels' power that is left in their mean below which they cancel each other.
const CANCELED: f64 = 0.01;

/// Mean of the channels at each time, of packets as they are decoded.
pub(super) struct Mono<'a> {
    place: &'a str,
    rate: u32,
    limit_bytes: u64,
    samples: Vec<f32>,
    interleaved: Vec<f32>,
    channels: usize,
    /// Sums of the squares of the channels, as a mean over them, and of their mean.
    powers: [f64; 2],
}

impl<'a> Mono<'a> {
    /// Begins a sound of `place`, of which at most `limit_bytes` are kept in memory.
    pub fn new(place: &'a str, rate: u32, limit_bytes: u64) -> Self {
        Self { place, rate, limit_bytes, samples: Vec::new(), interleaved: Vec::new(), channels: 1, powers: [0.0; 2] }
    }

    /// Returns the count of times so far.
    pub fn times(&self) -> usize {
        self.samples.len()
    }

    /// Appends the mean of `channels` values at each time of `decoded`, whose values are interleaved.
    pub fn add(&mut self, decoded: &GenericAudioBufferRef<'_>, channels: usize) -> Result<(), DataError> {
        decoded.copy_to_vec_interleaved(&mut self.interleaved);
        let channels = channels.max(1);
        self.check_memory((self.samples.len() + self.interleaved.len() / channels) as u64)?;
        for values in self.interleaved.chunks_exact(channels) {
            let mean = values.iter().fold(0.0, |sum, value| sum + value) / channels as f32;
            if !mean.is_finite() {
                let problem = format!("its sample {} is no number; save the sound again", self.samples.len());
                return Err(malformed(self.place, problem));
            }
            let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
            self.powers[0] += squares / channels as f64;
            self.powers[1] += f64::from(mean).powi(2);
            self.samples.push(mean);
        }
        self.channels = self.channels.max(channels);
        Ok(())
    }

    /// Refuses a sound of `times` samples that does not fit the limit.
    pub fn check_memory(&self, times: u64) -> Result<(), DataError> {
        let needed = times.saturating_mul(size_of::<f32>() as u64);
        if needed <= self.limit_bytes {
            return Ok(());
        }
        Err(malformed(
            self.place,
            format!(
                "its {times} samples take {} of memory and the limit is {}; give a shorter sound or a higher limit",
                in_words(needed),
                in_words(self.limit_bytes)
            ),
        ))
    }

    /// Returns the whole sound with `note`.
    pub fn finish(self, note: Option<String>) -> Result<ReadSound, DataError> {
        let Self { place, rate, samples, channels, powers: [each, mixed], .. } = self;
        if rate == 0 || samples.is_empty() {
            let problem = format!("it holds {} samples at {rate} a second; give a sound of some length", samples.len());
            return Err(malformed(place, problem));
        }
        let cancels = channels > 1 && mixed < CANCELED * each;
        Ok(ReadSound { sound: Waveform { rate, samples }, note, channels, cancels })
    }
}
