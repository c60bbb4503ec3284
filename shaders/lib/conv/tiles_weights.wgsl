// Tiles of the gradient by a convolution's weights: rows are filters, columns (tap, channel) with the channels
// rounded up to whole vec4s; the inner dimension is the output places of one slot.
struct ProductTile { first_row: u32, first_column: u32, inner_begin: u32, inner_end: u32, slot: u32 }

fn channel_quads() -> u32 {
    return (params.channels + 3u) / 4u;
}

fn begin_tile(group: u32, local_index: u32) -> ProductTile {
    let columns = params.kernel_height * params.kernel_width * channel_quads() * 4u;
    let column_tiles = (columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let row_tiles = (params.filters + TILE_ROWS - 1u) / TILE_ROWS;
    let slot = group / (row_tiles * column_tiles);
    let places = params.batch * params.out_height * params.out_width;
    let begin = min(slot * params.slot_rows, places);
    return ProductTile(
        group / column_tiles % row_tiles * TILE_ROWS, group % column_tiles * TILE_COLUMNS,
        begin, min(begin + params.slot_rows, places), slot,
    );
}

fn stage_left(tile: ProductTile, k: u32, local_index: u32) {
    let slice_row = local_index / ROW_QUADS;
    let quad = local_index % ROW_QUADS;
    let place = k + slice_row;
    let filter_index = tile.first_row + quad * 4u;
    var dy = vec4<f32>(0.0);
    if place < tile.inner_end && filter_index < params.filters {
        dy = load_right(place * params.filters + filter_index, params.filters - filter_index);
    }
    left_tile[slice_row * LEFT_STRIDE + quad] = dy;
}

fn stage_right(tile: ProductTile, k: u32, local_index: u32) {
    let slice_row = local_index / COLUMN_QUADS;
    let quad = local_index % COLUMN_QUADS;
    let place = k + slice_row;
    let column_quad = tile.first_column / 4u + quad;
    let tap = column_quad / channel_quads();
    let channel = column_quad % channel_quads() * 4u;
    var x = vec4<f32>(0.0);
    if place < tile.inner_end && tap < params.kernel_height * params.kernel_width {
        let down = tap / params.kernel_width * params.dilation;
        let along = tap % params.kernel_width * params.dilation;
        let pixel = tap_pixel(output_corner(place), down, along);
        if pixel != OUTSIDE {
            x = load_left(pixel * params.channels + channel, params.channels - channel);
        }
    }
    right_tile[slice_row * RIGHT_STRIDE + quad] = x;
}

fn store_tile_row(tile: ProductTile, row: u32, column: u32, sum: vec4<f32>) {
    let column_quad = column / 4u;
    let tap = column_quad / channel_quads();
    let channel = column_quad % channel_quads() * 4u;
    let taps = params.kernel_height * params.kernel_width;
    if tile.slot >= params.slots || row >= params.filters || tap >= taps { return; }
    let at = ((tile.slot * params.filters + row) * taps + tap) * params.channels + channel;
    store_out(at, sum, params.channels - channel);
}
