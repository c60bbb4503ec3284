// Numbers of the least values of each row, such as its nearest neighbors among distances.
//   values [rows, columns]   out [rows, KEPT]: columns of the least values, the least first, of equal ones the lower column
// ONE workgroup of 64 handles one row: invocation i keeps the least of columns i, i + 64, i + 128, ... in order, and a
// tree merges the 64 lists.
#import lib/index

struct LeastParams {
    rows: u32,
    columns: u32,
    padding1: u32,
    padding2: u32,
}

const LANES: u32 = 64u;
const KEPT: u32 = 8u;
const NOTHING: f32 = 3.4e38;

@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: LeastParams;

var<workgroup> list_values: array<f32, 512>;
var<workgroup> list_columns: array<u32, 512>;

fn comes_before(value: f32, column: u32, other: f32, other_column: u32) -> bool {
    return value < other || (value == other && column < other_column);
}

@compute @workgroup_size(LANES)
fn least_columns(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = linear_workgroup(workgroup_id, num_workgroups);
    // The same for all invocations of a workgroup: none waits at a barrier for one that has left.
    if row >= params.rows { return; }
    let base = local_index * KEPT;
    for (var at = 0u; at < KEPT; at += 1u) {
        list_values[base + at] = NOTHING;
        list_columns[base + at] = 0xffffffffu;
    }
    for (var column = local_index; column < params.columns; column += LANES) {
        let value = values[row * params.columns + column];
        // Columns come in rising order: a later one of the same value comes after.
        if value < list_values[base + KEPT - 1u] {
            var at = KEPT - 1u;
            for (; at > 0u && value < list_values[base + at - 1u]; at -= 1u) {
                list_values[base + at] = list_values[base + at - 1u];
                list_columns[base + at] = list_columns[base + at - 1u];
            }
            list_values[base + at] = value;
            list_columns[base + at] = column;
        }
    }
    workgroupBarrier();
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        var merged_values: array<f32, 8>;
        var merged_columns: array<u32, 8>;
        if local_index < width {
            let other = (local_index + width) * KEPT;
            var left = 0u;
            var right = 0u;
            for (var at = 0u; at < KEPT; at += 1u) {
                let value = list_values[base + left];
                let column = list_columns[base + left];
                let other_value = list_values[other + right];
                let other_column = list_columns[other + right];
                if comes_before(value, column, other_value, other_column) {
                    merged_values[at] = value;
                    merged_columns[at] = column;
                    left += 1u;
                } else {
                    merged_values[at] = other_value;
                    merged_columns[at] = other_column;
                    right += 1u;
                }
            }
        }
        workgroupBarrier();
        if local_index < width {
            for (var at = 0u; at < KEPT; at += 1u) {
                list_values[base + at] = merged_values[at];
                list_columns[base + at] = merged_columns[at];
            }
        }
        workgroupBarrier();
    }
    if local_index < KEPT {
        // Rows of fewer columns than are kept repeat the last.
        out[row * KEPT + local_index] = f32(min(list_columns[local_index], params.columns - 1u));
    }
}
