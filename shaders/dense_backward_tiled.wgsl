// Dense layer, backward, in one dispatch, through workgroup memory; meaning and buffers as in dense_backward.wgsl.
// Workgroups: first those of dweight (TILE units by TILE features), then dinp (TILE rows by TILE features). The first of
// each row of dweight's sums dbias too, from what it has loaded. ONE invocation keeps 4 by 4 sums.
#import lib/index
#import lib/activation
#import lib/tile_shared
#import lib/dense_backward_scalar

const INPUT_ACTIVATION: u32 = 0u; // spec

fn dweight_tile(first_unit: u32, first_feature: u32, local_index: u32) {
    let tile_row = local_index / TILE_QUADS;
    let tile_column = local_index % TILE_QUADS;
    let sums_bias = first_feature == 0u && tile_column == 0u;
    var bias = vec4<f32>(0.0);
    var t = tile4x4_zero();
    for (var row = 0u; row < params.batch; row += TILE_K) {
        for (var i = local_index; i < SLICE_QUADS; i += TILE_THREADS) {
            let slice_row = i / TILE_QUADS;
            let quad = i % TILE_QUADS;
            left_tile[slice_row * TILE_STRIDE + quad] = load_dout(row + slice_row, first_unit + quad * 4u);
            right_tile[slice_row * TILE_STRIDE + quad] = load_x(row + slice_row, first_feature + quad * 4u);
        }
        workgroupBarrier();
        t = multiply_tiles(t, tile_row, tile_column);
        if sums_bias {
            for (var k = 0u; k < TILE_K; k += 1u) { bias += left_tile[k * TILE_STRIDE + tile_row]; }
        }
        workgroupBarrier();
    }
    let unit = first_unit + tile_row * 4u;
    let feature = first_feature + tile_column * 4u;
    store_dweight(unit, feature, t.r0);
    store_dweight(unit + 1u, feature, t.r1);
    store_dweight(unit + 2u, feature, t.r2);
    store_dweight(unit + 3u, feature, t.r3);
    if sums_bias { store_dbias(unit, bias); }
}

fn finish_dinp(row: u32, feature: u32, gradient: vec4<f32>) {
    store_dinp(row, feature, activate_backward(INPUT_ACTIVATION, gradient, load_x(row, feature)));
}

fn dinp_tile(first_row: u32, first_feature: u32, local_index: u32) {
    let tile_row = local_index / TILE_QUADS;
    let tile_column = local_index % TILE_QUADS;
    var t = tile4x4_zero();
    for (var unit = 0u; unit < params.outputs; unit += TILE_K) {
        // Beyond the last unit dout is zero, so whatever weight is repeated there adds nothing.
        for (var i = local_index; i < SLICE_QUADS; i += TILE_THREADS) {
            let line = i / 4u;
            let slice_k = i % 4u * 4u;
            put_left_along_k(slice_k, line, load_dout(first_row + line, unit + slice_k));
            let slice_unit = i / TILE_QUADS;
            let quad = i % TILE_QUADS;
            right_tile[slice_unit * TILE_STRIDE + quad] = load_weight(unit + slice_unit, first_feature + quad * 4u);
        }
        workgroupBarrier();
        t = multiply_tiles(t, tile_row, tile_column);
        workgroupBarrier();
    }
    let row = first_row + tile_row * 4u;
    let feature = first_feature + tile_column * 4u;
    finish_dinp(row, feature, t.r0);
    finish_dinp(row + 1u, feature, t.r1);
    finish_dinp(row + 2u, feature, t.r2);
    finish_dinp(row + 3u, feature, t.r3);
}

@compute @workgroup_size(TILE_THREADS)
fn dense_backward_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let feature_groups = (params.inputs + TILE - 1u) / TILE;
    let dweight_groups = (params.outputs + TILE - 1u) / TILE * feature_groups;
    let first_feature = group % feature_groups * TILE;
    if group < dweight_groups {
        dweight_tile(group / feature_groups * TILE, first_feature, local_index);
    } else {
        dinp_tile((group - dweight_groups) / feature_groups * TILE, first_feature, local_index);
    }
}

// The first layer needs no gradient of its input: dweight and dbias alone.
@compute @workgroup_size(TILE_THREADS)
fn dense_backward_weights_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let feature_groups = (params.inputs + TILE - 1u) / TILE;
    dweight_tile(group / feature_groups * TILE, group % feature_groups * TILE, local_index);
}
