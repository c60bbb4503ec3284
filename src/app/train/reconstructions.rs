//! Held-out rows beside their reconstructions and errors.

use egui::{Align2, Color32, ColorImage, Rect, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, pos2, vec2};

use crate::app::ui::theme::{color, regular};
use crate::app::ui::widgets::{Button, ButtonKind, card_title, focus_ring};
use crate::monitor::{Moment, PAIRS, Pairs, PlayState, Section};
use crate::report::held_out_title;
use crate::style::{Palette, size};

/// Textures of the pairs, updated only when the pairs change.
#[derive(Default)]
pub(crate) struct ReconstructionsCard {
    made_of: Option<Section<Pairs>>,
    rows: [Option<TextureHandle>; 4],
    count: usize,
    /// Rows pinned at their places, and the number of requests for other examples.
    pinned: [Option<usize>; PAIRS],
    turn: usize,
    dark: bool,
    /// True if the network sees a corrupted input.
    corrupted: bool,
}

impl std::fmt::Debug for ReconstructionsCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Textures({} pairs)", self.count)
    }
}

const ROWS: [(&str, &str); 4] = [
    ("Input", "Held-out rows, never used in training"),
    ("Noisy input", "Corrupted input that the network is given"),
    ("Output", "Reconstruction by the network"),
    ("Error", "Absolute error of each value: dark is low, bright is high"),
];

impl ReconstructionsCard {
    /// Updates the textures from `pairs`.
    pub fn update(&mut self, context: &egui::Context, pairs: &Section<Pairs>, palette: &Palette) {
        let same = self.made_of.as_ref().is_some_and(|made_of| made_of == pairs);
        if same && self.dark == palette.dark {
            return;
        }
        self.made_of = Some(pairs.clone());
        self.dark = palette.dark;
        self.count = pairs.count();
        if self.count == 0 {
            return;
        }
        self.corrupted = pairs.corrupted();
        let view = pairs.view();
        let side = view.side();
        for (row, slot) in self.rows.iter_mut().enumerate() {
            if row == 1 && !self.corrupted {
                continue;
            }
            let mut pixels = vec![Color32::BLACK; self.count * side * side];
            for item in 0..self.count {
                let raster = pairs.raster(&view, row, item, palette);
                for (line, values) in raster.pixels.chunks_exact(side).enumerate() {
                    let start = (line * self.count + item) * side;
                    for (pixel, &value) in pixels[start..start + side].iter_mut().zip(values) {
                        *pixel = color(value);
                    }
                }
            }
            let picture = ColorImage::new([self.count * side, side], pixels);
            match slot {
                Some(texture) => texture.set(picture, TextureOptions::NEAREST),
                None => *slot = Some(context.load_texture(ROWS[row].0, picture, TextureOptions::NEAREST)),
            }
        }
    }

