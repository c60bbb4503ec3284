// A keyed permutation of 0..count without a table: a Feistel network over the next even power of two, walked
// until it lands inside (Black & Rogaway 2002, "Ciphers with arbitrary finite domains"). The keys come from Philox.
const PERMUTATION_ROUNDS: u32 = 8u;

// A 32-bit finaliser with full avalanche (Wellons' lowbias32).
fn mix32(value: u32) -> u32 {
    var x = value;
    x = (x ^ (x >> 16u)) * 0x7feb352du;
    x = (x ^ (x >> 15u)) * 0x846ca68bu;
    return x ^ (x >> 16u);
}

fn permute(place: u32, count: u32, half_bits: u32, keys: vec4<u32>) -> u32 {
    let mask = (1u << half_bits) - 1u;
    var x = place;
    loop {
        var left = x >> half_bits;
        var right = x & mask;
        for (var round = 0u; round < PERMUTATION_ROUNDS; round += 1u) {
            let next = left ^ (mix32(right ^ keys[round & 3u] ^ (round * 0x9E3779B9u)) & mask);
            left = right;
            right = next;
        }
        x = (left << half_bits) | right;
        if x < count { break; }
    }
    return x;
}
