//! Scan of every row of some data with a detector, in order.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::reasons::Reasons;
use super::reconstructions::Reconstructor;
use super::scorer::Scorer;
use super::{is_abnormal, member_models, series};
use crate::data::{DataError, DataSpec, Part, SourceKind, TableStream, read_labels};
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::{average_precision, roc_auc};
use crate::model::{Detector, Model, ModelFileError, Spec};
use crate::tasks::TaskError;

/// Rows of the highest scores whose reasons are kept.
const TOP: usize = 5000;

/// Scored row with its reasons.
#[derive(Debug)]
pub(super) struct Scored<'a> {
    /// Number of the row, from 1.
    pub row: u64,
    /// File of the row, and its page or piece, where rows are files of a folder; `None` for others.
    pub file: Option<String>,
    /// Score, or the reason that there is none.
    pub score: Result<f64, &'a str>,
    /// Squared error of the PCA baseline.
    pub pca: Option<f64>,
    pub reasons: &'a str,
    /// True if the label marks the row as abnormal; `None` without labels.
    pub is_abnormal: Option<bool>,
}

/// Callback that receives rows; an error ends the scan.
pub(super) type Sink<'a, E> = dyn FnMut(Scored<'_>) -> Result<(), E> + 'a;

/// Source of rows to score.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScoreInput {
    /// Path of a file or folder.
    Path(String),
    /// Table on the standard input.
    StandardInput,
}

impl ScoreInput {
    /// Returns the name of the source, for reports and errors.
    pub fn name(&self) -> &str {
        match self {
            Self::Path(path) => path,
            Self::StandardInput => "standard input",
        }
    }
}

/// Rows to scan, and the detector to scan them with.
#[derive(Debug)]
pub(super) struct RowScan<'a> {
    pub model: &'a Model,
    /// Origin of the model, for errors.
    pub path: &'a Path,
    pub source: &'a ScoreInput,
    /// Column of labels instead of the detector's, which may be missing.
    pub label: Option<&'a str>,
    /// Labels of abnormal rows instead of the detector's; those where empty.
    pub abnormal: &'a [String],
    pub keep_going: bool,
    pub device: &'a Device,
}

