//! Summary of the scores of some rows.

use serde::Serialize;

/// The object that `detect score --json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Path of the model file.
    pub model: String,
    /// Path of the data, or `standard input`.
    pub data: String,
    /// Path of the table of scores, or `standard output`.
    pub output: String,
    /// Number of rows that were scored.
    pub rows: u64,
    /// Rows above the threshold.
    pub abnormal: u64,
    /// Rows that could not be scored.
    pub unusable: u64,
    /// Score above which a row is abnormal.
    pub threshold: f64,
    /// ROC-AUC of the scores; `None` without labels of both kinds.
    pub roc_auc: Option<f64>,
    /// ROC-AUC of the squared error of PCA at 90% of the variance; `None` without labels of both kinds, and for series
    /// and very wide rows.
    pub pca_roc_auc: Option<f64>,
    /// Average precision of the scores; `None` without labels of both kinds.
    pub average_precision: Option<f64>,
    /// Share of abnormal rows among those above the threshold; `None` without such rows, or without labels of both
    /// kinds.
    pub precision: Option<f64>,
    /// Share of the abnormal rows above the threshold; `None` without labels of both kinds.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall; `None` without labels of both kinds.
    pub f1: Option<f64>,
    /// Wall-clock time in seconds.
    pub seconds: f64,
    /// Rows scored per second.
    pub rows_per_second: f64,
    /// Paths of the plots that were drawn.
    pub pictures: Vec<String>,
    /// Remarks on the data, in words.
    pub notes: Vec<String>,
}
