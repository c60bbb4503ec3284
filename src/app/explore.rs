//! Explore: move a model's latent numbers and see at once what they become, while it trains or when it is opened; walk
//! from row to row, add rows up, and keep what is seen.

mod bench;
mod studio;

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Color32, ColorImage, Rect, Sense, Stroke, TextureHandle, TextureOptions, Ui, pos2, vec2};

use self::bench::Bench;
use self::studio::{Decoded, Decoding, Keeping, Looking, Near, NearRequest, Origin, Request, Rows, Same};
use super::latest::Latest;
use super::map::MapCard;
use super::theme::{colour, regular};
use super::widgets::{Button, ButtonKind, Scale, Slider, card_title, paragraph};
use crate::style::{Palette, RowView, size, space};
use crate::tasks::{draw_latents, map_view};
use crate::train::{Snapshot, UnitUse};

/// Samples, or places of the plane, a side.
const GRID: usize = 8;
const LINE: f32 = 28.0;

/// What the grid shows where there are more than two latent numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum GridOf {
    #[default]
    Samples,
    Plane,
}

/// Textures of what is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    One,
    Grid,
    Walk,
    Sum,
    Slots,
}

/// What came of keeping something.
#[derive(Debug, Default)]
struct Kept(Option<Result<PathBuf, String>>);

/// The workspace's state between frames.
#[derive(Default)]
pub(super) struct Explore {
    decoding: Option<Latest<Request, Decoded>>,
    looking: Option<Latest<NearRequest, Near>>,
    keeping: Option<Latest<Keeping, Kept>>,
    asked: Option<Request>,
    asked_near: Option<NearRequest>,
    kept: Option<Arc<Kept>>,
    shown: Option<Arc<Decoded>>,
    textures: [Option<TextureHandle>; 5],
    dark: bool,
    latents: Vec<f32>,
    /// What the latent numbers are to be taken from, once it is encoded.
    taking: Option<Origin>,
    label: usize,
    /// Number of the draw.
    draw: u32,
    temperature: f32,
    grid_of: GridOf,
    /// Units of the grid's two ways, where they were chosen.
    axes: Option<[usize; 2]>,
    map: Option<MapCard>,
    bench: Bench,
    /// Units in the order of their use.
    order: Vec<usize>,
    scroll: f32,
    /// What is said in the status bar, and whether it is a fault.
    notice: Option<(String, bool)>,
    /// Where pictures are kept, if not in the folder for pictures.
    pub folder: Option<PathBuf>,
}

impl std::fmt::Debug for Explore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Explore({:?})", self.latents)
    }
}

/// Most used first.
fn order_of_use(units: &[UnitUse]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by(|&a, &b| units[b].deviation.total_cmp(&units[a].deviation).then(a.cmp(&b)));
    order
}

/// What a slider spans: the prior, or what the encoder makes, three deviations either way.
fn range(unit: &UnitUse) -> (f64, f64) {
    let deviation = f64::from(unit.deviation.max(unit.prior_deviation)).max(0.05);
    let mean = f64::from(unit.prior_mean);
    (mean - 3.0 * deviation, mean + 3.0 * deviation)
}

/// Corners of the plane that the grid shows.
fn plane(snapshot: &Snapshot) -> [(f32, f32); 2] {
    match map_view(&snapshot.map.points) {
        Some(view) => [0, 1].map(|axis| (view.centre[axis] - view.half[axis], view.centre[axis] + view.half[axis])),
        None => [(-2.2, 2.2); 2],
    }
}

