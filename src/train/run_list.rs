//! The runs on disk, as a list shows them: read from what each folder holds, without its numbers.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::epoch_report::EpochReport;
use super::run_dir::RunDir;
use crate::model::Spec;
use crate::platform::files;

/// A run on disk.
#[derive(Clone, Debug)]
pub struct SavedRun {
    pub path: PathBuf,
    pub name: String,
    /// Or why it cannot be read.
    pub spec: Result<Spec, String>,
    pub preset: Option<String>,
    pub epochs: Vec<EpochReport>,
    /// MSE on the test part, where the run came to its end and was measured.
    pub test_mse: Option<f64>,
    /// Whether it came to its end; it may have been stopped early by its own rule.
    pub ended: bool,
    /// When something in it was last written.
    pub changed: SystemTime,
    pub has_model: bool,
    /// Whether there is a state to go on from.
    pub has_checkpoint: bool,
}

impl SavedRun {
    /// What lies in `path`, if it is a run.
    pub fn read(path: &Path) -> Option<Self> {
        let dir = RunDir::open(path).ok()?;
        let report = dir.read_report().unwrap_or_default();
        let test_mse = report["test"]["mse"].as_f64();
        let written = |name: &str| files::metadata(path.join(name)).and_then(|meta| meta.modified()).ok();
        let changed = ["report.json", "metrics.jsonl", "checkpoint/last.safetensors", "spec.toml"];
        let changed = changed.into_iter().filter_map(written).max().unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Self {
            name: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            spec: dir.read_spec().map_err(|error| error.to_string()),
            preset: report["preset"].as_str().map(str::to_owned),
            epochs: dir.read_metrics(),
            ended: test_mse.is_some(),
            test_mse,
            changed,
            has_model: dir.model_path().is_file(),
            has_checkpoint: path.join("checkpoint/last.safetensors").is_file(),
            path: path.to_owned(),
        })
    }

    /// Epoch and loss of the best epoch by validation.
    pub fn best(&self) -> Option<(u32, f64)> {
        let finite = self.epochs.iter().filter(|epoch| epoch.validation_loss.is_finite());
        let best = finite.min_by(|a, b| a.validation_loss.total_cmp(&b.validation_loss))?;
        Some((best.epoch, best.validation_loss))
    }

    pub fn model_path(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The spec to go on with: as it was, or with as many epochs again where all have been made.
    pub fn spec_to_resume(&self) -> Option<Spec> {
        let mut spec = self.spec.clone().ok()?;
        let done = self.epochs.last().map_or(0, |epoch| epoch.epoch);
        if self.ended || done >= spec.train.epochs {
            spec.extend_to(done.max(spec.train.epochs).saturating_mul(2));
        }
        Some(spec)
    }
}

/// The runs in `folder`, what was written last first.
pub fn saved_runs(folder: &Path) -> Vec<SavedRun> {
    let entries = files::read_dir(folder).into_iter().flatten().flatten();
    let mut runs: Vec<SavedRun> = entries.filter_map(|entry| SavedRun::read(&entry.path())).collect();
    runs.sort_by(|a, b| b.changed.cmp(&a.changed).then_with(|| a.name.cmp(&b.name)));
    runs
}

/// Deletes a run with all that it holds; a folder that is no run is left alone.
///
/// # Errors
/// In words, where it is no run or cannot be deleted.
pub fn delete_run(path: &Path) -> Result<(), String> {
    RunDir::open(path).map_err(|error| error.to_string())?;
    files::remove_dir_all(path).map_err(|error| format!("{} was not deleted, {error}", path.display()))
}
