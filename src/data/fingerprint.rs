//! Fingerprint of the rows of a data set, by which a run notices that its data changed.

use serde::{Deserialize, Serialize};

use super::{DataError, DataSet, Values};

/// Rows of a source that is larger than memory whose values count: all would take as long as an epoch.
const ROWS_OF_SOURCE: usize = 64;

/// Rows, features and a checksum of the prepared values and labels of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFingerprint {
    /// Number of rows in all parts.
    pub rows: usize,
    /// Values of a row.
    pub features: usize,
    /// CRC-32 of labels and prepared values: of all in memory, or of 64 rows spread over a source that is read while
    /// training.
    pub checksum: u32,
    /// CRC-32 of the names of the features; `None` where they have none, and in runs of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<u32>,
}

impl DataFingerprint {
    /// Computes the fingerprint of `data`.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub fn of(data: &DataSet) -> Result<Self, DataError> {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(bytemuck::cast_slice(data.labels.as_deref().unwrap_or_default()));
        match &data.values {
            Values::Bytes(bytes) => hasher.update(bytes),
            Values::Floats(floats) => hasher.update(bytemuck::cast_slice(floats)),
            Values::Source { .. } => {
                let rows: Vec<usize> = (0..data.rows).step_by(data.rows.div_ceil(ROWS_OF_SOURCE).max(1)).collect();
                hasher.update(bytemuck::cast_slice(&data.chosen_f32(&rows)?));
            }
        }
        let names = &data.preparation.features;
        let names = (!names.is_empty()).then(|| crc32fast::hash(names.join("\n").as_bytes()));
        Ok(Self { rows: data.rows, features: data.features, checksum: hasher.finalize(), names })
    }
}
