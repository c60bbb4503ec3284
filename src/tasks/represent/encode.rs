//! Latents of data in files for other programs, and rows decoded from such files.

use std::path::Path;

use serde::Serialize;

use crate::data::{ArrayValues, DataError, Part, read_npy, read_safetensors, write_npy};
use crate::device::Device;
use crate::error::Setting;
use crate::inference::LoadedModel;
use crate::model::{Model, ModelFileError, write_whole};
use crate::platform::{Wait as _, files, free_memory};
use crate::tasks::TaskError;
use crate::tasks::evaluate::OpenedModel;
use crate::tasks::export::{NamedRows, RowWriter, extension};

/// Name of the array in a safetensors file of latents.
const TENSOR: &str = "latents";

/// The object that `encode --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EncodeReport {
    /// Path of the model file.
    pub model: String,
    /// Source of the rows, as given.
    pub data: String,
    /// Number of rows.
    pub rows: usize,
    /// Latent units of a row.
    pub latent: usize,
    /// Path of the file of latents.
    pub output: String,
    /// Remarks on the data in words: omissions and their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The object that `decode --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecodeReport {
    /// Path of the model file.
    pub model: String,
    /// Path of the file of latents.
    pub latents: String,
    /// Number of rows.
    pub rows: usize,
    /// Path of the file or folder written.
    pub output: String,
    /// Number of files written.
    pub files: usize,
    /// Remarks on the output, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

fn wrong(setting: Setting, problem: String) -> TaskError {
    TaskError::Setting { setting, problem }
}

/// Writes the latents (of variational models: their means) of every row of `source`, in order, to `output`: a `.npy` or
/// a `.safetensors` file `[rows, latent]`, or a `.csv` file with columns `z0`, `z1` and so on.
///
/// # Errors
/// When the data does not fit the model, the model has no bottleneck, or `output` is no such file.
#[tracing::instrument(level = "debug", name = "encode", skip_all)]
pub fn encode(path: &Path, source: &str, output: &Path, device: &Device) -> Result<EncodeReport, TaskError> {
    let kind = extension(output);
    if !matches!(kind.as_deref(), Some("npy" | "csv" | "safetensors")) {
        let problem = format!("{} cannot hold latents; give a .npy, .csv or .safetensors file", output.display());
        return Err(wrong(Setting::OUTPUT, problem));
    }
    let OpenedModel { loaded, mut evaluator, data, .. } = OpenedModel::new(path, Some(source), device)?;
    loaded.network().check_bottleneck()?;
    let latents = evaluator.outputs(data.part(Part::Test), false, false).wait()?.latents;
    let latent = loaded.latent();
    let rows = latents.len() / latent.max(1);
    let unwritable = |problem: String| ModelFileError::Unwritable { path: output.into(), problem };
    match kind.as_deref() {
        Some("npy") => write_npy(output, &[rows, latent], &latents)?,
        Some("csv") => {
            let mut table = csv::Writer::from_writer(Vec::new());
            let header = (0..latent).map(|i| format!("z{i}"));
            table.write_record(header).map_err(|error| unwritable(error.to_string()))?;
            for row in latents.chunks_exact(latent) {
                table.write_record(row.iter().map(f32::to_string)).map_err(|error| unwritable(error.to_string()))?;
            }
            write_whole(output, &table.into_inner().map_err(|error| unwritable(error.to_string()))?)?;
        }
        _ => {
            let bytes: Vec<u8> = latents.iter().flat_map(|value| value.to_le_bytes()).collect();
            let shape = vec![rows, latent];
            let tensor = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes);
            let tensor = tensor.map_err(|error| unwritable(error.to_string()))?;
            let file = safetensors::serialize([(TENSOR, tensor)], None);
            write_whole(output, &file.map_err(|error| unwritable(error.to_string()))?)?;
        }
    }
    Ok(EncodeReport {
        model: path.display().to_string(),
        data: source.to_owned(),
        rows,
        latent,
        output: output.display().to_string(),
        notes: data.notes.clone(),
    })
}

