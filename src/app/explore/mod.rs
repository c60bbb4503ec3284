//! Explore workspace: decoding of chosen latents during training or of a saved model, interpolation, latent arithmetic,
//! nearest train rows, and export.

mod cards;
mod decoder_thread;
mod latent_ops;
mod layout;
mod slots;

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Color32, ColorImage, Rect, TextureHandle, TextureOptions, Ui};

use self::decoder_thread::{
    DecodeRequest, DecodedLatents, DecodedRows, Decoding, ExportRequest, Looking, Near, NearRequest, Origin,
};
use self::slots::LatentSlots;
use super::frame::paste::pictures_folder;
use super::latent_map::MapCard;
use super::opened::{Kind, Offer, Opened};
use super::shell::desktop::Dialogs;
use super::ui::file_picker::FilePicker;
use super::ui::theme::color;
use super::ui::waker;
use super::ui::widgets::{card, cards};
use super::workspace::{Action, ById, Context, Workspace, WorkspaceEvent};
use crate::inference::{FlatModel, UnitUse, draw_latents};
use crate::monitor::{Command, Moment, PreviewRequest, Section};
use crate::platform::Latest;
use crate::plot::{RowView, map_view};
use crate::style::Palette;

/// Cells along a side of the grid.
const GRID: usize = 8;
const LINE: f32 = 28.0;

/// Content of the grid where there are more than two latents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum GridOf {
    #[default]
    Samples,
    Plane,
}

/// Textures of decoded rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DecodedPart {
    One,
    Grid,
    Walk,
    Sum,
    Slots,
}

/// Result of the last export.
#[derive(Debug, Default)]
struct ExportResult(Option<Result<PathBuf, String>>);

/// State of the workspace between frames.
#[derive(Default)]
pub(super) struct Explore {
    decoding: Option<Latest<DecodeRequest, DecodedLatents>>,
    near_search: Option<Latest<NearRequest, Near>>,
    exporter: Option<Latest<(ExportRequest, PathBuf), ExportResult>>,
    picker: FilePicker<ExportRequest>,
    asked: Option<DecodeRequest>,
    asked_near: Option<NearRequest>,
    exported: Option<Arc<ExportResult>>,
    shown: Option<Arc<DecodedLatents>>,
    textures: [Option<TextureHandle>; 5],
    dark: bool,
    latents: Vec<f32>,
    /// Row whose latents the sliders take once it is encoded.
    taking: Option<Origin>,
    label: usize,
    /// Number of the random draw.
    draw: u32,
    temperature: f32,
    grid_of: GridOf,
    /// Latents of the grid's axes, if chosen.
    axes: Option<[usize; 2]>,
    map: Option<MapCard>,
    slots: LatentSlots,
    /// Latents by descending standard deviation.
    order: Vec<usize>,
    scroll: f32,
    /// Actions for the window.
    actions: Vec<Action>,
    /// Folder of exports, if not the user's pictures folder.
    pub folder: Option<PathBuf>,
}

impl std::fmt::Debug for Explore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Explore({:?})", self.latents)
    }
}

/// Returns the latents by descending standard deviation over held-out rows.
fn order_of_use(units: &[UnitUse]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by(|&a, &b| units[b].deviation.total_cmp(&units[a].deviation).then(a.cmp(&b)));
    order
}

/// Returns the range of a slider: the prior mean and three standard deviations either way, of the prior or of held-out
/// rows, whichever is larger.
fn range(unit: &UnitUse) -> (f64, f64) {
    let deviation = f64::from(unit.deviation.max(unit.prior_deviation)).max(0.05);
    let mean = f64::from(unit.prior_mean);
    (mean - 3.0 * deviation, mean + 3.0 * deviation)
}

/// Returns the ranges of the plane on the grid, those of the map.
fn plane(moment: &Moment) -> [(f32, f32); 2] {
    match map_view(&moment.snapshot.map.points) {
        Some(view) => [0, 1].map(|axis| (view.center[axis] - view.half[axis], view.center[axis] + view.half[axis])),
        None => [(-2.2, 2.2); 2],
    }
}

impl Explore {
    /// Creates the workspace; `dialogs` ask for the paths of exports.
    pub fn new(dialogs: Arc<dyn Dialogs>) -> Self {
        Self { picker: FilePicker::new(dialogs), ..Self::default() }
    }

    /// Resets the state for another run or other data; threads and pending exports go on.
    fn forget(&mut self) {
        *self = Self {
            decoding: self.decoding.take(),
            near_search: self.near_search.take(),
            exporter: self.exporter.take(),
            picker: std::mem::take(&mut self.picker),
            exported: self.exported.take(),
            dark: self.dark,
            temperature: self.temperature,
            grid_of: self.grid_of,
            folder: self.folder.take(),
            ..Self::default()
        };
    }

