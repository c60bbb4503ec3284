//! Denoising of a batch of files: each is read, denoised and written in its own format.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::filter::Filtered;
use super::image::{ImageFile, ReadChoices};
use super::model::Denoiser;
use super::paths::{FileJob, jobs, keeps_pages};
use super::reference::{Comparison, compare, reference_of};
use super::self_ensemble::ALL;
use super::strength::{Sigma, Strength};
use crate::data::DataError;
use crate::device::{Device, DeviceBackend, DeviceKind};
use crate::error::{ErrorKind, Setting};
use crate::model::{Model, ModelFileError, SHIPPED_DENOISER, shipped_denoiser, write_whole};
use crate::platform::{Instant, files};
use crate::tasks::TaskError;

/// Options of [`denoise`].
#[derive(Clone, Debug, Default)]
pub struct DenoiseOptions {
    /// Path of the model file; the shipped denoiser where `None`.
    pub model: Option<PathBuf>,
    /// Noise level, and share of the change that is made.
    pub strength: Strength,
    /// Clean image to compare with, or a folder of them under the same names; no comparison where `None`.
    pub reference: Option<PathBuf>,
    /// Bytes that the network may take; a quarter of the free memory, 1 GiB at most, where `None`.
    pub memory: Option<usize>,
    /// True if each image runs through the network once, instead of the mean over its eight symmetries.
    pub fast: bool,
    /// Values of black and white in pictures and arrays of more than 8 bits; those that the model was trained on or,
    /// for others, what each file holds, where `None`.
    pub range: Option<[f64; 2]>,
    /// Meaning of the dimensions of arrays, a letter for each such as `TYX`; by their shape where `None`.
    pub axes: Option<String>,
}

/// Outcome of one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FileOutcome {
    /// Path of the input.
    pub input: String,
    /// Path of the output; `None` where the file failed.
    pub output: Option<String>,
    /// Cause of the failure in words; `None` where the file succeeded.
    pub error: Option<String>,
    /// Width in pixels; `None` where the input could not be read.
    pub width: Option<usize>,
    /// Height in pixels; `None` where the input could not be read.
    pub height: Option<usize>,
    /// Number of channels, alpha included; `None` where the input could not be read.
    pub channels: Option<usize>,
    /// Bits per sample: 8, 16, 32 or 64; `None` where the input could not be read.
    pub bits: Option<usize>,
    /// Number of pages, frames or pictures of an array that were denoised; `None` where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<usize>,
    /// Values taken as black and white, where they are not those of the number type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f32; 2]>,
    /// Standard deviation of the noise on the scale of 0..255, given or estimated: root mean square over the channels;
    /// `None` where it could not be estimated.
    pub sigma: Option<f64>,
    /// True if the file was copied byte for byte: strength 0, or no noise found.
    pub copied: bool,
    /// Names of the metadata that the output kept.
    pub kept: Vec<String>,
    /// Names of the metadata that the output lost.
    pub not_kept: Vec<String>,
    /// Remarks on the result, in words.
    pub notes: Vec<String>,
    /// Wall-clock time of the file, in seconds.
    pub seconds: f64,
    /// Comparison with the clean image; `None` without one.
    #[serde(flatten)]
    pub comparison: Option<Comparison>,
    /// True if the cause of the failure is the input rather than the work.
    #[serde(skip)]
    pub unusable: bool,
}

/// The object that `denoise --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Denoised {
    /// Version of the program.
    pub version: &'static str,
    /// Processor that the device computes on.
    pub device: DeviceKind,
    /// Interface by which the device is reached.
    pub backend: DeviceBackend,
    /// Name of the adapter; for the processor its count of threads.
    pub adapter: String,
    /// Path of the model file, or `denoiser` for the shipped one.
    pub model: String,
    /// Share of the allowed change that was made, 0 to 1.
    pub strength: f64,
    /// Outcome of each file, in order.
    pub files: Vec<FileOutcome>,
    /// Number of files that succeeded.
    pub done: usize,
    /// Number of files that failed.
    pub failed: usize,
    /// Wall-clock time of the whole run in seconds, loading of the model included.
    pub seconds: f64,
    /// Megapixels of the files that succeeded, whatever their channels.
    pub megapixels: f64,
    /// Megapixels per second of the whole run.
    pub megapixels_per_second: f64,
    /// Remarks on the run, in words.
    pub notes: Vec<String>,
}