impl RowScan<'_> {
    pub fn detector(&self) -> Result<&Detector, ModelFileError> {
        self.model.detector.as_ref().ok_or_else(|| ModelFileError::Malformed {
            path: self.path.into(),
            problem: "it is not a detector, make one with `hourglass detect fit`".to_owned(),
        })
    }

    /// Passes every row to `sink`, and adds remarks on the data to `notes`.
    pub fn run<E: From<TaskError>>(&self, notes: &mut Vec<String>, sink: &mut Sink<'_, E>) -> Result<(), E> {
        let detector = self.detector().map_err(TaskError::from)?;
        let models = member_models(self.model, detector);
        let label = self.label.or(detector.label.as_deref());
        let (kind, spec) = (self.model.preparation.source, &self.model.spec);
        let is_parquet = Path::new(self.source.name()).extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
        if kind == SourceKind::Table && !is_parquet {
            let stream = self.stream(spec, label)?;
            notes.extend(stream.notes.iter().cloned());
            let left_out = stream.left_out();
            let mut reconstructions =
                Reconstructor::streaming(&models, stream, self.keep_going, self.device, self.path)?;
            let scored = self.rows(&mut reconstructions, detector, &|_| None, notes, sink);
            notes.extend(left_out.note());
            return scored;
        }
        let ScoreInput::Path(source) = self.source else {
            let problem = format!("the detector is for {}, which is read from a file or folder", kind.name());
            let place = self.source.name().to_owned();
            return Err(TaskError::from(DataError::Malformed { place, problem }).into());
        };
        let labels = label.unwrap_or("none").to_owned();
        // Labels are looked for where they were when the detector was fitted; here they may be missing.
        let other = |labels: &str, unknown: Option<&str>| {
            let cut = if kind == SourceKind::Series { series::every_step(&spec.data) } else { spec.data.clone() };
            let mut data = DataSpec { labels: Some(labels.to_owned()), lenient: self.keep_going, ..cut };
            data.exclude.retain(|name| Some(name.as_str()) != unknown);
            Spec { data, ..spec.clone() }.open_other_data(source, &self.model.preparation)
        };
        let opened = match other(&labels, None) {
            Err(DataError::Setting { setting: Setting::DATA_LABELS, .. }) if self.label.is_none() => {
                other("none", None)
            }
            // The labels of a series are no column to it.
            Err(DataError::Setting { setting, .. }) if setting.name() == "data.exclude" => {
                other(&labels, detector.label.as_deref())
            }
            opened => opened,
        };
        let data = Arc::new(opened.map_err(TaskError::from)?);
        if data.features != self.model.features {
            let (found, expected) = (data.features, self.model.features);
            let place = source.clone();
            return Err(TaskError::from(DataError::WrongWidth { place, found, expected }).into());
        }
        notes.extend(data.notes.iter().cloned());
        let rows = data.part(Part::Test);
        let mut reconstructions = Reconstructor::over(&models, &data, rows.clone(), self.device, self.path)?;
        if kind != SourceKind::Series {
            let are_files = matches!(kind, SourceKind::Images | SourceKind::Audio) && data.has_row_names();
            let file = |row: u64| are_files.then(|| data.row_name(rows.start + row as usize));
            return self.rows(&mut reconstructions, detector, &file, notes, sink);
        }
        let options = DataSpec { lenient: self.keep_going, ..DataSpec::from_source(source) };
        let words = label.map(|label| read_labels(Path::new(source), &options, label));
        let words = match words.transpose() {
            Err(error) if self.label.is_some() => return Err(TaskError::from(error).into()),
            words => words.ok().flatten(),
        };
        let scored = series::score_rows(&mut reconstructions, self.model, detector, &data, rows)?;
        for (row, scored) in scored.iter().enumerate() {
            let word = words.as_ref().map(|words| words.get(row).and_then(|word| word.as_deref()));
            sink(Scored {
                row: row as u64 + 1,
                file: None,
                score: scored
                    .as_ref()
                    .map(|(score, _)| *score)
                    .ok_or("its time or its values are missing, or too few rows follow each other around it"),
                pca: None,
                reasons: scored.as_ref().map_or("", |(_, reasons)| reasons),
                is_abnormal: word.map(|word| self.is_abnormal(word, detector)),
            })?;
        }
        Ok(())
    }

    fn stream(&self, spec: &Spec, label: Option<&str>) -> Result<TableStream, TaskError> {
        let preparation = &self.model.preparation;
        let stream = match self.source {
            ScoreInput::StandardInput => {
                let input: Box<dyn Read + Send> = Box::new(std::io::stdin());
                TableStream::from_reader(input, self.source.name(), &spec.data, preparation, label)?
            }
            ScoreInput::Path(path) => TableStream::open(Path::new(path), &spec.data, preparation, label)?,
        };
        match self.label {
            Some(label) if !stream.has_labels() => {
                let problem = format!("{} has no column {label:?}", self.source.name());
                Err(TaskError::Setting { setting: Setting::LABEL, problem })
            }
            _ => Ok(stream),
        }
    }

    fn rows<E: From<TaskError>>(
        &self,
        reconstructions: &mut Reconstructor,
        detector: &Detector,
        file: &dyn Fn(u64) -> Option<String>,
        notes: &mut Vec<String>,
        sink: &mut Sink<'_, E>,
    ) -> Result<(), E> {
        let mut reasons = Reasons::new(self.model);
        let mut scorer = Scorer::new(detector, self.model.features, self.device)?;
        let mut number = 0;
        let mut missing = vec![0; self.model.preparation.columns.len()];
        while let Some(chunk) = reconstructions.next()? {
            self.model.preparation.count_missing(&chunk.remarks, &mut missing);
            let scored = scorer.score(&chunk)?;
            let words = reasons.of_rows(&chunk, &scored, &scorer)?;
            let beside = detector.pca.as_ref().filter(|_| !chunk.labels.is_empty());
            let beside = beside.map(|pca| pca.squared_errors(&chunk.seen));
            let mut unusable = chunk.unusable.iter().peekable();
            for row in 0..chunk.rows {
                number += 1;
                let problem = unusable.next_if(|(place, _)| *place == row).map(|(_, problem)| problem.as_str());
                let label = (!chunk.labels.is_empty()).then(|| chunk.labels[row].as_deref());
                sink(Scored {
                    row: number,
                    file: file(number - 1),
                    score: problem.map_or(Ok(scored.scores[row]), Err),
                    pca: beside.as_ref().map(|beside| beside[row]),
                    reasons: &words[row],
                    is_abnormal: label.map(|label| self.is_abnormal(label, detector)),
                })?;
            }
        }
        notes.extend(self.model.preparation.notes_on_missing(&missing));
        Ok(())
    }

    fn is_abnormal(&self, label: Option<&str>, detector: &Detector) -> bool {
        is_abnormal(label, if self.abnormal.is_empty() { &detector.abnormal } else { self.abnormal })
    }
}

