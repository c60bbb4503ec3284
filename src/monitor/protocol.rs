//! Commands, events and options between a worker and its observer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::PreviewRequest;
use crate::data::{DataSet, DataSpec};
use crate::device::{DeviceChoice, DeviceInfo};
use crate::error::{Advice, ErrorKind};
use crate::model::{ModelSize, Preset, Spec};
use crate::platform::Instant;
use crate::train::{EpochReport, RunReport, TuneMode};

/// Command of an observer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Continues training.
    Play,
    /// Pauses training and refreshes the previews.
    Pause,
    /// Trains one step, then pauses.
    Step,
    /// Includes the weights in snapshots if true, for decoding by the observer.
    ShareModel(bool),
    /// Writes the model that would be kept if the run ended now.
    SaveModel,
    /// Sets the previews of held-out rows.
    SetPreview(PreviewRequest),
    /// Changes a field of the spec from the next step on.
    Edit {
        /// One of [`LIVE_FIELDS`](crate::model::LIVE_FIELDS).
        field: &'static str,
        /// New value of the field.
        value: f64,
    },
    /// Saves and ends the run.
    Stop,
}

/// Event of a run. Only [`Self::Tuning`] and [`Self::Progress`] may be dropped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Timing of kernels, once for each adapter.
    Tuning {
        /// Kernels measured so far.
        done: usize,
        /// Kernels to measure.
        all: usize,
    },
    /// End of the preparation: device and data are ready.
    Ready {
        /// Device of the run.
        info: DeviceInfo,
        /// Reason for an automatic choice of the device; empty if the device was named.
        auto_reason: &'static str,
        /// Training steps of an epoch.
        steps_per_epoch: u64,
        /// Training steps of the whole run.
        total_steps: u64,
        /// Rows of a training batch.
        batch: usize,
    },
    /// Progress of training, sent at most every 80 ms and at the end of an epoch.
    Progress {
        /// Training steps taken.
        step: u64,
        /// Newest training loss.
        loss: f32,
        /// Training rate in rows per second, a moving average.
        samples_per_second: f64,
    },
    /// End of an epoch.
    Epoch(EpochReport),
    /// End of the run, complete or stopped; everything is saved.
    Finished {
        /// Results of the run.
        report: Box<RunReport>,
        /// True if the run was stopped.
        interrupted: bool,
    },
    /// Failure of the run; the best state before it is saved if there is one.
    Failed {
        /// Description of the error, and of the rescue of the best state.
        message: String,
        /// Cause of the error.
        kind: ErrorKind,
        /// Suggested remedy; `None` if there is none.
        advice: Option<Advice>,
    },
}

/// Source of a worker's run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RunSource {
    /// Trains a spec.
    Train {
        /// Settings of model, data and training.
        spec: Box<Spec>,
        /// Name of the preset that the spec came from, if any.
        preset: Option<String>,
        /// Data of the spec if open already; `None` lets the worker open it.
        data: Option<Arc<DataSet>>,
    },
    /// Trains a model that suits `data`, with `seed` as `train.seed`: a preset fitted to it, or the suggested one.
    Suggest {
        /// Source of the rows, and the settings of its reading that are known.
        data: Box<DataSpec>,
        /// The same data if open already; `None` lets the worker open it.
        open: Option<Arc<DataSet>>,
        /// Seed of the split and of the training.
        seed: u64,
        /// Name of the preset to fit; `None` for the suggested model.
        preset: Option<String>,
        /// Size of the layers.
        size: ModelSize,
        /// Trains the suggested model where the preset does not apply, in place of an error.
        or_suggested: bool,
    },
    /// Resumes from the last checkpoint in `folder`, with its `spec`, which may have more epochs, and the name of its
    /// `preset`.
    Resume {
        /// Folder of the run.
        folder: PathBuf,
        /// Spec of the run, with as many epochs as are wanted in all.
        spec: Box<Spec>,
        /// Preset that the spec is of, if any.
        preset: Option<String>,
    },
    /// Opens a saved model for inspection; nothing is trained.
    Open(PathBuf),
}

impl RunSource {
    /// Returns the spec, if known before anything is opened.
    pub fn spec(&self) -> Option<&Spec> {
        match self {
            Self::Train { spec, .. } | Self::Resume { spec, .. } => Some(spec),
            Self::Suggest { .. } | Self::Open(_) => None,
        }
    }

    /// Returns the name of the preset, if any.
    pub fn preset(&self) -> Option<&str> {
        match self {
            Self::Train { preset, .. } | Self::Resume { preset, .. } | Self::Suggest { preset, .. } => {
                preset.as_deref()
            }
            Self::Open(_) => None,
        }
    }

    /// Returns the settings of the data, if known before anything is opened.
    pub fn data(&self) -> Option<&DataSpec> {
        match self {
            Self::Train { spec, .. } | Self::Resume { spec, .. } => Some(&spec.data),
            Self::Suggest { data, .. } => Some(data),
            Self::Open(_) => None,
        }
    }

    /// Returns the path of the model opened for inspection; `None` for a run.
    pub fn opened(&self) -> Option<&Path> {
        match self {
            Self::Open(path) => Some(path),
            _ => None,
        }
    }
}

/// Returns the settings with which the data at `source` is opened for a preset of pieces of pictures.
pub fn data_in_pieces(preset: &Preset, source: &str) -> DataSpec {
    DataSpec { source: source.to_owned(), ..preset.spec.data.clone() }
}

/// Options of a run.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Source of the run.
    pub source: RunSource,
    /// Device of the run; chosen automatically by default.
    pub device: DeviceChoice,
    /// CPU threads; all of them if `None`.
    pub threads: Option<usize>,
    /// Folder of the run; a numbered one in the platform's folder of runs if `None`.
    pub out: Option<PathBuf>,
    /// Keeps the last state instead of the best by validation; off by default.
    pub keep_last: bool,
    /// Resumes a run although its data is not what it began with; off by default.
    pub changed_data: bool,
    /// Choice of kernel variants; a resumed run keeps its own.
    pub tune: TuneMode,
    /// Makes snapshots with previews; pairs and maps cost time. Off by default.
    pub watched: bool,
    /// Measures on the test part at the end; on by default.
    pub with_test: bool,
    /// Waits for a command before the first step; off by default.
    pub start_paused: bool,
    /// Time of the request, from which the time to the first step is counted.
    pub started: Instant,
}

impl WorkerOptions {
    /// Returns the options to train `spec` on its own data.
    pub fn new(spec: Spec) -> Self {
        Self::from_source(RunSource::Train { spec: Box::new(spec), preset: None, data: None })
    }

    /// Returns the default options for `source`.
    pub fn from_source(source: RunSource) -> Self {
        Self {
            source,
            device: DeviceChoice::Auto,
            threads: None,
            out: None,
            keep_last: false,
            changed_data: false,
            tune: TuneMode::default(),
            watched: false,
            with_test: true,
            start_paused: false,
            started: Instant::now(),
        }
    }
}
