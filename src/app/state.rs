//! The window's contents: everything but the window itself.

mod bars;
mod explore;
mod keys;
mod train;
mod workspace;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use egui::{Color32, Rect, Ui, pos2, vec2};

use super::controls::Controls;
use super::curves::Curves;
use super::denoise::{Ask, Denoise, Denoising, LocalDenoising};
use super::detect::{Detect, Detection, LocalDetection};
use super::explore::Explore;
use super::findings::Findings;
use super::map::MapCard;
use super::network::NetworkCard;
use super::pairs::Textures;
use super::theme::{self, ThemeChoice, colour};
use crate::data::is_picture_or_array;
use crate::device::DeviceChoice;
use crate::model::{Preset, preset, presets};
use crate::style::{Palette, space};
use crate::tasks::DeskView;
use crate::train::{Command, PlayState, Snapshot, TrainError, Wish, Worker, WorkerOptions};
use workspace::Workspace;

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
    /// What cleans pictures.
    pub denoising: Arc<dyn Denoising>,
    /// Devices to choose among, with the names people see.
    pub devices: Vec<(String, DeviceChoice)>,
}

impl AppOptions {
    /// With the library behind every workspace, and no device to choose but the usual ones.
    pub fn new(run: WorkerOptions, start: StartTrainer) -> Self {
        Self {
            run,
            start,
            theme: ThemeChoice::default(),
            detection: Arc::new(LocalDetection),
            denoising: Arc::new(LocalDenoising),
            devices: vec![("Automatic".to_owned(), DeviceChoice::Auto), ("CPU, native".to_owned(), DeviceChoice::Cpu)],
        }
    }
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
    network: NetworkCard,
    map: MapCard,
    findings: Findings,
    /// What was wished to be seen last.
    wished: Wish,
    explore: Explore,
    denoise: Denoise,
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
const RIGHT_COLUMN: f32 = 356.0;

impl App {
    /// Starts the run that `options` name.
    pub fn new(options: AppOptions) -> Self {
        let opened = options.run.opened.is_some();
        let detect = Detect::new(Arc::clone(&options.detection));
        let denoise = Denoise::new(Arc::clone(&options.denoising));
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
            network: NetworkCard::default(),
            map: MapCard::new(0),
            findings: Findings::default(),
            wished: Wish::default(),
            explore: Explore::default(),
            denoise,
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
        match self.workspace {
            Workspace::Train => self.train_workspace(ui, palette, work, narrow),
            Workspace::Explore => self.explore_workspace(ui, palette, work, narrow),
            Workspace::Denoise => self.denoise_workspace(ui, palette, work),
            Workspace::Detect => {
                self.detect.ui(ui, palette, work, self.options.run.device, self.options.run.spec.train.seed);
            }
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

    /// Takes files that were dropped: pictures are cleaned, a model is explored, everything else is looked through for what
    /// is abnormal.
    fn take_drops(&mut self, ui: &Ui) {
        let dropped: Vec<PathBuf> =
            ui.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        let Some(path) = dropped.first().cloned() else { return };
        let is_model = path.extension().is_some_and(|extension| extension == "safetensors");
        if self.workspace == Workspace::Explore && !is_model && is_picture_or_array(&path) {
            // A model that is explored takes rows for its walk.
            dropped.into_iter().take(2).for_each(|path| self.explore.take_file(path));
            return;
        }
        let cleans = self.workspace == Workspace::Denoise && (is_model || path.is_dir());
        if cleans || self.workspace != Workspace::Detect && is_picture_or_array(&path) {
            self.go_to(Workspace::Denoise);
            self.denoise.take(ui.ctx(), dropped, self.options.run.device);
            return;
        }
        if is_model && self.workspace != Workspace::Detect {
            self.options.run.opened = Some(path);
            self.go_to(Workspace::Explore);
            self.start();
            return;
        }
        self.go_to(Workspace::Detect);
        self.detect.take(ui.ctx(), &path, self.options.run.device, self.options.run.spec.train.seed);
    }

    fn denoise_workspace(&mut self, ui: &mut Ui, palette: &Palette, area: Rect) {
        match self.denoise.ui(ui, palette, area, self.options.run.device) {
            Some(Ask::Train(name, folder)) => {
                self.choose_preset(name, Some(folder.display().to_string()));
                self.go_to(Workspace::Train);
            }
            None => {}
        }
    }

    /// What lies on the desk of Denoise, for tests.
    pub fn desk(&self) -> &DeskView {
        self.denoise.view()
    }

    /// Rows that Detect calls abnormal, for tests.
    pub fn flagged(&self) -> usize {
        self.detect.flagged()
    }

    /// Starts the preset called `name`, with the present seed and device, on the data at `source` where it is given.
    fn choose_preset(&mut self, name: &str, source: Option<String>) {
        match preset(name) {
            Ok(found) => {
                let seed = self.options.run.spec.train.seed;
                self.options.run.spec = found.spec;
                self.options.run.spec.train.seed = seed;
                if let Some(source) = source {
                    self.options.run.spec.data.source = source;
                }
                self.options.run.preset = Some(found.name.to_owned());
                self.drawer_open = false;
                self.start();
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }
}

/// A path with the home folder as `~`.
pub(super) fn short_path(path: &std::path::Path) -> String {
    let home = directories::UserDirs::new().map(|folders| folders.home_dir().to_owned());
    match home.as_ref().and_then(|home| path.strip_prefix(home).ok()) {
        Some(inside) => format!("~/{}", inside.display()),
        None => path.display().to_string(),
    }
}
