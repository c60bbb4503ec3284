//! Judgments of rows by people, which count in the next scores of a detector without a fit.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::is_abnormal;
use super::reasons::cells_of_rows;
use crate::data::TableStream;
use crate::error::Setting;
use crate::model::{Model, ModelFileError};
use crate::tasks::TaskError;

/// Rows that are read at once.
const ROWS: usize = 4096;
/// Words of judgments that are named, at most.
const NAMED: usize = 20;
/// Judged rows that a detector keeps, at most: each is compared with every row that is scored.
const MOST: usize = 2000;

/// Row that was judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgedRow {
    /// True if the row was said to be abnormal, false if normal.
    pub abnormal: bool,
    /// Its cells as `column=value`, joined by `; `.
    pub cells: String,
}

/// The object that `detect refine --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefineReport {
    /// Path of the detector that was written; that of the one that was read where only the judged rows were listed.
    pub model: String,
    /// Rows of the table that were judged.
    pub read: usize,
    /// Rows without a label, which are left as they were.
    pub skipped: usize,
    /// Rows said to be normal that the detector keeps now.
    pub normal: usize,
    /// Rows said to be abnormal that the detector keeps now.
    pub abnormal: usize,
    /// Judged rows that the detector keeps, the first judged first.
    pub judged: Vec<JudgedRow>,
    /// Remarks on the data, in words.
    pub notes: Vec<String>,
}

/// Adds the judgments in the column `label` of the table `source` to the detector `model`; `path` is its origin, for
/// errors. A row that was judged before has its last judgment. Labels in `abnormal`, or of the detector's, or all but 0,
/// false and normal mark abnormal rows; rows without a label are skipped.
///
/// # Errors
/// When the detector keeps no normal rows to compare with, the table lacks a column, a row cannot be read, no label tells
/// normal rows from abnormal ones, or there are too many judgments; `model` may have taken some of them.
pub fn refine(
    model: &mut Model,
    path: &Path,
    source: &Path,
    label: &str,
    abnormal: &[String],
) -> Result<RefineReport, TaskError> {
    let features = model.features;
    let mut report = list_judged(model, path)?;
    if model.preparation.columns.iter().any(|column| column.name() == label) {
        let problem =
            format!("{label:?} is a column that the detector compares rows by; name the one of the judgments");
        return Err(TaskError::Setting { setting: Setting::LABEL, problem });
    }
    let mut stream = TableStream::open(source, &model.spec.data, &model.preparation, Some(label))?;
    if !stream.has_labels() {
        let problem = format!("{} has no column {label:?}", source.display());
        return Err(TaskError::Setting { setting: Setting::LABEL, problem });
    }
    report.notes = stream.notes.clone();
    let Some(detector) = &mut model.detector else { return Err(no_detector(path)) };
    let Some(near) = &mut detector.near else { return Err(keeps_nothing(path)) };
    let known = if abnormal.is_empty() { detector.abnormal.as_slice() } else { abnormal };
    let (mut words, before) = (JudgmentWords::default(), near.is_abnormal.len());
    while let Some(chunk) = stream.next(ROWS, false)? {
        for (row, label) in chunk.values.chunks_exact(features).zip(&chunk.labels) {
            let Some(label) = label.as_deref().filter(|label| !label.trim().is_empty()) else {
                report.skipped += 1;
                continue;
            };
            report.read += 1;
            let judgment = is_abnormal(Some(label), known);
            words.add(label, judgment);
            match near.judged.chunks_exact(features).position(|judged| judged == row) {
                Some(at) => {
                    words.changed += usize::from(at >= before && near.is_abnormal[at] != judgment);
                    near.is_abnormal[at] = judgment;
                }
                None => {
                    near.judged.extend_from_slice(row);
                    near.is_abnormal.push(judgment);
                }
            }
            if near.is_abnormal.len() > MOST {
                let problem =
                    format!("a detector keeps {MOST} judged rows at most; give fewer, or fit it again with them");
                return Err(TaskError::Setting { setting: Setting::DATA, problem });
            }
        }
    }
    words.check(abnormal)?;
    report.notes.extend(words.notes());
    let counted = list_judged(model, path)?;
    Ok(RefineReport { read: report.read, skipped: report.skipped, notes: report.notes, ..counted })
}

