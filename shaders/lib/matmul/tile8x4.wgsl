// Eight rows by four columns of a matrix product in registers, the inner dimension taken four at a time.
// Written out, because no unroll hint reaches the driver.
struct Tile8x4 {
    r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32>, r3: vec4<f32>,
    r4: vec4<f32>, r5: vec4<f32>, r6: vec4<f32>, r7: vec4<f32>,
}

fn tile_zero() -> Tile8x4 {
    let zero = vec4<f32>(0.0);
    return Tile8x4(zero, zero, zero, zero, zero, zero, zero, zero);
}

// a.rI holds row I of the left side along k; bJ holds row k + J of the right side along the columns.
fn tile_multiply_add(
    t: Tile8x4, a: Tile8x4, b0: vec4<f32>, b1: vec4<f32>, b2: vec4<f32>, b3: vec4<f32>,
) -> Tile8x4 {
    return Tile8x4(
        t.r0 + a.r0.x * b0 + a.r0.y * b1 + a.r0.z * b2 + a.r0.w * b3,
        t.r1 + a.r1.x * b0 + a.r1.y * b1 + a.r1.z * b2 + a.r1.w * b3,
        t.r2 + a.r2.x * b0 + a.r2.y * b1 + a.r2.z * b2 + a.r2.w * b3,
        t.r3 + a.r3.x * b0 + a.r3.y * b1 + a.r3.z * b2 + a.r3.w * b3,
        t.r4 + a.r4.x * b0 + a.r4.y * b1 + a.r4.z * b2 + a.r4.w * b3,
        t.r5 + a.r5.x * b0 + a.r5.y * b1 + a.r5.z * b2 + a.r5.w * b3,
        t.r6 + a.r6.x * b0 + a.r6.y * b1 + a.r6.z * b2 + a.r6.w * b3,
        t.r7 + a.r7.x * b0 + a.r7.y * b1 + a.r7.z * b2 + a.r7.w * b3,
    );
}

// One step along the inner dimension: eight values of the left side times one row of the right side.
fn tile_add_products(t: Tile8x4, low: vec4<f32>, high: vec4<f32>, b: vec4<f32>) -> Tile8x4 {
    return Tile8x4(
        t.r0 + low.x * b, t.r1 + low.y * b, t.r2 + low.z * b, t.r3 + low.w * b,
        t.r4 + high.x * b, t.r5 + high.y * b, t.r6 + high.z * b, t.r7 + high.w * b,
    );
}
