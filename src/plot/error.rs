//! Errors of drawing and writing pictures.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::platform::files;

/// Why a picture was not made.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("the picture could not be drawn, {0}, this is a defect of the program")]
    Draw(String),
    #[error("cannot write, {}, {problem}", path.display())]
    Unwritable { path: PathBuf, problem: String },
}

/// Writes an encoded picture whole or not at all.
pub(super) fn write_picture(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    files::write_whole(path, |file| file.write_all(bytes))
        .map_err(|error| PictureError::Unwritable { path: path.into(), problem: error.to_string() })
}
