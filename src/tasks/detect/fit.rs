//! Fitting of a detector to normal rows.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::calibration::{Fold, MOST_LATENTS, calibrate};
use super::memory::FitMemory;
use super::neighborhood::{self, Neighborhood};
use super::options::{DetectorOptions, ThresholdRule};
use super::reconstructions::Reconstructor;
use super::threshold::{by_labels, expected_share, for_rate, rows_to_tell};
use super::training_rows::{TrainingRows, tell_labels};
use super::{folds, member_models, series};
use crate::data::{DataSet, Part, PreparedColumn, SourceKind};
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::Pca;
use crate::model::{
    Detector, Model, ModelFileError, ModelSize, NearRows, Network, Severity, Spec, ThresholdBy, plain_spec,
};
use crate::platform::{self, Instant, Wait as _};
use crate::tasks::TaskError;
use crate::train::{Run, Session, TrainingPlan};

/// Share of the variance that the PCA baseline keeps.
const PCA_SHARE: f64 = 0.9;
/// Largest number of features with a PCA baseline: its fit computes all directions.
const PCA_FEATURES: usize = 2048;
/// Training steps between two checks for the end.
const STEPS: usize = 64;
/// Epochs of a chosen model of pictures, at most. Validation of few pictures hardly changes from here on, and a step is
/// the work of hundreds on rows of a table.
const PICTURE_EPOCHS: u32 = 250;

/// Operations of the training of a chosen model of a table, at most (about three seconds on two cores), unless
/// [`LEAST_EPOCHS`] take more: beside the density of kept rows a longer training changes little.
const TABLE_COST: f64 = 2e11;
const LEAST_EPOCHS: u32 = 5;

/// Callback that receives the share of the work that is done, 0 to 1, and returns whether to go on.
pub type FitProgress<'a> = dyn FnMut(f64) -> ControlFlow<()> + 'a;

