// Gradient of a convolution by its weights where x has one to three channels: for each slot of output places its own
// sum, as in conv_weights.
//   left = x [N, H, W, C few]   right = dy [N, OH, OW, K]   out = partials [slots, K, taps, C]
// ONE invocation computes two pairs of a tap and a channel by 16 filters over one slot: all lanes load the same of dy.
// That of the first column sums dy too, where the bias is asked for (lib/bias_summed).
#import lib/index
#import lib/conv/params
#import lib/matmul/left_scalar
#import lib/matmul/right_scalar
#import lib/matmul/out_scalar
#import lib/conv/window_walker
#import lib/matmul/bias_absent

const LANES: u32 = 8u; // spec
const FEW: u32 = 1u; // spec
const FILTERS_AT_ONCE: u32 = 16u;

@group(0) @binding(4) var<uniform> params: ConvParams;

// x under the tap that column stands for, at this place.
fn load_value(at: Walker, column: u32) -> f32 {
    let tap = column / FEW;
    let dy = tap / params.kernel_width * params.dilation;
    let dx = tap % params.kernel_width * params.dilation;
    let pixel = walker_pixel(at, dy, dx);
    let outside = pixel == OUTSIDE;
    return select(left[select(pixel, 0u, outside) * FEW + column % FEW], 0.0, outside);
}

// Beyond the last filter nothing is stored.
fn load_dy(row: u32, filter_index: u32) -> vec4<f32> {
    let first = min(filter_index, (params.filters - 1u) / 4u * 4u);
    return load_right(row * params.filters + first, params.filters - first);
}

fn store_partial(slot: u32, filter_index: u32, column: u32, value: f32) {
    if filter_index >= params.filters { return; }
    let columns = params.kernel_height * params.kernel_width * FEW;
    out[(slot * params.filters + filter_index) * columns + column] = value;
}

fn store_partials(slot: u32, filter_index: u32, column: u32, sum: vec4<f32>) {
    store_partial(slot, filter_index, column, sum.x);
    store_partial(slot, filter_index + 1u, column, sum.y);
    store_partial(slot, filter_index + 2u, column, sum.z);
    store_partial(slot, filter_index + 3u, column, sum.w);
}

fn store_column(
    slot: u32, filter_index: u32, column: u32, s0: vec4<f32>, s1: vec4<f32>, s2: vec4<f32>, s3: vec4<f32>,
) {
    if column >= params.kernel_height * params.kernel_width * FEW { return; }
    store_partials(slot, filter_index, column, s0);
    store_partials(slot, filter_index + 4u, column, s1);
    store_partials(slot, filter_index + 8u, column, s2);
    store_partials(slot, filter_index + 12u, column, s3);
}

@compute @workgroup_size(LANES)
fn conv_weights_few_channels(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_workgroup(workgroup_id, num_workgroups);
    let columns = params.kernel_height * params.kernel_width * FEW;
    let column_groups = (columns + 2u * LANES - 1u) / (2u * LANES);
    let filter_groups = (params.filters + FILTERS_AT_ONCE - 1u) / FILTERS_AT_ONCE;
    let slot = group / (column_groups * filter_groups);
    let filter_index = group / column_groups % filter_groups * FILTERS_AT_ONCE;
    if slot >= params.slots { return; }
    let column = group % column_groups * 2u * LANES + lane;
    let begin = slot * params.slot_rows;
    let end = min(begin + params.slot_rows, params.batch * params.out_height * params.out_width);
    var at = walker(begin);
    let sums_bias = SUMS_BIAS && column == 0u;
    var b0 = vec4<f32>(0.0);
    var b1 = vec4<f32>(0.0);
    var b2 = vec4<f32>(0.0);
    var b3 = vec4<f32>(0.0);
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    var next0 = vec4<f32>(0.0);
    var next1 = vec4<f32>(0.0);
    var next2 = vec4<f32>(0.0);
    var next3 = vec4<f32>(0.0);
    for (var row = begin; row < end; row += 1u) {
        let x = load_value(at, column);
        let next = load_value(at, column + LANES);
        let d0 = load_dy(row, filter_index);
        let d1 = load_dy(row, filter_index + 4u);
        let d2 = load_dy(row, filter_index + 8u);
        let d3 = load_dy(row, filter_index + 12u);
        s0 += x * d0;
        s1 += x * d1;
        s2 += x * d2;
        s3 += x * d3;
        next0 += next * d0;
        next1 += next * d1;
        next2 += next * d2;
        next3 += next * d3;
        if sums_bias {
            b0 += d0;
            b1 += d1;
            b2 += d2;
            b3 += d3;
        }
        at = walk(at);
    }
    if sums_bias {
        store_bias(slot, filter_index, b0);
        store_bias(slot, filter_index + 4u, b1);
        store_bias(slot, filter_index + 8u, b2);
        store_bias(slot, filter_index + 12u, b3);
    }
    store_column(slot, filter_index, column, s0, s1, s2, s3);
    store_column(slot, filter_index, column + LANES, next0, next1, next2, next3);
}