/// Words of the judgments of a table.
#[derive(Debug, Default)]
struct JudgmentWords {
    /// True for words that mark abnormal rows.
    known: BTreeMap<String, bool>,
    /// Rows of the table that were judged once more, and otherwise.
    changed: usize,
}

impl JudgmentWords {
    fn add(&mut self, label: &str, is_abnormal: bool) {
        if !self.known.contains_key(label) {
            self.known.insert(label.to_owned(), is_abnormal);
        }
    }

    fn listed(&self, is_abnormal: bool) -> String {
        let of = |(word, is): (&String, &bool)| (*is == is_abnormal).then(|| word.clone());
        self.known.iter().filter_map(of).take(NAMED).collect::<Vec<_>>().join(", ")
    }

    /// Refuses labels `abnormal` that no row has, and several words that are all taken for abnormal, as none of them is
    /// a usual one of normal rows.
    fn check(&self, abnormal: &[String]) -> Result<(), TaskError> {
        let has = |one: &String| self.known.keys().any(|word| is_abnormal(Some(word), std::slice::from_ref(one)));
        if let Some(unused) = abnormal.iter().find(|one| !has(one)) {
            let all: Vec<&str> = self.known.keys().take(NAMED).map(String::as_str).collect();
            let problem = format!("no row has the label {unused:?}; there are {}", all.join(", "));
            return Err(TaskError::Setting { setting: Setting::ABNORMAL, problem });
        }
        if abnormal.is_empty() && self.known.len() > 1 && self.known.values().all(|&is| is) {
            let problem = format!(
                "the labels {} all mark rows as abnormal; normal rows hold 0, false or normal, or name the abnormal \
                 label with {} VALUE",
                self.listed(true),
                Setting::ABNORMAL
            );
            return Err(TaskError::Setting { setting: Setting::LABEL, problem });
        }
        Ok(())
    }

    /// Returns how words that are no numbers were taken, and judgments that contradict each other.
    fn notes(&self) -> Vec<String> {
        let are_words = self.known.keys().any(|word| word.parse::<f64>().is_err());
        let side = |is: bool| match self.listed(is) {
            words if words.is_empty() => "none".to_owned(),
            words => words,
        };
        let taken = || format!("labels of abnormal rows: {}; of normal ones: {}", side(true), side(false));
        let rows = crate::style::counted(self.changed, "row");
        let changed = || format!("{rows} judged once more and otherwise: the last judgment counts");
        let notes = [are_words.then(taken), (self.changed > 0).then(changed)];
        notes.into_iter().flatten().collect()
    }
}

/// Lists the judged rows of the detector `model`; `path` is its origin.
///
/// # Errors
/// When it is no detector that keeps normal rows.
pub fn list_judged(model: &Model, path: &Path) -> Result<RefineReport, TaskError> {
    let detector = model.detector.as_ref().ok_or_else(|| no_detector(path))?;
    let near = detector.near.as_ref().ok_or_else(|| keeps_nothing(path))?;
    let cells = cells_of_rows(model, &near.judged);
    let judged: Vec<JudgedRow> =
        near.is_abnormal.iter().zip(cells).map(|(&abnormal, cells)| JudgedRow { abnormal, cells }).collect();
    let abnormal = judged.iter().filter(|row| row.abnormal).count();
    Ok(RefineReport {
        model: path.display().to_string(),
        read: 0,
        skipped: 0,
        normal: judged.len() - abnormal,
        abnormal,
        judged,
        notes: Vec::new(),
    })
}

fn no_detector(path: &Path) -> TaskError {
    let problem = "it is not a detector, make one with `hourglass detect fit`".to_owned();
    ModelFileError::Malformed { path: path.into(), problem }.into()
}

fn keeps_nothing(path: &Path) -> TaskError {
    let problem =
        "it keeps no normal rows to compare judged ones with: only detectors of tables do; fit it again if it \
                   is of a table and of an earlier version"
            .to_owned();
    ModelFileError::Malformed { path: path.into(), problem }.into()
}
