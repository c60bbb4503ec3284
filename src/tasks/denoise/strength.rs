//! Share of a model's change that is made, bounded by the noise level.
//!
//! A model may take texture for noise. To leave clean photographs unharmed, the change is bounded by the noise level. A
//! given level is a standard deviation (the residual of the best possible denoiser is smaller than the noise, so that
//! the bound costs nothing). An estimated level begins with the eigenvalues of patches, which texture raises, and is
//! lowered to what the model removes where that is little: noise is the same everywhere, texture is not, and in smooth
//! places the model removes noise alone. A model conditioned on sigma is given the first estimate and then, if that is
//! less, the second; where it does not find the given level, the rest was texture.

use crate::metrics::{NoiseArea, noise_level_in};

/// Largest estimate by eigenvalues, on the scale of 0..255, of clean photographs: up to it the model is not run.
pub(super) const CLEAN: f64 = 2.0;
/// Largest estimate by eigenvalues that texture alone causes in clean photographs: it is subtracted, in squares.
const TEXTURE: f64 = 3.0;
/// Ratio of the noise level to the lower quartile of what places lose, by a blind model and by a conditioned one.
const REMOVED_OF_NOISE: f64 = 1.2;
const REMOVED_WHEN_TOLD: f64 = 1.05;
/// Shares by which an image without smooth places is recognized: as a whole it loses more than the first of the given
/// level, its smooth places less than the second of that loss. The loss of the whole is then used.
const ALL_TEXTURE: [f64; 2] = [0.7, 0.8];
/// Share of the given level that a model finds at least where there is no texture: noise would all be found.
const FOUND: f64 = 0.75;
/// Correlation of neighboring pixels in the change up to which an image counts as like those trained on: white noise
/// has none. More is structure: of the image, or of noise that is not white.
pub(super) const UNLIKE: f64 = 0.15;
/// Side in pixels of the places whose deviation is measured.
const PLACE: usize = 16;

/// Standard deviation of the noise on the scale of 0..255.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sigma {
    /// Estimate for each plane of each image, the default.
    #[default]
    Auto,
    /// Given value for all planes of all images.
    Given(f64),
}

/// Noise level, and share of the change that is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    /// Noise level, estimated by default.
    pub sigma: Sigma,
    /// Share of the allowed change, 1 by default: 0 leaves an image as it is, 1 removes all that the bound allows.
    pub strength: f64,
}

impl Default for Strength {
    fn default() -> Self {
        Self { sigma: Sigma::Auto, strength: 1.0 }
    }
}

/// Estimates of the noise in a plane, on the scale of 0..255; `None` where the plane is too small for one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct NoiseEstimate {
    pub by_patches: Option<f64>,
    pub by_removal: Option<f64>,
    /// Root mean square of the change that the model makes.
    pub removed: f64,
    /// True if the model was given the level and its change confirms it: texture is ruled out.
    pub borne_out: bool,
    /// Correlation of neighboring pixels in the change.
    pub correlation: f64,
}

impl NoiseEstimate {
    /// Estimates the noise of a plane `[height, width]` of values in 0..1, in which noise is `factor` times as strong
    /// as in the image; `area` holds the parts that say something of it, all where `None`.
    pub fn by_patches(values: &[f32], size: [usize; 2], factor: f32, area: Option<&NoiseArea>) -> Self {
        let scale = 255.0 / f64::from(factor);
        let level = noise_level_in(values, size[0], size[1], area);
        Self { by_patches: level.map(|sigma| scale * sigma), ..Self::default() }
    }

    /// Adds the estimates by a model's change, in the units of the image; `told` is the sigma given to the model, on
    /// the scale of 0..255, `None` for a blind model.
    pub fn with_change(self, change: &[f32], size: [usize; 2], told: Option<f64>, area: Option<&NoiseArea>) -> Self {
        let removed = removed(change, size, area);
        let found = told.and_then(|told| found(change, size, told, area));
        let borne_out = found.zip(told).is_some_and(|(found, told)| found >= FOUND * told);
        let by_removal = match (told, found) {
            (None, _) => low_deviation(change, size, area).map(|deviation| 255.0 * REMOVED_OF_NOISE * deviation),
            // Too small to tell.
            (_, None) => None,
            (Some(told), _) if borne_out => Some(told),
            // As little as this may be texture altogether.
            (_, Some(found)) => Some(if found < 2.0 * TEXTURE { 0.0 } else { found }),
        };
        Self { by_removal, removed, borne_out, correlation: correlation(change, size), ..self }
    }

