//! Model in the form that is shared while it trains.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::InferenceError;
use crate::data::Preparation;
use crate::graph::GraphError;
use crate::model::{DataShape, Model, Network, Spec, Weights};

/// Model whose weights stay in the flat buffers of its network. A copy shares all of it; named tensors are made for
/// files alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "FlatModelRecord", into = "FlatModelRecord")]
pub struct FlatModel {
    /// Network that lays out the weights.
    pub network: Arc<Network>,
    /// Names of the classes, where the data had any.
    pub labels: Option<Arc<Vec<String>>>,
    /// Preparation of the data, applied to all rows that the model is given.
    pub preparation: Arc<Preparation>,
    /// Parameters and statistics in their flat buffers.
    pub weights: Arc<Weights>,
}

/// Record of a [`FlatModel`]: its network is planned again from the spec.
#[derive(Serialize, Deserialize)]
struct FlatModelRecord {
    spec: Spec,
    shape: DataShape,
    labels: Option<Vec<String>>,
    preparation: Preparation,
    weights: Weights,
}

impl From<FlatModel> for FlatModelRecord {
    fn from(model: FlatModel) -> Self {
        Self {
            spec: model.network.spec().clone(),
            shape: model.network.data_shape(),
            labels: model.labels.map(Arc::unwrap_or_clone),
            preparation: Arc::unwrap_or_clone(model.preparation),
            weights: Arc::unwrap_or_clone(model.weights),
        }
    }
}

impl TryFrom<FlatModelRecord> for FlatModel {
    type Error = GraphError;

    fn try_from(record: FlatModelRecord) -> Result<Self, GraphError> {
        Ok(Self {
            network: Arc::new(Network::new(&record.spec, record.shape)?),
            labels: record.labels.map(Arc::new),
            preparation: Arc::new(record.preparation),
            weights: Arc::new(record.weights),
        })
    }
}

impl FlatModel {
    /// Builds the network of `model` and lays out its weights; `path` is where it is from, for errors.
    ///
    /// # Errors
    /// When its layers do not fit together or it lacks what its spec names.
    pub fn from_model(model: &Model, path: &Path) -> Result<Self, InferenceError> {
        let network = Network::new(&model.spec, model.data_shape())?;
        let weights = model.to_flat(&network, path)?;
        Ok(Self {
            network: Arc::new(network),
            labels: model.labels.clone().map(Arc::new),
            preparation: Arc::new(model.preparation.clone()),
            weights: Arc::new(weights),
        })
    }

    /// Returns the same model with other weights.
    pub fn with_weights(&self, weights: Weights) -> Self {
        Self { weights: Arc::new(weights), ..self.clone() }
    }

    /// Returns the model with named tensors, as files have it.
    pub fn to_model(&self) -> Model {
        let labels = self.labels.as_deref().cloned();
        let mut model = Model::from_flat(self.network.spec(), &self.network, labels, &self.weights);
        model.preparation = Preparation::clone(&self.preparation);
        model
    }
}
