//! Scores of rows, written with their reasons.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::histogram::Histogram;
use super::plots::draw_pictures;
use super::row_scan::{RowScan, ScoreInput, Scored};
use super::scores::Scores;
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::{average_precision, roc_auc};
use crate::model::{Model, ModelFileError, Severity};
use crate::platform::Instant;
use crate::tasks::TaskError;

/// Labeled rows whose scores are kept for the curves, at most: their memory grows with the rows.
const LABELED_ROWS: usize = 20_000_000;

/// Options of [`score_rows`].
#[derive(Clone, Debug, Default)]
pub struct ScoreOptions {
    /// Score above which a row is abnormal; the detector's own where `None`.
    pub threshold: Option<f64>,
    /// Column of labels; that of the detector where `None`.
    pub label: Option<String>,
    /// Labels of abnormal rows; those of the detector where empty.
    pub abnormal: Vec<String>,
    /// True if rows that cannot be read are reported and do not stop the others.
    pub keep_going: bool,
    /// Folder for plots of the scores; none are drawn where `None`.
    pub pictures: Option<PathBuf>,
}

/// Destination of the scores.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScoreOutput {
    /// CSV file at this path.
    File(PathBuf),
    /// Standard output, as CSV.
    StandardOutput,
}

impl ScoreOutput {
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::StandardOutput => "standard output".to_owned(),
        }
    }
}

/// Results gathered while rows are written.
struct Gathered {
    scores: Scores,
    histogram: Histogram,
    /// Scale of severity; `None` for detectors of earlier versions.
    severity: Option<Severity>,
    /// Scores, errors of the PCA baseline, and labels (true for abnormal) of labeled rows.
    labeled: (Vec<f64>, Vec<f64>, Vec<bool>),
    /// True once the names of the columns are written.
    is_begun: bool,
}

/// Scores each row of `source` with the detector at `path` and writes `row,score,abnormal,reasons,severity` to `output`;
/// where rows are files, their names are a column `file` before the last.
///
/// # Errors
/// When the model is no detector, the data lacks a column that it was fitted on or has rows that cannot be read, or
/// `output` cannot be written.
#[tracing::instrument(level = "debug", name = "score", skip_all)]
pub fn score_rows(
    path: &Path,
    source: &ScoreInput,
    output: &ScoreOutput,
    options: &ScoreOptions,
    device: &Device,
) -> Result<Scores, TaskError> {
    write_scores(&Model::load(path)?, path, source, output, options, device)
}

