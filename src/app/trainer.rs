//! Handle to a run, and the run that stands by while another is being prepared.

use std::path::PathBuf;
use std::sync::Arc;

use super::undo::{Design, ModelOrigin};
use crate::device::DeviceChoice;
use crate::monitor::{Command, Moment, RunSource, Worker, WorkerOptions};
use crate::train::TrainError;

/// Handle to a run. Dropping it stops the run and waits until it is saved.
pub trait Trainer: Send {
    /// Returns the newest moment.
    fn moment(&self) -> Arc<Moment>;
    fn send(&self, command: Command);
}

impl Trainer for Worker {
    fn moment(&self) -> Arc<Moment> {
        // The window reads moments only; unread events would fill their queue.
        while self.events().try_recv().is_ok() {}
        Self::moment(self)
    }

    fn send(&self, command: Command) {
        Self::send(self, command);
    }
}

/// Function that starts a run.
pub type StartTrainer = Box<dyn Fn(WorkerOptions) -> Result<Box<dyn Trainer>, TrainError>>;

/// Former run, paused until the data of the next one are open: if they cannot be used, it goes on.
pub(super) struct Former {
    pub trainer: Box<dyn Trainer>,
    pub source: RunSource,
    pub device: DeviceChoice,
    /// Model of the run, and its design for the undo history.
    pub model: ModelOrigin,
    pub design: Option<Design>,
    /// Folder of the run, if it is not over.
    pub folder: Option<PathBuf>,
    /// True if it was training.
    pub was_playing: bool,
}
