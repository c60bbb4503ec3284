//! Report workspace: metrics of a model on test rows beside PCA, best and worst rows, findings, and export.

mod backend;
mod cards;
mod extremes;
mod metrics;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{TextureHandle, Ui};

pub use self::backend::{Evaluated, Export, Exported, LocalReporting, ReportSubject, Reporting};
use super::shell::desktop::{Dialogs, Question};
use super::ui::file_picker::FilePicker;
use super::ui::waker;
use super::workspace::{Action, Context, Workspace, WorkspaceEvent};
use crate::data::{PICTURE_EXTENSIONS, SOUND_EXTENSIONS, TABLE_EXTENSIONS};
use crate::device::DeviceChoice;
use crate::monitor::PlayState;
use crate::platform::{Task, folders};
use crate::style::Palette;

/// Returns whether a run is in progress.
fn is_training(context: Context<'_>) -> bool {
    let state = context.moment.snapshot.progress.state;
    context.opened.is_none() && matches!(state, PlayState::Playing | PlayState::Paused | PlayState::Finishing)
}

/// Returns the model to report on and its step; `None` before the first save.
fn subject(context: Context<'_>) -> Option<(ReportSubject, u64)> {
    let Context { moment, opened, .. } = context;
    let (model, run_dir, step) = match opened {
        Some(path) => {
            let folder = path.parent().filter(|folder| folder.join("spec.toml").is_file());
            (path.to_owned(), folder.map(Path::to_owned), 0)
        }
        None => {
            let folder = moment.folder.clone()?;
            (folder.join("model.safetensors"), Some(folder), moment.snapshot.progress.saved_step?)
        }
    };
    // Beside a run in progress, one CPU thread.
    let (device, threads) = match is_training(context) {
        true => (DeviceChoice::Cpu, Some(1)),
        false => (context.device, context.threads),
    };
    let seed = moment.snapshot.run.spec.as_ref().map_or(1, |spec| spec.train.seed);
    Some((ReportSubject { model, run_dir, device, threads, seed }, step))
}

/// Evaluated model with its metrics.
struct EvaluatedModel {
    subject: ReportSubject,
    step: u64,
    evaluated: Arc<Evaluated>,
}

/// Evaluation in progress.
struct Measuring {
    subject: ReportSubject,
    step: u64,
    task: Task<&'static str, Result<Evaluated, String>>,
}

/// Message at the bottom of the export card.
#[derive(Debug)]
enum ExportMessage {
    Written(Exported),
    Problem(String),
}

/// State of the workspace between frames.
pub(super) struct ReportWorkspace {
    backend: Arc<dyn Reporting>,
    measuring: Option<Measuring>,
    exporting: Option<Task<(), Result<Exported, String>>>,
    outcome: Option<EvaluatedModel>,
    problem: Option<String>,
    said: Option<ExportMessage>,
    /// True if the page is to be opened in the browser once it is written.
    opens_page: bool,
    /// Step that the saved model must have reached before it is evaluated.
    wanted_step: Option<u64>,
    picker: FilePicker<Export>,
    /// Textures of the best and the worst rows.
    pictures: [Option<TextureHandle>; 2],
}

impl std::fmt::Debug for ReportWorkspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Report({:?})", self.measuring.as_ref().map(|telling| &telling.subject))
    }
}

impl ReportWorkspace {
    pub fn new(engine: Arc<dyn Reporting>, dialogs: Arc<dyn Dialogs>) -> Self {
        Self {
            backend: engine,
            measuring: None,
            exporting: None,
            outcome: None,
            problem: None,
            said: None,
            opens_page: false,
            wanted_step: None,
            picker: FilePicker::new(dialogs),
            pictures: [None, None],
        }
    }

    /// Drops the results of another run or model.
    fn forget(&mut self) {
        (self.measuring, self.outcome, self.wanted_step) = (None, None, None);
        (self.problem, self.said) = (None, None);
        self.pictures = [None, None];
    }

    /// Starts the evaluation of a finished run, an opened model, or a state that was asked for.
    fn follow(&mut self, context: &egui::Context, now: Context<'_>) {
        let Some((subject, step)) = subject(now) else { return };
        if self.outcome.as_ref().is_some_and(|outcome| outcome.subject.model != subject.model) {
            self.forget();
        }
        if self.measuring.is_some() || self.problem.is_some() {
            return;
        }
        // A model is opened before it is evaluated; its data, if available, come with the same moment.
        let ended = now.moment.snapshot.progress.state == PlayState::Finished;
        let stale = self.outcome.as_ref().is_none_or(|outcome| outcome.step < step);
        let asked = self.wanted_step.is_some_and(|wanted| step >= wanted);
        if ended && stale || asked {
            self.measure(context, subject, step);
        }
    }

    fn measure(&mut self, context: &egui::Context, subject: ReportSubject, step: u64) {
        (self.wanted_step, self.problem) = (None, None);
        let (engine, wanted) = (Arc::clone(&self.backend), subject.clone());
        match Task::start("hourglass-report", waker(context), move |watch| engine.evaluate(&wanted, watch)) {
            Ok(task) => self.measuring = Some(Measuring { subject, step, task }),
            Err(problem) => self.problem = Some(problem),
        }
    }

