//! Figures of one epoch, a line of `metrics.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Number of the epoch, from 1.
    pub epoch: u32,
    /// Training steps taken by its end.
    pub step: u64,
    /// Seconds of work by its end, without pauses.
    pub seconds: f64,
    /// Mean training loss over its steps.
    pub train_loss: f64,
    /// Objective on the validation part at its end.
    pub validation_loss: f64,
    /// Learning rate of its last step.
    pub learning_rate: f64,
    /// Training rate in rows per second over its steps.
    pub samples_per_second: f64,
    /// Parts of the objective on validation by name, before their weights.
    #[serde(flatten)]
    pub parts: BTreeMap<String, f64>,
}

/// Returns the mean train losses of epochs as points of a curve: (epochs as a fraction, loss), each in the middle of
/// its epoch.
pub fn curve_of(epochs: &[EpochReport]) -> Vec<[f32; 2]> {
    epochs.iter().map(|epoch| [epoch.epoch as f32 - 0.5, epoch.train_loss as f32]).collect()
}
