// A square tile of a matrix product, 64 by 64 by 256 invocations or 32 by 32 by 64: slices of 16 along the inner
// dimension go through workgroup memory, each invocation keeps 4 by 4 sums in registers.
const TILE: u32 = 64u; // spec
const TILE_K: u32 = 16u;
const TILE_QUADS: u32 = TILE / 4u;
const TILE_THREADS: u32 = TILE_QUADS * TILE_QUADS;
// One vec4 of padding a row keeps neighbouring rows out of the same banks.
const TILE_STRIDE: u32 = TILE_QUADS + 1u;
// vec4s of one side of a slice.
const SLICE_QUADS: u32 = TILE * TILE_K / 4u;

// left_tile[k][row], right_tile[k][column], four to an element.
var<workgroup> left_tile: array<vec4<f32>, TILE_K * TILE_STRIDE>;
var<workgroup> right_tile: array<vec4<f32>, TILE_K * TILE_STRIDE>;

struct Tile4x4 {
    r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32>, r3: vec4<f32>,
}

fn tile4x4_zero() -> Tile4x4 {
    let zero = vec4<f32>(0.0);
    return Tile4x4(zero, zero, zero, zero);
}

// The slice lies along k in memory: `value` is one row (or column) at k .. k + 4.
fn put_left_along_k(k: u32, row: u32, value: vec4<f32>) {
    left_tile[k * TILE_STRIDE + row / 4u][row & 3u] = value.x;
    left_tile[(k + 1u) * TILE_STRIDE + row / 4u][row & 3u] = value.y;
    left_tile[(k + 2u) * TILE_STRIDE + row / 4u][row & 3u] = value.z;
    left_tile[(k + 3u) * TILE_STRIDE + row / 4u][row & 3u] = value.w;
}

fn put_right_along_k(k: u32, column: u32, value: vec4<f32>) {
    right_tile[k * TILE_STRIDE + column / 4u][column & 3u] = value.x;
    right_tile[(k + 1u) * TILE_STRIDE + column / 4u][column & 3u] = value.y;
    right_tile[(k + 2u) * TILE_STRIDE + column / 4u][column & 3u] = value.z;
    right_tile[(k + 3u) * TILE_STRIDE + column / 4u][column & 3u] = value.w;
}

fn multiply_tiles(sums: Tile4x4, tile_row: u32, tile_column: u32) -> Tile4x4 {
    var t = sums;
    for (var k = 0u; k < TILE_K; k += 1u) {
        let a = left_tile[k * TILE_STRIDE + tile_row];
        let b = right_tile[k * TILE_STRIDE + tile_column];
        t.r0 += a.x * b;
        t.r1 += a.y * b;
        t.r2 += a.z * b;
        t.r3 += a.w * b;
    }
    return t;
}
