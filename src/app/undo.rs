//! What was trained before and after each edit of the spec, to go back to and forth.

use std::sync::Arc;

use crate::data::DataSet;
use crate::model::Spec;
use crate::monitor::RunSource;

/// More steps back than anybody remembers.
const DEPTH: usize = 100;

/// A spec, and the preset that it is, if it is one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Design {
    pub spec: Spec,
    pub preset: Option<String>,
}

impl Design {
    /// Of a source whose spec is known before anything is opened.
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
    /// `now` is about to become something else.
    pub fn record(&mut self, now: Design) {
        self.future.clear();
        self.past.push(now);
        if self.past.len() > DEPTH {
            self.past.remove(0);
        }
    }

    /// What was before `now`.
    pub fn undo(&mut self, now: Design) -> Option<Design> {
        let before = self.past.pop()?;
        self.future.push(now);
        Some(before)
    }

    /// What `now` was before it was undone.
    pub fn redo(&mut self, now: Design) -> Option<Design> {
        let after = self.future.pop()?;
        self.past.push(now);
        Some(after)
    }
}
