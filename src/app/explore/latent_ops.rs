//! Latent operations below the map: interpolation, arithmetic, and the nearest train rows.

use std::sync::Arc;

use egui::{Align2, Color32, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use super::decoder_thread::{Origin, SLOTS, STEPS};
use super::slots::{NAMES, offered};
use super::{DecodedPart, Explore};
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind, focus_ring, line_of_text};
use crate::app::workspace::ById;
use crate::monitor::Moment;
use crate::report::held_out_title;
use crate::style;
use crate::style::{Palette, size, space};

/// Returns a short name of the content of a slot.
fn origin_words(origin: &Origin, moment: &Moment) -> String {
    match origin {
        Origin::Point(_) => "point".to_owned(),
        Origin::File(path) => path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        Origin::Row(data, row) => match data.0.labels.as_ref().and_then(|labels| labels.get(*row as usize)) {
            Some(&label) => moment.snapshot.class_name(usize::from(label)),
            None => data.0.row_name(*row as usize),
        },
    }
}

impl Explore {
    pub(super) fn latent_ops_ui(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect, moment: &Moment) {
        let line = (area.height() - 12.0) / 2.0;
        let tile = (line - 28.0).clamp(16.0, 120.0);
        let upper = Rect::from_min_size(area.min, vec2(area.width(), line));
        let lower = Rect::from_min_max(pos2(area.left(), area.bottom() - line), area.max);
        self.interpolation_ui(ui, palette, upper, tile, moment);
        // Four tiles and three signs.
        let sum = Rect::from_min_size(lower.min, vec2((4.0 * tile + 3.0 * 20.0).min(lower.width()), lower.height()));
        self.sum_ui(ui, palette, sum, tile, moment);
        let near = Rect::from_min_max(pos2(sum.right() + space::XL, lower.top()), lower.max);
        if near.width() > 2.0 * tile {
            self.near_ui(ui, palette, near, tile, moment);
        }
    }

    fn interpolation_ui(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect, tile: f32, moment: &Moment) {
        let ends = [0, 1].map(|slot| self.slots.slots[slot].as_ref().map(|origin| origin_words(origin, moment)));
        let title = match ends {
            [Some(a), Some(b)] => format!("Interpolate {a} \u{2192} {b}"),
            _ => "Interpolate A \u{2192} B".to_owned(),
        };
        let problem = self.shown.as_ref().and_then(|shown| shown.slot_problem.clone());
        let mut right = area.right_top();
        for (slot, label) in [(1, "Set B"), (0, "Set A")] {
            let help = "Start (A) or end (B) the interpolation at the current point";
            let (response, left) = Button::new(ButtonKind::Chip, label, help).show_right(ui, palette, right);
            right.x = left - 6.0;
            if response.clicked() {
                self.slots.put(slot, Origin::Point(self.latents.clone()));
                ui.ctx().request_repaint();
            }
        }
        let title_area = Rect::from_min_max(area.min, pos2(right.x, area.bottom()));
        let help = "click A or B to choose another, or drop a file";
        heading(ui, palette, title_area, &title, help, problem.as_deref());
        let top = area.top() + 24.0;
        let gap = space::S;
        let strip_tile = tile.min((area.width() - 2.0 * (tile + gap)) / STEPS as f32);
        let a = Rect::from_min_size(pos2(area.left(), top), vec2(tile, tile));
        self.slot_ui(ui, palette, 0, a, moment);
        let middle = top + (tile - strip_tile) / 2.0;
        let strip = Rect::from_min_size(pos2(a.right() + gap, middle), vec2(strip_tile * STEPS as f32, strip_tile));
        let response = self.picture(ui, palette, DecodedPart::Walk, strip, "Interpolation");
        if let (true, Some(pointer)) = (response.clicked(), response.interact_pointer_pos()) {
            let step = (((pointer.x - strip.left()) / strip_tile) as usize).min(STEPS - 1);
            let units = self.latents.len();
            let latents = self.shown.as_ref().and_then(|shown| {
                shown.interpolation.latents.get(step * units..(step + 1) * units).map(<[f32]>::to_vec)
            });
            if let Some(latents) = latents {
                self.set_all(ui, &latents);
            }
        }
        response.on_hover_text("Decoded steps from A to B; click one to use its latents");
        let b = Rect::from_min_size(pos2(strip.right() + gap, top), vec2(tile, tile));
        self.slot_ui(ui, palette, 1, b, moment);
    }

