//! What a run came to, in the fields that scripts rely on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::PcaReport;
use super::diagnosis::Finding;
use super::test_metrics::TestMetrics;

/// The object that `train --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    pub version: Cow<'static, str>,
    pub device: String,
    pub backend: String,
    pub adapter: String,
    /// Adapters that were passed over and kernel variants that were left out, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_notes: Vec<String>,
    pub preset: Option<String>,
    pub seed: u64,
    pub parameters: usize,
    pub epochs: u32,
    pub steps: u64,
    pub seconds: f64,
    pub samples_per_second: f64,
    /// From the command to the end of the first steps, data and device included.
    pub first_step_seconds: Option<f64>,
    /// What steps have waited for rows; `None` where all of them lay on the device.
    pub waited_for_data_seconds: Option<f64>,
    pub train_loss: Option<f64>,
    pub validation_loss: Option<f64>,
    pub best_epoch: u32,
    pub model: Option<String>,
    pub run_dir: Option<String>,
    pub test: Option<TestMetrics>,
    pub pca: Option<PcaReport>,
    pub diagnosis: Vec<Finding>,
}
