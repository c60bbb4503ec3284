// Dense layer, backward, in one dispatch, through workgroup memory; meaning and buffers as in dense_backward.wgsl.
// Workgroups: first those of dweight (TILE_ROWS units by TILE_COLUMNS features, slot after slot), then dinp (TILE_ROWS
// rows by TILE_COLUMNS features). The first of each row of dweight's sums dbias too, from what it has loaded. ONE
// invocation keeps the sums of its blocks.
#import lib/index
#import lib/activation
#import lib/matmul/tile_shared
#import lib/dense/backward_scalar

const INPUT_ACTIVATION: u32 = 0u; // spec

fn store_dweight_block(slot: u32, unit: u32, feature: u32, sums: Block) {
    store_dweight(slot, unit, feature, sums.r0);
    store_dweight(slot, unit + 1u, feature, sums.r1);
    store_dweight(slot, unit + 2u, feature, sums.r2);
    store_dweight(slot, unit + 3u, feature, sums.r3);
}

fn dweight_tile(slot: u32, first_unit: u32, first_feature: u32, local_index: u32) {
    let block_row = local_index / BLOCK_COLUMNS;
    let block_column = local_index % BLOCK_COLUMNS;
    let sums_bias = first_feature == 0u && block_column == 0u;
    var bias = vec4<f32>(0.0);
    var lower_bias = vec4<f32>(0.0);
    var t = blocks_zero();
    // A slot's rows are a multiple of every TILE_K: a slice reaches into the next one never.
    let begin = slot * params.slot_rows;
    let end = min(begin + params.slot_rows, params.batch);
    for (var row = begin; row < end; row += TILE_K) {
        for (var i = local_index; i < LEFT_QUADS; i += TILE_THREADS) {
            let slice_row = i / ROW_QUADS;
            let quad = i % ROW_QUADS;
            left_tile[slice_row * LEFT_STRIDE + quad] = load_dout(row + slice_row, first_unit + quad * 4u);
        }
        for (var i = local_index; i < RIGHT_QUADS; i += TILE_THREADS) {
            let slice_row = i / COLUMN_QUADS;
            let quad = i % COLUMN_QUADS;
            right_tile[slice_row * RIGHT_STRIDE + quad] = load_x(row + slice_row, first_feature + quad * 4u);
        }
        workgroupBarrier();
        t = multiply_slices(t, block_row, block_column);
        if sums_bias {
            for (var k = 0u; k < TILE_K; k += 1u) {
                bias += left_tile[k * LEFT_STRIDE + block_row];
                if BLOCKS == 2u { lower_bias += left_tile[k * LEFT_STRIDE + BLOCK_ROWS + block_row]; }
            }
        }
        workgroupBarrier();
    }
    let unit = first_unit + block_row * 4u;
    let feature = first_feature + block_column * 4u;
    store_dweight_block(slot, unit, feature, t.b00);
    if BLOCKS == 2u {
        store_dweight_block(slot, unit, feature + TILE_COLUMNS / 2u, t.b01);
        store_dweight_block(slot, unit + TILE_ROWS / 2u, feature, t.b10);
        store_dweight_block(slot, unit + TILE_ROWS / 2u, feature + TILE_COLUMNS / 2u, t.b11);
    }
    if sums_bias {
        store_dbias(slot, unit, bias);
        if BLOCKS == 2u { store_dbias(slot, unit + TILE_ROWS / 2u, lower_bias); }
    }
}

fn finish_dinp(row: u32, feature: u32, gradient: vec4<f32>) {
    store_dinp(row, feature, activate_backward(INPUT_ACTIVATION, gradient, load_x(row, feature)));
}

fn finish_dinp_block(row: u32, feature: u32, sums: Block) {
    finish_dinp(row, feature, sums.r0);
    finish_dinp(row + 1u, feature, sums.r1);
    finish_dinp(row + 2u, feature, sums.r2);
    finish_dinp(row + 3u, feature, sums.r3);
}

fn dinp_tile(first_row: u32, first_feature: u32, local_index: u32) {
    let block_row = local_index / BLOCK_COLUMNS;
    let block_column = local_index % BLOCK_COLUMNS;
    var t = blocks_zero();
    for (var unit = 0u; unit < params.outputs; unit += TILE_K) {
        // Beyond the last unit dout is zero, so whatever weight is repeated there adds nothing.
        for (var i = local_index; i < LEFT_QUADS; i += TILE_THREADS) {
            let slice_k = i % K_QUADS * 4u;
            put_left_along_k(slice_k, i / K_QUADS, load_dout(first_row + i / K_QUADS, unit + slice_k));
        }
        for (var i = local_index; i < RIGHT_QUADS; i += TILE_THREADS) {
            let slice_unit = i / COLUMN_QUADS;
            let quad = i % COLUMN_QUADS;
            right_tile[slice_unit * RIGHT_STRIDE + quad] = load_weight(unit + slice_unit, first_feature + quad * 4u);
        }
        workgroupBarrier();
        t = multiply_slices(t, block_row, block_column);
        workgroupBarrier();
    }
    let row = first_row + block_row * 4u;
    let feature = first_feature + block_column * 4u;
    finish_dinp_block(row, feature, t.b00);
    if BLOCKS == 2u {
        finish_dinp_block(row, feature + TILE_COLUMNS / 2u, t.b01);
        finish_dinp_block(row + TILE_ROWS / 2u, feature, t.b10);
        finish_dinp_block(row + TILE_ROWS / 2u, feature + TILE_COLUMNS / 2u, t.b11);
    }
}

@compute @workgroup_size(TILE_THREADS)
fn dense_backward_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let feature_groups = (params.inputs + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let unit_groups = (params.outputs + TILE_ROWS - 1u) / TILE_ROWS;
    let first_feature = group % feature_groups * TILE_COLUMNS;
    // Of the rows that follow each other: those of dweight in all slots, then those of dinp.
    let line = group / feature_groups;
    let dweight_lines = unit_groups * params.slots;
    if line < dweight_lines {
        dweight_tile(line / unit_groups, line % unit_groups * TILE_ROWS, first_feature, local_index);
    } else {
        dinp_tile((line - dweight_lines) * TILE_ROWS, first_feature, local_index);
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
    let feature_groups = (params.inputs + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let unit_groups = (params.outputs + TILE_ROWS - 1u) / TILE_ROWS;
    let line = group / feature_groups;
    dweight_tile(
        line / unit_groups, line % unit_groups * TILE_ROWS, group % feature_groups * TILE_COLUMNS, local_index,
    );
}