    /// Returns whether an answer is about the network that is shown.
    fn is_current(moment: &Moment, of: Option<&Section<FlatModel>>) -> bool {
        let shown = moment.snapshot.model.as_ref().zip(of);
        shown.is_some_and(|(shown, of)| Arc::ptr_eq(&shown.network, &of.network))
    }

    /// Requests decoding of sliders, grid and slots by the newest weights, and the nearest train rows, if any has
    /// changed.
    fn follow(&mut self, ui: &Ui, moment: &Moment) {
        let Some(model) = &moment.snapshot.model else { return };
        let units = &moment.snapshot.units;
        if units.is_empty() {
            return;
        }
        if self.latents.len() != units.len() {
            self.latents = units.iter().map(|unit| unit.prior_mean).collect();
            (self.label, self.temperature, self.axes, self.taking) = (0, 1.0, None, None);
            self.slots.begin(moment);
        }
        self.order = order_of_use(units);
        let grid = self.grid_latents(moment);
        let request = DecodeRequest {
            model: model.clone(),
            latents: self.latents.clone(),
            grid,
            label: self.label,
            slots: self.slots.origins(),
            taken: self.taking.clone(),
        };
        if self.asked.as_ref() != Some(&request) {
            if self.decoding.is_none() {
                let mut decoding = Decoding::default();
                let work = move |request: DecodeRequest, before: &DecodedLatents| decoding.answer(request, before);
                self.decoding = Latest::start("hourglass-decode", waker(ui.ctx()), work);
            }
            if let Some(decoding) = &self.decoding {
                decoding.ask(request.clone());
                self.asked = Some(request);
            }
        }
        let Some(data) = &moment.rows else { return };
        let (model, data) = (model.clone(), ById(Arc::clone(data)));
        let request = NearRequest { model, data, latents: self.latents.clone(), count: slots::NEAR };
        if self.asked_near.as_ref() != Some(&request) {
            if self.near_search.is_none() {
                let mut looking = Looking::default();
                let work = move |request: NearRequest, _: &Near| looking.answer(&request);
                self.near_search = Latest::start("hourglass-near", waker(ui.ctx()), work);
            }
            if let Some(looking) = &self.near_search {
                looking.ask(request.clone());
                self.asked_near = Some(request);
            }
        }
    }

    /// Returns the latents of the grid's axes: across and up.
    fn grid_axes(&self, units: usize) -> [usize; 2] {
        if units == 2 {
            return [0, 1];
        }
        let usual = [self.order.first().copied().unwrap_or(0), self.order.get(1).copied().unwrap_or(0)];
        self.axes.filter(|axes| axes.iter().all(|&axis| axis < units)).unwrap_or(usual)
    }

    fn grid_latents(&self, moment: &Moment) -> Vec<f32> {
        let units = &moment.snapshot.units;
        let flat = units.len() == 2;
        if !flat && self.grid_of == GridOf::Samples {
            return draw_latents(units, GRID * GRID, self.temperature, self.draw);
        }
        let axes = self.grid_axes(units.len());
        let ranges = if flat {
            plane(moment)
        } else {
            axes.map(|axis| {
                let (low, high) = range(&units[axis]);
                (low as f32, high as f32)
            })
        };
        let at = |(low, high): (f32, f32), i: usize| low + (high - low) * (i as f32 + 0.5) / GRID as f32;
        // From the top line down, like the map.
        let place = |i: usize| {
            let mut latents = self.latents.clone();
            latents[axes[0]] = at(ranges[0], i % GRID);
            latents[axes[1]] = at(ranges[1], GRID - 1 - i / GRID);
            latents
        };
        (0..GRID * GRID).flat_map(place).collect()
    }

    /// Sets a latent; the decoded row is requested in the next frame.
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

    /// Returns a message on an export that has finished.
    fn exported(&mut self) -> Option<Action> {
        let kept = self.exporter.as_ref()?.answer();
        if self.exported.as_ref().is_some_and(|before| Arc::ptr_eq(before, &kept)) {
            return None;
        }
        self.exported = Some(Arc::clone(&kept));
        let said = |path: &PathBuf| format!("saved {}", super::ui::format::short_path(path));
        kept.0.as_ref().map(|kept| Action::Say(kept.as_ref().map(said).map_err(Clone::clone)))
    }

