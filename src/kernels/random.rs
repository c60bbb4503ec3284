//! Counter-based randomness: Philox4x32-10, the twin of `shaders/lib/philox.wgsl` and `shaders/random.wgsl`, and the
//! keyed permutation of `shaders/lib/permutation.wgsl`.
//!
//! A number depends on its key (the run's seed) and its counter (element, stream, step) alone: no state, so that any
//! number can be made again anywhere, in any order.

use bytemuck::{Pod, Zeroable};

use super::activation::{cos_sin_of_turn, exp, ln};
use super::{GpuLaunch, Kernel, StepState, word};
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Streams of one run never share counters.
pub mod stream {
    /// Initial weights: the counter's third word is the parameter's number.
    pub const INITIAL_WEIGHTS: u32 = 1;
    /// Keys of the epoch's permutation.
    pub const PERMUTATION: u32 = 2;
    /// Order of the rows of a set that comes without a split of its own.
    pub const SPLIT: u32 = 3;
    /// Directions that a randomized PCA starts from.
    pub const PCA: u32 = 4;
    /// Where the components of a mixture start, and draws from it: the counter's third word is 0 or 1.
    pub const MIXTURE: u32 = 5;
    /// Latent numbers that are drawn from a prior, or added to those of rows.
    pub const LATENTS: u32 = 6;
    /// Corruptions with numbers of their own: taken from the graph's, they would renumber every op after them, and
    /// with that change the bits of every run there is.
    pub const FILM: u32 = 256;
    pub const SHOT_NOISE: u32 = 257;
    pub const JPEG: u32 = 258;
    pub const BLIND_SPOT: u32 = 259;
    /// Random ops of a graph take this and the numbers after it, in their order.
    pub const OPS: u32 = 1024;
}

/// One block of Philox4x32-10 (Salmon et al. 2011).
#[inline(always)]
pub fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let first = u64::from(counter[0]) * 0xD251_1F53;
        let second = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// 24 random bits as a number in [0, 1), exact in f32.
#[inline(always)]
pub fn unit_float(word: u32) -> f32 {
    (word >> 8) as f32 * 5.960_464_5e-8
}

/// Four standard normal deviates from four words (Box & Muller 1958).
#[inline(always)]
pub fn normal4(words: [u32; 4]) -> [f32; 4] {
    let pair = |first: u32, second: u32| {
        // In (0, 1]: the logarithm is finite.
        let u = ((first >> 8) as f32 + 1.0) * 5.960_464_5e-8;
        let radius = (-2.0 * ln(u)).sqrt();
        let (cos, sin) = cos_sin_of_turn(unit_float(second));
        [radius * cos, radius * sin]
    };
    let ([a, b], [c, d]) = (pair(words[0], words[1]), pair(words[2], words[3]));
    [a, b, c, d]
}

/// A Poisson count from a number in [0, 1), by inversion: the twin of `shaders/lib/poisson.wgsl`, which says how.
#[inline(always)]
pub fn poisson_by_inversion(rate: f32, u: f32) -> f32 {
    const TERMS: u32 = 128;
    const NOTHING: f32 = 1e-9;
    if rate <= 0.0 {
        return 0.0;
    }
    let mut count = 0.0;
    let mut probability = exp(-rate);
    let mut total = probability;
    for _ in 1..TERMS {
        if u < total || (count > rate && probability < NOTHING) {
            break;
        }
        count += 1.0;
        probability *= rate / count;
        total += probability;
    }
    count
}

/// A run's seed as Philox's key.
pub fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// Keys for the order in which `epoch` visits its rows.
pub fn permutation_keys(seed: u64, epoch: u32, stream: u32) -> [u32; 4] {
    philox4x32([epoch, stream, 0, 0], key(seed))
}

/// Half the width in bits of the Feistel network that covers `count` places.
pub fn permutation_half_bits(count: usize) -> u32 {
    let bits = usize::BITS - count.saturating_sub(1).leading_zeros();
    bits.div_ceil(2).max(1)
}

fn mix32(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Where `place` goes in a keyed permutation of `0..count`.
pub fn permute(place: u32, count: u32, keys: [u32; 4]) -> u32 {
    let half_bits = permutation_half_bits(count as usize);
    let mask = (1 << half_bits) - 1;
    let mut x = place;
    loop {
        let (mut left, mut right) = (x >> half_bits, x & mask);
        for round in 0..8_u32 {
            let next = left ^ (mix32(right ^ keys[(round & 3) as usize] ^ round.wrapping_mul(0x9E37_79B9)) & mask);
            left = right;
            right = next;
        }
        x = (left << half_bits) | right;
        if x < count {
            return x;
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RandomParams {
    count: u32,
    stream: u32,
    low: f32,
    width: f32,
}

/// What random numbers are filled in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Raw 32-bit words.
    Bits,
    /// Uniform in [low, low + width).
    Uniform { low: f32, width: f32 },
    /// Normal with mean 0 and standard deviation 1.
    Normal,
}

/// Fills [count] values from the step's seed and number.
#[derive(Clone, Debug)]
pub struct RandomFill {
    pub count: usize,
    pub stream: u32,
    pub distribution: Distribution,
}

impl RandomFill {
    /// The four words of `block`.
    fn block(&self, block: u32, state: &StepState) -> [u32; 4] {
        let words = philox4x32([block, self.stream, state.step, 0], state.seed);
        match self.distribution {
            Distribution::Bits => words,
            Distribution::Uniform { low, width } => words.map(|word| (low + width * unit_float(word)).to_bits()),
            Distribution::Normal => normal4(words).map(f32::to_bits),
        }
    }
}

impl Kernel for RandomFill {
    fn name(&self) -> &'static str {
        "random_fill"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let (kind, low, width) = match self.distribution {
            Distribution::Bits => ("0u", 0.0, 0.0),
            Distribution::Uniform { low, width } => ("1u", low, width),
            Distribution::Normal => ("2u", 0.0, 0.0),
        };
        let params = RandomParams { count: word(self.count), stream: self.stream, low, width };
        let shader = ShaderRequest::new("random").constant("DISTRIBUTION", kind);
        GpuLaunch::in_order(shader, "random_fill", 1, &params, target.fold(self.count.div_ceil(4 * 64)), 10)
    }

    fn cpu(&self, _: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let out: &mut [u32] = bytemuck::cast_slice_mut(writes[0]);
        for (block, quad) in out.chunks_mut(4).enumerate() {
            quad.copy_from_slice(&self.block(word(block), state)[..quad.len()]);
        }
    }
}