    fn sum_ui(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect, tile: f32, moment: &Moment) {
        let words = [2, 3, 4].map(|slot| self.slots.slots[slot].as_ref().map(|origin| origin_words(origin, moment)));
        let title = match words {
            [Some(a), Some(b), Some(c)] => format!("{a} \u{2013} {b} + {c}"),
            _ => "a \u{2013} b + c".to_owned(),
        };
        heading(ui, palette, area, &title, "latent arithmetic", None);
        let top = area.top() + 24.0;
        let mut x = area.left();
        for (place, sign) in ["\u{2013}", "+", "="].into_iter().enumerate() {
            let rect = Rect::from_min_size(pos2(x, top), vec2(tile, tile));
            self.slot_ui(ui, palette, 2 + place, rect, moment);
            let at = pos2(rect.right() + 10.0, rect.center().y);
            ui.painter().text(at, Align2::CENTER_CENTER, sign, semibold(size::NAME), color(palette.muted));
            x = rect.right() + 20.0;
        }
        let rect = Rect::from_min_size(pos2(x, top), vec2(tile, tile));
        let response = self.picture(ui, palette, DecodedPart::Sum, rect, "Sum");
        if response.clicked()
            && let Some(shown) = self.shown.clone()
        {
            self.set_all(ui, &shown.sum.latents);
        }
        response.on_hover_text("Decoded latents of a minus those of b plus those of c; click to use them");
    }

