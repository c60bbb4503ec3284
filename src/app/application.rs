//! The window's contents: everything but the window itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use egui::{Color32, Rect, Ui, pos2, vec2};

use super::denoise::{Ask, Denoise, Denoising, LocalDenoising};
use super::detect::{Detect, Detection, LocalDetection};
use super::explore::Explore;
use super::frame::help::help_sheet;
use super::frame::hints;
use super::frame::hints::hints_ui;
use super::frame::open::Choice;
use super::frame::paste::Pasting;
use super::latent_map::MapCard;
use super::report::{LocalReporting, ReportAction, ReportContext, ReportWorkspace, Reporting};
use super::runs::{Runs, RunsAction};
use super::shell::desktop::{Dialogs, TypedPaths};
use super::shell::settings::Settings;
use super::train::curves::Curves;
use super::train::findings::Findings;
use super::train::live_edits::LiveEdits;
use super::train::network::NetworkCard;
use super::train::reconstructions::ReconstructionsCard;
pub use super::trainer::{StartTrainer, Trainer};
use super::ui::file_picker::FilePicker;
use super::ui::theme;
use super::ui::theme::{ThemeChoice, color};
use super::undo::{Design, UndoHistory};
use super::workspace::{PLACES, Workspace};
use crate::device::DeviceChoice;
use crate::model::{Preset, presets};
use crate::monitor::{Command, PlayState, PreviewRequest, Snapshot, WorkerOptions};
use crate::style::{Palette, space};
use crate::tasks::QueueView;
use crate::train::default_runs_folder;

/// What the window opens with.
pub struct AppOptions {
    pub run: WorkerOptions,
    pub start: StartTrainer,
    pub theme: ThemeChoice,
    /// What finds abnormal rows.
    pub detection: Arc<dyn Detection>,
    /// What cleans pictures.
    pub denoising: Arc<dyn Denoising>,
    /// What measures models and writes what is told of them.
    pub reporting: Arc<dyn Reporting>,
    /// Who is asked for files.
    pub dialogs: Arc<dyn Dialogs>,
    /// Devices to choose among, with the names people see.
    pub devices: Vec<(String, DeviceChoice)>,
    /// Where runs are kept.
    pub runs_folder: PathBuf,
    /// What was remembered from the last time.
    pub settings: Settings,
    /// Whether files can be dropped: native Wayland delivers none.
    pub drops: bool,
}

impl AppOptions {
    /// With the library behind every workspace, and no device to choose but the usual ones. Paths are typed, and hints
    /// have been seen.
    pub fn new(run: WorkerOptions, start: StartTrainer) -> Self {
        Self {
            run,
            start,
            theme: ThemeChoice::default(),
            detection: Arc::new(LocalDetection),
            denoising: Arc::new(LocalDenoising),
            reporting: Arc::new(LocalReporting),
            dialogs: Arc::new(TypedPaths),
            devices: vec![("Automatic".to_owned(), DeviceChoice::Auto), ("CPU, native".to_owned(), DeviceChoice::Cpu)],
            runs_folder: default_runs_folder(),
            settings: Settings { hints_seen: true, ..Settings::default() },
            drops: true,
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
    pub(super) options: AppOptions,
    pub(super) trainer: Option<Box<dyn Trainer>>,
    /// Runs that are being stopped and saved, off this thread: no frame waits for them.
    pub(super) retiring: Vec<JoinHandle<()>>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) presets: Vec<Preset>,
    pub(super) history: UndoHistory,
    pub(super) error: Option<String>,
    /// What was done last that is no error.
    pub(super) notice: Option<String>,
    pub(super) themed: Option<(bool, bool)>,
    pub(super) controls: LiveEdits,
    pub(super) curves: Curves,
    pub(super) network: NetworkCard,
    pub(super) map: MapCard,
    pub(super) findings: Findings,
    /// What was wished to be seen last.
    pub(super) requested_previews: PreviewRequest,
    pub(super) explore: Explore,
    pub(super) denoise: Denoise,
    pub(super) detect: Detect,
    pub(super) report: ReportWorkspace,
    pub(super) runs: Runs,
    pub(super) workspace: Workspace,
    /// Where Escape leads back to from the list of runs.
    pub(super) before: Workspace,
    pub(super) textures: ReconstructionsCard,
    pub(super) drawer_open: bool,
    pub(super) help_open: bool,
    /// What a path is wanted for that was asked for by Open.
    pub(super) picker: FilePicker<()>,
    pub(super) choice: Option<Choice>,
    pub(super) pasting: Pasting,
    /// A model that was opened has been looked at: it may belong to another workspace than Explore.
    /// Design trained last, by a spec that was known when it began.
    pub(super) design: Option<Design>,
    pub(super) opened_model_routed: bool,
    pub(super) quit: bool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({:?})", self.snapshot.state)
    }
}

pub(crate) const RIGHT_COLUMN: f32 = 356.0;

