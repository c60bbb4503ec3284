//! The window's contents: everything but the window itself.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Color32, Rect, Ui, pos2, vec2};

use super::denoise::{Denoise, Denoising, LocalDenoising};
use super::detect::{Detect, Detection, LocalDetection};
use super::explore::Explore;
use super::frame::help::help_sheet;
use super::frame::hints;
use super::frame::hints::hints_ui;
use super::frame::open::Choice;
use super::frame::paste::Pasting;
use super::report::{LocalReporting, ReportWorkspace, Reporting};
use super::runs::Runs;
use super::shell::desktop::{Dialogs, TypedPaths};
use super::shell::settings::Settings;
use super::train::Train;
pub use super::trainer::{StartTrainer, Trainer};
use super::ui::file_picker::FilePicker;
use super::ui::theme;
use super::ui::theme::{ThemeChoice, color};
use super::undo::{Design, UndoHistory};
use super::workspace::{Action, Context, PLACES, Place, Subject, Workspace, WorkspaceEvent};
use crate::device::DeviceChoice;
use crate::monitor::{Moment, PlayState, PreviewRequest, WorkerOptions};
use crate::platform::Task;
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

/// The six workspaces.
pub(super) struct Workspaces {
    pub train: Train,
    pub explore: Explore,
    pub denoise: Denoise,
    pub detect: Detect,
    pub report: ReportWorkspace,
    pub runs: Runs,
}

impl Workspaces {
    fn new(options: &AppOptions) -> Self {
        Self {
            train: Train::new(),
            explore: Explore::new(Arc::clone(&options.dialogs)),
            denoise: Denoise::new(Arc::clone(&options.denoising)),
            detect: Detect::new(Arc::clone(&options.detection)),
            report: ReportWorkspace::new(Arc::clone(&options.reporting), Arc::clone(&options.dialogs)),
            runs: Runs::new(options.runs_folder.clone()),
        }
    }

    pub fn get(&self, place: Place) -> &dyn Workspace {
        match place {
            Place::Train => &self.train,
            Place::Explore => &self.explore,
            Place::Denoise => &self.denoise,
            Place::Detect => &self.detect,
            Place::Report => &self.report,
            Place::Runs => &self.runs,
        }
    }

    pub fn at(&mut self, place: Place) -> &mut dyn Workspace {
        match place {
            Place::Train => &mut self.train,
            Place::Explore => &mut self.explore,
            Place::Denoise => &mut self.denoise,
            Place::Detect => &mut self.detect,
            Place::Report => &mut self.report,
            Place::Runs => &mut self.runs,
        }
    }

    pub fn all(&mut self) -> [&mut dyn Workspace; 6] {
        let Self { train, explore, denoise, detect, report, runs } = self;
        [train, explore, denoise, detect, report, runs]
    }
}

/// The window's state between frames.
pub struct App {
    pub(super) options: AppOptions,
    /// Of the last frame.
    pub(super) egui: egui::Context,
    pub(super) trainer: Option<Box<dyn Trainer>>,
    /// Runs that are being stopped and saved, off this thread: no frame waits for them.
    pub(super) retiring: Vec<Task<(), ()>>,
    pub(super) moment: Arc<Moment>,
    /// Run and data that the state of the workspaces belongs to.
    subject: Subject,
    pub(super) workspaces: Workspaces,
    pub(super) place: Place,
    /// Where Escape leads back to from the list of runs.
    pub(super) before: Place,
    /// Preview request sent last.
    pub(super) requested_previews: PreviewRequest,
    pub(super) history: UndoHistory,
    /// Design trained last, by a spec that was known when it began.
    pub(super) design: Option<Design>,
    pub(super) error: Option<String>,
    /// What was done last that is no error.
    pub(super) notice: Option<String>,
    themed: Option<(bool, bool)>,
    pub(super) help_open: bool,
    /// What a path is wanted for that was asked for by Open.
    pub(super) picker: FilePicker<()>,
    pub(super) choice: Option<Choice>,
    pub(super) pasting: Pasting,
    /// A model that was opened has been looked at: it may belong to another workspace than Explore.
    pub(super) opened_model_routed: bool,
    pub(super) quit: bool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({:?})", self.moment.snapshot.progress.state)
    }
}

