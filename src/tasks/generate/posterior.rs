//! Distributions of latents for new rows: latents of a model's train rows, its classes, and a fitted mixture.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::data::{DataError, DataSet, Part};
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::{Covariance, GaussianMixture, MixtureError, Pca};
use crate::model::{Model, ModelKind};
use crate::platform::Wait as _;
use crate::random::{key, normal4, philox4x32, stream};
use crate::tasks::TaskError;
use crate::tasks::evaluate::OpenedModel;
use crate::train::{ACTIVE_VARIANCE, Outputs};

/// Train rows whose latents are used, at most; more change little.
const MOST_ROWS: usize = 60_000;
/// Rows that a mixture is fitted to, at most; evenly taken from those.
const MIXTURE_ROWS: usize = 20_000;
/// Latent units that a mixture is fitted to, at most; of more, so many principal components.
const MOST_FULL: usize = 64;
/// Rows for each dimension and component below which covariances are diagonal.
const FULL_ROWS: usize = 4;
/// Default number of components of a mixture, where there are rows enough.
const USUAL_COMPONENTS: usize = 10;

/// Train rows of a model, and their latents.
pub(crate) struct TrainLatents {
    pub data: Arc<DataSet>,
    /// Latents `[rows, latent]` of the first rows of the train part.
    pub latents: Vec<f32>,
    pub latent: usize,
    /// Indices of codebook entries `[rows, places]` of a vector-quantized model.
    pub codes: Vec<f32>,
}

impl TrainLatents {
    /// Encodes the train rows of the model at `path`.
    ///
    /// # Errors
    /// When the data of the training is no longer available.
    pub fn open(path: &Path, device: &Device) -> Result<Self, TaskError> {
        let OpenedModel { mut evaluator, data, .. } = OpenedModel::new(path, None, device)?;
        let train = data.part(Part::Train);
        let rows = train.start..train.end.min(train.start + MOST_ROWS);
        let Outputs { latents, codes, .. } = evaluator.outputs(rows.clone(), false, false).wait()?;
        Ok(Self { data, latent: latents.len() / rows.len().max(1), latents, codes })
    }

    /// Returns the latents of the rows of class `label`.
    pub fn of_class(&self, label: usize) -> Vec<f32> {
        let labels = self.data.labels.as_deref().unwrap_or_default();
        let start = self.data.train.start;
        let rows = self.latents.chunks_exact(self.latent.max(1)).enumerate();
        rows.filter(|(row, _)| labels.get(start + row).is_some_and(|&of| usize::from(of) == label))
            .flat_map(|(_, latents)| latents)
            .copied()
            .collect()
    }
}

/// Computes the mean and standard deviation of each latent unit over rows `[rows, latent]`.
pub(crate) fn moments(latents: &[f32], latent: usize) -> Vec<(f64, f64)> {
    let rows = (latents.len() / latent.max(1)).max(1) as f64;
    (0..latent)
        .map(|unit| {
            let values = || latents.iter().skip(unit).step_by(latent).map(|&z| f64::from(z));
            let mean = values().sum::<f64>() / rows;
            (mean, (values().map(|z| (z - mean).powi(2)).sum::<f64>() / rows).sqrt())
        })
        .collect()
}

/// Returns whether a unit of this standard deviation is active: by Burda et al. 2016 where there is a prior to collapse
/// to, else if it varies at all.
pub(crate) fn is_active(model: &Model, deviation: f64) -> bool {
    match has_prior(model) {
        true => deviation * deviation > ACTIVE_VARIANCE,
        false => deviation > 1e-6,
    }
}

/// Returns whether the decoder was trained to take draws from a standard normal distribution.
pub(crate) fn has_prior(model: &Model) -> bool {
    matches!(model.spec.model.kind, ModelKind::Variational | ModelKind::Wasserstein)
}

/// Returns the first `count` normal numbers of the stream of `seed`.
pub(crate) fn normals(count: usize, seed: u64) -> Vec<f32> {
    let block = |block: u32| normal4(philox4x32([block, stream::LATENTS, 0, 0], key(seed)));
    (0..count.div_ceil(4) as u32).flat_map(block).take(count).collect()
}

/// Distribution of the latents of rows: a mixture of Gaussians, over the principal components where there are many
/// units.
#[derive(Debug)]
pub(crate) struct Posterior {
    mixture: GaussianMixture,
    /// PCA whose components the mixture is fitted to, where there are more latent units than [`MOST_FULL`].
    pca: Option<Pca>,
    covariance: Covariance,
}

