// Convolution products whose result has one to three values a pixel, where a tile of columns would be mostly unused.
//   left = y [N, OH, OW, K]   right = weight [K, taps, weight_channels]   out = x [N, H, W, C few]
//   GATHER, with a stride of one along lines: left = x [N, H, W, C]   out = y [N, OH, OW, K few]
//   extra: see lib/finish
// Without dilation. Places of the result are taken by phases (place % stride), as in conv_scatter. ONE invocation
// computes eight places that follow each other in a line of their phase: their windows overlap, and a pixel that was
// loaded serves all of them, while the eight move along the line that is read.
#import lib/index
#import lib/activation
#import lib/conv/params
#import lib/matmul/left_scalar
#import lib/matmul/right_scalar
#import lib/matmul/out_scalar
#import lib/matmul/finish

const LANES: u32 = 8u; // spec
const GATHER: bool = false; // spec
// Values of a pixel of the result.
const FEW: u32 = 1u; // spec
const AT_ONCE: u32 = 8u;

@group(0) @binding(4) var<uniform> params: ConvParams;

// Values of a pixel that is read.
fn inner() -> u32 {
    return select(params.filters, params.channels, GATHER);
}

fn read_width() -> u32 {
    return select(params.out_width, params.width, GATHER);
}

fn read_height() -> u32 {
    return select(params.out_height, params.height, GATHER);
}

fn load_pixel(line: u32, column: i32, first: u32) -> vec4<f32> {
    let inside = line != OUTSIDE && u32(column) < read_width();
    let at = select(0u, line + u32(column), inside) * inner() + first;
    return select(vec4<f32>(0.0), load_left(at, inner() - first), inside);
}

// Weights of four values that are read, to one that is made.
fn weights_at(first: u32, tap: u32, column: u32) -> vec4<f32> {
    let taps = params.kernel_height * params.kernel_width;
    if GATHER {
        let at = (column * taps + tap) * params.weight_channels + params.channel_offset + first;
        return load_right(at, inner() - first);
    }
    let last = inner() - 1u;
    let pitch = taps * params.weight_channels;
    let at = tap * params.weight_channels + params.channel_offset + column;
    return vec4<f32>(
        load_right(first * pitch + at, 1u).x, load_right(min(first + 1u, last) * pitch + at, 1u).x,
        load_right(min(first + 2u, last) * pitch + at, 1u).x, load_right(min(first + 3u, last) * pitch + at, 1u).x,
    );
}

// Eight pixels of the line that is read.
struct Window {
    p0: vec4<f32>, p1: vec4<f32>, p2: vec4<f32>, p3: vec4<f32>,
    p4: vec4<f32>, p5: vec4<f32>, p6: vec4<f32>, p7: vec4<f32>,
}

// One value of eight places.
struct Eight { low: vec4<f32>, high: vec4<f32> }

fn add_products(sums: Eight, w: Window, weights: vec4<f32>) -> Eight {
    return Eight(
        sums.low
            + vec4<f32>(dot(w.p0, weights), dot(w.p1, weights), dot(w.p2, weights), dot(w.p3, weights)),
        sums.high
            + vec4<f32>(dot(w.p4, weights), dot(w.p5, weights), dot(w.p6, weights), dot(w.p7, weights)),
    );
}

// The line that tap `kh` reads for line `i` of a phase: its first pixel, or OUTSIDE.
fn read_line(image: u32, i: u32, phase: u32, kh: u32) -> u32 {
    var line = i32(i * params.stride_y + kh) - i32(params.padding_y);
    if !GATHER { line = i32(i) + tap_shift(phase, params.padding_y, kh, params.stride_y); }
    let inside = u32(line) < read_height();
    return select(OUTSIDE, (image * read_height() + u32(line)) * read_width(), inside);
}

fn store_place(image: u32, y: u32, x: u32, sum: vec4<f32>) {
    let height = select(params.height, params.out_height, GATHER);
    let width = select(params.width, params.out_width, GATHER);
    if y >= height || x >= width { return; }
    let at = ((image * height + y) * width + x) * FEW;
    store_out(at, finish(sum, at, 0u, FEW), FEW);
}

