//! The window's contents: everything but the window itself.

mod bars;

use std::sync::Arc;
use std::thread::JoinHandle;

use egui::{Color32, Key, Rect, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use super::controls::Controls;
use super::curves::Curves;
use super::data_card::data_ui;
use super::detect::{Detect, Detection};
use super::explore::Explore;
use super::findings::Findings;
use super::map::MapCard;
use super::network::network_ui;
use super::pairs::Textures;
use super::theme::{self, ThemeChoice, colour};
use super::widgets::{card, cards};
use crate::device::DeviceChoice;
use crate::model::{Preset, preset, presets};
use crate::style::{Palette, space};
use crate::train::{Command, PlayState, Snapshot, TrainError, Wish, Worker, WorkerOptions};

/// A run as the window sees it. Dropping it stops the run and waits until it is saved.
pub trait Trainer: Send {
    fn snapshot(&self) -> Arc<Snapshot>;
    fn send(&self, command: Command);
}

impl Trainer for Worker {
    fn snapshot(&self) -> Arc<Snapshot> {
        // The window lives from snapshots; events are for those who must not miss one.
        while self.events().try_recv().is_ok() {}
        Self::snapshot(self)
    }

    fn send(&self, command: Command) {
        Self::send(self, command);
    }
}

/// What fills the window between the bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Workspace {
    Train,
    Explore,
    Detect,
}

/// A model that is looked at, not trained: its snapshot never changes.
#[derive(Debug)]
pub struct OpenedModel(pub Arc<Snapshot>);

impl Trainer for OpenedModel {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0)
    }

    fn send(&self, _: Command) {}
}

/// Starts a run.
pub type StartTrainer = Box<dyn Fn(WorkerOptions) -> Result<Box<dyn Trainer>, TrainError>>;

/// What the window opens with.
pub struct AppOptions {
    pub run: WorkerOptions,
    pub start: StartTrainer,
    pub theme: ThemeChoice,
    /// What finds abnormal rows.
    pub detection: Arc<dyn Detection>,
    /// Devices to choose among, with the names people see.
    pub devices: Vec<(String, DeviceChoice)>,
}

impl std::fmt::Debug for AppOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppOptions({:?})", self.run)
    }
}

/// The window's state between frames.
pub struct App {
    options: AppOptions,
    trainer: Option<Box<dyn Trainer>>,
    /// Runs that are being stopped and saved, off this thread: no frame waits for them.
    retiring: Vec<JoinHandle<()>>,
    snapshot: Arc<Snapshot>,
    presets: Vec<Preset>,
    error: Option<String>,
    themed: Option<(bool, bool)>,
    controls: Controls,
    curves: Curves,
    map: MapCard,
    findings: Findings,
    /// What was wished to be seen last.
    wished: Wish,
    explore: Explore,
    detect: Detect,
    workspace: Workspace,
    textures: Textures,
    drawer_open: bool,
    quit: bool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({:?})", self.snapshot.state)
    }
}

/// Below this width the left column folds into a drawer and the right one goes under the centre.
pub(super) const NARROW: f32 = 1100.0;
const LEFT_COLUMN: f32 = 300.0;
/// What the left column needs to show everything; a lower drawer scrolls.
const LEFT_COLUMN_HEIGHT: f32 = 720.0;
const RIGHT_COLUMN: f32 = 356.0;

impl App {
    /// Starts the run that `options` name.
    pub fn new(options: AppOptions) -> Self {
        let opened = options.run.opened.is_some();
        let detect = Detect::new(Arc::clone(&options.detection));
        let mut app = Self {
            options,
            trainer: None,
            retiring: Vec::new(),
            snapshot: Arc::default(),
            presets: presets().unwrap_or_default(),
            error: None,
            themed: None,
            controls: Controls::default(),
            curves: Curves::default(),
            map: MapCard::new(0, false),
            findings: Findings::default(),
            wished: Wish::default(),
            explore: Explore::default(),
            detect,
            workspace: if opened { Workspace::Explore } else { Workspace::Train },
            textures: Textures::default(),
            drawer_open: false,
            quit: false,
        };
        app.start();
        app
    }