    fn receive(&mut self, context: &egui::Context, palette: &Palette) {
        if let Some(told) = self.measuring.as_ref().and_then(|telling| telling.task.take())
            && let Some(Measuring { subject, step, .. }) = self.measuring.take()
        {
            match told {
                Ok(told) => {
                    let extremes = &told.measured.extremes;
                    self.pictures =
                        [&extremes.best, &extremes.worst].map(|rows| extremes::picture(context, rows, palette));
                    self.outcome = Some(EvaluatedModel { subject, step, evaluated: Arc::new(told) });
                }
                Err(problem) => self.problem = Some(problem),
            }
        }
        if let Some(written) = self.exporting.as_ref().and_then(Task::take) {
            self.exporting = None;
            let opens = std::mem::take(&mut self.opens_page);
            self.said = Some(match written {
                Ok(exported) => {
                    if opens {
                        open_in_browser(context, &exported.path);
                    }
                    ExportMessage::Written(exported)
                }
                Err(problem) => ExportMessage::Problem(problem),
            });
        }
    }

    /// Asks for the output path of `what`, or for its source data.
    fn ask(&mut self, context: &egui::Context, what: Export) {
        let Some(outcome) = &self.outcome else { return };
        let name = outcome.subject.run_dir.as_ref().and_then(|folder| folder.file_name());
        let name = name.map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned());
        let folder = folders::home_folder();
        let save = |title, name: String| Question::Save { title, name, folder: folder.clone() };
        let question = match what {
            Export::Page => save("Save the report", format!("{name}-report.html")),
            Export::MetricsJson => save("Save the metrics", format!("{name}-metrics.json")),
            Export::MetricsCsv => save("Save the metrics", format!("{name}-metrics.csv")),
            Export::Model => save("Save a copy of the model", format!("{name}.safetensors")),
            Export::Latents => save("Save the latents (.npy, .csv or .safetensors)", format!("{name}-latents.npy")),
            Export::LatentsOf => data_question("Data to encode"),
            Export::Compressed => data_question("Data to compress"),
        };
        self.said = None;
        self.picker.ask(context, question, what);
    }

    fn export(&mut self, context: &egui::Context, what: Export, path: PathBuf) {
        let Some(outcome) = &self.outcome else { return };
        let (engine, subject, told) =
            (Arc::clone(&self.backend), outcome.subject.clone(), Arc::clone(&outcome.evaluated));
        self.said = None;
        match Task::start("hourglass-export", waker(context), move |_| engine.export(&subject, &told, what, &path)) {
            Ok(task) => self.exporting = Some(task),
            Err(problem) => self.said = Some(ExportMessage::Problem(problem)),
        }
    }

    /// Writes the report into the run's folder and opens it.
    fn open_page(&mut self, context: &egui::Context) {
        let Some(run) = self.outcome.as_ref().and_then(|outcome| outcome.subject.run_dir.clone()) else { return };
        self.opens_page = true;
        self.export(context, Export::Page, run.join("report.html"));
    }
}

impl Workspace for ReportWorkspace {
    fn ui(&mut self, ui: &mut Ui, area: egui::Rect, context: Context<'_>) -> Vec<Action> {
        let palette = context.palette;
        self.follow(ui.ctx(), context);
        let action = match &self.outcome {
            Some(_) => self.outcome_ui(ui, palette, area, context),
            None => self.empty_ui(ui, palette, area, context),
        };
        if let Some((what, path)) = self.picker.ui(ui, palette) {
            self.export(ui.ctx(), what, path);
        }
        action.into_iter().collect()
    }

    fn poll(&mut self, egui: &egui::Context, context: Context<'_>) -> Vec<Action> {
        self.receive(egui, context.palette);
        Vec::new()
    }

    fn on_event(&mut self, event: WorkspaceEvent) -> Vec<Action> {
        if event == WorkspaceEvent::SubjectChanged {
            self.forget();
        }
        Vec::new()
    }

    fn is_typing(&self) -> bool {
        self.picker.is_typing()
    }
}

fn data_question(title: &'static str) -> Question {
    let others = ["gz", "npy", "npz", "txt"];
    let all = [&PICTURE_EXTENSIONS[..], &TABLE_EXTENSIONS[..], &SOUND_EXTENSIONS[..], &others[..]].concat();
    Question::File { title, kinds: vec![("Data", all), ("Any file", vec!["*"])] }
}

fn open_in_browser(context: &egui::Context, page: &Path) {
    let whole = page.canonicalize().unwrap_or_else(|_| page.to_owned());
    let escaped: String = whole
        .to_string_lossy()
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' | b':' => {
                char::from(byte).to_string()
            }
            b'\\' => "/".to_owned(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let slashes = if escaped.starts_with('/') { "file://" } else { "file:///" };
    context.open_url(egui::OpenUrl::new_tab(format!("{slashes}{escaped}")));
}
