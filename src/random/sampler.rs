//! Random numbers for samples, starts and resamples: counted by Philox, so that they are the same on every machine and
//! with any number of threads.

use super::{key, philox4x32};

/// Counter word that separates these numbers from all that training draws with the same seed.
const METRICS: u32 = 0x6d65_7472;

/// Stream of random numbers: equal seeds and streams produce equal numbers.
#[derive(Clone, Debug)]
pub struct Sampler {
    key: [u32; 2],
    stream: u32,
    block: u32,
    words: [u32; 4],
    used: usize,
}

impl Sampler {
    /// Starts a stream at its first number.
    pub fn new(seed: u64, stream: u32) -> Self {
        Self { key: key(seed), stream, block: 0, words: [0; 4], used: 4 }
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox4x32([self.block, self.stream, METRICS, 1], self.key);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// Returns a number in 0..`count`, or 0 for a count of 0. No number is likelier by more than `count` / 2^32.
    pub fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.word()) * count as u64) >> 32) as usize
    }

    /// Returns a number in [0, 1) with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        let bits = (u64::from(self.word()) << 32) | u64::from(self.word());
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a standard normal deviate (Box & Muller 1958).
    pub fn normal(&mut self) -> f64 {
        // In (0, 1]: the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Puts `items` in a random order (Fisher & Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Returns `count` of the numbers 0..`of`, each at most once, in rising order; all of them where there are no more.
    pub fn choose(&mut self, count: usize, of: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..of).collect();
        if count < of {
            // The first steps of a shuffle are enough.
            for place in 0..count {
                all.swap(place, place + self.below(of - place));
            }
            all.truncate(count);
            all.sort_unstable();
        }
        all
    }
}
