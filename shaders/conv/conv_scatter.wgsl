// The other way through a convolution: each place of x sums what reaches it from y. It is the gradient by a
// convolution's input, and the forward pass of a transposed convolution. Without workgroup memory.
//   left = y [N, OH, OW, K]   right = weight [K, taps, weight_channels]   extra: see lib/finish   out = x [N, H, W, C]
// Places are taken by phases (place % stride): all of a phase are reached by the same taps, so that no product with
// an inserted zero is ever made. ONE invocation computes 8 places of one phase by 4 channels.
#import lib/index
#import lib/activation
#import lib/matmul/tile8x4
#import lib/conv/params
#import lib/matmul/memory_scalar
#import lib/matmul/finish

const LANES: u32 = 8u;
const COLUMN_LANES: u32 = 8u; // spec

@group(0) @binding(4) var<uniform> params: ConvParams;

fn load_y(pixel: u32, filter_index: u32) -> vec4<f32> {
    let at = select(pixel, 0u, pixel == OUTSIDE) * params.filters + filter_index;
    return select(load_left(at, params.filters - filter_index), vec4<f32>(0.0), pixel == OUTSIDE);
}

fn load_weight(filter_index: u32, tap: u32, column: u32) -> vec4<f32> {
    let row = min(filter_index, params.filters - 1u) * params.kernel_height * params.kernel_width + tap;
    let channel = min(column, (params.channels - 1u) / 4u * 4u);
    return load_right(row * params.weight_channels + params.channel_offset + channel, params.channels - channel);
}

fn store_place(pixel: u32, column: u32, sum: vec4<f32>) {
    if pixel == OUTSIDE || column >= params.channels { return; }
    let at = pixel * params.channels + column;
    let count = params.channels - column;
    store_out(at, finish(sum, at, column, count), count);
}

@compute @workgroup_size(LANES)
fn conv_scatter(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let column_groups = (params.channels + 4u * COLUMN_LANES - 1u) / (4u * COLUMN_LANES);
    let grid_height = (params.height + params.stride_y - 1u) / params.stride_y;
    let grid_width = (params.width + params.stride_x - 1u) / params.stride_x;
    let rows_at_once = 8u * (LANES / COLUMN_LANES);
    let row_groups = (params.batch * grid_height * grid_width + rows_at_once - 1u) / rows_at_once;
    let phase = group / (row_groups * column_groups);
    if phase >= params.stride_y * params.stride_x { return; }
    let phase_y = phase / params.stride_x;
    let phase_x = phase % params.stride_x;
    let row = (group / column_groups % row_groups * (LANES / COLUMN_LANES) + lane / COLUMN_LANES) * 8u;
    let column = (group % column_groups * COLUMN_LANES + lane % COLUMN_LANES) * 4u;
    let o0 = phase_place(row, phase_y, phase_x);
    let o1 = phase_place(row + 1u, phase_y, phase_x);
    let o2 = phase_place(row + 2u, phase_y, phase_x);
    let o3 = phase_place(row + 3u, phase_y, phase_x);
    let o4 = phase_place(row + 4u, phase_y, phase_x);
    let o5 = phase_place(row + 5u, phase_y, phase_x);
    let o6 = phase_place(row + 6u, phase_y, phase_x);
    let o7 = phase_place(row + 7u, phase_y, phase_x);
    let taps_y = phase_taps(phase_y, params.kernel_height, params.stride_y, params.padding_y);
    let taps_x = phase_taps(phase_x, params.kernel_width, params.stride_x, params.padding_x);
    var t = tile_zero();
    for (var i = 0u; i < taps_y.count; i += 1u) {
        let kh = taps_y.first + i * taps_y.step;
        let dy = tap_shift(phase_y, params.padding_y, kh, params.stride_y);
        for (var j = 0u; j < taps_x.count; j += 1u) {
            let kw = taps_x.first + j * taps_x.step;
            let dx = tap_shift(phase_x, params.padding_x, kw, params.stride_x);
            let tap = kh * params.kernel_width + kw;
            let p0 = shifted_pixel(o0, dy, dx);
            let p1 = shifted_pixel(o1, dy, dx);
            let p2 = shifted_pixel(o2, dy, dx);
            let p3 = shifted_pixel(o3, dy, dx);
            let p4 = shifted_pixel(o4, dy, dx);
            let p5 = shifted_pixel(o5, dy, dx);
            let p6 = shifted_pixel(o6, dy, dx);
            let p7 = shifted_pixel(o7, dy, dx);
            for (var f = 0u; f < params.filters; f += 4u) {
                let a = Tile8x4(
                    load_y(p0, f), load_y(p1, f), load_y(p2, f), load_y(p3, f),
                    load_y(p4, f), load_y(p5, f), load_y(p6, f), load_y(p7, f),
                );
                t = tile_multiply_add(
                    t, a, load_weight(f, tap, column), load_weight(f + 1u, tap, column),
                    load_weight(f + 2u, tap, column), load_weight(f + 3u, tap, column),
                );
            }
        }
    }
    store_place(o0.pixel, column, t.r0);
    store_place(o1.pixel, column, t.r1);
    store_place(o2.pixel, column, t.r2);
    store_place(o3.pixel, column, t.r3);
    store_place(o4.pixel, column, t.r4);
    store_place(o5.pixel, column, t.r5);
    store_place(o6.pixel, column, t.r6);
    store_place(o7.pixel, column, t.r7);
}
