//! Trait of the workspaces: the context they are drawn from, the actions they return, their names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Color32, Key, Rect, Ui};

use super::opened::{Offer, Opened};
use super::ui::icons;
use super::ui::widgets::Icon;
use crate::data::DataSet;
use crate::device::DeviceChoice;
use crate::model::Spec;
use crate::monitor::{Command, Moment, PreviewRequest, RunId};
use crate::style::Palette;

/// Context that a workspace is drawn from.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// Moment on display, live or recorded.
    pub moment: &'a Moment,
    pub palette: &'static Palette,
    /// Saved model that is open in place of a run.
    pub opened: Option<&'a Path>,
    /// Device of background work.
    pub device: DeviceChoice,
    pub threads: Option<usize>,
    /// Seed of the current design, used by background work too.
    pub seed: u64,
    /// Folder of the run in progress.
    pub running: Option<&'a Path>,
    /// True where the window has no room for three columns.
    pub narrow: bool,
    /// Data opened lately, the newest first.
    pub recent: &'a [String],
    /// True if the model is the one suggested for the data.
    pub suggested: bool,
    /// True if a run stands by that the preparation of the present one can be canceled for.
    pub can_cancel: bool,
}

/// Action that a workspace asks of the window.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Sends a command to the trainer.
    Send(Command),
    PlayOrPause,
    /// Starts the run again, with the edit of its layers if there is one, after a question where it is unfinished.
    Restart,
    GoTo(Place),
    /// Returns to the workspace from which the list of runs was opened.
    Back,
    /// Asks for a file to open.
    AskToOpen,
    /// Opens a saved model in place of a run, in this workspace.
    OpenModel {
        path: PathBuf,
        place: Place,
    },
    /// Starts the run again on another device.
    ChooseDevice(DeviceChoice),
    /// Resumes the run in `folder` with `spec`.
    Resume {
        folder: PathBuf,
        spec: Box<Spec>,
        preset: Option<String>,
    },
    /// Starts a run of another spec.
    Train {
        spec: Box<Spec>,
        preset: Option<String>,
    },
    /// Starts a run of a preset, on the data at `source` if given, else on the present data.
    TrainPreset {
        name: String,
        source: Option<String>,
    },
    /// Starts a run of the model that suits the present data.
    TrainSuggested,
    /// Trains a model of the present kind on other data.
    ChooseData(DataChoice),
    /// Cancels the preparation of a run, and goes back to the one before.
    CancelStart,
    /// Shows a message or an error in the status bar.
    Say(Result<String, String>),
}

/// Choice of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DataChoice {
    /// Embedded digits.
    Digits,
    /// File or folder.
    Path(PathBuf),
    /// File that is asked for.
    AskFile,
    /// Folder that is asked for.
    AskFolder,
}

/// Event sent to a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkspaceEvent {
    /// Workspace entered.
    Entered,
    /// Workspace left.
    Left,
    /// Run started while the workspace is on display.
    Started,
    /// Run or data changed: results of the former must not be shown.
    SubjectChanged,
    /// Key without a meaning for the window itself.
    Key(Key),
}

/// Content of the window between the bars.
pub(super) trait Workspace {
    /// Draws the workspace; returns its actions.
    fn ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action>;

    /// Receives the results of background work; called once per frame, on display or not.
    fn poll(&mut self, _: &egui::Context, _: Context<'_>) -> Vec<Action> {
        Vec::new()
    }

    /// Returns the offers for a path that is opened while the workspace is on display, likeliest first; empty for the
    /// general ones.
    fn accepts(&self, _: &Opened) -> Vec<Offer> {
        Vec::new()
    }

    /// Opens files that were handed to the workspace.
    fn take(&mut self, _: &egui::Context, _: &Opened, _: Context<'_>) {}

    /// Handles an event; returns the resulting actions.
    fn on_event(&mut self, _event: WorkspaceEvent) -> Vec<Action> {
        Vec::new()
    }

    /// Adds the needs of the workspace to the preview request.
    fn add_wishes(&self, _request: &mut PreviewRequest) {}

    /// Returns the action of the space bar.
    fn primary_action(&self) -> Option<Action> {
        Some(Action::PlayOrPause)
    }

    /// Discards the last edit of its own that is not applied; returns false if there is none.
    fn undo(&mut self) -> bool {
        false
    }

    /// Returns whether a sheet of its own has the keyboard.
    fn is_typing(&self) -> bool {
        false
    }

    /// Returns the message of the status bar while the workspace is on display; `None` for that of the run.
    fn status(&self, _: &Palette) -> Option<(String, Color32)> {
        None
    }
}

/// Shared value compared by identity: immutable data are equal if they are the same allocation.
#[derive(Debug)]
pub(super) struct ById<T>(pub Arc<T>);

impl<T> Clone for ById<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> PartialEq for ById<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Run and data that the state of the workspaces belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Subject {
    run: RunId,
    data: Option<ById<DataSet>>,
}

impl Subject {
    pub fn new(moment: &Moment) -> Self {
        Self { run: moment.snapshot.run.id, data: moment.rows.clone().map(ById) }
    }
}

/// Name of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Train,
    Explore,
    Denoise,
    Detect,
    Report,
    /// Runs on disk, opened by the run's name, not from the rail.
    Runs,
}

/// Entry of the rail.
pub(super) struct RailEntry {
    pub place: Place,
    pub key: Key,
    pub name: &'static str,
    pub icon: Icon,
    pub help: &'static str,
}

/// Entries of the rail from top to bottom, with the keys 1 to 5.
pub(super) const PLACES: [RailEntry; 5] = [
    RailEntry {
        place: Place::Train,
        key: Key::Num1,
        name: "Train",
        icon: icons::train,
        help: "Train a model and watch it (1)",
    },
    RailEntry {
        place: Place::Explore,
        key: Key::Num2,
        name: "Explore",
        icon: icons::explore,
        help: "Explore the latent space (2)",
    },
    RailEntry {
        place: Place::Denoise,
        key: Key::Num3,
        name: "Denoise",
        icon: icons::denoise,
        help: "Denoise pictures (3)",
    },
    RailEntry {
        place: Place::Detect,
        key: Key::Num4,
        name: "Detect",
        icon: icons::detect,
        help: "Find abnormal rows or pictures (4)",
    },
    RailEntry {
        place: Place::Report,
        key: Key::Num5,
        name: "Report",
        icon: icons::report,
        help: "Metrics, findings and export (5)",
    },
];