/// Same as [`score_rows`], with a model in memory that was read from `path`.
///
/// # Errors
/// Same as [`score_rows`].
pub fn write_scores(
    model: &Model,
    path: &Path,
    source: &ScoreInput,
    output: &ScoreOutput,
    options: &ScoreOptions,
    device: &Device,
) -> Result<Scores, TaskError> {
    let label = options.label.as_deref();
    let walk =
        RowScan { model, path, source, label, abnormal: &options.abnormal, keep_going: options.keep_going, device };
    let threshold = options.threshold.unwrap_or(walk.detector()?.threshold);
    let started = Instant::now();
    let mut gathered = Gathered {
        scores: Scores {
            model: path.display().to_string(),
            data: source.name().to_owned(),
            output: output.name(),
            threshold,
            ..Scores::default()
        },
        histogram: Histogram::default(),
        severity: walk.detector()?.severity.clone(),
        labeled: (Vec::new(), Vec::new(), Vec::new()),
        is_begun: false,
    };
    let mut failure = None;
    let mut write = |to: &mut dyn Write| {
        let mut table = csv::Writer::from_writer(to);
        let mut notes = Vec::new();
        let done = walk.run(&mut notes, &mut |scored| gathered.take(&mut table, &scored));
        let done = done.and_then(|()| Ok(gathered.begin(&mut table, false)?));
        gathered.scores.notes.splice(0..0, notes);
        match done {
            Ok(()) => table.flush(),
            Err(Failure::Write(error)) => Err(error),
            Err(Failure::Score(error)) => {
                failure = Some(error);
                Err(std::io::Error::other("scoring failed"))
            }
        }
    };
    let written = match output {
        ScoreOutput::StandardOutput => match write(&mut std::io::BufWriter::new(std::io::stdout().lock())) {
            // Whoever reads them has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        },
        ScoreOutput::File(path) => crate::platform::files::write_whole(path, |file| write(file)),
    };
    if let Some(failure) = failure {
        return Err(failure);
    }
    written.map_err(|error| ModelFileError::Unwritable { path: output.name().into(), problem: error.to_string() })?;
    let Gathered { mut scores, histogram, labeled: (values, beside, truth), .. } = gathered;
    scores.seconds = started.elapsed().as_secs_f64();
    scores.rows_per_second = scores.rows as f64 / scores.seconds.max(1e-9);
    if !options.abnormal.is_empty() && !truth.is_empty() && !truth.contains(&true) {
        let setting = Setting::ABNORMAL;
        scores.notes.push(format!("no row has a label that {setting} names, and there are no metrics by labels"));
    }
    scores.roc_auc = roc_auc(&values, &truth);
    if scores.roc_auc.is_some() {
        scores.average_precision = average_precision(&values, &truth);
        scores.pca_roc_auc = if beside.len() == truth.len() { roc_auc(&beside, &truth) } else { None };
        let count = |above: bool, positive: bool| {
            let same = |(score, truth): &(&f64, &bool)| (**score > threshold) == above && **truth == positive;
            values.iter().zip(&truth).filter(same).count() as f64
        };
        let (found, false_alarms, missed) = (count(true, true), count(true, false), count(false, true));
        scores.precision = (found + false_alarms > 0.0).then(|| found / (found + false_alarms));
        scores.recall = Some(found / (found + missed));
        scores.f1 = Some(2.0 * found / (2.0 * found + false_alarms + missed));
    }
    if let Some(folder) = &options.pictures {
        scores.pictures = draw_pictures(folder, &scores, &histogram, &values, &truth)?;
    }
    Ok(scores)
}

enum Failure {
    Write(std::io::Error),
    Score(TaskError),
}

impl From<TaskError> for Failure {
    fn from(error: TaskError) -> Self {
        Self::Score(error)
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

impl Gathered {
    /// Writes the names of the columns, unless they are there.
    fn begin(&mut self, table: &mut csv::Writer<&mut dyn Write>, has_files: bool) -> Result<(), csv::Error> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        let file = has_files.then_some("file");
        table.write_record(["row", "score", "abnormal", "reasons"].into_iter().chain(file).chain(["severity"]))
    }

    fn take(&mut self, table: &mut csv::Writer<&mut dyn Write>, scored: &Scored<'_>) -> Result<(), Failure> {
        /// Problems that are named, at most.
        const NAMED: u64 = 20;
        self.begin(table, scored.file.is_some())?;
        let row = scored.row.to_string();
        let file = scored.file.as_deref();
        let score = match scored.score {
            Ok(score) => score,
            Err(problem) => {
                let problem_text = format!("not scored: {problem}");
                table.write_record([row.as_str(), "", "", &problem_text].into_iter().chain(file).chain([""]))?;
                if self.scores.unusable < NAMED {
                    self.scores.notes.push(format!("row {row} was not scored: {problem}"));
                }
                self.scores.unusable += 1;
                return Ok(());
            }
        };
        let is_above = score > self.scores.threshold;
        let flag = if is_above { "1" } else { "0" };
        let severity = self.severity.as_ref().map_or_else(String::new, |scale| scale.rounded(score).to_string());
        let score_text = format!("{score:.6}");
        let first = [row.as_str(), &score_text, flag, scored.reasons];
        table.write_record(first.into_iter().chain(file).chain([severity.as_str()]))?;
        self.scores.rows += 1;
        self.scores.abnormal += u64::from(is_above);
        self.histogram.add(score, scored.is_abnormal);
        let (values, beside, truth) = &mut self.labeled;
        if let Some(is_abnormal) = scored.is_abnormal
            && truth.len() < LABELED_ROWS
        {
            values.push(score);
            beside.extend(scored.pca);
            truth.push(is_abnormal);
            if truth.len() == LABELED_ROWS {
                self.scores
                    .notes
                    .push(format!("ROC-AUC and the other metrics by labels are of the first {LABELED_ROWS} rows"));
            }
        }
        Ok(())
    }
}