impl App {
    /// Starts the run that `options` name.
    pub fn new(options: AppOptions) -> Self {
        let workspace = if options.run.source.opened().is_some() { Workspace::Explore } else { Workspace::Train };
        let detect = Detect::new(Arc::clone(&options.detection));
        let denoise = Denoise::new(Arc::clone(&options.denoising));
        let report = ReportWorkspace::new(Arc::clone(&options.reporting), Arc::clone(&options.dialogs));
        let explore = Explore::new(Arc::clone(&options.dialogs));
        let picker = FilePicker::new(Arc::clone(&options.dialogs));
        let runs = Runs::new(options.runs_folder.clone());
        let drops = "Files cannot be dropped on this window (Wayland): press Ctrl+O to open one";
        let mut app = Self {
            notice: (!options.drops).then(|| drops.to_owned()),
            design: Design::from_source(&options.run.source),
            options,
            trainer: None,
            retiring: Vec::new(),
            snapshot: Arc::default(),
            presets: presets().unwrap_or_default(),
            history: UndoHistory::default(),
            error: None,
            themed: None,
            controls: LiveEdits::default(),
            curves: Curves::default(),
            network: NetworkCard::default(),
            map: MapCard::new(0),
            findings: Findings::default(),
            requested_previews: PreviewRequest::default(),
            explore,
            denoise,
            detect,
            report,
            runs,
            workspace,
            before: workspace,
            textures: ReconstructionsCard::default(),
            drawer_open: false,
            help_open: false,
            picker,
            choice: None,
            pasting: Pasting::default(),
            opened_model_routed: false,
            quit: false,
        };
        app.start();
        app
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What is to be remembered: theme, device and the rest that is chosen inside the window.
    pub fn settings(&self) -> &Settings {
        &self.options.settings
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
    pub fn clear_color(&self, context: &egui::Context) -> Color32 {
        color(self.options.theme.palette(context.system_theme()).panel)
    }

    /// One frame.
    pub fn ui(&mut self, ui: &mut Ui) {
        if let Some(trainer) = &self.trainer {
            self.snapshot = trainer.snapshot();
        }
        self.request_previews();
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
        self.route_opened_model(ui.ctx());
        self.keys(ui);
        let window = ui.ctx().content_rect();
        let narrow = window.width() < super::ui::NARROW;
        let top = Rect::from_min_size(window.min, vec2(window.width(), space::TOP_BAR));
        let status = Rect::from_min_max(pos2(window.left(), window.bottom() - space::STATUS_BAR), window.max);
        let rail =
            Rect::from_min_max(pos2(window.left(), top.bottom()), pos2(window.left() + space::RAIL, status.top()));
        let mut work = Rect::from_min_max(rail.right_top(), status.right_top());
        self.top_bar(ui, palette, top, narrow);
        self.rail_ui(ui, palette, rail);
        self.status_bar(ui, palette, status);
        self.take_input(ui);
        let hinted =
            !self.options.settings.hints_seen && matches!(self.workspace, Workspace::Train | Workspace::Explore);
        if hinted {
            let line = Rect::from_min_max(pos2(work.left(), work.bottom() - hints::HEIGHT), work.max);
            work.max.y = line.top();
            self.options.settings.hints_seen = hints_ui(ui, palette, line);
        }
        match self.workspace {
            Workspace::Train => self.train_workspace(ui, palette, work, narrow),
            Workspace::Explore => self.explore_workspace(ui, palette, work, narrow),
            Workspace::Denoise => self.denoise_workspace(ui, palette, work),
            Workspace::Detect => {
                self.detect.ui(ui, palette, work, self.options.run.device, self.seed());
            }
            Workspace::Report => self.report_workspace(ui, palette, work),
            Workspace::Runs => self.runs_workspace(ui, palette, work),
        }
        if hinted {
            hints::point(ui, palette, work);
        }
        self.drop_ui(ui, palette, window);
        self.opening_ui(ui, palette);
        if self.help_open {
            let places = PLACES.iter().map(|place| (place.key.name(), place.name));
            let others = [("0", "runs on disk"), ("Esc", "put away what lies on top")];
            let places: Vec<(&str, &str)> = places.chain(others).collect();
            self.help_open = help_sheet(ui.ctx(), palette, &places);
        }
    }

    fn report_workspace(&mut self, ui: &mut Ui, palette: &Palette, area: Rect) {
        let snapshot = Arc::clone(&self.snapshot);
        let opened = self.options.run.source.opened().map(Path::to_owned);
        let (device, threads) = (self.options.run.device, self.options.run.threads);
        let now = ReportContext { snapshot: &snapshot, opened: opened.as_deref(), device, threads };
        match self.report.ui(ui, palette, area, now) {
            Some(ReportAction::SaveModel) => self.send(Command::SaveModel),
            Some(ReportAction::Explore) => self.go_to(Workspace::Explore),
            Some(ReportAction::Runs) => self.go_to(Workspace::Runs),
            Some(ReportAction::OpenModel) => self.ask_to_open(ui.ctx()),
            None => {}
        }
    }

    fn runs_workspace(&mut self, ui: &mut Ui, palette: &Palette, area: Rect) {
        let running = self.running_dir().map(Path::to_owned);
        match self.runs.ui(ui, palette, area, running.as_deref()) {
            Some(RunsAction::Open(path)) => {
                self.open_model(path.join("model.safetensors"));
                self.go_to(Workspace::Report);
            }
            Some(RunsAction::Resume { path, spec, preset }) => self.resume(path, *spec, preset),
            Some(RunsAction::Duplicate { spec, preset }) => self.change_design(*spec, preset),
            None => {}
        }
    }

    fn denoise_workspace(&mut self, ui: &mut Ui, palette: &Palette, area: Rect) {
        match self.denoise.ui(ui, palette, area, self.options.run.device) {
            Some(Ask::Train(name, folder)) => {
                self.choose_preset(name, Some(folder.display().to_string()));
            }
            None => {}
        }
    }

    /// The queue of Denoise, for tests.
    pub fn denoise_queue(&self) -> &QueueView {
        self.denoise.view()
    }

    /// Rows that Detect calls abnormal, for tests.
    pub fn flagged(&self) -> usize {
        self.detect.flagged()
    }
}
