//! Every metric of a saved model on rows it has not seen, with PCA beside it.

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
use crate::data::Part;
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::Pca;
use crate::platform::Wait as _;
use crate::tasks::TaskError;
use crate::train::{PcaReport, TestMetrics};

/// PCA of the train part at the same size on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PcaBeside {
    #[serde(flatten)]
    pub report: PcaReport,
    pub intervals: Intervals,
    pub representation: Representation,
}

/// The object that `evaluate --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    pub model: String,
    pub data: String,
    #[serde(flatten)]
    pub test: TestMetrics,
    pub intervals: Intervals,
    /// `None` but for variational models whose loss is a likelihood.
    pub iwae: Option<ImportanceWeighted>,
    pub pca: Option<PcaBeside>,
    pub representation: Representation,
    /// Files of best and worst rows.
    pub pictures: Vec<String>,
    /// What was noticed about the data: what is left out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What is measured besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct EvaluateOptions<'a> {
    /// A folder for pictures of the best and of the worst reconstructions.
    pub pictures: Option<&'a Path>,
    /// Whether those rows are given back, too.
    pub extremes: bool,
    /// Of samples of rows, of latents and of the bootstrap.
    pub seed: u64,
}

/// An evaluation, and the rows that show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    pub evaluation: Evaluation,
    pub extremes: Extremes,
}

/// Told what comes next, in words; says whether to go on.
pub type EvaluationWatch<'a> = dyn FnMut(&'static str) -> ControlFlow<()> + 'a;

/// Measures the model at `path` on the test part of its own data, or on every row of `data`.
///
/// # Errors
/// When the data does not fit the model, or pictures are asked for of rows that are none.
pub fn evaluate(
    path: &Path,
    data: Option<&str>,
    evidence: EvaluateOptions<'_>,
    device: &Device,
) -> Result<Evaluation, TaskError> {
    Ok(measure(path, data, evidence, device, &mut |_| ControlFlow::Continue(()))?.evaluation)
}

/// As [`evaluate`], with its best and worst rows, for whoever watches and may change their mind.
///
/// # Errors
/// As [`evaluate`]; [`TaskError::Canceled`] where `watch` says so.
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
    next("Running the test part through the model")?;
    let network = Arc::clone(loaded.network());
    let test = TestMetrics::measure(&mut evaluator, &network, &set).wait()?;
    next("Measuring each row")?;
    let rows = intervals::RowMetrics::measure(&mut evaluator, &network, &set)?;
    let intervals = rows.intervals(evidence.seed);
    let mut extremes = Extremes::default();
    if evidence.extremes || evidence.pictures.is_some() {
        next("Finding the best and the worst rows")?;
        extremes = Extremes::new(&mut evaluator, &set, &rows.mse)?;
    }
    let pictures = evidence.pictures.map(|folder| extremes.write(folder)).transpose()?.unwrap_or_default();
    next("Bounding the likelihood by many samples")?;
    let iwae = likelihood::bound(&mut loaded, &set, evidence.seed)?;
    next("Fitting PCA of the same size")?;
    // PCA is fitted on what the model was trained on; null where that is not here any more.
    let train = if data.is_some() { own_data(&model.spec).ok() } else { Some(Arc::clone(&set)) };
    let train = train.filter(|train| train.features == set.features && !train.train.is_empty());
    let pca = match (&train, network.comparable_components()) {
        (Some(train), Some(components)) => Pca::fit(&train.some_f32(Part::Train)?, train.features, components).ok(),
        _ => None,
    };
    next("Asking what the latents are worth")?;
    let subject = representation::ComparedRows::new(&loaded, &set, train.as_deref(), evidence.seed)?;
    let pca = match pca {
        Some(pca) => {
            let errors = pca.squared_errors(&set.rows_f32(set.part(Part::Test))?);
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
    next("Asking neighbors and a linear probe")?;
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
    Ok(Measured { evaluation, extremes })
}
