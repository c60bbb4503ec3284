//! The run directory: `spec.toml`, `metrics.jsonl`, `checkpoint/`, `model.safetensors`.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::epoch_report::EpochReport;
use super::run_report::RunReport;
use crate::data::{DataError, DataFingerprint, DataSet, SplitManifest};
use crate::error::Setting;
use crate::model::{KernelChoices, Model, ModelFileError, Spec, SpecError, read_tensor_file, tensor_file, write_whole};
use crate::platform::{files, folders};
use crate::tensor::HostTensor;

/// Returns the default folder of runs: `hourglass/runs` in the platform's data folder.
pub fn default_runs_folder() -> PathBuf {
    folders::data_folder().unwrap_or_else(|| PathBuf::from("hourglass")).join("runs")
}

/// A run's directory, which exists and can be written.
#[derive(Clone, Debug)]
pub struct RunDir(PathBuf);

/// State of a checkpoint besides its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointState {
    pub step: u64,
    /// Sum of the losses of the epoch that is under way, and their count.
    pub epoch_loss: f64,
    pub epoch_steps: u64,
    pub best_epoch: u32,
    pub best_loss: Option<f64>,
    pub seconds: f64,
    /// Variants of kernels in the training so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernels: Option<KernelChoices>,
}

impl RunDir {
    /// Creates `path`, or uses it if it is an empty directory.
    pub fn create(path: &Path) -> Result<Self, ModelFileError> {
        let unwritable = |problem: String| ModelFileError::Unwritable { path: path.into(), problem };
        if path.join("spec.toml").exists() {
            return Err(unwritable(format!("there is a run already, name another folder ({})", Setting::OUT)));
        }
        if files::read_dir(path).is_ok_and(|mut inside| inside.next().is_some()) {
            return Err(unwritable(format!("there are files in it already, name another folder ({})", Setting::OUT)));
        }
        files::create_dir_all(path.join("checkpoint"))
            .map_err(|error| unwritable(format!("{error}, name another folder ({})", Setting::OUT)))?;
        Ok(Self(path.into()))
    }

    /// Creates `PARENT/NAME-001`, or the first number that is free.
    pub fn create_numbered(parent: &Path, name: &str) -> Result<Self, ModelFileError> {
        let unwritable = |error: std::io::Error| ModelFileError::Unwritable {
            path: parent.into(),
            problem: format!("{error}, name another folder ({})", Setting::OUT),
        };
        files::create_dir_all(parent).map_err(unwritable)?;
        for number in 1_u32.. {
            let path = parent.join(format!("{name}-{number:03}"));
            match files::create_dir(&path) {
                Ok(()) => return Self::create(&path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unwritable(error)),
            }
        }
        Err(unwritable(std::io::Error::other("all numbers are taken")))
    }

