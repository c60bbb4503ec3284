//! Undo history of trained designs: data and model.

use crate::data::DataSpec;
use crate::model::Spec;

/// Most steps of the undo history.
const DEPTH: usize = 100;

/// Choice of the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ModelOrigin {
    /// Preset by its name.
    Preset(String),
    /// Model that is chosen to suit the data.
    Suggested,
    /// Spec of the user's own.
    #[default]
    Custom,
}

impl ModelOrigin {
    /// Returns the name of the preset, if it is one.
    pub fn preset(&self) -> Option<&str> {
        match self {
            Self::Preset(name) => Some(name),
            Self::Suggested | Self::Custom => None,
        }
    }
}

/// Data and model of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Design {
    /// Complete spec, and the choice that it came from.
    Complete { spec: Box<Spec>, model: ModelOrigin },
    /// Model that is fitted when the data is opened, with the seed of the run.
    Fitted { data: Box<DataSpec>, model: ModelOrigin, seed: u64 },
}

impl Design {
    /// Returns the seed of the run.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Complete { spec, .. } => spec.train.seed,
            Self::Fitted { seed, .. } => *seed,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct UndoHistory {
    past: Vec<Design>,
    future: Vec<Design>,
}

impl UndoHistory {
    /// Records `now` before a change.
    pub fn record(&mut self, now: Design) {
        self.future.clear();
        self.past.push(now);
        if self.past.len() > DEPTH {
            self.past.remove(0);
        }
    }

    /// Forgets `now` where it was recorded before a change that failed.
    pub fn forget(&mut self, now: &Design) {
        if self.past.last() == Some(now) {
            self.past.pop();
        }
    }

    /// Returns the design before `now`.
    pub fn undo(&mut self, now: Design) -> Option<Design> {
        let before = self.past.pop()?;
        self.future.push(now);
        Some(before)
    }

    /// Returns the design that was undone to `now`.
    pub fn redo(&mut self, now: Design) -> Option<Design> {
        let after = self.future.pop()?;
        self.past.push(now);
        Some(after)
    }
}
