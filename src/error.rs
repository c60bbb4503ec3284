//! Common properties of errors: their kind, the settings concerned and the advice.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Cause of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Invalid request: exit code 2.
    Usage,
    /// Failure of the work itself: exit code 1.
    Work,
}

/// A setting by its name: a key of a spec (`train.batch_size`), or an option of a task (`threshold-by`).
///
/// Displayed as "setting `name`", so that a command line can find it in a message and word it as its own option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting(&'static str);

impl Setting {
    /// Option of anomaly detection: values of the label column that mark abnormal rows.
    pub const ABNORMAL: Self = Self("abnormal");
    /// Option of denoising: meaning of an array's dimensions, such as TYX.
    pub const AXES: Self = Self("axes");
    /// Key of the spec: rows of a training batch.
    pub const BATCH_SIZE: Self = Self("train.batch_size");
    /// Option of augmentation: draws from a Gaussian mixture fitted to each class.
    pub const BY_CLASS: Self = Self("by-class");
    /// Option of resuming: refusal or use of data that is not what the run began with.
    pub const CHANGED_DATA: Self = Self("changed-data");
    /// Option of projection: number of clusters.
    pub const CLUSTERS: Self = Self("clusters");
    /// Option of sampling and augmentation: number of components of the Gaussian mixture.
    pub const COMPONENTS: Self = Self("components");
    /// Option of compression: file for a curve of bytes and error at several settings.
    pub const CURVE: Self = Self("curve");
    /// Option of tasks: data in place of the model's own.
    pub const DATA: Self = Self("data");
    /// Key of the spec: source of the class labels.
    pub const DATA_LABELS: Self = Self("data.labels");
    /// Option of tasks: device of the computation.
    pub const DEVICE: Self = Self("device");
    /// Option of anomaly detection: number of false alarms a day.
    pub const ALARMS_A_DAY: Self = Self("alarms-a-day");
    /// Option of anomaly detection: share of normal rows that may be called abnormal.
    pub const FALSE_ALARMS: Self = Self("false-alarms");
    /// Option of tasks: label column in anomaly detection, else class of a conditional model or of the draws.
    pub const LABEL: Self = Self("label");
    /// Option of the linear probe: numbers of labeled rows.
    pub const LABELS: Self = Self("labels");
    /// Key of the spec: base learning rate of the optimizer.
    pub const LEARNING_RATE: Self = Self("optimizer.learning_rate");
    /// Option of denoising: memory limit of the network's work, in MiB.
    pub const MEMORY: Self = Self("memory");
    /// Option of training: folder of the run.
    pub const OUT: Self = Self("out");
    /// Option of anomaly detection: share of the rows that may be abnormal without a label.
    pub const OUTLIERS: Self = Self("outliers");
    /// Option of tasks: output file or folder.
    pub const OUTPUT: Self = Self("output");
    /// Option of evaluation and anomaly detection: destination of pictures and charts.
    pub const PICTURES: Self = Self("pictures");
    /// Option of sampling: draws from a Gaussian mixture fitted to the train latents instead of from the prior.
    pub const POSTERIOR: Self = Self("posterior");
    /// Option of denoising: values of black and white in pictures of more than 8 bits.
    pub const RANGE: Self = Self("range");
    /// Option of denoising: standard deviation of the noise, on the scale of 0..255.
    pub const SIGMA: Self = Self("sigma");
    /// Option of tasks: number of CPU threads.
    pub const THREADS: Self = Self("threads");
    /// Option of anomaly detection: rule that chooses the threshold from labels.
    pub const THRESHOLD_BY: Self = Self("threshold-by");

    /// Options of tasks that errors refer to; every other setting is a key of the spec.
    pub const OPTIONS: [Self; 23] = [
        Self::ABNORMAL,
        Self::ALARMS_A_DAY,
        Self::AXES,
        Self::BY_CLASS,
        Self::CHANGED_DATA,
        Self::CLUSTERS,
        Self::COMPONENTS,
        Self::CURVE,
        Self::DATA,
        Self::DEVICE,
        Self::FALSE_ALARMS,
        Self::LABEL,
        Self::LABELS,
        Self::MEMORY,
        Self::OUT,
        Self::OUTLIERS,
        Self::OUTPUT,
        Self::PICTURES,
        Self::POSTERIOR,
        Self::RANGE,
        Self::SIGMA,
        Self::THREADS,
        Self::THRESHOLD_BY,
    ];

    /// Returns the setting of a key of the spec, such as `data.window`.
    pub const fn spec_key(key: &'static str) -> Self {
        Self(key)
    }

    /// Returns the name without quotes.
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setting `{}`", self.0)
    }
}

/// Suggested remedy: another value of a setting. A command line words it as an option, a window as a button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Name of the [`Setting`].
    pub setting: String,
    /// Suggested value, as text.
    pub value: String,
}

impl Advice {
    /// Suggests `value` for `setting`.
    pub fn new(setting: Setting, value: impl fmt::Display) -> Self {
        Self { setting: setting.name().to_owned(), value: value.to_string() }
    }
}
