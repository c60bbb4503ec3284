//! Evaluation of a saved model by every metric on held-out rows, with PCA as a baseline.

mod extremes;
mod intervals;
mod likelihood;
pub(super) mod open;
mod representation;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

pub use self::extremes::{ExtremeRow, Extremes};
pub use self::intervals::Intervals;
pub use self::likelihood::ImportanceWeighted;
use self::open::own_data;
pub(crate) use self::open::{OpenedModel, evaluator_over};
pub use self::representation::Representation;
use crate::data::{DataSet, Part};
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::Pca;
use crate::model::Model;
use crate::platform::Wait as _;
use crate::tasks::TaskError;
use crate::train::{Diagnosis, Evaluator, PcaReport, RunDir, RunEvidence, TestMetrics, seen_rows};

/// PCA of the train part, measured at the same latent size on the same rows, given the same input as the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PcaBeside {
    /// Number of components and mean squared error.
    #[serde(flatten)]
    pub report: PcaReport,
    /// 95% bootstrap interval of the mean squared error.
    pub intervals: Intervals,
    /// Quality of the components as a representation.
    pub representation: Representation,
}

/// The object that `evaluate --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Path of the model file.
    pub model: String,
    /// Source of the rows: the one given, or else that of the training.
    pub data: String,
    /// Metrics over the test part.
    #[serde(flatten)]
    pub test: TestMetrics,
    /// 95% bootstrap intervals of the metrics, by name.
    pub intervals: Intervals,
    /// Importance-weighted bound of the likelihood; `None` but for variational models whose loss is a likelihood.
    pub iwae: Option<ImportanceWeighted>,
    /// Metrics of PCA; `None` where the train rows are no longer available or there is no PCA of the same size.
    pub pca: Option<PcaBeside>,
    /// Quality of the latents as a representation.
    pub representation: Representation,
    /// Paths of the image files of the best and worst rows.
    pub pictures: Vec<String>,
    /// Remarks on the data in words: omissions and their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug, Default)]
pub struct EvaluateOptions<'a> {
    /// Folder for images of the best and of the worst reconstructions; none are drawn where `None`.
    pub pictures: Option<&'a Path>,
    /// True if those rows are returned too.
    pub extremes: bool,
    /// True if the model is diagnosed too, with the epochs of the run in whose folder it lies.
    pub diagnosis: bool,
    /// Seed of the samples of rows, of latents and of the bootstrap.
    pub seed: u64,
}

/// Evaluation with its best and worst rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Metrics of the model.
    pub evaluation: Evaluation,
    /// Best and worst rows; empty where they were not asked for.
    pub extremes: Extremes,
    /// Findings and remarks; empty where they were not asked for.
    pub diagnosis: Diagnosis,
}

/// Callback that receives the next stage in words and returns whether to go on.
pub type EvaluationWatch<'a> = dyn FnMut(&'static str) -> ControlFlow<()> + 'a;

/// Measures the model at `path` on the test part of its own data, or on every row of `data`.
///
/// # Errors
/// When the data does not fit the model, or images are asked for of rows that are none.
pub fn evaluate(
    path: &Path,
    data: Option<&str>,
    evidence: EvaluateOptions<'_>,
    device: &Device,
) -> Result<Evaluation, TaskError> {
    Ok(measure(path, data, evidence, device, &mut |_| ControlFlow::Continue(()))?.evaluation)
}

