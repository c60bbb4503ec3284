//! Values that change during a run: live edits, warm-ups and the schedule of the learning rate.

use serde::{Deserialize, Serialize};

use super::{ModelKind, ScheduleKind, Spec};
use crate::model::layers::Layer;

/// Change of a field during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// First step that it applies to.
    pub step: u64,
    /// Name of the field, one of [`LIVE_FIELDS`].
    pub field: String,
    /// New value, 0 or more.
    pub value: f64,
}

/// Live field of the learning rate.
pub const LEARNING_RATE: &str = "optimizer.learning_rate";
/// Live field of the weight of the KL divergence, for variational models.
pub const BETA: &str = "objective.beta";
/// Live field of the weight of the sparsity penalty, where there is one.
pub const SPARSITY: &str = "objective.sparsity";
/// Live field of the factor of all noise, where there is any.
pub const CORRUPTION: &str = "corruption.strength";
/// Live field of the rate of every dropout layer.
pub const DROPOUT: &str = "model.dropout";
/// Fields that can be edited live.
pub const LIVE_FIELDS: [&str; 5] = [LEARNING_RATE, BETA, SPARSITY, CORRUPTION, DROPOUT];

/// Returns the name of a live field in words.
fn words(field: &str) -> &str {
    match field {
        LEARNING_RATE => "learning rate",
        BETA => "beta",
        SPARSITY => "sparsity",
        CORRUPTION => "input noise",
        DROPOUT => "dropout",
        other => other,
    }
}

/// Returns a live value in as many digits as it needs.
pub fn live_text(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (2.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Spec {
    fn live(&self, field: &str, otherwise: f64, step: u64) -> f64 {
        self.edits.iter().rev().find(|edit| edit.step <= step && edit.field == field).map_or(otherwise, |e| e.value)
    }

    /// Returns the learning rate asked for at `step`, live edits applied, before any schedule.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        self.live(LEARNING_RATE, self.optimizer.learning_rate, step)
    }

    /// Returns the steps of the whole run.
    pub fn total_steps(&self, steps_per_epoch: u64) -> u64 {
        bounded(self.train.epochs, self.train.steps, steps_per_epoch)
    }

    /// Sets a new total of epochs for a run that has begun, and no other bound. A schedule that was laid over the old
    /// total stays, so that the spec still describes what the steps so far have done.
    pub fn extend_to(&mut self, epochs: u32) {
        let schedule = &mut self.schedule;
        let is_other = self.train.epochs != epochs || self.train.steps.is_some();
        if schedule.kind == ScheduleKind::Cosine && schedule.epochs.is_none() && is_other {
            (schedule.epochs, schedule.steps) = (Some(self.train.epochs), self.train.steps);
        }
        (self.train.epochs, self.train.steps) = (epochs, None);
    }

    /// Returns the factor of the schedule on the learning rate at `step`, warm-up included; without that of a plateau,
    /// which depends on validation.
    pub fn schedule_at(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let schedule = &self.schedule;
        let total = match schedule.epochs {
            Some(epochs) => bounded(epochs, schedule.steps, steps_per_epoch),
            None => self.total_steps(steps_per_epoch),
        };
        let warmup = ((step + 1) as f64 / (schedule.warmup_steps + 1) as f64).min(1.0);
        let factor = match schedule.kind {
            ScheduleKind::Constant | ScheduleKind::Plateau => 1.0,
            ScheduleKind::Cosine => {
                let after = step.saturating_sub(schedule.warmup_steps) as f64;
                let whole = total.saturating_sub(schedule.warmup_steps).max(1) as f64;
                let cosine = 0.5 + 0.5 * (std::f64::consts::PI * (after / whole).min(1.0)).cos();
                schedule.final_fraction + (1.0 - schedule.final_fraction) * cosine
            }
            ScheduleKind::Step => {
                let drops = step / steps_per_epoch.max(1) / u64::from(schedule.every);
                schedule.gamma.powi(i32::try_from(drops).unwrap_or(i32::MAX))
            }
        };
        warmup * factor
    }

    /// Returns the weight of the divergence at `step`, live edits and warm-up applied.
    pub fn beta_at(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let beta = self.whole_beta_at(step);
        let warmup = self.objective.beta_warmup_epochs * steps_per_epoch as f64;
        if warmup > 0.0 { beta * ((step + 1) as f64 / warmup).min(1.0) } else { beta }
    }

    /// Returns the weight of the divergence at `step`, live edits applied, as if the warm-up were over.
    pub fn whole_beta_at(&self, step: u64) -> f64 {
        self.live(BETA, self.objective.beta, step)
    }

    /// Returns the weight of the sparsity penalty at `step`, live edits applied.
    pub fn sparsity_at(&self, step: u64) -> f64 {
        self.live(SPARSITY, self.objective.sparsity, step)
    }

    /// Returns the factor of all noise at `step`, live edits applied.
    pub fn corruption_at(&self, step: u64) -> f64 {
        self.live(CORRUPTION, self.corruption.strength, step)
    }

    /// Returns the rate of all dropout layers at `step`, if that was edited.
    pub fn dropout_at(&self, step: u64) -> Option<f64> {
        self.edits.iter().rev().find(|edit| edit.step <= step && edit.field == DROPOUT).map(|edit| edit.value)
    }

    /// Returns the value of one of [`LIVE_FIELDS`] at `step`, edits applied; `None` where the model has no such thing.
    pub fn live_value(&self, field: &str, step: u64) -> Option<f64> {
        match field {
            LEARNING_RATE => Some(self.learning_rate_at(step)),
            BETA => (self.model.kind == ModelKind::Variational).then(|| self.whole_beta_at(step)),
            SPARSITY => (self.objective.sparsity > 0.0).then(|| self.sparsity_at(step)),
            CORRUPTION => self.corruption.has_strength().then(|| self.corruption_at(step)),
            DROPOUT => self.dropout_rate().map(|rate| self.dropout_at(step).unwrap_or(rate)),
            _ => None,
        }
    }

    /// Returns the largest rate of the dropout layers; `None` without any.
    fn dropout_rate(&self) -> Option<f64> {
        let layers = self.model.encoder.iter().chain(&self.model.decoder);
        let rates = layers.filter_map(|layer| match layer {
            Layer::Dropout { rate } if *rate > 0.0 => Some(*rate),
            _ => None,
        });
        rates.reduce(f64::max)
    }

    /// Returns an edit in words, for marks on curves: "learning rate 0.001 to 0.0005".
    pub fn edit_words(&self, edit: &Edit) -> String {
        let name = words(&edit.field);
        let before = edit.step.checked_sub(1).map(|step| self.live_value(&edit.field, step));
        match before.unwrap_or_else(|| Self { edits: Vec::new(), ..self.clone() }.live_value(&edit.field, 0)) {
            Some(before) => format!("{name} {} to {}", live_text(before), live_text(edit.value)),
            None => format!("{name} {}", live_text(edit.value)),
        }
    }
}

/// Returns the steps of `epochs` epochs, or `steps` where that is less.
fn bounded(epochs: u32, steps: Option<u64>, steps_per_epoch: u64) -> u64 {
    let whole = u64::from(epochs) * steps_per_epoch;
    steps.map_or(whole, |steps| steps.min(whole))
}
