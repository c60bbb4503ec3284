// Adam over all parameters at once (Kingma & Ba 2015, with PyTorch's placing of epsilon):
//   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= step_size * m / (sqrt(v) * inv_sqrt_correction + epsilon)
//   grads, params, moment1, moment2 [padded count]   flat, a multiple of 64 long
// ONE invocation updates four neighbouring parameters.
#import lib/step
#import lib/index

struct AdamParams {
    quads: u32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    // Decoupled (AdamW): p -= learning_rate * weight_decay * p.
    weight_decay: f32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

@group(0) @binding(0) var<storage, read> grads: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> values: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> moment1: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> moment2: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: AdamParams;

const WORKGROUP: u32 = 64u;

@compute @workgroup_size(WORKGROUP)
fn adam(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let at = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if at >= params.quads { return; }
    let g = grads[at];
    let m = params.beta1 * moment1[at] + (1.0 - params.beta1) * g;
    let v = params.beta2 * moment2[at] + (1.0 - params.beta2) * g * g;
    moment1[at] = m;
    moment2[at] = v;
    let p = values[at];
    let decayed = p - step_state.learning_rate * params.weight_decay * p;
    values[at] = decayed - step_state.step_size * m / (sqrt(v) * step_state.inv_sqrt_correction + params.epsilon);
}