impl App {
    /// Starts the run that `options` name.
    pub fn new(options: AppOptions) -> Self {
        let place = if options.run.source.opened().is_some() { Place::Explore } else { Place::Train };
        let drops = "Files cannot be dropped on this window (Wayland): press Ctrl+O to open one";
        let mut app = Self {
            notice: (!options.drops).then(|| drops.to_owned()),
            design: Design::from_source(&options.run.source),
            workspaces: Workspaces::new(&options),
            picker: FilePicker::new(Arc::clone(&options.dialogs)),
            options,
            egui: egui::Context::default(),
            trainer: None,
            retiring: Vec::new(),
            moment: Arc::default(),
            subject: Subject::default(),
            place,
            before: place,
            requested_previews: PreviewRequest::default(),
            history: UndoHistory::default(),
            error: None,
            themed: None,
            help_open: false,
            choice: None,
            pasting: Pasting::default(),
            opened_model_routed: false,
            quit: false,
        };
        app.start();
        app
    }

    /// Returns the moment that is drawn.
    pub fn moment(&self) -> &Moment {
        &self.moment
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
        let snapshot = &self.moment.snapshot;
        let percent = (100 * snapshot.progress.step).checked_div(snapshot.run.total_steps).unwrap_or(0);
        match snapshot.progress.state {
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
        self.egui = ui.ctx().clone();
        let (palette, narrow) = (self.palette(), self.is_narrow());
        let window = ui.ctx().content_rect();
        if let Some(trainer) = &self.trainer {
            self.moment = trainer.moment();
        }
        self.follow_subject();
        self.request_previews();
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
        let polled = self.with_context(|workspaces, context| {
            let actions = workspaces.all().map(|workspace| workspace.poll(ui.ctx(), context));
            actions.concat()
        });
        self.carry_out(polled);
        self.route_opened_model();
        self.keys(ui);
        let top = Rect::from_min_size(window.min, vec2(window.width(), space::TOP_BAR));
        let status = Rect::from_min_max(pos2(window.left(), window.bottom() - space::STATUS_BAR), window.max);
        let rail =
            Rect::from_min_max(pos2(window.left(), top.bottom()), pos2(window.left() + space::RAIL, status.top()));
        let mut work = Rect::from_min_max(rail.right_top(), status.right_top());
        self.top_bar(ui, palette, top, narrow);
        self.rail_ui(ui, palette, rail);
        self.status_bar(ui, palette, status);
        self.take_input(ui);
        let hinted = !self.options.settings.hints_seen && matches!(self.place, Place::Train | Place::Explore);
        if hinted {
            let line = Rect::from_min_max(pos2(work.left(), work.bottom() - hints::HEIGHT), work.max);
            work.max.y = line.top();
            self.options.settings.hints_seen = hints_ui(ui, palette, line);
        }
        let place = self.place;
        // What was done in this frame may have led to another run.
        self.follow_subject();
        let asked = self.with_context(|workspaces, context| workspaces.at(place).ui(ui, work, context));
        self.carry_out(asked);
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

    /// Runs `work` with the workspaces and what they are drawn from.
    pub(super) fn with_context<R>(&mut self, work: impl FnOnce(&mut Workspaces, Context<'_>) -> R) -> R {
        let (palette, narrow) = (self.palette(), self.is_narrow());
        let moment = Arc::clone(&self.moment);
        let (seed, is_running) = (self.seed(), self.is_running());
        let run = &self.options.run;
        let context = Context {
            moment: &moment,
            palette,
            opened: run.source.opened(),
            device: run.device,
            threads: run.threads,
            seed,
            running: moment.folder.as_deref().filter(|_| is_running),
            narrow,
        };
        work(&mut self.workspaces, context)
    }

    /// Tells every workspace where the run or its data is another: what follows is drawn of nothing else.
    fn follow_subject(&mut self) {
        let subject = Subject::new(&self.moment);
        if self.subject != subject {
            self.subject = subject;
            for workspace in self.workspaces.all() {
                // None asks for anything then.
                drop(workspace.on_event(WorkspaceEvent::SubjectChanged));
            }
        }
    }

    fn palette(&self) -> &'static Palette {
        self.options.theme.palette(self.egui.system_theme())
    }

    fn is_narrow(&self) -> bool {
        self.egui.content_rect().width() < super::ui::NARROW
    }

    /// Tells the workspace at `place` what has happened.
    pub(super) fn tell(&mut self, place: Place, event: WorkspaceEvent) {
        let actions = self.workspaces.at(place).on_event(event);
        self.carry_out(actions);
    }

    /// Shows another workspace.
    pub(super) fn go_to(&mut self, place: Place) {
        if self.place == place {
            return;
        }
        self.before = if place == Place::Runs { self.place } else { place };
        // What went wrong there was said there.
        self.error = None;
        self.tell(self.place, WorkspaceEvent::Left);
        self.place = place;
        self.tell(place, WorkspaceEvent::Entered);
    }

    /// Does what a workspace asks for.
    pub(super) fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(command) => self.send(command),
                Action::PlayOrPause => self.play_or_pause(),
                Action::GoTo(place) => self.go_to(place),
                Action::Back => self.go_to(self.before),
                Action::AskToOpen => self.ask_to_open(),
                Action::OpenModel { path, place } => {
                    self.go_to(place);
                    self.open_model(path);
                }
                Action::ChooseDevice(device) => self.choose_device(device),
                Action::Resume { folder, spec, preset } => self.resume(folder, *spec, preset),
                Action::Train { spec, preset } => self.change_design(*spec, preset),
                Action::TrainPreset { name, source } => self.choose_preset(&name, source),
                Action::Say(Ok(words)) => (self.error, self.notice) = (None, Some(words)),
                Action::Say(Err(problem)) => self.error = Some(problem),
            }
        }
    }

    /// Tells the trainer what is to be seen of the rows, where that has changed.
    fn request_previews(&mut self) {
        let mut request = PreviewRequest::default();
        self.workspaces.train.add_wishes(&mut request);
        self.workspaces.at(self.place).add_wishes(&mut request);
        if request != self.requested_previews && self.moment.live {
            self.send(crate::monitor::Command::SetPreview(request.clone()));
            self.requested_previews = request;
        }
    }

    /// The queue of Denoise, for tests.
    pub fn denoise_queue(&self) -> &QueueView {
        self.workspaces.denoise.view()
    }

    /// Rows that Detect calls abnormal, for tests.
    pub fn flagged(&self) -> usize {
        self.workspaces.detect.flagged()
    }

    /// Latent numbers that Explore shows, for tests.
    pub fn explored_latents(&self) -> &[f32] {
        self.workspaces.explore.latents()
    }

    /// Latent numbers where the walk ends, for tests.
    pub fn interpolation_end(&self) -> Option<Vec<f32>> {
        self.workspaces.explore.interpolation().0
    }

    /// Latent numbers that the walk begins with, for tests.
    pub fn interpolation_begin(&self) -> Option<Vec<f32>> {
        self.workspaces.explore.interpolation_begin()
    }

    /// Why an end of the walk stays empty, for tests.
    pub fn interpolation_problem(&self) -> Option<&str> {
        self.workspaces.explore.interpolation().1
    }

    /// A folder for what Explore keeps, instead of that for pictures.
    pub fn export_pictures_to(&mut self, folder: PathBuf) {
        self.workspaces.explore.folder = Some(folder);
    }

    /// As if `path` had been dropped on Explore.
    pub fn drop_for_explore(&mut self, path: PathBuf) {
        self.workspaces.explore.take_file(path);
    }

    /// Returns the message of the status bar, for tests.
    pub fn said(&self) -> String {
        self.message(&crate::style::DARK).0
    }
}