    fn draw(&self, ui: &Ui, row: usize, rect: Rect) {
        if let Some(texture) = &self.rows[row] {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture.id(), rect, whole, Color32::WHITE);
        }
    }

    /// Draws the inputs in one strip, for the data card.
    pub fn inputs_strip(&self, ui: &Ui, rect: Rect) {
        // Textures of the data before are not those of these.
        if self.count > 0 {
            ui.painter().rect_filled(rect, 4.0, Color32::BLACK);
            self.draw(ui, 0, rect);
        }
    }

    /// Returns the pinned rows, and the number of requests for other examples.
    pub fn wanted(&self) -> ([Option<usize>; PAIRS], usize) {
        (self.pinned, self.turn)
    }

    /// Returns the number of lines of pictures.
    pub fn lines(&self) -> usize {
        if self.corrupted { ROWS.len() } else { ROWS.len() - 1 }
    }

    pub fn ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, moment: &Moment) {
        let what = held_out_title(&moment.snapshot.run.data);
        let pins = self.pinned.iter().flatten().count();
        let second = match pins {
            0 => String::new(),
            n => format!("{n} pinned"),
        };
        card_title(ui, palette, inside, &what, &second);
        if moment.live && self.count > 0 {
            let help = "Show other held-out rows; pinned rows stay";
            let button = Button::new(ButtonKind::Chip, "other examples", help);
            if button.show_right(ui, palette, inside.right_top()).0.clicked() {
                self.turn += 1;
            }
        }
        if self.count == 0 {
            let at = pos2(inside.center().x, inside.center().y);
            let words = match moment.snapshot.progress.state {
                PlayState::Finished => "The data of this model are not available",
                _ => "Appear once the model is ready",
            };
            ui.painter().text(at, Align2::CENTER_CENTER, words, regular(size::TEXT), color(palette.muted));
            return;
        }
        let label = 72.0;
        let gap = 8.0;
        let top = inside.top() + 30.0;
        let shown: Vec<usize> = (0..ROWS.len()).filter(|&row| row != 1 || self.corrupted).collect();
        let gaps = shown.len() as f32 - 1.0;
        let height = ((inside.bottom() - top - gaps * gap) / shown.len() as f32).max(8.0);
        let side = height.min((inside.width() - label) / self.count as f32);
        let columns = Rect::from_min_size(
            pos2(inside.left() + label, top),
            vec2(side * self.count as f32, shown.len() as f32 * (side + gap) - gap),
        );
        for (place, row) in shown.into_iter().enumerate() {
            let (name, help) = ROWS[row];
            let y = top + place as f32 * (side + gap);
            let at = pos2(inside.left(), y + side / 2.0);
            ui.painter().text(at, Align2::LEFT_CENTER, name, regular(size::SECOND), color(palette.muted));
            let strip = Rect::from_min_size(pos2(inside.left() + label, y), vec2(side * self.count as f32, side));
            self.draw(ui, row, strip);
            let response = ui.interact(strip, ui.scope_id().with(("pairs", name)), egui::Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, name));
            let named = Rect::from_min_size(pos2(inside.left(), y), vec2(label, side));
            ui.interact(named, ui.scope_id().with(("pairs name", name)), egui::Sense::hover()).on_hover_text(help);
        }
        if moment.live {
            self.pins_ui(ui, palette, columns, moment);
        }
    }

    /// Makes the columns clickable: a click pins a row when other examples are picked.
    fn pins_ui(&mut self, ui: &mut Ui, palette: &Palette, columns: Rect, moment: &Moment) {
        let width = columns.width() / self.count as f32;
        for (place, &row) in moment.snapshot.pairs.rows.iter().enumerate().take(PAIRS) {
            let left = columns.left() + place as f32 * width;
            let column = Rect::from_min_size(pos2(left, columns.top()), vec2(width, columns.height()));
            let response = ui.interact(column, ui.scope_id().with(("pin", place)), egui::Sense::click());
            let pinned = self.pinned[place] == Some(row);
            let name = format!("{} row {}", if pinned { "Unpin" } else { "Pin" }, place + 1);
            response.widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, pinned, &name));
            if response.clicked() {
                self.pinned[place] = if pinned { None } else { Some(row) };
            }
            let ring = column.expand2(vec2(0.0, 2.0));
            if pinned {
                let stroke = Stroke::new(1.5, color(palette.accent));
                ui.painter().rect_stroke(ring, 3.0, stroke, StrokeKind::Inside);
            } else if response.hovered() {
                let stroke = Stroke::new(1.0, color(palette.muted));
                ui.painter().rect_stroke(ring, 3.0, stroke, StrokeKind::Inside);
                ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
            }
            focus_ring(ui, palette, &response, column);
            let words = match moment.rows.as_ref() {
                Some(rows) => rows.row_name(row),
                None => format!("row {}", row + 1),
            };
            let help = if pinned { "pinned; click to unpin" } else { "click to pin" };
            response.on_hover_text(format!("{words}: {help}"));
        }
    }
}