impl Explore {
    /// Asks for what the sliders, the grid and the newest weights come to, if it is not what was asked for last.
    fn follow(&mut self, ui: &Ui, snapshot: &Snapshot) {
        let Some(model) = &snapshot.model else { return };
        let units = &snapshot.units;
        if units.is_empty() {
            return;
        }
        if self.latents.len() != units.len() {
            self.latents = units.iter().map(|unit| unit.prior_mean).collect();
            (self.label, self.temperature, self.axes, self.taking) = (0, 1.0, None, None);
            self.bench.begin(snapshot);
        }
        self.bench.follow(snapshot);
        self.order = order_of_use(units);
        let grid = self.grid_latents(snapshot);
        let request = Request {
            model: Same(Arc::clone(model)),
            latents: self.latents.clone(),
            grid,
            label: self.label,
            slots: self.bench.origins(),
            taken: self.taking.clone(),
        };
        if self.asked.as_ref() != Some(&request) {
            if self.decoding.is_none() {
                let mut decoding = Decoding::default();
                let work = move |request: Request, before: &Decoded| decoding.answer(request, before);
                self.decoding = Latest::start("hourglass-decode", ui.ctx().clone(), work);
            }
            if let Some(decoding) = &self.decoding {
                decoding.ask(request.clone());
                self.asked = Some(request);
            }
        }
        let Some(data) = &snapshot.rows else { return };
        let (model, data) = (Same(Arc::clone(model)), Same(Arc::clone(data)));
        let request = NearRequest { model, data, latents: self.latents.clone(), count: bench::NEAR };
        if self.asked_near.as_ref() != Some(&request) {
            if self.looking.is_none() {
                let mut looking = Looking::default();
                let work = move |request: NearRequest, _: &Near| looking.answer(&request);
                self.looking = Latest::start("hourglass-near", ui.ctx().clone(), work);
            }
            if let Some(looking) = &self.looking {
                looking.ask(request.clone());
                self.asked_near = Some(request);
            }
        }
    }

    /// Units of the grid's two ways: across and up.
    fn grid_axes(&self, units: usize) -> [usize; 2] {
        if units == 2 {
            return [0, 1];
        }
        let usual = [self.order.first().copied().unwrap_or(0), self.order.get(1).copied().unwrap_or(0)];
        self.axes.filter(|axes| axes.iter().all(|&axis| axis < units)).unwrap_or(usual)
    }

    fn grid_latents(&self, snapshot: &Snapshot) -> Vec<f32> {
        let units = &snapshot.units;
        let flat = units.len() == 2;
        if !flat && self.grid_of == GridOf::Samples {
            return draw_latents(units, GRID * GRID, self.temperature, self.draw);
        }
        let axes = self.grid_axes(units.len());
        let ranges = if flat {
            plane(snapshot)
        } else {
            axes.map(|axis| {
                let (low, high) = range(&units[axis]);
                (low as f32, high as f32)
            })
        };
        let at = |(low, high): (f32, f32), i: usize| low + (high - low) * (i as f32 + 0.5) / GRID as f32;
        // From the top, as the map has it.
        let place = |i: usize| {
            let mut latents = self.latents.clone();
            latents[axes[0]] = at(ranges[0], i % GRID);
            latents[axes[1]] = at(ranges[1], GRID - 1 - i / GRID);
            latents
        };
        (0..GRID * GRID).flat_map(place).collect()
    }

    /// Another value for a latent number; what it becomes is asked for in the next frame.
    fn set(&mut self, ui: &Ui, unit: usize, value: f32) {
        if self.latents[unit] != value {
            self.latents[unit] = value;
            ui.ctx().request_repaint();
        }
    }

    fn set_all(&mut self, ui: &Ui, latents: &[f32]) {
        if latents.len() == self.latents.len() {
            self.latents = latents.to_vec();
            ui.ctx().request_repaint();
        }
    }

