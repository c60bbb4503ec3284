//! Values of a source before its rows are divided and scaled.

use std::sync::Arc;

use crate::data::audio::mel::MelSpec;
use crate::data::formats::array_file::ArrayFile;
use crate::data::formats::columns::Table;
use crate::data::labels::Labels;
use crate::data::{ElementType, ImageShape, RowReader, SplitKind, WindowLayout};
use crate::platform::free_memory;

/// The numbers of a source before they are prepared.
pub(super) enum RawValues {
    /// `[rows, features]` of bytes that mean their 255th part.
    Bytes(Vec<u8>),
    /// `[rows, features]`
    Floats(Vec<f32>),
    Table(Table),
    Documents(Vec<String>),
    Source(Arc<dyn RowReader>, ElementType),
    /// Rows of a file larger than memory.
    File(ArrayFile),
}

/// Rows as read, before they are divided and scaled.
pub(super) struct RawRows {
    pub rows: usize,
    pub features: usize,
    pub image: Option<ImageShape>,
    pub body: RawValues,
    pub labels: Option<Labels>,
    pub names: Option<Vec<String>>,
    pub feature_names: Vec<String>,
    pub groups: Option<Vec<u32>>,
    pub given: Option<(Vec<u8>, SplitKind)>,
    pub overlap: Option<usize>,
    /// Values that have an offset and a scale each, over and over; each value of a row where not given.
    pub period: Option<usize>,
    pub mel: Option<MelSpec>,
    pub windows: Option<WindowLayout>,
}

impl RawRows {
    pub fn new(rows: usize, features: usize, body: RawValues) -> Self {
        Self {
            rows,
            features,
            image: None,
            body,
            labels: None,
            names: None,
            feature_names: Vec::new(),
            groups: None,
            given: None,
            overlap: None,
            period: None,
            mel: None,
            windows: None,
        }
    }
}

/// Bytes that a source may unpack to: half of what is free.
pub(super) fn limit() -> u64 {
    free_memory().map_or(u64::MAX, |free| free as u64 / 2)
}
