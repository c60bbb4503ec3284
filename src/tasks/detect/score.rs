//! Scores of rows, with what makes them abnormal.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::pictures::{Histogram, draw_pictures};
use super::reasons::Reasons;
use super::scorer::Scorer;
use super::{is_abnormal, member_models, steps};
use crate::data::{DataError, DataSpec, Part, SourceKind, TableStream, read_labels};
use crate::device::Device;
use crate::metrics::{average_precision, roc_auc};
use crate::model::{Detector, Model, ModelFileError};
use crate::train::TrainError;

/// Labelled rows whose scores are kept for the curves; they are the memory that grows with the rows.
const LABELED_ROWS: usize = 20_000_000;

/// How rows are scored.
#[derive(Clone, Debug, Default)]
pub struct ScoreOptions {
    /// Instead of the detector's own.
    pub threshold: Option<f64>,
    /// The column of labels, instead of the one that the detector was fitted with.
    pub label: Option<String>,
    /// What it says of abnormal rows, instead of what the detector was fitted with.
    pub abnormal: Vec<String>,
    /// Rows that cannot be read are reported and do not stop the others.
    pub keep_going: bool,
    /// A folder for pictures of the scores.
    pub pictures: Option<PathBuf>,
}

/// The object that `detect score --json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    pub model: String,
    pub data: String,
    pub output: String,
    pub rows: u64,
    /// Rows above the threshold.
    pub abnormal: u64,
    /// Rows that could not be scored.
    pub unusable: u64,
    pub threshold: f64,
    /// How well scores tell labelled rows apart; `None` without labels of both kinds.
    pub roc_auc: Option<f64>,
    pub average_precision: Option<f64>,
    /// Of what the threshold calls abnormal, and of what is; `None` without labels of both kinds.
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    pub seconds: f64,
    pub rows_per_second: f64,
    /// Pictures that were drawn.
    pub pictures: Vec<String>,
    pub notes: Vec<String>,
}

/// What is gathered while rows are written.
struct Gathered<'a> {
    scores: Scores,
    histogram: Histogram,
    labelled: (Vec<f64>, Vec<bool>),
    abnormal: &'a [String],
}

/// A score for each row of `source` (`-` is standard input) by the detector at `path`, written as
/// `row,score,abnormal,reasons` to `output` (`-` is standard output).
///
/// # Errors
/// When the model is no detector, the data lacks a column that it was fitted on or has rows that cannot be read, or `output`
/// cannot be written.
pub fn score_rows(
    path: &Path,
    source: &str,
    output: &Path,
    options: &ScoreOptions,
    device: &Device,
) -> Result<Scores, TrainError> {
    let model = Model::load(path)?;
    let detector = model.detector.clone().ok_or_else(|| ModelFileError::Malformed {
        path: path.into(),
        problem: "it is no detector, make one with `hourglass detect fit`".to_owned(),
    })?;
    let abnormal = if options.abnormal.is_empty() { &detector.abnormal } else { &options.abnormal };
    let started = std::time::Instant::now();
    let threshold = options.threshold.unwrap_or(detector.threshold);
    let mut gathered = Gathered {
        scores: Scores {
            model: path.display().to_string(),
            data: source.to_owned(),
            output: output.display().to_string(),
            threshold,
            ..Scores::default()
        },
        histogram: Histogram::default(),
        labelled: (Vec::new(), Vec::new()),
        abnormal,
    };
    let task = Task { path, source, options, model: &model, detector: &detector, device };
    let mut failure = None;
    let mut write = |to: &mut dyn Write| {
        let mut table = csv::Writer::from_writer(to);
        let done = task.run(&mut table, &mut gathered);
        let flushed = table.flush();
        match done {
            Ok(()) => flushed,
            Err(Failure::Write(error)) => Err(error),
            Err(Failure::Score(error)) => {
                failure = Some(error);
                Err(std::io::Error::other("scoring failed"))
            }
        }
    };
    let written = if output == Path::new("-") {
        match write(&mut std::io::BufWriter::new(std::io::stdout().lock())) {
            // Whoever reads them has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    } else {
        crate::data::write_whole(output, |file| write(file))
    };
    if let Some(failure) = failure {
        return Err(failure);
    }
    written.map_err(|error| ModelFileError::Unwritable { path: output.into(), problem: error.to_string() })?;
    let Gathered { mut scores, histogram, labelled, .. } = gathered;
    scores.seconds = started.elapsed().as_secs_f64();
    scores.rows_per_second = scores.rows as f64 / scores.seconds.max(1e-9);
    let (values, truth) = &labelled;
    scores.roc_auc = roc_auc(values, truth);
    scores.average_precision = scores.roc_auc.and_then(|_| average_precision(values, truth));
    if scores.roc_auc.is_some() {
        let count = |above: bool, positive: bool| {
            values
                .iter()
                .zip(truth)
                .filter(|(score, truth)| (**score > threshold) == above && **truth == positive)
                .count() as f64
        };
        let (found, false_alarms, missed) = (count(true, true), count(true, false), count(false, true));
        scores.precision = (found + false_alarms > 0.0).then(|| found / (found + false_alarms));
        scores.recall = Some(found / (found + missed));
        scores.f1 = Some(2.0 * found / (2.0 * found + false_alarms + missed));
    }
    if let Some(folder) = &options.pictures {
        scores.pictures = draw_pictures(folder, &scores, &histogram, values, truth)?;
    }
    Ok(scores)
}

enum Failure {
    Write(std::io::Error),
    Score(TrainError),
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        Self::Score(error)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Score(error.into())
    }
}

