//! Planes of an image for a network of one channel, which takes them one at a time.
//!
//! Of red, green and blue, the mean holds nearly all of the structure, and the differences are smooth: a network for
//! gray images denoises these planes better than the three colors as they are. The change is orthonormal, so that white
//! noise stays white and as strong as it was (as in Dabov et al. 2007, "Color image denoising via sparse 3D
//! collaborative filtering with grouping constraint in luminance-chrominance space").

use std::f32::consts::FRAC_1_SQRT_2;

/// 1 / sqrt(3) and 1 / sqrt(6).
const THIRD: f32 = 0.577_350_26;
const SIXTH: f32 = 0.408_248_3;

/// Plane as a mixture of colors, mapped to 0..1 for the network by a factor and an offset. Noise is `factor` times as
/// strong there as in the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mixture {
    weights: [f32; 3],
    pub factor: f32,
    offset: f32,
}

/// Opponent planes: the mean; red against blue; both against green.
const OPPONENT: [Mixture; 3] = [
    Mixture { weights: [THIRD; 3], factor: THIRD, offset: 0.0 },
    Mixture { weights: [FRAC_1_SQRT_2, 0.0, -FRAC_1_SQRT_2], factor: FRAC_1_SQRT_2, offset: 0.5 },
    Mixture { weights: [SIXTH, -2.0 * SIXTH, SIXTH], factor: 1.5 * SIXTH, offset: 0.5 },
];

/// Returns the planes of an image of `colors` colors, the last `extra` of them beside red, green and blue: each of them
/// a mixture or (`None`) a color as it is.
pub(super) fn mixtures(colors: usize, extra: usize) -> Vec<Option<Mixture>> {
    if colors.saturating_sub(extra) != 3 {
        return vec![None; colors];
    }
    OPPONENT.into_iter().map(Some).chain(std::iter::repeat_n(None, extra)).collect()
}

impl Mixture {
    /// Computes the plane; `color` returns the values of one color.
    pub fn apply(&self, color: impl Fn(usize) -> Vec<f32>) -> Vec<f32> {
        let mut mixed: Vec<f32> = Vec::new();
        for (index, weight) in self.weights.into_iter().enumerate().filter(|(_, weight)| *weight != 0.0) {
            let values = color(index);
            mixed.resize(values.len(), self.offset);
            mixed.iter_mut().zip(&values).for_each(|(mixed, value)| *mixed += self.factor * weight * value);
        }
        mixed
    }

    /// Returns the change of `color` by a change of 1 to the plane, in the units of the image.
    pub fn share_of(&self, color: usize) -> f32 {
        self.weights.get(color).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::mixtures;

    #[test]
    fn opponent_planes_lie_in_range_and_changes_come_back() {
        for corner in 0..8 {
            let wanted = [0, 1, 2].map(|bit| f32::from(u8::from(corner >> bit & 1 == 1)));
            let mut back = [0.0; 3];
            for mixture in mixtures(3, 0).into_iter().flatten() {
                let plane = mixture.apply(|color| vec![wanted[color]])[0];
                assert!((-1e-6..1.000_001).contains(&plane), "{plane} of {wanted:?}");
                let black = mixture.apply(|_| vec![0.0])[0];
                for (color, back) in back.iter_mut().enumerate() {
                    *back += mixture.share_of(color) * (plane - black) / mixture.factor;
                }
            }
            assert!(back.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{back:?} {wanted:?}");
        }
    }
}
