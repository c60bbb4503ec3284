// Dense layer, backward, in one dispatch and without workgroup memory:
//   dweight = dout^T x     dbias = sum over rows of dout     dinp = (dout weight) * input_activation'(x)
//   dout [N, K]   x [N, D]   weight [K, D]   dweight [slots, K, D]   dbias [slots, K]   dinp [N, D]
// Slots: parts of the batch, each with sums of its own, where reduce_slots adds them afterwards; else one.
// dout is the gradient before this layer's activation. The derivative of the activation that MADE x is folded into
// dinp, so that dinp is the gradient before that activation: no pass of its own is needed.
// Workgroups: first those of dweight (8 units by 32 features each; WIDE: by 64), slot after slot, then dinp (8 rows by as
// many features).
// The first of each row of dweight's sums dbias too, from what it has loaded. ONE invocation computes 8 by 4 values, or
// two such tiles side by side.
#import lib/index
#import lib/activation
#import lib/matmul/tile8x4
#import lib/dense/backward_scalar

const LANES: u32 = 8u;
const INPUT_ACTIVATION: u32 = 0u; // spec
// Two tiles an invocation: what is the same for all lanes is loaded half as often.
const WIDE: bool = false; // spec
const NEXT: u32 = 4u * LANES;

fn store_dweight_tile(slot: u32, unit: u32, feature: u32, t: Tile8x4) {
    store_dweight(slot, unit, feature, t.r0);
    store_dweight(slot, unit + 1u, feature, t.r1);
    store_dweight(slot, unit + 2u, feature, t.r2);
    store_dweight(slot, unit + 3u, feature, t.r3);
    store_dweight(slot, unit + 4u, feature, t.r4);
    store_dweight(slot, unit + 5u, feature, t.r5);
    store_dweight(slot, unit + 6u, feature, t.r6);
    store_dweight(slot, unit + 7u, feature, t.r7);
}

// `sums_bias`: the same for the whole workgroup.
fn dweight_tile(slot: u32, unit: u32, feature: u32, lane: u32, sums_bias: bool) {
    var t = tile_zero();
    var next = tile_zero();
    var bias_low = vec4<f32>(0.0);
    var bias_high = vec4<f32>(0.0);
    // A slot's rows are a multiple of 4: the last step reaches beyond the end of the batch alone.
    let begin = slot * params.slot_rows;
    let end = min(begin + params.slot_rows, params.batch);
    for (var row = begin; row < end; row += 4u) {
        let p0 = load_dout(row, unit);
        let p1 = load_dout(row + 1u, unit);
        let p2 = load_dout(row + 2u, unit);
        let p3 = load_dout(row + 3u, unit);
        let q0 = load_dout(row, unit + 4u);
        let q1 = load_dout(row + 1u, unit + 4u);
        let q2 = load_dout(row + 2u, unit + 4u);
        let q3 = load_dout(row + 3u, unit + 4u);
        let a = Tile8x4(
            vec4<f32>(p0.x, p1.x, p2.x, p3.x), vec4<f32>(p0.y, p1.y, p2.y, p3.y),
            vec4<f32>(p0.z, p1.z, p2.z, p3.z), vec4<f32>(p0.w, p1.w, p2.w, p3.w),
            vec4<f32>(q0.x, q1.x, q2.x, q3.x), vec4<f32>(q0.y, q1.y, q2.y, q3.y),
            vec4<f32>(q0.z, q1.z, q2.z, q3.z), vec4<f32>(q0.w, q1.w, q2.w, q3.w),
        );
        t = tile_multiply_add(
            t, a, load_x(row, feature), load_x(row + 1u, feature), load_x(row + 2u, feature), load_x(row + 3u, feature),
        );
        if WIDE {
            next = tile_multiply_add(
                next, a, load_x(row, feature + NEXT), load_x(row + 1u, feature + NEXT),
                load_x(row + 2u, feature + NEXT), load_x(row + 3u, feature + NEXT),
            );
        }
        if sums_bias {
            bias_low += p0 + p1 + p2 + p3;
            bias_high += q0 + q1 + q2 + q3;
        }
    }
    store_dweight_tile(slot, unit, feature, t);
    if WIDE { store_dweight_tile(slot, unit, feature + NEXT, next); }
    if sums_bias && lane == 0u {
        store_dbias(slot, unit, bias_low);
        store_dbias(slot, unit + 4u, bias_high);
    }
}

fn finish_dinp(row: u32, feature: u32, gradient: vec4<f32>) {
    store_dinp(row, feature, activate_backward(INPUT_ACTIVATION, gradient, load_x(row, feature)));
}

fn finish_dinp_tile(row: u32, feature: u32, t: Tile8x4) {
    finish_dinp(row, feature, t.r0);
    finish_dinp(row + 1u, feature, t.r1);
    finish_dinp(row + 2u, feature, t.r2);
    finish_dinp(row + 3u, feature, t.r3);
    finish_dinp(row + 4u, feature, t.r4);
    finish_dinp(row + 5u, feature, t.r5);
    finish_dinp(row + 6u, feature, t.r6);
    finish_dinp(row + 7u, feature, t.r7);
}

fn dinp_tile(row: u32, feature: u32) {
    var t = tile_zero();
    var next = tile_zero();
    for (var unit = 0u; unit < params.outputs; unit += 4u) {
        let a = Tile8x4(
            load_dout(row, unit), load_dout(row + 1u, unit), load_dout(row + 2u, unit), load_dout(row + 3u, unit),
            load_dout(row + 4u, unit), load_dout(row + 5u, unit), load_dout(row + 6u, unit), load_dout(row + 7u, unit),
        );
        t = tile_multiply_add(
            t, a, load_weight(unit, feature), load_weight(unit + 1u, feature),
            load_weight(unit + 2u, feature), load_weight(unit + 3u, feature),
        );
        if WIDE {
            next = tile_multiply_add(
                next, a, load_weight(unit, feature + NEXT), load_weight(unit + 1u, feature + NEXT),
                load_weight(unit + 2u, feature + NEXT), load_weight(unit + 3u, feature + NEXT),
            );
        }
    }
    finish_dinp_tile(row, feature, t);
    if WIDE { finish_dinp_tile(row, feature + NEXT, next); }
}

// Features that a workgroup covers.
fn group_features() -> u32 {
    return select(NEXT, 2u * NEXT, WIDE);
}

@compute @workgroup_size(LANES)
fn dense_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let feature_groups = (params.inputs + group_features() - 1u) / group_features();
    let unit_groups = (params.outputs + 7u) / 8u;
    let feature_group = group % feature_groups;
    let feature = feature_group * group_features() + lane * 4u;
    // Of the rows that follow each other: those of dweight in all slots, then those of dinp.
    let line = group / feature_groups;
    let dweight_lines = unit_groups * params.slots;
    if line < dweight_lines {
        dweight_tile(line / unit_groups, line % unit_groups * 8u, feature, lane, feature_group == 0u);
    } else {
        dinp_tile((line - dweight_lines) * 8u, feature);
    }
}

// The first layer needs no gradient of its input: dweight and dbias alone.
@compute @workgroup_size(LANES)
fn dense_backward_weights(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let feature_groups = (params.inputs + group_features() - 1u) / group_features();
    let unit_groups = (params.outputs + 7u) / 8u;
    let feature_group = group % feature_groups;
    let line = group / feature_groups;
    dweight_tile(
        line / unit_groups, line % unit_groups * 8u, feature_group * group_features() + lane * 4u, lane,
        feature_group == 0u,
    );
}
