// Reconstruction losses: means over the values of the rows that hold data.
//   prediction, target, dinp [N, D]     partials [workgroups]
//   mse:  (y - x)^2 / (rows D)
//   bce:  (max(z, 0) - z x + log(1 + exp(-|z|))) / (rows D), z logits (Bernoulli likelihood, stable for any z)
// ONE workgroup of 64 covers CHUNK = 1024 neighbouring values; invocation i takes i, i + 64, ... of the chunk.
#import lib/step
#import lib/index
#import lib/activation
#import lib/reduce_tree

struct LossParams {
    // N * D, and D.
    count: u32,
    features: u32,
    padding1: u32,
    padding2: u32,
}

const CHUNK: u32 = 1024u;
const MSE: u32 = 0u;
const BCE_WITH_LOGITS: u32 = 1u;
const LOSS: u32 = 0u; // spec
// The derivative of the activation that made the prediction, folded into the gradient.
const ACTIVATION: u32 = 0u; // spec

@group(0) @binding(0) var<storage, read> prediction: array<f32>;
// `target` is a reserved word in WGSL.
@group(0) @binding(1) var<storage, read> expected: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: LossParams;

fn loss_value(y: f32, x: f32) -> f32 {
    if LOSS == BCE_WITH_LOGITS {
        return max(y, 0.0) - y * x + log(1.0 + exp(-abs(y)));
    }
    let difference = y - x;
    return difference * difference;
}

fn loss_gradient(y: f32, x: f32) -> f32 {
    if LOSS == BCE_WITH_LOGITS {
        return sigmoid4(vec4<f32>(y)).x - x;
    }
    return 2.0 * (y - x);
}

// partials[workgroup] = sum over the chunk of the loss, already divided by rows * D.
@compute @workgroup_size(REDUCE_LANES)
fn loss_forward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let chunk = linear_workgroup(workgroup_id, num_workgroups);
    let valid = min(params.count, step_state.rows * params.features);
    let end = min(chunk * CHUNK + CHUNK, valid);
    var sum = 0.0;
    for (var at = chunk * CHUNK + local_index; at < end; at += REDUCE_LANES) {
        sum += loss_value(prediction[at], expected[at]);
    }
    let total = reduce_sum_workgroup(local_index, sum);
    if local_index == 0u && chunk * CHUNK < params.count {
        out[chunk] = total / f32(step_state.rows * params.features);
    }
}

// out = dloss/dprediction (times the activation's derivative), zero in rows without data.
@compute @workgroup_size(REDUCE_LANES)
fn loss_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let chunk = linear_workgroup(workgroup_id, num_workgroups);
    let valid = min(params.count, step_state.rows * params.features);
    let scale = 1.0 / f32(step_state.rows * params.features);
    let end = min(chunk * CHUNK + CHUNK, params.count);
    for (var at = chunk * CHUNK + local_index; at < end; at += REDUCE_LANES) {
        var gradient = 0.0;
        if at < valid {
            let y = prediction[at];
            gradient = loss_gradient(y, expected[at]) * scale;
            gradient = activate_backward(ACTIVATION, vec4<f32>(gradient), vec4<f32>(y)).x;
        }
        out[at] = gradient;
    }
}