    /// Returns the estimate: the less of those by patches and by removal.
    pub fn sigma(&self) -> Option<f64> {
        Some(self.by_patches?.min(self.by_removal.unwrap_or(f64::INFINITY)))
    }

    /// Returns the sigma that a conditioned model is given before there is any change.
    pub fn sigma_for(&self, amount: &Strength) -> f64 {
        match amount.sigma {
            Sigma::Given(sigma) => sigma,
            Sigma::Auto => without_texture(self.by_patches.unwrap_or(0.0)),
        }
    }

    /// Returns the share of the change that is made.
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

/// Computes the correlation of a value with its upper and left neighbors, as the mean of both: 0 for white noise, near
/// 1 for smooth changes.
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

/// Computes the root mean square of a change, on the scale of 0..255, where places say something of the noise.
fn removed(change: &[f32], size: [usize; 2], area: Option<&NoiseArea>) -> f64 {
    let squares = |values: &[f32]| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
    let whole = || 255.0 * (squares(change) / change.len().max(1) as f64).sqrt();
    let Some(area) = area else { return whole() };
    let (mut sum, mut count) = (0.0, 0_usize);
    for (top, left) in places(size).filter(|&(top, left)| area.tells(top, left, PLACE)) {
        for row in top..top + PLACE {
            sum += squares(&change[row * size[1] + left..][..PLACE]);
        }
        count += PLACE * PLACE;
    }
    if count > 0 { 255.0 * (sum / count as f64).sqrt() } else { whole() }
}

/// Returns the upper left corners of the whole places of an image.
fn places([height, width]: [usize; 2]) -> impl Iterator<Item = (usize, usize)> {
    let tops = (0..(height + 1).saturating_sub(PLACE)).step_by(PLACE);
    tops.flat_map(move |top| (0..(width + 1).saturating_sub(PLACE)).step_by(PLACE).map(move |left| (top, left)))
}

/// Returns the noise level that a model found when given `told`, on the scale of 0..255: its change where that is
/// little.
pub(super) fn found(change: &[f32], size: [usize; 2], told: f64, area: Option<&NoiseArea>) -> Option<f64> {
    let (low, whole) = (255.0 * low_deviation(change, size, area)?, removed(change, size, area));
    let no_smooth_places = whole > ALL_TEXTURE[0] * told && low < ALL_TEXTURE[1] * whole;
    Some(REMOVED_WHEN_TOLD * if no_smooth_places { whole } else { low })
}

/// Computes the lower quartile of the standard deviations within places of 16x16 pixels that say something of the
/// noise; `None` without a whole place.
fn low_deviation(change: &[f32], size: [usize; 2], area: Option<&NoiseArea>) -> Option<f64> {
    let deviation = |(top, left): (usize, usize)| {
        let (mut sum, mut squares) = (0.0, 0.0);
        for row in top..top + PLACE {
            for &value in &change[row * size[1] + left..][..PLACE] {
                let value = f64::from(value);
                (sum, squares) = (sum + value, squares + value * value);
            }
        }
        let count = (PLACE * PLACE) as f64;
        (squares / count - (sum / count).powi(2)).max(0.0).sqrt()
    };
    let tells = |&(top, left): &(usize, usize)| area.is_none_or(|area| area.tells(top, left, PLACE));
    let mut deviations: Vec<f64> = places(size).filter(tells).map(deviation).collect();
    if deviations.is_empty() {
        deviations = places(size).map(deviation).collect();
    }
    deviations.sort_by(f64::total_cmp);
    deviations.get(deviations.len() / 4).copied()
}
