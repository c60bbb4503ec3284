// Random shift, rotation, scale and mirroring of each image, read bilinearly; beyond the edge is zero.
//   x, out [N, H, W, C]
// The draw of image n is block (n, stream, step, 0), and a second one with 1 in the last place. ONE invocation makes one
// element.
#import lib/step
#import lib/index
#import lib/random/philox

struct AugmentParams {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    stream: u32,
    // 1: mirror left and right half of the time; 2: top and bottom; 3: both.
    mirror: u32,
    // Pixels.
    shift: f32,
    // Turns.
    rotate: f32,
    // Relative.
    scale: f32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: AugmentParams;

fn pixel(image: u32, row: i32, column: i32, channel: u32) -> f32 {
    if row < 0 || column < 0 || row >= i32(params.height) || column >= i32(params.width) { return 0.0; }
    return x[((image * params.height + u32(row)) * params.width + u32(column)) * params.channels + channel];
}

@compute @workgroup_size(WORKGROUP)
fn warp(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.height * params.width * params.channels { return; }
    let channel = item % params.channels;
    let place = item / params.channels;
    let column = place % params.width;
    let row = place / params.width % params.height;
    let image = place / params.width / params.height;
    let draw = 2.0 * unit_float(philox4x32(vec4<u32>(image, params.stream, step_state.step, 0u), step_state.seed)) - 1.0;
    let coins = philox4x32(vec4<u32>(image, params.stream, step_state.step, 1u), step_state.seed);
    let angle = 6.2831853 * params.rotate * draw.z;
    let factor = 1.0 / (1.0 + params.scale * draw.w);
    let center = 0.5 * (vec2<f32>(f32(params.height), f32(params.width)) - 1.0);
    var source = vec2<f32>(f32(row), f32(column)) - center;
    if (params.mirror & 2u) != 0u && (coins.x & 1u) != 0u { source.x = -source.x; }
    if (params.mirror & 1u) != 0u && (coins.y & 1u) != 0u { source.y = -source.y; }
    source = factor * vec2<f32>(cos(angle) * source.x - sin(angle) * source.y, sin(angle) * source.x + cos(angle) * source.y);
    source += center + params.shift * draw.xy;
    let corner = floor(source);
    let share = source - corner;
    let r = i32(corner.x);
    let c = i32(corner.y);
    let top = (1.0 - share.y) * pixel(image, r, c, channel) + share.y * pixel(image, r, c + 1, channel);
    let bottom = (1.0 - share.y) * pixel(image, r + 1, c, channel) + share.y * pixel(image, r + 1, c + 1, channel);
    out[item] = (1.0 - share.x) * top + share.x * bottom;
}
