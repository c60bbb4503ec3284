//! Philox4x32-10 and the distributions made from its words: the CPU reference of `shaders/lib/random/philox.wgsl`.

use crate::math::{cos_sin_of_turn, exp, ln};

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

/// Poisson count of mean `rate` from `u` in [0, 1), by inversion: the CPU reference of
/// `shaders/lib/random/poisson.wgsl`, which describes the method.
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
