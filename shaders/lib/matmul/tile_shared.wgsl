// A tile of a matrix product through workgroup memory: slices of TILE_K along the inner dimension are put there, each
// invocation keeps one block of 4 by 4 sums in registers, or four of them half a tile apart.
// 64 by 64 by 256 invocations; 32 by 32 by 64; 128 by 32 (or 32 by 128) by 256; 128 by 128 by 256 with four blocks each.
const TILE_ROWS: u32 = 64u; // spec
const TILE_COLUMNS: u32 = 64u; // spec
const TILE_K: u32 = 16u; // spec
// Along each axis, of an invocation: from four values loaded a step come 16 products with one, from eight 64 with two.
const BLOCKS: u32 = 1u; // spec
const ROW_QUADS: u32 = TILE_ROWS / 4u;
const COLUMN_QUADS: u32 = TILE_COLUMNS / 4u;
const K_QUADS: u32 = TILE_K / 4u;
// Rows and columns of the invocations.
const BLOCK_ROWS: u32 = ROW_QUADS / BLOCKS;
const BLOCK_COLUMNS: u32 = COLUMN_QUADS / BLOCKS;
const TILE_THREADS: u32 = BLOCK_ROWS * BLOCK_COLUMNS;
// One vec4 of padding a row keeps neighboring rows out of the same banks.
const LEFT_STRIDE: u32 = ROW_QUADS + 1u;
const RIGHT_STRIDE: u32 = COLUMN_QUADS + 1u;
// vec4s of each side of a slice.
const LEFT_QUADS: u32 = TILE_ROWS * K_QUADS;
const RIGHT_QUADS: u32 = TILE_COLUMNS * K_QUADS;

// left_tile[k][row], right_tile[k][column], four to an element.
var<workgroup> left_tile: array<vec4<f32>, TILE_K * LEFT_STRIDE>;
var<workgroup> right_tile: array<vec4<f32>, TILE_K * RIGHT_STRIDE>;

struct Block {
    r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32>, r3: vec4<f32>,
}

// Of one invocation: upper left, upper right, lower left, lower right. With one block the others stay zero and are never
// looked at, so no driver keeps them.
struct Blocks { b00: Block, b01: Block, b10: Block, b11: Block }

fn blocks_zero() -> Blocks {
    let zero = vec4<f32>(0.0);
    let block = Block(zero, zero, zero, zero);
    return Blocks(block, block, block, block);
}

// The slice lies along k in memory: `value` is one row (or column) at k .. k + 4.
fn put_left_along_k(k: u32, row: u32, value: vec4<f32>) {
    left_tile[k * LEFT_STRIDE + row / 4u][row & 3u] = value.x;
    left_tile[(k + 1u) * LEFT_STRIDE + row / 4u][row & 3u] = value.y;
    left_tile[(k + 2u) * LEFT_STRIDE + row / 4u][row & 3u] = value.z;
    left_tile[(k + 3u) * LEFT_STRIDE + row / 4u][row & 3u] = value.w;
}

fn put_right_along_k(k: u32, column: u32, value: vec4<f32>) {
    right_tile[k * RIGHT_STRIDE + column / 4u][column & 3u] = value.x;
    right_tile[(k + 1u) * RIGHT_STRIDE + column / 4u][column & 3u] = value.y;
    right_tile[(k + 2u) * RIGHT_STRIDE + column / 4u][column & 3u] = value.z;
    right_tile[(k + 3u) * RIGHT_STRIDE + column / 4u][column & 3u] = value.w;
}

fn add_products(sums: Block, a: vec4<f32>, b: vec4<f32>) -> Block {
    return Block(sums.r0 + a.x * b, sums.r1 + a.y * b, sums.r2 + a.z * b, sums.r3 + a.w * b);
}

fn multiply_slices(sums: Blocks, block_row: u32, block_column: u32) -> Blocks {
    var t = sums;
    for (var k = 0u; k < TILE_K; k += 1u) {
        let a0 = left_tile[k * LEFT_STRIDE + block_row];
        let b0 = right_tile[k * RIGHT_STRIDE + block_column];
        t.b00 = add_products(t.b00, a0, b0);
        if BLOCKS == 2u {
            let a1 = left_tile[k * LEFT_STRIDE + BLOCK_ROWS + block_row];
            let b1 = right_tile[k * RIGHT_STRIDE + BLOCK_COLUMNS + block_column];
            t.b01 = add_products(t.b01, a0, b1);
            t.b10 = add_products(t.b10, a1, b0);
            t.b11 = add_products(t.b11, a1, b1);
        }
    }
    return t;
}
