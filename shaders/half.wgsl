// 32-bit floats as pairs of 16-bit ones and back.
//   whole [count]   halves [count / 2, rounded up]
// ONE invocation handles one pair.
#import lib/index

struct HalfParams {
    count: u32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> whole: array<f32>;
@group(0) @binding(1) var<storage, read_write> halves_out: array<u32>;
@group(0) @binding(2) var<storage, read> halves: array<u32>;
@group(0) @binding(3) var<storage, read_write> whole_out: array<f32>;
@group(0) @binding(4) var<uniform> params: HalfParams;

@compute @workgroup_size(WORKGROUP)
fn halve(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let pair = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if pair * 2u >= params.count { return; }
    let second = min(pair * 2u + 1u, params.count - 1u);
    // The largest half instead of an infinity.
    let values = clamp(vec2<f32>(whole[pair * 2u], whole[second]), vec2<f32>(-65504.0), vec2<f32>(65504.0));
    halves_out[pair] = pack2x16float(values);
}

@compute @workgroup_size(WORKGROUP)
fn unhalve(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let pair = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if pair * 2u >= params.count { return; }
    let values = unpack2x16float(halves[pair]);
    whole_out[pair * 2u] = values.x;
    if pair * 2u + 1u < params.count { whole_out[pair * 2u + 1u] = values.y; }
}
