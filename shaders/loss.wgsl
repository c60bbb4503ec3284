// Losses that compare values one by one; divided by the rows that hold data and by `divisor` (the values of a row for
// a mean over values, 1 for a sum over them).
//   prediction, expected, dinp [N, D]     partials [workgroups]
//   mse:      (y - x)^2
//   bce:      max(z, 0) - z x + log(1 + exp(-|z|)), z logits (Bernoulli likelihood, stable for any z)
//   l1:       |y - x|
//   huber:    (y - x)^2 / 2 where |y - x| <= 1, else |y - x| - 1/2
//   gaussian: (y - x)^2 / (2 variance) + log(2 pi variance) / 2
// ONE workgroup of 64 covers CHUNK = 1024 neighboring values; invocation i takes i, i + 64, ... of the chunk.
#import lib/step
#import lib/index
#import lib/activation
#import lib/reduce_tree

struct LossParams {
    // N * D, and D.
    count: u32,
    features: u32,
    divisor: u32,
    // What the gradient is multiplied by (and by a weight of the step's, see WEIGHT).
    weight: f32,
    variance: f32,
    // log(2 pi variance) / 2
    constant: f32,
    padding1: u32,
    padding2: u32,
}

const CHUNK: u32 = 1024u;
const MSE: u32 = 0u;
const BCE_WITH_LOGITS: u32 = 1u;
const L1: u32 = 2u;
const HUBER: u32 = 3u;
const GAUSSIAN: u32 = 4u;
const LOSS: u32 = 0u; // spec
// Without it the values are compared with zero.
const HAS_TARGET: bool = true; // spec
// The gradient is also multiplied by the step's weight of sparsity.
const IS_SPARSITY: bool = false; // spec
// The derivative of the activation that made the prediction, folded into the gradient.
const ACTIVATION: u32 = 0u; // spec

@group(0) @binding(0) var<storage, read> prediction: array<f32>;
// `target` is a reserved word in WGSL.
@group(0) @binding(1) var<storage, read> expected: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<storage, read_write> dinp: array<f32>;
@group(0) @binding(4) var<uniform> params: LossParams;

fn loss_value(y: f32, x: f32) -> f32 {
    let difference = y - x;
    if LOSS == BCE_WITH_LOGITS { return max(y, 0.0) - y * x + log(1.0 + exp(-abs(y))); }
    if LOSS == L1 { return abs(difference); }
    if LOSS == HUBER {
        return select(abs(difference) - 0.5, 0.5 * difference * difference, abs(difference) <= 1.0);
    }
    if LOSS == GAUSSIAN { return 0.5 * difference * difference / params.variance + params.constant; }
    return difference * difference;
}

fn loss_gradient(y: f32, x: f32) -> f32 {
    let difference = y - x;
    if LOSS == BCE_WITH_LOGITS { return sigmoid4(vec4<f32>(y)).x - x; }
    if LOSS == L1 { return sign(difference); }
    if LOSS == HUBER { return clamp(difference, -1.0, 1.0); }
    if LOSS == GAUSSIAN { return difference / params.variance; }
    return 2.0 * difference;
}

fn expected_at(at: u32) -> f32 {
    if HAS_TARGET { return expected[at]; }
    return 0.0;
}

fn store_partial(chunk: u32, local_index: u32, sum: f32) {
    let total = reduce_sum_workgroup(local_index, sum);
    if local_index == 0u && chunk * CHUNK < params.count {
        partials[chunk] = total / (f32(step_state.rows) * f32(params.divisor));
    }
}

// partials[workgroup] = sum over the chunk of the loss, already divided by rows * divisor.
@compute @workgroup_size(REDUCE_LANES)
fn loss(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let chunk = linear_workgroup(workgroup_id, num_workgroups);
    let valid = min(params.count, step_state.rows * params.features);
    let end = min(chunk * CHUNK + CHUNK, valid);
    var sum = 0.0;
    for (var at = chunk * CHUNK + local_index; at < end; at += REDUCE_LANES) {
        sum += loss_value(prediction[at], expected_at(at));
    }
    store_partial(chunk, local_index, sum);
}

// The same, and dinp = dloss/dprediction (times the activation's derivative), zero in rows without data.
@compute @workgroup_size(REDUCE_LANES)
fn loss_with_gradient(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let chunk = linear_workgroup(workgroup_id, num_workgroups);
    let valid = min(params.count, step_state.rows * params.features);
    var scale = params.weight / (f32(step_state.rows) * f32(params.divisor));
    if IS_SPARSITY { scale *= step_state.sparsity; }
    let end = min(chunk * CHUNK + CHUNK, params.count);
    var sum = 0.0;
    for (var at = chunk * CHUNK + local_index; at < end; at += REDUCE_LANES) {
        var gradient = 0.0;
        if at < valid {
            let y = prediction[at];
            let x = expected_at(at);
            sum += loss_value(y, x);
            gradient = loss_gradient(y, x) * scale;
            gradient = activate_backward(ACTIVATION, vec4<f32>(gradient), vec4<f32>(y)).x;
        }
        dinp[at] = gradient;
    }
    store_partial(chunk, local_index, sum);
}
