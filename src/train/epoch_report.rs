//! Figures of one epoch, a line of `metrics.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    pub epoch: u32,
    pub step: u64,
    pub seconds: f64,
    pub train_loss: f64,
    pub validation_loss: f64,
    pub learning_rate: f64,
    pub samples_per_second: f64,
    /// The parts of the objective on validation, before their weights.
    #[serde(flatten)]
    pub parts: BTreeMap<String, f64>,
}

/// The mean train losses of epochs as points of a curve: (epochs as a fraction, loss), each in the middle of its epoch.
pub fn curve_of(epochs: &[EpochReport]) -> Vec<[f32; 2]> {
    epochs.iter().map(|epoch| [epoch.epoch as f32 - 0.5, epoch.train_loss as f32]).collect()
}
