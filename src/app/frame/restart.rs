//! State of restarts: the question before one, and the run to go back to.

use std::path::PathBuf;

/// Restarts of this session.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    /// True while the question is on display.
    pub asking: bool,
    /// Folder of the run that the last restart cut short.
    pub cut_short: Option<PathBuf>,
    /// Folder of a run that is to be resumed as soon as it is saved.
    pub going_back: Option<PathBuf>,
}
