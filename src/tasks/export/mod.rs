//! Rows and decoded latents written to files, in the form that their source has.

mod decoded;
mod rows;

pub use self::decoded::export_decoded;
pub(super) use self::rows::{NamedRows, RowWriter, extension, file_and_rest};
