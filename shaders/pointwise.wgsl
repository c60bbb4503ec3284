// Element by element, four at a time.
#import lib/index
#import lib/activation

struct PointwiseParams {
    count: u32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

const WORKGROUP: u32 = 64u;
const ACTIVATION: u32 = 1u; // spec

@group(0) @binding(0) var<storage, read> first: array<f32>;
@group(0) @binding(1) var<storage, read> second: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: PointwiseParams;

fn load_first(at: u32) -> vec4<f32> {
    let last = params.count - 1u;
    return vec4<f32>(first[at], first[min(at + 1u, last)], first[min(at + 2u, last)], first[min(at + 3u, last)]);
}

fn load_second(at: u32) -> vec4<f32> {
    let last = params.count - 1u;
    return vec4<f32>(second[at], second[min(at + 1u, last)], second[min(at + 2u, last)], second[min(at + 3u, last)]);
}

fn store(at: u32, value: vec4<f32>) {
    out[at] = value.x;
    if at + 1u < params.count { out[at + 1u] = value.y; }
    if at + 2u < params.count { out[at + 2u] = value.z; }
    if at + 3u < params.count { out[at + 3u] = value.w; }
}

// out = activation(first). ONE invocation handles four elements. All buffers [count].
@compute @workgroup_size(WORKGROUP)
fn activation_forward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let at = (linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index) * 4u;
    if at >= params.count { return; }
    store(at, activate(ACTIVATION, load_first(at)));
}

// out = first * activation'(x), where second = activation(x). ONE invocation handles four elements.
@compute @workgroup_size(WORKGROUP)
fn activation_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let at = (linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index) * 4u;
    if at >= params.count { return; }
    store(at, activate_backward(ACTIVATION, load_first(at), load_second(at)));
}

// out = first + second. ONE invocation handles four elements.
@compute @workgroup_size(WORKGROUP)
fn add(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let at = (linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index) * 4u;
    if at >= params.count { return; }
    store(at, load_first(at) + load_second(at));
}
