//! Best and worst rows of a model: input, reconstruction and error.

use egui::{Align2, Color32, ColorImage, Rect, Sense, TextureHandle, TextureOptions, Ui, pos2, vec2};

use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{card_title, paragraph};
use crate::style;
use crate::style::{Palette, size};
use crate::tasks::{ExtremeRow, Extremes};

const NAMES: f32 = 48.0;
/// Height of a group's title.
const TITLE: f32 = 24.0;
/// Tiles per line.
const ACROSS: usize = 8;
const LINES: [(&str, &str); 3] = [
    ("input", "Input of the network, corrupted for denoising models"),
    ("output", "Reconstruction"),
    ("error", "Absolute error of each value: dark is low, bright is high"),
];

/// Returns the height of the card at `width`.
pub(crate) fn height(width: f32) -> f32 {
    let side = (width - 2.0 * 16.0 - NAMES) / ACROSS as f32;
    2.0 * 16.0 + 26.0 + 2.0 * (TITLE + 3.0 * (side + 3.0)) + 6.0
}

/// Draws rows into one texture, each in a column.
pub(super) fn picture(context: &egui::Context, rows: &[ExtremeRow], _: &Palette) -> Option<TextureHandle> {
    let side = rows.first()?.seen.side;
    let width = rows.len() * side;
    let mut pixels = vec![Color32::BLACK; width * 3 * side];
    for (column, row) in rows.iter().enumerate() {
        for (line, raster) in [&row.seen, &row.output, &row.error].into_iter().enumerate() {
            for (y, values) in raster.pixels.chunks_exact(side).enumerate() {
                let start = (line * side + y) * width + column * side;
                for (pixel, &value) in pixels[start..start + side].iter_mut().zip(values) {
                    *pixel = color(value);
                }
            }
        }
    }
    let image = ColorImage::new([width, 3 * side], pixels);
    Some(context.load_texture("extremes", image, TextureOptions::NEAREST))
}

pub(crate) fn extremes_ui(
    ui: &mut Ui,
    palette: &Palette,
    inside: Rect,
    noun: &str,
    extremes: &Extremes,
    pictures: &[Option<TextureHandle>; 2],
) {
    card_title(ui, palette, inside, &format!("Best and worst {noun}"), "");
    if extremes.best.is_empty() {
        let words = &format!("No {noun} to show.");
        let at = pos2(inside.left(), inside.top() + 32.0);
        paragraph(ui, at, inside.width(), words, regular(size::TEXT), color(palette.muted));
        return;
    }
    let room = (inside.height() - 26.0) / 2.0;
    let side = ((inside.width() - NAMES) / ACROSS as f32).min((room - TITLE) / 3.0 - 3.0).max(8.0);
    let mut y = inside.top() + 28.0;
    for (name, rows, picture) in [("Best", &extremes.best, &pictures[0]), ("Worst", &extremes.worst, &pictures[1])] {
        let (Some(first), Some(picture)) = (rows.first(), picture) else { continue };
        let at = pos2(inside.left(), y + 10.0);
        let title = ui.painter().text(at, Align2::LEFT_CENTER, name, semibold(size::SECOND), color(palette.text));
        let at = pos2(title.right() + 6.0, y + 10.0);
        let words = format!("MSE {}", style::figure(first.mse));
        ui.painter().text(at, Align2::LEFT_CENTER, words, regular(size::SECOND), color(palette.muted));
        y += TITLE;
        for (line, (what, help)) in LINES.iter().enumerate() {
            let at = pos2(inside.left(), y + side / 2.0);
            ui.painter().text(at, Align2::LEFT_CENTER, *what, regular(size::AXIS), color(palette.muted));
            let strip = Rect::from_min_size(pos2(inside.left() + NAMES, y), vec2(side * rows.len() as f32, side));
            let part = Rect::from_min_max(pos2(0.0, line as f32 / 3.0), pos2(1.0, (line + 1) as f32 / 3.0));
            ui.painter().image(picture.id(), strip, part, Color32::WHITE);
            let label = format!("{name} rows, {what}");
            let response = ui.interact(strip, ui.scope_id().with(("extremes", &label)), Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, &label));
            let over = response.hover_pos().map(|at| ((at.x - strip.left()) / side) as usize);
            match over.and_then(|column| rows.get(column)) {
                Some(row) => {
                    response.on_hover_text(format!("{help}. Test row {}, MSE {}", row.row, style::figure(row.mse)));
                }
                None => drop(response.on_hover_text(*help)),
            }
            y += side + 3.0;
        }
        y += 6.0;
    }
}