    /// Draws a slot: its row, and the menu of other rows.
    fn slot_ui(&mut self, ui: &mut Ui, palette: &'static Palette, slot: usize, rect: Rect, moment: &Moment) {
        let filled = self.shown.as_ref().is_some_and(|shown| shown.slots[slot].is_some());
        match &self.textures[DecodedPart::Slots as usize] {
            Some(texture) if filled => {
                let part = |slot: usize| slot as f32 / SLOTS as f32;
                let uv = Rect::from_min_max(pos2(part(slot), 0.0), pos2(part(slot + 1), 1.0));
                ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
            }
            _ => {
                ui.painter().rect_filled(rect, 4.0, color(palette.raised));
            }
        }
        let response = ui.interact(rect, ui.scope_id().with(("slot", slot)), Sense::click());
        let name = format!("Choose {}", NAMES[slot]);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &name));
        let ink = if response.hovered() { palette.accent } else { palette.muted };
        ui.painter().rect_stroke(rect, 2.0, Stroke::new(1.5, color(ink)), StrokeKind::Outside);
        // The slot's letter covers a corner of the picture.
        let corner = Rect::from_min_size(rect.min, vec2(15.0, 15.0));
        ui.painter().rect_filled(corner, 2.0, color(palette.panel));
        let at = corner.center();
        ui.painter().text(at, Align2::CENTER_CENTER, NAMES[slot], semibold(size::AXIS), color(ink));
        focus_ring(ui, palette, &response, rect);
        if response.hovered() {
            ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        }
        self.choice_ui(ui, palette, slot, &response, moment);
        let words = self.slots.slots[slot].as_ref().map(|origin| origin_words(origin, moment));
        response.on_hover_text(format!("{}: click to choose another", words.as_deref().unwrap_or("empty")));
    }

    fn choice_ui(
        &mut self,
        ui: &Ui,
        palette: &'static Palette,
        slot: usize,
        response: &egui::Response,
        moment: &Moment,
    ) {
        const SIDE: f32 = 36.0;
        const COLUMNS: usize = 10;
        let mut chosen = None;
        egui::Popup::menu(response).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
            let width = COLUMNS as f32 * SIDE;
            let (line, _) = ui.allocate_exact_size(vec2(width, 24.0), Sense::hover());
            let at = line.left_center();
            let title = held_out_title(&moment.snapshot.run.data);
            ui.painter().text(at, Align2::LEFT_CENTER, title, semibold(size::TEXT), color(palette.text));
            let others = Button::new(ButtonKind::Chip, "other examples", "Show other held-out rows");
            let (response, left) = others.show_right(ui, palette, pos2(line.right(), line.top() + 2.0));
            if response.clicked() {
                self.slots.turn += 1;
            }
            let point = Button::new(ButtonKind::Chip, "current point", "Use the latents of the sliders");
            if point.show_right(ui, palette, pos2(left - 6.0, line.top() + 2.0)).0.clicked() {
                chosen = Some(Origin::Point(self.latents.clone()));
            }
            let Some(data) = &moment.rows else { return };
            // Rows of the lasso come first.
            let lasso = self.map.as_ref().map(|map| map.chosen()).unwrap_or_default();
            let mut rows: Vec<u32> = lasso.iter().copied().take(COLUMNS).collect();
            rows.extend(offered(moment, self.slots.turn));
            self.slots.offered.ask(ui, palette, data, &rows);
            let lines = rows.len().div_ceil(COLUMNS);
            let (grid, _) = ui.allocate_exact_size(vec2(width, lines as f32 * SIDE), Sense::hover());
            for (i, &row) in rows.iter().enumerate() {
                let at = grid.min + vec2((i % COLUMNS) as f32 * SIDE, (i / COLUMNS) as f32 * SIDE);
                let cell = Rect::from_min_size(at, vec2(SIDE, SIDE));
                ui.painter().rect_filled(cell, 0.0, Color32::BLACK);
                self.slots.offered.draw(ui.painter(), row, cell);
                let response = ui.interact(cell, ui.scope_id().with(("offered", i)), Sense::click());
                let name = format!("Row {}", i + 1);
                response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &name));
                if response.hovered() {
                    let stroke = Stroke::new(1.5, color(palette.accent));
                    ui.painter().rect_stroke(cell, 0.0, stroke, StrokeKind::Inside);
                }
                if response.clicked() {
                    chosen = Some(Origin::Row(ById(Arc::clone(data)), row));
                }
            }
        });
        if let Some(origin) = chosen {
            self.slots.put(slot, origin);
            egui::Popup::close_all(ui.ctx());
            ui.ctx().request_repaint();
        }
    }

    fn near_ui(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect, tile: f32, moment: &Moment) {
        let near = self.near_search.as_ref().map(super::Latest::answer).filter(|near| {
            let of = near.of.as_ref();
            Self::is_current(moment, of.map(|(model, _)| model))
                && moment.rows.as_ref().zip(of).is_some_and(|(rows, (_, data))| Arc::ptr_eq(rows, &data.0))
        });
        let near = near.unwrap_or_default();
        let among = if near.among > 0 { format!("of {}", style::grouped(near.among as u64)) } else { String::new() };
        let noun = moment.snapshot.run.data.noun();
        heading(ui, palette, area, &format!("Nearest train {noun}"), &among, None);
        let Some(data) = &moment.rows else {
            let at = pos2(area.left(), area.top() + 40.0);
            let words = match moment.snapshot.model {
                Some(_) => "The train rows are not available",
                None => "Appear once the model has weights",
            };
            ui.painter().text(at, Align2::LEFT_CENTER, words, regular(size::SECOND), color(palette.muted));
            return;
        };
        let rows: Vec<u32> = near.rows.iter().map(|(row, _)| *row).collect();
        self.slots.near.ask(ui, palette, data, &rows);
        let columns = ((area.width() / tile) as usize).min(rows.len());
        for (i, &(row, distance)) in near.rows.iter().enumerate().take(columns) {
            let at = pos2(area.left() + i as f32 * tile, area.top() + 24.0);
            let cell = Rect::from_min_size(at, vec2(tile, tile));
            ui.painter().rect_filled(cell, 0.0, Color32::BLACK);
            self.slots.near.draw(ui.painter(), row, cell);
            let response = ui.interact(cell, ui.scope_id().with(("near", i)), Sense::click());
            let name = format!("Nearest train row {}", i + 1);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &name));
            if response.clicked() {
                self.taking = Some(Origin::Row(ById(Arc::clone(data)), row));
                ui.ctx().request_repaint();
            }
            let origin = Origin::Row(ById(Arc::clone(data)), row);
            let words = origin_words(&origin, moment);
            response.on_hover_text(format!("{words}, distance {distance:.2}; click to use its latents"));
        }
    }
}

/// Draws the title of an operation with a hint, or with the problem in its place.
fn heading(ui: &Ui, palette: &Palette, area: Rect, title: &str, second: &str, problem: Option<&str>) {
    let at = pos2(area.left(), area.top() + 8.0);
    let end = line_of_text(ui, at, area.width(), title, semibold(size::TEXT), color(palette.text)).right();
    let (words, ink) = problem.map_or((second, palette.muted), |problem| (problem, palette.bad));
    let at = pos2(end + space::S, at.y);
    line_of_text(ui, at, area.right() - at.x, words, regular(size::SECOND), color(ink));
}
