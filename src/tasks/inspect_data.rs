//! What a file or folder is, and what would be made of it: the words and the contact sheet of `hourglass data`.

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
    pub data: String,
    pub kind: &'static str,
    pub rows: usize,
    /// Values of a row.
    pub features: usize,
    /// Height, width and channels of pictures.
    pub image: Option<[usize; 3]>,
    /// What a value is stored as: `byte` or `float`.
    pub element: &'static str,
    /// Of prepared values, in rows of the train part that were looked at.
    pub range: Range,
    /// Cells of a table without a value.
    pub missing: usize,
    pub scale: &'static str,
    /// Rows of each class.
    pub labels: Vec<(String, usize)>,
    pub split: Split,
    pub duplicates: Duplicates,
    /// Of all rows as they lie on a device.
    pub bytes: usize,
    /// Names of the features, where they have any.
    pub columns: Vec<String>,
    pub notes: Vec<String>,
    /// What `train --data` would choose.
    pub suggestion: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    pub least: f32,
    pub most: f32,
    pub mean: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    pub method: &'static str,
    pub seed: u64,
    pub train: usize,
    pub validation: usize,
    pub test: usize,
}

/// Describes `data`, which was opened with `seed`.
pub fn describe(data: &DataSet, seed: u64) -> Result<DataReport, TaskError> {
    /// So many values tell the range.
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
/// Writes what a network of `spec` would see of `data`: its first train rows, and where the spec corrupts, each
/// corrupted beside itself.
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
