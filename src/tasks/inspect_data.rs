//! Description of a file or folder as data for training: the report and the contact sheet of `hourglass data`.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::data::{DataSet, Duplicates, ElementType, Part, near_duplicates};
use crate::device::Device;
use crate::graph::SharedBuffers;
use crate::model::{Network, Spec, auto_spec, data_shape};
use crate::platform::Wait as _;
use crate::plot::{RowView, write_sheet};
use crate::style::DARK;
use crate::tasks::TaskError;
use crate::train::Evaluator;

/// The object that `data --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataReport {
    /// Source as given: `mnist`, or the path of a file or folder.
    pub data: String,
    /// Kind of the source: `images`, `table`, `series`, `array`, `audio` or `text`.
    pub kind: &'static str,
    /// Number of rows in all parts.
    pub rows: usize,
    /// Values of a row.
    pub features: usize,
    /// Height, width and channels of pictures.
    pub image: Option<[usize; 3]>,
    /// Storage type of a value: `byte` or `float`.
    pub element: &'static str,
    /// Range of the prepared values in the first rows of the train part, 2^24 values at most.
    pub range: Range,
    /// Form of a table in words: its marks, its line of names, its encoding; `None` for other sources.
    pub form: Option<String>,
    /// Cells of a table without a value.
    pub missing: usize,
    /// Scaling of the values: `unit`, `zscore`, `minmax`, `robust`, `window` or `none`.
    pub scale: &'static str,
    /// Name and number of rows of each class; empty without labels.
    pub labels: Vec<(String, usize)>,
    /// Division of the rows into train, validation and test parts.
    pub split: Split,
    /// Held-out rows that are equal or nearly equal to a train row.
    pub duplicates: Duplicates,
    /// Bytes of all rows as stored on a device.
    pub bytes: usize,
    /// Names of the features; empty where they have none.
    pub columns: Vec<String>,
    /// Remarks on the data in words: omissions and their reasons.
    pub notes: Vec<String>,
    /// Model that `train --data` would choose, with the reasons; `None` where there is none for the data.
    pub suggestion: Option<String>,
}

/// Extent and mean of values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// Smallest value.
    pub least: f32,
    /// Largest value.
    pub most: f32,
    /// Mean of the values.
    pub mean: f64,
}

/// Division of rows into parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    /// Method of the division, in words.
    pub method: &'static str,
    /// Seed of the division.
    pub seed: u64,
    /// Rows of the train part.
    pub train: usize,
    /// Rows of the validation part.
    pub validation: usize,
    /// Rows of the test part.
    pub test: usize,
}

/// Describes `data`, which was opened with `seed`.
pub fn describe(data: &DataSet, seed: u64) -> Result<DataReport, TaskError> {
    /// Values from which the range is computed, at most.
    const VALUES: usize = 1 << 24;
    let train = data.part(Part::Train);
    let looked = train.start..train.end.min(train.start + (VALUES / data.features).max(1));
    let values = data.rows_f32(looked)?;
    let range = Range {
        least: values.iter().copied().fold(f32::INFINITY, f32::min),
        most: values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        mean: values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len().max(1) as f64,
    };
    let mut counts = vec![0_usize; data.classes()];
    for &label in data.labels.iter().flatten() {
        counts[usize::from(label)] += 1;
    }
    let name = |label: usize| data.classes.get(label).cloned().unwrap_or_else(|| label.to_string());
    Ok(DataReport {
        data: data.options.source.clone(),
        kind: data.kind.name(),
        rows: data.rows,
        features: data.features,
        image: data.image.map(|image| [image.height, image.width, image.channels]),
        element: match data.element() {
            ElementType::Byte => "byte",
            ElementType::Float => "float",
        },
        range,
        form: data.form.clone(),
        missing: data.missing,
        scale: data.preparation.kind.name(),
        labels: counts.into_iter().enumerate().map(|(label, count)| (name(label), count)).collect(),
        split: Split {
            method: data.split_method(),
            seed,
            train: data.train.len(),
            validation: data.validation.len(),
            test: data.test.len(),
        },
        duplicates: near_duplicates(data)?,
        bytes: data.bytes(),
        columns: data.preparation.features.clone(),
        notes: data.notes.clone(),
        suggestion: auto_spec(data).ok().map(|suggestion| suggestion.reasons),
    })
}

/// Rows of a contact sheet, and cells beside each other in one of them.
const SHEET_ROWS: usize = 8;
const SHEET_COLUMNS: usize = 8;
/// Writes a PNG sheet of the inputs of a network of `spec`: the first train rows of `data` and, where the spec
/// corrupts, each beside its corrupted version.
pub fn contact_sheet(data: &Arc<DataSet>, spec: &Spec, device: &Device, path: &Path) -> Result<(), TaskError> {
    let network = Network::new(spec, data_shape(spec, data))?;
    let mut externals = SharedBuffers::default();
    let mut evaluator = Evaluator::new(&network, data, device, &mut externals)?;
    let pairs = spec.corruption.is_active();
    let count = (SHEET_ROWS * SHEET_COLUMNS / if pairs { 2 } else { 1 }).min(data.train.len());
    let rows = data.train.start..data.train.start + count;
    let clean = data.rows_f32(rows.clone())?;
    let seen = if pairs { evaluator.outputs(rows, true, true).wait()?.seen } else { Vec::new() };
    let view = RowView::new(data.image.map(|image| [image.height, image.width, image.channels]), &clean);
    let mut cells = Vec::new();
    for (i, row) in clean.chunks_exact(data.features).enumerate() {
        cells.push(view.draw(row, None, DARK.ink(DARK.second)));
        if pairs {
            let seen = &seen[i * data.features..(i + 1) * data.features];
            cells.push(view.draw(seen, Some(row), DARK.ink(DARK.bad)));
        }
    }
    Ok(write_sheet(&cells, SHEET_COLUMNS, path)?)
}
