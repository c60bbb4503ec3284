// Dense layer for real GPUs: out = activation(x weight^T + bias) through workgroup memory.
//   x [N, D]   weight [K, D]   bias [K]   out [N, K]
// ONE workgroup makes TILE rows by TILE units; ONE invocation loads a vec4 or two of each side a slice and keeps 4 by 4
// sums.
#import lib/index
#import lib/activation
#import lib/tile_shared
#import lib/dense_forward_scalar

const ACTIVATION: u32 = 0u; // spec

@compute @workgroup_size(TILE_THREADS)
fn dense_forward_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let column_groups = (params.outputs + TILE - 1u) / TILE;
    let first_row = group / column_groups * TILE;
    let first_unit = group % column_groups * TILE;
    let tile_row = local_index / TILE_QUADS;
    let tile_column = local_index % TILE_QUADS;
    var t = tile4x4_zero();
    for (var k = 0u; k < params.inputs; k += TILE_K) {
        for (var i = local_index; i < SLICE_QUADS; i += TILE_THREADS) {
            let line = i / 4u;
            let slice_k = i % 4u * 4u;
            var left = vec4<f32>(0.0);
            var right = vec4<f32>(0.0);
            if k + slice_k < params.inputs {
                left = load_x(first_row + line, k + slice_k);
                right = load_weight(first_unit + line, k + slice_k);
            }
            put_left_along_k(slice_k, line, left);
            put_right_along_k(slice_k, line, right);
        }
        workgroupBarrier();
        t = multiply_tiles(t, tile_row, tile_column);
        workgroupBarrier();
    }
    let row = first_row + tile_row * 4u;
    let unit = first_unit + tile_column * 4u;
    let b = load_bias(unit);
    store_out(row, unit, activate(ACTIVATION, t.r0 + b));
    store_out(row + 1u, unit, activate(ACTIVATION, t.r1 + b));
    store_out(row + 2u, unit, activate(ACTIVATION, t.r2 + b));
    store_out(row + 3u, unit, activate(ACTIVATION, t.r3 + b));
}