    /// Makes textures of what has been decoded, and takes what else has come.
    fn receive(&mut self, ui: &Ui, palette: &Palette) {
        if let Some(kept) = self.keeping.as_ref().map(Latest::answer)
            && self.kept.as_ref().is_none_or(|before| !Arc::ptr_eq(before, &kept))
        {
            match &kept.0 {
                Some(Ok(path)) => self.notice = Some((format!("saved {}", super::state::short_path(path)), false)),
                Some(Err(problem)) => self.notice = Some((problem.clone(), true)),
                None => {}
            }
            self.kept = Some(kept);
        }
        let Some(decoding) = &self.decoding else { return };
        let decoded = decoding.answer();
        if self.dark == palette.dark && self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &decoded)) {
            return;
        }
        if let Some((origin, latents)) = &decoded.taken
            && self.taking.as_ref() == Some(origin)
        {
            let latents = latents.clone();
            self.taking = None;
            self.set_all(ui, &latents);
        }
        let view = RowView::of(decoded.image, &decoded.grid.values);
        let features = decoded.features;
        // Empty slots are blank rows.
        let slots: Vec<f32> = decoded
            .slots
            .iter()
            .flat_map(|slot| slot.as_ref().map_or_else(|| vec![0.0; features], |rows| rows.values.clone()))
            .collect();
        for (which, values, columns) in [
            (Shown::One, &decoded.one.values, 1),
            (Shown::Grid, &decoded.grid.values, GRID),
            (Shown::Walk, &decoded.walk.values, studio::STEPS),
            (Shown::Sum, &decoded.sum.values, 1),
            (Shown::Slots, &slots, studio::SLOTS),
        ] {
            let slot = &mut self.textures[which as usize];
            if features == 0 || values.len() < columns * features {
                *slot = None;
                continue;
            }
            let picture = tiles(values, &view, features, columns, palette);
            match slot {
                Some(texture) => texture.set(picture, TextureOptions::NEAREST),
                None => *slot = Some(ui.ctx().load_texture("decoded", picture, TextureOptions::NEAREST)),
            }
        }
        self.dark = palette.dark;
        self.shown = Some(decoded);
    }

    /// Draws the cards: the map with the grid, the bench below it, the decoded picture, the sliders.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        palette: &'static Palette,
        [map, bench, one, sliders]: [Rect; 4],
        snapshot: &Snapshot,
    ) {
        self.follow(ui, snapshot);
        self.receive(ui, palette);
        self.map_ui(ui, palette, map, snapshot);
        self.bench_ui(ui, palette, bench, snapshot);
        self.decoded_ui(ui, palette, one, snapshot);
        self.sliders_ui(ui, palette, sliders, snapshot);
    }

    fn map_ui(&mut self, ui: &mut Ui, palette: &'static Palette, inside: Rect, snapshot: &Snapshot) {
        let half = (inside.width() - space::L) / 2.0;
        let left = Rect::from_min_size(inside.min, vec2(half, inside.height()));
        let flat = snapshot.units.len() == 2;
        let map = self.map.get_or_insert_with(|| MapCard::new(1));
        map.decodes = flat;
        let shown = map.ui(ui, palette, left, snapshot);
        if let Some(shown) = shown {
            if let (true, Some([x, y])) = (flat && self.latents.len() == 2, shown.place) {
                self.set(ui, 0, x);
                self.set(ui, 1, y);
            }
            if let (false, Some(row), Some(data)) = (flat, shown.clicked, &snapshot.rows) {
                self.taking = Some(Origin::Row(Same(Arc::clone(data)), row));
                ui.ctx().request_repaint();
            }
            if let [x, y] = self.latents[..] {
                let at = shown.to_pixels.transform_point3(glam::Vec3::new(x, y, 0.0));
                let at = shown.plot.center() + vec2(at.x, -at.y);
                if shown.plot.contains(at) {
                    ui.painter().circle_stroke(at, 8.0, Stroke::new(4.0, colour(palette.panel)));
                    ui.painter().circle_stroke(at, 8.0, Stroke::new(2.0, colour(palette.text)));
                }
            }
        }
        let right = Rect::from_min_max(pos2(inside.right() - half, inside.top()), inside.max);
        self.grid_ui(ui, palette, right, snapshot);
    }

    fn grid_ui(&mut self, ui: &mut Ui, palette: &Palette, area: Rect, snapshot: &Snapshot) {
        let units = snapshot.units.len();
        let flat = units == 2;
        let samples = !flat && self.grid_of == GridOf::Samples;
        let (title, words) = match (flat, samples) {
            (true, _) => ("The plane", "decoded: z1 to the right, z2 upwards"),
            (false, true) => ("Samples", "drawn where the codes lie"),
            (false, false) => ("Grid", "two numbers varied, the others as they are"),
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
            if chip(ui, samples, "samples", "Draws of all numbers, at the temperature below").clicked() {
                self.grid_of = GridOf::Samples;
            }
            if chip(ui, !samples, "grid", "Vary two numbers, the most used ones or any others").clicked() {
                self.grid_of = GridOf::Plane;
            }
            if !samples {
                let mut axes = self.grid_axes(units);
                for (axis, way) in ["across", "up"].into_iter().enumerate() {
                    let label = format!("z{} {way}", axes[axis] + 1);
                    let response = chip(ui, false, &label, "Choose another number for this way");
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
        let response = self.picture(ui, palette, Shown::Grid, grid, title);
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
        response.on_hover_text("Click one to take its numbers");
    }

    /// One of the textures in `area`, which can be clicked.
    fn picture(&self, ui: &mut Ui, palette: &Palette, which: Shown, area: Rect, name: &str) -> egui::Response {
        match &self.textures[which as usize] {
            Some(texture) => {
                let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture.id(), area, whole, Color32::WHITE);
            }
            None => {
                ui.painter().rect_filled(area, 6.0, colour(palette.raised));
            }
        }
        let response = ui.interact(area, ui.scope_id().with(("decoded", name)), Sense::click());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, name));
        response
    }

    fn decoded_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
        card_title(ui, palette, inside, "Decoded", "");
        let side = inside.width().min(inside.height() - 28.0).max(16.0);
        let left = inside.left() + ((inside.width() - side) / 2.0).round();
        let area = Rect::from_min_size(pos2(left, inside.top() + 28.0), vec2(side, side));
        let problem = self.shown.as_ref().and_then(|shown| shown.problem.clone());
        let words = match (&problem, &snapshot.model) {
            (Some(problem), _) => problem.as_str(),
            (None, None) => "It appears as soon as there are weights",
            _ => {
                self.picture(ui, palette, Shown::One, area, "Decoded");
                self.save_ui(ui, palette, inside);
                return;
            }
        };
        let at = pos2(inside.left(), area.top());
        paragraph(ui, at, inside.width(), words, regular(size::TEXT), colour(palette.muted));
    }

    /// What can be kept of what is seen.
    fn save_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect) {
        let Some(shown) = self.shown.clone().filter(|shown| !shown.one.values.is_empty()) else { return };
        let help = "Keep what you see, in the folder for pictures";
        let (save, left) = Button::new(ButtonKind::Chip, "save", help).show_right(ui, palette, inside.right_top());
        let copy = Button::new(ButtonKind::Chip, "copy", "Copy the decoded picture");
        if copy.show_right(ui, palette, pos2(left - 6.0, inside.top())).0.clicked() {
            let view = RowView::of(shown.image, &shown.grid.values);
            ui.ctx().copy_image(tiles(&shown.one.values, &view, shown.features, 1, palette));
            self.notice = Some(("copied the decoded picture".to_owned(), false));
        }
        egui::Popup::menu(&save).width(200.0).show(|ui| {
            for (words, what, ending, rows, columns) in [
                ("Picture, PNG", "decoded", "png", &shown.one, 1),
                ("Grid, PNG", "grid", "png", &shown.grid, GRID),
                ("Walk as a strip, PNG", "walk", "png", &shown.walk, studio::STEPS),
                ("Walk as a film, GIF", "walk", "gif", &shown.walk, 1),
                ("Grid with its numbers, NPY", "grid", "npy", &shown.grid, 1),
                ("Walk with its numbers, NPY", "walk", "npy", &shown.walk, 1),
            ] {
                if !rows.values.is_empty() && ui.button(words).clicked() {
                    self.keep(ui, &shown, rows.clone(), columns, (what, ending));
                }
            }
        });
    }

    fn keep(
        &mut self,
        ui: &Ui,
        shown: &Decoded,
        rows: Rows,
        columns: usize,
        (what, ending): (&'static str, &'static str),
    ) {
        let Some(model) = shown.model.clone() else { return };
        if self.keeping.is_none() {
            let work = |keeping: Keeping, _: &Kept| Kept(Some(keeping.write()));
            self.keeping = Latest::start("hourglass-keep", ui.ctx().clone(), work);
        }
        if let Some(keeping) = &self.keeping {
            let folder = self.folder.clone().unwrap_or_else(pictures_folder);
            keeping.ask(Keeping { model, rows, columns, folder, what, ending });
        }
    }

    fn sliders_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
        card_title(ui, palette, inside, "Latent numbers", "most used first");
        let units = Arc::clone(&snapshot.units);
        if units.is_empty() || self.latents.len() != units.len() {
            let words = "They appear as soon as the model is ready";
            let at = pos2(inside.left(), inside.top() + 34.0);
            paragraph(ui, at, inside.width(), words, regular(size::TEXT), colour(palette.muted));
            return;
        }
        let bottom = inside.bottom() - 30.0;
        self.buttons_ui(ui, palette, pos2(inside.left(), bottom), &units);
        let classes = snapshot.model.as_ref().map_or(0, |model| model.data_shape().classes);
        let mut top = inside.top() + 28.0;
        if classes > 0 {
            let line = Rect::from_min_size(pos2(inside.left(), top), vec2(inside.width(), LINE));
            let slider = Slider {
                name: "Class",
                help: "The class that the decoder is told",
                low: 0.0,
                high: (classes - 1).max(1) as f64,
                scale: Scale::Linear,
                enabled: true,
            };
            let label = super::map::class_name(snapshot, self.label);
            if let Some((value, _)) = slider.show(ui, palette, line, self.label as f64, &label) {
                let label = (value.round() as usize).min(classes - 1);
                if label != self.label {
                    self.label = label;
                    ui.ctx().request_repaint();
                }
            }
            top += LINE;
        }
        let line = Rect::from_min_size(pos2(inside.left(), top), vec2(inside.width(), LINE));
        let slider = Slider {
            name: "Temperature",
            help: "How far samples stray from the middle: 1 as the codes do, less is safer and duller",
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
        if press(ui, ButtonKind::Primary, "Sample", "Draw all numbers anew where the codes lie") {
            self.draw += 1;
            self.latents = draw_latents(units, 1, self.temperature, self.draw.wrapping_add(1 << 20));
            ui.ctx().request_repaint();
        }
        if press(ui, ButtonKind::Plain, "Centre", "Every number back to the middle of its range") {
            self.latents = units.iter().map(|unit| unit.prior_mean).collect();
            ui.ctx().request_repaint();
        }
    }

    /// A slider for each latent number, as many as there is room for; the wheel moves the list.
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
                "Held-out rows have {:.2} on average here and stray by {:.2}",
                units[unit].mean, units[unit].deviation
            );
            let slider = Slider { name: &name, help: &help, low, high, scale: Scale::Linear, enabled: true };
            let value = f64::from(self.latents[unit]);
            if let Some((value, _)) = slider.show(ui, palette, line, value, &format!("{value:+.2}")) {
                self.set(ui, unit, value as f32);
            }
        }
        if visible < units.len() && visible > 0 {
            // Where in the list this is.
            let share = room.height() / total;
            let at = room.top() + self.scroll / total * room.height();
            let bar = Rect::from_min_size(pos2(room.right() - 3.0, at), vec2(3.0, share * room.height()));
            ui.painter().rect_filled(bar, 1.5, colour(palette.line));
        }
    }

    pub fn map(&self) -> Option<&MapCard> {
        self.map.as_ref()
    }

    /// Latent numbers of now, for tests.
    pub fn latents(&self) -> &[f32] {
        &self.latents
    }

    /// Latent numbers where the walk ends, and why an end stays empty, for tests.
    pub fn walk(&self) -> (Option<Vec<f32>>, Option<&str>) {
        let Some(shown) = self.shown.as_deref() else { return (None, None) };
        let latents = &shown.walk.latents;
        let end = latents.len().checked_sub(self.latents.len()).map(|start| latents[start..].to_vec());
        (end, shown.slot_problem.as_deref())
    }

    /// What is to be said of what was done here, and whether it is a fault.
    pub fn notice(&self) -> Option<(&str, bool)> {
        self.notice.as_ref().map(|(words, fault)| (words.as_str(), *fault))
    }

    /// Takes a file that was dropped: its first row goes where the walk begins, the next one's where it ends.
    pub fn take_file(&mut self, path: PathBuf) {
        self.bench.take_file(path);
    }
}

/// Where pictures go that people keep.
fn pictures_folder() -> PathBuf {
    let folders = directories::UserDirs::new();
    let pictures = folders.as_ref().and_then(|folders| folders.picture_dir().or(Some(folders.home_dir())));
    pictures.map_or_else(std::env::temp_dir, std::path::Path::to_owned).join("Hourglass")
}

/// Rows of pictures as one, in lines of `columns`.
fn tiles(values: &[f32], view: &RowView, features: usize, columns: usize, palette: &Palette) -> ColorImage {
    let side = view.side();
    let count = values.len() / features.max(1);
    let (wide, lines) = (columns * side, count.div_ceil(columns.max(1)));
    let mut pixels = vec![Color32::BLACK; wide * lines * side];
    for (index, row) in values.chunks_exact(features).enumerate() {
        let raster = view.draw(row, None, palette.ink(palette.accent));
        let (left, top) = (index % columns * side, index / columns * side);
        for (line, values) in raster.pixels.chunks_exact(side).enumerate() {
            let start = (top + line) * wide + left;
            for (pixel, &value) in pixels[start..start + side].iter_mut().zip(values) {
                *pixel = colour(value);
            }
        }
    }
    ColorImage::new([wide, lines * side], pixels)
}
