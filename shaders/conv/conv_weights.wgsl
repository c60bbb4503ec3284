// Gradient of a convolution by its weights, without workgroup memory: for each slot of output places its own sum.
//   left = x [N, H, W, C]   right = dy [N, OH, OW, K]   out = partials [slots, K, taps, C]
// The places are split in slots because their number is large and the result small; reduce_slots adds the slots in
// order. ONE invocation computes 8 filters by 4 channels of one tap over one slot;
// that of the first column sums dy too, where the bias is asked for (lib/bias_summed).
#import lib/index
#import lib/matmul/tile8x4
#import lib/conv/params
#import lib/matmul/memory_scalar
#import lib/conv/window_walker
#import lib/matmul/bias_absent

const LANES: u32 = 8u;

@group(0) @binding(4) var<uniform> params: ConvParams;

// x under the tap at this place; zero outside the image and from `end` on.
fn load_tap(at: Walker, dy: u32, dx: u32, channel: u32, end: u32) -> vec4<f32> {
    let pixel = walker_pixel(at, dy, dx);
    let inside = pixel != OUTSIDE && at.row < end;
    let value = load_left(select(0u, pixel, inside) * params.channels + channel, params.channels - channel);
    return select(vec4<f32>(0.0), value, inside);
}

fn load_dy(at: Walker, filter_index: u32, end: u32) -> vec4<f32> {
    // Beyond the last filter nothing is stored; beyond the last place x is zero.
    let first = min(filter_index, (params.filters - 1u) / 4u * 4u);
    return load_right(min(at.row, end - 1u) * params.filters + first, params.filters - first);
}

fn store_partial(slot: u32, filter_index: u32, tap: u32, channel: u32, sum: vec4<f32>) {
    if filter_index >= params.filters { return; }
    let taps = params.kernel_height * params.kernel_width;
    let row = (slot * params.filters + filter_index) * taps + tap;
    store_out(row * params.channels + channel, sum, params.channels - channel);
}

@compute @workgroup_size(LANES)
fn conv_weights(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let quads = (params.channels + 3u) / 4u;
    let columns = params.kernel_height * params.kernel_width * quads;
    let column_groups = (columns + LANES - 1u) / LANES;
    let filter_groups = (params.filters + 7u) / 8u;
    let slot = group / (column_groups * filter_groups);
    let filter_index = group / column_groups % filter_groups * 8u;
    let column = group % column_groups * LANES + lane;
    if slot >= params.slots || column >= columns { return; }
    let tap = column / quads;
    let channel = column % quads * 4u;
    let dy = tap / params.kernel_width * params.dilation;
    let dx = tap % params.kernel_width * params.dilation;
    let begin = slot * params.slot_rows;
    let end = min(begin + params.slot_rows, params.batch * params.out_height * params.out_width);
    var at = walker(begin);
    let sums_bias = SUMS_BIAS && column == 0u;
    var bias_low = vec4<f32>(0.0);
    var bias_high = vec4<f32>(0.0);
    var t = tile_zero();
    for (var step = begin; step < end; step += 4u) {
        let m0 = at;
        let m1 = walk(m0);
        let m2 = walk(m1);
        let m3 = walk(m2);
        at = walk(m3);
        let p0 = load_dy(m0, filter_index, end);
        let p1 = load_dy(m1, filter_index, end);
        let p2 = load_dy(m2, filter_index, end);
        let p3 = load_dy(m3, filter_index, end);
        let q0 = load_dy(m0, filter_index + 4u, end);
        let q1 = load_dy(m1, filter_index + 4u, end);
        let q2 = load_dy(m2, filter_index + 4u, end);
        let q3 = load_dy(m3, filter_index + 4u, end);
        let a = Tile8x4(
            vec4<f32>(p0.x, p1.x, p2.x, p3.x), vec4<f32>(p0.y, p1.y, p2.y, p3.y),
            vec4<f32>(p0.z, p1.z, p2.z, p3.z), vec4<f32>(p0.w, p1.w, p2.w, p3.w),
            vec4<f32>(q0.x, q1.x, q2.x, q3.x), vec4<f32>(q0.y, q1.y, q2.y, q3.y),
            vec4<f32>(q0.z, q1.z, q2.z, q3.z), vec4<f32>(q0.w, q1.w, q2.w, q3.w),
        );
        t = tile_multiply_add(
            t, a, load_tap(m0, dy, dx, channel, end), load_tap(m1, dy, dx, channel, end),
            load_tap(m2, dy, dx, channel, end), load_tap(m3, dy, dx, channel, end),
        );
        if sums_bias {
            let there = vec4<f32>(vec4<u32>(m0.row, m1.row, m2.row, m3.row) < vec4<u32>(end));
            bias_low += there.x * p0 + there.y * p1 + there.z * p2 + there.w * p3;
            bias_high += there.x * q0 + there.y * q1 + there.z * q2 + there.w * q3;
        }
    }
    store_partial(slot, filter_index, tap, channel, t.r0);
    store_partial(slot, filter_index + 1u, tap, channel, t.r1);
    store_partial(slot, filter_index + 2u, tap, channel, t.r2);
    store_partial(slot, filter_index + 3u, tap, channel, t.r3);
    store_partial(slot, filter_index + 4u, tap, channel, t.r4);
    store_partial(slot, filter_index + 5u, tap, channel, t.r5);
    store_partial(slot, filter_index + 6u, tap, channel, t.r6);
    store_partial(slot, filter_index + 7u, tap, channel, t.r7);
    if sums_bias {
        store_bias(slot, filter_index, bias_low);
        store_bias(slot, filter_index + 4u, bias_high);
    }
}
