//! Errors of tasks. What can go wrong is the same in all of them: their input, the model, a setting, the device, the disk.

use crate::data::DataError;
use crate::device::DeviceError;
use crate::error::{Advice, ErrorKind, Setting};
use crate::graph::GraphError;
use crate::inference::InferenceError;
use crate::model::{ModelFileError, SpecError};
use crate::plot::PictureError;
use crate::train::TrainError;

#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    File(#[from] ModelFileError),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Of the training that is part of a task.
    #[error(transparent)]
    Train(TrainError),
    #[error("this cannot be done so, {setting}, {problem}")]
    Setting { setting: Setting, problem: String },
    #[error("canceled, nothing was written")]
    Canceled,
    #[error("{0}, this is a defect of the program")]
    Defect(String),
}

impl TaskError {
    /// Returns whose fault it is.
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

    /// Returns what would help.
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
