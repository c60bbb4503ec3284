//! Errors of running a finished model.

use crate::graph::GraphError;
use crate::model::{ModelFileError, SpecError};

/// Why a finished model cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    File(#[from] ModelFileError),
}
