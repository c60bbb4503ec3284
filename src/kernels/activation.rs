//! Activations and their derivatives: the CPU reference of `shaders/lib/activation.wgsl`.
//!
//! The derivative is written in terms of the output where that can be, so that the input need not be kept. exp and log
//! are our own polynomials: the compiler can vectorize them, and they give the same bits whatever the C library.

use serde::{Deserialize, Serialize};

use crate::math::{exp, ln};

/// ReLU's slope below zero in its leaky variant, as PyTorch's default.
const LEAKY_SLOPE: f32 = 0.01;
const SQRT_2_OVER_PI: f32 = 0.797_884_6;

/// Element-wise activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// Identity: x itself.
    #[default]
    Identity,
    /// Rectifier: max(x, 0).
    Relu,
    /// Logistic function: 1 / (1 + e^-x).
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Leaky rectifier: x above 0, 0.01 x below.
    LeakyRelu,
    /// Exponential linear unit: x above 0, e^x - 1 below (Clevert et al. 2016).
    Elu,
    /// Smooth rectifier: ln(1 + e^x).
    Softplus,
    /// Sigmoid linear unit: x sigmoid(x), also called swish.
    Silu,
    /// Gaussian error linear unit in its tanh variant (Hendrycks & Gimpel 2016).
    GeluTanh,
    /// Gaussian error linear unit: x times the standard normal distribution function (Hendrycks & Gimpel 2016).
    Gelu,
    /// Leaky clamp to 0..1: x inside, 0.01 of the way beyond.
    LeakyClamp,
}

impl Activation {
    /// All activations, in the order of the shaders' constants.
    pub const ALL: [Self; 11] = [
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
        Self::LeakyClamp,
    ];

    /// Returns the name in specs, such as `leaky_relu`.
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
            Self::LeakyClamp => "leaky_clamp",
        }
    }

    /// Returns the activation of a name in specs; `None` for unknown names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activation| activation.name() == name)
    }

    /// Returns whether its derivative is computed from its input, because the output does not determine it.
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
            Self::LeakyClamp => "10u",
        }
    }

    /// Applies the activation in place: values = activation(values).
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
            Self::LeakyClamp => values.for_each(|x| {
                let inside = x.clamp(0.0, 1.0);
                *x = inside + LEAKY_SLOPE * (*x - inside);
            }),
        }
    }

    /// Multiplies a gradient by the derivative, gradient = gradient * activation'(x), given saved = activation(x), or x
    /// where [`Self::saves_input`].
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
            Self::LeakyClamp => {
                pairs.for_each(|(g, &y)| *g = if y > 0.0 && y < 1.0 { *g } else { LEAKY_SLOPE * *g });
            }
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

/// Logistic function, 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// Hyperbolic tangent, from the exponential of [`crate::math`].
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let e = exp(-2.0 * x.abs());
    ((1.0 - e) / (1.0 + e)).copysign(x)
}
