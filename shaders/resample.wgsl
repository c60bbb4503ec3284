// Changes of resolution by a whole factor s. Sizes are those of the input [N, H, W, C] and output [N, OH, OW, OC].
// ONE invocation makes one element of the output (four channels where their number allows: channels are then counted in
// fours); each backward pass is written as a gather too, so that nothing is
// added atomically.
#import lib/index
#import lib/element_scalar

struct ResampleParams {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    out_height: u32,
    out_width: u32,
    out_channels: u32,
    factor: u32,
    scale: f32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

const WORKGROUP: u32 = 64u;

// out (y, x) = scale * in (y / s, x / s); zero beyond the input
const REPEAT: u32 = 0u;
// out (y, x) = scale * sum of the s by s block
const BLOCK_SUM: u32 = 1u;
const BLOCK_MAX: u32 = 2u;
// dout where x is the first largest of its block; first = x, second = dout
const BLOCK_MAX_BACKWARD: u32 = 3u;
const BILINEAR: u32 = 4u;
const BILINEAR_BACKWARD: u32 = 5u;
// [.., s s C] to s times the size, as PyTorch orders channels: (c, i, j)
const SHUFFLE: u32 = 6u;
const UNSHUFFLE: u32 = 7u;
const MODE: u32 = 0u; // spec

@group(0) @binding(0) var<storage, read> first: array<Element>;
@group(0) @binding(1) var<storage, read> second: array<Element>;
@group(0) @binding(2) var<storage, read_write> out: array<Element>;
@group(0) @binding(3) var<uniform> params: ResampleParams;

fn input(n: u32, y: u32, x: u32, c: u32) -> Element {
    return first[((n * params.height + y) * params.width + x) * params.channels + c];
}

// Weight of input place `from` for output place `to` of bilinear upsampling (pixel centers aligned, edges repeated).
fn bilinear_weight(to: u32, source: u32, count: u32) -> f32 {
    let center = max((f32(to) + 0.5) / f32(params.factor) - 0.5, 0.0);
    let low = u32(center);
    let high = min(low + 1u, count - 1u);
    let fraction = center - f32(low);
    var weight = 0.0;
    if source == low { weight += 1.0 - fraction; }
    if source == high { weight += fraction; }
    return weight;
}

@compute @workgroup_size(WORKGROUP)
fn resample(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.out_height * params.out_width * params.out_channels { return; }
    let c = item % params.out_channels;
    let pixel = item / params.out_channels;
    let x = pixel % params.out_width;
    let y = pixel / params.out_width % params.out_height;
    let n = pixel / params.out_width / params.out_height;
    let s = params.factor;
    var value = Element(0.0);
    if MODE == REPEAT {
        if y / s < params.height && x / s < params.width { value = params.scale * input(n, y / s, x / s, c); }
    } else if MODE == BLOCK_SUM {
        for (var i = 0u; i < s; i += 1u) {
            for (var j = 0u; j < s; j += 1u) {
                value += input(n, y * s + i, x * s + j, c);
            }
        }
        value *= params.scale;
    } else if MODE == BLOCK_MAX {
        value = input(n, y * s, x * s, c);
        for (var i = 0u; i < s; i += 1u) {
            for (var j = 0u; j < s; j += 1u) {
                value = max(value, input(n, y * s + i, x * s + j, c));
            }
        }
    } else if MODE == BLOCK_MAX_BACKWARD {
        // Places beyond the last whole block have no part in the maximum.
        let by = y / s;
        let bx = x / s;
        if (by + 1u) * s <= params.height && (bx + 1u) * s <= params.width {
            let mine = input(n, y, x, c);
            var chosen = Mask(true);
            for (var i = 0u; i < s; i += 1u) {
                for (var j = 0u; j < s; j += 1u) {
                    let other = input(n, by * s + i, bx * s + j, c);
                    let before = i * s + j < (y - by * s) * s + (x - bx * s);
                    chosen = chosen & !((other > mine) | ((other == mine) & Mask(before)));
                }
            }
            let blocks_high = params.height / s;
            let blocks_wide = params.width / s;
            let gradient = second[((n * blocks_high + by) * blocks_wide + bx) * params.channels + c];
            value = select(value, gradient, chosen);
        }
    } else if MODE == BILINEAR {
        let center_y = max((f32(y) + 0.5) / f32(s) - 0.5, 0.0);
        let center_x = max((f32(x) + 0.5) / f32(s) - 0.5, 0.0);
        let y0 = u32(center_y);
        let x0 = u32(center_x);
        let y1 = min(y0 + 1u, params.height - 1u);
        let x1 = min(x0 + 1u, params.width - 1u);
        let fy = center_y - f32(y0);
        let fx = center_x - f32(x0);
        let top = (1.0 - fx) * input(n, y0, x0, c) + fx * input(n, y0, x1, c);
        let bottom = (1.0 - fx) * input(n, y1, x0, c) + fx * input(n, y1, x1, c);
        value = (1.0 - fy) * top + fy * bottom;
    } else if MODE == BILINEAR_BACKWARD {
        // Here the input is dout, the larger one.
        let y_first = max(i32(y * s) - i32(s), 0);
        let x_first = max(i32(x * s) - i32(s), 0);
        let y_end = min((y + 2u) * s, params.height);
        let x_end = min((x + 2u) * s, params.width);
        for (var i = u32(y_first); i < y_end; i += 1u) {
            let weight_y = bilinear_weight(i, y, params.out_height);
            for (var j = u32(x_first); j < x_end; j += 1u) {
                value += weight_y * bilinear_weight(j, x, params.out_width) * input(n, i, j, c);
            }
        }
    } else if MODE == SHUFFLE {
        value = input(n, y / s, x / s, (c * s + y % s) * s + x % s);
    } else {
        let within = c % (s * s);
        value = input(n, y * s + within / s, x * s + within % s, c / (s * s));
    }
    out[item] = value;
}
