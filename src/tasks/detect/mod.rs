//! Anomaly detection: scores of rows, and the reasons for them. A model is fitted on normal rows; a row is abnormal if
//! its reconstruction error exceeds that of normal rows that the model has not seen, or if its latents lie far from
//! theirs.
//!
//! A row's score is (sum of e^2 / u over features + d^2) / (features + latent): e its errors, u their usual squares on
//! held-out normal rows, d the Mahalanobis distance of its latents from those of normal rows. Both parts are 1 a
//! dimension on held-out normal rows, so that the score is 1 on average there and means the same for every table: but
//! for constants it is the negative log-likelihood of a Gaussian model of both. For variational models twice the
//! divergence from the prior stands in the place of d^2 and of its count: the score is the negative ELBO, scaled to 1
//! on average.
//!
//! Rows of tables are also compared with kept normal rows: how far away the nearest lie, relative to how near to each
//! other they lie there (`neighborhood`). The logarithms of both add up, in fixed shares of their deviations on normal
//! rows; the score is 1 for usual rows there too. A scale of severity says how rare a score is among normal rows.

mod calibration;
mod fit;
mod folds;
mod histogram;
mod memory;
mod neighborhood;
mod options;
mod pipeline;
mod plots;
mod reasons;
mod reconstructions;
mod refine;
mod row_scan;
mod score;
mod scorer;
mod scores;
mod series;
mod threshold;
mod training_rows;

pub use self::fit::{DetectorReport, FitProgress, fit_detector, make_detector};
pub use self::options::{DetectorOptions, ThresholdRule};
pub use self::pipeline::{
    DetectOutcome, DetectRequest, DetectStage, LabelChoice, Watch, detect, save_detector, save_scores,
};
pub use self::refine::{JudgedRow, RefineReport, list_judged, refine};
pub use self::row_scan::{ScannedRows, ScoreInput, scan_rows};
pub use self::score::{ScoreOptions, ScoreOutput, score_rows, write_scores};
pub use self::scores::Scores;
use crate::model::{Detector, Model};

/// Labels of normal rows, in lowercase, where no abnormal ones are given.
const NORMAL: [&str; 5] = ["0", "0.0", "false", "normal", ""];

/// Returns whether a label marks its row as abnormal; `abnormal` names the labels that do, where it is not empty.
fn is_abnormal(label: Option<&str>, abnormal: &[String]) -> bool {
    let label = label.unwrap_or_default();
    match abnormal.is_empty() {
        true => !NORMAL.contains(&label.to_lowercase().as_str()) && label.parse::<f64>() != Ok(0.0),
        // 1 and 1.0 are the same label.
        false => abnormal.iter().any(|one| {
            one == label || one.parse::<f64>().is_ok_and(|one| label.parse::<f64>().is_ok_and(|label| label == one))
        }),
    }
}

/// Returns the models of a detector's members.
fn member_models(model: &Model, detector: &Detector) -> Vec<Model> {
    let own = |(number, member): (usize, &crate::model::DetectorMember)| {
        let tensors = if number == 0 { model.tensors.clone() } else { member.weights.clone() };
        Model { tensors, detector: None, ..model.clone() }
    };
    detector.members.iter().enumerate().map(own).collect()
}
