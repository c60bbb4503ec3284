//! What changes while a run goes on: live edits, warm-ups and the schedule of the learning rate.

use serde::{Deserialize, Serialize};

use super::{ScheduleKind, Spec};

/// A field that was changed while the run went on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// It holds from this step on.
    pub step: u64,
    /// One of [`LIVE_FIELDS`].
    pub field: String,
    pub value: f64,
}

/// Fields that can be edited live.
pub const LEARNING_RATE: &str = "optimizer.learning_rate";
pub const BETA: &str = "objective.beta";
pub const SPARSITY: &str = "objective.sparsity";
pub const CORRUPTION: &str = "corruption.strength";
pub const LIVE_FIELDS: [&str; 4] = [LEARNING_RATE, BETA, SPARSITY, CORRUPTION];

impl Spec {
    fn live(&self, field: &str, otherwise: f64, step: u64) -> f64 {
        self.edits.iter().rev().find(|edit| edit.step <= step && edit.field == field).map_or(otherwise, |e| e.value)
    }

    /// The learning rate asked for at `step`, live edits applied, before any schedule.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        self.live(LEARNING_RATE, self.optimizer.learning_rate, step)
    }

    /// What the schedule multiplies the learning rate by at `step` of `total`.
    pub fn schedule_at(&self, step: u64, steps_per_epoch: u64, total: u64) -> f64 {
        let schedule = &self.schedule;
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

    /// The weight of the divergence at `step`, live edits and warm-up applied.
    pub fn beta_at(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let beta = self.whole_beta_at(step);
        let warmup = self.objective.beta_warmup_epochs * steps_per_epoch as f64;
        if warmup > 0.0 { beta * ((step + 1) as f64 / warmup).min(1.0) } else { beta }
    }

    /// The same once the warm-up is over.
    pub fn whole_beta_at(&self, step: u64) -> f64 {
        self.live(BETA, self.objective.beta, step)
    }

    pub fn sparsity_at(&self, step: u64) -> f64 {
        self.live(SPARSITY, self.objective.sparsity, step)
    }

    pub fn corruption_at(&self, step: u64) -> f64 {
        self.live(CORRUPTION, self.corruption.strength, step)
    }
}
