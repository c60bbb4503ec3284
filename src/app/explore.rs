//! Explore: move a model's latent numbers and see at once what they become, while it trains or when it is opened.
//!
//! A thread of its own decodes, on the processor, whatever was asked for last: frames never wait for it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, bounded};
use egui::{Align2, Color32, ColorImage, Rect, Sense, Stroke, TextureHandle, TextureOptions, Ui, pos2, vec2};

use super::map::MapCard;
use super::theme::{colour, regular};
use super::widgets::{Button, ButtonKind, Scale, Slider, card_title, paragraph};
use crate::model::Model;
use crate::style::{Palette, RowView, size, space};
use crate::tasks::{Decoder, draw_latents, map_view};
use crate::train::{Snapshot, UnitUse};

/// Samples, or places of the plane, a side.
const GRID: usize = 8;

#[derive(Clone, Debug, PartialEq)]
struct Request {
    model: ModelPointer,
    latents: Vec<f32>,
    /// Rows of the grid.
    grid: Vec<f32>,
    label: usize,
}

/// Models are compared by identity.
#[derive(Clone, Debug)]
struct ModelPointer(Arc<Model>);

impl PartialEq for ModelPointer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Debug, Default)]
struct Decoded {
    features: usize,
    image: Option<[usize; 3]>,
    one: Vec<f32>,
    grid: Vec<f32>,
    problem: Option<String>,
}

/// The thread that decodes. Dropping the handle ends it.
struct Painter {
    requests: Sender<Request>,
    /// To take back a request that was not begun.
    waiting: Receiver<Request>,
    decoded: Arc<ArcSwap<Decoded>>,
}

impl Painter {
    fn start(context: egui::Context) -> Option<Self> {
        let (requests, waiting) = bounded::<Request>(1);
        let decoded = Arc::new(ArcSwap::from_pointee(Decoded::default()));
        let (inbox, slot) = (waiting.clone(), Arc::clone(&decoded));
        let work = move || {
            let mut decoder: Option<(ModelPointer, Result<Decoder, String>)> = None;
            // Ends when the last sender is gone; the receiver kept for taking back does not count.
            while let Ok(request) = inbox.recv() {
                if decoder.as_ref().is_none_or(|(model, _)| *model != request.model) {
                    let made = Decoder::new(&request.model.0).map_err(|error| error.to_string());
                    decoder = Some((request.model.clone(), made));
                }
                let Some((model, decoder)) = &mut decoder else { continue };
                let image = model.0.data_shape().image.map(|image| [image.height, image.width, image.channels]);
                let mut next = Decoded { features: model.0.features, image, ..Decoded::default() };
                match decoder {
                    Ok(decoder) => {
                        let mut decode =
                            |latents: &[f32]| decoder.decode(latents, request.label).map_err(|error| error.to_string());
                        match decode(&request.latents).and_then(|one| Ok((one, decode(&request.grid)?))) {
                            Ok((one, grid)) => (next.one, next.grid) = (one, grid),
                            Err(problem) => next.problem = Some(problem),
                        }
                    }
                    Err(problem) => next.problem = Some(problem.clone()),
                }
                slot.store(Arc::new(next));
                context.request_repaint();
            }
        };
        std::thread::Builder::new().name("hourglass-decode".to_owned()).spawn(work).ok()?;
        Some(Self { requests, waiting, decoded })
    }

    fn ask(&self, request: Request) {
        // The newest wins: what nobody has begun is taken back.
        while self.waiting.try_recv().is_ok() {}
        let _ = self.requests.try_send(request);
    }
}

/// The workspace's state between frames.
pub(super) struct Explore {
    painter: Option<Painter>,
    asked: Option<Request>,
    shown: Option<Arc<Decoded>>,
    textures: [Option<TextureHandle>; 2],
    latents: Vec<f32>,
    label: usize,
    /// Number of the draw; the grid of a plane is drawn instead where there are two latent numbers.
    draw: u32,
    temperature: f32,
    map: MapCard,
    /// Units in the order of their use.
    order: Vec<usize>,
    scroll: f32,
}

