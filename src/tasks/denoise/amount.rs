//! How much of what a model takes away is taken away.
//!
//! A blind model finds the noise by itself and may take texture for it. So that a clean photograph is never harmed, what
//! is removed is bounded by what there is: its root mean square is at most the noise's standard deviation, given or
//! estimated (the residual of the best possible denoiser is smaller than the noise, so that the bound costs nothing where
//! the estimate is right). An estimate that clean photographs have as well means that there is none.

use crate::metrics::noise_level;

/// Estimates up to this, on the scale of 0..255, are those of clean photographs.
pub(super) const CLEAN: f64 = 2.0;

/// The noise's standard deviation on the scale of 0..255.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sigma {
    /// Estimated for each channel of each picture.
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

impl Amount {
    /// The noise of a plane [height, width] of values in 0..1 on the scale of 0..255: what was given or what is estimated;
    /// `None` where the plane is too small to tell.
    pub(super) fn noise(&self, plane: &[f32], size: [usize; 2]) -> Option<f64> {
        match self.sigma {
            Sigma::Given(sigma) => Some(sigma),
            Sigma::Auto => noise_level(plane, size[0], size[1]).map(|sigma| 255.0 * sigma),
        }
    }

    /// Whether noise of `sigma` is to be left alone.
    pub(super) fn leaves(&self, sigma: f64) -> bool {
        let bound = if self.sigma == Sigma::Auto { CLEAN } else { 0.0 };
        self.strength == 0.0 || sigma <= bound
    }

    /// Turns `made`, the model's answer to `seen`, into the result for noise of `sigma` (0..255).
    pub(super) fn apply(&self, seen: &[f32], made: &mut [f32], sigma: f64) {
        let squares: f64 = seen.iter().zip(&*made).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        let removed = 255.0 * (squares / seen.len().max(1) as f64).sqrt();
        let share = (self.strength * (sigma / removed.max(f64::MIN_POSITIVE)).min(1.0)) as f32;
        // At a share of 1 nothing but the model's own answer is left, to the bit.
        made.iter_mut().zip(seen).for_each(|(made, seen)| *made = share * *made + (1.0 - share) * seen);
    }
}
