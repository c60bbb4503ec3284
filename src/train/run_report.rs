//! Results of a run, in the fields that scripts rely on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::PcaReport;
use super::finding::Finding;
use super::test_metrics::TestMetrics;

/// The object that `train --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Version of the program.
    pub version: Cow<'static, str>,
    /// Kind of device: `gpu` or `cpu`.
    pub device: String,
    /// Interface of the device: `vulkan`, `metal`, `dx12`, `other` or `cpu`.
    pub backend: String,
    /// Name of the adapter; number of threads of a CPU.
    pub adapter: String,
    /// Notes on adapters passed over and kernel variants left out, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_notes: Vec<String>,
    /// Name of the preset; `None` without one.
    pub preset: Option<String>,
    /// Value of `train.seed`.
    pub seed: u64,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Number of the last epoch; 0 before the end of the first.
    pub epochs: u32,
    /// Training steps taken.
    pub steps: u64,
    /// Seconds of work, without pauses.
    pub seconds: f64,
    /// Training rate in rows per second, since the start or the resume.
    pub samples_per_second: f64,
    /// Seconds from the command to the end of the first steps, data and device included; `None` if none was taken.
    pub first_step_seconds: Option<f64>,
    /// Seconds that steps have waited for rows; `None` if all of them lay on the device.
    pub waited_for_data_seconds: Option<f64>,
    /// Mean training loss of the last epoch; `None` before its end.
    pub train_loss: Option<f64>,
    /// Validation loss of the kept state; `None` before the end of the first epoch.
    pub validation_loss: Option<f64>,
    /// Epoch of the lowest validation loss; 0 before the end of the first.
    pub best_epoch: u32,
    /// Path of the model file; `None` for a run in memory.
    pub model: Option<String>,
    /// Path of the run's folder; `None` for a run in memory.
    pub run_dir: Option<String>,
    /// Metrics on the test part; `None` if not measured.
    pub test: Option<TestMetrics>,
    /// PCA on the test part; `None` if not measured or not comparable.
    pub pca: Option<PcaReport>,
    /// Mean squared error on test rows of the mean of the train part, which says nothing of a row; `None` if not
    /// measured.
    #[serde(default)]
    pub mean_mse: Option<f64>,
    /// Findings, the most severe first; empty if the test part was not measured.
    pub diagnosis: Vec<Finding>,
}
