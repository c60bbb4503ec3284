// Tiles of the way back through a convolution: rows are places of x of one phase, columns channels; the inner
// dimension is (tap of the phase, filter), with the filters rounded up to whole slices of vec4s.
struct ProductTile {
    first_row: u32, first_column: u32, inner_begin: u32, inner_end: u32, slot: u32,
    phase_y: u32, phase_x: u32, taps_y: Taps, taps_x: Taps, place: PhasePlace,
}

fn filter_quads() -> u32 {
    return (params.filters + 3u) / 4u;
}

fn begin_tile(group: u32, local_index: u32) -> ProductTile {
    let column_tiles = (params.channels + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let grid_height = (params.height + params.stride_y - 1u) / params.stride_y;
    let grid_width = (params.width + params.stride_x - 1u) / params.stride_x;
    let row_tiles = (params.batch * grid_height * grid_width + TILE_ROWS - 1u) / TILE_ROWS;
    let phase = group / (row_tiles * column_tiles);
    let phase_y = phase / params.stride_x;
    let phase_x = phase % params.stride_x;
    let first_row = group / column_tiles % row_tiles * TILE_ROWS;
    let taps_y = phase_taps(phase_y, params.kernel_height, params.stride_y, params.padding_y);
    let taps_x = phase_taps(phase_x, params.kernel_width, params.stride_x, params.padding_x);
    // Folding the grid of workgroups may leave some over: they do nothing.
    let inner = select(taps_y.count * taps_x.count * filter_quads() * 4u, 0u, phase_y >= params.stride_y);
    let place = phase_place(first_row + local_index / K_QUADS, phase_y, phase_x);
    return ProductTile(
        first_row, group % column_tiles * TILE_COLUMNS, 0u, inner, 0u, phase_y, phase_x, taps_y, taps_x, place,
    );
}

// The kernel's row and column of tap number `index` of the phase.
fn phase_tap(tile: ProductTile, index: u32) -> vec2<u32> {
    return vec2<u32>(
        tile.taps_y.first + index / tile.taps_x.count * tile.taps_y.step,
        tile.taps_x.first + index % tile.taps_x.count * tile.taps_x.step,
    );
}

fn stage_left(tile: ProductTile, k: u32, local_index: u32) {
    let quad = k / 4u + local_index % K_QUADS;
    var y = vec4<f32>(0.0);
    if quad * 4u < tile.inner_end {
        let tap = phase_tap(tile, quad / filter_quads());
        let filter_index = quad % filter_quads() * 4u;
        let dy = tap_shift(tile.phase_y, params.padding_y, tap.x, params.stride_y);
        let dx = tap_shift(tile.phase_x, params.padding_x, tap.y, params.stride_x);
        let pixel = shifted_pixel(tile.place, dy, dx);
        if pixel != OUTSIDE {
            y = load_left(pixel * params.filters + filter_index, params.filters - filter_index);
        }
    }
    put_left_along_k(local_index % K_QUADS * 4u, local_index / K_QUADS, y);
}

fn stage_right(tile: ProductTile, k: u32, local_index: u32) {
    let slice_row = local_index / COLUMN_QUADS;
    let column_quad = local_index % COLUMN_QUADS;
    let inner = k + slice_row;
    var w = vec4<f32>(0.0);
    let column = tile.first_column + column_quad * 4u;
    if inner < tile.inner_end && column < params.channels {
        let tap = phase_tap(tile, inner / (filter_quads() * 4u));
        // Beyond the last filter y is zero, whatever weight is repeated there.
        let filter_index = min(inner % (filter_quads() * 4u), params.filters - 1u);
        let row = (filter_index * params.kernel_height + tap.x) * params.kernel_width + tap.y;
        w = load_right(row * params.weight_channels + params.channel_offset + column, params.channels - column);
    }
    right_tile[slice_row * RIGHT_STRIDE + column_quad] = w;
}

fn store_tile_row(tile: ProductTile, row: u32, column: u32, sum: vec4<f32>) {
    let pixel = phase_place(row, tile.phase_y, tile.phase_x).pixel;
    if tile.phase_y >= params.stride_y || pixel == OUTSIDE || column >= params.channels { return; }
    let at = pixel * params.channels + column;
    let count = params.channels - column;
    store_out(at, finish(sum, at, column, count), count);
}
