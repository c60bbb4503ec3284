// Activations and their derivatives. The derivative is written in terms of the OUTPUT y, so that the input need
// not be kept: relu' = [y > 0], sigmoid' = y (1 - y), tanh' = 1 - y^2.
const IDENTITY: u32 = 0u;
const RELU: u32 = 1u;
const SIGMOID: u32 = 2u;
const TANH: u32 = 3u;

fn sigmoid4(x: vec4<f32>) -> vec4<f32> {
    // exp of a non-positive number only: never overflows.
    let e = exp(-abs(x));
    return select(e, vec4<f32>(1.0), x >= vec4<f32>(0.0)) / (1.0 + e);
}

fn tanh4(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * abs(x));
    return sign(x) * (1.0 - e) / (1.0 + e);
}

fn activate(kind: u32, x: vec4<f32>) -> vec4<f32> {
    if kind == RELU { return max(x, vec4<f32>(0.0)); }
    if kind == SIGMOID { return sigmoid4(x); }
    if kind == TANH { return tanh4(x); }
    return x;
}

// dout * activation'(x), given y = activation(x).
fn activate_backward(kind: u32, dout: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
    if kind == RELU { return select(vec4<f32>(0.0), dout, y > vec4<f32>(0.0)); }
    if kind == SIGMOID { return dout * y * (1.0 - y); }
    if kind == TANH { return dout * (1.0 - y * y); }
    return dout;
}
