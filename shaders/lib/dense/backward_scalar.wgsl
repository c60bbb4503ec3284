// Operands of a dense layer's backward pass of any width: four scalars a load.
//   dout [N, K]   x [N, D]   weight [K, D]   dweight [slots, K, D]   dbias [slots, K]   dinp [N, D]
#import lib/dense/backward_params

@group(0) @binding(0) var<storage, read> dout: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dinp: array<f32>;

// Zero beyond the end: rows or units are summed over here, whatever the pass.
fn load_dout(row: u32, unit: u32) -> vec4<f32> {
    let start = min(row, params.batch - 1u) * params.outputs;
    let last = params.outputs - 1u;
    let inside = vec4<u32>(unit, unit + 1u, unit + 2u, unit + 3u) <= vec4<u32>(last);
    let value = vec4<f32>(
        dout[start + min(unit, last)], dout[start + min(unit + 1u, last)],
        dout[start + min(unit + 2u, last)], dout[start + min(unit + 3u, last)],
    );
    return select(vec4<f32>(0.0), value, inside & vec4<bool>(row < params.batch));
}

fn load_x(row: u32, feature: u32) -> vec4<f32> {
    let start = min(row, params.batch - 1u) * params.inputs;
    let last = params.inputs - 1u;
    return vec4<f32>(
        x[start + min(feature, last)], x[start + min(feature + 1u, last)],
        x[start + min(feature + 2u, last)], x[start + min(feature + 3u, last)],
    );
}

fn load_weight(unit: u32, feature: u32) -> vec4<f32> {
    let start = min(unit, params.outputs - 1u) * params.inputs;
    let last = params.inputs - 1u;
    return vec4<f32>(
        weight[start + min(feature, last)], weight[start + min(feature + 1u, last)],
        weight[start + min(feature + 2u, last)], weight[start + min(feature + 3u, last)],
    );
}

// Folding the grid of workgroups may leave slots over.
fn store_dweight(slot: u32, unit: u32, feature: u32, value: vec4<f32>) {
    if unit >= params.outputs || slot >= params.slots { return; }
    let start = (slot * params.outputs + unit) * params.inputs;
    if feature < params.inputs { dweight[start + feature] = value.x; }
    if feature + 1u < params.inputs { dweight[start + feature + 1u] = value.y; }
    if feature + 2u < params.inputs { dweight[start + feature + 2u] = value.z; }
    if feature + 3u < params.inputs { dweight[start + feature + 3u] = value.w; }
}

fn store_dinp(row: u32, feature: u32, value: vec4<f32>) {
    if row >= params.batch { return; }
    let start = row * params.inputs;
    if feature < params.inputs { dinp[start + feature] = value.x; }
    if feature + 1u < params.inputs { dinp[start + feature + 1u] = value.y; }
    if feature + 2u < params.inputs { dinp[start + feature + 2u] = value.z; }
    if feature + 3u < params.inputs { dinp[start + feature + 3u] = value.w; }
}
