//! Training: a pure [`Session`] that steps and evaluates, a [`Run`] that keeps its epochs, best state and files; the
//! run folder, the list of runs and their verification.

mod autotune;
mod cost;
mod data_loader;
mod diagnosis;
mod epoch_report;
mod evaluator;
mod run;
mod run_dir;
mod run_list;
mod run_report;
mod session;
mod test_metrics;
mod training_plan;
mod verify;

pub use self::autotune::{ChosenVariant, TuneMode, autotune, choose_variant};
pub use self::cost::{CostEstimate, estimate_cost};
pub(crate) use self::diagnosis::mean_mse;
pub use self::diagnosis::{DiagnosisInput, DiagnosticMetrics, Finding, Regions, diagnose};
pub use self::epoch_report::{EpochReport, curve_of};
pub use self::evaluator::{Evaluator, LayerHealth, Outputs};
pub use self::run::Run;
pub use self::run_dir::{FirstSteps, RunDir, default_runs_folder};
pub use self::run_list::{SavedRun, delete_run, saved_runs};
pub use self::run_report::RunReport;
pub use self::session::Session;
pub use self::test_metrics::{ACTIVE_VARIANCE, PcaReport, TestMetrics, pca_beside, row_ssim};
pub use self::training_plan::TrainingPlan;
pub use self::verify::{Agreement, FIRST_STEPS, Verification, verify};
use crate::data::DataError;
use crate::device::DeviceError;
use crate::graph::GraphError;
use crate::inference::InferenceError;
use crate::model::{ModelFileError, SpecError};
use crate::plot::PictureError;

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
    #[error("canceled, nothing was written")]
    Canceled,
    #[error("the run's thread ended early, {0}, start the run again")]
    Worker(String),
    #[error("{0}, this is a defect of the program")]
    Defect(String),
}

impl From<PictureError> for TrainError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Unwritable { path, problem } => Self::File(ModelFileError::Unwritable { path, problem }),
            PictureError::Draw(problem) => Self::Defect(format!("the picture could not be drawn, {problem}")),
        }
    }
}

impl From<InferenceError> for TrainError {
    fn from(error: InferenceError) -> Self {
        match error {
            InferenceError::Spec(error) => Self::Spec(error),
            InferenceError::Graph(error) => Self::Graph(error),
            InferenceError::File(error) => Self::File(error),
        }
    }
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
            | Self::Canceled
            | Self::Worker(_)
            | Self::Defect(_) => false,
        }
    }
}

pub(crate) fn device_error_is_usage(error: &DeviceError) -> bool {
    match error {
        DeviceError::NoAdapter
        | DeviceError::UnknownBackend(_)
        | DeviceError::IndexOutOfRange { .. }
        | DeviceError::UnknownChoice(_)
        | DeviceError::DoesNotFit { .. } => true,
        DeviceError::Refused { .. }
        | DeviceError::NoneWorks { .. }
        | DeviceError::Failed { .. }
        | DeviceError::ComputesWrong { .. }
        | DeviceError::Threads(_) => false,
    }
}
