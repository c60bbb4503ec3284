//! Usual errors and latents of normal rows, and the scores of rows that took no part in fitting.

use std::path::Path;
use std::sync::Arc;

use super::folds;
use super::reconstructions::{Chunk, Reconstructor, relative_errors, squared_distance};
use super::threshold::quantile;
use crate::data::DataSet;
use crate::device::Device;
use crate::model::{DetectorMember, Model};
use crate::tasks::TaskError;

/// Rows of the mean error that are added to those of each feature: few rows tell little of its usual error.
const SHRINKAGE_ROWS: f64 = 10.0;
/// Share of the mean variance that is added to that of each latent, so that one of little variance does not decide
/// alone.
const RIDGE: f64 = 1e-3;
/// Share of normal rows that are within the usual distance.
const USUAL: f64 = 0.95;
/// Latents, at most, whose covariance is computed: 8 MB for each of the parts that rows are divided in. More are no
/// bottleneck, and are left out of the score.
pub(super) const MOST_LATENTS: usize = 1024;

/// Trained model, and the data whose train part it was trained on.
#[derive(Debug)]
pub(super) struct Fold {
    pub model: Model,
    pub data: Arc<DataSet>,
}

/// Member of a detector, and the scores by which its threshold is chosen.
#[derive(Debug)]
pub(super) struct Calibration {
    pub member: DetectorMember,
    /// Score of each held-out row, fold after fold: by the model that was not trained on it, and by what is usual among
    /// other rows.
    pub scores: Vec<f64>,
}

/// Sums over held-out rows.
#[derive(Clone, Debug)]
struct ErrorSums {
    rows: f64,
    /// Squared errors of each feature.
    errors: Vec<f64>,
    divergence: f64,
}

/// Sums over latents of rows.
#[derive(Clone, Debug)]
struct LatentSums {
    rows: f64,
    sums: Vec<f64>,
    /// Products `[latent, latent]`, of which the lower triangle is filled.
    products: Vec<f64>,
}

impl ErrorSums {
    fn new(features: usize) -> Self {
        Self { rows: 0.0, errors: vec![0.0; features], divergence: 0.0 }
    }

    fn add(&mut self, seen: &[f32], made: &[f32]) {
        self.rows += 1.0;
        for ((sum, &seen), &made) in self.errors.iter_mut().zip(seen).zip(made) {
            *sum += (f64::from(seen) - f64::from(made)).powi(2);
        }
    }

    /// Adds `other` as often as `factor` says.
    fn merge(&mut self, other: &Self, factor: f64) {
        self.rows += factor * other.rows;
        self.divergence += factor * other.divergence;
        self.errors.iter_mut().zip(&other.errors).for_each(|(sum, other)| *sum += factor * other);
    }

    /// Returns the usual squared error of each feature.
    fn usual(&self) -> Vec<f32> {
        // What is left of a difference of sums may be a little less than nothing.
        let sum = |sum: &f64| sum.max(0.0);
        let mean = self.errors.iter().map(sum).sum::<f64>() / (self.rows * self.errors.len() as f64).max(1.0);
        // Features that are always rebuilt exactly leave no zero to divide by.
        let usual =
            |error: &f64| ((sum(error) + SHRINKAGE_ROWS * mean) / (self.rows + SHRINKAGE_ROWS)).max(1e-12) as f32;
        self.errors.iter().map(usual).collect()
    }
}

impl LatentSums {
    fn new(latent: usize) -> Self {
        Self { rows: 0.0, sums: vec![0.0; latent], products: vec![0.0; latent * latent] }
    }

    fn add(&mut self, latents: &[f32]) {
        let latent = self.sums.len();
        self.rows += 1.0;
        for (i, &a) in latents.iter().enumerate() {
            self.sums[i] += f64::from(a);
            for (j, &b) in latents[..=i].iter().enumerate() {
                self.products[i * latent + j] += f64::from(a) * f64::from(b);
            }
        }
    }

    fn subtract(&mut self, other: &Self) {
        self.rows -= other.rows;
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, other)| *sum -= other);
        self.products.iter_mut().zip(&other.products).for_each(|(sum, other)| *sum -= other);
    }

    /// Returns a member with the mean and the whitening of the latents.
    fn whitened(&self) -> DetectorMember {
        let latent = self.sums.len();
        let rows = self.rows.max(1.0);
        let mean: Vec<f64> = self.sums.iter().map(|sum| sum / rows).collect();
        let mut covariance = self.products.clone();
        for i in 0..latent {
            for j in 0..=i {
                covariance[i * latent + j] = covariance[i * latent + j] / rows - mean[i] * mean[j];
            }
        }
        let trace: f64 = (0..latent).map(|i| covariance[i * latent + i].max(0.0)).sum();
        let ridge = (RIDGE * trace / latent.max(1) as f64).max(1e-12);
        (0..latent).for_each(|i| covariance[i * latent + i] = covariance[i * latent + i].max(0.0) + ridge);
        DetectorMember {
            latent_mean: mean.iter().map(|&mean| mean as f32).collect(),
            latent_whitening: inverse_of_root(covariance, latent).iter().map(|&weight| weight as f32).collect(),
            ..DetectorMember::default()
        }
    }
}

