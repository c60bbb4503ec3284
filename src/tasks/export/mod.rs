//! Rows and decoded latents written to files, in the form that their source has.

mod decoded;
mod rows;

pub use self::decoded::keep;
pub(super) use self::rows::{RowForm, Rows, extension, file_and_rest};
