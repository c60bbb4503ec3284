//! Which rows of a table are abnormal, and which of their columns make them so: a model is fitted on normal rows, and what
//! it cannot rebuild as well as it rebuilds other normal rows is abnormal.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::evaluate::{Opened, evaluator_of};
use crate::data::{Column, DataError, DataSet, DataSpec, Part};
use crate::device::Device;
use crate::model::{Detector, ModelFileError, suggest, write_whole};
use crate::train::{Evaluator, Run, Session, TrainError};

/// Classes of these names are normal rows where nothing else is said; rows without a label are "unknown".
const NORMAL: [&str; 4] = ["0", "false", "normal", "unknown"];
/// Columns that are named for each abnormal row.
const REASONS: usize = 3;
/// A column's usual error is taken for no less than this share of its deviation: a column that is always rebuilt exactly
/// would make any rounding abnormal.
const LEAST_ERROR: f64 = 0.01;
/// Steps between two looks at whether training is done.
const STEPS: usize = 64;

/// What a detector is fitted to.
#[derive(Clone, Debug)]
pub struct DetectorOptions {
    /// The column that says which rows are abnormal; never a feature.
    pub label: Option<String>,
    /// Values of that column that are abnormal; anything but 0, false, normal or nothing where empty.
    pub abnormal: Option<String>,
    /// Columns that are not looked at.
    pub exclude: Vec<String>,
    /// Share of normal rows that may be called abnormal.
    pub false_alarms: f64,
    pub seed: u64,
}

/// The object that `detect fit --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectorReport {
    pub model: String,
    pub data: String,
    /// Normal rows that were trained on, and those held out that the threshold is from.
    pub train_rows: usize,
    pub held_rows: usize,
    pub features: usize,
    pub latent: usize,
    pub threshold: f64,
    pub false_alarms: f64,
    pub epochs: usize,
    pub seconds: f64,
    /// What was found out about the data, in words.
    pub notes: Vec<String>,
}

/// The object that `detect score --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    pub model: String,
    pub data: String,
    pub output: String,
    pub rows: usize,
    pub abnormal: usize,
    pub threshold: f64,
    /// Area under the receiver operating characteristic, where the rows have labels.
    pub roc_auc: Option<f64>,
    pub notes: Vec<String>,
}

/// Fits a detector to the normal rows of the table at `source` and saves it at `path`.
///
/// # Errors
/// When the table cannot be read, has too few normal rows, or `path` cannot be written.
pub fn fit_detector(
    source: &str,
    path: &Path,
    options: &DetectorOptions,
    device: Device,
) -> Result<DetectorReport, TrainError> {
    let labels = options.label.clone().unwrap_or_else(|| "none".to_owned());
    let base = DataSpec { labels: Some(labels), exclude: options.exclude.clone(), ..DataSpec::of(source) };
    let validation = crate::model::preset("undercomplete")?.spec.train.validation_fraction;
    let mut all = DataSet::open(&base, validation, options.seed)?;
    let normal = normal_classes(&all, options)?;
    if !all.classes.is_empty() {
        all = DataSet::open(&DataSpec { only: normal.clone(), ..base }, validation, options.seed)?;
    }
    let data = Arc::new(all);
    let mut spec = suggest(&data)?.spec;
    spec.train.seed = options.seed;
    let (latent, features) = (spec.model.latent, data.features);
    let mut run = Run::new(Session::new(spec, Arc::clone(&data), device)?, None, None, false)?;
    while !run.is_done() {
        run.advance(STEPS)?;
    }
    let mut model = run.kept_model()?;

    let held = data.validation.start..data.test.end;
    let errors = {
        let mut evaluator = evaluator_of(&model, &data, run.session().device(), path)?;
        squared_errors(&mut evaluator, &data, held.clone())?
    };
    let count = held.len().max(1) as f64;
    let usual: Vec<f64> = (0..features)
        .map(|feature| {
            let sum: f64 = errors.iter().skip(feature).step_by(features).sum();
            (sum / count).max(LEAST_ERROR * LEAST_ERROR)
        })
        .collect();
    let mut scores: Vec<f64> = errors.chunks_exact(features).map(|row| score(row, &usual)).collect();
    scores.sort_by(f64::total_cmp);
    let threshold = quantile(&scores, 1.0 - options.false_alarms);
    model.detector = Some(Detector { usual_errors: usual, threshold, false_alarms: options.false_alarms, normal });
    model.save(path)?;
    Ok(DetectorReport {
        model: path.display().to_string(),
        data: source.to_owned(),
        train_rows: data.train.len(),
        held_rows: held.len(),
        features,
        latent,
        threshold,
        false_alarms: options.false_alarms,
        epochs: run.epochs().len(),
        seconds: run.seconds(),
        notes: data.notes.clone(),
    })
}

