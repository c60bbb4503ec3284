//! Fitting of a detector to normal rows.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::reconstructions::{Chunk, Reconstructor, relative_errors, squared_distance};
use super::threshold::{by_labels, quantile};
use super::{is_abnormal, member_models, series};
use crate::data::{DataError, DataSet, DataSpec, Part, SourceKind, TableStream, read_labels};
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::Pca;
use crate::model::{Detector, DetectorMember, Model, Spec, ThresholdBy, auto_spec, preset};
use crate::platform::{Instant, Wait as _};
use crate::tasks::TaskError;
use crate::train::{Run, Session};

/// Rows of the mean error that are added to those of each feature: few rows tell little of its usual error.
const SHRINKAGE_ROWS: f64 = 10.0;
/// Share of the mean variance that is added to that of each latent, so that one of little variance does not decide
/// alone.
const RIDGE: f64 = 1e-3;
/// Share of held-out normal rows that are within the usual distance.
const USUAL: f64 = 0.95;
/// Share of the variance that the PCA baseline keeps.
const PCA_SHARE: f64 = 0.9;
/// Largest number of features with a PCA baseline: its fit computes all directions.
const PCA_FEATURES: usize = 2048;
/// Training steps between two checks for the end.
const STEPS: usize = 64;

/// Callback that receives the share of the work that is done, 0 to 1, and returns whether to go on.
pub type FitProgress<'a> = dyn FnMut(f64) -> ControlFlow<()> + 'a;

/// Rule by which a threshold is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ThresholdRule {
    /// Given share of held-out normal rows above the threshold.
    FalseAlarms(f64),
    /// Highest F1, by labels.
    F1,
    /// Least cost, by labels, where a missed row costs so many false alarms.
    MissCost(f64),
}

/// Options of [`fit_detector`].
#[derive(Clone, Debug)]
pub struct DetectorOptions {
    /// Column (or for files, `folders`, `prefix` or a list) that marks abnormal rows, never a feature; none where
    /// `None`.
    pub label: Option<String>,
    /// Labels of abnormal rows; where empty, all but 0, false, normal and no label.
    pub abnormal: Vec<String>,
    /// Names of columns that are ignored.
    pub exclude: Vec<String>,
    /// Share of rows that are taken for abnormal without labels, 0 by default: the worst after a first fit are left out
    /// of a second.
    pub outliers: f64,
    /// Rule by which the threshold is chosen; a false alarm in a hundred normal rows by default.
    pub threshold: ThresholdRule,
    /// Number of models, of consecutive seeds, 1 by default; the score is their mean.
    pub ensemble: usize,
    /// Specification of the model; chosen for the data where `None`.
    pub spec: Option<Spec>,
    /// Seed of the split and of the first model's training, 1 by default.
    pub seed: u64,
}

impl Default for DetectorOptions {
    fn default() -> Self {
        Self {
            label: None,
            abnormal: Vec::new(),
            exclude: Vec::new(),
            outliers: 0.0,
            threshold: ThresholdRule::FalseAlarms(0.01),
            ensemble: 1,
            spec: None,
            seed: 1,
        }
    }
}

/// The object that `detect fit --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectorReport {
    /// Path of the model file; empty where it was not saved.
    pub model: String,
    /// Source of the rows, as given.
    pub data: String,
    /// Normal rows that were trained on.
    pub train_rows: usize,
    /// Held-out normal rows, from which usual errors and the threshold are computed.
    pub held_rows: usize,
    /// Rows that were left out: by their labels, or as the worst of a first fit.
    pub left_out: usize,
    /// Values of a row, as the network sees it.
    pub features: usize,
    /// Latent units of a model; 0 without a bottleneck.
    pub latent: usize,
    /// Number of models whose scores are averaged.
    pub members: usize,
    /// Score above which a row is abnormal.
    pub threshold: f64,
    /// Rule by which the threshold was chosen.
    pub threshold_by: ThresholdBy,
    /// Share of the held-out normal rows above the threshold.
    pub false_alarms: f64,
    /// Epochs of training, those of all members together.
    pub epochs: usize,
    /// Wall-clock time of the fit, in seconds.
    pub seconds: f64,
    /// Remarks on the data, in words.
    pub notes: Vec<String>,
}

/// Fits a detector to the normal rows of `source` and saves it at `path`; `progress` receives the share of the work
/// done.
///
/// # Errors
/// When the data cannot be read, has too few normal rows, or `path` cannot be written.
pub fn fit_detector(
    source: &str,
    path: &Path,
    options: &DetectorOptions,
    device: &Device,
    progress: &mut FitProgress<'_>,
) -> Result<DetectorReport, TaskError> {
    let (model, mut report) = make_detector(source, options, device, progress)?;
    model.save(path)?;
    report.model = path.display().to_string();
    Ok(report)
}

