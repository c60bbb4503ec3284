//! Errors of reading, preparing and writing data.

use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, Setting};

/// Error of reading, preparing or writing data.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum DataError {
    /// File or folder that cannot be read, with the reason.
    #[error("cannot read the data, {}, {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    /// Content that is not usable as data: its source and the problem.
    #[error("not usable as data, {place}, {problem}")]
    Malformed { place: String, problem: String },
    /// File that cannot be written, with the reason.
    #[error("cannot write, {}, {reason}", path.display())]
    Unwritable { path: PathBuf, reason: String },
    /// Rows of another number of values than the model takes.
    #[error("the data does not fit the model, {place}, it has {found} values a row and the model takes {expected}")]
    WrongWidth { place: String, found: usize, expected: usize },
    /// Setting that does not suit the data, with the problem.
    #[error("the data cannot be used so, {setting}, {problem}")]
    Setting { setting: Setting, problem: String },
}

impl DataError {
    /// Returns the cause: [`ErrorKind::Work`] for a failed write, [`ErrorKind::Usage`] for all else.
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
