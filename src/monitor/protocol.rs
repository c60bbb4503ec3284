//! Commands, events and options between the worker and whoever watches.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::PreviewRequest;
use crate::data::DataSet;
use crate::device::{DeviceChoice, DeviceInfo};
use crate::error::{Advice, ErrorKind};
use crate::model::Spec;
use crate::platform::Instant;
use crate::train::{EpochReport, RunReport, TuneMode};

/// A command of a watcher.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Play,
    Pause,
    /// One step, then pause.
    Step,
    /// Includes the weights in snapshots, for whoever decodes.
    ShareModel(bool),
    /// Write the model that would be kept if the run ended now.
    SaveModel,
    /// Sets the previews of held-out rows.
    SetPreview(PreviewRequest),
    Edit {
        field: &'static str,
        value: f64,
    },
    /// Save and end.
    Stop,
}

/// An event that happens once and must not be missed.
#[derive(Clone, Debug)]
pub enum Event {
    /// Kernels are being timed, once for each adapter.
    Tuning {
        done: usize,
        all: usize,
    },
    /// Device and data are there.
    Ready {
        info: DeviceInfo,
        auto_reason: &'static str,
        steps_per_epoch: u64,
        total_steps: u64,
        batch: usize,
    },
    Progress {
        step: u64,
        loss: f32,
        samples_per_second: f64,
    },
    Epoch(EpochReport),
    /// The run came to its end, or was stopped (`interrupted`); everything is saved.
    Finished {
        report: Box<RunReport>,
        interrupted: bool,
    },
    Failed {
        message: String,
        kind: ErrorKind,
        advice: Option<Advice>,
    },
}

/// Source of a worker's run.
#[derive(Clone, Debug)]
pub enum RunSource {
    /// Trains a spec.
    Train {
        spec: Box<Spec>,
        preset: Option<String>,
        /// Its data, where whoever starts the run has opened that already.
        data: Option<Arc<DataSet>>,
    },
    /// Trains the model that suits a file or folder.
    Suggest { source: String, seed: u64 },
    /// Goes on from the last checkpoint in a folder, as its spec says.
    Resume { folder: PathBuf, spec: Box<Spec>, preset: Option<String> },
    /// Opens a saved model to look at; nothing is trained.
    Open(PathBuf),
}

impl RunSource {
    /// The spec, where it is known before anything is opened.
    pub fn spec(&self) -> Option<&Spec> {
        match self {
            Self::Train { spec, .. } | Self::Resume { spec, .. } => Some(spec),
            Self::Suggest { .. } | Self::Open(_) => None,
        }
    }

    pub fn preset(&self) -> Option<&str> {
        match self {
            Self::Train { preset, .. } | Self::Resume { preset, .. } => preset.as_deref(),
            Self::Suggest { .. } | Self::Open(_) => None,
        }
    }

    /// The model that is looked at instead of a run.
    pub fn opened(&self) -> Option<&Path> {
        match self {
            Self::Open(path) => Some(path),
            _ => None,
        }
    }
}

/// Options of a run.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    pub source: RunSource,
    pub device: DeviceChoice,
    pub threads: Option<usize>,
    /// The directory itself; a numbered one among the platform's runs where `None`.
    pub out: Option<PathBuf>,
    pub keep_last: bool,
    /// Choice of kernel variants; a run that goes on keeps those that it has.
    pub tune: TuneMode,
    /// Makes previews for snapshots; pairs and maps cost time.
    pub watched: bool,
    /// Measure on the test part at the end.
    pub with_test: bool,
    pub start_paused: bool,
    /// When the run was asked for: what the time to the first step is counted from.
    pub started: Instant,
}

impl WorkerOptions {
    /// Trains `spec` on its own data.
    pub fn new(spec: Spec) -> Self {
        Self::from_source(RunSource::Train { spec: Box::new(spec), preset: None, data: None })
    }

    pub fn from_source(source: RunSource) -> Self {
        Self {
            source,
            device: DeviceChoice::Auto,
            threads: None,
            out: None,
            keep_last: false,
            tune: TuneMode::default(),
            watched: false,
            with_test: true,
            start_paused: false,
            started: Instant::now(),
        }
    }
}
