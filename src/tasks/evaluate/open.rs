//! Saved model opened over a data set, ready to be evaluated.

use std::path::Path;
use std::sync::Arc;

use crate::data::{DataError, DataSet};
use crate::device::Device;
use crate::inference::LoadedModel;
use crate::model::{Model, Spec};
use crate::tasks::TaskError;
use crate::train::Evaluator;

/// Saved model ready to be run over data.
pub(crate) struct OpenedModel {
    pub model: Model,
    pub loaded: LoadedModel,
    /// Forward pass over the data, which reads the weights of `loaded`.
    pub evaluator: Evaluator,
    /// Data of the training in its parts, or all of other data as the test part.
    pub data: Arc<DataSet>,
}

impl OpenedModel {
    /// Opens the model at `path` over the data of its training, or over every row of `data`.
    pub fn new(path: &Path, data: Option<&str>, device: &Device) -> Result<Self, TaskError> {
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
        let loaded = LoadedModel::new(&model, path, device)?;
        let evaluator = evaluator_over(&loaded, &set)?;
        Ok(Self { model, loaded, evaluator, data: set })
    }
}

/// Returns the forward pass of `model` over `data`.
///
/// # Errors
/// When the model is conditioned on labels that the data has not.
pub(crate) fn evaluator_over(model: &LoadedModel, data: &Arc<DataSet>) -> Result<Evaluator, TaskError> {
    if model.classes() > 0 && data.labels.is_none() {
        let problem = "the model is conditioned on labels and this data has none".to_owned();
        return Err(DataError::Malformed { place: data.options.source.clone(), problem }.into());
    }
    Ok(Evaluator::over(model, data)?)
}

/// Opens the data that a model of `spec` was trained on.
pub(crate) fn own_data(spec: &Spec) -> Result<Arc<DataSet>, DataError> {
    Ok(Arc::new(spec.open_data()?))
}
