//! Files one after the other: read, denoised, written in the form that they have.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::filter::Filtered;
use super::image::Image;
use super::model::Denoiser;
use super::paths::{FileJob, jobs};
use super::reference::{Comparison, compare, reference_of};
use super::self_ensemble::ALL;
use super::strength::{Sigma, Strength};
use crate::data::DataError;
use crate::device::{Device, DeviceBackend, DeviceKind};
use crate::error::{ErrorKind, Setting};
use crate::model::{Model, ModelFileError, SHIPPED_DENOISER, shipped_denoiser, write_whole};
use crate::platform::{Instant, files};
use crate::tasks::TaskError;

/// What to do, and with what.
#[derive(Clone, Debug, Default)]
pub struct DenoiseOptions {
    /// The model that comes with the program where `None`.
    pub model: Option<PathBuf>,
    pub strength: Strength,
    /// A clean picture, or a folder of them under the same names.
    pub reference: Option<PathBuf>,
    /// Bytes that the network's work may take; a part of what is free where `None`.
    pub memory: Option<usize>,
    /// One look at each picture instead of the mean over its eight sides.
    pub fast: bool,
}

/// What became of one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FileOutcome {
    pub input: String,
    /// Null where it failed.
    pub output: Option<String>,
    pub error: Option<String>,
    pub width: Option<usize>,
    pub height: Option<usize>,
    pub channels: Option<usize>,
    /// Of a sample: 8, 16 or, for arrays, 32.
    pub bits: Option<usize>,
    /// The noise's standard deviation on the scale of 0..255, given or estimated: root mean square over the channels.
    pub sigma: Option<f64>,
    /// The file was copied byte for byte: strength 0, or no noise found.
    pub copied: bool,
    /// What it says beside its pixels that the output says too, and what the output does not.
    pub kept: Vec<String>,
    pub not_kept: Vec<String>,
    pub notes: Vec<String>,
    pub seconds: f64,
    #[serde(flatten)]
    pub comparison: Option<Comparison>,
    /// Whether what failed is the input rather than the work.
    #[serde(skip)]
    pub unusable: bool,
}

/// The object that `denoise --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Denoised {
    pub version: &'static str,
    pub device: DeviceKind,
    pub backend: DeviceBackend,
    pub adapter: String,
    pub model: String,
    pub strength: f64,
    pub files: Vec<FileOutcome>,
    pub done: usize,
    pub failed: usize,
    pub seconds: f64,
    /// Of the files done, pixels whatever their channels.
    pub megapixels: f64,
    pub megapixels_per_second: f64,
    pub notes: Vec<String>,
}

/// Denoises the files of `inputs` (pictures, `.npy` arrays, folders of both) to `output`: a file for one input, else a
/// folder that keeps the names. `progress` hears the share that is done and the file at work, and may end the work
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
        notes.push(format!("{} was not trained to take noise away", path.display()));
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
            megapixels += outcome.width.unwrap_or(0) as f64 * outcome.height.unwrap_or(0) as f64 / 1e6;
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

/// The model and the clean pictures are read too.
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
    let seen = Image::read(&job.input)?;
    outcome.width = Some(seen.size[1]);
    outcome.height = Some(seen.size[0]);
    (outcome.channels, outcome.bits) = (Some(seen.channels), Some(seen.bits()));
    let filtered = Filtered::new(seen, &options.strength, denoiser, progress)?;
    let (seen, made) = (&filtered.seen, filtered.result(&options.strength));
    let estimated = filtered.sigma();
    outcome.sigma = match options.strength.sigma {
        Sigma::Given(sigma) => Some(sigma),
        Sigma::Auto => estimated,
    };
    if made.is_some() {
        outcome.notes.extend(filtered.warnings(&options.strength));
    }
    if options.strength.sigma == Sigma::Auto && options.strength.strength > 0.0 && made.is_none() {
        outcome.notes.push(match estimated {
            Some(_) => "no noise was found: it is copied".to_owned(),
            None => {
                format!("it is too small to tell how much noise it holds, so it is copied: give {}", Setting::SIGMA)
            }
        });
    }
    if let Some(reference) = &options.reference {
        let made = made.as_ref().unwrap_or(seen);
        outcome.comparison = Some(compare(seen, made, &reference_of(reference, job))?);
    }
    if let Some(folder) = job.output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        files::create_dir_all(folder)
            .map_err(|error| ModelFileError::Unwritable { path: folder.into(), problem: error.to_string() })?;
    }
    match made {
        Some(made) => (outcome.kept, outcome.not_kept) = made.write(&job.input, &job.output)?,
        None => {
            outcome.copied = true;
            let bytes = files::read(&job.input)
                .map_err(|error| DataError::Unreadable { path: job.input.clone(), reason: error.to_string() })?;
            write_whole(&job.output, &bytes)?;
        }
    }
    Ok(())
}