/// The object that `detect fit --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectorReport {
    /// Path of the model file; empty where it was not saved.
    pub model: String,
    /// Source of the rows, as given.
    pub data: String,
    /// Normal rows that were trained on.
    pub train_rows: usize,
    /// Normal rows held out of the training of a model.
    pub held_rows: usize,
    /// Normal rows whose scores set the threshold, each by a model that was not trained on it: the held-out ones, or
    /// all of them where there are few.
    pub scored_rows: usize,
    /// Models trained for these scores alone, on other parts of few rows; 0 where one model is enough.
    pub further_models: usize,
    /// Rows that were left out: by their labels, or as the worst of a first fit.
    pub left_out: usize,
    /// Normal rows that the detector keeps to compare others with; 0 but for tables.
    pub kept_rows: usize,
    /// Bytes that they take in its file.
    pub kept_bytes: usize,
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
    /// Share of normal rows that is expected above the threshold, from rows that took no part in fitting: (rows above +
    /// 1) / (rows + 1); steps of a series count as the independent ones that they are worth.
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
    // Before the fit, not after it.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let problem = match folder {
        Some(folder) if !platform::files::metadata(folder).is_ok_and(|found| found.is_dir()) => {
            Some(format!("there is no folder {}; make it, or name another file", folder.display()))
        }
        _ if platform::files::metadata(path).is_ok_and(|found| found.is_dir()) => {
            Some("it is a folder; name a file in it".to_owned())
        }
        _ => None,
    };
    if let Some(problem) = problem {
        return Err(ModelFileError::Unwritable { path: path.to_owned(), problem }.into());
    }
    let (model, mut report) = make_detector(source, options, device, progress)?;
    // Who stops it after the training wants no file either.
    if progress(1.0).is_break() {
        return Err(TaskError::Canceled);
    }
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
    let ensemble = options.ensemble.max(1);
    let first_fits = usize::from(options.outliers > 0.0);
    let further = |data: &DataSet| if folds::are_few(data) { folds::MOST_FOLDS } else { 0 };
    let all_fits = |data: &DataSet| (first_fits + ensemble * (1 + further(data))) as f64;
    if options.outliers > 0.0 {
        let data = wanted.open()?;
        let fits = all_fits(&data);
        let fitted = train(&data, &wanted, 0, device, &mut |done| progress(done / fits))?;
        let first = Fold { model: fitted.model, data: Arc::clone(&data) };
        let member = calibrate(std::slice::from_ref(&first), device, path)?.member;
        wanted.omit_worst(&first.model, &member, &data, device, path)?;
    }
    let data = wanted.open()?;
    let rule = match options.threshold {
        ThresholdRule::AlarmsADay(alarms) => ThresholdRule::FalseAlarms(alarms_a_day(alarms, &data)?),
        rule => rule,
    };
    let (further, fits) = (further(&data), all_fits(&data));
    let mut fits_done = first_fits;
    let mut others: Vec<Arc<DataSet>> = Vec::new();
    let (mut first, mut members, mut epochs, mut latent) = (None, Vec::new(), 0, 0);
    let mut normal: Vec<f64> = Vec::new();
    for number in 0..ensemble {
        let mut work = |fits_done: usize, done: f64| progress((fits_done as f64 + done) / fits);
        let own = train(&data, &wanted, number as u64, device, &mut |done| work(fits_done, done))?;
        (epochs, latent) = (epochs + own.epochs, own.latent);
        let mut of_member = vec![Fold { model: own.model.clone(), data: Arc::clone(&data) }];
        if further > 0 && number == 0 {
            others = folds::others(&data, folds::count(own.cost))?;
        }
        // The same rows in the folds of every member: a row's score is the mean of theirs.
        for (fold, other) in others.iter().enumerate() {
            let at = fits_done + 1 + fold;
            let model = train_alike(other, &own, device, &mut |done| work(at, done))?;
            of_member.push(Fold { model, data: Arc::clone(other) });
        }
        fits_done += 1 + further;
        let mut calibration = calibrate(&of_member, device, path)?;
        if number > 0 {
            calibration.member.weights = own.model.tensors;
        } else {
            normal = vec![0.0; calibration.scores.len()];
            first = Some(own.model);
        }
        members.push(calibration.member);
        normal.iter_mut().zip(&calibration.scores).for_each(|(sum, score)| *sum += score / ensemble as f64);
    }
    let Some(mut model) = first else { return Err(TaskError::Defect("a detector has no model".to_owned())) };
    let mut notes = data.notes.clone();
    tell_labels(&data, options, &mut notes);
    model.preparation.drop_broken_rules(&data.remarks, data.validation.len() + data.test.len(), &mut notes);
    let mut detector = Detector {
        label: wanted.label.clone(),
        abnormal: options.abnormal.clone(),
        threshold: 0.0,
        threshold_by: ThresholdBy::FalseAlarms,
        false_alarms: 0.0,
        members,
        pca: pca_of(&data, &mut notes)?,
        cuts: Vec::new(),
        severity: None,
        near: None,
    };
    let held = folds::held(&data);
    let is_series = data.kind == SourceKind::Series;
    let window = data.options.window.unwrap_or(1);
    if is_series {
        let share = if let ThresholdRule::FalseAlarms(share) = rule { share } else { 0.01 };
        let mut reconstructions =
            Reconstructor::over(&member_models(&model, &detector), &data, held.clone(), device, path)?;
        normal = series::calibrate_steps(&mut reconstructions, &mut detector, &data, held.clone(), share)?;
    }
    let mut is_scored_whole = !others.is_empty();
    if neighborhood::is_for(&data)
        && let Some((near, far)) = neighborhood::keep(&data, options.seed, device)?
    {
        if far > 0 {
            notes.push(format!(
                "{far} of the rows that it could keep as neighbors lie far from all others and are left out of them; if \
                 they are abnormal, {} SHARE leaves such rows out of the threshold too",
                Setting::OUTLIERS
            ));
        }
        let folds: Vec<&DataSet> = std::iter::once(&data).chain(&others).map(Arc::as_ref).collect();
        let of_folds = is_scored_whole.then_some((folds.as_slice(), normal.as_slice()));
        let mut search = Neighborhood::new(near, device)?;
        normal = normal_scores(&mut search, &model, &detector, &data, of_folds, device, path)?;
        detector.near = Some(search.near);
        is_scored_whole = true;
    }
    normal.sort_by(f64::total_cmp);
    detector.severity = Severity::fit(&normal);
    (detector.threshold_by, detector.threshold) = match rule {
        // That of a series is known already.
        ThresholdRule::FalseAlarms(share) if is_series => {
            notes.extend(untold_by_steps(share, normal.len(), window));
            (ThresholdBy::FalseAlarms, detector.threshold)
        }
        ThresholdRule::FalseAlarms(share) => {
            let scored = if is_scored_whole { 0..data.rows } else { held.clone() };
            let alone = folds::standing_alone(&data, scored);
            notes.extend(untold(share, alone, data.groups.is_some()));
            (ThresholdBy::FalseAlarms, for_rate(&normal, share))
        }
        rule => {
            let abnormal = wanted.abnormal_scores(&model, &detector, device, path)?;
            let (by, cost) = match rule {
                ThresholdRule::MissCost(cost) => (ThresholdBy::Cost, cost),
                _ => (ThresholdBy::F1, 1.0),
            };
            (by, by_labels(&normal, &abnormal, by, cost))
        }
    };
    if let ThresholdRule::AlarmsADay(_) = options.threshold {
        detector.threshold_by = ThresholdBy::AlarmsADay;
    }
    let alone = if is_series { series::independent(normal.len(), window) } else { normal.len() as f64 };
    detector.false_alarms = expected_share(&normal, detector.threshold, alone);
    if latent > MOST_LATENTS {
        notes.push(format!(
            "the model has {latent} latents, and the score counts its errors alone: the spread of more than \
             {MOST_LATENTS} latents is not measured; a smaller model.latent brings them in"
        ));
    }
    let report = DetectorReport {
        model: String::new(),
        data: source.to_owned(),
        train_rows: data.train.len(),
        held_rows: held.len(),
        scored_rows: normal.len(),
        further_models: others.len() * ensemble,
        left_out: data.options.omit.iter().map(|run| run[1] as usize).sum(),
        kept_rows: detector.near.as_ref().map_or(0, NearRows::kept),
        kept_bytes: detector.near.as_ref().map_or(0, NearRows::bytes),
        features: data.features,
        latent,
        members: detector.members.len(),
        threshold: detector.threshold,
        threshold_by: detector.threshold_by,
        false_alarms: detector.false_alarms,
        epochs,
        seconds: started.elapsed().as_secs_f64(),
        notes,
    };
    model.detector = Some(detector);
    Ok((model, report))
}