impl Posterior {
    /// Fits a mixture to latents `[rows, latent]`, with so many components as asked for, or ten where there are rows
    /// enough.
    #[tracing::instrument(level = "debug", name = "fit_mixture", skip_all, fields(latent))]
    pub fn fit(latents: &[f32], latent: usize, components: Option<usize>, seed: u64) -> Result<Self, TaskError> {
        let unusable = |problem: String| TaskError::Data(DataError::malformed("the latents of the rows", problem));
        let rows = latents.len() / latent.max(1);
        let every = rows.div_ceil(MIXTURE_ROWS).max(1);
        let some: Vec<f32> = latents.chunks_exact(latent.max(1)).step_by(every).flatten().copied().collect();
        let pca = (latent > MOST_FULL).then(|| Pca::fit(&some, latent, MOST_FULL));
        let pca = pca.transpose().map_err(|error| unusable(error.to_string()))?;
        let some = pca.as_ref().map_or(some.clone(), |pca| pca.project(&some));
        let width = pca.as_ref().map_or(latent, Pca::components);
        let rows = some.len() / width.max(1);
        // A covariance of few rows is mostly noise.
        let usual = (rows / (20 * width.max(1))).clamp(1, USUAL_COMPONENTS);
        let components = components.unwrap_or(usual);
        let covariance = match rows >= FULL_ROWS * width * components {
            true => Covariance::Full,
            false => Covariance::Diagonal,
        };
        let mixture = GaussianMixture::fit(&some, width, components, covariance, seed).map_err(|error| {
            let problem = error.to_string();
            match error {
                MixtureError::TooFew { .. } => TaskError::Setting { setting: Setting::COMPONENTS, problem },
                MixtureError::NotFinite { .. } => unusable(problem),
            }
        })?;
        Ok(Self { mixture, pca, covariance })
    }

    /// Draws latents `[count, latent]`; `temperature` is the factor of the standard deviations.
    pub fn sample(&self, count: usize, temperature: f64, seed: u64) -> Vec<f32> {
        let drawn = self.mixture.sample(count, temperature, seed);
        self.pca.as_ref().map_or(drawn.clone(), |pca| pca.rebuild(&drawn))
    }

    pub fn report(&self) -> MixtureReport {
        MixtureReport {
            components: self.mixture.components(),
            covariance: self.covariance,
            log_likelihood: self.mixture.log_likelihood(),
            main_components: self.pca.as_ref().map(Pca::components),
        }
    }
}

/// Mixture of Gaussians that was fitted to the latents of rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MixtureReport {
    /// Number of Gaussians.
    pub components: usize,
    /// Shape of their covariances.
    pub covariance: Covariance,
    /// Mean log-likelihood of the rows it was fitted to, in nats per row.
    pub log_likelihood: f64,
    /// Principal components of the latents that it was fitted to; `None` where it was fitted to the latents themselves.
    pub main_components: Option<usize>,
}

/// Returns the number of the class `asked`, by its name or its number.
pub(crate) fn class_of(names: &[String], classes: usize, asked: &str) -> Result<usize, TaskError> {
    let by_name = names.iter().position(|name| name == asked);
    let by_number = || asked.parse::<usize>().ok().filter(|&number| number < classes.max(names.len()));
    by_name.or_else(by_number).ok_or_else(|| {
        let known = if names.is_empty() && classes > 0 {
            (0..classes).map(|class| class.to_string()).collect::<Vec<_>>().join(", ")
        } else {
            names.join(", ")
        };
        let problem = match known.is_empty() {
            true => "the model's data has no labels; leave it out".to_owned(),
            false => format!("there is no class {asked:?}; there are {known}"),
        };
        TaskError::Setting { setting: Setting::LABEL, problem }
    })
}

/// Replaces each code of a vector-quantized model by the nearest entry of its codebook; latents of other models stay as
/// they are.
pub(crate) fn to_codebook(model: &Model, latents: &mut [f32]) {
    let Some(codebook) = model.tensors.get("codebook.weight") else { return };
    let width = codebook.shape.extents().last().copied().unwrap_or(1).max(1);
    let numbers = crate::metrics::nearest_rows(latents, &codebook.data, width);
    for (code, (entry, _)) in latents.chunks_exact_mut(width).zip(numbers) {
        code.copy_from_slice(&codebook.data[entry * width..(entry + 1) * width]);
    }
}
