//! Options of a detector's fit.

use crate::model::{Preset, Spec};

/// Rule by which a threshold is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ThresholdRule {
    /// Given share of held-out normal rows above the threshold.
    FalseAlarms(f64),
    /// Given number of false alarms a day, for rows with times.
    AlarmsADay(f64),
    /// Highest F1, by labels.
    F1,
    /// Least cost, by labels, where a missed row costs so many false alarms.
    MissCost(f64),
}

/// Options of [`fit_detector`](super::fit_detector).
#[derive(Clone, Debug)]
pub struct DetectorOptions {
    /// Column (or for files, `folders`, `prefix` or a list) that marks abnormal rows, never a feature; none where
    /// `None`.
    pub label: Option<String>,
    /// Labels of abnormal rows; where empty, all but 0, false, normal and no label.
    pub abnormal: Vec<String>,
    /// Names of columns that are ignored.
    pub exclude: Vec<String>,
    /// Share of rows that are taken for abnormal without labels, 0 by default: the worst after a first fit are left out
    /// of a second.
    pub outliers: f64,
    /// Rule by which the threshold is chosen; a false alarm in a hundred normal rows by default.
    pub threshold: ThresholdRule,
    /// Number of models, of consecutive seeds, 1 by default; the score is their mean.
    pub ensemble: usize,
    /// Specification of the model; chosen for the data where `None`.
    pub spec: Option<Spec>,
    /// Preset that is fitted to the data, where `spec` is `None`.
    pub preset: Option<Preset>,
    /// Fields of the specification that are set beside it, each written KEY=VALUE, for reading the data and for the
    /// model, whether it is given or chosen.
    pub settings: Vec<String>,
    /// Seed of the split and of the first model's training, 1 by default.
    pub seed: u64,
}

impl DetectorOptions {
    /// Returns whether a model is named rather than chosen.
    pub(super) fn names_a_model(&self) -> bool {
        self.spec.is_some() || self.preset.is_some()
    }
}

impl Default for DetectorOptions {
    fn default() -> Self {
        Self {
            label: None,
            abnormal: Vec::new(),
            exclude: Vec::new(),
            outliers: 0.0,
            threshold: ThresholdRule::FalseAlarms(0.01),
            ensemble: 1,
            spec: None,
            preset: None,
            settings: Vec::new(),
            seed: 1,
        }
    }
}