/// Model of a member as it was trained, from which those of further folds are trained alike.
struct Trained {
    model: Model,
    epochs: usize,
    /// Latents of the network.
    latent: usize,
    spec: Spec,
    /// Steps after which the model was kept, and those of its schedule.
    kept_steps: u64,
    schedule_steps: u64,
    /// Operations of the steps up to the kept model.
    cost: f64,
}

/// Trains the model of a member.
fn train(
    data: &Arc<DataSet>,
    wanted: &TrainingRows<'_>,
    member: u64,
    device: &Device,
    progress: &mut FitProgress<'_>,
) -> Result<Trained, TaskError> {
    let mut spec = match (&wanted.options.spec, &wanted.options.preset) {
        (Some(spec), _) => spec.clone(),
        (None, Some(preset)) => preset.fitted(data, ModelSize::Medium)?.spec,
        (None, None) => {
            let mut spec = plain_spec(data)?.spec;
            if data.image.is_some() {
                spec.train.epochs = spec.train.epochs.min(PICTURE_EPOCHS);
            }
            spec
        }
    };
    spec = spec.with_set(&wanted.options.settings)?;
    spec.data = wanted.base.clone();
    spec.train.seed = wanted.options.seed + member;
    let mut plan = TrainingPlan::new(spec.clone(), Arc::clone(data), device)?;
    let epochs = (TABLE_COST / plan.cost().epoch_cost.max(1.0)) as u32;
    if !wanted.options.names_a_model() && neighborhood::is_for(data) && epochs < spec.train.epochs {
        spec.train.epochs = epochs.max(LEAST_EPOCHS);
        // What is set stands.
        let train = |setting: &&String| setting.starts_with("train.epochs") || setting.starts_with("train.steps");
        spec = spec.with_set(&wanted.options.settings.iter().filter(train).cloned().collect::<Vec<_>>())?;
        plan = TrainingPlan::new(spec.clone(), Arc::clone(data), device)?;
    }
    check_bottleneck(plan.network())?;
    FitMemory::new(&plan, data, wanted.options.ensemble, device).check(platform::free_memory())?;
    let mut run = Run::new(Session::from_plan(plan, device.clone())?, None, None, false).wait()?;
    let latent = run.session().network().latent();
    while !run.is_done() {
        run.advance(STEPS).wait()?;
        if progress(run.session().step() as f64 / run.session().total_steps().max(1) as f64).is_break() {
            return Err(TaskError::Canceled);
        }
    }
    let (per_epoch, epochs) = (run.session().steps_per_epoch(), run.epochs().len());
    let kept = run.best().map_or(epochs as u64, |(epoch, _)| u64::from(epoch));
    Ok(Trained {
        model: run.kept_model().wait()?,
        epochs,
        latent,
        spec,
        kept_steps: (kept * per_epoch).min(run.session().step()),
        schedule_steps: run.session().total_steps(),
        cost: run.session().cost().epoch_cost * kept as f64,
    })
}

