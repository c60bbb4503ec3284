//! File formats: bytes to values. They know nothing of splits or models.

pub(super) mod array;
pub(super) mod array_file;
pub(super) mod column_profile;
pub(super) mod columns;
pub(super) mod csv;
mod csv_dialect;
pub(super) mod date_evidence;
pub(super) mod date_format;
mod first_lines;
pub(super) mod idx;
pub(super) mod jpeg;
mod jpeg_bits;
mod jpeg_chroma;
mod jpeg_scan;
mod missing_codes;
mod no_data;
pub(super) mod npy;
pub(super) mod npz;
pub(super) mod number_format;
#[cfg(feature = "parquet")]
mod parquet;
pub(super) mod pnm;
pub(super) mod safetensors;
pub(super) mod samples;
mod sheets;
pub(super) mod table;
pub(super) mod text;
pub(super) mod tiff;
mod tiff_jpeg;
pub(super) mod tiff_writer;
pub(super) mod timestamp;