/// Returns the latents of a row that count for the score: none of too many.
fn latents(chunk: &Chunk, row: usize) -> &[f32] {
    let latent = chunk.latents[0].len() / chunk.rows.max(1);
    if latent > MOST_LATENTS { &[] } else { chunk.latent(0, row, latent) }
}

/// Passes each row of `rows` to `each`, with its chunk and its number there.
fn scan(
    fold: &Fold,
    rows: std::ops::Range<usize>,
    device: &Device,
    path: &Path,
    each: &mut dyn FnMut(usize, &Chunk, usize),
) -> Result<(), TaskError> {
    let models = std::slice::from_ref(&fold.model);
    let mut at = rows.start;
    let mut reconstructions = Reconstructor::over(models, &fold.data, rows, device, path)?;
    while let Some(chunk) = reconstructions.next()? {
        for row in 0..chunk.rows {
            each(at, &chunk, row);
            at += 1;
        }
    }
    Ok(())
}

/// Measures what is usual for normal rows by the models of `folds`, of which the first is that of the detector.
///
/// A held-out row is scored by what is usual among the rows of other parts: its own error would make itself usual, the
/// more so the fewer rows there are.
#[tracing::instrument(level = "debug", name = "calibrate", skip_all, fields(folds = folds.len()))]
pub(super) fn calibrate(folds: &[Fold], device: &Device, path: &Path) -> Result<Calibration, TaskError> {
    let Some(first) = folds.first() else { return Err(TaskError::Defect("a detector has no model".to_owned())) };
    let features = first.data.features;
    let mut whole = ErrorSums::new(features);
    let (mut of_parts, mut members, mut parts_of) = (Vec::new(), Vec::new(), Vec::new());
    let mut member = DetectorMember::default();
    for (number, fold) in folds.iter().enumerate() {
        let held = folds::held(&fold.data);
        let parts = folds::parts(&fold.data, folds.len());
        let are_apart = parts > 1 || folds.len() > 1;
        let part_of = folds::divided(&fold.data, held.clone(), parts);
        let mut errors = vec![ErrorSums::new(features); parts];
        let mut all: Option<LatentSums> = None;
        let mut of_part: Vec<LatentSums> = Vec::new();
        scan(fold, 0..fold.data.rows, device, path, &mut |at, chunk, row| {
            let latents = latents(chunk, row);
            all.get_or_insert_with(|| LatentSums::new(latents.len())).add(latents);
            if !held.contains(&at) {
                return;
            }
            let part = part_of[at - held.start];
            let span = row * features..(row + 1) * features;
            errors[part].add(&chunk.seen[span.clone()], &chunk.made[0][span]);
            errors[part].divergence += chunk.divergences[0].get(row).copied().unwrap_or(0.0);
            if are_apart {
                of_part.resize_with(parts, || LatentSums::new(latents.len()));
                of_part[part].add(latents);
            }
        })?;
        let all = all.unwrap_or_else(|| LatentSums::new(0));
        if number == 0 {
            member = all.whitened();
        }
        errors.iter().for_each(|errors| whole.merge(errors, 1.0));
        if !are_apart {
            members.push(all.whitened());
        }
        members.extend(of_part.iter().map(|part| {
            let mut rest = all.clone();
            rest.subtract(part);
            rest.whitened()
        }));
        parts_of.push((of_parts.len(), part_of));
        of_parts.extend(errors);
    }
    member.usual_errors = whole.usual();
    for (member, part) in members.iter_mut().zip(&of_parts) {
        let mut rest = whole.clone();
        if of_parts.len() > 1 {
            rest.merge(part, -1.0);
        }
        member.usual_errors = rest.usual();
    }
    let latent = member.latent_mean.len();
    // Of each held-out row: sum of relative errors, squared distance, divergence.
    let mut found: Vec<[f64; 3]> = Vec::new();
    for (fold, (first_part, part_of)) in folds.iter().zip(&parts_of) {
        let held = folds::held(&fold.data);
        scan(fold, held.clone(), device, path, &mut |at, chunk, row| {
            let usual = &members[first_part + part_of[at - held.start]];
            let span = row * features..(row + 1) * features;
            let errors = relative_errors(&chunk.seen[span.clone()], &chunk.made[0][span], &usual.usual_errors);
            let divergence = chunk.divergences[0].get(row).copied().unwrap_or(0.0);
            found.push([errors.sum(), squared_distance(usual, latents(chunk, row)), divergence]);
        })?;
    }
    // Both parts are 1 a dimension on held-out rows.
    let rows = found.len().max(1) as f64;
    let sum = |part: usize| found.iter().map(|found| found[part]).sum::<f64>();
    let errors = (sum(0) / (rows * features as f64)).max(f64::MIN_POSITIVE);
    member
        .usual_errors
        .iter_mut()
        .for_each(|usual| *usual = ((f64::from(*usual) * errors) as f32).max(f32::MIN_POSITIVE));
    member.usual_divergence = (whole.divergence / rows) as f32;
    let apart = sum(1) / (rows * latent.max(1) as f64);
    let scale = if apart > 0.0 { apart.sqrt().recip() } else { 1.0 };
    if latent > 0 {
        member.latent_whitening.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * scale) as f32);
        let mut sorted: Vec<f64> = found.iter().map(|found| found[1].sqrt() * scale).collect();
        sorted.sort_by(f64::total_cmp);
        member.usual_distance = quantile(&sorted, USUAL) as f32;
    }
    let divergence = 2.0 * f64::from(member.usual_divergence);
    let score = |found: &[f64; 3]| match divergence > 0.0 {
        true => (found[0] / errors + 2.0 * found[2]) / (features as f64 + divergence),
        false => (found[0] / errors + found[1] * scale * scale) / (features + latent) as f64,
    };
    Ok(Calibration { scores: found.iter().map(score).collect(), member })
}

