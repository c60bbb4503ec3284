//! Activations and their derivatives: the twin of `shaders/lib/activation.wgsl`.
//!
//! The derivative is written in terms of the output where that can be, so that the input need not be kept. exp and log are our own
//! polynomials: the compiler can vectorise them, and they give the same bits whatever the C library.

use serde::{Deserialize, Serialize};

/// ReLU's slope below zero in its leaky form, as PyTorch's default.
const LEAKY_SLOPE: f32 = 0.01;
const SQRT_2_OVER_PI: f32 = 0.797_884_6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    #[default]
    Identity,
    Relu,
    Sigmoid,
    Tanh,
    LeakyRelu,
    /// x above 0, e^x - 1 below (Clevert et al. 2016).
    Elu,
    Softplus,
    /// x sigmoid(x), also called swish.
    Silu,
    /// GELU in its tanh form (Hendrycks & Gimpel 2016).
    GeluTanh,
    Gelu,
}

impl Activation {
    pub const ALL: [Self; 10] = [
        Self::Identity,
        Self::Relu,
        Self::Sigmoid,
        Self::Tanh,
        Self::LeakyRelu,
        Self::Elu,
        Self::Softplus,
        Self::Silu,
        Self::GeluTanh,
        Self::Gelu,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::LeakyRelu => "leaky_relu",
            Self::Elu => "elu",
            Self::Softplus => "softplus",
            Self::Silu => "silu",
            Self::GeluTanh => "gelu_tanh",
            Self::Gelu => "gelu",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activation| activation.name() == name)
    }

    /// Whether its derivative is taken from its input, because the output does not tell.
    pub fn saves_input(self) -> bool {
        matches!(self, Self::Silu | Self::GeluTanh | Self::Gelu)
    }

    /// The value of the constant in the shaders.
    pub(crate) fn wgsl(self) -> &'static str {
        match self {
            Self::Identity => "0u",
            Self::Relu => "1u",
            Self::Sigmoid => "2u",
            Self::Tanh => "3u",
            Self::LeakyRelu => "4u",
            Self::Elu => "5u",
            Self::Softplus => "6u",
            Self::Silu => "7u",
            Self::GeluTanh => "8u",
            Self::Gelu => "9u",
        }
    }

    /// values = activation(values)
    #[inline(always)]
    pub fn apply(self, values: &mut [f32]) {
        let values = values.iter_mut();
        match self {
            Self::Identity => {}
            Self::Relu => values.for_each(|x| *x = x.max(0.0)),
            Self::Sigmoid => values.for_each(|x| *x = sigmoid(*x)),
            Self::Tanh => values.for_each(|x| *x = tanh(*x)),
            Self::LeakyRelu => values.for_each(|x| *x = if *x > 0.0 { *x } else { LEAKY_SLOPE * *x }),
            Self::Elu => values.for_each(|x| *x = if *x > 0.0 { *x } else { exp(x.min(0.0)) - 1.0 }),
            Self::Softplus => values.for_each(|x| *x = x.max(0.0) + ln(1.0 + exp(-x.abs()))),
            Self::Silu => values.for_each(|x| *x *= sigmoid(*x)),
            Self::GeluTanh => values.for_each(|x| *x = 0.5 * *x * (1.0 + gelu_inner(*x))),
            Self::Gelu => values.for_each(|x| *x *= normal_cdf(*x)),
        }
    }

    /// gradient = gradient * activation'(x), given saved = activation(x), or x where [`Self::saves_input`].
    #[inline(always)]
    pub fn apply_backward(self, gradient: &mut [f32], saved: &[f32]) {
        let pairs = gradient.iter_mut().zip(saved);
        match self {
            Self::Identity => {}
            Self::Relu => pairs.for_each(|(g, &y)| *g = if y > 0.0 { *g } else { 0.0 }),
            Self::Sigmoid => pairs.for_each(|(g, &y)| *g = *g * y * (1.0 - y)),
            Self::Tanh => pairs.for_each(|(g, &y)| *g *= 1.0 - y * y),
            Self::LeakyRelu => pairs.for_each(|(g, &y)| *g = if y > 0.0 { *g } else { LEAKY_SLOPE * *g }),
            Self::Elu => pairs.for_each(|(g, &y)| *g = if y > 0.0 { *g } else { *g * (y + 1.0) }),
            Self::Softplus => pairs.for_each(|(g, &y)| *g *= 1.0 - exp(-y)),
            Self::Silu => pairs.for_each(|(g, &x)| {
                let s = sigmoid(x);
                *g *= s * (1.0 + x * (1.0 - s));
            }),
            Self::GeluTanh => pairs.for_each(|(g, &x)| {
                let t = gelu_inner(x);
                let inner = SQRT_2_OVER_PI * (1.0 + 0.134_145 * x * x);
                *g *= 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner;
            }),
            Self::Gelu => pairs.for_each(|(g, &x)| {
                let density = 0.398_942_3 * exp(-0.5 * x * x);
                *g *= normal_cdf(x) + x * density;
            }),
        }
    }
}

#[inline(always)]
fn gelu_inner(x: f32) -> f32 {
    tanh(SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x))
}

/// Distribution function of the standard normal, by the rational Chebyshev fit of erfc in Press et al., "Numerical
/// Recipes", section 6.2: relative error below 1.2e-7, in the left tail too.
#[inline(always)]
pub fn normal_cdf(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let mut p = t * 0.170_872_77 - 0.822_152_2;
    p = p * t + 1.488_515_9;
    p = p * t - 1.135_204;
    p = p * t + 0.278_868_08;
    p = p * t - 0.186_288_06;
    p = p * t + 0.096_784_18;
    p = p * t + 0.374_091_96;
    p = p * t + 1.000_023_7;
    p = p * t - 1.265_512_2;
    let tail = 0.5 * t * exp(p - z * z);
    if x >= 0.0 { 1.0 - tail } else { tail }
}

/// (cos, sin) of 2 pi turn for turn in [0, 1], by reduction to an eighth of a turn and the polynomials of Cephes' sinf
/// and cosf; absolute error below 1e-7.
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

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let e = exp(-2.0 * x.abs());
    ((1.0 - e) / (1.0 + e)).copysign(x)
}
