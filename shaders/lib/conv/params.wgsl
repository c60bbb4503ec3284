// Geometry that the three products of a convolution share.
//   x [N, H, W, C]: the fine side     y [N, OH, OW, K]: the coarse side     weight [K, taps, weight_channels]
// Output place (oy, ox) and tap (kh, kw) meet input place (oy stride - padding + kh dilation, likewise in x).
// Of the weight's channels this call sees C, from channel_offset on: a skip connection is a second call.
struct ConvParams {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    out_height: u32,
    out_width: u32,
    filters: u32,
    kernel_height: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    padding_y: u32,
    padding_x: u32,
    dilation: u32,
    weight_channels: u32,
    channel_offset: u32,
    // Split of the pixels for the gradient of the weights.
    slots: u32,
    slot_rows: u32,
    padding1: u32,
    padding2: u32,
}

const OUTSIDE: u32 = 0xffffffffu;

// Where the window of an output place begins in x: pixels of the images before it, and signed coordinates.
struct Corner { image: u32, y: i32, x: i32 }

fn output_corner(row: u32) -> Corner {
    let place = min(row, params.batch * params.out_height * params.out_width - 1u);
    let image = place / (params.out_height * params.out_width);
    let inside = place % (params.out_height * params.out_width);
    return Corner(
        image * params.height * params.width,
        i32(inside / params.out_width * params.stride_y) - i32(params.padding_y),
        i32(inside % params.out_width * params.stride_x) - i32(params.padding_x),
    );
}

// The pixel of x under a tap at (dy, dx) of the window, or OUTSIDE.
fn tap_pixel(corner: Corner, dy: u32, dx: u32) -> u32 {
    let y = u32(corner.y + i32(dy));
    let x = u32(corner.x + i32(dx));
    return select(OUTSIDE, corner.image + y * params.width + x, y < params.height && x < params.width);
}

// Taps of one axis that reach places of x with a given phase (place % stride): first, step and count.
struct Taps { first: u32, step: u32, count: u32 }

fn phase_taps(phase: u32, kernel: u32, stride: u32, padding: u32) -> Taps {
    var step = stride;
    if stride % 2u == 0u && params.dilation % 2u == 0u { step = stride / 2u; }
    for (var tap = 0u; tap < min(kernel, step); tap += 1u) {
        // Whether phase + padding - tap dilation is a multiple of the stride.
        if (phase + padding + stride * kernel * params.dilation - tap * params.dilation) % stride == 0u {
            return Taps(tap, step, (kernel - tap + step - 1u) / step);
        }
    }
    return Taps(0u, 1u, 0u);
}

// A place of x within its phase: pixels of y before its image, coordinates in the phase's grid, and its own pixel.
struct PhasePlace { image: u32, i: i32, j: i32, pixel: u32 }

fn phase_place(row: u32, phase_y: u32, phase_x: u32) -> PhasePlace {
    let grid_height = (params.height + params.stride_y - 1u) / params.stride_y;
    let grid_width = (params.width + params.stride_x - 1u) / params.stride_x;
    let place = min(row, params.batch * grid_height * grid_width - 1u);
    let image = place / (grid_height * grid_width);
    let inside = place % (grid_height * grid_width);
    let i = inside / grid_width;
    let j = inside % grid_width;
    let y = i * params.stride_y + phase_y;
    let x = j * params.stride_x + phase_x;
    let there = y < params.height && x < params.width && row == place;
    let pixel = select(OUTSIDE, (image * params.height + y) * params.width + x, there);
    return PhasePlace(image * params.out_height * params.out_width, i32(i), i32(j), pixel);
}

// What a tap adds to a place's coordinate to find its place in y: (phase + padding - tap dilation) / stride, exact.
fn tap_shift(phase: u32, padding: u32, tap: u32, stride: u32) -> i32 {
    return (i32(phase + padding) - i32(tap * params.dilation)) / i32(stride);
}

fn shifted_pixel(place: PhasePlace, shift_y: i32, shift_x: i32) -> u32 {
    let y = u32(place.i + shift_y);
    let x = u32(place.j + shift_x);
    let inside = y < params.out_height && x < params.out_width;
    return select(OUTSIDE, place.image + y * params.out_width + x, inside);
}
