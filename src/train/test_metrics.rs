//! Quality on rows never used in training.

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::evaluator::{Evaluator, Outputs};
use crate::data::{DataSet, Part};
use crate::kernels::loss::ReconstructionLoss;
use crate::metrics;
use crate::metrics::Pca;
use crate::model::{ModelKind, Network};
use crate::nn::ObjectivePart;

/// Variance of a latent mean over the data above which its unit counts as active (Burda et al. 2016).
pub const ACTIVE_VARIANCE: f64 = 0.01;

/// Quality on rows never used in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestMetrics {
    /// Rows of the test part.
    pub rows: usize,
    /// Mean squared error over all values; of corrupted input against the clean target, for denoising models.
    pub mse: f64,
    /// Binary cross-entropy, mean over all values, in nats; `None` if values are not all in 0..1.
    pub bce: Option<f64>,
    /// Binary cross-entropy above the data's own entropy, in nats.
    pub bce_excess: Option<f64>,
    /// Peak signal-to-noise ratio in dB, from the mean MSE.
    pub psnr: f64,
    /// Mean SSIM over rows; `None` if the rows are no pictures large enough for the window.
    pub ssim: Option<f64>,
    /// Negative ELBO in nats a row, lower is better; `None` but for variational models whose loss is a likelihood.
    pub negative_elbo: Option<f64>,
    /// Reconstruction term of `negative_elbo`, in nats a row.
    pub reconstruction: Option<f64>,
    /// KL divergence from the prior in nats a row; `None` but for variational models.
    pub kl: Option<f64>,
    /// Active latent units of variational models, by Burda et al. 2016; for TopK, units that were ever kept.
    pub active_units: Option<usize>,
    /// Mean squared error on clean input, for denoising models.
    pub clean_mse: Option<f64>,
    /// PSNR of the corrupted input itself, in dB.
    pub corrupted_psnr: Option<f64>,
    /// Share of the latent units of a TopK model that no row uses.
    pub dead_units: Option<f64>,
    /// Codebook entries in use; `None` but for vector-quantized models.
    pub codebook_used: Option<usize>,
    /// Perplexity of the codebook: the exponential of the entropy of its use.
    pub codebook_perplexity: Option<f64>,
}

/// Units of `[rows, latent]` whose variance over rows is above [`ACTIVE_VARIANCE`].
fn active_units(latents: &[f32], latent: usize) -> usize {
    let rows = (latents.len() / latent.max(1)).max(1) as f64;
    let mut sums = vec![(0.0, 0.0); latent];
    for row in latents.chunks_exact(latent) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            sum.0 += f64::from(value);
            sum.1 += f64::from(value) * f64::from(value);
        }
    }
    sums.iter().filter(|(sum, squares)| squares / rows - (sum / rows) * (sum / rows) > ACTIVE_VARIANCE).count()
}

/// Entries in use and their perplexity.
fn codebook_use(codes: &[f32], entries: usize) -> (usize, f64) {
    let mut counts = vec![0_usize; entries];
    for &code in codes {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
    let total = codes.len().max(1) as f64;
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / total);
    (counts.iter().filter(|&&count| count > 0).count(), (-shares.map(|share| share * share.ln()).sum::<f64>()).exp())
}

/// Computes the SSIM of each of the pictures `[rows, height, width, channels]`, mean over channels; `None` if they are
/// no pictures or too small.
pub fn row_ssim(data: &DataSet, outputs: &[f32], targets: &[f32]) -> Option<Vec<f64>> {
    use rayon::prelude::*;
    let image = data.image?;
    outputs
        .par_chunks_exact(data.features)
        .zip(targets.par_chunks_exact(data.features))
        .map(|(output, target)| {
            let channel = |values: &[f32], c: usize| values.iter().skip(c).step_by(image.channels).copied().collect();
            let scores: Option<Vec<f64>> = (0..image.channels)
                .map(|c| {
                    let (output, target): (Vec<f32>, Vec<f32>) = (channel(output, c), channel(target, c));
                    metrics::ssim(&output, &target, image.height, image.width)
                })
                .collect();
            scores.map(|scores| scores.iter().sum::<f64>() / scores.len().max(1) as f64)
        })
        .collect()
}

/// Mean SSIM over rows and channels.
fn mean_ssim(data: &DataSet, outputs: &[f32], targets: &[f32]) -> Option<f64> {
    row_ssim(data, outputs, targets).map(|scores| scores.iter().sum::<f64>() / scores.len().max(1) as f64)
}