/// Trains a model on other parts of the same rows, for as many steps as `like` was and at its learning rates, whole
/// epochs of its own. Its held-out rows have no say in when it ends.
fn train_alike(
    data: &Arc<DataSet>,
    like: &Trained,
    device: &Device,
    progress: &mut FitProgress<'_>,
) -> Result<Model, TaskError> {
    let mut spec = like.spec.clone();
    spec.train.batch_size = spec.train.batch_size.min(data.train.len());
    let per_epoch = (data.train.len() / spec.train.batch_size.max(1)).max(1) as u64;
    spec.train.epochs = u32::try_from(like.schedule_steps.div_ceil(per_epoch)).unwrap_or(u32::MAX).max(1);
    spec.train.early_stopping = None;
    let epochs = ((like.kept_steps as f64 / per_epoch as f64).round() as usize).max(1);
    let mut run = Run::new(Session::new(spec, Arc::clone(data), device.clone())?, None, None, true).wait()?;
    while !run.is_done() && run.epochs().len() < epochs {
        run.advance(STEPS).wait()?;
        if progress(run.epochs().len() as f64 / epochs as f64).is_break() {
            return Err(TaskError::Canceled);
        }
    }
    Ok(run.kept_model().wait()?)
}

/// Computes the scores of normal rows by their neighbors among the kept rows, without themselves, and by the models;
/// settles the weight of both in `search`.
///
/// `of_folds` has the scores of the held-out rows of several folds by models that were not trained on them. Without it
/// the scores of train rows by the model that was trained on them are raised to the mean of the held-out ones.
fn normal_scores(
    search: &mut Neighborhood,
    model: &Model,
    detector: &Detector,
    data: &Arc<DataSet>,
    of_folds: Option<(&[&DataSet], &[f64])>,
    device: &Device,
    path: &Path,
) -> Result<Vec<f64>, TaskError> {
    let place = |data: &DataSet, row: usize| data.order.as_ref().map_or(row, |order| order[row] as usize);
    let places = of_folds
        .iter()
        .flat_map(|(folds, _)| folds.iter())
        .flat_map(|&fold| folds::held(fold).map(move |row| place(fold, row)));
    let known: HashMap<usize, f64> =
        places.zip(of_folds.iter().flat_map(|(_, scores)| scores.iter().copied())).collect();
    let held = folds::held(data);
    let measured = neighborhood::measured(&held);
    let (mut densities, mut of_model) = (Vec::new(), Vec::new());
    let models = member_models(model, detector);
    let mut reconstructions = Reconstructor::over(&models, data, measured.clone(), device, path)?;
    while let Some(chunk) = reconstructions.next()? {
        densities.extend(search.find(&chunk.seen)?.iter().map(|found| search.density(found)));
        of_model.extend(chunk.model_scores(&detector.members, data.features));
    }
    if of_folds.is_some() {
        for (row, score) in measured.zip(&mut of_model) {
            *score = known.get(&place(data, row)).copied().unwrap_or(*score);
        }
    } else {
        let logs = |scores: &[f64]| {
            scores.iter().map(|&score| neighborhood::log_score(score)).sum::<f64>() / scores.len().max(1) as f64
        };
        let (trained, held) = of_model.split_at_mut(held.start - measured.start);
        let factor = if trained.is_empty() || held.is_empty() { 1.0 } else { (logs(held) - logs(trained)).exp() };
        trained.iter_mut().for_each(|score| *score *= factor);
    }
    Ok(search.settle(&densities, &of_model))
}

/// Refuses a network whose decoder sees more than the latents.
fn check_bottleneck(network: &Network) -> Result<(), TaskError> {
    network.check_bottleneck().map_err(|_| TaskError::Setting {
        setting: Setting::spec_key("model.encoder"),
        problem: "it has no bottleneck, so that abnormal rows pass as normal ones do; use an \"autoencoder\" or \
                  \"variational\" model.kind without skip connections, whose encoder ends with \"latent\" and whose \
                  model.latent is well below the values of a row, or leave model and preset out, and one is chosen"
            .to_owned(),
    })
}

