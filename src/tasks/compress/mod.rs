//! Lossy compression of rows to files of their quantized and entropy-coded latents, and decompression.
//!
//! The model is not part of the file. Steps and tables are fitted on the latents of its train rows when a file is
//! written, and stored in the file: the model's own file stays as it is, and both together are enough to read the rows.

mod codec;
mod coder;
mod curve;
mod jpeg;
mod pack;
mod quantizer;
mod rate_curve;
mod rate_distortion_plot;
mod varint;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

pub use self::codec::TableKind;
use self::codec::{Codec, Meaning};
pub use self::curve::rate_curve;
use self::pack::Packed;
use self::quantizer::{Quantizer, sensitivities};
pub use self::rate_curve::{RateCurve, RatePoint};
use super::evaluate::OpenedModel;
use super::export::{NamedRows, RowWriter};
use super::generate::TrainLatents;
use crate::data::{DataError, DataSet, ElementType, Part, SourceKind};
use crate::device::Device;
use crate::inference::LoadedModel;
use crate::metrics;
use crate::model::{Model, write_whole};
use crate::platform::{Wait as _, files, free_memory};
use crate::tasks::TaskError;

/// Default bits per latent value: rounding then adds little to the reconstruction error of the model.
pub const USUAL_BITS: f64 = 4.0;

/// The object that `compress --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compression {
    /// Path of the model file.
    pub model: String,
    /// Source of the rows, as given.
    pub data: String,
    /// Path of the compressed file.
    pub output: String,
    /// Number of rows.
    pub rows: usize,
    /// Bytes of the whole file: everything but the model.
    pub bytes: usize,
    /// Bytes of the file other than the coded rows: steps, tables, names, checksum.
    pub header_bytes: usize,
    /// Bytes of the whole file per row.
    pub bytes_per_row: f64,
    /// Bytes of the rows in memory before compression: one or four for each value.
    pub source_bytes: usize,
    /// Bits per latent value asked for, on average; `None` for a vector-quantized model, whose codes are coded as they
    /// are.
    pub bits: Option<f64>,
    /// Form of the frequency tables in the file: the one of the smallest file.
    pub tables: TableKind,
    /// Rows on which steps and tables were fitted: `train`, or `input` where the train rows are no longer available.
    pub fitted_on: &'static str,
    /// Mean squared error of the rows after `decompress`, on the scale that the network sees.
    pub mse: f64,
    /// Mean squared error of the model's reconstructions without any rounding, on the same scale.
    pub model_mse: f64,
    /// Remarks on the data in words: omissions and their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The object that `decompress --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decompression {
    /// Path of the model file.
    pub model: String,
    /// Path of the compressed file.
    pub input: String,
    /// Number of rows.
    pub rows: usize,
    /// Path of the file or folder written.
    pub output: String,
    /// Number of files written.
    pub files: usize,
}

/// Model, rows to be compressed, and their latents.
struct CompressionInput {
    opened: OpenedModel,
    rows: usize,
    /// Values `[rows, features]`, as the network sees them.
    seen: Vec<f32>,
    /// Latents `[rows, latent]`, and codes `[rows, places]` of a vector-quantized model.
    latents: Vec<f32>,
    codes: Vec<i32>,
    labels: Vec<usize>,
    model_mse: f64,
    /// Latents and codes of the train rows, or of the input where the train rows are not available.
    train_latents: Vec<f32>,
    train_codes: Vec<i32>,
    sensitivities: Vec<f64>,
    /// Data set of the training, where it is still available.
    train: Option<Arc<DataSet>>,
    fitted_on: &'static str,
}

/// Rows as bytes, and the latents that decoding them returns.
struct Coded {
    bytes: Vec<u8>,
    payload: usize,
    form: TableKind,
    restored: Vec<f32>,
}

