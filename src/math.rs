//! exp, ln, cos and sin by polynomials of this crate: their bits do not depend on a C library.

/// e^x with a relative error under 2e-7, by range reduction to |r| <= ln(2)/2 and the polynomial of Cephes' expf.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer, which stays in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let value = p * r * r + r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    value * f32::from_bits(exponent)
}

/// ln(x) for positive normal x with a relative error under 2e-7 (away from 1, absolute near it), by the polynomial of
/// Cephes' logf.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // Split so that the mantissa lies in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits().wrapping_sub(0x3F35_04F3);
    let exponent = (bits as i32) >> 23;
    let m = f32::from_bits((bits & 0x007F_FFFF).wrapping_add(0x3F35_04F3)) - 1.0;
    let mut p = 7.037_683_6e-2;
    p = p * m - 1.151_461e-1;
    p = p * m + 1.167_699_9e-1;
    p = p * m - 1.242_014_1e-1;
    p = p * m + 1.424_932_3e-1;
    p = p * m - 1.666_805_8e-1;
    p = p * m + 2.000_071_5e-1;
    p = p * m - 2.499_999_4e-1;
    p = p * m + 3.333_333e-1;
    let z = m * m;
    let e = exponent as f32;
    m + (p * m * z - 0.5 * z + e * -2.121_944_4e-4) + e * 0.693_359_4
}

/// (cos, sin) of 2 pi turn for turn in `[0, 1]`, by reduction to an eighth of a turn and the polynomials of Cephes'
/// sinf and cosf; absolute error below 1e-7.
#[inline(always)]
pub fn cos_sin_of_turn(turn: f32) -> (f32, f32) {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    let shifted = turn * 4.0 + ROUND;
    let quarter = shifted.to_bits();
    let r = (turn * 4.0 - (shifted - ROUND)) * std::f32::consts::FRAC_PI_2;
    let z = r * r;
    let sin = r + r * z * (-1.666_665_5e-1 + z * (8.332_161e-3 - z * 1.951_529_6e-4));
    let cos = 1.0 - 0.5 * z + z * z * (4.166_664_6e-2 + z * (-1.388_731_6e-3 + z * 2.443_315_7e-5));
    let (c, s) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
    let c = if (quarter.wrapping_add(1)) & 2 == 0 { c } else { -c };
    let s = if quarter & 2 == 0 { s } else { -s };
    (c, s)
}
