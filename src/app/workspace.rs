//! The workspaces: their names, keys and icons.

use egui::Key;

use super::ui::icons;
use super::ui::widgets::Icon;

/// A workspace: the content of the window between the bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workspace {
    Train,
    Explore,
    Denoise,
    Detect,
    Report,
    /// The runs on disk: not on the rail, but behind the run's name.
    Runs,
}

/// An entry of the rail.
pub(crate) struct RailEntry {
    pub workspace: Workspace,
    pub key: Key,
    pub name: &'static str,
    pub icon: Icon,
    pub help: &'static str,
}

/// From the top of the rail down; keys are numbered as the drawings have the whole rail.
pub(crate) const PLACES: [RailEntry; 5] = [
    RailEntry {
        workspace: Workspace::Train,
        key: Key::Num1,
        name: "Train",
        icon: icons::train,
        help: "Watch the training (1)",
    },
    RailEntry {
        workspace: Workspace::Explore,
        key: Key::Num2,
        name: "Explore",
        icon: icons::explore,
        help: "Move through the latent space (2)",
    },
    RailEntry {
        workspace: Workspace::Denoise,
        key: Key::Num3,
        name: "Denoise",
        icon: icons::denoise,
        help: "Clean pictures (3)",
    },
    RailEntry {
        workspace: Workspace::Detect,
        key: Key::Num4,
        name: "Detect",
        icon: icons::detect,
        help: "Find abnormal rows of a table (4)",
    },
    RailEntry {
        workspace: Workspace::Report,
        key: Key::Num5,
        name: "Report",
        icon: icons::report,
        help: "What the model is worth, and what can be taken along (5)",
    },
];
