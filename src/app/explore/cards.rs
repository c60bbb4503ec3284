//! Cards of Explore, except the latent operations: map and grid, decoded picture, sliders.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Color32, Rect, Sense, Stroke, Ui, pos2, vec2};

use super::decoder_thread::{DecodedLatents, DecodedRows, ExportRequest, Origin};
use super::{DecodedPart, Explore, ExportResult, GRID, GridOf, LINE, decoder_thread, range, tiles};
use crate::app::frame::paste::free_path;
use crate::app::latent_map::MapCard;
use crate::app::shell::desktop::Question;
use crate::app::ui::theme::{color, regular};
use crate::app::ui::waker;
use crate::app::ui::widgets::{Button, ButtonKind, Scale, Slider, card_title, paragraph};
use crate::app::workspace::{Action, ById};
use crate::inference::{UnitUse, draw_latents};
use crate::monitor::Moment;
use crate::platform::Latest;
use crate::plot::RowView;
use crate::style::{Palette, size, space};

impl Explore {
    pub(super) fn map_ui(&mut self, ui: &mut Ui, palette: &'static Palette, inside: Rect, moment: &Moment) {
        let half = (inside.width() - space::L) / 2.0;
        let left = Rect::from_min_size(inside.min, vec2(half, inside.height()));
        let flat = moment.snapshot.units.len() == 2;
        let map = self.map.get_or_insert_with(|| MapCard::new(1));
        map.decodes = flat;
        let shown = map.ui(ui, palette, left, moment);
        if let Some(shown) = shown {
            if let (true, Some([x, y])) = (flat && self.latents.len() == 2, shown.place) {
                self.set(ui, 0, x);
                self.set(ui, 1, y);
            }
            if let (false, Some(row), Some(data)) = (flat, shown.clicked, &moment.rows) {
                self.taking = Some(Origin::Row(ById(Arc::clone(data)), row));
                ui.ctx().request_repaint();
            }
            if let [x, y] = self.latents[..] {
                let at = shown.to_pixels.transform_point3(glam::Vec3::new(x, y, 0.0));
                let at = shown.plot.center() + vec2(at.x, -at.y);
                if shown.plot.contains(at) {
                    ui.painter().circle_stroke(at, 8.0, Stroke::new(4.0, color(palette.panel)));
                    ui.painter().circle_stroke(at, 8.0, Stroke::new(2.0, color(palette.text)));
                }
            }
        }
        let right = Rect::from_min_max(pos2(inside.right() - half, inside.top()), inside.max);
        self.grid_ui(ui, palette, right, moment);
    }

    fn grid_ui(&mut self, ui: &mut Ui, palette: &Palette, area: Rect, moment: &Moment) {
        let units = moment.snapshot.units.len();
        let flat = units == 2;
        let samples = !flat && self.grid_of == GridOf::Samples;
        let (title, words) = match (flat, samples) {
            (true, _) => ("Decoded plane", "z1 to the right, z2 up"),
            (false, true) => ("Samples", "from the latent distribution"),
            (false, false) => ("Grid", "two latents vary, the others stay fixed"),
        };
        card_title(ui, palette, area, title, words);
        let mut top = area.top() + 28.0;
        if units > 2 {
            let mut x = area.left();
            let mut chip = |ui: &mut Ui, on: bool, label: &str, help: &str| {
                let button = Button::new(if on { ButtonKind::ChipOn } else { ButtonKind::Chip }, label, help);
                let rect = Rect::from_min_size(pos2(x, top), button.size(ui));
                x = rect.right() + 6.0;
                button.show(ui, palette, rect)
            };
            if chip(ui, samples, "samples", "Samples of all latents at the chosen temperature").clicked() {
                self.grid_of = GridOf::Samples;
            }
            if chip(ui, !samples, "grid", "Vary two latents: the most active, or any others").clicked() {
                self.grid_of = GridOf::Plane;
            }
            if !samples {
                let mut axes = self.grid_axes(units);
                for (axis, way) in ["across", "up"].into_iter().enumerate() {
                    let label = format!("z{} {way}", axes[axis] + 1);
                    let response = chip(ui, false, &label, "Choose the latent of this axis");
                    egui::Popup::menu(&response).show(|ui| {
                        egui::ScrollArea::vertical().max_height(240.0).show(ui, |ui| {
                            for &unit in &self.order {
                                let name = format!("z{}", unit + 1);
                                if ui.selectable_label(unit == axes[axis], name).clicked() {
                                    axes[axis] = unit;
                                    self.axes = Some(axes);
                                }
                            }
                        });
                    });
                }
            }
            top += 28.0;
        } else {
            top += 28.0;
        }
        let side = area.width().min(area.bottom() - top);
        let grid = Rect::from_min_size(pos2(area.left(), top), vec2(side, side));
        let response = self.picture(ui, palette, DecodedPart::Grid, grid, title);
        if let (true, Some(pointer)) = (response.clicked(), response.interact_pointer_pos()) {
            let cell = (pointer - grid.min) / side * GRID as f32;
            let index = (cell.y as usize).min(GRID - 1) * GRID + (cell.x as usize).min(GRID - 1);
            let units = self.latents.len();
            let latents = self
                .shown
                .as_ref()
                .and_then(|shown| shown.grid.latents.get(index * units..(index + 1) * units).map(<[f32]>::to_vec));
            if let Some(latents) = latents {
                self.set_all(ui, &latents);
            }
        }
        response.on_hover_text("Click one to use its latents");
    }