/// Decodes latents in a file as [`encode`] writes it with the model at `path`, and writes the rows in the form of the
/// model's data, as `reconstruct` does. `label` is the class of all of them, for models that are conditioned on
/// classes: a name, or a number from 0.
///
/// # Errors
/// When the file cannot be read, does not fit the model, or `output` cannot hold the rows.
#[tracing::instrument(level = "debug", name = "decode", skip_all)]
pub fn decode(
    path: &Path,
    latents: &Path,
    output: &Path,
    label: Option<&str>,
    device: &Device,
) -> Result<DecodeReport, TaskError> {
    let model = Model::load(path)?;
    let form = RowWriter::from_model(&model);
    form.check(output)?;
    let mut loaded = LoadedModel::new(&model, path, device)?;
    loaded.prepare_decoder()?;
    let (found, values) = read_latents(latents)?;
    if found != loaded.latent() {
        let (place, expected) = (latents.display().to_string(), loaded.latent());
        return Err(DataError::WrongWidth { place, found, expected }.into());
    }
    let label = match (loaded.classes(), label) {
        (0, None) => 0,
        (0, Some(_)) => {
            return Err(wrong(Setting::LABEL, "the model is not conditioned on classes; leave it out".to_owned()));
        }
        (classes, label) => {
            let names = model.labels.clone().unwrap_or_default();
            let number = |text: &str| text.parse().ok().filter(|&class: &usize| class < classes);
            let class = label.and_then(|text| names.iter().position(|name| name == text).or_else(|| number(text)));
            class.ok_or_else(|| {
                let known = if names.is_empty() { format!("0 to {}", classes - 1) } else { names.join(", ") };
                wrong(Setting::LABEL, format!("the model is conditioned on a class; give one of {known}"))
            })?
        }
    };
    let mut made = loaded.decode(&values, label).wait()?;
    model.preparation.undo(&mut made);
    let rows = values.len() / found.max(1);
    let names: Vec<String> = (1..=rows).map(|row| format!("row {row}")).collect();
    let files = form.write(NamedRows { values: &made, names: &names, labels: None }, output)?;
    Ok(DecodeReport {
        model: path.display().to_string(),
        latents: latents.display().to_string(),
        rows,
        output: output.display().to_string(),
        files,
        notes: form.remark(output).into_iter().collect(),
    })
}

/// Reads the latents at `path`; returns the count of values in a row, and the rows.
fn read_latents(path: &Path) -> Result<(usize, Vec<f32>), DataError> {
    let malformed = |problem: String| DataError::Malformed { place: path.display().to_string(), problem };
    let limit = free_memory().map_or(u64::MAX, |free| free as u64 / 2);
    let array = match extension(path).as_deref() {
        Some("npy") => read_npy(path, limit)?,
        Some("safetensors") => {
            let tensors = read_safetensors(path, Some(TENSOR), limit)?;
            tensors.into_iter().next().ok_or_else(|| malformed(format!("it holds no array {TENSOR}")))?.1
        }
        Some("csv") => return read_table(path),
        _ => return Err(malformed("latents are a .npy, .csv or .safetensors file, as encode writes them".to_owned())),
    };
    let [_, latent] = array.shape[..] else {
        return Err(malformed(format!("its shape is {:?}; latents are [rows, latent]", array.shape)));
    };
    match array.values {
        ArrayValues::Floats(values) if values.iter().all(|value| value.is_finite()) => Ok((latent, values)),
        ArrayValues::Floats(_) => Err(malformed("it holds numbers that are not finite; latents are finite".to_owned())),
        ArrayValues::Bytes(bytes) => Ok((latent, bytes.into_iter().map(f32::from).collect())),
    }
}

fn read_table(path: &Path) -> Result<(usize, Vec<f32>), DataError> {
    let place = path.display().to_string();
    let malformed = |problem: String| DataError::Malformed { place: place.clone(), problem };
    let bytes =
        files::read(path).map_err(|error| DataError::Unreadable { path: path.into(), reason: error.to_string() })?;
    let mut table = csv::Reader::from_reader(&bytes[..]);
    let names = table.headers().map_err(|error| malformed(error.to_string()))?.clone();
    let latent = names.len();
    // Without its line of names the first row would be lost.
    if let Some((at, name)) = names.iter().enumerate().find(|(at, name)| name.trim() != format!("z{at}")) {
        let problem = format!("column {} is {name:?} and not z{at}; the first line names z0, z1, ... in order", at + 1);
        return Err(malformed(problem));
    }
    let mut values = Vec::new();
    for (row, record) in table.records().enumerate() {
        let record = record.map_err(|error| malformed(error.to_string()))?;
        for cell in &record {
            let value: Option<f32> = cell.trim().parse().ok().filter(|value: &f32| value.is_finite());
            values.push(value.ok_or_else(|| malformed(format!("row {} has {cell:?}; latents are numbers", row + 1)))?);
        }
    }
    if values.is_empty() {
        return Err(malformed("it has no rows; give latents as encode writes them".to_owned()));
    }
    Ok((latent, values))
}
