//! Errors of reading, preparing and writing data.

use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, Setting};

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("cannot read the data, {}, {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("not usable as data, {place}, {problem}")]
    Malformed { place: String, problem: String },
    #[error("cannot write, {}, {reason}", path.display())]
    Unwritable { path: PathBuf, reason: String },
    #[error("the data does not fit the model, {place}, it has {found} values a row and the model takes {expected}")]
    WrongWidth { place: String, found: usize, expected: usize },
    #[error("the data cannot be used so, {setting}, {problem}")]
    Setting { setting: Setting, problem: String },
}

impl DataError {
    /// Returns whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            // A full disk is nobody's wrong use.
            Self::Unwritable { .. } => ErrorKind::Work,
            Self::Unreadable { .. } | Self::Malformed { .. } | Self::WrongWidth { .. } | Self::Setting { .. } => {
                ErrorKind::Usage
            }
        }
    }

    pub(crate) fn malformed(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed { place: place.into(), problem: problem.into() }
    }
}

pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied; make it readable".to_owned(),
        _ => error.to_string(),
    }
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> DataError {
    DataError::Unreadable { path: path.into(), reason: reason(error) }
}
