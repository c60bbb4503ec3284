//! File formats: bytes to values. They know nothing of specs, splits or models.

pub(super) mod array;
pub(super) mod array_file;
pub(super) mod columns;
pub(super) mod csv;
pub(super) mod idx;
pub(super) mod npy;
pub(super) mod npz;
#[cfg(feature = "parquet")]
mod parquet;
pub(super) mod safetensors;
pub(super) mod table;
