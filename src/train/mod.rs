//! Training: a pure [`Session`] that steps and evaluates, a [`Run`] that keeps its epochs, best state and files, and a
//! [`Worker`] thread that runs it for whoever watches.

mod diagnose;
mod driver;
mod evaluator;
mod feed;
mod files;
mod health;
mod look;
mod measure;
mod predict;
mod report;
mod run;
mod session;
mod shelf;
mod snapshot;
mod tune;
mod verify;
mod worker;

pub use diagnose::{Evidence, Figures, Finding, Regions, diagnose};
pub use evaluator::{Evaluator, LayerHealth, Outputs};
pub use files::{RunDir, default_runs_folder};
pub use health::{Filters, LayerState};
pub use look::{Wish, pick};
pub use measure::{ACTIVE_VARIANCE, TestMetrics, pca_beside, row_ssim};
pub use predict::{Prediction, predict};
pub use report::{PcaReport, Report};
pub use run::{EpochReport, Run, curve_of};
pub use session::{Session, Weights, data_shape};
pub use shelf::{ShelvedRun, delete_run, shelved_runs};
pub use snapshot::{DataSummary, LatentMap, PAIRS, Pairs, PlayState, Snapshot, UnitUse, plane};
pub use tune::{Tune, tune};
pub use verify::{Agreement, FIRST_STEPS, FirstSteps, Verification, verify};
pub use worker::{Command, Event, Worker, WorkerOptions};

use crate::data::DataError;
use crate::device::DeviceError;
use crate::graph::GraphError;
use crate::model::{ModelFileError, SpecError};

#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    File(#[from] ModelFileError),
    #[error(
        "training diverged, the loss at step {step} is {loss}, lower optimizer.learning_rate (now {learning_rate}) or set \
         optimizer.clip_norm = 1.0; {outcome}"
    )]
    Diverged { step: u64, loss: f32, learning_rate: f64, outcome: String },
    #[error("the batch is larger than the data, {batch} rows of {rows} for training, lower train.batch_size")]
    BatchTooLarge { batch: usize, rows: usize },
    #[error("cancelled, nothing was written")]
    Cancelled,
    #[error("the run's thread ended early, {0}, start the run again")]
    Worker(String),
    #[error("{0}, this is a defect of the program")]
    Defect(String),
}

impl TrainError {
    /// Whether what was asked for is at fault (exit code 2) rather than the work (1).
    pub fn is_usage(&self) -> bool {
        match self {
            // A full disk is nobody's wrong use.
            Self::Data(DataError::Unwritable { .. }) => false,
            Self::Spec(_) | Self::Data(_) | Self::BatchTooLarge { .. } => true,
            Self::Graph(GraphError::Shape { .. }) => true,
            Self::Graph(GraphError::Device(error)) => device_error_is_usage(error),
            Self::File(ModelFileError::Unreadable { .. } | ModelFileError::Malformed { .. }) => true,
            Self::Graph(_)
            | Self::File(_)
            | Self::Diverged { .. }
            | Self::Cancelled
            | Self::Worker(_)
            | Self::Defect(_) => false,
        }
    }
}

pub(crate) fn device_error_is_usage(error: &DeviceError) -> bool {
    match error {
        DeviceError::NoAdapter
        | DeviceError::IndexOutOfRange { .. }
        | DeviceError::UnknownChoice(_)
        | DeviceError::DoesNotFit { .. } => true,
        DeviceError::Refused { .. } | DeviceError::Failed { .. } | DeviceError::Threads(_) => false,
    }
}