impl Default for Explore {
    fn default() -> Self {
        Self {
            painter: None,
            asked: None,
            shown: None,
            textures: [None, None],
            latents: Vec::new(),
            label: 0,
            draw: 0,
            temperature: 1.0,
            map: MapCard::new(1, true),
            order: Vec::new(),
            scroll: 0.0,
        }
    }
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
            self.label = 0;
            self.temperature = 1.0;
        }
        self.order = order_of_use(units);
        let grid = if units.len() == 2 {
            let [(x0, x1), (y0, y1)] = plane(snapshot);
            let at = |low: f32, high: f32, i: usize| low + (high - low) * (i as f32 + 0.5) / GRID as f32;
            // From the top, as the map has it.
            (0..GRID * GRID).flat_map(|i| [at(x0, x1, i % GRID), at(y0, y1, GRID - 1 - i / GRID)]).collect()
        } else {
            draw_latents(units, GRID * GRID, self.temperature, self.draw)
        };
        let request =
            Request { model: ModelPointer(Arc::clone(model)), latents: self.latents.clone(), grid, label: self.label };
        if self.asked.as_ref() == Some(&request) {
            return;
        }
        if self.painter.is_none() {
            self.painter = Painter::start(ui.ctx().clone());
        }
        if let Some(painter) = &self.painter {
            painter.ask(request.clone());
            self.asked = Some(request);
        }
    }

    /// Another value for a latent number; what it becomes is asked for in the next frame.
    fn set(&mut self, ui: &Ui, unit: usize, value: f32) {
        if self.latents[unit] != value {
            self.latents[unit] = value;
            ui.ctx().request_repaint();
        }
    }

    /// Makes textures of what has been decoded.
    fn receive(&mut self, ui: &Ui, palette: &Palette) {
        let Some(painter) = &self.painter else { return };
        let decoded = painter.decoded.load_full();
        if self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &decoded)) {
            return;
        }
        let view = RowView::of(decoded.image, &decoded.grid);
        for (slot, (values, side)) in self.textures.iter_mut().zip([(&decoded.one, 1), (&decoded.grid, GRID)]) {
            if values.is_empty() || values.len() < side * side * decoded.features {
                continue;
            }
            let picture = tiles(values, &view, decoded.features, side, palette);
            match slot {
                Some(texture) => texture.set(picture, TextureOptions::NEAREST),
                None => *slot = Some(ui.ctx().load_texture("decoded", picture, TextureOptions::NEAREST)),
            }
        }
        self.shown = Some(decoded);
    }

    /// Draws the cards: the map with the grid, the decoded picture, the sliders.
    pub fn ui(&mut self, ui: &mut Ui, palette: &'static Palette, [map, one, sliders]: [Rect; 3], snapshot: &Snapshot) {
        self.follow(ui, snapshot);
        self.receive(ui, palette);
        self.map_ui(ui, palette, map, snapshot);
        self.decoded_ui(ui, palette, one, snapshot);
        self.sliders_ui(ui, palette, sliders, snapshot);
    }

    fn map_ui(&mut self, ui: &mut Ui, palette: &'static Palette, inside: Rect, snapshot: &Snapshot) {
        let half = (inside.width() - space::L) / 2.0;
        let side = half.min(inside.height() - 60.0);
        let left = Rect::from_min_size(inside.min, vec2(half, (side + 60.0).min(inside.height())));
        let plane_is_whole = snapshot.units.len() == 2;
        let shown = self.map.ui(ui, palette, left, snapshot);
        if let (true, Some(shown)) = (plane_is_whole, shown) {
            if let Some([x, y]) = shown.place.filter(|_| self.latents.len() == 2) {
                self.set(ui, 0, x);
                self.set(ui, 1, y);
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
        let right = Rect::from_min_size(pos2(inside.right() - half, inside.top()), left.size());
        let (title, words) = if plane_is_whole {
            ("The plane", "decoded: z1 to the right, z2 upwards")
        } else {
            ("Samples", "drawn where the codes lie")
        };
        card_title(ui, palette, right, title, words);
        let grid = Rect::from_min_size(pos2(right.left(), right.top() + 28.0), vec2(side, side));
        self.picture(ui, palette, 1, grid, title);
    }

    fn picture(&self, ui: &mut Ui, palette: &Palette, index: usize, area: Rect, name: &str) {
        let rect = area;
        match &self.textures[index] {
            Some(texture) => {
                let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture.id(), rect, whole, Color32::WHITE);
            }
            None => {
                ui.painter().rect_filled(rect, 6.0, colour(palette.raised));
            }
        }
        let response = ui.interact(rect, ui.scope_id().with(("decoded", index)), Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, name));
    }

    fn decoded_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
        card_title(ui, palette, inside, "Decoded", "");
        let side = inside.width().min(inside.height() - 28.0).max(16.0);
        let area = Rect::from_min_size(pos2(inside.left(), inside.top() + 28.0), vec2(side, side));
        let problem = self.shown.as_ref().and_then(|shown| shown.problem.clone());
        let words = match (&problem, &snapshot.model) {
            (Some(problem), _) => problem.as_str(),
            (None, None) => "It appears as soon as there are weights",
            _ => {
                self.picture(ui, palette, 0, area, "Decoded");
                return;
            }
        };
        let at = pos2(area.left(), area.top());
        paragraph(ui, at, inside.width(), words, regular(size::TEXT), colour(palette.muted));
    }

    fn sliders_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
        const LINE: f32 = 28.0;
        card_title(ui, palette, inside, "Latent numbers", "most used first");
        let units = Arc::clone(&snapshot.units);
        if units.is_empty() || self.latents.len() != units.len() {
            let words = "They appear as soon as the model is ready";
            let at = pos2(inside.left(), inside.top() + 44.0);
            ui.painter().text(at, Align2::LEFT_CENTER, words, regular(size::TEXT), colour(palette.muted));
            return;
        }
        let mut x = inside.left();
        let bottom = inside.bottom() - 30.0;
        let sample = Button::new(ButtonKind::Primary, "Sample", "Draw all numbers anew where the codes lie");
        let rect = Rect::from_min_size(pos2(x, bottom), sample.size(ui));
        x = rect.right() + space::S;
        if sample.show(ui, palette, rect).clicked() {
            self.draw += 1;
            self.latents = draw_latents(&units, 1, self.temperature, self.draw.wrapping_add(1 << 20));
            ui.ctx().request_repaint();
        }
        let centre = Button::new(ButtonKind::Plain, "Centre", "Every number back to the middle of its range");
        let rect = Rect::from_min_size(pos2(x, bottom), centre.size(ui));
        if centre.show(ui, palette, rect).clicked() {
            self.latents = units.iter().map(|unit| unit.prior_mean).collect();
            ui.ctx().request_repaint();
        }
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
            let label = self.label.to_string();
            if let Some((value, _)) = slider.show(ui, palette, line, self.label as f64, &label) {
                let label = (value.round() as usize).min(classes - 1);
                if label != self.label {
                    self.label = label;
                    ui.ctx().request_repaint();
                }
            }
            top += LINE;
        }
        if units.len() > 2 {
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
            top += LINE;
        }
        let room = Rect::from_min_max(pos2(inside.left(), top), pos2(inside.right(), bottom - space::S));
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

    pub fn map(&self) -> &MapCard {
        &self.map
    }

    /// Latent numbers of now, for tests.
    pub fn latents(&self) -> &[f32] {
        &self.latents
    }
}

/// Rows of pictures as one, `side` by `side`.
fn tiles(values: &[f32], view: &RowView, features: usize, count: usize, palette: &Palette) -> ColorImage {
    let side = view.side();
    let mut pixels = vec![Color32::BLACK; count * count * side * side];
    for (index, row) in values.chunks_exact(features).take(count * count).enumerate() {
        let raster = view.draw(row, None, palette.ink(palette.accent));
        let (left, top) = (index % count * side, index / count * side);
        for (line, values) in raster.pixels.chunks_exact(side).enumerate() {
            let start = (top + line) * count * side + left;
            for (pixel, &value) in pixels[start..start + side].iter_mut().zip(values) {
                *pixel = colour(value);
            }
        }
    }
    ColorImage::new([count * side, count * side], pixels)
}
