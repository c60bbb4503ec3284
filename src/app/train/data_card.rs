//! Data card: thumbnails, size and split.

use egui::{Align2, CornerRadius, Rect, Ui, pos2, vec2};

use super::reconstructions::ReconstructionsCard;
use crate::app::ui::theme::{color, regular};
use crate::app::ui::widgets::{card_title, text_label, value_row};
use crate::monitor::Snapshot;
use crate::style;
use crate::style::{Palette, size};

pub(crate) fn data_ui(ui: &Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot, textures: &ReconstructionsCard) {
    let data = &snapshot.run.data;
    card_title(ui, palette, inside, "Data", "");
    if data.rows == 0 {
        let at = pos2(inside.left(), inside.top() + 32.0);
        ui.painter().text(at, Align2::LEFT_TOP, &snapshot.progress.message, regular(size::TEXT), color(palette.muted));
        return;
    }
    let strip =
        Rect::from_min_size(pos2(inside.left(), inside.top() + 30.0), vec2(inside.width(), inside.width() / 10.0));
    textures.inputs_strip(ui, strip);
    let line = Rect::from_min_size(pos2(inside.left(), strip.bottom() + 6.0), vec2(inside.width(), 26.0));
    let row = if data.row.is_empty() { style::counted(data.features, "value") } else { data.row.clone() };
    let kind = format!("{}, {row}", capitalized(&data.name));
    value_row(ui, palette, line, &kind, &style::grouped(data.rows as u64));
    let bar = Rect::from_min_size(pos2(inside.left(), line.bottom() + 4.0), vec2(inside.width(), 6.0));
    let parts = [(data.train, palette.accent), (data.validation, palette.second), (data.test, palette.faint)];
    let total = (data.train + data.validation + data.test).max(1) as f32;
    let mut x = bar.left();
    for (i, (rows, fill)) in parts.into_iter().enumerate() {
        let width = rows as f32 / total * bar.width();
        let segment = Rect::from_min_size(pos2(x, bar.top()), vec2((width - 1.5).max(1.0), bar.height()));
        let rounding = CornerRadius {
            nw: if i == 0 { 3 } else { 0 },
            sw: if i == 0 { 3 } else { 0 },
            ne: if i == 2 { 3 } else { 0 },
            se: if i == 2 { 3 } else { 0 },
        };
        ui.painter().rect_filled(segment, rounding, color(fill));
        x += width;
    }
    let y = bar.bottom() + 14.0;
    let words = [
        (bar.left(), Align2::LEFT_CENTER, data.train, "train", palette.accent),
        (bar.center().x + 6.0, Align2::CENTER_CENTER, data.validation, "validation", palette.second),
        (bar.right(), Align2::RIGHT_CENTER, data.test, "test", palette.muted),
    ];
    for (x, align, rows, name, ink) in words {
        let text = format!("{} {name}", style::grouped(rows as u64));
        text_label(ui, &format!("{name} rows"), (pos2(x, y), align), &text, regular(size::AXIS), color(ink));
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
