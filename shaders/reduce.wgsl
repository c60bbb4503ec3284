// Sums a short vector (partial sums of an earlier kernel) and keeps the result in a ring: one slot a step, in it one
// place for each part of the objective.
//   partials [count]
//   ring     [slots, parts]    ring[step_state.loss_slot, part] = sum of partials
// ONE workgroup of 64; invocation i adds elements i, i + 64, i + 128, ... and the tree adds the 64 sums.
#import lib/step
#import lib/reduce_tree

struct ReduceParams {
    count: u32,
    parts: u32,
    part: u32,
    padding1: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> ring: array<f32>;
@group(0) @binding(2) var<uniform> params: ReduceParams;

@compute @workgroup_size(REDUCE_LANES)
fn reduce_sum(@builtin(local_invocation_index) local_index: u32) {
    var sum = 0.0;
    for (var at = local_index; at < params.count; at += REDUCE_LANES) {
        sum += partials[at];
    }
    let total = reduce_sum_workgroup(local_index, sum);
    if local_index == 0u {
        ring[step_state.loss_slot * params.parts + params.part] = total;
    }
}
