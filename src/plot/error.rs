//! Errors of drawing and writing pictures.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::platform::files;

/// Error of drawing or writing a picture.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum PictureError {
    /// Failure of the canvas, its fonts or the PNG encoder, with the reason; a defect of the program.
    #[error("the picture could not be drawn, {0}, this is a defect of the program")]
    Draw(String),
    /// Picture that cannot be written to its path, or that would be too large for one file, with the reason.
    #[error("cannot write, {}, {problem}", path.display())]
    Unwritable { path: PathBuf, problem: String },
}

/// Writes an encoded picture whole or not at all.
pub(super) fn write_picture(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    files::write_whole(path, |file| file.write_all(bytes))
        .map_err(|error| PictureError::Unwritable { path: path.into(), problem: error.to_string() })
}
