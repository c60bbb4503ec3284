//! Undo history of trained specs.

use std::sync::Arc;

use crate::data::DataSet;
use crate::model::Spec;
use crate::monitor::RunSource;

/// Most steps of the undo history.
const DEPTH: usize = 100;

/// Spec, with the name of its preset if it is one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Design {
    pub spec: Spec,
    pub preset: Option<String>,
}

impl Design {
    /// Returns the design of a source; `None` if its spec is not known before it is opened.
    pub fn from_source(source: &RunSource) -> Option<Self> {
        let spec = source.spec()?.clone();
        Some(Self { spec, preset: source.preset().map(str::to_owned) })
    }

    pub fn into_source(self, data: Option<Arc<DataSet>>) -> RunSource {
        RunSource::Train { spec: Box::new(self.spec), preset: self.preset, data }
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
