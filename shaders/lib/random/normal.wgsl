// Four standard normal deviates from four words, by Box and Muller's method.
fn normal4(words: vec4<u32>) -> vec4<f32> {
    // In (0, 1]: the logarithm is finite.
    let u = (vec2<f32>(words.xz >> vec2<u32>(8u)) + 1.0) * 5.9604645e-8;
    let radius = sqrt(-2.0 * log(u));
    let angle = 6.2831853 * vec2<f32>(words.yw >> vec2<u32>(8u)) * 5.9604645e-8;
    return vec4<f32>(radius.x * cos(angle.x), radius.x * sin(angle.x), radius.y * cos(angle.y), radius.y * sin(angle.y));
}