/// Same as [`fit_detector`], without a file.
///
/// # Errors
/// Same as [`fit_detector`], and [`TaskError::Canceled`] when `progress` ends the work.
#[tracing::instrument(level = "debug", name = "fit_detector", skip_all)]
pub fn make_detector(
    source: &str,
    options: &DetectorOptions,
    device: &Device,
    progress: &mut FitProgress<'_>,
) -> Result<(Model, DetectorReport), TaskError> {
    let path = Path::new("detector");
    let started = Instant::now();
    let mut wanted = TrainingRows::new(source, options)?;
    let fits = options.ensemble + usize::from(options.outliers > 0.0);
    if options.outliers > 0.0 {
        let data = wanted.open()?;
        let fitted = train(&data, &wanted, 0, device, &mut |done| progress(done / fits as f64))?;
        let member = calibrate(&fitted.model, &data, device, path)?;
        wanted.omit_worst(&fitted.model, &member, &data, device, path)?;
    }
    let data = wanted.open()?;
    let mut trained = Vec::new();
    for member in 0..options.ensemble.max(1) {
        let before = fits - options.ensemble + member;
        trained.push(train(&data, &wanted, member as u64, device, &mut |done| {
            progress((before as f64 + done) / fits as f64)
        })?);
    }
    let mut members = Vec::new();
    for (number, fitted) in trained.iter().enumerate() {
        let mut member = calibrate(&fitted.model, &data, device, path)?;
        if number > 0 {
            member.weights = fitted.model.tensors.clone();
        }
        members.push(member);
    }
    let mut model = trained[0].model.clone();
    model.preparation.drop_broken_rules(&data.remarks, data.validation.len() + data.test.len());
    let mut detector = Detector {
        label: wanted.label.clone(),
        abnormal: options.abnormal.clone(),
        threshold: 0.0,
        threshold_by: ThresholdBy::FalseAlarms,
        false_alarms: 0.0,
        members,
        pca: pca_of(&data)?,
    };
    let held = data.validation.start..data.test.end;
    let mut reconstructions =
        Reconstructor::over(&member_models(&model, &detector), &data, held.clone(), device, path)?;
    let mut normal = Vec::new();
    if data.kind == SourceKind::Series {
        normal = series::scores_of_steps(&mut reconstructions, &detector, &data, held.clone())?;
    } else {
        while let Some(chunk) = reconstructions.next()? {
            normal.extend(chunk.scores(&detector.members, data.features));
        }
    }
    normal.sort_by(f64::total_cmp);
    (detector.threshold_by, detector.threshold) = match options.threshold {
        ThresholdRule::FalseAlarms(share) => (ThresholdBy::FalseAlarms, quantile(&normal, 1.0 - share)),
        rule => {
            let abnormal = wanted.abnormal_scores(&model, &detector, device, path)?;
            let (by, cost) = match rule {
                ThresholdRule::MissCost(cost) => (ThresholdBy::Cost, cost),
                _ => (ThresholdBy::F1, 1.0),
            };
            (by, by_labels(&normal, &abnormal, by, cost))
        }
    };
    let above = normal.iter().filter(|&&score| score > detector.threshold).count();
    detector.false_alarms = above as f64 / normal.len().max(1) as f64;
    let report = DetectorReport {
        model: String::new(),
        data: source.to_owned(),
        train_rows: data.train.len(),
        held_rows: held.len(),
        left_out: wanted.base.omit.iter().map(|run| run[1] as usize).sum(),
        features: data.features,
        latent: detector.members[0].latent_mean.len(),
        members: detector.members.len(),
        threshold: detector.threshold,
        threshold_by: detector.threshold_by,
        false_alarms: detector.false_alarms,
        epochs: trained.iter().map(|fitted| fitted.epochs).sum(),
        seconds: started.elapsed().as_secs_f64(),
        notes: data.notes.clone(),
    };
    model.detector = Some(detector);
    Ok((model, report))
}

/// Data for training: labels are no feature, abnormal rows are left out.
struct TrainingRows<'a> {
    options: &'a DetectorOptions,
    base: DataSpec,
    label: Option<String>,
    /// True for each row of the source that is labeled abnormal; empty without labels.
    is_abnormal: Vec<bool>,
    validation: f64,
}

