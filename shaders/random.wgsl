// Fills a buffer from Philox: element i takes word i % 4 of block (i / 4, stream, step, 0) under the run's key.
//   out [count]  words of raw bits (for the known-answer tests), uniform in [low, low + width), or standard normal
// ONE invocation makes one block of four.
#import lib/step
#import lib/index
#import lib/random/philox
#import lib/random/normal

struct RandomParams {
    count: u32,
    stream: u32,
    low: f32,
    width: f32,
}

@group(0) @binding(0) var<storage, read_write> out: array<u32>;
@group(0) @binding(1) var<uniform> params: RandomParams;

const WORKGROUP: u32 = 64u;
const BITS: u32 = 0u;
const UNIFORM: u32 = 1u;
const NORMAL: u32 = 2u;
const DISTRIBUTION: u32 = 1u; // spec

@compute @workgroup_size(WORKGROUP)
fn random_fill(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let block = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    let first = block * 4u;
    if first >= params.count { return; }
    var words = philox4x32(vec4<u32>(block, params.stream, step_state.step, 0u), step_state.seed);
    if DISTRIBUTION == NORMAL {
        words = bitcast<vec4<u32>>(normal4(words));
    }
    if DISTRIBUTION == UNIFORM {
        words = bitcast<vec4<u32>>(params.low + params.width * unit_float(words));
    }
    out[first] = words.x;
    if first + 1u < params.count { out[first + 1u] = words.y; }
    if first + 2u < params.count { out[first + 2u] = words.z; }
    if first + 3u < params.count { out[first + 3u] = words.w; }
}
