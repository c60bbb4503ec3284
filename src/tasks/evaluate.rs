//! Every metric of a saved model on rows it has not seen, with PCA beside it.

use std::path::Path;

use serde::Serialize;

use crate::data::{DataError, DataSet, Part};
use crate::device::Device;
use crate::graph::{External, Externals};
use crate::metrics::Pca;
use crate::model::{Model, Network};
use crate::train::{Evaluator, PcaReport, TestMetrics, TrainError};

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
    let own = || DataSet::load(&spec.data.source, spec.train.validation_fraction, spec.train.seed);
    let set = match data {
        Some(source) => DataSet::load_whole(source)?,
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
    let network = Network::new(spec, model.features)?;
    let flat = model.to_flat(&network, path)?;
    let mut externals = Externals::default();
    let mut evaluator = Evaluator::new(&network, set.rows, device, &mut externals)?;
    externals.write(device, External::Data, &set.packed)?;
    externals.write(device, External::Parameters, bytemuck::cast_slice(&flat))?;
    let outputs = evaluator.outputs(set.part(Part::Test), true)?;
    // PCA is fitted on what the model was trained on; null where that is not here any more.
    let train = if data.is_some() { own().ok() } else { Some(set.clone()) };
    let pca = train
        .and_then(|train| Pca::fit(&train.rows_f32(train.part(Part::Train)), train.features, spec.model.latent).ok())
        .map(|pca| PcaReport {
            components: pca.components(),
            mse: pca.reconstruction_mse(&set.rows_f32(set.part(Part::Test))),
        });
    Ok(Evaluation {
        model: path.display().to_string(),
        data: data.unwrap_or(&spec.data.source).to_owned(),
        test: TestMetrics::measure(&set, &outputs.outputs),
        pca,
        representation: Representation::default(),
    })
}