fn store_four(image: u32, y: u32, x: u32, step: u32, v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>) {
    store_place(image, y, x, vec4<f32>(v0.x, v1.x, v2.x, 0.0));
    store_place(image, y, x + step, vec4<f32>(v0.y, v1.y, v2.y, 0.0));
    store_place(image, y, x + 2u * step, vec4<f32>(v0.z, v1.z, v2.z, 0.0));
    store_place(image, y, x + 3u * step, vec4<f32>(v0.w, v1.w, v2.w, 0.0));
}

@compute @workgroup_size(LANES)
fn conv_to_few_channels(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    var stride = vec2<u32>(params.stride_y, params.stride_x);
    var grid = (vec2<u32>(params.height, params.width) + stride - 1u) / stride;
    if GATHER {
        stride = vec2<u32>(1u);
        grid = vec2<u32>(params.out_height, params.out_width);
    }
    let strips = (grid.y + AT_ONCE - 1u) / AT_ONCE;
    let rows = params.batch * grid.x * strips;
    let row_groups = (rows + LANES - 1u) / LANES;
    let phase_y = group / row_groups / stride.y;
    let phase_x = group / row_groups % stride.y;
    if phase_y >= stride.x { return; }
    let row = min(group % row_groups * LANES + lane, rows - 1u);
    let image = row / (grid.x * strips);
    let i = row / strips % grid.x;
    let j = row % strips * AT_ONCE;
    var taps_y = Taps(0u, 1u, params.kernel_height);
    var taps_x = Taps(0u, 1u, params.kernel_width);
    // The place in the line that is read where the window of place j begins.
    var begin = i32(j) - i32(params.padding_x);
    if !GATHER {
        taps_y = phase_taps(phase_y, params.kernel_height, stride.x, params.padding_y);
        taps_x = phase_taps(phase_x, params.kernel_width, stride.y, params.padding_x);
        let last = taps_x.first + (max(taps_x.count, 1u) - 1u) * taps_x.step;
        begin = i32(j) + tap_shift(phase_x, params.padding_x, last, stride.y);
    }
    let zero = Eight(vec4<f32>(0.0), vec4<f32>(0.0));
    var v0 = zero;
    var v1 = zero;
    var v2 = zero;
    for (var down = 0u; down < taps_y.count; down += 1u) {
        let kh = taps_y.first + down * taps_y.step;
        let line = read_line(image, i, phase_y, kh);
        for (var first = 0u; first < inner(); first += 4u) {
            var w = Window(
                vec4<f32>(0.0), load_pixel(line, begin, first), load_pixel(line, begin + 1, first),
                load_pixel(line, begin + 2, first), load_pixel(line, begin + 3, first),
                load_pixel(line, begin + 4, first), load_pixel(line, begin + 5, first),
                load_pixel(line, begin + 6, first),
            );
            for (var along = 0u; along < taps_x.count; along += 1u) {
                w = Window(
                    w.p1, w.p2, w.p3, w.p4, w.p5, w.p6, w.p7, load_pixel(line, begin + i32(along) + 7, first),
                );
                // Further along the line that is read lie earlier taps, going against the convolution.
                let kw = select(taps_x.first + (taps_x.count - 1u - along) * taps_x.step, along, GATHER);
                let tap = kh * params.kernel_width + kw;
                v0 = add_products(v0, w, weights_at(first, tap, 0u));
                if FEW > 1u { v1 = add_products(v1, w, weights_at(first, tap, 1u)); }
                if FEW > 2u { v2 = add_products(v2, w, weights_at(first, tap, 2u)); }
            }
        }
    }
    if group % row_groups * LANES + lane >= rows { return; }
    let y = i * stride.x + phase_y;
    let x = j * stride.y + phase_x;
    store_four(image, y, x, stride.y, v0.low, v1.low, v2.low);
    store_four(image, y, x + 4u * stride.y, stride.y, v0.high, v1.high, v2.high);
}
