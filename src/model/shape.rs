//! Shape of the data that a network is built for.

use serde::{Deserialize, Serialize};

use super::{ConditionKind, Spec};
use crate::data::{DataSet, ImageShape};
use crate::graph::GraphError;

/// Shape of a row of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataShape {
    /// Values of a row.
    pub features: usize,
    /// Size of a row as an image; `None` for rows that are no images.
    pub image: Option<ImageShape>,
    /// Classes of the labels that the model is conditioned on; 0 without such a condition.
    pub classes: usize,
}

/// Way out where a model does not fit the data at all.
pub(super) const ANOTHER_MODEL: &str = "leave spec and preset out for a model that suits the data";

pub(super) fn misfit(layer: &str, problem: impl Into<String>) -> GraphError {
    GraphError::Shape { layer: layer.to_owned(), problem: problem.into() }
}

/// Returns the shape of `data` for a network of `spec`.
pub fn data_shape(spec: &Spec, data: &DataSet) -> DataShape {
    let classes = match spec.model.condition {
        // A model keeps its classes, whatever those of other data are.
        ConditionKind::Labels => spec.data.classes.unwrap_or(data.classes()),
        _ => 0,
    };
    DataShape { features: data.features, image: data.image, classes }
}
