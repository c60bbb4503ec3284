// Sizes of a dense layer's backward pass, and dbias [slots, K], which is stored a value at a time whatever the width.
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

@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(6) var<uniform> params: DenseBackwardParams;

// Folding the grid of workgroups may leave slots over.
fn store_dbias(slot: u32, unit: u32, value: vec4<f32>) {
    if slot >= params.slots { return; }
    let start = slot * params.outputs;
    if unit < params.outputs { dbias[start + unit] = value.x; }
    if unit + 1u < params.outputs { dbias[start + unit + 1u] = value.y; }
    if unit + 2u < params.outputs { dbias[start + unit + 2u] = value.z; }
    if unit + 3u < params.outputs { dbias[start + unit + 3u] = value.w; }
}
