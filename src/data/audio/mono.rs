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

/// Mean of the channels at each time, of packets as they are decoded.
pub(super) struct Mono<'a> {
    place: &'a str,
    rate: u32,
    limit_bytes: u64,
    samples: Vec<f32>,
    interleaved: Vec<f32>,
}

impl<'a> Mono<'a> {
    /// Begins a sound of `place`, of which at most `limit_bytes` are kept in memory.
    pub fn new(place: &'a str, rate: u32, limit_bytes: u64) -> Self {
        Self { place, rate, limit_bytes, samples: Vec::new(), interleaved: Vec::new() }
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
            self.samples.push(mean);
        }
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

    /// Returns the whole sound.
    pub fn finish(self) -> Result<Waveform, DataError> {
        let Self { place, rate, samples, .. } = self;
        if rate == 0 || samples.is_empty() {
            let problem = format!("it holds {} samples at {rate} a second; give a sound of some length", samples.len());
            return Err(malformed(place, problem));
        }
        Ok(Waveform { rate, samples })
    }
}
