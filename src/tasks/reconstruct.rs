//! Reconstruction of each row of some data, written in the form of the data: images, tables, arrays, sound.

use std::path::Path;

use serde::Serialize;

use super::evaluate::OpenedModel;
use super::export::{NamedRows, RowWriter};
use crate::data::Part;
use crate::device::Device;
use crate::metrics;
use crate::platform::Wait as _;
use crate::tasks::TaskError;

/// The object that `reconstruct --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reconstruction {
    /// Path of the model file.
    pub model: String,
    /// Source of the rows, as given.
    pub data: String,
    /// Number of rows.
    pub rows: usize,
    /// Mean squared error over all values, on the scale that the network sees.
    pub mse: f64,
    /// Path of the file or folder written.
    pub output: String,
    /// Number of files written.
    pub files: usize,
    /// Remarks on the data in words: omissions and their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Runs every row of `source` through the model at `path` and writes the reconstructions to `output`: one `.npy` or
/// `.csv` file, or a folder of PNG or WAV files.
///
/// Cells of a table are as those of its source: rounded to the digits that a column has at most, so that whole numbers
/// stay whole, with its units and its form of dates; a `.npy` file has the values as they are.
///
/// # Errors
/// When the data does not fit the model, or `output` cannot hold what its kind becomes.
pub fn reconstruct(path: &Path, source: &str, output: &Path, device: &Device) -> Result<Reconstruction, TaskError> {
    let OpenedModel { model, mut evaluator, data, .. } = OpenedModel::new(path, Some(source), device)?;
    let rows = data.part(Part::Test);
    let mut made = evaluator.outputs(rows.clone(), true, false).wait()?.outputs;
    let mse = metrics::mse(&made, &data.rows_f32(rows.clone())?);
    model.preparation.undo(&mut made);
    let names: Vec<String> = rows.clone().map(|row| data.row_name(row)).collect();
    let form = RowWriter::from_data(&data);
    let mut notes = data.notes.clone();
    notes.extend(form.remark(output));
    let files = form.write(NamedRows { values: &made, names: &names, labels: None }, output)?;
    Ok(Reconstruction {
        model: path.display().to_string(),
        data: source.to_owned(),
        rows: rows.len(),
        mse,
        output: output.display().to_string(),
        files,
        notes,
    })
}
