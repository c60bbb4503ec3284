// The gradient by the weights alone: the bias belongs to the other side, or was summed with another input.
const SUMS_BIAS: bool = false;

fn store_bias(slot: u32, filter_index: u32, sum: vec4<f32>) {}

fn store_bias_value(slot: u32, filter_index: u32, sum: f32) {}
