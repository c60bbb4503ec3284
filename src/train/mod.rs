//! Training: a pure [`Session`] that steps and evaluates, a [`Run`] with its epochs, best state and files; the run
//! folder, the list of runs and their verification.

mod autotune;
mod cost;
mod data_loader;
mod diagnosis;
mod epoch_report;
mod evaluator;
mod finding;
mod row_errors;
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
pub use self::diagnosis::{Diagnosis, DiagnosisInput, DiagnosticMetrics, Regions, diagnose};
pub(crate) use self::diagnosis::{RunEvidence, mean_mse};
pub use self::epoch_report::{EpochReport, curve_of};
pub use self::evaluator::{Evaluator, LayerHealth, Outputs};
pub use self::finding::{BesidePca, Finding, FindingTone};
pub use self::run::Run;
pub use self::run_dir::{FirstSteps, RunDir, default_runs_folder};
pub use self::run_list::{SavedRun, delete_run, recorded_findings, saved_runs};
pub use self::run_report::RunReport;
pub use self::session::Session;
pub use self::test_metrics::{ACTIVE_VARIANCE, PcaReport, TestMetrics, pca_beside, row_ssim, seen_rows};
pub use self::training_plan::TrainingPlan;
pub use self::verify::{Agreement, FIRST_STEPS, Verification, verify};
use crate::data::DataError;
use crate::error::{Advice, ErrorKind, Setting};
use crate::graph::GraphError;
use crate::inference::InferenceError;
use crate::model::{ModelFileError, SpecError};

/// Error of training or of the files of a run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum TrainError {
    /// Invalid spec.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Unreadable or unsuitable data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Failure of planning or of the device.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Failure of reading or writing a file of a model or a run.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// Loss that is not finite, with its `step`, the `learning_rate` there, and the `outcome` for the run in words.
    #[error(
        "training diverged, the loss at step {step} is {loss}, lower optimizer.learning_rate (now {learning_rate}) or set \
         optimizer.clip_norm = 1.0; {outcome}"
    )]
    Diverged { step: u64, loss: f32, learning_rate: f64, advised: f64, outcome: String },
    /// Batch of `batch` rows, larger than the train part of `rows` rows.
    #[error("the batch is larger than the data, {batch} rows of {rows} for training, lower {}", Setting::BATCH_SIZE)]
    BatchTooLarge { batch: usize, rows: usize },
    /// Data of a run that is not what it began with; `problem` says what differs.
    #[error("the data changed since the run began, {place}, {problem}; put it back, or start a new run")]
    DataChanged { place: String, problem: String },
    /// Failure of the thread of a run, with its reason.
    #[error("the run's thread ended early, {0}, start the run again")]
    Worker(String),
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
    /// Returns the cause of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Spec(SpecError::Data(error)) | Self::Data(error) => error.kind(),
            Self::Spec(_) | Self::BatchTooLarge { .. } | Self::DataChanged { .. } => ErrorKind::Usage,
            Self::Graph(error) => error.kind(),
            Self::File(error) => error.kind(),
            Self::Diverged { .. } | Self::Worker(_) => ErrorKind::Work,
        }
    }

    /// Returns the suggested remedy, if there is one.
    pub fn advice(&self) -> Option<Advice> {
        match self {
            Self::Graph(error) => error.advice(),
            Self::Diverged { advised, .. } => Some(Advice::new(Setting::LEARNING_RATE, advised)),
            Self::BatchTooLarge { rows, .. } => {
                Some(Advice::new(Setting::BATCH_SIZE, rows.checked_ilog2().map_or(1, |log| 1 << log)))
            }
            Self::DataChanged { .. } => Some(Advice::new(Setting::CHANGED_DATA, "use")),
            Self::Spec(_) | Self::Data(_) | Self::File(_) | Self::Worker(_) => None,
        }
    }
}
