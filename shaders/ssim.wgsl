// Structural similarity (Wang et al. 2004) as a loss: 1 - mean SSIM, over the places where the whole window of 11 lies
// inside, with values in 0..1.
//   prediction, target, dinp [N, H, W, C]     maps [N, H - 10, W - 10, C, 4]
// At a window, with means mx, my, variances sx, sy and covariance c (all weighted by the Gaussian g), the derivative of
// SSIM by a value x_i under it is g_i (A + B x_i + D y_i): the maps hold SSIM, A, B, D.
#import lib/step
#import lib/index
#import lib/reduce_tree

struct SsimParams {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    weight: f32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

const WINDOW: u32 = 11u;
const C1: f32 = 0.0001;
const C2: f32 = 0.0009;
const CHUNK: u32 = 1024u;

@group(0) @binding(0) var<storage, read> prediction: array<f32>;
@group(0) @binding(1) var<storage, read> expected: array<f32>;
@group(0) @binding(2) var<storage, read> maps_in: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> maps: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<uniform> params: SsimParams;

// Gaussian of deviation 1.5 over 11 places, normalized.
const GAUSSIAN = array<f32, 11>(
    0.0010283801, 0.0075987581, 0.036000773, 0.10936069, 0.21300554, 0.26601172,
    0.21300554, 0.10936069, 0.036000773, 0.0075987581, 0.0010283801,
);

fn window_weight(i: u32, j: u32) -> f32 {
    var weights = GAUSSIAN;
    return weights[i] * weights[j];
}

// ONE invocation makes one place of the maps.
@compute @workgroup_size(REDUCE_LANES)
fn ssim_maps(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * REDUCE_LANES + local_index;
    let inner_width = params.width - WINDOW + 1u;
    let inner_height = params.height - WINDOW + 1u;
    if item >= params.batch * inner_height * inner_width * params.channels { return; }
    let channel = item % params.channels;
    let place = item / params.channels;
    let x0 = place % inner_width;
    let y0 = place / inner_width % inner_height;
    let image = place / inner_width / inner_height;
    var mx = 0.0;
    var my = 0.0;
    for (var i = 0u; i < WINDOW; i += 1u) {
        for (var j = 0u; j < WINDOW; j += 1u) {
            let at = ((image * params.height + y0 + i) * params.width + x0 + j) * params.channels + channel;
            let weight = window_weight(i, j);
            mx += weight * prediction[at];
            my += weight * expected[at];
        }
    }
    // Deviations from the means, not squares less squared means: those cancel in f32.
    var sx = 0.0;
    var sy = 0.0;
    var sxy = 0.0;
    for (var i = 0u; i < WINDOW; i += 1u) {
        for (var j = 0u; j < WINDOW; j += 1u) {
            let at = ((image * params.height + y0 + i) * params.width + x0 + j) * params.channels + channel;
            let weight = window_weight(i, j);
            let dx = prediction[at] - mx;
            let dy = expected[at] - my;
            sx += weight * dx * dx;
            sy += weight * dy * dy;
            sxy += weight * dx * dy;
        }
    }
    let a1 = 2.0 * mx * my + C1;
    let a2 = 2.0 * sxy + C2;
    let b1 = mx * mx + my * my + C1;
    let b2 = sx + sy + C2;
    let ssim = a1 * a2 / (b1 * b2);
    let by_mean = 2.0 * my * a2 / (b1 * b2) - 2.0 * mx * ssim / b1;
    let by_variance = -ssim / b2;
    let by_covariance = 2.0 * a1 / (b1 * b2);
    maps[item] = vec4<f32>(
        ssim, by_mean - 2.0 * mx * by_variance - my * by_covariance, 2.0 * by_variance, by_covariance,
    );
}

fn places_of_rows(rows: u32) -> u32 {
    return rows * (params.height - WINDOW + 1u) * (params.width - WINDOW + 1u) * params.channels;
}

// out [chunks] = sums of 1 - SSIM over chunks of 1024 places of the rows that hold data, divided by their count.
// ONE workgroup sums a chunk.
@compute @workgroup_size(REDUCE_LANES)
fn ssim_sums(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let chunk = linear_workgroup(workgroup_id, num_workgroups);
    let valid = places_of_rows(min(params.batch, step_state.rows));
    let end = min(chunk * CHUNK + CHUNK, valid);
    var sum = 0.0;
    for (var at = chunk * CHUNK + local_index; at < end; at += REDUCE_LANES) {
        sum += 1.0 - maps_in[at].x;
    }
    let total = reduce_sum_workgroup(local_index, sum);
    if local_index == 0u && chunk * CHUNK < places_of_rows(params.batch) {
        out[chunk] = total / f32(max(valid, 1u));
    }
}

// out = gradient of the loss by the prediction. ONE invocation makes one element, from all windows over it.
@compute @workgroup_size(REDUCE_LANES)
fn ssim_backward(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * REDUCE_LANES + local_index;
    if item >= params.batch * params.height * params.width * params.channels { return; }
    let channel = item % params.channels;
    let pixel = item / params.channels;
    let x = pixel % params.width;
    let y = pixel / params.width % params.height;
    let image = pixel / params.width / params.height;
    let inner_width = params.width - WINDOW + 1u;
    let inner_height = params.height - WINDOW + 1u;
    let rows = min(params.batch, step_state.rows);
    var sum = 0.0;
    if image < rows {
        for (var i = 0u; i < WINDOW; i += 1u) {
            for (var j = 0u; j < WINDOW; j += 1u) {
                let y0 = y - i;
                let x0 = x - j;
                if y0 < inner_height && x0 < inner_width {
                    let map = maps_in[((image * inner_height + y0) * inner_width + x0) * params.channels + channel];
                    sum += window_weight(i, j) * (map.y + map.z * prediction[item] + map.w * expected[item]);
                }
            }
        }
        sum *= -params.weight / f32(places_of_rows(rows));
    }
    out[item] = sum;
}