impl From<csv::Error> for Failure {
    fn from(error: csv::Error) -> Self {
        Self::Write(match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => std::io::Error::other(format!("{other:?}")),
        })
    }
}

struct Task<'a> {
    path: &'a Path,
    source: &'a str,
    options: &'a ScoreOptions,
    model: &'a Model,
    detector: &'a Detector,
    device: &'a Device,
}

type Table<'a> = csv::Writer<&'a mut dyn Write>;

impl Task<'_> {
    fn run(&self, table: &mut Table<'_>, gathered: &mut Gathered<'_>) -> Result<(), Failure> {
        let models = member_models(self.model, self.detector);
        let label = self.options.label.as_ref().or(self.detector.label.as_ref()).map(String::as_str);
        let (kind, spec) = (self.model.preparation.source, &self.model.spec);
        let is_parquet = Path::new(self.source).extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
        if self.source == "-" && kind != SourceKind::Table {
            let problem = format!("the detector is for {}, which is read from a file or folder", kind.name());
            return Err(DataError::Malformed { place: "standard input".to_owned(), problem }.into());
        }
        if kind == SourceKind::Table && !is_parquet {
            let preparation = &self.model.preparation;
            let stream = if self.source == "-" {
                TableStream::of(Box::new(std::io::stdin()), "standard input", &spec.data, preparation, label)?
            } else {
                TableStream::open(Path::new(self.source), &spec.data, preparation, label)?
            };
            if let Some(label) = self.options.label.as_deref()
                && !stream.has_labels()
            {
                let problem = format!("{} has no column {label:?}", self.source);
                return Err(DataError::Option { field: "--label", problem }.into());
            }
            gathered.scores.notes.extend(stream.notes.iter().cloned());
            let mut scorer = Scorer::streaming(&models, stream, self.options.keep_going, self.device, self.path)?;
            return self.rows(&mut scorer, table, gathered);
        }
        let labels = label.unwrap_or("none").to_owned();
        // Labels are looked for where they were when the detector was fitted; here they may be missing.
        let other = |labels: &str| {
            let data = DataSpec { labels: Some(labels.to_owned()), ..spec.data.clone() };
            let spec = crate::model::Spec { data, ..spec.clone() };
            spec.open_other_data(self.source, &self.model.preparation)
        };
        let data = Arc::new(match other(&labels) {
            Err(DataError::Option { field: "data.labels", .. }) if self.options.label.is_none() => other("none")?,
            opened => opened?,
        });
        if data.features != self.model.features {
            let (found, expected) = (data.features, self.model.features);
            return Err(DataError::WrongWidth { place: self.source.to_owned(), found, expected }.into());
        }
        gathered.scores.notes.extend(data.notes.iter().cloned());
        let rows = data.part(Part::Test);
        let mut scorer = Scorer::over(&models, &data, rows.clone(), self.device, self.path)?;
        if kind != SourceKind::Series {
            return self.rows(&mut scorer, table, gathered);
        }
        let words = match label {
            Some(label) => read_labels(Path::new(self.source), &DataSpec::of(self.source), label).ok(),
            None => None,
        };
        table.write_record(["row", "score", "abnormal", "reasons"])?;
        let scored = steps::score_steps(&mut scorer, self.model, self.detector, &data, rows)?;
        for (step, scored) in scored.iter().enumerate() {
            let label = words.as_ref().map(|words| words.get(step).and_then(|word| word.as_deref()));
            match scored {
                Some((score, reasons)) => gathered.write(table, *score, reasons, label)?,
                None => gathered.write_unusable(table, "not scored: it is in no whole window")?,
            }
        }
        Ok(())
    }

    fn rows(&self, scorer: &mut Scorer, table: &mut Table<'_>, gathered: &mut Gathered<'_>) -> Result<(), Failure> {
        let mut reasons = Reasons::new(self.model);
        table.write_record(["row", "score", "abnormal", "reasons"])?;
        while let Some(seen) = scorer.next()? {
            let scores = seen.scores(&self.detector.members, self.model.features);
            let words = reasons.of_rows(&seen, self.detector)?;
            let mut unusable = seen.unusable.iter().peekable();
            for (row, (&score, words)) in scores.iter().zip(&words).enumerate() {
                if let Some((_, problem)) = unusable.next_if(|(place, _)| *place == row) {
                    let number = gathered.scores.rows + gathered.scores.unusable + 1;
                    gathered.note_unusable(number, problem);
                    gathered.write_unusable(table, &format!("not scored: {problem}"))?;
                    continue;
                }
                let label = (!seen.labels.is_empty()).then(|| seen.labels[row].as_deref());
                gathered.write(table, score, words, label)?;
            }
        }
        Ok(())
    }
}

