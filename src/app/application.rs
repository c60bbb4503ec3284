//! Content of the window: state, frame and workspaces, without the native window.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Color32, Rect, Ui, pos2, vec2};

use super::denoise::{Denoise, Denoising, LocalDenoising};
use super::detect::{Detect, Detection, LocalDetection};
use super::explore::Explore;
use super::frame::help::help_sheet;
use super::frame::hints;
use super::frame::hints::hints_ui;
use super::frame::open::{Choice, OpenPurpose};
use super::frame::paste::Pasting;
use super::frame::restart::Restarts;
use super::report::{LocalReporting, ReportWorkspace, Reporting};
use super::runs::Runs;
use super::shell::desktop::{Dialogs, TypedPaths};
use super::shell::settings::Settings;
use super::train::Train;
use super::trainer::{Former, StartTrainer, Trainer};
use super::ui::file_picker::FilePicker;
use super::ui::theme;
use super::ui::theme::{ThemeChoice, color};
use super::undo::{Design, ModelOrigin, UndoHistory};
use super::workspace::{Action, Context, PLACES, Place, Subject, Workspace, WorkspaceEvent};
use crate::data::DataSpec;
use crate::device::DeviceChoice;
use crate::monitor::{Moment, PlayState, PreviewRequest, RunId, RunSource, WorkerOptions};
use crate::platform::Task;
use crate::style::{Palette, space};
use crate::tasks::QueueView;
use crate::train::default_runs_folder;

/// Options of the window at its start.
pub struct AppOptions {
    pub run: WorkerOptions,
    pub start: StartTrainer,
    pub theme: ThemeChoice,
    /// Engine of Detect.
    pub detection: Arc<dyn Detection>,
    /// Engine of Denoise.
    pub denoising: Arc<dyn Denoising>,
    /// Engine of Report.
    pub reporting: Arc<dyn Reporting>,
    /// File dialogs.
    pub dialogs: Arc<dyn Dialogs>,
    /// Selectable devices with their displayed names.
    pub devices: Vec<(String, DeviceChoice)>,
    /// Folder of the runs.
    pub runs_folder: PathBuf,
    /// Settings of the previous session.
    pub settings: Settings,
    /// True if files can be dropped; winit delivers no drops on native Wayland.
    pub drops: bool,
}

impl AppOptions {
    /// Returns options with the library behind every workspace, automatic and native CPU devices, typed paths, and no
    /// hints.
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

/// State of the window between frames.
pub struct App {
    pub(super) options: AppOptions,
    /// Context of the last frame.
    pub(super) egui: egui::Context,
    pub(super) trainer: Option<Box<dyn Trainer>>,
    /// Run that stands by while the data of the current one are being opened.
    pub(super) former: Option<Former>,
    /// Choice that the model of a complete spec came from, where its source does not name a preset.
    pub(super) model: ModelOrigin,
    /// Data as they were opened before a preset of pieces of pictures took them.
    pub(super) whole: Option<DataSpec>,
    /// Run whose data have been seen open.
    pub(super) settled: Option<RunId>,
    /// Runs being stopped and saved on other threads, so that no frame waits for them.
    pub(super) retiring: Vec<Task<(), ()>>,
    pub(super) moment: Arc<Moment>,
    /// Run and data that the state of the workspaces belongs to.
    subject: Subject,
    pub(super) workspaces: Workspaces,
    pub(super) place: Place,
    /// Workspace that Escape returns to from the list of runs.
    pub(super) before: Place,
    /// Preview request sent last.
    pub(super) requested_previews: PreviewRequest,
    pub(super) history: UndoHistory,
    /// Design trained last.
    pub(super) last_design: Option<Design>,
    pub(super) error: Option<String>,
    /// Message on the last action that succeeded.
    pub(super) notice: Option<String>,
    themed: Option<(bool, bool)>,
    pub(super) help_open: bool,
    /// File picker of Open.
    pub(super) picker: FilePicker<OpenPurpose>,
    pub(super) choice: Option<Choice>,
    pub(super) pasting: Pasting,
    pub(super) restarts: Restarts,
    /// True once the workspace of an opened model is chosen; it may be another than Explore.
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
        let drops = "Wayland delivers no dropped files to this window: press Ctrl+O to open one";
        let mut app = Self {
            notice: (!options.drops).then(|| drops.to_owned()),
            last_design: None,
            workspaces: Workspaces::new(&options),
            picker: FilePicker::new(Arc::clone(&options.dialogs)),
            options,
            egui: egui::Context::default(),
            trainer: None,
            former: None,
            model: ModelOrigin::default(),
            whole: None,
            settled: None,
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
            restarts: Restarts::default(),
            opened_model_routed: false,
            quit: false,
        };
        // Rows that come with a spec of no preset are those that it was chosen for.
        if matches!(app.options.run.source, RunSource::Train { preset: None, data: Some(_), .. }) {
            app.model = ModelOrigin::Suggested;
        }
        app.last_design = app.design();
        app.start();
        app
    }

