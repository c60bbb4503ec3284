// Convolution as implicit GEMM, without workgroup memory: each output place gathers its window.
//   left = x [N, H, W, C]   right = weight [K, taps, weight_channels]   extra: see lib/finish   out = y [N, OH, OW, K]
// ONE invocation computes 8 places by 4 filters. The lanes of a workgroup are COLUMN_LANES along the filters by the
// rest along the places, so that few filters leave no lane idle.
#import lib/index
#import lib/activation
#import lib/matmul/tile8x4
#import lib/conv/params
#import lib/matmul/memory_scalar
#import lib/matmul/finish

const LANES: u32 = 8u;
const COLUMN_LANES: u32 = 8u; // spec

@group(0) @binding(4) var<uniform> params: ConvParams;

fn load_tap(pixel: u32, channel: u32) -> vec4<f32> {
    let at = select(pixel, 0u, pixel == OUTSIDE) * params.channels + channel;
    return select(load_left(at, params.channels - channel), vec4<f32>(0.0), pixel == OUTSIDE);
}

fn load_weight(filter_index: u32, tap: u32, channel: u32) -> vec4<f32> {
    let row = min(filter_index, params.filters - 1u) * params.kernel_height * params.kernel_width + tap;
    return load_right(row * params.weight_channels + params.channel_offset + channel, params.channels - channel);
}

fn store_row(row: u32, column: u32, sum: vec4<f32>) {
    if row >= params.batch * params.out_height * params.out_width || column >= params.filters { return; }
    let at = row * params.filters + column;
    let count = params.filters - column;
    store_out(at, finish(sum, at, column, count), count);
}

@compute @workgroup_size(LANES)
fn conv_gather(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let column_groups = (params.filters + 4u * COLUMN_LANES - 1u) / (4u * COLUMN_LANES);
    let row = (group / column_groups * (LANES / COLUMN_LANES) + lane / COLUMN_LANES) * 8u;
    let column = (group % column_groups * COLUMN_LANES + lane % COLUMN_LANES) * 4u;
    let o0 = output_corner(row);
    let o1 = output_corner(row + 1u);
    let o2 = output_corner(row + 2u);
    let o3 = output_corner(row + 3u);
    let o4 = output_corner(row + 4u);
    let o5 = output_corner(row + 5u);
    let o6 = output_corner(row + 6u);
    let o7 = output_corner(row + 7u);
    var t = tile_zero();
    for (var kh = 0u; kh < params.kernel_height; kh += 1u) {
        for (var kw = 0u; kw < params.kernel_width; kw += 1u) {
            let tap = kh * params.kernel_width + kw;
            let dy = kh * params.dilation;
            let dx = kw * params.dilation;
            let p0 = tap_pixel(o0, dy, dx);
            let p1 = tap_pixel(o1, dy, dx);
            let p2 = tap_pixel(o2, dy, dx);
            let p3 = tap_pixel(o3, dy, dx);
            let p4 = tap_pixel(o4, dy, dx);
            let p5 = tap_pixel(o5, dy, dx);
            let p6 = tap_pixel(o6, dy, dx);
            let p7 = tap_pixel(o7, dy, dx);
            for (var c = 0u; c < params.channels; c += 4u) {
                let a = Tile8x4(
                    load_tap(p0, c), load_tap(p1, c), load_tap(p2, c), load_tap(p3, c),
                    load_tap(p4, c), load_tap(p5, c), load_tap(p6, c), load_tap(p7, c),
                );
                let w0 = load_weight(column, tap, c);
                let w1 = load_weight(column + 1u, tap, c);
                let w2 = load_weight(column + 2u, tap, c);
                let w3 = load_weight(column + 3u, tap, c);
                t = tile_multiply_add(
                    t, a,
                    vec4<f32>(w0.x, w1.x, w2.x, w3.x), vec4<f32>(w0.y, w1.y, w2.y, w3.y),
                    vec4<f32>(w0.z, w1.z, w2.z, w3.z), vec4<f32>(w0.w, w1.w, w2.w, w3.w),
                );
            }
        }
    }
    store_row(row, column, t.r0);
    store_row(row + 1u, column, t.r1);
    store_row(row + 2u, column, t.r2);
    store_row(row + 3u, column, t.r3);
    store_row(row + 4u, column, t.r4);
    store_row(row + 5u, column, t.r5);
    store_row(row + 6u, column, t.r6);
    store_row(row + 7u, column, t.r7);
}
