//! Icon of the window: the mark on a dark tile, drawn in code so that no image file is shipped.

use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Transform};
use winit::window::Icon;

use crate::style::{DARK, Rgb};

const SIDE: u32 = 128;

fn paint(rgb: Rgb) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(Color::from_rgba8(rgb.0, rgb.1, rgb.2, 255));
    paint.anti_alias = true;
    paint
}

/// Draws the icon as RGBA with straight alpha; `None` if that fails.
fn pixels() -> Option<Vec<u8>> {
    let mut map = Pixmap::new(SIDE, SIDE)?;
    let side = SIDE as f32;
    let (radius, edge) = (side * 0.22, side);
    let mut tile = PathBuilder::new();
    tile.move_to(radius, 0.0);
    tile.line_to(edge - radius, 0.0);
    tile.quad_to(edge, 0.0, edge, radius);
    tile.line_to(edge, edge - radius);
    tile.quad_to(edge, edge, edge - radius, edge);
    tile.line_to(radius, edge);
    tile.quad_to(0.0, edge, 0.0, edge - radius);
    tile.line_to(0.0, radius);
    tile.quad_to(0.0, 0.0, radius, 0.0);
    tile.close();
    map.fill_path(&tile.finish()?, &paint(DARK.panel), FillRule::Winding, Transform::identity(), None);
    // The same mark as in the top bar.
    let mut mark = PathBuilder::new();
    for corners in
        [[(0.24, 0.18), (0.76, 0.18), (0.54, 0.5), (0.46, 0.5)], [(0.46, 0.5), (0.54, 0.5), (0.76, 0.82), (0.24, 0.82)]]
    {
        let [(x, y), rest @ ..] = corners;
        mark.move_to(x * side, y * side);
        rest.iter().for_each(|(x, y)| mark.line_to(x * side, y * side));
        mark.close();
    }
    map.fill_path(&mark.finish()?, &paint(DARK.accent), FillRule::Winding, Transform::identity(), None);
    let straight = map.pixels().iter().flat_map(|pixel| {
        let color = pixel.demultiply();
        [color.red(), color.green(), color.blue(), color.alpha()]
    });
    Some(straight.collect())
}

pub(crate) fn window_icon() -> Option<Icon> {
    Icon::from_rgba(pixels()?, SIDE, SIDE).ok()
}
