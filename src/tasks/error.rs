//! Errors of tasks: in the input, the model, a setting, the device or the disk.

use crate::data::DataError;
use crate::device::DeviceError;
use crate::error::{Advice, ErrorKind, Setting};
use crate::graph::GraphError;
use crate::inference::InferenceError;
use crate::model::{ModelFileError, SpecError};
use crate::plot::PictureError;
use crate::train::TrainError;

/// Error of a task on a model or its data.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum TaskError {
    /// Data that cannot be read, or do not fit the model.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Model file that cannot be read or used, or an output that cannot be written.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// Specification of a model that is not valid.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Computation graph that cannot be built or run, errors of the device included.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Error of the training that is part of a task.
    #[error(transparent)]
    Train(TrainError),
    /// Setting (a command-line option or a key of a spec) whose value cannot be used, with the problem.
    #[error("not possible, {setting}, {problem}")]
    Setting { setting: Setting, problem: String },
    /// Cancellation by the caller, through its callback.
    #[error("canceled, nothing was written")]
    Canceled,
    /// Internal inconsistency, which is a defect of the program, in words.
    #[error("{0}, this is a defect of the program")]
    Defect(String),
}

impl TaskError {
    /// Returns the cause of the error: usage or failed work.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Data(error) => error.kind(),
            Self::File(error) => error.kind(),
            Self::Graph(error) => error.kind(),
            Self::Train(error) => error.kind(),
            Self::Spec(_) | Self::Setting { .. } => ErrorKind::Usage,
            Self::Canceled | Self::Defect(_) => ErrorKind::Work,
        }
    }

    /// Returns a setting that would avoid the error, where one is known.
    pub fn advice(&self) -> Option<Advice> {
        match self {
            Self::Graph(error) => error.advice(),
            Self::Train(error) => error.advice(),
            _ => None,
        }
    }
}

impl From<TrainError> for TaskError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Data(error) => Self::Data(error),
            TrainError::File(error) => Self::File(error),
            TrainError::Spec(error) => Self::Spec(error),
            TrainError::Graph(error) => Self::Graph(error),
            error => Self::Train(error),
        }
    }
}

impl From<InferenceError> for TaskError {
    fn from(error: InferenceError) -> Self {
        TrainError::from(error).into()
    }
}

impl From<DeviceError> for TaskError {
    fn from(error: DeviceError) -> Self {
        Self::Graph(error.into())
    }
}

impl From<PictureError> for TaskError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Unwritable { path, problem } => Self::File(ModelFileError::Unwritable { path, problem }),
            PictureError::Draw(problem) => Self::Defect(format!("the picture could not be drawn, {problem}")),
        }
    }
}
