// A place that walks along the rows of the output, without a division a step. Needs lib/conv_params.
struct Walker { row: u32, image: u32, oy: u32, ox: u32 }

fn walker(row: u32) -> Walker {
    let places = params.out_height * params.out_width;
    return Walker(row, row / places, row % places / params.out_width, row % places % params.out_width);
}

fn walk(source: Walker) -> Walker {
    var next = Walker(source.row + 1u, source.image, source.oy, source.ox + 1u);
    if next.ox == params.out_width {
        next.ox = 0u;
        next.oy += 1u;
        if next.oy == params.out_height {
            next.oy = 0u;
            next.image += 1u;
        }
    }
    return next;
}

// The pixel of x under a tap at (dy, dx) of the window, or OUTSIDE.
fn walker_pixel(at: Walker, dy: u32, dx: u32) -> u32 {
    let y = at.oy * params.stride_y + dy - params.padding_y;
    let x = at.ox * params.stride_x + dx - params.padding_x;
    return select(OUTSIDE, (at.image * params.height + y) * params.width + x, y < params.height && x < params.width);
}
