// Activations and their derivatives. Where it can be, the derivative is written in terms of the OUTPUT y, so that the
// input need not be kept; for GELU and SiLU, which are not monotonic, `saved` is the INPUT x.
const IDENTITY: u32 = 0u;
const RELU: u32 = 1u;
const SIGMOID: u32 = 2u;
const TANH: u32 = 3u;
const LEAKY_RELU: u32 = 4u;
const ELU: u32 = 5u;
const SOFTPLUS: u32 = 6u;
const SILU: u32 = 7u;
const GELU_TANH: u32 = 8u;
const GELU: u32 = 9u;
const LEAKY_CLAMP: u32 = 10u;

const LEAKY_SLOPE: f32 = 0.01;
const SQRT_2_OVER_PI: f32 = 0.7978846;

fn sigmoid4(x: vec4<f32>) -> vec4<f32> {
    // exp of a non-positive number only: never overflows.
    let e = exp(-abs(x));
    return select(e, vec4<f32>(1.0), x >= vec4<f32>(0.0)) / (1.0 + e);
}

fn tanh4(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * abs(x));
    return sign(x) * (1.0 - e) / (1.0 + e);
}

// Distribution function of the standard normal, by the rational Chebyshev fit of erfc in Press et al., "Numerical
// Recipes", section 6.2: relative error below 1.2e-7, in the left tail too.
fn normal_cdf4(x: vec4<f32>) -> vec4<f32> {
    let z = abs(x) * 0.70710678;
    let t = 1.0 / (1.0 + 0.5 * z);
    var p = t * 0.17087277 - 0.82215223;
    p = p * t + 1.48851587;
    p = p * t - 1.13520398;
    p = p * t + 0.27886807;
    p = p * t - 0.18628806;
    p = p * t + 0.09678418;
    p = p * t + 0.37409196;
    p = p * t + 1.00002368;
    p = p * t - 1.26551223;
    let tail = 0.5 * t * exp(p - z * z);
    return select(tail, 1.0 - tail, x >= vec4<f32>(0.0));
}

fn activate(kind: u32, x: vec4<f32>) -> vec4<f32> {
    if kind == RELU { return max(x, vec4<f32>(0.0)); }
    if kind == SIGMOID { return sigmoid4(x); }
    if kind == TANH { return tanh4(x); }
    if kind == LEAKY_RELU { return select(LEAKY_SLOPE * x, x, x > vec4<f32>(0.0)); }
    if kind == ELU { return select(exp(min(x, vec4<f32>(0.0))) - 1.0, x, x > vec4<f32>(0.0)); }
    if kind == SOFTPLUS { return max(x, vec4<f32>(0.0)) + log(1.0 + exp(-abs(x))); }
    if kind == SILU { return x * sigmoid4(x); }
    if kind == GELU_TANH { return 0.5 * x * (1.0 + tanh4(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))); }
    if kind == GELU { return x * normal_cdf4(x); }
    if kind == LEAKY_CLAMP {
        let inside = clamp(x, vec4<f32>(0.0), vec4<f32>(1.0));
        return inside + LEAKY_SLOPE * (x - inside);
    }
    return x;
}

// dout * activation'(x), given what is saved: y = activation(x), or x itself for SiLU and GELU.
fn activate_backward(kind: u32, dout: vec4<f32>, saved: vec4<f32>) -> vec4<f32> {
    let positive = saved > vec4<f32>(0.0);
    if kind == RELU { return select(vec4<f32>(0.0), dout, positive); }
    if kind == SIGMOID { return dout * saved * (1.0 - saved); }
    if kind == TANH { return dout * (1.0 - saved * saved); }
    if kind == LEAKY_RELU { return select(LEAKY_SLOPE * dout, dout, positive); }
    if kind == ELU { return select(dout * (saved + 1.0), dout, positive); }
    if kind == SOFTPLUS { return dout * (1.0 - exp(-saved)); }
    if kind == SILU {
        let s = sigmoid4(saved);
        return dout * s * (1.0 + saved * (1.0 - s));
    }
    if kind == GELU_TANH {
        let t = tanh4(SQRT_2_OVER_PI * (saved + 0.044715 * saved * saved * saved));
        let inner = SQRT_2_OVER_PI * (1.0 + 0.134145 * saved * saved);
        return dout * (0.5 * (1.0 + t) + 0.5 * saved * (1.0 - t * t) * inner);
    }
    if kind == GELU {
        let density = 0.39894228 * exp(-0.5 * saved * saved);
        return dout * (normal_cdf4(saved) + saved * density);
    }
    if kind == LEAKY_CLAMP { return select(LEAKY_SLOPE * dout, dout, positive & (saved < vec4<f32>(1.0))); }
    return dout;
}
