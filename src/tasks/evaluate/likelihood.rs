//! Bound of the likelihood tighter than the ELBO: many samples of each row's latents, weighted by how likely they made
//! the row (Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders").

use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use super::intervals::row_likelihood;
use super::open::evaluator_over;
use crate::data::{DataSet, Part};
use crate::inference::LoadedModel;
use crate::metrics::mean_interval;
use crate::model::ModelKind;
use crate::platform::Wait as _;
use crate::random::Sampler;
use crate::tasks::TaskError;
use crate::tasks::represent::features::{TEST_ROWS, draw_rows, drawn};

/// Number of latent samples of a row.
pub const SAMPLES: usize = 50;
/// Rows of the test part that are measured; drawn where there are more.
const ROWS: usize = 1000;
/// Values that are decoded at once, at most.
const VALUES: usize = 1 << 23;

/// Importance-weighted upper bound of the negative log-likelihood of rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportanceWeighted {
    /// Number of latent samples of each row.
    pub k: usize,
    /// Rows that were measured, drawn from the test part.
    pub rows: usize,
    /// Negative log-likelihood in nats per row: an upper bound in the mean, the tighter the larger k.
    pub negative_log_likelihood: f64,
    /// 95% bootstrap interval of the mean over rows; `None` for fewer than two rows or values that are not finite.
    pub interval: Option<[f64; 2]>,
}

/// Computes the importance-weighted bound; `None` but for variational models whose loss is a likelihood.
pub(super) fn bound(
    model: &mut LoadedModel,
    data: &DataSet,
    seed: u64,
) -> Result<Option<ImportanceWeighted>, TaskError> {
    let network = Arc::clone(model.network());
    let Some(likelihood) = row_likelihood(&network) else { return Ok(None) };
    if network.spec().model.kind != ModelKind::Variational || network.check_bottleneck().is_err() {
        return Ok(None);
    }
    let rows = Arc::new(drawn(data, &draw_rows(data, Part::Test, ROWS, seed, TEST_ROWS))?);
    let (features, latent) = (rows.features, network.latent());
    if rows.rows == 0 {
        return Ok(None);
    }
    let moments = evaluator_over(model, &rows)?.outputs(rows.part(Part::Test), false, true).wait()?.moments;
    let targets = rows.rows_f32(rows.part(Part::Test))?;
    let mut found = Vec::with_capacity(rows.rows);
    let at_once = (VALUES / (SAMPLES * features)).max(1);
    for (first, moments) in (0..).step_by(at_once).zip(moments.chunks(at_once * 2 * latent)) {
        let sampled: Vec<Sampled> = moments
            .par_chunks_exact(2 * latent)
            .enumerate()
            .map(|(i, moments)| Sampled::from_moments(moments, &mut Sampler::new(seed, (first + i) as u32)))
            .collect();
        let latents: Vec<f32> = sampled.iter().flat_map(|row| &row.latents).copied().collect();
        let label = |row: usize| rows.labels.as_ref().map_or(0, |labels| usize::from(labels[row]));
        let labels: Vec<usize> = (0..sampled.len() * SAMPLES).map(|i| label(first + i / SAMPLES)).collect();
        let outputs = model.decode_rows(&latents, &labels).wait()?;
        let of_row = |(i, row): (usize, &Sampled)| {
            let target = &targets[(first + i) * features..(first + i + 1) * features];
            let outputs = outputs[i * SAMPLES * features..(i + 1) * SAMPLES * features].chunks_exact(features);
            let weights: Vec<f64> =
                outputs.zip(&row.log_ratios).map(|(output, ratio)| ratio - likelihood(output, target)).collect();
            -log_mean_exp(&weights)
        };
        found.par_extend(sampled.par_iter().enumerate().map(of_row));
    }
    Ok(Some(ImportanceWeighted {
        k: SAMPLES,
        rows: found.len(),
        negative_log_likelihood: found.iter().sum::<f64>() / found.len() as f64,
        interval: mean_interval(&found, seed),
    }))
}

/// Samples of the latents of a row.
struct Sampled {
    /// Latents `[SAMPLES, latent]`.
    latents: Vec<f32>,
    /// Logarithms of the weights, ln p(z) - ln q(z | x), of the samples.
    log_ratios: Vec<f64>,
}

impl Sampled {
    fn from_moments(moments: &[f32], draws: &mut Sampler) -> Self {
        let (means, log_variances) = moments.split_at(moments.len() / 2);
        let (mut latents, mut log_ratios) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            let mut ratio = 0.0;
            for (&mean, &log_variance) in means.iter().zip(log_variances) {
                let (log_variance, noise) = (f64::from(log_variance), draws.normal());
                let z = f64::from(mean) + (0.5 * log_variance).exp() * noise;
                // Both densities have the same constant.
                ratio += 0.5 * (noise * noise + log_variance - z * z);
                latents.push(z as f32);
            }
            log_ratios.push(ratio);
        }
        Self { latents, log_ratios }
    }
}

fn log_mean_exp(values: &[f64]) -> f64 {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = values.iter().map(|value| (value - highest).exp()).sum();
    highest + (sum / values.len() as f64).ln()
}