impl CompressionInput {
    fn open(path: &Path, source: &str, device: &Device) -> Result<Self, TaskError> {
        let mut opened = OpenedModel::new(path, Some(source), device)?;
        opened.loaded.prepare_decoder()?;
        let range = opened.data.part(Part::Test);
        let rows = range.len();
        if rows == 0 {
            let problem = "it has no rows; give some data".to_owned();
            return Err(DataError::Malformed { place: source.to_owned(), problem }.into());
        }
        let own = opened.evaluator.outputs(range.clone(), true, false).wait()?;
        if let Some(at) = own.latents.iter().position(|z| !z.is_finite()) {
            let row = opened.data.row_name(at / opened.loaded.latent().max(1));
            let problem = format!("the model's latents of {row} are not finite; look for extreme values in it");
            return Err(DataError::Malformed { place: source.to_owned(), problem }.into());
        }
        let seen = opened.data.rows_f32(range)?;
        let model_mse = metrics::mse(&own.outputs, &seen);
        let labels = match (opened.loaded.classes(), &opened.data.labels) {
            (1.., Some(labels)) => labels.iter().map(|&label| usize::from(label)).collect(),
            _ => Vec::new(),
        };
        let codes = whole(&own.codes);
        let mut train_set = None;
        let (train_latents, train_codes, train_labels, fitted_on) = match TrainLatents::open(path, device) {
            Ok(train) => {
                let start = train.data.train.start;
                let labels = train.data.labels.iter().flat_map(|labels| &labels[start..]);
                let labels: Vec<usize> = labels.map(|&label| usize::from(label)).collect();
                train_set = Some(train.data);
                (train.latents, whole(&train.codes), labels, "train")
            }
            Err(_) => (own.latents.clone(), codes.clone(), labels.clone(), "input"),
        };
        let sensitivities = match codes.is_empty() {
            true => sensitivities(&mut opened.loaded, &train_latents, &train_labels)?,
            false => Vec::new(),
        };
        Ok(Self {
            opened,
            rows,
            seen,
            latents: own.latents,
            codes,
            labels,
            model_mse,
            train_latents,
            train_codes,
            sensitivities,
            train: train_set,
            fitted_on,
        })
    }

    fn has_codes(&self) -> bool {
        !self.codes.is_empty()
    }

    /// Codes every row at about `bits` bits per latent value.
    fn code(&self, bits: f64, names: Option<Vec<String>>) -> Result<Coded, TaskError> {
        let (meaning, symbols, train) = if self.has_codes() {
            let meaning = Meaning::Codes { places: self.codes.len() / self.rows };
            (meaning, self.codes.clone(), self.train_codes.clone())
        } else {
            let bits_per_row = bits * self.opened.loaded.latent() as f64;
            let quantizer = Quantizer::fit(&self.train_latents, &self.sensitivities, bits_per_row);
            let (symbols, train) = (quantizer.quantize(&self.latents), quantizer.quantize(&self.train_latents));
            (Meaning::Latents(quantizer), symbols, train)
        };
        let fingerprint = self.opened.model.fingerprint();
        let labels = (self.opened.loaded.classes(), self.labels.as_slice());
        let (packed, bytes) = smallest(&meaning, &symbols, &train, labels, fingerprint, names).map_err(defect)?;
        let restored = restore(&self.opened.model, &meaning, &symbols)?;
        Ok(Coded { payload: packed.payload.len(), form: packed.codec.form, bytes, restored })
    }

    /// Computes the mean squared error of rows decoded from `latents`.
    fn mse_of(&mut self, latents: &[f32]) -> Result<f64, TaskError> {
        Ok(metrics::mse(&self.opened.loaded.decode_rows(latents, &self.labels).wait()?, &self.seen))
    }
}

/// Returns the smallest file of `symbols` among all forms of tables, which are fitted on `train`.
fn smallest(
    meaning: &Meaning,
    symbols: &[i32],
    train: &[i32],
    (classes, labels): (usize, &[usize]),
    fingerprint: u64,
    names: Option<Vec<String>>,
) -> Result<(Packed, Vec<u8>), String> {
    let rows = symbols.len() / meaning.places().max(1);
    let mut best: Option<(Packed, Vec<u8>)> = None;
    for codec in Codec::fit(meaning, classes, train) {
        let payload = codec.coder()?.encode(&codec.with_labels(symbols, labels))?;
        let packed = Packed { fingerprint, rows, codec, names: names.clone(), payload };
        let bytes = packed.to_bytes()?;
        if best.as_ref().is_none_or(|(_, least)| bytes.len() < least.len()) {
            best = Some((packed, bytes));
        }
    }
    best.ok_or_else(|| "no codec applies to these rows".to_owned())
}

/// Returns the latents that symbols stand for.
fn restore(model: &Model, meaning: &Meaning, symbols: &[i32]) -> Result<Vec<f32>, TaskError> {
    match meaning {
        Meaning::Latents(quantizer) => Ok(quantizer.restore(symbols)),
        Meaning::Codes { .. } => {
            let codebook = model.tensors.get("codebook.weight");
            let codebook = codebook.ok_or_else(|| defect("the model has no codebook".to_owned()))?;
            let width = codebook.shape.extents().last().copied().unwrap_or(1);
            let entry = |&number: &i32| {
                let start = usize::try_from(number).ok()?.checked_mul(width)?;
                codebook.data.get(start..start + width)
            };
            let entries: Option<Vec<&[f32]>> = symbols.iter().map(entry).collect();
            let entries = entries.ok_or_else(|| defect("a code is outside the codebook".to_owned()))?;
            Ok(entries.concat())
        }
    }
}