    /// Opens the folder of an existing run.
    pub fn open(path: &Path) -> Result<Self, ModelFileError> {
        if path.join("spec.toml").is_file() {
            return Ok(Self(path.into()));
        }
        Err(ModelFileError::Unreadable {
            path: path.into(),
            problem: "it holds no spec.toml, give the folder of a run".to_owned(),
        })
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of `model.safetensors`.
    pub fn model_path(&self) -> PathBuf {
        self.0.join("model.safetensors")
    }

    /// Writes `spec.toml`.
    pub fn write_spec(&self, spec: &Spec) -> Result<(), ModelFileError> {
        let path = self.0.join("spec.toml");
        let text = spec
            .to_toml()
            .map_err(|error| ModelFileError::Unwritable { path: path.clone(), problem: error.to_string() })?;
        write_whole(&path, text.as_bytes())
    }

    /// Writes `split.json`: the rows for training, for validation and for the test.
    pub fn write_split_manifest(&self, division: &SplitManifest) -> Result<(), ModelFileError> {
        let path = self.0.join("split.json");
        let text = serde_json::to_vec(division)
            .map_err(|error| ModelFileError::Unwritable { path: path.clone(), problem: error.to_string() })?;
        write_whole(&path, &text)
    }

    /// Writes `split.json` and `data.json`: the division of the rows of `data`, and its fingerprint.
    pub(super) fn write_data(&self, data: &DataSet, seed: u64) -> Result<(), TrainError> {
        self.write_split_manifest(&data.split_manifest(seed))?;
        let path = self.0.join("data.json");
        let text = serde_json::to_vec(&DataFingerprint::of(data)?)
            .map_err(|error| ModelFileError::Unwritable { path: path.clone(), problem: error.to_string() })?;
        Ok(write_whole(&path, &text)?)
    }

    /// Reads `data.json`; `None` for runs of before it was kept, or where it is damaged.
    pub fn read_data_fingerprint(&self) -> Option<DataFingerprint> {
        serde_json::from_slice(&files::read(self.0.join("data.json")).ok()?).ok()
    }

    /// Returns in words how `data` differs from what the run began with; `None` where nothing is known to differ.
    ///
    /// # Errors
    /// When rows of `data` cannot be read.
    pub fn data_change(&self, data: &DataSet) -> Result<Option<String>, TrainError> {
        let begun = self.read_data_fingerprint();
        if let Some(begun) = begun {
            for (what, then, now) in [("rows", begun.rows, data.rows), ("values a row", begun.features, data.features)]
            {
                if then != now {
                    return Ok(Some(format!("it has {now} {what} and had {then}")));
                }
            }
        }
        let split = files::read(self.0.join("split.json")).ok();
        let split: Option<serde_json::Value> = split.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let division = serde_json::to_value(data.split_manifest(0)).unwrap_or_default();
        let moved = |split: &serde_json::Value| {
            ["train", "validation", "test"].into_iter().find(|&part| split.get(part) != division.get(part))
        };
        if let Some(part) = split.as_ref().and_then(moved) {
            return Ok(Some(format!("other rows are in its {part} part than were")));
        }
        let Some(begun) = begun else { return Ok(None) };
        let now = DataFingerprint::of(data)?;
        if begun.checksum != now.checksum {
            return Ok(Some("its rows hold other values than they did".to_owned()));
        }
        let is_renamed = begun.names.is_some() && begun.names != now.names;
        Ok(is_renamed.then(|| "its columns have other names than they had".to_owned()))
    }

    /// Checks that `data` has as many values a row as the run began with, which its network is for, and unless
    /// `any_data`, that nothing else of it differs.
    ///
    /// # Errors
    /// When it does, or rows of `data` cannot be read.
    pub fn check_data(&self, data: &DataSet, any_data: bool) -> Result<(), TrainError> {
        let place = || data.options.source.clone();
        if let Some(begun) = self.read_data_fingerprint().filter(|begun| begun.features != data.features) {
            let (found, expected) = (data.features, begun.features);
            return Err(DataError::WrongWidth { place: place(), found, expected }.into());
        }
        let change = if any_data { None } else { self.data_change(data)? };
        change.map_or(Ok(()), |problem| Err(TrainError::DataChanged { place: place(), problem }))
    }

    /// Writes `report.json`: the results of the run.
    pub fn write_report(&self, report: &RunReport) -> Result<(), ModelFileError> {
        let path = self.0.join("report.json");
        let text = serde_json::to_vec(report)
            .map_err(|error| ModelFileError::Unwritable { path: path.clone(), problem: error.to_string() })?;
        write_whole(&path, &text)
    }

    /// Reads `report.json`; `None` if the run has not ended or the file is damaged.
    pub fn read_report(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&files::read(self.0.join("report.json")).ok()?).ok()
    }

    /// Returns whether the run has ended after `epochs`: the record of a run that was resumed since is of an earlier
    /// step.
    pub fn has_ended(&self, epochs: &[EpochReport]) -> bool {
        let step = epochs.last().map_or(0, |epoch| epoch.step);
        self.read_report().and_then(|report| report["steps"].as_u64()).is_some_and(|steps| steps >= step)
    }

    /// Reads `spec.toml`.
    pub fn read_spec(&self) -> Result<Spec, SpecError> {
        let path = self.0.join("spec.toml");
        let place = path.display().to_string();
        let text = files::read_to_string(&path)
            .map_err(|error| SpecError::Syntax { place: place.clone(), problem: error.to_string() })?;
        Spec::from_toml(&text, &place)
    }

    /// Appends a line to `metrics.jsonl`.
    pub fn append_metrics(&self, report: &EpochReport) -> Result<(), ModelFileError> {
        let path = self.0.join("metrics.jsonl");
        let append = || -> std::io::Result<()> {
            let mut line = serde_json::to_vec(report)?;
            line.push(b'\n');
            files::OpenOptions::new().create(true).append(true).open(&path)?.write_all(&line)
        };
        append().map_err(|error| ModelFileError::Unwritable { path: path.clone(), problem: error.to_string() })
    }

