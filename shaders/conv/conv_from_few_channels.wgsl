// Convolution products that read one to three values a pixel, where a vec4 of them would be mostly zeros.
//   GATHER: left = x [N, H, W, C few]   right = weight [K, taps, weight_channels]   out = y [N, OH, OW, K]
//   else, with a stride of one: left = y [N, OH, OW, K few]   out = x [N, H, W, C]
//   extra: see lib/finish
// ONE invocation computes 8 places by 16 columns, so that a loaded weight serves 8 places: loads are what costs where
// shaders run on the processor.
#import lib/index
#import lib/activation
#import lib/conv/params
#import lib/matmul/tile8x4
#import lib/matmul/left_scalar
#import lib/matmul/right_scalar
#import lib/matmul/out_scalar
#import lib/matmul/finish

const LANES: u32 = 8u; // spec
const GATHER: bool = true; // spec
// Values of a pixel that is read.
const FEW: u32 = 1u; // spec
const COLUMNS_AT_ONCE: u32 = 16u;

@group(0) @binding(4) var<uniform> params: ConvParams;

fn columns() -> u32 {
    return select(params.channels, params.filters, GATHER);
}

// Where the taps of a place lie in what is read.
fn first_corner(row: u32) -> Corner {
    if GATHER { return output_corner(row); }
    let place = min(row, params.batch * params.height * params.width - 1u);
    let image = place / (params.height * params.width);
    let inside = place % (params.height * params.width);
    return Corner(
        image * params.out_height * params.out_width,
        i32(inside / params.width + params.padding_y),
        i32(inside % params.width + params.padding_x),
    );
}

fn read_pixel(corner: Corner, dy: u32, dx: u32) -> u32 {
    if GATHER { return tap_pixel(corner, dy, dx); }
    let y = u32(corner.y - i32(dy));
    let x = u32(corner.x - i32(dx));
    let inside = y < params.out_height && x < params.out_width;
    return select(OUTSIDE, corner.image + y * params.out_width + x, inside);
}

fn load_value(corner: Corner, dy: u32, dx: u32, i: u32) -> f32 {
    let pixel = read_pixel(corner, dy, dx);
    let outside = pixel == OUTSIDE;
    return select(left[select(pixel, 0u, outside) * FEW + i], 0.0, outside);
}

fn weight_at(column: u32, tap: u32, value: u32) -> f32 {
    let there = min(column, columns() - 1u);
    let taps = params.kernel_height * params.kernel_width;
    let row = select(value, there, GATHER) * taps + tap;
    return right[row * params.weight_channels + params.channel_offset + select(there, value, GATHER)];
}

fn weights_at(column: u32, tap: u32, value: u32) -> vec4<f32> {
    return vec4<f32>(
        weight_at(column, tap, value), weight_at(column + 1u, tap, value),
        weight_at(column + 2u, tap, value), weight_at(column + 3u, tap, value),
    );
}

fn rows() -> u32 {
    return params.batch * select(params.height * params.width, params.out_height * params.out_width, GATHER);
}

fn store_columns(row: u32, column: u32, sum: vec4<f32>) {
    if row >= rows() || column >= columns() { return; }
    let at = row * columns() + column;
    let count = columns() - column;
    store_out(at, finish(sum, at, column, count), count);
}

fn store_tile(row: u32, column: u32, t: Tile8x4) {
    store_columns(row, column, t.r0);
    store_columns(row + 1u, column, t.r1);
    store_columns(row + 2u, column, t.r2);
    store_columns(row + 3u, column, t.r3);
    store_columns(row + 4u, column, t.r4);
    store_columns(row + 5u, column, t.r5);
    store_columns(row + 6u, column, t.r6);
    store_columns(row + 7u, column, t.r7);
}

@compute @workgroup_size(LANES)
fn conv_from_few_channels(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let column_groups = (columns() + COLUMNS_AT_ONCE - 1u) / COLUMNS_AT_ONCE;
    let row = (group / column_groups * LANES + lane) * 8u;
    let column = group % column_groups * COLUMNS_AT_ONCE;
    let o0 = first_corner(row);
    let o1 = first_corner(row + 1u);
    let o2 = first_corner(row + 2u);
    let o3 = first_corner(row + 3u);
    let o4 = first_corner(row + 4u);
    let o5 = first_corner(row + 5u);
    let o6 = first_corner(row + 6u);
    let o7 = first_corner(row + 7u);
    var t0 = tile_zero();
    var t1 = tile_zero();
    var t2 = tile_zero();
    var t3 = tile_zero();
    for (var kh = 0u; kh < params.kernel_height; kh += 1u) {
        for (var kw = 0u; kw < params.kernel_width; kw += 1u) {
            let tap = kh * params.kernel_width + kw;
            let dy = kh * params.dilation;
            let dx = kw * params.dilation;
            for (var i = 0u; i < FEW; i += 1u) {
                let low = vec4<f32>(
                    load_value(o0, dy, dx, i), load_value(o1, dy, dx, i),
                    load_value(o2, dy, dx, i), load_value(o3, dy, dx, i),
                );
                let high = vec4<f32>(
                    load_value(o4, dy, dx, i), load_value(o5, dy, dx, i),
                    load_value(o6, dy, dx, i), load_value(o7, dy, dx, i),
                );
                t0 = tile_add_products(t0, low, high, weights_at(column, tap, i));
                t1 = tile_add_products(t1, low, high, weights_at(column + 4u, tap, i));
                t2 = tile_add_products(t2, low, high, weights_at(column + 8u, tap, i));
                t3 = tile_add_products(t3, low, high, weights_at(column + 12u, tap, i));
            }
        }
    }
    store_tile(row, column, t0);
    store_tile(row, column + 4u, t1);
    store_tile(row, column + 8u, t2);
    store_tile(row, column + 12u, t3);
}
