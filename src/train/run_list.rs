//! Runs on disk for a list, read from the files of each folder without the tensors.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::epoch_report::EpochReport;
use super::finding::Finding;
use super::run_dir::RunDir;
use crate::model::Spec;
use crate::platform::files;

/// A run on disk.
#[derive(Clone, Debug)]
pub struct SavedRun {
    /// Folder of the run.
    pub path: PathBuf,
    /// Name of the folder.
    pub name: String,
    /// Spec of the run, or the reason why it cannot be read.
    pub spec: Result<Spec, String>,
    /// Name of the preset in the report; `None` without one.
    pub preset: Option<String>,
    /// Reports of the epochs.
    pub epochs: Vec<EpochReport>,
    /// MSE on the test part; `None` if the run has not ended or was not measured.
    pub test_mse: Option<f64>,
    /// True if the run has ended and was measured; it may have been stopped early by its own rule.
    pub ended: bool,
    /// Findings recorded at the end of the run; `None` if it has not ended or was not measured.
    pub diagnosis: Option<Vec<Finding>>,
    /// Time of the last change of its files; the Unix epoch if unknown.
    pub changed: SystemTime,
    /// True if there is a `model.safetensors`.
    pub has_model: bool,
    /// True if there is a checkpoint to resume from.
    pub has_checkpoint: bool,
}

/// Returns the findings of `report`, the record of a run; `None` if its model was not measured.
pub fn recorded_findings(report: &serde_json::Value) -> Option<Vec<Finding>> {
    report["test"]["mse"].as_f64()?;
    serde_json::from_value(report["diagnosis"].clone()).ok()
}

impl SavedRun {
    /// Reads the run in `path`; `None` if there is none.
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
            diagnosis: recorded_findings(&report),
            test_mse,
            changed,
            has_model: dir.model_path().is_file(),
            has_checkpoint: path.join("checkpoint/last.safetensors").is_file(),
            path: path.to_owned(),
        })
    }

    /// Returns epoch and loss of the best epoch by validation; `None` without a finite loss.
    pub fn best(&self) -> Option<(u32, f64)> {
        let finite = self.epochs.iter().filter(|epoch| epoch.validation_loss.is_finite());
        let best = finite.min_by(|a, b| a.validation_loss.total_cmp(&b.validation_loss))?;
        Some((best.epoch, best.validation_loss))
    }

    /// Returns the path of `model.safetensors`, which may be missing.
    pub fn model_path(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// Returns the spec to resume with: unchanged, or with as many epochs again if all have been trained.
    pub fn spec_to_resume(&self) -> Option<Spec> {
        let mut spec = self.spec.clone().ok()?;
        let done = self.epochs.last().map_or(0, |epoch| epoch.epoch);
        if self.ended || done >= spec.train.epochs {
            spec.extend_to(done.max(spec.train.epochs).saturating_mul(2));
        }
        Some(spec)
    }
}

/// Returns the runs in `folder`, the last changed first.
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
