//! Every metric of a saved model on rows it has not seen, with PCA beside it.

mod extremes;
mod intervals;
mod likelihood;
mod representation;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::data::{DataError, DataSet, Part};
use crate::device::Device;
use crate::graph::{External, Externals};
use crate::metrics::Pca;
use crate::model::{Model, Network, Spec};
use crate::train::{Evaluator, PcaReport, TestMetrics, TrainError};

pub use extremes::{ExtremeRow, Extremes};
pub use likelihood::ImportanceWeighted;
pub use representation::Representation;

/// Ends of the middle 95% of bootstrap means over rows, by the name of the metric.
pub type Intervals = BTreeMap<&'static str, [f64; 2]>;

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
pub struct Evidence<'a> {
    /// A folder for pictures of the best and of the worst reconstructions.
    pub pictures: Option<&'a Path>,
    /// Whether those rows are given back, too.
    pub extremes: bool,
    /// Of samples of rows, of latents and of the bootstrap.
    pub seed: u64,
}

/// A saved model ready to be run over data.
pub(super) struct Opened {
    pub model: Model,
    pub evaluator: Evaluator,
    /// Its own data in its parts, or all of other data as the test part.
    pub data: Arc<DataSet>,
}

impl Opened {
    /// The model at `path` over the data that it was trained on, or over every row of `data`.
    pub fn new(path: &Path, data: Option<&str>, device: &Device) -> Result<Self, TrainError> {
        let model = Model::load(path)?;
        let spec = &model.spec;
        let set = match data {
            Some(source) => Arc::new(spec.open_other_data(source, &model.preparation)?),
            None => own_data(spec)?,
        };
        let place = || data.unwrap_or(&spec.data.source).to_owned();
        if set.features != model.features {
            let (found, expected) = (set.features, model.features);
            return Err(DataError::WrongWidth { place: place(), found, expected }.into());
        }
        let evaluator = evaluator_of(&model, &set, device, path)?;
        Ok(Self { model, evaluator, data: set })
    }
}

/// `model` on `device`, ready to be run over `data`; `path` is where it is from, for errors.
pub(crate) fn evaluator_of(
    model: &Model,
    data: &Arc<DataSet>,
    device: &Device,
    path: &Path,
) -> Result<Evaluator, TrainError> {
    let shape = model.data_shape();
    let network = Network::new(&model.spec, shape)?;
    let (parameters, statistics) = model.to_flat(&network, path)?;
    if shape.classes > 0 && data.labels.is_none() {
        let problem = "the model is conditioned on labels and this data has none".to_owned();
        return Err(DataError::Malformed { place: data.options.source.clone(), problem }.into());
    }
    let mut externals = Externals::default();
    let evaluator = Evaluator::new(&network, data, device, &mut externals)?;
    externals.write(device, External::Parameters, bytemuck::cast_slice(&parameters))?;
    if !network.statistics().is_empty() {
        externals.write(device, External::Statistics, bytemuck::cast_slice(&statistics))?;
    }
    Ok(evaluator)
}

/// What a model of `spec` was trained on, if it is still there.
pub(super) fn own_data(spec: &Spec) -> Result<Arc<DataSet>, DataError> {
    let mut set = spec.open_data()?;
    set.limit_train(spec.data.rows.unwrap_or(usize::MAX));
    Ok(Arc::new(set))
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
    evidence: Evidence<'_>,
    device: &Device,
) -> Result<Evaluation, TrainError> {
    Ok(measure(path, data, evidence, device, &mut |_| ControlFlow::Continue(()))?.evaluation)
}

/// As [`evaluate`], with its best and worst rows, for whoever watches and may change their mind.
///
/// # Errors
/// As [`evaluate`]; [`TrainError::Cancelled`] where `watch` says so.
pub fn measure(
    path: &Path,
    data: Option<&str>,
    evidence: Evidence<'_>,
    device: &Device,
    watch: &mut EvaluationWatch<'_>,
) -> Result<Measured, TrainError> {
    let mut next = |stage| if watch(stage).is_break() { Err(TrainError::Cancelled) } else { Ok(()) };
    next("Loading the model and its data")?;
    let Opened { model, mut evaluator, data: set } = Opened::new(path, data, device)?;
    if evidence.pictures.is_some() && set.image.is_none() {
        let problem = format!("{} are no pictures; leave it out", set.kind.name());
        return Err(DataError::Option { field: "--pictures", problem }.into());
    }
    next("Running the test part through the model")?;
    let network = Network::new(&model.spec, model.data_shape())?;
    let test = TestMetrics::measure(&mut evaluator, &network, &set)?;
    next("Measuring each row")?;
    let rows = intervals::Rows::measure(&mut evaluator, &network, &set)?;
    let intervals = rows.intervals(evidence.seed);
    let mut extremes = Extremes::default();
    if evidence.extremes || evidence.pictures.is_some() {
        next("Finding the best and the worst rows")?;
        extremes = Extremes::of(&mut evaluator, &set, &rows.mse)?;
    }
    let pictures = evidence.pictures.map(|folder| extremes.write(folder)).transpose()?.unwrap_or_default();
    next("Bounding the likelihood by many samples")?;
    let iwae = likelihood::bound(&model, &network, &set, evidence.seed, device, path)?;
    next("Fitting PCA of the same size")?;
    // PCA is fitted on what the model was trained on; null where that is not here any more.
    let train = if data.is_some() { own_data(&model.spec).ok() } else { Some(Arc::clone(&set)) };
    let train = train.filter(|train| train.features == set.features && !train.train.is_empty());
    let pca = match (&train, network.comparable_components()) {
        (Some(train), Some(components)) => Pca::fit(&train.some_f32(Part::Train)?, train.features, components).ok(),
        _ => None,
    };
    next("Asking what the latents are worth")?;
    let subject = representation::Subject::new(&model, &set, train.as_deref(), evidence.seed, device, path)?;
    let pca = match pca {
        Some(pca) => {
            let errors = pca.squared_errors(&set.rows_f32(set.part(Part::Test))?);
            let mse: Vec<f64> = errors.iter().map(|error| error / set.features as f64).collect();
            let mean = mse.iter().sum::<f64>() / mse.len() as f64;
            Some(PcaBeside {
                report: PcaReport { components: pca.components(), mse: mean },
                intervals: intervals::of([("mse", &mse[..])], evidence.seed),
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