/// Converts the indices of codebook entries from floats to integers.
fn whole(codes: &[f32]) -> Vec<i32> {
    codes.iter().map(|&code| code as i32).collect()
}

fn defect(problem: String) -> TaskError {
    TaskError::Defect(problem)
}

/// Compresses every row of `source` with the model at `path` to `output`, at about `bits` bits per latent value. The
/// step of each unit and the tables of frequencies are fitted on train rows and are part of the file, and so are the
/// names of images and recordings.
///
/// # Errors
/// When the data does not fit the model, has no rows, or `output` cannot be written.
#[tracing::instrument(level = "debug", name = "compress", skip_all)]
pub fn compress(
    path: &Path,
    source: &str,
    output: &Path,
    bits: f64,
    device: &Device,
) -> Result<Compression, TaskError> {
    let mut subject = CompressionInput::open(path, source, device)?;
    let data = &subject.opened.data;
    let named = matches!(data.kind, SourceKind::Images | SourceKind::Audio) && data.names.is_some();
    let names = named.then(|| (0..subject.rows).map(|row| data.row_name(row)).collect());
    let source_bytes = subject.rows * data.features * if data.element() == ElementType::Byte { 1 } else { 4 };
    let coded = subject.code(bits, names)?;
    write_whole(output, &coded.bytes)?;
    let mse = subject.mse_of(&coded.restored)?;
    Ok(Compression {
        model: path.display().to_string(),
        data: source.to_owned(),
        output: output.display().to_string(),
        rows: subject.rows,
        bytes: coded.bytes.len(),
        header_bytes: coded.bytes.len() - coded.payload,
        bytes_per_row: coded.bytes.len() as f64 / subject.rows as f64,
        source_bytes,
        bits: (!subject.has_codes()).then_some(bits),
        tables: coded.form,
        fitted_on: subject.fitted_on,
        mse,
        model_mse: subject.model_mse,
        notes: subject.opened.data.notes.clone(),
    })
}

/// Decodes the rows of a file written by [`compress`] and writes them in the form of their source.
///
/// # Errors
/// When the file is damaged or was made with another model, or `output` cannot hold such rows.
#[tracing::instrument(level = "debug", name = "decompress", skip_all, fields(input = %input.display()))]
pub fn decompress(input: &Path, path: &Path, output: &Path, device: &Device) -> Result<Decompression, TaskError> {
    let unusable = |problem: String| DataError::Malformed { place: input.display().to_string(), problem };
    let bytes =
        files::read(input).map_err(|error| DataError::Unreadable { path: input.into(), reason: error.to_string() })?;
    let packed = Packed::from_bytes(&bytes).map_err(unusable)?;
    let model = Model::load(path)?;
    let fingerprint = model.fingerprint();
    if packed.fingerprint != fingerprint {
        let problem = format!(
            "it was made with another model (fingerprint {:016x}) than {} ({fingerprint:016x}); give that one",
            packed.fingerprint,
            path.display()
        );
        return Err(unusable(problem).into());
    }
    let form = RowWriter::from_model(&model);
    form.check(output)?;
    let needed = packed.rows.saturating_mul(model.features + 2 * packed.codec.width()).saturating_mul(4);
    if packed.rows == 0 || free_memory().is_some_and(|free| needed > free) {
        let problem = format!("its {} rows need {} MB of memory, which is not free", packed.rows, needed >> 20);
        return Err(unusable(problem).into());
    }
    let symbols = packed.codec.coder().and_then(|coder| coder.decode(&packed.payload, packed.rows));
    let (symbols, labels) = symbols.and_then(|symbols| packed.codec.without_labels(symbols)).map_err(unusable)?;
    let mut loaded = LoadedModel::new(&model, path, device)?;
    loaded.prepare_decoder()?;
    let latents = restore(&model, &packed.codec.meaning, &symbols)?;
    if latents.len() != packed.rows * loaded.latent() {
        return Err(unusable("its rows do not fit the model".to_owned()).into());
    }
    let mut made = loaded.decode_rows(&latents, &labels).wait()?;
    model.preparation.undo(&mut made);
    let names = packed.names.unwrap_or_else(|| (1..=packed.rows).map(|row| format!("row {row}")).collect());
    let files = form.write(NamedRows { values: &made, names: &names, labels: None }, output)?;
    Ok(Decompression {
        model: path.display().to_string(),
        input: input.display().to_string(),
        rows: packed.rows,
        output: output.display().to_string(),
        files,
    })
}