    /// Returns the moment that is drawn.
    pub fn moment(&self) -> &Moment {
        &self.moment
    }

    /// Returns the settings to save: theme, device and other choices made inside the window.
    pub fn settings(&self) -> &Settings {
        &self.options.settings
    }

    /// Returns whether a key asked to quit (Ctrl+Q, Cmd+Q).
    pub fn wants_to_quit(&self) -> bool {
        self.quit
    }

    /// Returns the window title with the progress of the run.
    pub fn title(&self) -> String {
        let snapshot = &self.moment.snapshot;
        let percent = (100 * snapshot.progress.step).checked_div(snapshot.run.total_steps).unwrap_or(0);
        match snapshot.progress.state {
            PlayState::Playing => format!("{percent}% \u{2013} Hourglass"),
            _ => "Hourglass".to_owned(),
        }
    }

    /// Returns the clear color: that of bars and cards, which are therefore not painted.
    pub fn clear_color(&self, context: &egui::Context) -> Color32 {
        color(self.options.theme.palette(context.system_theme()).panel)
    }

    /// Draws one frame.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.egui = ui.ctx().clone();
        let (palette, narrow) = (self.palette(), self.is_narrow());
        let window = ui.ctx().content_rect();
        if let Some(trainer) = &self.trainer {
            self.moment = trainer.moment();
        }
        self.settle();
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
                // Fonts take effect in the next frame; this one would be drawn without them.
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
        self.go_back_to_run(ui.ctx());
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
        // Actions of this frame may have started another run.
        self.follow_subject();
        let asked = self.with_context(|workspaces, context| workspaces.at(place).ui(ui, work, context));
        self.carry_out(asked);
        if hinted {
            hints::point(ui, palette, work);
        }
        self.drop_ui(ui, palette, window);
        self.opening_ui(ui, palette);
        self.restart_ui(ui, palette);
        if self.help_open {
            let places = PLACES.iter().map(|place| (place.key.name(), place.name));
            let others = [("0", "runs on disk"), ("Esc", "close, or go back")];
            let places: Vec<(&str, &str)> = places.chain(others).collect();
            self.help_open = help_sheet(ui.ctx(), palette, &places);
        }
    }

    /// Runs `work` with the workspaces and their context.
    pub(super) fn with_context<R>(&mut self, work: impl FnOnce(&mut Workspaces, Context<'_>) -> R) -> R {
        let (palette, narrow) = (self.palette(), self.is_narrow());
        let moment = Arc::clone(&self.moment);
        let (seed, is_running) = (self.seed(), self.is_running());
        let suggested = self.model_choice() == ModelOrigin::Suggested;
        let run = &self.options.run;
        let former = self.former.as_ref().and_then(|former| former.folder.as_deref());
        let context = Context {
            moment: &moment,
            palette,
            opened: run.source.opened(),
            device: run.device,
            threads: run.threads,
            seed,
            running: former.or(moment.folder.as_deref().filter(|_| is_running)),
            narrow,
            recent: &self.options.settings.recent,
            suggested,
            can_cancel: self.former.is_some(),
        };
        work(&mut self.workspaces, context)
    }

    /// Notifies every workspace of another run or other data, so that none shows results of the former.
    fn follow_subject(&mut self) {
        let subject = Subject::new(&self.moment);
        if self.subject != subject {
            self.subject = subject;
            for workspace in self.workspaces.all() {
                // No workspace returns actions for this event.
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

    /// Sends `event` to the workspace at `place` and executes its actions.
    pub(super) fn tell(&mut self, place: Place, event: WorkspaceEvent) {
        let actions = self.workspaces.at(place).on_event(event);
        self.carry_out(actions);
    }

    /// Switches to the workspace at `place`.
    pub(super) fn go_to(&mut self, place: Place) {
        if self.place == place {
            return;
        }
        self.before = if place == Place::Runs { self.place } else { place };
        // An error belongs to the workspace where it occurred.
        self.error = None;
        self.tell(self.place, WorkspaceEvent::Left);
        self.place = place;
        self.tell(place, WorkspaceEvent::Entered);
    }

    /// Executes the actions of a workspace.
    pub(super) fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(command) => self.send(command),
                Action::PlayOrPause => self.play_or_pause(),
                Action::Restart => self.request_restart(),
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
                Action::TrainSuggested => self.choose_suggested(),
                Action::ChooseData(choice) => self.choose_data(choice),
                Action::CancelStart => self.go_back_to_former(),
                Action::Say(Ok(words)) => (self.error, self.notice) = (None, Some(words)),
                Action::Say(Err(problem)) => self.error = Some(problem),
            }
        }
    }

    /// Sends the preview request to the trainer if it has changed.
    fn request_previews(&mut self) {
        let mut request = PreviewRequest::default();
        self.workspaces.train.add_wishes(&mut request);
        self.workspaces.at(self.place).add_wishes(&mut request);
        if request != self.requested_previews && self.moment.live {
            self.send(crate::monitor::Command::SetPreview(request.clone()));
            self.requested_previews = request;
        }
    }

    /// Returns the queue of Denoise, for tests.
    pub fn denoise_queue(&self) -> &QueueView {
        self.workspaces.denoise.view()
    }

    /// Returns the number of rows above the threshold of Detect, for tests.
    pub fn flagged(&self) -> usize {
        self.workspaces.detect.flagged()
    }

    /// Returns the current latents of Explore, for tests.
    pub fn explored_latents(&self) -> &[f32] {
        self.workspaces.explore.latents()
    }

    /// Returns the latents at the end of the interpolation, for tests.
    pub fn interpolation_end(&self) -> Option<Vec<f32>> {
        self.workspaces.explore.interpolation().0
    }

    /// Returns the latents at the start of the interpolation, for tests.
    pub fn interpolation_begin(&self) -> Option<Vec<f32>> {
        self.workspaces.explore.interpolation_begin()
    }

    /// Returns the reason for an empty end of the interpolation, for tests.
    pub fn interpolation_problem(&self) -> Option<&str> {
        self.workspaces.explore.interpolation().1
    }

    /// Sets the folder of exports from Explore, in place of the user's pictures folder.
    pub fn export_pictures_to(&mut self, folder: PathBuf) {
        self.workspaces.explore.folder = Some(folder);
    }

    /// Returns the effects that are offered for `path` where the window is, for tests.
    pub fn offered(&self, path: &std::path::Path) -> Vec<&'static str> {
        let opened = super::opened::Opened::new(vec![path.to_owned()]);
        opened.iter().flat_map(|opened| self.offers_for(opened)).map(|offer| offer.words().1).collect()
    }

    /// Hands `path` to Explore like a dropped file, for tests.
    pub fn drop_for_explore(&mut self, path: PathBuf) {
        self.workspaces.explore.take_file(path);
    }

    /// Returns the message of the status bar, for tests.
    pub fn said(&self) -> String {
        self.message(&crate::style::DARK).0
    }
}
