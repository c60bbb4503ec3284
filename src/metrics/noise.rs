//! Noise level of a picture by the eigenvalues of its patches (Chen, Zhu & Heng 2015, "An efficient statistical method
//! for image noise level estimation").
//!
//! Patches of clean pictures lie near a subspace; noise adds its variance in every direction. The eigenvalues of the
//! patches' covariance that belong to noise alone scatter evenly around it: the largest are dropped until the mean of
//! those left is their median.

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

/// Standard deviation of the white noise in a plane `[height, width]`, in the units of its values; `None` where the
/// plane is too small (fewer than 640 patches of 8x8) or not finite.
pub fn noise_level(plane: &[f32], height: usize, width: usize) -> Option<f64> {
    if height < SIDE || width < SIDE || plane.len() != height * width {
        return None;
    }
    let places = (height - SIDE + 1) * (width - SIDE + 1);
    if places < LEAST {
        return None;
    }
    let covariance = covariance(plane, height, width, places.div_ceil(ENOUGH).isqrt().max(1));
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

/// Computes the covariance of the patches at every `step`th place, its lower triangle; tasks of a fixed size, added up
/// in order.
fn covariance(plane: &[f32], height: usize, width: usize, step: usize) -> Vec<f64> {
    let across: Vec<usize> = (0..=width - SIDE).step_by(step).collect();
    let corners: Vec<usize> =
        (0..=height - SIDE).step_by(step).flat_map(|y| across.iter().map(move |x| y * width + x)).collect();
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
