//! The order of the list of runs.

use super::summary::{model_of, state_of};
use crate::train::ShelvedRun;

/// What the list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Model,
    When,
    Epochs,
    Validation,
    Test,
    State,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub by: Column,
    pub backwards: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { by: Column::When, backwards: false }
    }
}

impl Order {
    /// Newest, longest and best first; names as in a book. What has no figure comes last.
    pub fn sort(self, runs: &mut [ShelvedRun]) {
        let figure = |value: Option<f64>| value.unwrap_or(f64::INFINITY);
        runs.sort_by(|a, b| {
            let order = match self.by {
                Column::Name => a.name.cmp(&b.name),
                Column::Model => model_of(a).cmp(&model_of(b)),
                Column::When => b.changed.cmp(&a.changed),
                Column::Epochs => b.epochs.len().cmp(&a.epochs.len()),
                Column::Validation => {
                    figure(a.best().map(|best| best.1)).total_cmp(&figure(b.best().map(|best| best.1)))
                }
                Column::Test => figure(a.test_mse).total_cmp(&figure(b.test_mse)),
                Column::State => state_of(a, None).cmp(state_of(b, None)),
            };
            if self.backwards { order.reverse() } else { order }
        });
    }
}
