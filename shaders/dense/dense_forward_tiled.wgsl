// Dense layer for real GPUs: out = activation(x weight^T + bias) through workgroup memory.
//   x [N, D]   weight [K, D]   bias [K]   out [N, K]
// ONE workgroup makes TILE_ROWS rows by TILE_COLUMNS units; ONE invocation loads a vec4 or two of each side a slice and
// keeps the sums of its blocks.
#import lib/index
#import lib/activation
#import lib/matmul/tile_shared
#import lib/dense/forward_scalar

const ACTIVATION: u32 = 0u; // spec

fn store_block(row: u32, unit: u32, sums: Block) {
    let b = load_bias(unit);
    store_out(row, unit, activate(ACTIVATION, sums.r0 + b));
    store_out(row + 1u, unit, activate(ACTIVATION, sums.r1 + b));
    store_out(row + 2u, unit, activate(ACTIVATION, sums.r2 + b));
    store_out(row + 3u, unit, activate(ACTIVATION, sums.r3 + b));
}

@compute @workgroup_size(TILE_THREADS)
fn dense_forward_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let column_groups = (params.outputs + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let first_row = group / column_groups * TILE_ROWS;
    let first_unit = group % column_groups * TILE_COLUMNS;
    let block_row = local_index / BLOCK_COLUMNS;
    let block_column = local_index % BLOCK_COLUMNS;
    var t = blocks_zero();
    for (var k = 0u; k < params.inputs; k += TILE_K) {
        for (var i = local_index; i < LEFT_QUADS; i += TILE_THREADS) {
            let slice_k = i % K_QUADS * 4u;
            var value = vec4<f32>(0.0);
            if k + slice_k < params.inputs { value = load_x(first_row + i / K_QUADS, k + slice_k); }
            put_left_along_k(slice_k, i / K_QUADS, value);
        }
        for (var i = local_index; i < RIGHT_QUADS; i += TILE_THREADS) {
            let slice_k = i % K_QUADS * 4u;
            var value = vec4<f32>(0.0);
            if k + slice_k < params.inputs { value = load_weight(first_unit + i / K_QUADS, k + slice_k); }
            put_right_along_k(slice_k, i / K_QUADS, value);
        }
        workgroupBarrier();
        t = multiply_slices(t, block_row, block_column);
        workgroupBarrier();
    }
    let row = first_row + block_row * 4u;
    let unit = first_unit + block_column * 4u;
    store_block(row, unit, t.b00);
    if BLOCKS == 2u {
        store_block(row, unit + TILE_COLUMNS / 2u, t.b01);
        store_block(row + TILE_ROWS / 2u, unit, t.b10);
        store_block(row + TILE_ROWS / 2u, unit + TILE_COLUMNS / 2u, t.b11);
    }
}
