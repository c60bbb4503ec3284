//! Sort order of the list of runs.

use super::summary::{model_of, state_of};
use crate::train::SavedRun;

/// Sort key of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunColumn {
    Name,
    Model,
    When,
    Epochs,
    Validation,
    Test,
    State,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RunOrder {
    pub by: RunColumn,
    pub backwards: bool,
}

impl Default for RunOrder {
    fn default() -> Self {
        Self { by: RunColumn::When, backwards: false }
    }
}

impl RunOrder {
    /// Sorts newest, longest and best first, names alphabetically, and runs without a value last.
    pub fn sort(self, runs: &mut [SavedRun]) {
        let figure = |value: Option<f64>| value.unwrap_or(f64::INFINITY);
        runs.sort_by(|a, b| {
            let order = match self.by {
                RunColumn::Name => a.name.cmp(&b.name),
                RunColumn::Model => model_of(a).cmp(&model_of(b)),
                RunColumn::When => b.changed.cmp(&a.changed),
                RunColumn::Epochs => b.epochs.len().cmp(&a.epochs.len()),
                RunColumn::Validation => {
                    figure(a.best().map(|best| best.1)).total_cmp(&figure(b.best().map(|best| best.1)))
                }
                RunColumn::Test => figure(a.test_mse).total_cmp(&figure(b.test_mse)),
                RunColumn::State => state_of(a, None).cmp(state_of(b, None)),
            };
            if self.backwards { order.reverse() } else { order }
        });
    }
}
