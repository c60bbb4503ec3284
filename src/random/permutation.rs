//! The keyed permutation that orders an epoch: the CPU reference of `shaders/lib/random/permutation.wgsl`.

use super::{key, philox4x32};

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

/// Returns the image of `place` in a keyed permutation of `0..count`.
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
