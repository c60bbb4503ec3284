//! Rows that a detector is fitted to: labels are no feature, abnormal rows are left out.

use std::path::Path;
use std::sync::Arc;

use super::options::DetectorOptions;
use super::reconstructions::Reconstructor;
use super::scorer::Scorer;
use super::{is_abnormal, member_models};
use crate::data::{DataError, DataSet, DataSpec, PreparedColumn, SourceKind, TableStream, read_labels};
use crate::device::Device;
use crate::error::Setting;
use crate::model::{Detector, DetectorMember, Model, preset};
use crate::tasks::TaskError;

/// Data for training: labels are no feature, abnormal rows are left out.
pub(super) struct TrainingRows<'a> {
    pub options: &'a DetectorOptions,
    pub base: DataSpec,
    pub label: Option<String>,
    /// True for each row of the source that is labeled abnormal; empty without labels.
    is_abnormal: Vec<bool>,
    validation: f64,
}

impl<'a> TrainingRows<'a> {
    pub fn new(source: &str, options: &'a DetectorOptions) -> Result<Self, TaskError> {
        let spec = match &options.spec {
            Some(spec) => spec.with_set(&options.settings)?,
            // Of any spec only how data are read and divided: the model is chosen once they are known.
            None => {
                let mut spec = preset("undercomplete")?.spec;
                spec.data = DataSpec::from_source(source);
                let concerned = |setting: &&String| setting.starts_with("data.") || setting.starts_with("train.");
                spec.with_set(&options.settings.iter().filter(concerned).cloned().collect::<Vec<_>>())?
            }
        };
        let given = spec.data.clone();
        let bounded = options.spec.is_some() && spec.output().1 == crate::kernels::activation::Activation::Sigmoid;
        let mut base = DataSpec { source: source.to_owned(), bounded, whole: true, ..given };
        base.exclude.extend(options.exclude.iter().cloned());
        // A column that is named as labels are is no feature either, whether it is asked for or not.
        base.labels = options.label.clone().or(base.labels);
        let validation = spec.train.validation_fraction;
        let mut wanted = Self { options, base, label: options.label.clone(), is_abnormal: Vec::new(), validation };
        let Some(label) = &options.label else { return Ok(wanted) };
        let all = wanted.open().map_err(|error| match error {
            DataError::Setting { setting: Setting::DATA_LABELS, problem } => {
                TaskError::Setting { setting: Setting::LABEL, problem }
            }
            error => error.into(),
        })?;
        let abnormal = |label: Option<&str>| is_abnormal(label, &options.abnormal);
        let words: Vec<Option<String>> = if matches!(all.kind, SourceKind::Table | SourceKind::Series) {
            let words = read_labels(Path::new(source), &wanted.base, label)?;
            wanted.base.labels = Some("none".to_owned());
            wanted.base.exclude.push(label.clone());
            words
        } else {
            // By their numbers in the source.
            let mut words = vec![None; all.rows];
            for row in 0..all.rows {
                let place = all.order.as_ref().map_or(row, |order| order[row] as usize);
                let class = all.labels.as_ref().map_or(0, |labels| usize::from(labels[row]));
                if let Some(word) = words.get_mut(place) {
                    *word = all.classes.get(class).cloned();
                }
            }
            words
        };
        wanted.base.kind = Some(all.kind);
        wanted.is_abnormal = words.iter().map(|word| abnormal(word.as_deref())).collect();
        if let Some(unused) = options.abnormal.iter().find(|&one| {
            !words.iter().flatten().any(|word| is_abnormal(Some(word.as_str()), std::slice::from_ref(one)))
        }) {
            let mut known: Vec<String> = words.iter().flatten().cloned().collect();
            known.sort();
            known.dedup();
            known.truncate(20);
            let problem = format!("no row has the label {unused:?}; there are {}", known.join(", "));
            return Err(TaskError::Setting { setting: Setting::ABNORMAL, problem });
        }
        if wanted.is_abnormal.iter().all(|&abnormal| abnormal) {
            let problem = format!(
                "the labels {label:?} mark every row as abnormal; normal rows hold 0, false, normal or nothing, or \
                 name the abnormal label with {} VALUE",
                Setting::ABNORMAL
            );
            return Err(TaskError::Setting { setting: Setting::LABEL, problem });
        }
        wanted.base.omit = runs(&wanted.is_abnormal);
        Ok(wanted)
    }

    pub fn open(&self) -> Result<Arc<DataSet>, DataError> {
        Ok(Arc::new(DataSet::open_for_detector(&self.base, self.validation, self.options.seed)?))
    }

