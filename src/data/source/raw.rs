//! Values of a source before its rows are divided and scaled.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::audio::mel::MelSpec;
use crate::data::formats::array::ArrayDType;
use crate::data::formats::array_file::ArrayFile;
use crate::data::formats::columns::{ColumnReading, Table};
use crate::data::labels::Labels;
use crate::data::windows::Windows;
use crate::data::{ElementType, ImageShape, RowReader, SplitKind, WindowLayout};
use crate::platform::free_memory;

/// Values of a source before they are prepared.
pub(super) enum RawValues {
    /// Bytes `[rows, features]`, each of which stands for its value / 255.
    Bytes(Vec<u8>),
    /// Floats `[rows, features]`.
    Floats(Vec<f32>),
    Table(Table),
    Documents(Vec<String>),
    /// Windows of a series, which share their steps.
    Windows(Windows),
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
    /// Number of values with an offset and a scale each, which repeat over a row; `None` for all values of a row.
    pub period: Option<usize>,
    pub mel: Option<MelSpec>,
    pub windows: Option<WindowLayout>,
    /// Form of the source in words; `None` where its name says all of it.
    pub form: Option<String>,
    /// Writing of the columns of a series in its source, by their names.
    pub readings: BTreeMap<String, ColumnReading>,
    /// Number type of the values in their file, in which rows are written; `None` for the usual one.
    pub element: Option<ArrayDType>,
    /// Extents of a row in its array, where rows here are flat or in another order; empty for others.
    pub row_shape: Vec<usize>,
    /// Least and largest value, of arrays that are pictures on a scale of their own.
    pub range: Option<[f64; 2]>,
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
            form: None,
            readings: BTreeMap::new(),
            element: None,
            row_shape: Vec::new(),
            range: None,
        }
    }
}

/// Most bytes that a source may unpack to: half of the free memory.
pub(super) fn limit() -> u64 {
    free_memory().map_or(u64::MAX, |free| free as u64 / 2)
}
