// Operands of a dense layer's forward pass where inputs and outputs are multiples of 4: every access is a vec4.
//   x [N, D]   weight [K, D]   bias [K]   out [N, K]
struct DenseParams {
    batch: u32,
    inputs: u32,
    outputs: u32,
    padding1: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: DenseParams;

// Rows beyond the end repeat the last one: what they produce is never stored.
fn load_x(row: u32, k: u32) -> vec4<f32> {
    return x[(min(row, params.batch - 1u) * params.inputs + k) / 4u];
}

fn load_weight(unit: u32, k: u32) -> vec4<f32> {
    return weight[(min(unit, params.outputs - 1u) * params.inputs + k) / 4u];
}

fn load_bias(unit: u32) -> vec4<f32> {
    return bias[min(unit, params.outputs - 4u) / 4u];
}

fn store_out(row: u32, unit: u32, value: vec4<f32>) {
    if row < params.batch && unit < params.outputs {
        out[(row * params.outputs + unit) / 4u] = value;
    }
}