/// Scores every row of `source` with the detector at `path` and writes `row,score,abnormal,reasons` to `output`.
///
/// # Errors
/// When the model is no detector, the table lacks a column that it was fitted on, or `output` cannot be written.
pub fn score_rows(path: &Path, source: &str, output: &Path, device: &Device) -> Result<Scores, TrainError> {
    let Opened { model, mut evaluator, data } = Opened::new(path, Some(source), device)?;
    let detector = model.detector.as_ref().filter(|detector| detector.usual_errors.len() == data.features);
    let detector = detector.ok_or_else(|| ModelFileError::Malformed {
        path: path.into(),
        problem: "it is no detector, make one with `hourglass detect fit`".to_owned(),
    })?;
    let rows = data.part(Part::Test);
    let errors = squared_errors(&mut evaluator, &data, rows.clone())?;
    let mut seen = data.rows_f32(rows.clone())?;
    let mut expected = evaluator.outputs(rows.clone(), true, false)?.outputs;
    model.preparation.undo(&mut seen);
    model.preparation.undo(&mut expected);
    let scores: Vec<f64> = errors.chunks_exact(data.features).map(|row| score(row, &detector.usual_errors)).collect();

    let unwritable = |problem: String| ModelFileError::Unwritable { path: output.into(), problem };
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["row", "score", "abnormal", "reasons"]).map_err(|error| unwritable(error.to_string()))?;
    let spans = spans(&model.preparation.columns, data.features);
    for (row, &score) in scores.iter().enumerate() {
        let at = row * data.features..(row + 1) * data.features;
        let parts = (&errors[at.clone()], &seen[at.clone()], &expected[at]);
        let reasons = reasons(parts, &detector.usual_errors, &spans);
        let abnormal = u8::from(score > detector.threshold);
        let record = [(row + 1).to_string(), format!("{score:.6}"), abnormal.to_string(), reasons];
        table.write_record(record).map_err(|error| unwritable(error.to_string()))?;
    }
    write_whole(output, &table.into_inner().map_err(|error| unwritable(error.to_string()))?)?;
    let is_abnormal = |label: &u8| {
        let name = data.classes.get(usize::from(*label));
        name.is_some_and(|name| !detector.normal.contains(name))
    };
    let labels: Option<Vec<bool>> = data.labels.as_ref().map(|labels| labels.iter().map(is_abnormal).collect());
    Ok(Scores {
        model: path.display().to_string(),
        data: source.to_owned(),
        output: output.display().to_string(),
        rows: scores.len(),
        abnormal: scores.iter().filter(|&&score| score > detector.threshold).count(),
        threshold: detector.threshold,
        roc_auc: labels.and_then(|labels| crate::metrics::roc_auc(&scores, &labels)),
        notes: data.notes.clone(),
    })
}

/// Names of the classes that are normal.
fn normal_classes(data: &DataSet, options: &DetectorOptions) -> Result<Vec<String>, DataError> {
    let is_normal = |name: &&String| match &options.abnormal {
        Some(abnormal) => *name != abnormal,
        None => NORMAL.contains(&name.to_lowercase().as_str()),
    };
    if let Some(abnormal) = &options.abnormal
        && !data.classes.contains(abnormal)
    {
        let problem = format!("no label is {abnormal:?}; there are {}", data.classes.join(", "));
        return Err(DataError::Option { field: "--abnormal", problem });
    }
    let normal: Vec<String> = data.classes.iter().filter(is_normal).cloned().collect();
    if normal.is_empty() && !data.classes.is_empty() {
        let problem = format!(
            "none of the labels {} is normal; name the abnormal one with --abnormal VALUE",
            data.classes.join(", ")
        );
        return Err(DataError::Option { field: "--label", problem });
    }
    Ok(normal)
}

/// (x - reconstruction of x)^2 of every value of `rows`, on the scale that the network sees.
fn squared_errors(
    evaluator: &mut Evaluator,
    data: &DataSet,
    rows: std::ops::Range<usize>,
) -> Result<Vec<f64>, TrainError> {
    let made = evaluator.outputs(rows.clone(), true, false)?.outputs;
    let seen = data.rows_f32(rows)?;
    Ok(made.iter().zip(&seen).map(|(&made, &seen)| (f64::from(made) - f64::from(seen)).powi(2)).collect())
}

/// The mean of a row's squared errors, each by what is usual of its feature: 1 for a normal row, on average.
fn score(errors: &[f64], usual: &[f64]) -> f64 {
    errors.iter().zip(usual).map(|(error, usual)| error / usual).sum::<f64>() / errors.len().max(1) as f64
}

/// The value of `sorted` below which a share of them lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::INFINITY)
}

/// The columns, each with its features.
fn spans(columns: &[Column], features: usize) -> Vec<(Column, std::ops::Range<usize>)> {
    if columns.is_empty() {
        let column = |at: usize| {
            let name = format!("value {}", at + 1);
            (Column::Number { name, fill: 0.0, offset: 0.0, scale: 1.0 }, at..at + 1)
        };
        return (0..features).map(column).collect();
    }
    let mut first = 0;
    columns
        .iter()
        .map(|column| {
            let start = first;
            first += column.features().len();
            (column.clone(), start..first)
        })
        .collect()
}

/// `column=seen (expected E)` of the columns that add most to the score, the largest first.
fn reasons(
    (errors, seen, expected): (&[f64], &[f32], &[f32]),
    usual: &[f64],
    spans: &[(Column, std::ops::Range<usize>)],
) -> String {
    let share = |at: &std::ops::Range<usize>| at.clone().map(|i| errors[i] / usual[i]).sum::<f64>();
    let mut columns: Vec<_> = spans.iter().map(|(column, at)| (share(at), column, at)).collect();
    columns.sort_by(|a, b| b.0.total_cmp(&a.0));
    let words = |&(_, column, at): &(f64, &Column, &std::ops::Range<usize>)| {
        let of = |values: &[f32]| match column {
            Column::Number { .. } => {
                format!("{:.4}", values[at.start]).trim_end_matches('0').trim_end_matches('.').into()
            }
            Column::Category { values: names, .. } => {
                let best = at.clone().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(at.start) - at.start;
                names.get(best).cloned().unwrap_or_else(|| "other".to_owned())
            }
            Column::Time { .. } => {
                let angle = f64::from(values[at.start]).atan2(f64::from(values[at.start + 1]));
                format!("{:.0}% of its cycle", (angle / std::f64::consts::TAU).rem_euclid(1.0) * 100.0)
            }
        };
        let (seen, expected): (String, String) = (of(seen), of(expected));
        format!("{}={seen} (expected {expected})", column.name())
    };
    columns.iter().take(REASONS).map(words).collect::<Vec<_>>().join("; ")
}