/// Denoises the files of `inputs` (images, `.npy` arrays, folders of both) to `output`: a file for one input, else a
/// folder that keeps the names. `progress` receives the share that is done and the file at work, and may end the work
/// between tiles; a file is written whole or not at all. A file that fails is reported, and the others are done.
///
/// # Errors
/// When nothing can be begun: the model does not suit, or a place in `output` is an input.
pub fn denoise(
    inputs: &[PathBuf],
    output: &Path,
    options: &DenoiseOptions,
    device: &Device,
    progress: &mut dyn FnMut(f64, &Path) -> ControlFlow<()>,
) -> Result<Denoised, TaskError> {
    let start = Instant::now();
    let mut notes = Vec::new();
    let jobs = jobs(inputs, output, &mut notes)?;
    refuse_to_replace(&jobs, options)?;
    let (model, path) = match &options.model {
        Some(path) => (Model::load(path)?, path.clone()),
        None => (shipped_denoiser()?, PathBuf::from(SHIPPED_DENOISER)),
    };
    let mut denoiser = Denoiser::new(model, &path, device, options.memory)?;
    denoiser.ensemble(if options.fast { 1 } else { ALL });
    if !denoiser.removes_noise() {
        notes.push(format!("{} was not trained for denoising", path.display()));
    }
    // By their bytes: what a file takes is known well enough before it is read.
    let bytes = |job: &FileJob| files::metadata(&job.input).map_or(1.0, |file| file.len().max(1) as f64);
    let total: f64 = jobs.iter().map(bytes).sum();
    let (mut before, mut files, mut megapixels) = (0.0, Vec::with_capacity(jobs.len()), 0.0);
    for job in &jobs {
        let share = bytes(job) / total;
        let started = Instant::now();
        let mut outcome = FileOutcome { input: job.input.display().to_string(), ..FileOutcome::default() };
        let mut hear = |done: f64| progress(before + share * done, &job.input);
        match one(job, options, &mut denoiser, &mut outcome, &mut hear) {
            Ok(()) => outcome.output = Some(job.output.display().to_string()),
            Err(TaskError::Canceled) => return Err(TaskError::Canceled),
            Err(error) => {
                outcome.unusable = error.kind() == ErrorKind::Usage;
                outcome.error = Some(error.to_string());
            }
        }
        outcome.seconds = started.elapsed().as_secs_f64();
        if outcome.error.is_none() {
            megapixels += outcome.width.unwrap_or(0) as f64
                * outcome.height.unwrap_or(0) as f64
                * outcome.pages.unwrap_or(1) as f64
                / 1e6;
        }
        files.push(outcome);
        before += share;
    }
    let failed = files.iter().filter(|file| file.error.is_some()).count();
    let (info, seconds) = (device.info(), start.elapsed().as_secs_f64());
    Ok(Denoised {
        version: env!("CARGO_PKG_VERSION"),
        device: info.device,
        backend: info.backend,
        adapter: info.adapter.clone(),
        model: path.display().to_string(),
        strength: options.strength.strength,
        done: files.len() - failed,
        failed,
        files,
        seconds,
        megapixels,
        megapixels_per_second: megapixels / seconds.max(1e-9),
        notes,
    })
}

