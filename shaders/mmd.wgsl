// Maximum mean discrepancy between codes and samples of the prior (Gretton et al. 2012), unbiased, with the sum of
// inverse multiquadrics c / (c + d^2), c = 2 L scale, that WAE uses (Tolstikhin et al. 2018).
//   z, prior [N, L]     partials [N]     dz [N, L]
#import lib/step
#import lib/index

struct MmdParams {
    batch: u32,
    latent: u32,
    weight: f32,
    padding1: u32,
}

const WORKGROUP: u32 = 64u;
const SCALES: u32 = 7u;

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> prior: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: MmdParams;

fn bandwidth(index: u32) -> f32 {
    var scales = array<f32, SCALES>(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0);
    return 2.0 * f32(params.latent) * scales[index];
}

fn similarity(distance: f32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < SCALES; i += 1u) {
        sum += bandwidth(i) / (bandwidth(i) + distance);
    }
    return sum;
}

// Derivative of the similarity by the squared distance.
fn slope(distance: f32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < SCALES; i += 1u) {
        let c = bandwidth(i);
        sum -= c / ((c + distance) * (c + distance));
    }
    return sum;
}

// out[i] = what row i adds to the discrepancy. ONE invocation handles one row.
@compute @workgroup_size(WORKGROUP)
fn mmd_forward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if row >= params.batch { return; }
    let rows = min(step_state.rows, params.batch);
    var within = 0.0;
    var across = 0.0;
    if row < rows {
        for (var other = 0u; other < rows; other += 1u) {
            var codes = 0.0;
            var priors = 0.0;
            var mixed = 0.0;
            for (var d = 0u; d < params.latent; d += 1u) {
                let a = z[row * params.latent + d];
                let b = z[other * params.latent + d];
                let p = prior[row * params.latent + d];
                let q = prior[other * params.latent + d];
                codes += (a - b) * (a - b);
                priors += (p - q) * (p - q);
                mixed += (a - q) * (a - q);
            }
            if other != row { within += similarity(codes) + similarity(priors); }
            across += similarity(mixed);
        }
    }
    let n = f32(max(rows, 2u));
    out[row] = within / (n * (n - 1.0)) - 2.0 * across / (n * n);
}

// out = weight times the gradient by z. ONE invocation handles one element.
@compute @workgroup_size(WORKGROUP)
fn mmd_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.latent { return; }
    let row = item / params.latent;
    let unit = item % params.latent;
    let rows = min(step_state.rows, params.batch);
    var within = 0.0;
    var across = 0.0;
    if row < rows {
        for (var other = 0u; other < rows; other += 1u) {
            var codes = 0.0;
            var mixed = 0.0;
            for (var d = 0u; d < params.latent; d += 1u) {
                let a = z[row * params.latent + d];
                let b = z[other * params.latent + d];
                let q = prior[other * params.latent + d];
                codes += (a - b) * (a - b);
                mixed += (a - q) * (a - q);
            }
            within += slope(codes) * 2.0 * (z[item] - z[other * params.latent + unit]);
            across += slope(mixed) * 2.0 * (z[item] - prior[other * params.latent + unit]);
        }
    }
    let n = f32(max(rows, 2u));
    out[item] = params.weight * (2.0 * within / (n * (n - 1.0)) - 2.0 * across / (n * n));
}
