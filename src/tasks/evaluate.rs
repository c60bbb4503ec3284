//! Every metric of a saved model on rows it has not seen, with PCA beside it.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::data::{DataError, DataSet, Part};
use crate::device::Device;
use crate::graph::{External, Externals};
use crate::model::{Model, Network, Spec};
use crate::train::{Evaluator, PcaReport, TestMetrics, TrainError, pca_beside};

/// How well classes can be told from the latents; filled in by a later version.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Representation {
    pub silhouette: Option<f64>,
    pub knn_accuracy: Option<f64>,
    pub probe_accuracy: Option<f64>,
}

/// The object that `evaluate --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    pub model: String,
    pub data: String,
    #[serde(flatten)]
    pub test: TestMetrics,
    pub pca: Option<PcaReport>,
    pub representation: Representation,
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
fn own_data(spec: &Spec) -> Result<Arc<DataSet>, DataError> {
    let mut set = spec.open_data()?;
    set.limit_train(spec.data.rows.unwrap_or(usize::MAX));
    Ok(Arc::new(set))
}

/// Measures the model at `path` on the test part of its own data, or on every row of `data`.
pub fn evaluate(path: &Path, data: Option<&str>, device: &Device) -> Result<Evaluation, TrainError> {
    let Opened { model, mut evaluator, data: set } = Opened::new(path, data, device)?;
    let network = Network::new(&model.spec, model.data_shape())?;
    let test = TestMetrics::measure(&mut evaluator, &network, &set)?;
    // PCA is fitted on what the model was trained on; null where that is not here any more.
    let train = if data.is_some() { own_data(&model.spec).ok() } else { Some(Arc::clone(&set)) };
    let test_rows = set.rows_f32(set.part(Part::Test))?;
    let pca = train.and_then(|train| pca_beside(&network, &train, &test_rows));
    Ok(Evaluation {
        model: path.display().to_string(),
        data: data.unwrap_or(&model.spec.data.source).to_owned(),
        test,
        pca,
        representation: Representation::default(),
    })
}