    /// Draws one of the textures into `area`; returns its clickable response.
    pub(super) fn picture(
        &self,
        ui: &mut Ui,
        palette: &Palette,
        which: DecodedPart,
        area: Rect,
        name: &str,
    ) -> egui::Response {
        match &self.textures[which as usize] {
            Some(texture) => {
                let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture.id(), area, whole, Color32::WHITE);
            }
            None => {
                ui.painter().rect_filled(area, 6.0, color(palette.raised));
            }
        }
        let response = ui.interact(area, ui.scope_id().with(("decoded", name)), Sense::click());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, name));
        response
    }

    pub(super) fn decoded_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, moment: &Moment) {
        card_title(ui, palette, inside, "Decoded", "");
        let side = inside.width().min(inside.height() - 28.0).max(16.0);
        let left = inside.left() + ((inside.width() - side) / 2.0).round();
        let area = Rect::from_min_size(pos2(left, inside.top() + 28.0), vec2(side, side));
        let problem = self.shown.as_ref().and_then(|shown| shown.problem.clone());
        let words = match (&problem, &moment.snapshot.model) {
            (Some(problem), _) => problem.as_str(),
            (None, None) => "Appears once the model has weights",
            _ => {
                self.picture(ui, palette, DecodedPart::One, area, "Decoded");
                self.save_ui(ui, palette, inside);
                return;
            }
        };
        let at = pos2(inside.left(), area.top());
        paragraph(ui, at, inside.width(), words, regular(size::TEXT), color(palette.muted));
    }

    /// Draws the buttons that copy or save the decoded rows.
    fn save_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect) {
        let Some(shown) = self.shown.clone().filter(|shown| !shown.one.values.is_empty()) else { return };
        let help = "Save as a picture, an animation or an array";
        let (save, left) = Button::new(ButtonKind::Chip, "save", help).show_right(ui, palette, inside.right_top());
        let copy = Button::new(ButtonKind::Chip, "copy", "Copy what is decoded as a picture");
        if copy.show_right(ui, palette, pos2(left - 6.0, inside.top())).0.clicked() {
            let view = RowView::new(shown.image, &shown.grid.values);
            ui.ctx().copy_image(tiles(&shown.one.values, &view, shown.features, 1, palette));
            self.actions.push(Action::Say(Ok("copied as a picture".to_owned())));
        }
        egui::Popup::menu(&save).width(230.0).show(|ui| {
            for (words, what, ending, rows, columns) in [
                ("Picture, PNG", "decoded", "png", &shown.one, 1),
                ("Grid, PNG", "grid", "png", &shown.grid, GRID),
                ("Interpolation, PNG", "interpolation", "png", &shown.interpolation, decoder_thread::STEPS),
                ("Interpolation, GIF", "interpolation", "gif", &shown.interpolation, 1),
                ("Grid with latents, NPY", "grid", "npy", &shown.grid, 1),
                ("Interpolation with latents, NPY", "interpolation", "npy", &shown.interpolation, 1),
            ] {
                if !rows.values.is_empty() && ui.button(words).clicked() {
                    self.export(ui, &shown, Arc::clone(rows), columns, (what, ending));
                }
            }
        });
    }

    /// Asks for the path of an export; proposes a free name in the pictures folder.
    fn export(
        &mut self,
        ui: &Ui,
        shown: &DecodedLatents,
        rows: Arc<DecodedRows>,
        columns: usize,
        (what, ending): (&'static str, &'static str),
    ) {
        let Some(model) = shown.model.clone() else { return };
        let proposed = free_path(&self.pictures_folder(), what, ending);
        let question = Question::Save {
            title: "Save decoded rows",
            name: proposed.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            folder: proposed.parent().map(std::path::Path::to_owned),
        };
        self.picker.ask(ui.ctx(), question, ExportRequest { model, rows, columns });
    }

    /// Starts the export once its path is chosen.
    pub(super) fn export_ui(&mut self, ui: &Ui, palette: &Palette) {
        let Some(chosen) = self.picker.ui(ui, palette) else { return };
        if self.exporter.is_none() {
            let work =
                |(keeping, path): (ExportRequest, PathBuf), _: &ExportResult| ExportResult(Some(keeping.write(path)));
            self.exporter = Latest::start("hourglass-keep", waker(ui.ctx()), work);
        }
        if let Some(keeping) = &self.exporter {
            keeping.ask(chosen);
        }
    }

    pub(super) fn sliders_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, moment: &Moment) {
        card_title(ui, palette, inside, "Latents", "most active first");
        let units = moment.snapshot.units.clone();
        if units.is_empty() || self.latents.len() != units.len() {
            let words = "Appear once the model is ready";
            let at = pos2(inside.left(), inside.top() + 34.0);
            paragraph(ui, at, inside.width(), words, regular(size::TEXT), color(palette.muted));
            return;
        }
        let bottom = inside.bottom() - 30.0;
        self.buttons_ui(ui, palette, pos2(inside.left(), bottom), &units);
        let classes = moment.snapshot.model.as_ref().map_or(0, |model| model.network.data_shape().classes);
        let mut top = inside.top() + 28.0;
        if classes > 0 {
            let line = Rect::from_min_size(pos2(inside.left(), top), vec2(inside.width(), LINE));
            let slider = Slider {
                name: "Class",
                help: "Class label given to the decoder",
                low: 0.0,
                high: (classes - 1).max(1) as f64,
                scale: Scale::Linear,
                enabled: true,
            };
            let label = moment.snapshot.class_name(self.label);
            if let Some((value, _)) = slider.show(ui, palette, line, self.label as f64, &label) {
                let label = (value.round() as usize).min(classes - 1);
                if label != self.label {
                    self.label = label;
                    ui.ctx().request_repaint();
                }
            }
            top += LINE;
        }
        let line = Rect::from_min_size(pos2(inside.left(), top), vec2(inside.width() - 6.0, LINE));
        let slider = Slider {
            name: "Temperature",
            help: "Scale of the samples' standard deviation: 1 matches the latents, less is more typical",
            low: 0.0,
            high: 2.0,
            scale: Scale::Linear,
            enabled: true,
        };
        let text = format!("{:.2}", self.temperature);
        if let Some((value, _)) = slider.show(ui, palette, line, f64::from(self.temperature), &text) {
            let temperature = value as f32;
            if temperature != self.temperature {
                self.temperature = temperature;
                ui.ctx().request_repaint();
            }
        }
        top += LINE + 4.0;
        let room = Rect::from_min_max(pos2(inside.left(), top), pos2(inside.right(), bottom - space::S));
        self.units_ui(ui, palette, room, &units);
    }

    fn buttons_ui(&mut self, ui: &mut Ui, palette: &Palette, at: egui::Pos2, units: &[UnitUse]) {
        let mut x = at.x;
        let mut press = |ui: &mut Ui, kind: ButtonKind, label: &str, help: &str| {
            let button = Button::new(kind, label, help);
            let rect = Rect::from_min_size(pos2(x, at.y), button.size(ui));
            x = rect.right() + 6.0;
            button.show(ui, palette, rect).clicked()
        };
        if press(ui, ButtonKind::Primary, "Sample", "Draw all latents from the latent distribution") {
            self.draw += 1;
            self.latents = draw_latents(units, 1, self.temperature, self.draw.wrapping_add(1 << 20));
            ui.ctx().request_repaint();
        }
        if press(ui, ButtonKind::Plain, "Center", "Set every latent to the center of its range") {
            self.latents = units.iter().map(|unit| unit.prior_mean).collect();
            ui.ctx().request_repaint();
        }
    }

    /// Draws a slider for each latent, as many as fit; the wheel scrolls the list.
    fn units_ui(&mut self, ui: &mut Ui, palette: &Palette, room: Rect, units: &[UnitUse]) {
        let total = units.len() as f32 * LINE;
        if ui.rect_contains_pointer(room) {
            self.scroll -= ui.input(|input| input.smooth_scroll_delta().y);
        }
        self.scroll = self.scroll.clamp(0.0, (total - room.height()).max(0.0));
        let first = (self.scroll / LINE).floor() as usize;
        let visible = (room.height() / LINE).floor().max(0.0) as usize;
        let shown: Vec<usize> = self.order.iter().copied().skip(first).take(visible).collect();
        for (place, unit) in shown.into_iter().enumerate() {
            let y = room.top() + place as f32 * LINE;
            let line = Rect::from_min_size(pos2(room.left(), y), vec2(room.width() - 6.0, LINE));
            let (low, high) = range(&units[unit]);
            let name = format!("z{}", unit + 1);
            let help = format!(
                "Mean {:.2}, standard deviation {:.2} over held-out rows",
                units[unit].mean, units[unit].deviation
            );
            let slider = Slider { name: &name, help: &help, low, high, scale: Scale::Linear, enabled: true };
            let value = f64::from(self.latents[unit]);
            if let Some((value, _)) = slider.show(ui, palette, line, value, &format!("{value:+.2}")) {
                self.set(ui, unit, value as f32);
            }
        }
        if visible < units.len() && visible > 0 {
            // Scroll bar.
            let share = room.height() / total;
            let at = room.top() + self.scroll / total * room.height();
            let bar = Rect::from_min_size(pos2(room.right() - 3.0, at), vec2(3.0, share * room.height()));
            ui.painter().rect_filled(bar, 1.5, color(palette.line));
        }
    }
}
