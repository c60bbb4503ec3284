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
    /// Live or recorded.
    pub moment: &'a Moment,
    pub palette: &'static Palette,
    /// The model that is looked at instead of a run.
    pub opened: Option<&'a Path>,
    /// Where work runs.
    pub device: DeviceChoice,
    pub threads: Option<usize>,
    /// Seed of what is trained now, and of what else is begun.
    pub seed: u64,
    /// The folder of the run that is going on.
    pub running: Option<&'a Path>,
    /// True where the window has no room for three columns.
    pub narrow: bool,
}

/// Action that a workspace asks of the window.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Sends a command to whoever trains.
    Send(Command),
    PlayOrPause,
    GoTo(Place),
    /// Goes back to where the list of runs was opened from.
    Back,
    /// Asks for something to open.
    AskToOpen,
    /// Looks at a saved model instead of a run, in this workspace.
    OpenModel {
        path: PathBuf,
        place: Place,
    },
    /// Starts the run again on another device.
    ChooseDevice(DeviceChoice),
    /// Goes on with the run in `folder` as `spec` says.
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
    /// Starts a run of a preset, on the data at `source` where it is given.
    TrainPreset {
        name: String,
        source: Option<String>,
    },
    /// Says in the status bar what was done, or what went wrong.
    Say(Result<String, String>),
}

/// Event that a workspace is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkspaceEvent {
    /// It is looked at from now on.
    Entered,
    /// Another is.
    Left,
    /// A run is started while it is looked at.
    Started,
    /// The run or its data is another: nothing of what was before may be shown.
    SubjectChanged,
    /// A key that the window itself has no use for.
    Key(Key),
}

/// The content of the window between the bars.
pub(super) trait Workspace {
    /// Draws it, and returns what it asks for.
    fn ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action>;

    /// Takes what background work has come to; called once a frame, whether it is looked at or not.
    fn poll(&mut self, _: &egui::Context, _: Context<'_>) -> Vec<Action> {
        Vec::new()
    }

    /// Returns what it does with something that is opened while it is looked at, the likeliest first; nothing where that
    /// is as in other places.
    fn accepts(&self, _: &Opened) -> Vec<Offer> {
        Vec::new()
    }

    /// Takes something that was opened for it.
    fn take(&mut self, _: &egui::Context, _: &Opened, _: Context<'_>) {}

    /// Takes note of what has happened, and returns what it asks for because of it.
    fn on_event(&mut self, _event: WorkspaceEvent) -> Vec<Action> {
        Vec::new()
    }

    /// Adds what it is to see of held-out rows.
    fn add_wishes(&self, _request: &mut PreviewRequest) {}

    /// Returns what the space bar does.
    fn primary_action(&self) -> Option<Action> {
        Some(Action::PlayOrPause)
    }

    /// Takes back the last edit of its own that was not applied; false where there is none.
    fn undo(&mut self) -> bool {
        false
    }

    /// Returns whether a sheet of its own has the keyboard.
    fn is_typing(&self) -> bool {
        false
    }

    /// Returns what the status bar says while it is looked at, where that is not about the run.
    fn status(&self, _: &Palette) -> Option<(String, Color32)> {
        None
    }
}

/// Compared by identity: what is shared and never changed is the same where it is the same allocation.
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

/// The name of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Train,
    Explore,
    Denoise,
    Detect,
    Report,
    /// The runs on disk: not on the rail, but behind the run's name.
    Runs,
}

/// An entry of the rail.
pub(super) struct RailEntry {
    pub place: Place,
    pub key: Key,
    pub name: &'static str,
    pub icon: Icon,
    pub help: &'static str,
}

/// From the top of the rail down; keys are numbered as the drawings have the whole rail.
pub(super) const PLACES: [RailEntry; 5] = [
    RailEntry {
        place: Place::Train,
        key: Key::Num1,
        name: "Train",
        icon: icons::train,
        help: "Watch the training (1)",
    },
    RailEntry {
        place: Place::Explore,
        key: Key::Num2,
        name: "Explore",
        icon: icons::explore,
        help: "Move through the latent space (2)",
    },
    RailEntry {
        place: Place::Denoise,
        key: Key::Num3,
        name: "Denoise",
        icon: icons::denoise,
        help: "Clean pictures (3)",
    },
    RailEntry {
        place: Place::Detect,
        key: Key::Num4,
        name: "Detect",
        icon: icons::detect,
        help: "Find abnormal rows of a table (4)",
    },
    RailEntry {
        place: Place::Report,
        key: Key::Num5,
        name: "Report",
        icon: icons::report,
        help: "What the model is worth, and what can be taken along (5)",
    },
];
