//! How much of what a model takes away is taken away.
//!
//! A blind model finds the noise by itself and may take texture for it. So that a clean photograph is never harmed, what
//! is removed is bounded by what noise there is. Given, that is its standard deviation (the residual of the best possible
//! denoiser is smaller than the noise, so that the bound costs nothing). Estimated, it is the smaller of two: the
//! eigenvalues of patches, which texture raises, and what the model took away where that is little: noise is the same
//! everywhere, texture is not, and where a picture is smooth the model takes away noise alone.

use crate::metrics::noise_level;

/// Estimates by eigenvalues up to this, on the scale of 0..255, are those of clean photographs: the model is not asked.
pub(super) const CLEAN: f64 = 2.0;
/// What their own texture makes of the estimate of clean photographs at most: it is taken off, in squares.
const TEXTURE: f64 = 3.0;
/// A quarter of the places loses less than this share of the noise there is.
const REMOVED_OF_NOISE: f64 = 1.2;
/// Neighbours in what is taken away of a picture like those trained on agree by less than this: white noise has no
/// neighbours. More is structure: of the picture, or of noise that is not white.
pub(super) const UNLIKE: f64 = 0.25;
/// Side of the places that are looked at.
const PLACE: usize = 16;

/// The noise's standard deviation on the scale of 0..255.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sigma {
    /// Estimated for each plane of each picture.
    #[default]
    Auto,
    Given(f64),
}

/// What is to be removed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    pub sigma: Sigma,
    /// 0 leaves a picture as it is, 1 takes away all that the bound allows.
    pub strength: f64,
}

impl Default for Amount {
    fn default() -> Self {
        Self { sigma: Sigma::Auto, strength: 1.0 }
    }
}

/// What is known of the noise in a plane, on the scale of 0..255; `None` where it is too small to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Noise {
    pub by_patches: Option<f64>,
    pub by_removal: Option<f64>,
    /// Root mean square of what the model takes away.
    pub removed: f64,
    /// Correlation of neighbours in what it takes away.
    pub correlation: f64,
}

impl Noise {
    /// Of a plane [height, width] of values in 0..1, in which noise is `factor` times as strong as in the picture.
    pub fn by_patches(values: &[f32], size: [usize; 2], factor: f32) -> Self {
        let scale = 255.0 / f64::from(factor);
        Self { by_patches: noise_level(values, size[0], size[1]).map(|sigma| scale * sigma), ..Self::default() }
    }

    /// With what the model changes, in the units of the picture.
    pub fn with_change(self, change: &[f32], size: [usize; 2]) -> Self {
        let squares: f64 = change.iter().map(|value| f64::from(*value).powi(2)).sum();
        let removed = 255.0 * (squares / change.len().max(1) as f64).sqrt();
        let by_removal = low_deviation(change, size).map(|deviation| 255.0 * REMOVED_OF_NOISE * deviation);
        Self { by_removal, removed, correlation: correlation(change, size), ..self }
    }

    /// The estimate.
    pub fn sigma(&self) -> Option<f64> {
        Some(self.by_patches?.min(self.by_removal.unwrap_or(f64::INFINITY)))
    }

    /// What a model that wants to be told is told, before there is anything removed.
    pub fn told(&self, amount: &Amount) -> f64 {
        match amount.sigma {
            Sigma::Given(sigma) => sigma,
            Sigma::Auto => without_texture(self.by_patches.unwrap_or(0.0)),
        }
    }

    /// The share of the change that is made.
    pub fn share(&self, amount: &Amount) -> f64 {
        let bound = match amount.sigma {
            Sigma::Given(sigma) => sigma,
            // What cannot be told is left alone.
            Sigma::Auto => without_texture(self.sigma().unwrap_or(0.0)),
        };
        amount.strength * (bound / self.removed.max(f64::MIN_POSITIVE)).min(1.0)
    }
}

/// The mean over both ways of what a value says of its neighbour: 0 for white noise, near 1 for what is smooth.
fn correlation(change: &[f32], [height, width]: [usize; 2]) -> f64 {
    let mean = change.iter().map(|&value| f64::from(value)).sum::<f64>() / change.len().max(1) as f64;
    let at = |row: usize, column: usize| f64::from(change[row * width + column]) - mean;
    let (mut squares, mut products) = (0.0, 0.0);
    for row in 1..height {
        for column in 1..width {
            let value = at(row, column);
            squares += value * value;
            products += value * (at(row - 1, column) + at(row, column - 1)) / 2.0;
        }
    }
    if squares > 0.0 { products / squares } else { 0.0 }
}

fn without_texture(sigma: f64) -> f64 {
    (sigma.powi(2) - TEXTURE.powi(2)).max(0.0).sqrt()
}

/// The standard deviation within places of 16x16 that a quarter of them stays below.
fn low_deviation(change: &[f32], [height, width]: [usize; 2]) -> Option<f64> {
    let mut deviations = Vec::new();
    for top in (0..(height + 1).saturating_sub(PLACE)).step_by(PLACE) {
        for left in (0..(width + 1).saturating_sub(PLACE)).step_by(PLACE) {
            let (mut sum, mut squares) = (0.0, 0.0);
            for row in top..top + PLACE {
                for &value in &change[row * width + left..][..PLACE] {
                    let value = f64::from(value);
                    (sum, squares) = (sum + value, squares + value * value);
                }
            }
            let count = (PLACE * PLACE) as f64;
            deviations.push((squares / count - (sum / count).powi(2)).max(0.0).sqrt());
        }
    }
    deviations.sort_by(f64::total_cmp);
    deviations.get(deviations.len() / 4).copied()
}