/// Same as [`evaluate`], with its best and worst rows; `watch` receives each stage and may end the work.
///
/// # Errors
/// Same as [`evaluate`]; [`TaskError::Canceled`] when `watch` ends the work.
#[tracing::instrument(level = "debug", name = "evaluate", skip_all)]
pub fn measure(
    path: &Path,
    data: Option<&str>,
    evidence: EvaluateOptions<'_>,
    device: &Device,
    watch: &mut EvaluationWatch<'_>,
) -> Result<Measured, TaskError> {
    let mut next = |stage| if watch(stage).is_break() { Err(TaskError::Canceled) } else { Ok(()) };
    next("Loading the model and its data")?;
    let OpenedModel { model, mut loaded, mut evaluator, data: set } = OpenedModel::new(path, data, device)?;
    if evidence.pictures.is_some() && set.image.is_none() {
        let problem = format!("{} are no pictures; leave it out", set.kind.name());
        return Err(TaskError::Setting { setting: Setting::PICTURES, problem });
    }
    next("Evaluating the test part")?;
    let network = Arc::clone(loaded.network());
    let test = TestMetrics::measure(&mut evaluator, &network, &set).wait()?;
    next("Computing the metrics of each row")?;
    let rows = intervals::RowMetrics::measure(&mut evaluator, &network, &set)?;
    let intervals = rows.intervals(evidence.seed);
    let mut extremes = Extremes::default();
    if evidence.extremes || evidence.pictures.is_some() {
        next("Finding the best and the worst rows")?;
        extremes = Extremes::new(&mut evaluator, &set, &rows.mse)?;
    }
    let pictures = evidence.pictures.map(|folder| extremes.write(folder)).transpose()?.unwrap_or_default();
    next("Estimating the likelihood by importance sampling")?;
    let iwae = likelihood::bound(&mut loaded, &set, evidence.seed)?;
    next("Fitting PCA of the same size")?;
    // PCA is fitted on what the model was trained on; null where that is not here any more.
    let train = if data.is_some() { own_data(&model.spec).ok() } else { Some(Arc::clone(&set)) };
    let train = train.filter(|train| train.features == set.features && !train.train.is_empty());
    let pca = match (&train, network.comparable_components()) {
        (Some(train), Some(components)) => Pca::fit(&train.some_f32(Part::Train)?, train.features, components).ok(),
        _ => None,
    };
    next("Measuring the latent quality of PCA")?;
    let subject = representation::ComparedRows::new(&loaded, &set, train.as_deref(), evidence.seed)?;
    let pca = match pca {
        Some(pca) => {
            // Given what the model was given.
            let targets = set.rows_f32(set.part(Part::Test))?;
            let seen = seen_rows(&mut evaluator, &network, &set, set.part(Part::Test)).wait()?;
            let errors = pca.squared_errors_from(&seen, &targets);
            let mse: Vec<f64> = errors.iter().map(|error| error / set.features as f64).collect();
            let mean = mse.iter().sum::<f64>() / mse.len() as f64;
            Some(PcaBeside {
                report: PcaReport { components: pca.components(), mse: mean },
                intervals: intervals::bootstrap_intervals([("mse", &mse[..])], evidence.seed),
                representation: subject.of_pca(&pca),
            })
        }
        None => None,
    };
    let mut diagnosis = Diagnosis::default();
    if evidence.diagnosis {
        next("Diagnosing")?;
        diagnosis = diagnose_run(path, &model, &mut evaluator, &set, (&test, pca.as_ref()))?;
    }
    next("Measuring latent quality: k-NN and linear probe")?;
    let evaluation = Evaluation {
        model: path.display().to_string(),
        data: data.unwrap_or(&model.spec.data.source).to_owned(),
        test,
        intervals,
        iwae,
        pca,
        representation: subject.of_model(),
        pictures,
        // What is to be said of the model's own data was said when it was trained.
        notes: if data.is_some() { set.notes.clone() } else { Vec::new() },
    };
    Ok(Measured { evaluation, extremes, diagnosis })
}

/// Diagnoses the model at `path` on the validation part of `data`, with what is recorded beside it.
fn diagnose_run(
    path: &Path,
    model: &Model,
    evaluator: &mut Evaluator,
    data: &DataSet,
    (test, pca): (&TestMetrics, Option<&PcaBeside>),
) -> Result<Diagnosis, TaskError> {
    if data.validation.is_empty() {
        return Ok(Diagnosis::none("there are no validation rows to look at."));
    }
    let run = path.parent().and_then(|folder| RunDir::open(folder).ok());
    // The spec beside the model has all live edits, that in the model those until it was saved.
    let spec = run.as_ref().and_then(|run| run.read_spec().ok()).unwrap_or_else(|| model.spec.clone());
    let epochs = run.as_ref().map(RunDir::read_metrics).unwrap_or_default();
    let ended = run.is_none_or(|run| run.has_ended(&epochs));
    let pca = pca.map(|pca| &pca.report);
    let evidence = RunEvidence { spec: &spec, epochs: &epochs, test: Some(test), pca, ended };
    Ok(Diagnosis::measure(evaluator, data, evidence).wait()?)
}
