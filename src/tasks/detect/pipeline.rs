//! Detection with progress: data in, a fitted detector and its scores out.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    DetectorOptions, DetectorReport, ScannedRows, ScoreInput, ScoreOptions, ScoreOutput, make_detector, scan_rows,
    write_scores,
};
use crate::data::{DataSet, DataSpec, Preparation, SourceKind};
use crate::device::{Device, DeviceChoice};
use crate::error::Setting;
use crate::graph::GraphError;
use crate::model::{Model, ModelFileError};
use crate::tasks::TaskError;

/// Request for the scores of some data.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectRequest {
    /// Path of a file or folder.
    pub source: String,
    /// Column of labels, where a detector is fitted.
    pub label: LabelChoice,
    /// Path of the detector; one is fitted to the data where `None`.
    pub detector: Option<PathBuf>,
    /// Device of fitting and scoring.
    pub device: DeviceChoice,
    /// Seed of the split and of the training.
    pub seed: u64,
}

/// Choice of the column of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LabelChoice {
    /// Column named label, class, target or the like, if there is any; the default.
    #[default]
    Usual,
    /// No labels: all rows count as normal.
    None,
    /// Column of this name.
    Column(String),
}

/// Stage of a detection.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DetectStage {
    /// Reading of the detector or the data.
    Reading,
    /// Fitting of a detector, with the share that is done, 0 to 1.
    Fitting(f64),
    /// Scoring of rows, with their number so far.
    Scoring(u64),
}

/// Callback that receives the stage and returns whether to go on.
pub type Watch<'a> = dyn FnMut(DetectStage) -> ControlFlow<()> + 'a;

/// Detector and its scores.
#[derive(Clone, Debug)]
pub struct DetectOutcome {
    /// Path of the scored data, a file or folder.
    pub source: String,
    /// Model with the detector.
    pub model: Arc<Model>,
    /// Report of the fit; `None` for a detector that was read from a file.
    pub report: Option<DetectorReport>,
    /// Scores of all rows.
    pub scan: ScannedRows,
    /// Column of labels; `None` without one.
    pub label: Option<String>,
    /// Names of the columns that could hold labels.
    pub columns: Vec<String>,
    /// Device of fitting and scoring.
    pub device: DeviceChoice,
}

/// Fits a detector to the data (or reads the given one) and scores every row of it.
///
/// # Errors
/// When the data or the detector cannot be used, and [`TaskError::Canceled`] when `watch` ends the work.
pub fn detect(request: &DetectRequest, watch: &mut Watch<'_>) -> Result<DetectOutcome, TaskError> {
    let device = Device::open(request.device, None).map_err(GraphError::from)?;
    if watch(DetectStage::Reading).is_break() {
        return Err(TaskError::Canceled);
    }
    let (model, report) = match &request.detector {
        Some(path) => {
            let model = Model::load(path)?;
            if model.detector.is_none() {
                let problem = "it is not a detector; drop a table to fit one".to_owned();
                return Err(ModelFileError::Malformed { path: path.clone(), problem }.into());
            }
            (model, None)
        }
        None => {
            let label = match &request.label {
                LabelChoice::Usual => usual_label(&request.source)?,
                LabelChoice::None => None,
                LabelChoice::Column(name) => Some(name.clone()),
            };
            let mut fitting = |done: f64| watch(DetectStage::Fitting(done));
            let options = DetectorOptions { label, seed: request.seed, ..DetectorOptions::default() };
            let made = make_detector(&request.source, &options, &device, &mut fitting);
            let (model, report) = match made {
                // Labels that call no row normal are labels of something else.
                Err(TaskError::Setting { setting: Setting::LABEL, .. }) if request.label == LabelChoice::Usual => {
                    let options = DetectorOptions { label: None, ..options };
                    make_detector(&request.source, &options, &device, &mut fitting)?
                }
                made => made?,
            };
            (model, Some(report))
        }
    };
    let scan = scan_rows(&model, &request.source, &device, &mut |rows| watch(DetectStage::Scoring(rows)))?;
    let label = model.detector.as_ref().and_then(|detector| detector.label.clone());
    let mut columns = columns(&model.preparation);
    columns.extend(label.clone().filter(|label| !columns.contains(label)));
    Ok(DetectOutcome {
        source: request.source.clone(),
        model: Arc::new(model),
        report,
        scan,
        label,
        columns,
        device: request.device,
    })
}

/// Returns the column that the data take for labels by default.
fn usual_label(source: &str) -> Result<Option<String>, TaskError> {
    let data = DataSet::open(&DataSpec::from_source(source), 0.1, 1)?;
    Ok(data.labels.as_ref().and(data.options.labels.clone()))
}

fn columns(preparation: &Preparation) -> Vec<String> {
    match preparation.source {
        SourceKind::Table => preparation.columns.iter().map(|column| column.name().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Returns a path beside `source` that is free: its name, then `ending`.
fn beside(source: &str, ending: &str) -> PathBuf {
    let source = Path::new(source);
    let name = source.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned());
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("data").to_owned();
    let (kind, extension) = ending.split_once('.').unwrap_or((ending, ""));
    let mut number = 1;
    loop {
        let count = if number == 1 { String::new() } else { format!("-{number}") };
        let path = source.with_file_name(format!("{stem}-{kind}{count}.{extension}"));
        if !path.exists() {
            return path;
        }
        number += 1;
    }
}

/// Writes the scores of `outcome` beside its data; returns the path.
///
/// # Errors
/// Same as [`super::score_rows`].
pub fn save_scores(outcome: &DetectOutcome, threshold: f64) -> Result<PathBuf, TaskError> {
    let device = Device::open(outcome.device, None).map_err(GraphError::from)?;
    let path = beside(&outcome.source, "scores.csv");
    let options = ScoreOptions { threshold: Some(threshold), keep_going: true, ..ScoreOptions::default() };
    let (input, output) = (ScoreInput::Path(outcome.source.clone()), ScoreOutput::File(path.clone()));
    write_scores(&outcome.model, Path::new("detector"), &input, &output, &options, &device)?;
    Ok(path)
}

/// Saves the detector of `outcome` with another threshold beside its data; returns the path.
///
/// # Errors
/// When it cannot be written.
pub fn save_detector(outcome: &DetectOutcome, threshold: f64) -> Result<PathBuf, TaskError> {
    let path = beside(&outcome.source, "detector.safetensors");
    let mut model = (*outcome.model).clone();
    if let Some(detector) = &mut model.detector {
        detector.threshold = threshold;
    }
    model.save(&path)?;
    Ok(path)
}
