//! What a run came to, in the fields that scripts rely on.

use serde::Serialize;

use crate::data::{DataSet, Part};
use crate::metrics;

/// Quality on rows never used in training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestMetrics {
    pub rows: usize,
    /// Mean over all values.
    pub mse: f64,
    /// Mean over all values, in nats.
    pub bce: f64,
    /// Above the data's own entropy.
    pub bce_excess: f64,
    /// dB, from the mean MSE.
    pub psnr: f64,
    /// `None` where the rows are no pictures large enough for the window.
    pub ssim: Option<f64>,
    pub negative_elbo: Option<f64>,
    pub reconstruction: Option<f64>,
    pub kl: Option<f64>,
    pub active_units: Option<usize>,
}

impl TestMetrics {
    /// Measures `outputs` [rows, features] against the rows of the test part of `data`.
    pub fn measure(data: &DataSet, outputs: &[f32]) -> Self {
        let targets = data.rows_f32(data.part(Part::Test));
        let mse = metrics::mse(outputs, &targets);
        let bce = metrics::bce(outputs, &targets);
        let ssim = data.image.filter(|image| image.channels == 1).and_then(|image| {
            use rayon::prelude::*;
            let scores: Option<Vec<f64>> = outputs
                .par_chunks_exact(data.features)
                .zip(targets.par_chunks_exact(data.features))
                .map(|(output, target)| metrics::ssim(output, target, image.height, image.width))
                .collect();
            scores.map(|scores| scores.iter().sum::<f64>() / scores.len().max(1) as f64)
        });
        Self {
            rows: data.test.len(),
            mse,
            bce,
            bce_excess: bce - metrics::bce_floor(&targets),
            psnr: metrics::psnr(mse),
            ssim,
            negative_elbo: None,
            reconstruction: None,
            kl: None,
            active_units: None,
        }
    }
}

/// PCA at the same latent size on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PcaReport {
    pub components: usize,
    pub mse: f64,
}

/// One thing that the figures say, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub code: &'static str,
    pub message: String,
}

/// The object that `train --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub device: String,
    pub backend: String,
    pub adapter: String,
    pub preset: Option<String>,
    pub seed: u64,
    pub parameters: usize,
    pub epochs: u32,
    pub steps: u64,
    pub seconds: f64,
    pub samples_per_second: f64,
    pub train_loss: Option<f64>,
    pub validation_loss: Option<f64>,
    pub best_epoch: u32,
    pub model: Option<String>,
    pub run_dir: Option<String>,
    pub test: Option<TestMetrics>,
    pub pca: Option<PcaReport>,
    pub diagnosis: Vec<Finding>,
}

impl Report {
    /// What the figures say, each finding with its evidence and one suggestion.
    pub fn diagnose(test: Option<&TestMetrics>, pca: Option<&PcaReport>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let (Some(test), Some(pca)) = (test, pca)
            && test.mse >= pca.mse
        {
            findings.push(Finding {
                code: "worse_than_pca",
                message: format!(
                    "PCA with {} components does better: MSE {:.5} against {:.5}. Train longer, or use PCA.",
                    pca.components, pca.mse, test.mse
                ),
            });
        }
        findings
    }
}
