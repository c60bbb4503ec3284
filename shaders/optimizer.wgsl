// One sweep over all parameters, and the norm of their gradients. All buffers are flat, a multiple of 64 long.
//   adam (Kingma & Ba 2015, with PyTorch's placing of epsilon):
//     m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= step_size * m / (sqrt(v) * inv_sqrt_correction + epsilon)
//   sgd, as PyTorch has it: m = momentum m + g;  p -= learning_rate * m, or with Nesterov (g + momentum m)
// Weight decay is decoupled (p -= learning_rate * decay * p, Loshchilov & Hutter 2019) or added to the gradient.
// ONE invocation updates four neighboring parameters.
#import lib/step
#import lib/index
#import lib/reduce_tree
#import lib/store_values

struct OptimizerParams {
    quads: u32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    max_norm: f32,
    // Share of the old average of the weights.
    average: f32,
    partials: u32,
}

// Multiply gradients by the factor in `clip`.
const CLIP: bool = false; // spec
const DECOUPLED: bool = true; // spec
const NESTEROV: bool = false; // spec

@group(0) @binding(0) var<storage, read> grads: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> values: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> moment1: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> moment2: array<vec4<f32>>;
// What weight_decay is multiplied by, one number for each 64 parameters: 0 excludes them.
@group(0) @binding(4) var<storage, read> decay_mask: array<f32>;
// The factor, and the norm it was made from.
@group(0) @binding(5) var<storage, read> clip: array<f32>;
// Bound where lib/store_values_and_average is swapped in.
@group(0) @binding(6) var<storage, read_write> averages: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> partials_in: array<f32>;
@group(0) @binding(8) var<storage, read_write> out: array<f32>;
@group(0) @binding(9) var<uniform> params: OptimizerParams;

const WORKGROUP: u32 = 64u;

// The gradient to use, clipped and with weight decay where that is coupled.
fn gradient(at: u32) -> vec4<f32> {
    var g = grads[at];
    if CLIP { g *= clip[0]; }
    if !DECOUPLED { g += params.weight_decay * decay_mask[at / 16u] * values[at]; }
    return g;
}

fn decayed(at: u32) -> vec4<f32> {
    let p = values[at];
    if DECOUPLED { return p - step_state.learning_rate * params.weight_decay * decay_mask[at / 16u] * p; }
    return p;
}

@compute @workgroup_size(WORKGROUP)
fn adam(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let at = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if at >= params.quads { return; }
    let g = gradient(at);
    let m = params.beta1 * moment1[at] + (1.0 - params.beta1) * g;
    let v = params.beta2 * moment2[at] + (1.0 - params.beta2) * g * g;
    moment1[at] = m;
    moment2[at] = v;
    store(at, decayed(at) - step_state.step_size * m / (sqrt(v) * step_state.inv_sqrt_correction + params.epsilon));
}

// beta1 is the momentum.
@compute @workgroup_size(WORKGROUP)
fn sgd(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let at = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if at >= params.quads { return; }
    let g = gradient(at);
    let m = params.beta1 * moment1[at] + g;
    moment1[at] = m;
    var by = m;
    if NESTEROV { by = g + params.beta1 * m; }
    store(at, decayed(at) - step_state.learning_rate * by);
}

// out [workgroups] = sums of squared gradients over chunks of 256 quads. ONE workgroup sums a chunk.
@compute @workgroup_size(REDUCE_LANES)
fn gradient_squares(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let chunk = linear_workgroup(workgroup_id, num_workgroups);
    let end = min((chunk + 1u) * 256u, params.quads);
    var sum = 0.0;
    for (var at = chunk * 256u + local_index; at < end; at += REDUCE_LANES) {
        sum += dot(grads[at], grads[at]);
    }
    let total = reduce_sum_workgroup(local_index, sum);
    if local_index == 0u && chunk < params.partials { out[chunk] = total; }
}

// out [2] = min(1, max_norm / norm) as PyTorch has it, and the norm. ONE workgroup.
@compute @workgroup_size(REDUCE_LANES)
fn clip_factor(@builtin(local_invocation_index) local_index: u32) {
    var sum = 0.0;
    for (var at = local_index; at < params.partials; at += REDUCE_LANES) {
        sum += partials_in[at];
    }
    let norm = sqrt(reduce_sum_workgroup(local_index, sum));
    if local_index == 0u {
        out[0] = min(1.0, params.max_norm / (norm + 0.000001));
        out[1] = norm;
    }
}
