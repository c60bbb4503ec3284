// Collects a batch of rows from the data set, in the order of the epoch's permutation, and scales bytes to 0..1.
//   data  [rows of the set, row_words]   four bytes a word, rows padded to whole words
//   out   [N, features]                  N = params.batch; rows from step_state.rows on are zero
// ONE invocation unpacks one word: four features of one row.
#import lib/step
#import lib/index
#import lib/permutation

struct GatherParams {
    batch: u32,
    features: u32,
    row_words: u32,
    half_bits: u32,
}

@group(0) @binding(0) var<storage, read> data: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: GatherParams;

const WORKGROUP: u32 = 64u;

@compute @workgroup_size(WORKGROUP)
fn gather_rows(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.row_words { return; }
    let row = item / params.row_words;
    let word = item % params.row_words;
    var pixels = vec4<f32>(0.0);
    if row < step_state.rows {
        var place = step_state.first + row;
        if step_state.shuffle == 1u {
            place = permute(place, step_state.part_rows, params.half_bits, step_state.permutation_keys);
        }
        let packed = data[(step_state.part_offset + place) * params.row_words + word];
        let bytes = vec4<u32>(packed & 0xffu, (packed >> 8u) & 0xffu, (packed >> 16u) & 0xffu, packed >> 24u);
        pixels = vec4<f32>(bytes) * 0.003921569;
    }
    let feature = word * 4u;
    let at = row * params.features + feature;
    out[at] = pixels.x;
    if feature + 1u < params.features { out[at + 1u] = pixels.y; }
    if feature + 2u < params.features { out[at + 2u] = pixels.z; }
    if feature + 3u < params.features { out[at + 3u] = pixels.w; }
}
