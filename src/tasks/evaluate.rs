//! Every metric of a saved model on rows it has not seen, with PCA beside it.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::data::{DataError, Part};
use crate::device::Device;
use crate::graph::{External, Externals};
use crate::model::{Model, Network};
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

/// Measures the model at `path` on the test part of its own data, or on every row of `data`.
pub fn evaluate(path: &Path, data: Option<&str>, device: &Device) -> Result<Evaluation, TrainError> {
    let model = Model::load(path)?;
    let spec = &model.spec;
    let own = || {
        let mut set = spec.open_data()?;
        set.limit_train(spec.data.rows.unwrap_or(usize::MAX));
        Ok::<_, DataError>(Arc::new(set))
    };
    let set = match data {
        Some(source) => Arc::new(spec.open_other_data(source, &model.preparation)?),
        None => own()?,
    };
    if set.features != model.features {
        return Err(DataError::WrongWidth {
            place: data.unwrap_or(&spec.data.source).to_owned(),
            found: set.features,
            expected: model.features,
        }
        .into());
    }
    let shape = model.data_shape();
    let network = Network::new(spec, shape)?;
    let (parameters, statistics) = model.to_flat(&network, path)?;
    if shape.classes > 0 && set.labels.is_none() {
        return Err(DataError::Malformed {
            place: data.unwrap_or(&spec.data.source).to_owned(),
            problem: "the model is conditioned on labels and this data has none".to_owned(),
        }
        .into());
    }
    let mut externals = Externals::default();
    let mut evaluator = Evaluator::new(&network, &set, device, &mut externals)?;
    externals.write(device, External::Parameters, bytemuck::cast_slice(&parameters))?;
    if !network.statistics().is_empty() {
        externals.write(device, External::Statistics, bytemuck::cast_slice(&statistics))?;
    }
    let test = TestMetrics::measure(&mut evaluator, &network, &set)?;
    // PCA is fitted on what the model was trained on; null where that is not here any more.
    let train = if data.is_some() { own().ok() } else { Some(Arc::clone(&set)) };
    let test_rows = set.rows_f32(set.part(Part::Test))?;
    let pca = train.and_then(|train| pca_beside(&network, &train, &test_rows));
    Ok(Evaluation {
        model: path.display().to_string(),
        data: data.unwrap_or(&spec.data.source).to_owned(),
        test,
        pca,
        representation: Representation::default(),
    })
}
