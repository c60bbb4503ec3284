// Sparse codes. h [N, D]
#import lib/step
#import lib/index

struct SparseParams {
    batch: u32,
    units: u32,
    // TopK keeps so many of each row.
    keep: u32,
    // Units that were silent for more steps than that are dead.
    dead_after: f32,
    // Wanted mean activation.
    rate: f32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

const WORKGROUP: u32 = 64u;
// TopK among dead units alone.
const DEAD_ONLY: bool = false; // spec

@group(0) @binding(0) var<storage, read> h: array<f32>;
// Steps since each unit was last active [D], or sums of activations [D].
@group(0) @binding(1) var<storage, read> units_in: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: SparseParams;

// out [N, D]: the `keep` largest of each row (the first of equals), zero elsewhere. ONE invocation makes one element.
@compute @workgroup_size(WORKGROUP)
fn top_k(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.units { return; }
    let unit = item % params.units;
    let start = item - unit;
    let mine = h[item];
    var larger = 0u;
    for (var other = 0u; other < params.units; other += 1u) {
        let value = h[start + other];
        let ahead = value > mine || (value == mine && other < unit);
        if ahead && (!DEAD_ONLY || units_in[other] > params.dead_after) { larger += 1u; }
    }
    let eligible = !DEAD_ONLY || units_in[unit] > params.dead_after;
    out[item] = select(0.0, mine, eligible && larger < params.keep);
}

// Steps since each unit was last active (out) [D]: zero where any row of h is not zero, else one more. ONE invocation
// handles one unit.
@compute @workgroup_size(WORKGROUP)
fn silent_steps(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let unit = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if unit >= params.units { return; }
    var is_active = false;
    for (var row = 0u; row < min(params.batch, step_state.rows); row += 1u) {
        is_active = is_active || h[row * params.units + unit] != 0.0;
    }
    out[unit] = select(out[unit] + 1.0, 0.0, is_active);
}

fn mean_activation(unit: u32) -> f32 {
    return clamp(units_in[unit] / f32(max(step_state.rows, 1u)), 0.0001, 0.9999);
}

// out [D] = KL(rate || mean activation) of each unit as a Bernoulli variable, from sums of activations. ONE invocation
// handles one unit.
@compute @workgroup_size(WORKGROUP)
fn kl_target_forward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let unit = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if unit >= params.units { return; }
    let mean = mean_activation(unit);
    out[unit] = params.rate * log(params.rate / mean) + (1.0 - params.rate) * log((1.0 - params.rate) / (1.0 - mean));
}

// out [N, D] = the step's sparsity times the gradient of that by each activation. ONE invocation makes one element.
@compute @workgroup_size(WORKGROUP)
fn kl_target_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.units { return; }
    let mean = mean_activation(item % params.units);
    let gradient = ((1.0 - params.rate) / (1.0 - mean) - params.rate / mean) / f32(max(step_state.rows, 1u));
    out[item] = select(0.0, step_state.sparsity * gradient, item / params.units < step_state.rows);
}