/// Returns the share of rows that makes `alarms` a day, by the times of the rows of `data` or the pace of its series.
fn alarms_a_day(alarms: f64, data: &DataSet) -> Result<f64, TaskError> {
    const DAY: f64 = 86_400.0;
    let setting = Setting::ALARMS_A_DAY;
    let range = data.preparation.columns.iter().find_map(|column| match column {
        PreparedColumn::Time { range: Some([first, last]), .. } if last > first => Some(last - first),
        _ => None,
    });
    let pace = data.preparation.pace.filter(|pace| !pace.is_count);
    let of_row = pace.map(|pace| pace.seconds).or(range.map(|seconds| seconds / data.rows.max(1) as f64));
    let Some(seconds) = of_row else {
        let problem = format!(
            "it needs a series with times, or a table with a column of times that differ; use {} SHARE of the rows",
            Setting::FALSE_ALARMS
        );
        return Err(TaskError::Setting { setting, problem });
    };
    let rows_a_day = DAY / seconds;
    let share = alarms / rows_a_day;
    if share < 1.0 {
        return Ok(share);
    }
    let problem = format!("it is {alarms}, and there are {rows_a_day:.3} rows a day; use fewer than these");
    Err(TaskError::Setting { setting, problem })
}

/// Returns what so many rows cannot tell of the rate that was asked for, in words.
fn untold(rate: f64, alone: usize, are_groups: bool) -> Option<String> {
    let what = if are_groups { "files" } else { "normal rows" };
    let most = 100.0 / (alone + 1) as f64;
    match rows_to_tell(rate) {
        Some(needed) if needed <= alone => None,
        Some(needed) => Some(format!(
            "{alone} {what} cannot tell a share of false alarms of {}%, which takes {needed}: the threshold is set \
             beyond their scores by the spread of these, and up to {most:.1}% of normal rows may lie above it",
            // Without the digits by which a share differs from its decimal.
            (1e6 * rate).round() / 1e4
        )),
        None => Some(format!(
            "no number of rows can tell that false alarms never happen: the threshold is beyond all scores of {alone} \
             {what}, and up to {most:.1}% of normal rows may lie above it"
        )),
    }
}

/// Returns what so many held-out steps of a series, in windows of `window` steps, cannot tell of the rate that was asked
/// for, in words.
fn untold_by_steps(rate: f64, steps: usize, window: usize) -> Option<String> {
    let alone = series::independent(steps, window);
    let windows = crate::style::counted((steps / window.max(1)).max(1), "window");
    let most = 100.0 / (alone + 1.0);
    let few = format!("{steps} held-out steps ({windows} that do not overlap)");
    match rows_to_tell(rate) {
        Some(needed) if needed as f64 <= alone => None,
        Some(needed) => Some(format!(
            "{few} cannot tell a share of false alarms of {}%, which takes about {:.0}: the threshold is set beyond \
             their scores by the spread of these, and up to {most:.1}% of normal steps may lie above it",
            (1e6 * rate).round() / 1e4,
            needed as f64 * (window as f64).sqrt()
        )),
        None => Some(format!(
            "no number of steps can tell that false alarms never happen: the threshold is beyond all scores of {few}, \
             and up to {most:.1}% of normal steps may lie above it"
        )),
    }
}

/// Fits a PCA that keeps [`PCA_SHARE`] of the variance of the train rows; `None` for wide rows or fewer than two, and
/// where memory has no room for it.
fn pca_of(data: &DataSet, notes: &mut Vec<String>) -> Result<Option<Pca>, TaskError> {
    if data.features > PCA_FEATURES || data.train.len() < 2 {
        return Ok(None);
    }
    let needed = FitMemory::of_pca(data);
    if let Some(free) = platform::free_memory().filter(|free| needed > *free) {
        notes.push(format!(
            "PCA beside the detector is left out: it takes {} MB of memory and {} MB are free",
            needed >> 20,
            free >> 20
        ));
        return Ok(None);
    }
    let rows = data.some_f32(Part::Train)?;
    let pca = Pca::fit(&rows, data.features, data.features).ok();
    Ok(pca.map(|pca| pca.keeping_variance(&rows, PCA_SHARE)))
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::data::{Preparation, Scaling, StepPace};

    #[test]
    fn steps_of_a_series_tell_the_alarms_of_a_day() {
        let hours = |is_count| {
            let mut preparation = Preparation::new(SourceKind::Series, Scaling::None);
            preparation.pace = Some(StepPace { seconds: 3600.0, steady: true, is_count });
            DataSet::from_rows(vec![0.0; 8], 2, &preparation)
        };
        let share = alarms_a_day(0.6, &hours(false)).expect("a share");
        assert!((share - 0.025).abs() < 1e-12, "{share}");
        assert!(alarms_a_day(24.0, &hours(false)).is_err());
        let problem = alarms_a_day(0.6, &hours(true)).expect_err("steps are no hours").to_string();
        assert!(problem.contains("series with times"), "{problem}");
    }
}
