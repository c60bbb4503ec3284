//! Commands, events and options between the worker and whoever watches.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender};

use super::{PreviewRequest, Snapshot};
use crate::data::DataSet;
use crate::device::{DeviceChoice, DeviceInfo};
use crate::model::Spec;
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
        usage: bool,
    },
}

/// Options of a run.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    pub spec: Spec,
    /// Train on this, with the model that suits it: then `spec` says no more than the seed.
    pub suggest_for: Option<String>,
    /// The data, where whoever starts the run has opened it already.
    pub data: Option<Arc<DataSet>>,
    pub preset: Option<String>,
    pub device: DeviceChoice,
    pub threads: Option<usize>,
    /// The directory itself; a numbered one among the platform's runs where `None`.
    pub out: Option<PathBuf>,
    /// Go on from the checkpoint in this directory instead of starting.
    pub resume: Option<PathBuf>,
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
    /// A model to look at instead of a run.
    pub opened: Option<PathBuf>,
}

impl WorkerOptions {
    pub fn new(spec: Spec) -> Self {
        Self {
            spec,
            suggest_for: None,
            data: None,
            preset: None,
            device: DeviceChoice::Auto,
            threads: None,
            out: None,
            resume: None,
            keep_last: false,
            tune: TuneMode::default(),
            watched: false,
            with_test: true,
            start_paused: false,
            started: Instant::now(),
            opened: None,
        }
    }
}

/// The worker's side of the channels.
pub(crate) struct WorkerChannels {
    pub commands: Receiver<Command>,
    pub events: Sender<Event>,
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    pub wake: Box<dyn Fn() + Send>,
}

impl WorkerChannels {
    pub fn send(&self, event: Event) {
        // Nobody listens any more: the run goes on, its files are what counts.
        let _ = self.events.send(event);
        (self.wake)();
    }

    /// Replaces the snapshot by a changed copy.
    pub fn update_snapshot(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut next = Snapshot::clone(&self.snapshot.load());
        change(&mut next);
        self.snapshot.store(Arc::new(next));
        (self.wake)();
    }
}
