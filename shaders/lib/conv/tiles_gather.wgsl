// Tiles of a convolution: rows are output places, columns filters; the inner dimension is (tap, channel), with the
// channels rounded up to whole vec4s.
struct ProductTile { first_row: u32, first_column: u32, inner_begin: u32, inner_end: u32, slot: u32, corner: Corner }

fn channel_quads() -> u32 {
    return (params.channels + 3u) / 4u;
}

fn begin_tile(group: u32, local_index: u32) -> ProductTile {
    let column_tiles = (params.filters + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let first_row = group / column_tiles * TILE_ROWS;
    let inner = params.kernel_height * params.kernel_width * channel_quads() * 4u;
    // An invocation always loads for the same place.
    let corner = output_corner(first_row + local_index / K_QUADS);
    return ProductTile(first_row, group % column_tiles * TILE_COLUMNS, 0u, inner, 0u, corner);
}

fn stage_left(tile: ProductTile, k: u32, local_index: u32) {
    let quad = k / 4u + local_index % K_QUADS;
    let tap = quad / channel_quads();
    let channel = quad % channel_quads() * 4u;
    var x = vec4<f32>(0.0);
    if tap < params.kernel_height * params.kernel_width {
        let dy = tap / params.kernel_width * params.dilation;
        let dx = tap % params.kernel_width * params.dilation;
        let pixel = tap_pixel(tile.corner, dy, dx);
        if pixel != OUTSIDE {
            x = load_left(pixel * params.channels + channel, params.channels - channel);
        }
    }
    put_left_along_k(local_index % K_QUADS * 4u, local_index / K_QUADS, x);
}

fn stage_right(tile: ProductTile, k: u32, local_index: u32) {
    let quad = k / 4u + local_index % K_QUADS;
    let tap = quad / channel_quads();
    let channel = quad % channel_quads() * 4u;
    var w = vec4<f32>(0.0);
    if tap < params.kernel_height * params.kernel_width {
        let filter_index = min(tile.first_column + local_index / K_QUADS, params.filters - 1u);
        let row = filter_index * params.kernel_height * params.kernel_width + tap;
        w = load_right(row * params.weight_channels + params.channel_offset + channel, params.channels - channel);
    }
    put_right_along_k(local_index % K_QUADS * 4u, local_index / K_QUADS, w);
}

fn store_tile_row(tile: ProductTile, row: u32, column: u32, sum: vec4<f32>) {
    if row >= params.batch * params.out_height * params.out_width || column >= params.filters { return; }
    let at = row * params.filters + column;
    let count = params.filters - column;
    store_out(at, finish(sum, at, column, count), count);
}
