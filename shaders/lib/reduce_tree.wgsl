// Sum over a workgroup of 64 by a fixed binary tree: the order of additions never changes, so neither do the bits.
const REDUCE_LANES: u32 = 64u;
var<workgroup> reduce_scratch: array<f32, REDUCE_LANES>;

// Every invocation of the workgroup must call it; the result is valid in invocation 0.
fn reduce_sum_workgroup(local_index: u32, value: f32) -> f32 {
    reduce_scratch[local_index] = value;
    workgroupBarrier();
    for (var width = REDUCE_LANES / 2u; width > 0u; width /= 2u) {
        if local_index < width {
            reduce_scratch[local_index] += reduce_scratch[local_index + width];
        }
        workgroupBarrier();
    }
    return reduce_scratch[0];
}