    /// Stops the run there is, and starts the one that the options name.
    fn start(&mut self) {
        self.retire();
        self.error = None;
        match (self.options.start)(self.options.run.clone()) {
            Ok(trainer) => {
                // A named folder holds one run; those that follow go where runs go.
                self.options.run.out = None;
                self.snapshot = trainer.snapshot();
                if self.workspace == Workspace::Explore {
                    trainer.send(Command::ShareModel(true));
                }
                self.trainer = Some(trainer);
                self.wished = Wish::default();
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    fn retire(&mut self) {
        self.retiring.retain(|thread| !thread.is_finished());
        let Some(trainer) = self.trainer.take() else { return };
        match std::thread::Builder::new().name("hourglass-retire".to_owned()).spawn(move || drop(trainer)) {
            Ok(thread) => self.retiring.push(thread),
            // Without a thread the closure is dropped here, and the run is saved on this one.
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    /// Stops the run and waits until everything is saved: the last thing before the program ends.
    pub fn close(&mut self) {
        self.retire();
        for thread in self.retiring.drain(..) {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn send(&self, command: Command) {
        if let Some(trainer) = &self.trainer {
            trainer.send(command);
        }
    }

    /// Whether the keyboard asked for the end (Ctrl+Q, Cmd+Q).
    pub fn wants_to_quit(&self) -> bool {
        self.quit
    }

    /// A window title with the progress.
    pub fn title(&self) -> String {
        let snapshot = &self.snapshot;
        let percent = (100 * snapshot.step).checked_div(snapshot.total_steps).unwrap_or(0);
        match snapshot.state {
            PlayState::Playing => format!("{percent}% \u{2013} Hourglass"),
            _ => "Hourglass".to_owned(),
        }
    }

    /// What the window is cleared to: bars and cards, which are therefore not painted.
    pub fn clear_colour(&self, context: &egui::Context) -> Color32 {
        colour(self.options.theme.palette(context.system_theme()).panel)
    }

    /// One frame.
    pub fn ui(&mut self, ui: &mut Ui) {
        if let Some(trainer) = &self.trainer {
            self.snapshot = trainer.snapshot();
        }
        self.wish();
        let palette = self.options.theme.palette(ui.ctx().system_theme());
        if self.themed.is_none() {
            theme::install_fonts(ui.ctx());
        }
        if self.themed != Some((true, palette.dark)) {
            theme::apply(ui.ctx(), palette);
            let first = self.themed.is_none();
            self.themed = Some((true, palette.dark));
            if first {
                // Fonts are there from the next frame on: this one would be drawn without them.
                ui.ctx().request_discard("fonts");
                return;
            }
        }
        self.textures.update(ui.ctx(), &Arc::clone(&self.snapshot.pairs), palette);
        self.keys(ui);
        let window = ui.ctx().content_rect();
        let narrow = window.width() < NARROW;
        let top = Rect::from_min_size(window.min, vec2(window.width(), space::TOP_BAR));
        let status = Rect::from_min_max(pos2(window.left(), window.bottom() - space::STATUS_BAR), window.max);
        let rail =
            Rect::from_min_max(pos2(window.left(), top.bottom()), pos2(window.left() + space::RAIL, status.top()));
        let work = Rect::from_min_max(rail.right_top(), status.right_top());
        self.top_bar(ui, palette, top, narrow);
        self.rail_ui(ui, palette, rail);
        self.status_bar(ui, palette, status);
        self.take_drops(ui);
        if self.workspace == Workspace::Explore {
            self.explore_workspace(ui, palette, work, narrow);
        } else if self.workspace == Workspace::Detect {
            self.detect.ui(ui, palette, work, self.options.run.device, self.options.run.spec.train.seed);
        } else if narrow {
            self.narrow_workspace(ui, palette, work);
        } else {
            self.wide_workspace(ui, palette, work);
        }
    }

    /// Tells the trainer what is to be seen of the rows, where that has changed.
    fn wish(&mut self) {
        let (pinned, turn) = self.textures.wanted();
        let explores = self.workspace == Workspace::Explore;
        let map = if explores { self.explore.map() } else { &self.map };
        let wish = Wish { pinned, turn, train_rows: map.train_rows, errors: map.wants_errors() };
        if wish != self.wished && self.snapshot.answers {
            self.send(Command::Look(wish.clone()));
            self.wished = wish;
        }
    }

    fn keys(&mut self, ui: &Ui) {
        if ui.input_mut(|input| input.consume_key(egui::Modifiers::COMMAND, Key::Q)) {
            self.quit = true;
        }
        if ui.ctx().text_edit_focused() {
            return;
        }
        let focused = ui.memory(|memory| memory.focused().is_some());
        let pressed = |key| ui.input(|input| input.key_pressed(key) && input.modifiers.is_none());
        // Space belongs to what has the keyboard, if anything has.
        if pressed(Key::Space) && !focused {
            self.play_or_pause();
        }
        if pressed(Key::S) && self.can_step() {
            self.send(Command::Step);
        }
        if pressed(Key::R) {
            self.start();
        }
        if pressed(Key::L) {
            self.curves.log_scale = !self.curves.log_scale;
        }
        for (key, workspace) in
            [(Key::Num1, Workspace::Train), (Key::Num2, Workspace::Explore), (Key::Num3, Workspace::Detect)]
        {
            if pressed(key) {
                self.go_to(workspace);
            }
        }
        if pressed(Key::T) {
            self.toggle_theme(ui);
        }
        if pressed(Key::Escape) {
            self.drawer_open = false;
        }
    }

    fn can_step(&self) -> bool {
        matches!(self.snapshot.state, PlayState::Playing | PlayState::Paused)
    }

    fn play_or_pause(&mut self) {
        match self.snapshot.state {
            PlayState::Playing => self.send(Command::Pause),
            PlayState::Paused => self.send(Command::Play),
            PlayState::Finished | PlayState::Failed => {
                // A model that was opened is trained anew from its spec.
                self.options.run.opened = None;
                self.start();
            }
            PlayState::Preparing | PlayState::Finishing => {}
        }
    }

    fn toggle_theme(&mut self, ui: &Ui) {
        let dark = self.options.theme.palette(ui.ctx().system_theme()).dark;
        self.options.theme = if dark { ThemeChoice::Light } else { ThemeChoice::Dark };
    }

    fn go_to(&mut self, workspace: Workspace) {
        if self.workspace != workspace {
            self.workspace = workspace;
            self.drawer_open = false;
            self.send(Command::ShareModel(workspace == Workspace::Explore));
        }
    }

    fn explore_workspace(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect, narrow: bool) {
        let (work, gap) = (area.shrink(space::L), space::L);
        let snapshot = Arc::clone(&self.snapshot);
        let column = if narrow { 280.0 } else { RIGHT_COLUMN };
        let left = Rect::from_min_max(work.min, pos2(work.right() - column - gap, work.bottom()));
        let right = Rect::from_min_max(pos2(work.right() - column, work.top()), work.max);
        let picture = (column + 28.0).min(right.height() * 0.55);
        let one = Rect::from_min_size(right.min, vec2(column, picture));
        let sliders = Rect::from_min_max(pos2(right.left(), one.bottom() + gap), right.max);
        let rects = [left, one, sliders];
        cards(ui, palette, area, &rects);
        let insides = rects.map(|rect| card(ui, rect, |_, inside| inside));
        self.explore.ui(ui, palette, insides, &snapshot);
    }

    /// Takes files that were dropped: a model is explored, everything else is looked through for what is abnormal.
    fn take_drops(&mut self, ui: &Ui) {
        let dropped = ui.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).next());
        let Some(path) = dropped else { return };
        let is_model = path.extension().is_some_and(|extension| extension == "safetensors");
        if is_model && self.workspace != Workspace::Detect {
            self.options.run.opened = Some(path);
            self.go_to(Workspace::Explore);
            self.start();
            return;
        }
        self.go_to(Workspace::Detect);
        self.detect.take(ui.ctx(), &path, self.options.run.device, self.options.run.spec.train.seed);
    }

    /// Rows that Detect calls abnormal, for tests.
    pub fn flagged(&self) -> usize {
        self.detect.flagged()
    }

    /// Latent numbers that Explore shows, for tests.
    pub fn explored(&self) -> &[f32] {
        self.explore.latents()
    }

    fn wide_workspace(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect) {
        let (work, gap) = (area.shrink(space::L), space::L);
        let left = Rect::from_min_size(work.min, vec2(LEFT_COLUMN, work.height()));
        let right = Rect::from_min_max(pos2(work.right() - RIGHT_COLUMN, work.top()), work.max);
        let centre = Rect::from_min_max(pos2(left.right() + gap, work.top()), pos2(right.left() - gap, work.bottom()));
        let pairs_height = pairs_height(centre.width()).min(work.height() * 0.45);
        let [curves, pairs] = split_bottom(centre, pairs_height, gap);
        let [map, findings] = split_bottom(right, 190.0_f32.min(work.height() * 0.35), gap);
        let column = left_cards(left);
        let all: Vec<Rect> = column.into_iter().chain([curves, pairs, map, findings]).collect();
        cards(ui, palette, area, &all);
        self.left_column(ui, palette, column);
        self.centre_and_right(ui, palette, [curves, pairs, map, findings]);
    }

    fn centre_and_right(&mut self, ui: &mut Ui, palette: &'static Palette, [curves, pairs, map, findings]: [Rect; 4]) {
        let snapshot = Arc::clone(&self.snapshot);
        card(ui, curves, |ui, inside| self.curves.ui(ui, palette, inside, &snapshot));
        card(ui, pairs, |ui, inside| self.textures.ui(ui, palette, inside, &snapshot));
        card(ui, map, |ui, inside| self.map.ui(ui, palette, inside, &snapshot));
        card(ui, findings, |ui, inside| self.findings.ui(ui, palette, inside, &snapshot));
    }

    fn narrow_workspace(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect) {
        let (work, gap) = (area.shrink(space::L), space::L);
        ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
            ui.set_clip_rect(area);
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let width = work.width();
                let heights = [300.0, pairs_height(width), 400.0, 190.0];
                let total: f32 = heights.iter().sum::<f32>() + gap * (heights.len() + 1) as f32;
                let (whole, _) = ui.allocate_exact_size(vec2(area.width(), total), Sense::hover());
                let mut y = whole.top() + gap;
                let rects = heights.map(|height| {
                    let rect = Rect::from_min_size(pos2(work.left(), y), vec2(width, height));
                    y += height + gap;
                    rect
                });
                cards(ui, palette, whole, &rects);
                self.centre_and_right(ui, palette, rects);
            });
        });
        if self.drawer_open {
            let drawer = Rect::from_min_size(area.min, vec2(LEFT_COLUMN + 2.0 * space::L, area.height()));
            let layer = egui::Area::new(ui.scope_id().with("drawer")).fixed_pos(drawer.min).order(egui::Order::Middle);
            layer.show(ui.ctx(), |ui| {
                ui.interact(drawer, ui.scope_id().with("veil"), Sense::click());
                ui.painter().rect_filled(drawer, 0.0, colour(palette.panel));
                ui.scope_builder(UiBuilder::new().max_rect(drawer), |ui| {
                    ui.set_clip_rect(drawer);
                    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                        let size = vec2(drawer.width(), drawer.height().max(LEFT_COLUMN_HEIGHT));
                        let (whole, _) = ui.allocate_exact_size(size, Sense::hover());
                        let column = left_cards(whole.shrink(space::L));
                        cards(ui, palette, whole, &column);
                        self.left_column(ui, palette, column);
                    });
                });
                ui.painter().vline(drawer.right() - 0.5, drawer.y_range(), Stroke::new(1.0, colour(palette.line)));
            });
        }
    }

    fn left_column(&mut self, ui: &mut Ui, palette: &'static Palette, [network, data, controls]: [Rect; 3]) {
        let snapshot = Arc::clone(&self.snapshot);
        let chosen = card(ui, network, |ui, inside| network_ui(ui, palette, inside, &snapshot, &self.presets));
        card(ui, data, |ui, inside| data_ui(ui, palette, inside, &snapshot, &self.textures));
        let edit = card(ui, controls, |ui, inside| self.controls.ui(ui, palette, inside, &snapshot));
        if let Some((field, value)) = edit {
            self.send(Command::Edit { field, value });
        }
        if let Some(name) = chosen {
            self.choose_preset(&name);
        }
    }

    /// Starts the preset called `name`, with the present seed and device.
    fn choose_preset(&mut self, name: &str) {
        match preset(name) {
            Ok(found) => {
                let seed = self.options.run.spec.train.seed;
                self.options.run.spec = found.spec;
                self.options.run.spec.train.seed = seed;
                self.options.run.preset = Some(found.name.to_owned());
                self.drawer_open = false;
                self.start();
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }
}

/// A path with the home folder as `~`.
fn short_path(path: &std::path::Path) -> String {
    let home = directories::UserDirs::new().map(|folders| folders.home_dir().to_owned());
    match home.as_ref().and_then(|home| path.strip_prefix(home).ok()) {
        Some(inside) => format!("~/{}", inside.display()),
        None => path.display().to_string(),
    }
}

/// Network, data and controls, from the top.
fn left_cards(column: Rect) -> [Rect; 3] {
    let gap = space::L;
    let data_height = 152.0;
    let room = column.height() - 2.0 * gap - data_height;
    let controls_height = 208.0_f32.min(room * 0.48);
    let network_height = (room - controls_height).min(340.0);
    let below = |rect: Rect, height: f32| {
        Rect::from_min_size(pos2(column.left(), rect.bottom() + gap), vec2(column.width(), height))
    };
    let network = Rect::from_min_size(column.min, vec2(column.width(), network_height));
    let data = below(network, data_height);
    [network, data, below(data, column.bottom() - data.bottom() - gap)]
}

/// Height of the card of pairs: three rows of ten square tiles.
fn pairs_height(width: f32) -> f32 {
    20.0 + 2.0 * space::L + 3.0 * ((width - 96.0) / 10.0 + 10.0)
}

/// The upper rest and the lower `height` of `rect`.
fn split_bottom(rect: Rect, height: f32, gap: f32) -> [Rect; 2] {
    let y = rect.bottom() - height;
    [Rect::from_min_max(rect.min, pos2(rect.right(), y - gap)), Rect::from_min_max(pos2(rect.left(), y), rect.max)]
}