    /// Uploads newly decoded rows to textures.
    fn receive(&mut self, ui: &Ui, palette: &Palette, moment: &Moment) {
        let Some(decoding) = &self.decoding else { return };
        let decoded = decoding.answer();
        if !Self::is_current(moment, decoded.model.as_ref()) {
            return;
        }
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
        let view = RowView::new(decoded.image, &decoded.grid.values);
        let features = decoded.features;
        // Unchanged rows with the same scaling keep their textures.
        let same = self.shown.as_ref().filter(|shown| {
            self.dark == palette.dark
                && RowView::new(shown.image, &shown.grid.values) == view
                && shown.features == features
        });
        let is_kept = |part: fn(&DecodedLatents) -> &Arc<DecodedRows>| {
            same.is_some_and(|shown| Arc::ptr_eq(part(shown), part(&decoded)))
        };
        let slots_are_kept = same.is_some_and(|shown| shown.slots.iter().zip(&decoded.slots).all(is_same_slot));
        // Empty slots are blank rows.
        let slots = || -> Vec<f32> {
            let of_slot = |slot: &Option<Arc<DecodedRows>>| match slot {
                Some(rows) => rows.values.clone(),
                None => vec![0.0; features],
            };
            decoded.slots.iter().flat_map(of_slot).collect()
        };
        let slots = if slots_are_kept { Vec::new() } else { slots() };
        for (which, values, columns, is_kept) in [
            (DecodedPart::One, &decoded.one.values, 1, is_kept(|decoded| &decoded.one)),
            (DecodedPart::Grid, &decoded.grid.values, GRID, is_kept(|decoded| &decoded.grid)),
            (
                DecodedPart::Walk,
                &decoded.interpolation.values,
                decoder_thread::STEPS,
                is_kept(|decoded| &decoded.interpolation),
            ),
            (DecodedPart::Sum, &decoded.sum.values, 1, is_kept(|decoded| &decoded.sum)),
            (DecodedPart::Slots, &slots, decoder_thread::SLOTS, slots_are_kept),
        ] {
            if is_kept {
                continue;
            }
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

    /// Returns the folder of exports.
    pub fn pictures_folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(pictures_folder)
    }

    /// Returns the current latents, for tests.
    pub fn latents(&self) -> &[f32] {
        &self.latents
    }

    /// Returns the latents at the end of the interpolation, and the reason for an empty end, for tests.
    pub fn interpolation(&self) -> (Option<Vec<f32>>, Option<&str>) {
        let Some(shown) = self.shown.as_deref() else { return (None, None) };
        let latents = &shown.interpolation.latents;
        let end = latents.len().checked_sub(self.latents.len()).map(|start| latents[start..].to_vec());
        (end, shown.slot_problem.as_deref())
    }

    /// Returns the latents at the start of the interpolation.
    pub fn interpolation_begin(&self) -> Option<Vec<f32>> {
        self.shown.as_deref()?.interpolation.latents.get(..self.latents.len()).map(<[f32]>::to_vec)
    }

    /// Puts the first row of a dropped file at the start of the interpolation, that of the next file at its end.
    pub fn take_file(&mut self, path: PathBuf) {
        self.slots.take_file(path);
    }
}

impl Workspace for Explore {
    /// Draws the cards: the map with the grid, latent operations below it, the decoded picture, the sliders.
    fn ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action> {
        let Context { moment, palette, .. } = context;
        let rects = layout::explore_cards(area, context.narrow);
        cards(ui, palette, area, &rects);
        let [map, operations, one, sliders] = rects.map(|rect| card(ui, rect, |_, inside| inside));
        self.follow(ui, moment);
        self.receive(ui, palette, moment);
        self.map_ui(ui, palette, map, moment);
        self.latent_ops_ui(ui, palette, operations, moment);
        self.decoded_ui(ui, palette, one, moment);
        self.sliders_ui(ui, palette, sliders, moment);
        self.export_ui(ui, palette);
        std::mem::take(&mut self.actions)
    }

    fn poll(&mut self, _: &egui::Context, _: Context<'_>) -> Vec<Action> {
        self.exported().into_iter().collect()
    }

    fn accepts(&self, opened: &Opened) -> Vec<Offer> {
        if matches!(opened.kind, Kind::Picture | Kind::Rows) { vec![Offer::WalkFrom] } else { Vec::new() }
    }

    fn take(&mut self, _: &egui::Context, opened: &Opened, _: Context<'_>) {
        // An interpolation has two ends.
        opened.paths().take(2).for_each(|path| self.take_file(path));
    }

    fn on_event(&mut self, event: WorkspaceEvent) -> Vec<Action> {
        match event {
            WorkspaceEvent::SubjectChanged => self.forget(),
            // Weights are shared only while Explore is on display.
            WorkspaceEvent::Entered | WorkspaceEvent::Started => {
                return vec![Action::Send(Command::ShareModel(true))];
            }
            WorkspaceEvent::Left => return vec![Action::Send(Command::ShareModel(false))],
            WorkspaceEvent::Key(_) => {}
        }
        Vec::new()
    }

    fn add_wishes(&self, request: &mut PreviewRequest) {
        if let Some(map) = &self.map {
            (request.train_rows, request.errors) = (map.train_rows, map.wants_errors());
        }
    }

    fn is_typing(&self) -> bool {
        self.picker.is_typing()
    }
}

/// Returns whether two slots hold the same rows, or none.
fn is_same_slot((a, b): (&Option<Arc<DecodedRows>>, &Option<Arc<DecodedRows>>)) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Combines rows into one image, in lines of `columns` tiles.
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
                *pixel = color(value);
            }
        }
    }
    ColorImage::new([wide, lines * side], pixels)
}