/// Scores of all rows in memory, and their quality by labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScannedRows {
    /// Score of each row, in order; NaN where it could not be scored.
    pub scores: Vec<f64>,
    /// True for each row that its label marks as abnormal; `None` without labels.
    pub truth: Option<Vec<bool>>,
    /// Rows of the highest scores, 5000 at most, the highest first: their numbers from 1, and their reasons.
    pub top: Vec<(u64, String)>,
    /// Number of rows that could not be scored.
    pub unusable: u64,
    /// ROC-AUC of the scores; `None` without labels of both kinds.
    pub roc_auc: Option<f64>,
    /// Average precision of the scores; `None` without labels of both kinds.
    pub average_precision: Option<f64>,
    /// ROC-AUC of the squared error of the PCA baseline; `None` without the baseline or labels of both kinds.
    pub pca_roc_auc: Option<f64>,
    /// Remarks on the data, in words.
    pub notes: Vec<String>,
}

/// Scores every row of `source` with the detector `model`; `progress` receives the number of rows so far and returns
/// whether to go on. Rows that cannot be read are counted and skipped.
///
/// # Errors
/// Same as [`super::score_rows`], and [`TaskError::Canceled`] when `progress` ends the work.
pub fn scan_rows(
    model: &Model,
    source: &str,
    device: &Device,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<ScannedRows, TaskError> {
    let path = Path::new("detector");
    let source = &ScoreInput::Path(source.to_owned());
    let walk = RowScan { model, path, source, label: None, abnormal: &[], keep_going: true, device };
    let mut scan = ScannedRows::default();
    let (mut truth, mut beside, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut top: Vec<(f64, u64, String)> = Vec::new();
    let keep = |top: &mut Vec<(f64, u64, String)>| {
        top.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        top.truncate(TOP);
    };
    walk.run(&mut notes, &mut |scored: Scored<'_>| {
        if scored.row.is_multiple_of(1024) && progress(scored.row).is_break() {
            return Err(TaskError::Canceled);
        }
        scan.unusable += u64::from(scored.score.is_err());
        scan.scores.push(scored.score.unwrap_or(f64::NAN));
        truth.extend(scored.is_abnormal);
        beside.extend(scored.pca);
        if let Ok(score) = scored.score {
            top.push((score, scored.row, scored.reasons.to_owned()));
            if top.len() >= 4 * TOP {
                keep(&mut top);
            }
        }
        Ok(())
    })?;
    keep(&mut top);
    scan.top = top.into_iter().map(|(_, row, reasons)| (row, reasons)).collect();
    scan.notes = notes;
    if truth.len() == scan.scores.len() && !truth.is_empty() {
        let used = |values: &[f64]| {
            let pairs = values.iter().zip(&scan.scores).zip(&truth).filter(|((_, score), _)| !score.is_nan());
            pairs.map(|((value, _), truth)| (*value, *truth)).unzip::<f64, bool, Vec<f64>, Vec<bool>>()
        };
        let (values, of_them) = used(&scan.scores);
        scan.roc_auc = roc_auc(&values, &of_them);
        scan.average_precision = scan.roc_auc.and_then(|_| average_precision(&values, &of_them));
        if beside.len() == scan.scores.len() {
            let (values, of_them) = used(&beside);
            scan.pca_roc_auc = roc_auc(&values, &of_them);
        }
        scan.truth = Some(truth);
    }
    Ok(scan)
}
