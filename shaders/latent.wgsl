// Diagonal Gaussians in latent space. moments [N, 2L]: L means, then L logarithms of variances, which are clamped to
// [low, high] wherever they are used (and have no gradient beyond).
#import lib/step
#import lib/index
#import lib/random/philox
#import lib/random/normal

struct LatentParams {
    batch: u32,
    latent: u32,
    stream: u32,
    padding1: u32,
    low: f32,
    high: f32,
    free_bits: f32,
    padding2: f32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> moments: array<f32>;
// dz, or the divergences
@group(0) @binding(1) var<storage, read> second: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: LatentParams;

// Element i takes normal i % 4 of block (i / 4, stream, step, 0): the backward pass makes the same again.
fn noise(element: u32) -> f32 {
    let words = philox4x32(vec4<u32>(element / 4u, params.stream, step_state.step, 0u), step_state.seed);
    return normal4(words)[element & 3u];
}

fn mean_at(row: u32, unit: u32) -> f32 {
    return moments[row * 2u * params.latent + unit];
}

fn log_variance_at(row: u32, unit: u32) -> f32 {
    return moments[(row * 2u + 1u) * params.latent + unit];
}

// out [N, L] = mean + exp(log variance / 2) noise. ONE invocation makes one element.
@compute @workgroup_size(WORKGROUP)
fn sample_forward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.latent { return; }
    let row = item / params.latent;
    let unit = item % params.latent;
    let deviation = exp(0.5 * clamp(log_variance_at(row, unit), params.low, params.high));
    out[item] = mean_at(row, unit) + deviation * noise(item);
}

// out [N, 2L] = gradient by the moments, from second = dz [N, L]. ONE invocation handles one element of z.
@compute @workgroup_size(WORKGROUP)
fn sample_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.latent { return; }
    let row = item / params.latent;
    let unit = item % params.latent;
    let raw = log_variance_at(row, unit);
    let inside = raw > params.low && raw < params.high;
    let dz = second[item];
    let dlog = 0.5 * dz * exp(0.5 * clamp(raw, params.low, params.high)) * noise(item);
    out[row * 2u * params.latent + unit] = dz;
    out[(row * 2u + 1u) * params.latent + unit] = select(0.0, dlog, inside);
}

// out [2, L]: for each unit the mean over rows of KL(N(mean, variance) || N(0, 1)), in nats: first no less than
// free_bits, then as it is. ONE invocation handles one unit.
@compute @workgroup_size(WORKGROUP)
fn kl_forward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let unit = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if unit >= params.latent { return; }
    let rows = min(step_state.rows, params.batch);
    var sum = 0.0;
    for (var row = 0u; row < rows; row += 1u) {
        let mean = mean_at(row, unit);
        let log_variance = clamp(log_variance_at(row, unit), params.low, params.high);
        sum += 0.5 * (mean * mean + exp(log_variance) - 1.0 - log_variance);
    }
    let divergence = sum / f32(max(rows, 1u));
    out[unit] = max(divergence, params.free_bits);
    out[params.latent + unit] = divergence;
}

// out [N, 2L] = beta times the gradient of the divergences above free_bits by the moments; second = divergences [2, L].
// ONE invocation handles one unit of one row.
@compute @workgroup_size(WORKGROUP)
fn kl_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.latent { return; }
    let row = item / params.latent;
    let unit = item % params.latent;
    let rows = min(step_state.rows, params.batch);
    let counts = row < rows && second[params.latent + unit] > params.free_bits;
    let weight = select(0.0, step_state.beta / f32(max(rows, 1u)), counts);
    let raw = log_variance_at(row, unit);
    let inside = raw > params.low && raw < params.high;
    out[row * 2u * params.latent + unit] = weight * mean_at(row, unit);
    out[(row * 2u + 1u) * params.latent + unit] = select(0.0, 0.5 * weight * (exp(raw) - 1.0), inside);
}
