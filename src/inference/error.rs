//! Errors of running a finished model.

use crate::graph::GraphError;
use crate::model::{ModelFileError, SpecError};

/// Failure to run a finished model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// Spec that cannot be used.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Layers that do not fit together, or a failure of the device.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Model file that cannot be used.
    #[error(transparent)]
    File(#[from] ModelFileError),
}
