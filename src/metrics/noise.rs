//! Noise level of a picture by the eigenvalues of its patches (Chen, Zhu & Heng 2015, "An efficient statistical method
//! for image noise level estimation").
//!
//! Patches of clean pictures lie near a subspace; noise adds its variance in every direction. The eigenvalues of the
//! patches' covariance that belong to noise alone scatter evenly around it: the largest are dropped until the mean of
//! those left is their median.
//!
//! Bars, white pages and transparent parts hold no noise and no picture: patches of one value say nothing of the noise
//! beside them, nor do those that are largely clipped.

use faer::{Mat, Side};
use rayon::prelude::*;

/// Side of a patch in pixels.
const SIDE: usize = 8;
const VALUES: usize = SIDE * SIDE;
/// Approximate number of patches used; more do not improve the estimate.
const ENOUGH: usize = 60_000;
/// Least number of patches: with fewer, eigenvalues at the low end are small by chance.
const LEAST: usize = 10 * VALUES;
/// Patches that one task multiplies.
const PATCHES_PER_TASK: usize = 512;
/// Share of all patches below which those that say something of the noise are too few to stand for the picture.
const FEW: usize = 50;
/// Share of a plane's pixels that have its least or largest value where it is clipped there, as a divisor.
const CLIPPED: usize = 200;
/// Largest share of clipped pixels in a patch that says something of the noise, as a divisor.
const CLIPPED_OF_PATCH: usize = 4;
/// Largest number of a patch's pixels that equal their neighbors, of 32, in one that says something of the noise.
const EQUAL_OF_PATCH: usize = 31;

/// Parts of a plane that say something of its noise: all but those of one value, clipped or transparent.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseArea {
    height: usize,
    width: usize,
    /// Sums over the pixels above and to the left `[height + 1, width + 1]`: those equal to their neighbors, and those
    /// that are clipped or not seen.
    equal: Vec<u32>,
    dead: Vec<u32>,
}

impl NoiseArea {
    /// Returns the parts of a plane `[height, width]` that say something of its noise; `visible` marks the pixels that
    /// are seen, all where `None`. `None` where the whole plane does, or too little of it for an estimate.
    pub fn new(plane: &[f32], height: usize, width: usize, visible: Option<&[bool]>) -> Option<Self> {
        if height < SIDE || width < SIDE || plane.len() != height * width {
            return None;
        }
        let limits = [f32::INFINITY, f32::NEG_INFINITY];
        let [least, most] = plane.iter().fold(limits, |[low, high], &value| [low.min(value), high.max(value)]);
        let often = |limit: f32| plane.iter().filter(|&&value| value == limit).count() * CLIPPED > plane.len();
        let (low, high) = (often(least), often(most));
        let (mut equal, mut dead) = (vec![0; (height + 1) * (width + 1)], vec![0; (height + 1) * (width + 1)]);
        for y in 0..height {
            let (mut equal_here, mut dead_here) = (0, 0);
            for x in 0..width {
                let at = y * width + x;
                let value = plane[at];
                let right = if x + 1 < width { plane[at + 1] } else { value };
                let below = if y + 1 < height { plane[at + width] } else { value };
                let is_unseen = visible.and_then(|visible| visible.get(at)).is_some_and(|is_seen| !is_seen);
                equal_here += u32::from(value == right && value == below);
                dead_here += u32::from(low && value == least || high && value == most || is_unseen);
                let sum = (y + 1) * (width + 1) + x + 1;
                equal[sum] = equal[sum - width - 1] + equal_here;
                dead[sum] = dead[sum - width - 1] + dead_here;
            }
        }
        let area = Self { height, width, equal, dead };
        let places = (height - SIDE + 1) * (width - SIDE + 1);
        let telling = area.corners().count();
        (telling < places && telling >= LEAST && telling * FEW >= places).then_some(area)
    }

    /// Returns whether a pixel is neither clipped, unseen nor equal to its neighbors.
    pub fn is_live(&self, y: usize, x: usize) -> bool {
        let one = |sums: &[u32]| {
            let at = |y: usize, x: usize| sums.get(y * (self.width + 1) + x).copied().unwrap_or(0);
            (at(y + 1, x + 1) + at(y, x)).saturating_sub(at(y, x + 1) + at(y + 1, x))
        };
        one(&self.dead) + one(&self.equal) == 0
    }

