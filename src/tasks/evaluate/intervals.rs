//! Metrics of each row, and bootstrap intervals of their means.

use std::collections::BTreeMap;

use crate::data::{DataSet, Part};
use crate::kernels::loss::ReconstructionLoss;
use crate::metrics;
use crate::model::{ModelKind, Network};
use crate::platform::Wait as _;
use crate::tasks::TaskError;
use crate::train::{Evaluator, Outputs, row_ssim};

/// Metrics of each row of the test part.
pub(super) struct RowMetrics {
    pub mse: Vec<f64>,
    bce: Option<Vec<f64>>,
    ssim: Option<Vec<f64>>,
    kl: Option<Vec<f64>>,
    negative_elbo: Option<Vec<f64>>,
}

/// Computes the bootstrap intervals of the means of `metrics`; those that have none are left out.
pub(super) fn bootstrap_intervals<'a>(
    metrics: impl IntoIterator<Item = (&'static str, &'a [f64])>,
    seed: u64,
) -> Intervals {
    let interval = |(name, values): (&'static str, &[f64])| Some((name, metrics::mean_interval(values, seed)?));
    metrics.into_iter().filter_map(interval).collect()
}

/// Returns the function for the negative log-likelihood of a row in nats, by the objective; `None` where its loss is no
/// likelihood.
pub(super) fn row_likelihood(network: &Network) -> Option<impl Fn(&[f32], &[f32]) -> f64 + Sync> {
    let objective = &network.spec().objective;
    let variance = objective.variance;
    let bce = match objective.loss {
        ReconstructionLoss::Bce => true,
        ReconstructionLoss::Gaussian => false,
        _ => return None,
    };
    Some(move |output: &[f32], target: &[f32]| match bce {
        true => metrics::bce(output, target) * target.len() as f64,
        false => {
            let constant = 0.5 * (std::f64::consts::TAU * variance).ln();
            (metrics::mse(output, target) / (2.0 * variance) + constant) * target.len() as f64
        }
    })
}

/// Computes the divergence from the prior of each row of moments `[rows, 2 * latent]`, in nats (Kingma & Welling 2014,
/// appendix B).
fn row_divergence(moments: &[f32], latent: usize) -> Vec<f64> {
    let of_row = |row: &[f32]| {
        let (means, log_variances) = row.split_at(latent);
        let units = means.iter().zip(log_variances).map(|(&mean, &log_variance)| {
            let log_variance = f64::from(log_variance);
            0.5 * (f64::from(mean).powi(2) + log_variance.exp() - 1.0 - log_variance)
        });
        units.sum()
    };
    moments.chunks_exact(2 * latent).map(of_row).collect()
}

impl RowMetrics {
    pub fn measure(evaluator: &mut Evaluator, network: &Network, data: &DataSet) -> Result<Self, TaskError> {
        let (rows, width) = (data.part(Part::Test), data.features);
        let targets = data.rows_f32(rows.clone())?;
        let Outputs { outputs, .. } = evaluator.outputs(rows.clone(), true, true).wait()?;
        let by_row = |outputs: &[f32], metric: &dyn Fn(&[f32], &[f32]) -> f64| -> Vec<f64> {
            outputs.chunks_exact(width).zip(targets.chunks_exact(width)).map(|(a, b)| metric(a, b)).collect()
        };
        let in_unit = |values: &[f32]| values.iter().all(|value| (0.0..=1.0).contains(value));
        let bce = (in_unit(&targets) && in_unit(&outputs)).then(|| by_row(&outputs, &metrics::bce));
        let (mut kl, mut negative_elbo) = (None, None);
        if network.spec().model.kind == ModelKind::Variational {
            let sampled = evaluator.sampled_outputs(rows).wait()?;
            let divergence = row_divergence(&sampled.moments, network.latent());
            if let Some(likelihood) = row_likelihood(network) {
                let reconstruction = by_row(&sampled.outputs, &likelihood);
                negative_elbo = Some(reconstruction.iter().zip(&divergence).map(|(a, b)| a + b).collect());
            }
            kl = Some(divergence);
        }
        let ssim = row_ssim(data, &outputs, &targets);
        Ok(Self { mse: by_row(&outputs, &metrics::mse), bce, ssim, kl, negative_elbo })
    }

    pub fn intervals(&self, seed: u64) -> Intervals {
        let optional =
            [("bce", &self.bce), ("ssim", &self.ssim), ("kl", &self.kl), ("negative_elbo", &self.negative_elbo)];
        let optional = optional.into_iter().filter_map(|(name, values)| Some((name, values.as_deref()?)));
        let mut found = bootstrap_intervals([("mse", &self.mse[..])].into_iter().chain(optional), seed);
        // PSNR is of the mean MSE, and falls as that rises.
        if let Some(&[low, high]) = found.get("mse") {
            found.insert("psnr", [metrics::psnr(high), metrics::psnr(low)]);
        }
        found
    }
}

/// Ends of the middle 95% of bootstrap means over rows, by the name of the metric.
pub type Intervals = BTreeMap<&'static str, [f64; 2]>;