    /// Leaves out the rows of the highest scores, as many as there may be outliers.
    pub fn omit_worst(
        &mut self,
        model: &Model,
        member: &DetectorMember,
        data: &Arc<DataSet>,
        device: &Device,
        path: &Path,
    ) -> Result<(), TaskError> {
        if data.kind == SourceKind::Series {
            let problem =
                format!("it needs independent rows; for a series, label the abnormal steps with {}", Setting::LABEL);
            return Err(TaskError::Setting { setting: Setting::OUTLIERS, problem });
        }
        let mut reconstructions = Reconstructor::over(std::slice::from_ref(model), data, 0..data.rows, device, path)?;
        let mut scores = Vec::new();
        while let Some(chunk) = reconstructions.next()? {
            scores.extend(chunk.model_scores(std::slice::from_ref(member), data.features));
        }
        let mut worst: Vec<usize> = (0..data.rows).collect();
        worst.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        worst.truncate((self.options.outliers * data.rows as f64).round() as usize);
        let place = |row: usize| data.order.as_ref().map_or(row, |order| order[row] as usize);
        let places: Vec<usize> = worst.into_iter().map(place).collect();
        let most = places.iter().copied().max().map_or(0, |most| most + 1).max(self.is_abnormal.len());
        let mut omitted = self.is_abnormal.clone();
        omitted.resize(most, false);
        places.into_iter().for_each(|place| omitted[place] = true);
        self.base.omit = runs(&omitted);
        Ok(())
    }

    /// Returns the scores of the rows that are labeled abnormal.
    pub fn abnormal_scores(
        &self,
        model: &Model,
        detector: &Detector,
        device: &Device,
        path: &Path,
    ) -> Result<Vec<f64>, TaskError> {
        let models = member_models(model, detector);
        let stands_alone = model.preparation.source == SourceKind::Table;
        if self.label.is_none() || !self.is_abnormal.contains(&true) || !stands_alone {
            let problem = format!(
                "a threshold by labels needs a table with a {} column that marks some rows as abnormal; use {} SHARE",
                Setting::LABEL,
                Setting::FALSE_ALARMS
            );
            return Err(TaskError::Setting { setting: Setting::THRESHOLD_BY, problem });
        }
        let stream = TableStream::open(Path::new(&self.base.source), &self.base, &model.preparation, None)?;
        let mut reconstructions = Reconstructor::streaming(&models, stream, false, device, path)?;
        let mut scorer = Scorer::new(detector, model.features, device)?;
        let (mut row, mut scores) = (0, Vec::new());
        while let Some(chunk) = reconstructions.next()? {
            for score in scorer.score(&chunk)?.scores {
                if self.is_abnormal.get(row).copied().unwrap_or(false) {
                    scores.push(score);
                }
                row += 1;
            }
        }
        Ok(scores)
    }
}

/// Returns sorted runs `[first, count]` of the marked places.
fn runs(marked: &[bool]) -> Vec<[u32; 2]> {
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for (at, _) in marked.iter().enumerate().filter(|(_, marked)| **marked) {
        match runs.last_mut() {
            Some([first, count]) if *first + *count == at as u32 => *count += 1,
            _ => runs.push([at as u32, 1]),
        }
    }
    runs
}

/// Says in `notes` that a column which may hold labels leaves out no row, and how it would.
pub(super) fn tell_labels(data: &DataSet, options: &DetectorOptions, notes: &mut [String]) {
    if options.label.is_some() || !matches!(data.kind, SourceKind::Table | SourceKind::Series) {
        return;
    }
    // Where labels are 0, false or normal the others need no naming.
    let naming = |words: &[String], rarest: Option<&String>| {
        let abnormal = words.iter().filter(|word| is_abnormal(Some(word), &[])).count();
        let is_known = abnormal > 0 && abnormal < words.len();
        rarest.filter(|_| !is_known).map(|word| format!(" and setting `{}={word:?}`", Setting::ABNORMAL.name()))
    };
    if let (Some(labels), Some(name)) = (&data.labels, &data.options.labels) {
        let count = |class: usize| labels.iter().filter(|&&label| usize::from(label) == class).count();
        let rarest =
            (0..data.classes.len()).min_by_key(|&class| count(class)).and_then(|class| data.classes.get(class));
        let named = naming(&data.classes, rarest).unwrap_or_default();
        for note in notes.iter_mut().filter(|note| note.starts_with(&format!("column {name:?} is taken for labels"))) {
            *note = format!(
                "column {name:?} is taken for labels, not for a feature, and all rows count as normal, whatever it \
                 holds; to leave out abnormal ones: setting `{}={name:?}`{named}",
                Setting::DATA_LABELS.name()
            );
        }
    }
    let is_last = |note: &&mut String| note.starts_with("the last column, ") && note.contains("if it holds labels");
    for note in notes.iter_mut().filter(is_last) {
        let words = match data.preparation.columns.last() {
            Some(PreparedColumn::Category { values, .. }) => values.clone(),
            _ if note.contains("(0, ") => continue,
            _ => vec!["VALUE".to_owned()],
        };
        // The most frequent comes first.
        note.push_str(&naming(&words, words.last()).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_what_is_marked() {
        assert_eq!(runs(&[true, true, false, true]), [[0, 2], [3, 1]]);
        assert!(runs(&[false; 3]).is_empty());
    }
}
