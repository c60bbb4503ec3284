// Operands of a dense layer's backward pass where inputs and outputs are multiples of 4: every access is a vec4.
//   dout [N, K]   x [N, D]   weight [K, D]   dweight [K, D]   dbias [K]   dinp [N, D]
struct DenseParams {
    batch: u32,
    inputs: u32,
    outputs: u32,
    padding1: u32,
}

@group(0) @binding(0) var<storage, read> dout: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dweight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(5) var<storage, read_write> dinp: array<vec4<f32>>;
@group(0) @binding(6) var<uniform> params: DenseParams;

// Rows and units beyond the end repeat the last ones along directions that are never stored, and are zero along
// directions that are summed over.
fn load_dout(row: u32, unit: u32) -> vec4<f32> {
    let value = dout[(min(row, params.batch - 1u) * params.outputs + min(unit, params.outputs - 4u)) / 4u];
    return select(vec4<f32>(0.0), value, row < params.batch && unit < params.outputs);
}

fn load_x(row: u32, feature: u32) -> vec4<f32> {
    return x[(min(row, params.batch - 1u) * params.inputs + min(feature, params.inputs - 4u)) / 4u];
}

fn load_weight(unit: u32, feature: u32) -> vec4<f32> {
    return weight[(min(unit, params.outputs - 1u) * params.inputs + min(feature, params.inputs - 4u)) / 4u];
}

fn store_dweight(unit: u32, feature: u32, value: vec4<f32>) {
    if unit < params.outputs && feature < params.inputs {
        dweight[(unit * params.inputs + feature) / 4u] = value;
    }
}

fn store_dinp(row: u32, feature: u32, value: vec4<f32>) {
    if row < params.batch && feature < params.inputs {
        dinp[(row * params.inputs + feature) / 4u] = value;
    }
}

fn store_dbias(unit: u32, value: vec4<f32>) {
    if unit < params.outputs { dbias[unit] = value.x; }
    if unit + 1u < params.outputs { dbias[unit + 1u] = value.y; }
    if unit + 2u < params.outputs { dbias[unit + 2u] = value.z; }
    if unit + 3u < params.outputs { dbias[unit + 3u] = value.w; }
}
