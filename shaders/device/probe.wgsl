// The smallest program that needs what kernels need: storage, workgroup memory and a barrier. An adapter that cannot
// compile or run it is passed over.

@group(0) @binding(0) var<storage, read_write> out: array<u32>;

var<workgroup> shared_values: array<u32, 64>;

@compute @workgroup_size(64)
fn probe(@builtin(local_invocation_index) lane: u32) {
    shared_values[lane] = 3u * lane + 1u;
    workgroupBarrier();
    out[lane] = shared_values[63u - lane];
}
