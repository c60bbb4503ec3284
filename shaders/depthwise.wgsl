// Depthwise convolution: each channel has its own window.
//   x [N, H, W, C]   weight [taps, C]   y [N, OH, OW, C]   geometry as in lib/conv_params, with K = C
// ONE invocation makes one element; neighboring invocations are neighboring channels.
#import lib/index
#import lib/activation
#import lib/conv/params
#import lib/matmul/memory_scalar
#import lib/matmul/finish

const WORKGROUP: u32 = 64u;

@group(0) @binding(4) var<uniform> params: ConvParams;

// left = x, right = weight, extra: see lib/finish, out = y
@compute @workgroup_size(WORKGROUP)
fn depthwise_gather(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.out_height * params.out_width * params.channels { return; }
    let channel = item % params.channels;
    let corner = output_corner(item / params.channels);
    var sum = 0.0;
    for (var kh = 0u; kh < params.kernel_height; kh += 1u) {
        for (var kw = 0u; kw < params.kernel_width; kw += 1u) {
            let pixel = tap_pixel(corner, kh * params.dilation, kw * params.dilation);
            if pixel != OUTSIDE {
                let tap = kh * params.kernel_width + kw;
                sum += left[pixel * params.channels + channel] * right[tap * params.channels + channel];
            }
        }
    }
    store_out(item, finish(vec4<f32>(sum), item, channel, 1u), 1u);
}

// left = y, right = weight, out = x
@compute @workgroup_size(WORKGROUP)
fn depthwise_scatter(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.height * params.width * params.channels { return; }
    let channel = item % params.channels;
    let pixel = item / params.channels;
    let x = pixel % params.width;
    let y = pixel / params.width % params.height;
    let image = pixel / params.width / params.height * params.out_height * params.out_width;
    let taps_y = phase_taps(y % params.stride_y, params.kernel_height, params.stride_y, params.padding_y);
    let taps_x = phase_taps(x % params.stride_x, params.kernel_width, params.stride_x, params.padding_x);
    let place = PhasePlace(image, i32(y / params.stride_y), i32(x / params.stride_x), pixel);
    var sum = 0.0;
    for (var i = 0u; i < taps_y.count; i += 1u) {
        let kh = taps_y.first + i * taps_y.step;
        let dy = tap_shift(y % params.stride_y, params.padding_y, kh, params.stride_y);
        for (var j = 0u; j < taps_x.count; j += 1u) {
            let kw = taps_x.first + j * taps_x.step;
            let dx = tap_shift(x % params.stride_x, params.padding_x, kw, params.stride_x);
            let source = shifted_pixel(place, dy, dx);
            if source != OUTSIDE {
                let tap = kh * params.kernel_width + kw;
                sum += left[source * params.channels + channel] * right[tap * params.channels + channel];
            }
        }
    }
    store_out(item, finish(vec4<f32>(sum), item, channel, 1u), 1u);
}

// left = x, right = dy, out = partials [slots, taps, C]
@compute @workgroup_size(WORKGROUP)
fn depthwise_weights(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    let taps = params.kernel_height * params.kernel_width;
    if item >= params.slots * taps * params.channels { return; }
    let channel = item % params.channels;
    let tap = item / params.channels % taps;
    let slot = item / params.channels / taps;
    let dy = tap / params.kernel_width * params.dilation;
    let dx = tap % params.kernel_width * params.dilation;
    let begin = slot * params.slot_rows;
    let end = min(begin + params.slot_rows, params.batch * params.out_height * params.out_width);
    var sum = 0.0;
    for (var place = begin; place < end; place += 1u) {
        let pixel = tap_pixel(output_corner(place), dy, dx);
        if pixel != OUTSIDE {
            sum += left[pixel * params.channels + channel] * right[place * params.channels + channel];
        }
    }
    store_out(item, vec4<f32>(sum), 1u);
}
