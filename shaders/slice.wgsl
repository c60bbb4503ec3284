// Parts of rows, and one row for many pixels. Where columns and offset are multiples of 4, an element is four of them, and
// they are counted so.
#import lib/index
#import lib/element_scalar

struct SliceParams {
    rows: u32,
    // Columns of the input and of the output.
    columns: u32,
    out_columns: u32,
    // First column of the part.
    offset: u32,
    // Rows that share one row of the second input.
    sharing: u32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> first: array<Element>;
@group(0) @binding(1) var<storage, read> second: array<Element>;
@group(0) @binding(2) var<storage, read_write> out: array<Element>;
@group(0) @binding(3) var<uniform> params: SliceParams;

// out [rows, out_columns] = first [rows, columns] from column `offset` on. ONE invocation copies one element.
@compute @workgroup_size(WORKGROUP)
fn slice(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.rows * params.out_columns { return; }
    out[item] = first[item / params.out_columns * params.columns + params.offset + item % params.out_columns];
}

// The way back: first [rows, columns] goes to the columns from `offset` on of out [rows, out_columns], zero elsewhere.
// ONE invocation makes one element.
@compute @workgroup_size(WORKGROUP)
fn pad(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.rows * params.out_columns { return; }
    let column = item % params.out_columns - params.offset;
    var value = Element(0.0);
    if column < params.columns { value = first[item / params.out_columns * params.columns + column]; }
    out[item] = value;
}

// out [rows, columns] = first [rows, columns] + second [rows / sharing, columns]. ONE invocation makes one element.
@compute @workgroup_size(WORKGROUP)
fn add_rows(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.rows * params.columns { return; }
    out[item] = first[item] + second[item / params.columns / params.sharing * params.columns + item % params.columns];
}

// out [rows, columns] = first [rows, columns] * second [rows / sharing]: a number for each sample. ONE invocation makes
// one element.
@compute @workgroup_size(WORKGROUP)
fn scale_rows(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.rows * params.columns { return; }
    out[item] = first[item] * second[item / params.columns / params.sharing];
}