    fn corners(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..=self.height - SIDE)
            .flat_map(|y| (0..=self.width - SIDE).map(move |x| (y, x)))
            .filter(|&(y, x)| self.tells(y, x, SIDE))
    }

    /// Returns whether the square of `side` pixels at (`top`, `left`), which lies within the plane, says something of
    /// the noise.
    pub fn tells(&self, top: usize, left: usize, side: usize) -> bool {
        let count = |sums: &[u32], side: usize| -> usize {
            let at = |y: usize, x: usize| sums.get(y * (self.width + 1) + x).map_or(0, |&sum| sum as usize);
            (at(top + side, left + side) + at(top, left)).saturating_sub(at(top, left + side) + at(top + side, left))
        };
        let inner = side.saturating_sub(1);
        count(&self.dead, side) * CLIPPED_OF_PATCH < side * side
            && count(&self.equal, inner) * 32 <= inner * inner * EQUAL_OF_PATCH
    }
}

/// Standard deviation of the white noise in a plane `[height, width]`, in the units of its values; `None` where the
/// plane is too small (fewer than 640 patches of 8x8) or not finite. Parts of one value and clipped ones are left out,
/// where the rest is enough.
pub fn noise_level(plane: &[f32], height: usize, width: usize) -> Option<f64> {
    noise_level_in(plane, height, width, NoiseArea::new(plane, height, width, None).as_ref())
}

/// Same as [`noise_level`], for the parts of the plane in `area`; all of it where `None`.
pub fn noise_level_in(plane: &[f32], height: usize, width: usize, area: Option<&NoiseArea>) -> Option<f64> {
    if height < SIDE || width < SIDE || plane.len() != height * width {
        return None;
    }
    let places = (height - SIDE + 1) * (width - SIDE + 1);
    if places < LEAST {
        return None;
    }
    let corners: Vec<usize> = match area {
        None => {
            let step = places.div_ceil(ENOUGH).isqrt().max(1);
            let lines = (0..=height - SIDE).step_by(step);
            lines.flat_map(|y| (0..=width - SIDE).step_by(step).map(move |x| y * width + x)).collect()
        }
        Some(area) => {
            let step = area.corners().count().div_ceil(ENOUGH).isqrt().max(1);
            let on_grid = |&(y, x): &(usize, usize)| y % step == 0 && x % step == 0;
            area.corners().filter(on_grid).map(|(y, x)| y * width + x).collect()
        }
    };
    let covariance = covariance(plane, width, &corners);
    let matrix = Mat::from_fn(VALUES, VALUES, |i, j| covariance[i.max(j) * VALUES + i.min(j)]);
    let eigen = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let mut values: Vec<f64> = (0..VALUES).map(|i| eigen.S()[i].max(0.0)).collect();
    values.sort_by(f64::total_cmp);
    (1..=VALUES).rev().map(|count| &values[..count]).find_map(|values| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        (mean <= median || values.len() == 1).then(|| mean.sqrt()).filter(|sigma| sigma.is_finite())
    })
}

/// Computes the covariance of the patches at `corners`, its lower triangle; tasks of a fixed size, added up in order.
fn covariance(plane: &[f32], width: usize, corners: &[usize]) -> Vec<f64> {
    // About the mean of the picture, so that products keep their digits.
    let middle = plane.iter().map(|&value| f64::from(value)).sum::<f64>() / plane.len() as f64;
    let sums: Vec<(Vec<f64>, Vec<f64>)> = corners
        .par_chunks(PATCHES_PER_TASK)
        .map(|corners| {
            let (mut sum, mut products) = (vec![0.0_f64; VALUES], vec![0.0_f32; VALUES * VALUES]);
            let mut patch = [0.0_f32; VALUES];
            for &corner in corners {
                for (line, values) in patch.chunks_exact_mut(SIDE).enumerate() {
                    let start = corner + line * width;
                    for (value, &source) in values.iter_mut().zip(&plane[start..start + SIDE]) {
                        *value = source - middle as f32;
                    }
                }
                for (i, &value) in patch.iter().enumerate() {
                    sum[i] += f64::from(value);
                    let row = &mut products[i * VALUES..i * VALUES + i + 1];
                    row.iter_mut().zip(&patch).for_each(|(product, &other)| *product += value * other);
                }
            }
            (sum, products.into_iter().map(f64::from).collect())
        })
        .collect();
    let (mut mean, mut covariance) = (vec![0.0; VALUES], vec![0.0; VALUES * VALUES]);
    for (sum, products) in sums {
        mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean += sum / corners.len() as f64);
        covariance.iter_mut().zip(products).for_each(|(value, product)| *value += product / corners.len() as f64);
    }
    for i in 0..VALUES {
        for j in 0..VALUES {
            covariance[i * VALUES + j] -= mean[i] * mean[j];
        }
    }
    covariance
}
