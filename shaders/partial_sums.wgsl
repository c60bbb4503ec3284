// Long sums in two stages: slots of rows first, then the slots in their order.
#import lib/index

struct PartialSumParams {
    // Rows and columns of the input of column_sums; elements of a slot for reduce_slots.
    rows: u32,
    columns: u32,
    slots: u32,
    slot_rows: u32,
    // Where reduce_slots puts element i: i / run * pitch + offset + i % run.
    run: u32,
    pitch: u32,
    offset: u32,
    // Elements and slots of the second sum of reduce_slots_and_bias.
    bias_columns: u32,
    bias_slots: u32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: PartialSumParams;
@group(0) @binding(3) var<storage, read> bias_values: array<f32>;
@group(0) @binding(4) var<storage, read_write> bias_out: array<f32>;

// out [slots, columns] = sums over the rows of each slot of values [rows, columns]. ONE invocation sums one column
// of one slot.
@compute @workgroup_size(WORKGROUP)
fn column_sums(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.slots * params.columns { return; }
    let slot = item / params.columns;
    let column = item % params.columns;
    let end = min((slot + 1u) * params.slot_rows, params.rows);
    var sum = 0.0;
    for (var row = slot * params.slot_rows; row < end; row += 1u) {
        sum += values[row * params.columns + column];
    }
    out[item] = sum;
}

fn reduce_element(item: u32) {
    var sum = 0.0;
    for (var slot = 0u; slot < params.slots; slot += 1u) {
        sum += values[slot * params.columns + item];
    }
    out[item / params.run * params.pitch + params.offset + item % params.run] = sum;
}

// out[place of i] = sum over slots of values [slots, columns] in order. ONE invocation sums one element.
@compute @workgroup_size(WORKGROUP)
fn reduce_slots(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item < params.columns { reduce_element(item); }
}

// The same, and bias_out = sum over slots of bias_values [bias_slots, bias_columns] in order: the two gradients of a layer
// in one dispatch.
@compute @workgroup_size(WORKGROUP)
fn reduce_slots_and_bias(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item < params.columns {
        reduce_element(item);
        return;
    }
    let column = item - params.columns;
    if column >= params.bias_columns { return; }
    var sum = 0.0;
    for (var slot = 0u; slot < params.bias_slots; slot += 1u) {
        sum += bias_values[slot * params.bias_columns + column];
    }
    bias_out[column] = sum;
}
