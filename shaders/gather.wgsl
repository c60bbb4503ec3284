// Collects a batch of rows from the data set, in the order of the epoch's permutation; bytes are scaled to 0..1.
//   data  [rows of the set, row_words]   four bytes a word, rows padded to whole words; or a float a word
//   out   [N, features]                  N = params.batch; rows from step_state.rows on are zero
// ONE invocation takes one word: four features of one row, or one.
#import lib/step
#import lib/index
#import lib/random/permutation

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

// Word `word` of the batch's row `row`; 0 where there is no such row.
fn word_of(row: u32, word: u32) -> u32 {
    if row >= step_state.rows { return 0u; }
    var place = step_state.first + row;
    if step_state.shuffle == 1u {
        place = permute(place, step_state.part_rows, params.half_bits, step_state.permutation_keys);
    }
    return data[(step_state.part_offset + place) * params.row_words + word];
}

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
    let packed = word_of(row, word);
    let bytes = vec4<u32>(packed & 0xffu, (packed >> 8u) & 0xffu, (packed >> 16u) & 0xffu, packed >> 24u);
    let pixels = vec4<f32>(bytes) * 0.003921569;
    let feature = word * 4u;
    let at = row * params.features + feature;
    out[at] = pixels.x;
    if feature + 1u < params.features { out[at + 1u] = pixels.y; }
    if feature + 2u < params.features { out[at + 2u] = pixels.z; }
    if feature + 3u < params.features { out[at + 3u] = pixels.w; }
}

@compute @workgroup_size(WORKGROUP)
fn gather_floats(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.row_words { return; }
    out[item] = bitcast<f32>(word_of(item / params.row_words, item % params.row_words));
}