impl TestMetrics {
    /// Measures the model in `evaluator` on the test part of `data`.
    #[tracing::instrument(level = "debug", name = "measure_test_part", skip_all)]
    pub async fn measure(evaluator: &mut Evaluator, network: &Network, data: &DataSet) -> Result<Self, TrainError> {
        let spec = network.spec();
        let rows = data.part(Part::Test);
        let targets = data.rows_f32(rows.clone())?;
        let Outputs { latents, outputs, seen, codes, .. } = evaluator.outputs(rows.clone(), true, true).await?;
        let mse = metrics::mse(&outputs, &targets);
        let in_unit = |values: &[f32]| values.iter().all(|value| (0.0..=1.0).contains(value));
        let bce = (in_unit(&targets) && in_unit(&outputs)).then(|| metrics::bce(&outputs, &targets));
        let mut measured = Self {
            rows: rows.len(),
            mse,
            bce,
            bce_excess: bce.map(|bce| bce - metrics::bce_floor(&targets)),
            psnr: metrics::psnr(mse),
            ssim: mean_ssim(data, &outputs, &targets),
            negative_elbo: None,
            reconstruction: None,
            kl: None,
            active_units: None,
            clean_mse: None,
            corrupted_psnr: None,
            dead_units: None,
            codebook_used: None,
            codebook_perplexity: None,
        };
        let latent = network.latent();
        if spec.model.kind == ModelKind::Variational {
            let parts = evaluator.objective(rows.clone()).await?;
            let divergence: f64 = evaluator.outputs(rows.clone(), false, true).await?.divergence.iter().sum();
            measured.kl = Some(divergence);
            measured.active_units = Some(active_units(&latents, latent));
            let likelihood = matches!(spec.objective.loss, ReconstructionLoss::Bce | ReconstructionLoss::Gaussian);
            if likelihood {
                let mut reconstruction = parts[ObjectivePart::Reconstruction.index()];
                if !spec.sums_over_values() {
                    reconstruction *= data.features as f64;
                }
                measured.reconstruction = Some(reconstruction);
                measured.negative_elbo = Some(reconstruction + divergence);
            }
        }
        if spec.model.top_k.is_some() {
            let mut used = vec![false; latent];
            for row in latents.chunks_exact(latent) {
                used.iter_mut().zip(row).for_each(|(used, &value)| *used |= value != 0.0);
            }
            let alive = used.iter().filter(|used| **used).count();
            measured.active_units = Some(alive);
            measured.dead_units = Some((latent - alive) as f64 / latent.max(1) as f64);
        }
        if let Some(entries) = spec.model.codebook {
            let (used, perplexity) = codebook_use(&codes, entries);
            (measured.codebook_used, measured.codebook_perplexity) = (Some(used), Some(perplexity));
        }
        if spec.corruption.is_active() {
            measured.corrupted_psnr = Some(metrics::psnr(metrics::mse(&seen, &targets)));
            let clean = evaluator.outputs(rows, true, false).await?;
            measured.clean_mse = Some(metrics::mse(&clean.outputs, &targets));
        }
        Ok(measured)
    }
}

/// Returns `rows` as the model in `evaluator` is given them: corrupted with the fixed noise of evaluation where its
/// spec corrupts them, else as they are. What is compared with the model gets the same input.
pub async fn seen_rows(
    evaluator: &mut Evaluator,
    network: &Network,
    data: &DataSet,
    rows: std::ops::Range<usize>,
) -> Result<Vec<f32>, TrainError> {
    if network.spec().corruption.is_active() {
        Ok(evaluator.outputs(rows, true, true).await?.seen)
    } else {
        Ok(data.rows_f32(rows)?)
    }
}

/// Fits PCA to the train part at the comparable size and measures it as the model is: given `seen`, against `targets`.
/// `None` if no size compares, or if PCA cannot be fitted (one row, too many features).
pub fn pca_beside(network: &Network, train: &DataSet, seen: &[f32], targets: &[f32]) -> Option<PcaReport> {
    let components = network.comparable_components()?;
    let fitted = Pca::fit(&train.some_f32(Part::Train).ok()?, train.features, components).ok()?;
    let lost: f64 = fitted.squared_errors_from(seen, targets).iter().sum();
    Some(PcaReport { components: fitted.components(), mse: lost / targets.len() as f64 })
}

/// PCA at the same latent size on the same rows, given the same input as the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PcaReport {
    /// Number of principal components.
    pub components: usize,
    /// Mean squared error of the reconstruction.
    pub mse: f64,
}