impl Gathered<'_> {
    /// `label` is `None` where there are no labels, and holds `None` where a row has none.
    fn write(
        &mut self,
        table: &mut Table<'_>,
        score: f64,
        reasons: &str,
        label: Option<Option<&str>>,
    ) -> Result<(), Failure> {
        let is_above = score > self.scores.threshold;
        let row = self.scores.rows + self.scores.unusable + 1;
        table.write_record([
            row.to_string().as_str(),
            &format!("{score:.6}"),
            if is_above { "1" } else { "0" },
            reasons,
        ])?;
        self.scores.rows += 1;
        self.scores.abnormal += u64::from(is_above);
        let truth = label.map(|label| is_abnormal(label, self.abnormal));
        self.histogram.add(score, truth);
        if let Some(truth) = truth
            && self.labelled.0.len() < LABELED_ROWS
        {
            self.labelled.0.push(score);
            self.labelled.1.push(truth);
            if self.labelled.0.len() == LABELED_ROWS {
                self.scores.notes.push(format!("ROC-AUC and the like are of the first {LABELED_ROWS} rows"));
            }
        }
        Ok(())
    }

    fn write_unusable(&mut self, table: &mut Table<'_>, why: &str) -> Result<(), Failure> {
        let row = self.scores.rows + self.scores.unusable + 1;
        table.write_record([row.to_string().as_str(), "", "", why])?;
        self.scores.unusable += 1;
        Ok(())
    }

    fn note_unusable(&mut self, row: u64, problem: &str) {
        /// More would not be read.
        const NAMED: u64 = 20;
        if self.scores.unusable < NAMED {
            self.scores.notes.push(format!("row {row} was not scored: {problem}"));
        }
    }
}