    /// Reads the lines of `metrics.jsonl`; a torn last line is ignored.
    pub fn read_metrics(&self) -> Vec<EpochReport> {
        let text = files::read_to_string(self.0.join("metrics.jsonl")).unwrap_or_default();
        text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Removes the metrics of epochs after `step`, which will be trained again, and returns the others.
    pub fn truncate_metrics(&self, step: u64) -> Result<Vec<EpochReport>, ModelFileError> {
        let kept: Vec<EpochReport> = self.read_metrics().into_iter().filter(|report| report.step <= step).collect();
        let mut text = String::new();
        for report in &kept {
            text.push_str(&serde_json::to_string(report).unwrap_or_default());
            text.push('\n');
        }
        write_whole(&self.0.join("metrics.jsonl"), text.as_bytes())?;
        Ok(kept)
    }

    /// Writes `first_steps.json`.
    pub fn write_first_steps(&self, steps: &FirstSteps) -> Result<(), ModelFileError> {
        let path = self.0.join("first_steps.json");
        let bytes = serde_json::to_vec(steps)
            .map_err(|error| ModelFileError::Unwritable { path: path.clone(), problem: error.to_string() })?;
        write_whole(&path, &bytes)
    }

    /// Reads `first_steps.json`.
    pub fn read_first_steps(&self) -> Result<FirstSteps, ModelFileError> {
        let path = self.0.join("first_steps.json");
        let bytes = files::read(&path).map_err(|error| ModelFileError::Unreadable {
            path: path.clone(),
            problem: format!("{error}, this run keeps no first steps to compare with; train it again"),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| ModelFileError::Malformed {
            path,
            problem: format!("it is damaged ({error}), train the run again"),
        })
    }

    /// Writes `model.safetensors`.
    pub fn write_model(&self, model: &Model) -> Result<(), ModelFileError> {
        model.save(&self.model_path())
    }

    fn checkpoint_path(&self, name: &str) -> PathBuf {
        self.0.join("checkpoint").join(format!("{name}.safetensors"))
    }

    /// Writes `checkpoint/NAME.safetensors`: flat buffers by name, and the state.
    pub fn write_checkpoint(
        &self,
        name: &str,
        state: &CheckpointState,
        buffers: &[(&str, &[f32])],
    ) -> Result<(), ModelFileError> {
        let path = self.checkpoint_path(name);
        let tensors: BTreeMap<String, HostTensor> = buffers
            .iter()
            .map(|&(name, values)| (name.to_owned(), HostTensor::new([values.len()], values.to_vec())))
            .collect();
        let bytes = serde_json::to_string(state)
            .map_err(|error| error.to_string())
            .and_then(|state| tensor_file(&tensors, HashMap::from([("hourglass_checkpoint".to_owned(), state)])))
            .map_err(|problem| ModelFileError::Unwritable { path: path.clone(), problem })?;
        write_whole(&path, &bytes)
    }

    /// Reads `checkpoint/NAME.safetensors`: the state, and flat buffers by name.
    pub fn read_checkpoint(
        &self,
        name: &str,
    ) -> Result<(CheckpointState, BTreeMap<String, HostTensor>), ModelFileError> {
        let path = self.checkpoint_path(name);
        let bytes = files::read(&path).map_err(|error| ModelFileError::Unreadable {
            path: path.clone(),
            problem: format!("{error}, this run was never saved"),
        })?;
        let malformed = |problem: String| ModelFileError::Malformed { path: path.clone(), problem };
        let (tensors, metadata) = read_tensor_file(&bytes).map_err(malformed)?;
        let state = metadata.get("hourglass_checkpoint").map(String::as_str).unwrap_or_default();
        let state = serde_json::from_str(state)
            .map_err(|error| malformed(format!("its state is damaged ({error}), start the run again")))?;
        Ok((state, tensors))
    }
}

/// First losses of a run, kept in its folder for verification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FirstSteps {
    /// Kind of device: `gpu` or `cpu`.
    pub device: String,
    /// Name of the adapter; number of threads of a CPU.
    pub adapter: String,
    /// Losses of the first [`FIRST_STEPS`](super::FIRST_STEPS) steps, or of fewer.
    pub losses: Vec<f32>,
}
