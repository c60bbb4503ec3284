// Operands of a dense layer's backward pass where inputs and outputs are multiples of 4: every access is a vec4.
//   dout [N, K]   x [N, D]   weight [K, D]   dweight [slots, K, D]   dbias [slots, K]   dinp [N, D]
#import lib/dense/backward_params

@group(0) @binding(0) var<storage, read> dout: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dweight: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dinp: array<vec4<f32>>;

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
