// Dense layer, backward, in one dispatch and without workgroup memory:
//   dweight = dout^T x     dbias = sum over rows of dout     dinp = (dout weight) * input_activation'(x)
//   dout [N, K]   x [N, D]   weight [K, D]   dweight [K, D]   dbias [K]   dinp [N, D]
// dout is the gradient before this layer's activation. The derivative of the activation that MADE x is folded into
// dinp, so that dinp is the gradient before that activation: no pass of its own is needed.
// Workgroups: first those of dweight (8 units by 32 features each), then dinp (8 rows by 32 features), then dbias
// (8 units). ONE invocation computes 8 by 4 values, or one unit of dbias.
#import lib/index
#import lib/activation
#import lib/tile8x4
#import lib/dense_backward_scalar

const LANES: u32 = 8u;
const INPUT_ACTIVATION: u32 = 0u; // spec

fn dweight_tile(unit: u32, feature: u32) {
    var t = tile_zero();
    for (var row = 0u; row < params.batch; row += 4u) {
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
    }
    store_dweight(unit, feature, t.r0);
    store_dweight(unit + 1u, feature, t.r1);
    store_dweight(unit + 2u, feature, t.r2);
    store_dweight(unit + 3u, feature, t.r3);
    store_dweight(unit + 4u, feature, t.r4);
    store_dweight(unit + 5u, feature, t.r5);
    store_dweight(unit + 6u, feature, t.r6);
    store_dweight(unit + 7u, feature, t.r7);
}

fn finish_dinp(row: u32, feature: u32, gradient: vec4<f32>) {
    store_dinp(row, feature, activate_backward(INPUT_ACTIVATION, gradient, load_x(row, feature)));
}

fn dinp_tile(row: u32, feature: u32) {
    var t = tile_zero();
    for (var unit = 0u; unit < params.outputs; unit += 4u) {
        let a = Tile8x4(
            load_dout(row, unit), load_dout(row + 1u, unit), load_dout(row + 2u, unit), load_dout(row + 3u, unit),
            load_dout(row + 4u, unit), load_dout(row + 5u, unit), load_dout(row + 6u, unit), load_dout(row + 7u, unit),
        );
        t = tile_multiply_add(
            t, a, load_weight(unit, feature), load_weight(unit + 1u, feature),
            load_weight(unit + 2u, feature), load_weight(unit + 3u, feature),
        );
    }
    finish_dinp(row, feature, t.r0);
    finish_dinp(row + 1u, feature, t.r1);
    finish_dinp(row + 2u, feature, t.r2);
    finish_dinp(row + 3u, feature, t.r3);
    finish_dinp(row + 4u, feature, t.r4);
    finish_dinp(row + 5u, feature, t.r5);
    finish_dinp(row + 6u, feature, t.r6);
    finish_dinp(row + 7u, feature, t.r7);
}

fn dbias_unit(unit: u32) {
    if unit >= params.outputs { return; }
    var sum = 0.0;
    for (var row = 0u; row < params.batch; row += 1u) {
        sum += load_dout_scalar(row, unit);
    }
    dbias[unit] = sum;
}

@compute @workgroup_size(LANES)
fn dense_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let feature_groups = (params.inputs + 4u * LANES - 1u) / (4u * LANES);
    let dweight_groups = (params.outputs + 7u) / 8u * feature_groups;
    let dinp_groups = (params.batch + 7u) / 8u * feature_groups;
    let feature = ((group % feature_groups) * LANES + lane) * 4u;
    if group < dweight_groups {
        dweight_tile(group / feature_groups * 8u, feature);
    } else if group < dweight_groups + dinp_groups {
        // dweight_groups is a multiple of feature_groups, so `feature` holds here too.
        dinp_tile((group - dweight_groups) / feature_groups * 8u, feature);
    } else {
        dbias_unit((group - dweight_groups - dinp_groups) * LANES + lane);
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
    let feature_groups = (params.inputs + 4u * LANES - 1u) / (4u * LANES);
    let dweight_groups = (params.outputs + 7u) / 8u * feature_groups;
    if group < dweight_groups {
        dweight_tile(group / feature_groups * 8u, ((group % feature_groups) * LANES + lane) * 4u);
    } else {
        dbias_unit((group - dweight_groups) * LANES + lane);
    }
}
