//! How much of what a model takes away is taken away.
//!
//! A model may take texture for noise. So that a clean photograph is never harmed, what is removed is bounded by what
//! noise there is. Given, that is its standard deviation (the residual of the best possible denoiser is smaller than
//! the noise, so that the bound costs nothing). Estimated, it begins with the eigenvalues of patches, which texture
//! raises, and goes down to what the model takes away where that is little: noise is the same everywhere, texture is
//! not, and where a picture is smooth the model takes away noise alone. A model that is told sigma is told the first
//! and then, if that is less, the second; where it does not find what it was told, that was texture.

use crate::metrics::noise_level;

/// Estimates by eigenvalues up to this, on the scale of 0..255, are those of clean photographs: the model is not asked.
pub(super) const CLEAN: f64 = 2.0;
/// What their own texture makes of the estimate of clean photographs at most: it is taken off, in squares.
const TEXTURE: f64 = 3.0;
/// A quarter of the places loses less than the noise there is by this: to a blind model, and to one that is told.
const REMOVED_OF_NOISE: f64 = 1.2;
const REMOVED_WHEN_TOLD: f64 = 1.05;
/// Where a picture as a whole loses more than this of what was told, and its smooth places less than this of that, it
/// has no smooth places: the whole is looked at.
const ALL_TEXTURE: [f64; 2] = [0.7, 0.8];
/// A model that finds less than this of what it was told took texture for noise: noise would all be found.
const FOUND: f64 = 0.75;
/// Neighbors in what is taken away of a picture like those trained on agree by less than this: white noise has no
/// neighbors. More is structure: of the picture, or of noise that is not white.
pub(super) const UNLIKE: f64 = 0.15;
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
pub struct Strength {
    pub sigma: Sigma,
    /// 0 leaves a picture as it is, 1 takes away all that the bound allows.
    pub strength: f64,
}

impl Default for Strength {
    fn default() -> Self {
        Self { sigma: Sigma::Auto, strength: 1.0 }
    }
}

/// What is known of the noise in a plane, on the scale of 0..255; `None` where it is too small to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct NoiseEstimate {
    pub by_patches: Option<f64>,
    pub by_removal: Option<f64>,
    /// Root mean square of what the model takes away.
    pub removed: f64,
    /// The model was told, and what it took away bears that out: texture is out of the question.
    pub borne_out: bool,
    /// Correlation of neighbors in what it takes away.
    pub correlation: f64,
}

impl NoiseEstimate {
    /// Of a plane `[height, width]` of values in 0..1, in which noise is `factor` times as strong as in the picture.
    pub fn by_patches(values: &[f32], size: [usize; 2], factor: f32) -> Self {
        let scale = 255.0 / f64::from(factor);
        Self { by_patches: noise_level(values, size[0], size[1]).map(|sigma| scale * sigma), ..Self::default() }
    }

    /// With what a model changes, in the units of the picture; `told` is how strong it was told that the noise is
    /// there, on the scale of 0..255, where it is told.
    pub fn with_change(self, change: &[f32], size: [usize; 2], told: Option<f64>) -> Self {
        let removed = removed(change);
        let found = told.and_then(|told| found(change, size, told));
        let borne_out = found.zip(told).is_some_and(|(found, told)| found >= FOUND * told);
        let by_removal = match (told, found) {
            (None, _) => low_deviation(change, size).map(|deviation| 255.0 * REMOVED_OF_NOISE * deviation),
            // Too small to tell.
            (_, None) => None,
            (Some(told), _) if borne_out => Some(told),
            // As little as this may be texture altogether.
            (_, Some(found)) => Some(if found < 2.0 * TEXTURE { 0.0 } else { found }),
        };
        Self { by_removal, removed, borne_out, correlation: correlation(change, size), ..self }
    }

    /// The estimate.
    pub fn sigma(&self) -> Option<f64> {
        Some(self.by_patches?.min(self.by_removal.unwrap_or(f64::INFINITY)))
    }

    /// What a model that wants to be told is told, before there is anything removed.
    pub fn sigma_for(&self, amount: &Strength) -> f64 {
        match amount.sigma {
            Sigma::Given(sigma) => sigma,
            Sigma::Auto => without_texture(self.by_patches.unwrap_or(0.0)),
        }
    }

    /// The share of the change that is made.
    pub fn share(&self, amount: &Strength) -> f64 {
        let bound = match amount.sigma {
            Sigma::Given(sigma) => sigma,
            // What cannot be told is left alone.
            Sigma::Auto => match self.sigma().unwrap_or(0.0) {
                sigma if !self.borne_out => without_texture(sigma),
                sigma if sigma > TEXTURE => sigma,
                _ => 0.0,
            },
        };
        amount.strength * (bound / self.removed.max(f64::MIN_POSITIVE)).min(1.0)
    }
}

/// The mean over both ways of what a value says of its neighbor: 0 for white noise, near 1 for what is smooth.
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

/// Root mean square of a change, on the scale of 0..255.
fn removed(change: &[f32]) -> f64 {
    let squares: f64 = change.iter().map(|value| f64::from(*value).powi(2)).sum();
    255.0 * (squares / change.len().max(1) as f64).sqrt()
}

/// The noise that a model found that was `told` how much there is, on the scale of 0..255: what it takes away where
/// that is little.
pub(super) fn found(change: &[f32], size: [usize; 2], told: f64) -> Option<f64> {
    let (low, whole) = (255.0 * low_deviation(change, size)?, removed(change));
    let no_smooth_places = whole > ALL_TEXTURE[0] * told && low < ALL_TEXTURE[1] * whole;
    Some(REMOVED_WHEN_TOLD * if no_smooth_places { whole } else { low })
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
