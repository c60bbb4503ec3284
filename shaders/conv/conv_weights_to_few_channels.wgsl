// Gradient of a convolution by its weights where y has one to three values a pixel and strides and dilation are 1: for
// each slot of output places its own sum, as in conv_weights.
//   left = x [N, H, W, C]   right = dy [N, OH, OW, K few]   out = partials [slots, K, taps, C]
// ONE invocation computes 3 by 3 taps (fewer at the kernel's edges) by 4 channels of one filter over one slot. Along a line
// the columns of x under the taps slide: each place loads the one that comes in and a single value of dy.
// That of the first taps and channels sums dy too, where the bias is asked for (lib/bias_summed).
#import lib/index
#import lib/conv/params
#import lib/matmul/left_scalar
#import lib/matmul/right_scalar
#import lib/matmul/out_scalar
#import lib/matmul/bias_absent

const LANES: u32 = 8u; // spec
const BLOCK: u32 = 3u;

@group(0) @binding(4) var<uniform> params: ConvParams;

// Four channels of three pixels below each other.
struct Column { p0: vec4<f32>, p1: vec4<f32>, p2: vec4<f32> }

// Zero outside the image.
fn load_pixel(image: u32, y: u32, x: u32, channel: u32) -> vec4<f32> {
    let inside = y < params.height && x < params.width;
    let pixel = select(0u, (image * params.height + y) * params.width + x, inside);
    let value = load_left(pixel * params.channels + channel, params.channels - channel);
    return select(vec4<f32>(0.0), value, inside);
}

fn load_column(image: u32, y: u32, x: u32, channel: u32) -> Column {
    return Column(
        load_pixel(image, y, x, channel), load_pixel(image, y + 1u, x, channel), load_pixel(image, y + 2u, x, channel),
    );
}

fn column_zero() -> Column {
    let zero = vec4<f32>(0.0);
    return Column(zero, zero, zero);
}

fn add_column(sums: Column, column: Column, gradient: f32) -> Column {
    return Column(
        sums.p0 + gradient * column.p0, sums.p1 + gradient * column.p1, sums.p2 + gradient * column.p2,
    );
}

fn store_tap(row: u32, down: u32, along: u32, channel: u32, sum: vec4<f32>) {
    if down >= params.kernel_height || along >= params.kernel_width { return; }
    let taps = params.kernel_height * params.kernel_width;
    let at = (row * taps + down * params.kernel_width + along) * params.channels + channel;
    store_out(at, sum, params.channels - channel);
}

fn store_column(row: u32, down: u32, along: u32, channel: u32, sums: Column) {
    store_tap(row, down, along, channel, sums.p0);
    store_tap(row, down + 1u, along, channel, sums.p1);
    store_tap(row, down + 2u, along, channel, sums.p2);
}

@compute @workgroup_size(LANES)
fn conv_weights_to_few_channels(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * LANES + lane;
    let quads = (params.channels + 3u) / 4u;
    let blocks_along = (params.kernel_width + BLOCK - 1u) / BLOCK;
    let blocks_down = (params.kernel_height + BLOCK - 1u) / BLOCK;
    let channel = item % quads * 4u;
    let slot = item / quads % params.slots;
    let block = item / quads / params.slots;
    let down = block / blocks_along % blocks_down * BLOCK;
    let along = block % blocks_along * BLOCK;
    let filter_index = block / (blocks_along * blocks_down);
    if filter_index >= params.filters { return; }
    let places = params.out_height * params.out_width;
    let begin = slot * params.slot_rows;
    let end = min(begin + params.slot_rows, params.batch * places);
    var bias = 0.0;
    var s0 = column_zero();
    var s1 = column_zero();
    var s2 = column_zero();
    var row = begin;
    while row < end {
        // What the slot has of one line of y.
        let image = row / places;
        let ox = row % params.out_width;
        let line_end = min(end, row + params.out_width - ox);
        // Outside the image these wrap around and are larger than it.
        let y = row % places / params.out_width + down - params.padding_y;
        var x = ox + along - params.padding_x;
        var c0 = load_column(image, y, x, channel);
        var c1 = load_column(image, y, x + 1u, channel);
        for (; row < line_end; row += 1u) {
            let c2 = load_column(image, y, x + 2u, channel);
            let gradient = right[row * params.filters + filter_index];
            bias += gradient;
            s0 = add_column(s0, c0, gradient);
            s1 = add_column(s1, c1, gradient);
            s2 = add_column(s2, c2, gradient);
            c0 = c1;
            c1 = c2;
            x += 1u;
        }
    }
    if SUMS_BIAS && channel == 0u && down == 0u && along == 0u { store_bias_value(slot, filter_index, bias); }
    let at = slot * params.filters + filter_index;
    store_column(at, down, along, channel, s0);
    store_column(at, down, along + 1u, channel, s1);
    store_column(at, down, along + 2u, channel, s2);
}
