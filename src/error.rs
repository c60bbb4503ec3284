//! What all errors have in common: whose fault they are, the settings that they are about, and what would help.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Cause of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for cannot be: exit code 2.
    Usage,
    /// The work failed: exit code 1.
    Work,
}

/// A setting by its name: a key of a spec (`train.batch_size`), or an option of a task (`threshold-by`).
///
/// It is displayed in back quotes, by which a command line finds it to word it as the option that it has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting(&'static str);

impl Setting {
    pub const ABNORMAL: Self = Self("abnormal");
    pub const BATCH_SIZE: Self = Self("train.batch_size");
    pub const BY_CLASS: Self = Self("by-class");
    pub const CLUSTERS: Self = Self("clusters");
    pub const COMPONENTS: Self = Self("components");
    pub const CURVE: Self = Self("curve");
    pub const DATA: Self = Self("data");
    pub const DATA_LABELS: Self = Self("data.labels");
    pub const DEVICE: Self = Self("device");
    pub const FALSE_ALARMS: Self = Self("false-alarms");
    pub const LABEL: Self = Self("label");
    pub const LABELS: Self = Self("labels");
    pub const LEARNING_RATE: Self = Self("optimizer.learning_rate");
    pub const MEMORY: Self = Self("memory");
    pub const OUT: Self = Self("out");
    pub const OUTLIERS: Self = Self("outliers");
    pub const OUTPUT: Self = Self("output");
    pub const PICTURES: Self = Self("pictures");
    pub const POSTERIOR: Self = Self("posterior");
    pub const SIGMA: Self = Self("sigma");
    pub const THREADS: Self = Self("threads");
    pub const THRESHOLD_BY: Self = Self("threshold-by");

    /// Options of tasks that errors speak of; every other setting is a key of the spec.
    pub const OPTIONS: [Self; 19] = [
        Self::ABNORMAL,
        Self::BY_CLASS,
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
        Self::SIGMA,
        Self::THREADS,
        Self::THRESHOLD_BY,
    ];

    /// A key of the spec.
    pub const fn spec_key(key: &'static str) -> Self {
        Self(key)
    }

    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// What would help: another value of a setting. A command line words it as an option, a window as a button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Name of the [`Setting`].
    pub setting: String,
    pub value: String,
}

impl Advice {
    pub fn new(setting: Setting, value: impl fmt::Display) -> Self {
        Self { setting: setting.name().to_owned(), value: value.to_string() }
    }
}