/// Refuses outputs that would replace the model or a clean image, as these are read too.
fn refuse_to_replace(jobs: &[FileJob], options: &DenoiseOptions) -> Result<(), TaskError> {
    for job in jobs {
        let Ok(output) = job.output.canonicalize() else { continue };
        let reference = options.reference.as_ref().map(|reference| reference_of(reference, job));
        for read in options.model.iter().chain(&reference) {
            if read.canonicalize().is_ok_and(|read| read == output) {
                let problem = format!("{} is read too; give another place", job.output.display());
                return Err(TaskError::Setting { setting: Setting::OUTPUT, problem });
            }
        }
    }
    Ok(())
}

fn one(
    job: &FileJob,
    options: &DenoiseOptions,
    denoiser: &mut Denoiser,
    outcome: &mut FileOutcome,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<(), TaskError> {
    if progress(0.0).is_break() {
        return Err(TaskError::Canceled);
    }
    let animated = keeps_pages(&job.output);
    let range = options.range.or_else(|| denoiser.range());
    let choices = ReadChoices { range, axes: options.axes.as_deref(), animated };
    let mut file = ImageFile::read(&job.input, choices)?;
    let images = std::mem::take(&mut file.images);
    let count = images.len();
    if let Some(first) = images.first() {
        outcome.width = Some(first.size[1]);
        outcome.height = Some(first.size[0]);
        (outcome.channels, outcome.bits) = (Some(first.channels), Some(first.bits()));
        outcome.range = first.unusual_range();
    }
    outcome.pages = (count > 1).then_some(count);
    outcome.notes.append(&mut file.notes);
    let (mut seen, mut made, mut changed) = (Vec::with_capacity(count), Vec::with_capacity(count), 0);
    let (mut squares, mut known) = (0.0, 0.0_f64);
    for (index, image) in images.into_iter().enumerate() {
        let mut hear = |done: f64| progress((index as f64 + done) / count as f64);
        let filtered = Filtered::new(image, &options.strength, denoiser, &mut hear)?;
        if let Some(sigma) = filtered.sigma() {
            (squares, known) = (squares + sigma * sigma, known + 1.0);
        }
        let result = filtered.result(&options.strength);
        if result.is_some() {
            changed += 1;
            for warning in filtered.warnings(&options.strength) {
                if !outcome.notes.contains(&warning) {
                    outcome.notes.push(warning);
                }
            }
        }
        let keeps_original = options.reference.is_some();
        if keeps_original {
            seen.push(filtered.seen.clone());
        }
        made.push(result.unwrap_or(filtered.seen));
    }
    let estimated = (known > 0.0).then(|| (squares / known).sqrt());
    outcome.sigma = match options.strength.sigma {
        Sigma::Given(sigma) => Some(sigma),
        Sigma::Auto => estimated,
    };
    if options.strength.sigma == Sigma::Auto && options.strength.strength > 0.0 && changed < count {
        outcome.notes.push(match (estimated, changed) {
            (Some(_), 0) => "no noise was found: it is copied".to_owned(),
            (Some(_), _) => format!("no noise was found in {} of {count} pages: they are copied", count - changed),
            (None, _) => {
                format!(
                    "there is too little of it to tell how much noise it holds, so it is copied: give {}",
                    Setting::SIGMA
                )
            }
        });
    }
    if let Some(reference) = &options.reference {
        let choices = ReadChoices { axes: options.axes.as_deref(), ..choices };
        outcome.comparison = Some(compare(&seen, &made, &reference_of(reference, job), choices)?);
    }
    if let Some(folder) = job.output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        files::create_dir_all(folder)
            .map_err(|error| ModelFileError::Unwritable { path: folder.into(), problem: error.to_string() })?;
    }
    if changed == 0 && file.keeps_form(&job.output) {
        outcome.copied = true;
        let bytes = files::read(&job.input)
            .map_err(|error| DataError::Unreadable { path: job.input.clone(), reason: error.to_string() })?;
        write_whole(&job.output, &bytes)?;
        return Ok(());
    }
    (outcome.kept, outcome.not_kept) = file.write(&made, &job.input, &job.output)?;
    Ok(())
}
