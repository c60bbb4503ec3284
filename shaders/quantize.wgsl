// Vector quantization (van den Oord et al. 2017) with a codebook that follows its members by moving averages.
//   z, quantized [R, D]   codebook, sums [M, D]   codes [R] (numbers as f32)   counts [M]   members [M, D + 1]
#import lib/step
#import lib/index
#import lib/random/philox

struct QuantizeParams {
    rows: u32,
    // Rows of z that one row of the batch makes.
    rows_per_sample: u32,
    width: u32,
    entries: u32,
    decay: f32,
    // An entry with fewer members on average starts again at some row of z.
    restart_below: f32,
    stream: u32,
    padding1: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> codebook_in: array<f32>;
@group(0) @binding(2) var<storage, read> codes_in: array<f32>;
@group(0) @binding(3) var<storage, read> members: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<storage, read_write> quantized: array<f32>;
@group(0) @binding(6) var<storage, read_write> counts: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>;
@group(0) @binding(8) var<uniform> params: QuantizeParams;

fn valid_rows() -> u32 {
    return min(params.rows, step_state.rows * params.rows_per_sample);
}

// out = codes, quantized = the nearest entries (the first of equals). ONE invocation handles one row.
@compute @workgroup_size(WORKGROUP)
fn quantize_assign(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if row >= params.rows { return; }
    let start = row * params.width;
    let whole = params.width / 4u * 4u;
    var best = 0u;
    var nearest = 3.0e38;
    for (var entry = 0u; entry < params.entries; entry += 1u) {
        var distance = 0.0;
        let at = entry * params.width;
        // Four at a time: software adapters bound the iterations of an invocation.
        for (var d = 0u; d < whole; d += 4u) {
            let a = vec4<f32>(z[start + d], z[start + d + 1u], z[start + d + 2u], z[start + d + 3u]);
            let b = vec4<f32>(
                codebook_in[at + d], codebook_in[at + d + 1u], codebook_in[at + d + 2u], codebook_in[at + d + 3u],
            );
            distance += dot(a - b, a - b);
        }
        if whole < params.width { distance += square_of(start + whole, at + whole); }
        if whole + 1u < params.width { distance += square_of(start + whole + 1u, at + whole + 1u); }
        if whole + 2u < params.width { distance += square_of(start + whole + 2u, at + whole + 2u); }
        if distance < nearest {
            nearest = distance;
            best = entry;
        }
    }
    out[row] = f32(best);
    for (var d = 0u; d < params.width; d += 1u) {
        quantized[start + d] = codebook_in[best * params.width + d];
    }
}

fn square_of(z_at: u32, entry_at: u32) -> f32 {
    let difference = z[z_at] - codebook_in[entry_at];
    return difference * difference;
}

// out = members [M, D + 1]: sums of the rows of z with each code, and their count. ONE invocation makes one element.
@compute @workgroup_size(WORKGROUP)
fn quantize_members(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.entries * (params.width + 1u) { return; }
    let entry = f32(item / (params.width + 1u));
    let d = item % (params.width + 1u);
    let rows = valid_rows();
    var sum = 0.0;
    for (var row = 0u; row < rows; row += 1u) {
        if codes_in[row] == entry {
            if d < params.width { sum += z[row * params.width + d]; } else { sum += 1.0; }
        }
    }
    out[item] = sum;
}

// Moves counts, sums and the codebook (out). ONE invocation handles one entry.
@compute @workgroup_size(WORKGROUP)
fn quantize_update(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let entry = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if entry >= params.entries { return; }
    let start = entry * params.width;
    let start_of_members = entry * (params.width + 1u);
    let count = params.decay * counts[entry] + (1.0 - params.decay) * members[start_of_members + params.width];
    let restart = count < params.restart_below;
    let words = philox4x32(vec4<u32>(entry, params.stream, step_state.step, 0u), step_state.seed);
    let row = words.x % max(valid_rows(), 1u);
    for (var d = 0u; d < params.width; d += 1u) {
        var sum = params.decay * sums[start + d] + (1.0 - params.decay) * members[start_of_members + d];
        if restart { sum = z[row * params.width + d]; }
        sums[start + d] = sum;
        out[start + d] = select(sum / count, sum, restart);
    }
    counts[entry] = select(count, 1.0, restart);
}