/// Computes L^-1 of the Cholesky decomposition L L^T of a matrix `[n, n]`, of which the lower triangle is read.
fn inverse_of_root(mut matrix: Vec<f64>, n: usize) -> Vec<f64> {
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum();
            let rest = matrix[i * n + j] - dot;
            // Rounding may leave a little less than nothing of a variance.
            matrix[i * n + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / matrix[j * n + j] };
        }
    }
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        for i in column..n {
            let unit = if i == column { 1.0 } else { 0.0 };
            let dot: f64 = (column..i).map(|k| matrix[i * n + k] * inverse[k * n + column]).sum();
            inverse[i * n + column] = (unit - dot) / matrix[i * n + i];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_of_the_root_whitens() {
        // [[4, 2], [2, 3]] = L L^T with L = [[2, 0], [1, sqrt 2]].
        let inverse = inverse_of_root(vec![4.0, 2.0, 2.0, 3.0], 2);
        let root = 2.0_f64.sqrt();
        for (found, expected) in inverse.iter().zip([0.5, 0.0, -0.5 / root, 1.0 / root]) {
            assert!((found - expected).abs() < 1e-12, "{inverse:?}");
        }
        assert!(inverse_of_root(Vec::new(), 0).is_empty());
    }

    #[test]
    fn usual_errors_of_the_others_are_those_without_a_part() {
        let rows: [[f32; 2]; 4] = [[1.0, 0.0], [2.0, 3.0], [0.5, 1.0], [4.0, 2.0]];
        let of = |rows: &[[f32; 2]]| {
            let mut sums = ErrorSums::new(2);
            rows.iter().for_each(|row| sums.add(row, &[0.0; 2]));
            sums
        };
        let mut without = of(&rows);
        without.merge(&of(&rows[3..]), -1.0);
        let usual = without.usual();
        // Squares 1, 4, 0.25 and 0, 9, 1 of three rows, toward their mean 2.54 as if ten rows more had it.
        let mean = (5.25 + 10.0) / 6.0;
        for (usual, sum) in usual.iter().zip([5.25, 10.0]) {
            assert!((f64::from(*usual) - (sum + 10.0 * mean) / 13.0).abs() < 1e-6, "{usual}");
        }
    }

    #[test]
    fn latents_of_the_others_are_whitened_without_a_part() {
        let rows = [[1.0, 2.0], [3.0, -1.0], [0.0, 0.5], [2.0, 2.0], [-1.0, 4.0]];
        let of = |rows: &[[f32; 2]]| {
            let mut sums = LatentSums::new(2);
            rows.iter().for_each(|row| sums.add(row));
            sums
        };
        let mut rest = of(&rows);
        rest.subtract(&of(&rows[4..]));
        let (rest, expected) = (rest.whitened(), of(&rows[..4]).whitened());
        for (a, b) in rest.latent_whitening.iter().zip(&expected.latent_whitening) {
            // Single precision of weights around 1.
            assert!((a - b).abs() < 1e-5, "{rest:?} and {expected:?}");
        }
    }
}