impl<'a> TrainingRows<'a> {
    fn new(source: &str, options: &'a DetectorOptions) -> Result<Self, TaskError> {
        let spec = match &options.spec {
            Some(spec) => spec.clone(),
            None => preset("undercomplete")?.spec,
        };
        let given = if options.spec.is_some() { spec.data.clone() } else { DataSpec::from_source(source) };
        let bounded = options.spec.is_some() && spec.output().1 == crate::kernels::activation::Activation::Sigmoid;
        let mut base = DataSpec { source: source.to_owned(), bounded, ..given };
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

    fn open(&self) -> Result<Arc<DataSet>, DataError> {
        Ok(Arc::new(DataSet::open(&self.base, self.validation, self.options.seed)?))
    }

    /// Leaves out the rows of the highest scores, as many as there may be outliers.
    fn omit_worst(
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
            scores.extend(chunk.scores(std::slice::from_ref(member), data.features));
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
    fn abnormal_scores(
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
        let (mut row, mut scores) = (0, Vec::new());
        while let Some(chunk) = reconstructions.next()? {
            for score in chunk.scores(&detector.members, model.features) {
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

struct Trained {
    model: Model,
    epochs: usize,
}

fn train(
    data: &Arc<DataSet>,
    wanted: &TrainingRows<'_>,
    member: u64,
    device: &Device,
    progress: &mut FitProgress<'_>,
) -> Result<Trained, TaskError> {
    let mut spec = match &wanted.options.spec {
        Some(spec) => spec.clone(),
        None => auto_spec(data)?.spec,
    };
    spec.data = wanted.base.clone();
    spec.train.seed = wanted.options.seed + member;
    let mut run = Run::new(Session::new(spec, Arc::clone(data), device.clone())?, None, None, false).wait()?;
    while !run.is_done() {
        run.advance(STEPS).wait()?;
        if progress(run.session().step() as f64 / run.session().total_steps().max(1) as f64).is_break() {
            return Err(TaskError::Canceled);
        }
    }
    Ok(Trained { model: run.kept_model().wait()?, epochs: run.epochs().len() })
}

/// Measures a model's usual errors on held-out normal rows, and the distribution of its latents.
#[tracing::instrument(level = "debug", name = "calibrate", skip_all)]
fn calibrate(model: &Model, data: &Arc<DataSet>, device: &Device, path: &Path) -> Result<DetectorMember, TaskError> {
    let (features, held) = (data.features, data.validation.start..data.test.end);
    let models = std::slice::from_ref(model);
    let mut usual = vec![0.0_f64; features];
    let over_held = |each: &mut dyn FnMut(&Chunk)| -> Result<(), TaskError> {
        let mut reconstructions = Reconstructor::over(models, data, held.clone(), device, path)?;
        while let Some(chunk) = reconstructions.next()? {
            each(&chunk);
        }
        Ok(())
    };
    over_held(&mut |chunk| {
        for (seen, made) in chunk.seen.chunks_exact(features).zip(chunk.made[0].chunks_exact(features)) {
            for ((usual, &seen), &made) in usual.iter_mut().zip(seen).zip(made) {
                *usual += (f64::from(seen) - f64::from(made)).powi(2);
            }
        }
    })?;
    let rows = held.len().max(1) as f64;
    let mean = usual.iter().sum::<f64>() / (rows * features as f64);
    let mut member = DetectorMember {
        // Features that are always rebuilt exactly leave no zero to divide by.
        usual_errors: usual
            .iter()
            .map(|sum| ((sum + SHRINKAGE_ROWS * mean) / (rows + SHRINKAGE_ROWS)).max(1e-12) as f32)
            .collect(),
        ..whiten(models, data, device, path)?
    };
    let latent = member.latent_mean.len();
    let (mut errors, mut divergence, mut distances) = (0.0, 0.0, Vec::new());
    over_held(&mut |chunk| {
        for row in 0..chunk.rows {
            let span = row * features..(row + 1) * features;
            errors +=
                relative_errors(&chunk.seen[span.clone()], &chunk.made[0][span], &member.usual_errors).sum::<f64>();
            distances.push(squared_distance(&member, chunk.latent(0, row, latent)));
        }
        divergence += chunk.divergences[0].iter().sum::<f64>();
    })?;
    // Both parts are 1 a dimension on held-out rows.
    let errors = (errors / (rows * features as f64)).max(f64::MIN_POSITIVE);
    member
        .usual_errors
        .iter_mut()
        .for_each(|usual| *usual = ((f64::from(*usual) * errors) as f32).max(f32::MIN_POSITIVE));
    member.usual_divergence = (divergence / rows) as f32;
    if latent > 0 {
        let apart = distances.iter().sum::<f64>() / (rows * latent as f64);
        let scale = if apart > 0.0 { apart.sqrt().recip() } else { 1.0 };
        member.latent_whitening.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * scale) as f32);
        let mut sorted: Vec<f64> = distances.iter().map(|distance| distance.sqrt() * scale).collect();
        sorted.sort_by(f64::total_cmp);
        member.usual_distance = quantile(&sorted, USUAL) as f32;
    }
    Ok(member)
}

/// Fits a PCA that keeps [`PCA_SHARE`] of the variance of the train rows; `None` for wide rows or fewer than two.
fn pca_of(data: &DataSet) -> Result<Option<Pca>, TaskError> {
    if data.features > PCA_FEATURES || data.train.len() < 2 {
        return Ok(None);
    }
    let rows = data.some_f32(Part::Train)?;
    let pca = Pca::fit(&rows, data.features, data.features).ok();
    Ok(pca.map(|pca| pca.keeping_variance(&rows, PCA_SHARE)))
}

/// Computes the mean and the whitening of the latents of all normal rows.
fn whiten(models: &[Model], data: &Arc<DataSet>, device: &Device, path: &Path) -> Result<DetectorMember, TaskError> {
    let mut reconstructions = Reconstructor::over(models, data, 0..data.rows, device, path)?;
    let mut latent = 0;
    let (mut sums, mut products) = (Vec::new(), Vec::new());
    while let Some(chunk) = reconstructions.next()? {
        latent = chunk.latents[0].len() / chunk.rows.max(1);
        sums.resize(latent, 0.0_f64);
        products.resize(latent * latent, 0.0_f64);
        for row in chunk.latents[0].chunks_exact(latent.max(1)) {
            for (i, &a) in row.iter().enumerate() {
                sums[i] += f64::from(a);
                for (j, &b) in row[..=i].iter().enumerate() {
                    products[i * latent + j] += f64::from(a) * f64::from(b);
                }
            }
        }
    }
    let rows = data.rows.max(1) as f64;
    let mean: Vec<f64> = sums.iter().map(|sum| sum / rows).collect();
    let mut covariance = products;
    for i in 0..latent {
        for j in 0..=i {
            covariance[i * latent + j] = covariance[i * latent + j] / rows - mean[i] * mean[j];
        }
    }
    let trace: f64 = (0..latent).map(|i| covariance[i * latent + i].max(0.0)).sum();
    let ridge = (RIDGE * trace / latent.max(1) as f64).max(1e-12);
    (0..latent).for_each(|i| covariance[i * latent + i] = covariance[i * latent + i].max(0.0) + ridge);
    Ok(DetectorMember {
        latent_mean: mean.iter().map(|&mean| mean as f32).collect(),
        latent_whitening: inverse_of_root(covariance, latent).iter().map(|&weight| weight as f32).collect(),
        ..DetectorMember::default()
    })
}

/// Computes L^-1 of the Cholesky decomposition L L^T of a matrix `[n, n]`, of which the lower triangle is read.
fn inverse_of_root(mut matrix: Vec<f64>, n: usize) -> Vec<f64> {
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum();
            let rest = matrix[i * n + j] - dot;
            // Rounding may leave a little less than nothing of a variance.
            matrix[i * n + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / matrix[j * n + j] };
        }
    }
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        for i in column..n {
            let unit = if i == column { 1.0 } else { 0.0 };
            let dot: f64 = (column..i).map(|k| matrix[i * n + k] * inverse[k * n + column]).sum();
            inverse[i * n + column] = (unit - dot) / matrix[i * n + i];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_of_the_root_whitens() {
        // [[4, 2], [2, 3]] = L L^T with L = [[2, 0], [1, sqrt 2]].
        let inverse = inverse_of_root(vec![4.0, 2.0, 2.0, 3.0], 2);
        let root = 2.0_f64.sqrt();
        for (found, expected) in inverse.iter().zip([0.5, 0.0, -0.5 / root, 1.0 / root]) {
            assert!((found - expected).abs() < 1e-12, "{inverse:?}");
        }
        assert!(inverse_of_root(Vec::new(), 0).is_empty());
    }

    #[test]
    fn runs_are_of_what_is_marked() {
        assert_eq!(runs(&[true, true, false, true]), [[0, 2], [3, 1]]);
        assert!(runs(&[false; 3]).is_empty());
    }
}
