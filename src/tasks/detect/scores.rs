//! The figures of scoring a table.

use serde::Serialize;

/// The object that `detect score --json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    pub model: String,
    pub data: String,
    pub output: String,
    pub rows: u64,
    /// Rows above the threshold.
    pub abnormal: u64,
    /// Rows that could not be scored.
    pub unusable: u64,
    pub threshold: f64,
    /// ROC-AUC of the scores; `None` without labels of both kinds.
    pub roc_auc: Option<f64>,
    /// As much by the squared error of PCA at 90% of the variance; `None` for series and very wide rows too.
    pub pca_roc_auc: Option<f64>,
    pub average_precision: Option<f64>,
    /// Of what the threshold calls abnormal, and of what is; `None` without labels of both kinds.
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    pub seconds: f64,
    pub rows_per_second: f64,
    /// Pictures that were drawn.
    pub pictures: Vec<String>,
    pub notes: Vec<String>,
}
