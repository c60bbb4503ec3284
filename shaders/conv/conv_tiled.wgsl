// The products of a convolution for real GPUs: tiles through workgroup memory. Which product it is, the swapped import
// says: lib/tiles_gather, lib/tiles_scatter or lib/tiles_weights (meaning and buffers as in conv_gather, conv_scatter and
// conv_weights).
// ONE workgroup of 256 makes a tile; ONE invocation loads at most one vec4 of each side a slice and keeps the sums of its
// blocks. Of the gradient by the weights, those of the first column sum dy too where the bias is asked for
// (lib/bias_summed).
#import lib/index
#import lib/activation
#import lib/matmul/tile_shared
#import lib/conv/params
#import lib/matmul/memory_scalar
#import lib/matmul/finish
#import lib/conv/tiles_gather
#import lib/matmul/bias_absent

@group(0) @binding(4) var<uniform> params: ConvParams;

fn store_block(tile: ProductTile, row: u32, column: u32, sums: Block) {
    store_tile_row(tile, row, column, sums.r0);
    store_tile_row(tile, row + 1u, column, sums.r1);
    store_tile_row(tile, row + 2u, column, sums.r2);
    store_tile_row(tile, row + 3u, column, sums.r3);
}

@compute @workgroup_size(TILE_THREADS)
fn conv_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let tile = begin_tile(linear_workgroup(workgroup_id, num_workgroups), local_index);
    let block_row = local_index / BLOCK_COLUMNS;
    let block_column = local_index % BLOCK_COLUMNS;
    var t = blocks_zero();
    var bias = vec4<f32>(0.0);
    var lower_bias = vec4<f32>(0.0);
    let sums_bias = SUMS_BIAS && tile.first_column == 0u && block_column == 0u;
    for (var k = tile.inner_begin; k < tile.inner_end; k += TILE_K) {
        if local_index < LEFT_QUADS { stage_left(tile, k, local_index); }
        if local_index < RIGHT_QUADS { stage_right(tile, k, local_index); }
        workgroupBarrier();
        t = multiply_slices(t, block_row, block_column);
        if sums_bias {
            for (var slice_k = 0u; slice_k < TILE_K; slice_k += 1u) {
                bias += left_tile[slice_k * LEFT_STRIDE + block_row];
                if BLOCKS == 2u { lower_bias += left_tile[slice_k * LEFT_STRIDE + BLOCK_ROWS + block_row]; }
            }
        }
        workgroupBarrier();
    }
    let row = tile.first_row + block_row * 4u;
    let column = tile.first_column + block_column * 4u;
    if sums_bias {
        store_bias(tile.slot, row, bias);
        if BLOCKS == 2u { store_bias(tile.slot, row + TILE_ROWS / 2u, lower_bias); }
    }
    store_block(tile, row, column, t.b00);
    if BLOCKS == 2u {
        store_block(tile, row, column + TILE_COLUMNS / 2u, t.b01);
        store_block(tile, row + TILE_ROWS / 2u, column, t.b10);
        store_block(tile, row + TILE_ROWS / 2u, column + TILE_COLUMNS / 2u, t.b11);
    }
}
