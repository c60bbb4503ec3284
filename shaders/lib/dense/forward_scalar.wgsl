// Operands of a dense layer's forward pass of any width: four scalars a load, zero beyond the end of a row.
//   x [N, D]   weight [K, D]   bias [K]   out [N, K]
struct DenseParams {
    batch: u32,
    inputs: u32,
    outputs: u32,
    padding1: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(0) @binding(4) var<uniform> params: DenseParams;

fn load_x(row: u32, k: u32) -> vec4<f32> {
    let start = min(row, params.batch - 1u) * params.inputs;
    let last = params.inputs - 1u;
    let inside = vec4<u32>(k, k + 1u, k + 2u, k + 3u) <= vec4<u32>(last);
    let value = vec4<f32>(
        x[start + min(k, last)], x[start + min(k + 1u, last)],
        x[start + min(k + 2u, last)], x[start + min(k + 3u, last)],
    );
    return select(vec4<f32>(0.0), value, inside);
}

fn load_weight(unit: u32, k: u32) -> vec4<f32> {
    let start = min(unit, params.outputs - 1u) * params.inputs;
    let last = params.inputs - 1u;
    let inside = vec4<u32>(k, k + 1u, k + 2u, k + 3u) <= vec4<u32>(last);
    let value = vec4<f32>(
        weight[start + min(k, last)], weight[start + min(k + 1u, last)],
        weight[start + min(k + 2u, last)], weight[start + min(k + 3u, last)],
    );
    return select(vec4<f32>(0.0), value, inside);
}

fn load_bias(unit: u32) -> vec4<f32> {
    let last = params.outputs - 1u;
    return vec4<f32>(
        bias[min(unit, last)], bias[min(unit + 1u, last)], bias[min(unit + 2u, last)], bias[min(unit + 3u, last)],
    );
}

fn store_out(row: u32, unit: u32, value: vec4<f32>) {
    if row >= params.batch { return; }
    let start = row * params.outputs;
    if unit < params.outputs { out[start + unit] = value.x; }
    if unit + 1u < params.outputs { out[start + unit + 1u] = value.y; }
    if unit + 2u < params.outputs { out[start + unit + 2u] = value.z; }
    if unit + 3u < params.outputs { out[start + unit + 3u] = value.w; }
}
