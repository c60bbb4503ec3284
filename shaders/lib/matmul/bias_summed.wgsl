// Beside the gradient by the weights, the sums of dy itself: [slots, K], the gradient by a convolution's bias.
const SUMS_BIAS: bool = true;

@group(0) @binding(5) var<storage, read_write> bias_sums: array<f32>;

fn store_bias(slot: u32, filter_index: u32, sum: vec4<f32>) {
    let start = slot * params.filters;
    if slot >= params.slots { return; }
    if filter_index < params.filters { bias_sums[start + filter_index] = sum.x; }
    if filter_index + 1u < params.filters { bias_sums[start + filter_index + 1u] = sum.y; }
    if filter_index + 2u < params.filters { bias_sums[start + filter_index + 2u] = sum.z; }
    if filter_index + 3u < params.filters { bias_sums[start + filter_index + 3u] = sum.w; }
}

fn store_bias_value(slot: u32, filter_index: u32, sum: f32) {
    if slot < params.slots && filter_index < params.filters { bias_sums[slot * params.filters + filter_index] = sum; }
}
