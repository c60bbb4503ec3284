// Dense layer: out = activation(x weight^T + bias), without workgroup memory: the form for software adapters, and
// the plain one beside the tiled kernel.
//   x [N, D]   weight [K, D]   bias [K]   out [N, K]
// ONE invocation computes 8 rows by 4 units, or two such tiles side by side; the lanes of a workgroup lie side by side
// along the units, so that the loads of x are the same for all of them.
#import lib/index
#import lib/activation
#import lib/matmul/tile8x4
#import lib/dense/forward_scalar

const LANES: u32 = 8u;
const ACTIVATION: u32 = 0u; // spec
// Two tiles an invocation: what is the same for all lanes is loaded half as often.
const WIDE: bool = false; // spec
const NEXT: u32 = 4u * LANES;

fn load_weights(unit: u32, k: u32) -> array<vec4<f32>, 4> {
    let w0 = load_weight(unit, k);
    let w1 = load_weight(unit + 1u, k);
    let w2 = load_weight(unit + 2u, k);
    let w3 = load_weight(unit + 3u, k);
    return array<vec4<f32>, 4>(
        vec4<f32>(w0.x, w1.x, w2.x, w3.x), vec4<f32>(w0.y, w1.y, w2.y, w3.y),
        vec4<f32>(w0.z, w1.z, w2.z, w3.z), vec4<f32>(w0.w, w1.w, w2.w, w3.w),
    );
}

fn finish_tile(row: u32, unit: u32, t: Tile8x4) {
    let b = load_bias(unit);
    store_out(row, unit, activate(ACTIVATION, t.r0 + b));
    store_out(row + 1u, unit, activate(ACTIVATION, t.r1 + b));
    store_out(row + 2u, unit, activate(ACTIVATION, t.r2 + b));
    store_out(row + 3u, unit, activate(ACTIVATION, t.r3 + b));
    store_out(row + 4u, unit, activate(ACTIVATION, t.r4 + b));
    store_out(row + 5u, unit, activate(ACTIVATION, t.r5 + b));
    store_out(row + 6u, unit, activate(ACTIVATION, t.r6 + b));
    store_out(row + 7u, unit, activate(ACTIVATION, t.r7 + b));
}

@compute @workgroup_size(LANES)
fn dense_forward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let group_units = select(NEXT, 2u * NEXT, WIDE);
    let column_groups = (params.outputs + group_units - 1u) / group_units;
    let row = (group / column_groups) * 8u;
    let unit = (group % column_groups) * group_units + lane * 4u;
    if row >= params.batch { return; }
    var t = tile_zero();
    var next = tile_zero();
    for (var k = 0u; k < params.inputs; k += 4u) {
        let w = load_weights(unit, k);
        let a = Tile8x4(
            load_x(row, k), load_x(row + 1u, k), load_x(row + 2u, k), load_x(row + 3u, k),
            load_x(row + 4u, k), load_x(row + 5u, k), load_x(row + 6u, k), load_x(row + 7u, k),
        );
        t = tile_multiply_add(t, a, w[0], w[1], w[2], w[3]);
        if WIDE {
            let v = load_weights(unit + NEXT, k);
            next = tile_multiply_add(next, a, v[0], v[1], v[2], v[3]);
        }
    }
    finish_tile(row, unit, t);
    if WIDE { finish_tile(row, unit + NEXT, next); }
}
