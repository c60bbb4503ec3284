// The products of a convolution for real GPUs: 64 by 64 tiles through workgroup memory. Which product it is, the
// swapped import says: lib/tiles_gather, lib/tiles_scatter or lib/tiles_weights (meaning and buffers as in
// conv_gather, conv_scatter and conv_weights).
// ONE workgroup of 256 makes a tile; ONE invocation loads one vec4 of each side a slice and keeps 4 by 4 sums.
#import lib/index
#import lib/activation
#import lib/tile_shared
#import lib/conv_params
#import lib/memory_scalar
#import lib/finish
#import lib/tiles_gather

@group(0) @binding(4) var<uniform> params: ConvParams;

@compute @workgroup_size(256)
fn conv_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let tile = begin_tile(linear_workgroup(workgroup_id, num_workgroups), local_index);
    let tile_row = local_index / 16u;
    let tile_column = local_index % 16u;
    var t = tile4x4_zero();
    for (var k = tile.inner_begin; k < tile.inner_end; k += TILE_K) {
        stage(tile, k, local_index);
        workgroupBarrier();
        t = multiply_tiles(t, tile_row, tile_column);
        workgroupBarrier();
    }
    let row = tile.first_row + tile_row * 4u;
    let column = tile.first_column + tile_column * 4u;
    store_tile_row(tile, row, column, t.r0);
    store_tile_row(tile, row + 1u, column, t.r1);
    store_tile_row(tile, row + 2u, column, t.r2);
    store_tile_row(tile, row + 3u, column, t.r3);
}
