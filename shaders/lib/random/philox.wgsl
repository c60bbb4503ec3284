// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Integers only, so every
// device gives the same words.
fn multiply_high(a: u32, b: u32) -> u32 {
    // WGSL has no 64-bit product: four 16-bit partial products.
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low = a_low * b_low;
    let cross = a_high * b_low + (low >> 16u);
    let cross2 = a_low * b_high + (cross & 0xffffu);
    return a_high * b_high + (cross >> 16u) + (cross2 >> 16u);
}

fn philox4x32(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round += 1u) {
        let high0 = multiply_high(0xD2511F53u, c.x);
        let low0 = 0xD2511F53u * c.x;
        let high1 = multiply_high(0xCD9E8D57u, c.z);
        let low1 = 0xCD9E8D57u * c.z;
        c = vec4<u32>(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
        k += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// 24 random bits as a number in [0, 1): exact in f32, the same on every device.
fn unit_float(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(words >> vec4<u32>(8u)) * 5.9604645e-8;
}
