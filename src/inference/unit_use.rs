//! Use of each latent unit by held-out rows, and draws from its prior.

use serde::{Deserialize, Serialize};

use crate::model::{ModelKind, Spec};
use crate::random::{key, normal4, philox4x32};

/// Draws latents `[rows, latent]` around each unit's prior mean with its prior deviation times `temperature`; `number`
/// distinguishes draws.
pub fn draw_latents(units: &[UnitUse], rows: usize, temperature: f32, number: u32) -> Vec<f32> {
    let latent = units.len();
    let normals = (0..(rows * latent).div_ceil(4) as u32)
        .flat_map(|block| normal4(philox4x32([block, crate::random::stream::OPS, number, 1], key(1))));
    normals
        .take(rows * latent)
        .enumerate()
        .map(|(i, normal)| {
            let unit = &units[i % latent];
            unit.prior_mean + unit.prior_deviation * temperature * normal
        })
        .collect()
}

/// Statistics of a latent unit over held-out rows, and of its prior.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitUse {
    /// Mean over held-out rows.
    pub mean: f32,
    /// Standard deviation over held-out rows.
    pub deviation: f32,
    /// Mean of the distribution that the decoder was trained to take: the prior, or for plain autoencoders that of the
    /// encoder's latents.
    pub prior_mean: f32,
    /// Standard deviation of the same distribution.
    pub prior_deviation: f32,
}

impl UnitUse {
    /// Returns a unit of standard normal distribution.
    pub fn prior() -> Self {
        Self { mean: 0.0, deviation: 1.0, prior_mean: 0.0, prior_deviation: 1.0 }
    }

    /// Computes the use of each unit from latents `[rows, latent]`.
    pub fn from_latents(latents: &[f32], latent: usize, spec: &Spec) -> Vec<Self> {
        let rows = (latents.len() / latent.max(1)).max(1) as f64;
        let mut sums = vec![(0.0_f64, 0.0_f64); latent];
        for row in latents.chunks_exact(latent.max(1)) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                sum.0 += f64::from(value);
                sum.1 += f64::from(value) * f64::from(value);
            }
        }
        let has_prior = matches!(spec.model.kind, ModelKind::Variational | ModelKind::Wasserstein);
        let unit = |&(sum, squares): &(f64, f64)| {
            let mean = sum / rows;
            let deviation = (squares / rows - mean * mean).max(0.0).sqrt();
            let (mean, deviation) = (mean as f32, deviation as f32);
            let (prior_mean, prior_deviation) = if has_prior { (0.0, 1.0) } else { (mean, deviation) };
            Self { mean, deviation, prior_mean, prior_deviation }
        };
        sums.iter().map(unit).collect()
    }
}
