//! Errors of commands and their exit codes.

use crate::device::DeviceError;
use crate::plot::PictureError;
use crate::train::{TrainError, device_error_is_usage};

/// Why a command failed: what to print, and the exit code.
#[derive(Debug)]
pub(crate) struct CliError {
    pub message: String,
    pub code: u8,
}

impl CliError {
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        Self { message: error.to_string(), code: if error.is_usage() { 2 } else { 1 } }
    }
}

impl From<DeviceError> for CliError {
    fn from(error: DeviceError) -> Self {
        Self { message: error.to_string(), code: if device_error_is_usage(&error) { 2 } else { 1 } }
    }
}

impl From<crate::model::SpecError> for CliError {
    fn from(error: crate::model::SpecError) -> Self {
        TrainError::from(error).into()
    }
}

impl From<PictureError> for CliError {
    fn from(error: PictureError) -> Self {
        Self { message: error.to_string(), code: 1 }
    }
}

/// Interrupted by Ctrl-C, after saving.
pub const EXIT_INTERRUPTED: u8 = 130;
