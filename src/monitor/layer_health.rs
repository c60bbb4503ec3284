//! Health of the layers of a network in training: inactive units, the size of gradients, and the filters of the first
//! layer.

use serde::{Deserialize, Serialize};

use crate::data::ImageShape;
use crate::graph::Parameter;
use crate::model::Network;
use crate::train::LayerHealth;

/// Maximum number of filters shown.
const FILTERS: usize = 64;

/// State of one layer with weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerState {
    /// Name in the model file, such as `encoder.0`.
    pub name: String,
    /// Units or channels of its activation; 0 for a layer without one.
    pub units: usize,
    /// Units of a rectifier that are never above zero.
    pub dead: usize,
    /// Units of a sigmoid or tanh that are nearly always at an end of their range.
    pub saturated: usize,
    /// Norm of the last step's gradient over the norm of the weights.
    pub gradient: f32,
}

/// Weights of the first layer, as pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filters {
    /// Shape of a filter; `None` if the weights are no pictures.
    pub image: Option<ImageShape>,
    /// Weights `[count, height, width, channels]` of the first filters, at most 64.
    pub values: Vec<f32>,
}

impl Filters {
    /// Returns the number of filters.
    pub fn count(&self) -> usize {
        self.image.map_or(0, |image| self.values.len() / image.values().max(1))
    }

    /// Returns the filters of the first layer of `network`, from the flat buffer of its parameters.
    pub fn new(network: &Network, parameters: &[f32]) -> Self {
        let Some(first) = network.parameters().iter().find(|parameter| parameter.name == "encoder.0.weight") else {
            return Self::default();
        };
        let extents = first.shape.extents();
        let image = match *extents {
            // A dense layer on the rows as they are.
            [_, inputs] => network.data_shape().image.filter(|image| image.values() == inputs),
            // Filters, height, width, channels.
            [_, height, width, channels] if height * width > 1 && (channels == 1 || channels == 3) => {
                Some(ImageShape { height, width, channels })
            }
            _ => None,
        };
        let Some(image) = image else { return Self::default() };
        let count = extents.first().copied().unwrap_or(0).min(FILTERS);
        let values = parameters.get(first.offset..first.offset + count * image.values());
        Self { image: Some(image), values: values.unwrap_or_default().to_vec() }
    }
}

impl LayerState {
    /// Returns the layers of `network`, from the flat buffers of its parameters and of the last step's gradient.
    pub fn from_network(network: &Network, parameters: &[f32], gradients: &[f32], health: &[LayerHealth]) -> Vec<Self> {
        let weights = network.parameters().iter().filter_map(|parameter| {
            let name = parameter.name.strip_suffix(".weight")?;
            let units = health.iter().find(|layer| layer.layer == name);
            let gradient = norm(gradients, parameter) / norm(parameters, parameter).max(f64::MIN_POSITIVE);
            Some(Self {
                name: name.to_owned(),
                units: units.map_or(0, |layer| layer.units),
                dead: units.map_or(0, |layer| layer.dead),
                saturated: units.map_or(0, |layer| layer.saturated),
                gradient: gradient as f32,
            })
        });
        weights.collect()
    }

    /// Returns the number of dead and saturated units.
    pub fn idle(&self) -> usize {
        self.dead + self.saturated
    }
}

fn norm(flat: &[f32], parameter: &Parameter) -> f64 {
    let values = flat.get(parameter.offset..parameter.offset + parameter.shape.elements()).unwrap_or_default();
    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}
