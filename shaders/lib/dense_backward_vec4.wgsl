// Operands of a dense layer's backward pass where inputs and outputs are multiples of 4: every access is a vec4.
//   dout [N, K]   x [N, D]   weight [K, D]   dweight [slots, K, D]   dbias [slots, K]   dinp [N, D]
struct DenseBackwardParams {
    batch: u32,
    inputs: u32,
    outputs: u32,
    // Parts of the batch that dweight and dbias are summed over, each on its own.
    slots: u32,
    slot_rows: u32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

@group(0) @binding(0) var<storage, read> dout: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dweight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(5) var<storage, read_write> dinp: array<vec4<f32>>;
@group(0) @binding(6) var<uniform> params: DenseBackwardParams;

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

// Folding the grid of workgroups may leave slots over.
fn store_dweight(slot: u32, unit: u32, feature: u32, value: vec4<f32>) {
    if unit < params.outputs && feature < params.inputs && slot < params.slots {
        dweight[((slot * params.outputs + unit) * params.inputs + feature) / 4u] = value;
    }
}

fn store_dinp(row: u32, feature: u32, value: vec4<f32>) {
    if row < params.batch && feature < params.inputs {
        dinp[(row * params.inputs + feature) / 4u] = value;
    }
}

fn store_dbias(slot: u32, unit: u32, value: vec4<f32>) {
    if slot >= params.slots { return; }
    let start = slot * params.outputs;
    if unit < params.outputs { dbias[start + unit] = value.x; }
    if unit + 1u < params.outputs { dbias[start + unit + 1u] = value.y; }
    if unit + 2u < params.outputs { dbias[start + unit + 2u] = value.z; }
    if unit + 3u < params.outputs { dbias[start + unit + 3u] = value.w; }
}
