//! Principal component analysis, the linear baseline of an autoencoder: exact from the covariance, or by a randomized
//! range finder where there are too many features.

use faer::{Mat, Side};
use rayon::prelude::*;

use crate::random::{normal4, philox4x32, stream};

/// Error of [`Pca::fit`].
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum PcaError {
    /// Fewer than two rows, or rows without features.
    #[error("PCA is not possible, {rows} rows of {features} values, give at least two rows")]
    Shape { rows: usize, features: usize },
    /// Eigendecomposition that did not converge, as on data with NaN.
    #[error("PCA did not converge on {features} features, look for NaN in the data")]
    NotConverged { features: usize },
}

/// Number of features beyond which the covariance is too large to decompose exactly.
pub const MAX_EXACT_FEATURES: usize = 4096;

/// Mean and principal directions of the fitted rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    mean: Vec<f32>,
    /// Unit vectors `[components, features]`, the strongest first.
    directions: Vec<f32>,
    components: usize,
}

/// Rows of one task; sums of products of that many values in 0..1 lose little in f32.
const ROWS_PER_TASK: usize = 500;

impl Pca {
    /// Fits `components` directions to rows `[rows, features]`.
    #[tracing::instrument(level = "debug", name = "fit_pca", skip_all, fields(features, components))]
    pub fn fit(rows: &[f32], features: usize, components: usize) -> Result<Self, PcaError> {
        let count = rows.len().checked_div(features).unwrap_or(0);
        if count < 2 {
            return Err(PcaError::Shape { rows: count, features });
        }
        let mut sums = vec![0.0_f64; features];
        for row in rows.chunks_exact(features) {
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / count as f64) as f32).collect();

        if features > MAX_EXACT_FEATURES {
            return randomized(rows, mean, components.min(features).min(count - 1));
        }
        if count < features {
            return fit_few_rows(rows, mean, components.min(count - 1));
        }
        let covariance = covariance(rows, &mean);
        let matrix = Mat::from_fn(features, features, |i, j| covariance[i * features + j] / count as f64);
        let eigen = matrix.self_adjoint_eigen(Side::Lower).map_err(|_| PcaError::NotConverged { features })?;
        let components = components.min(features);
        let vectors = eigen.U();
        let directions = (0..components)
            // Eigenvalues come in rising order.
            .flat_map(|c| (0..features).map(move |f| vectors[(f, features - 1 - c)] as f32))
            .collect();
        Ok(Self { mean, directions, components })
    }

    /// Returns a PCA from the parts of an earlier fit: a mean `[features]` and unit vectors `[components, features]`.
    pub fn from_parts(mean: Vec<f32>, directions: Vec<f32>) -> Self {
        let components = directions.len().checked_div(mean.len()).unwrap_or(0);
        Self { mean, directions, components }
    }

    /// Number of directions kept; fewer than asked for where rows or features do not have as many.
    pub fn components(&self) -> usize {
        self.components
    }

    /// Mean of the fitted rows, `[features]`.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Keeps the fewest directions that hold `share` of the variance of rows `[rows, features]`.
    pub fn keeping_variance(mut self, rows: &[f32], share: f64) -> Self {
        let features = self.mean.len();
        let mut kept = vec![0.0_f64; self.components];
        for row in self.project(rows).chunks_exact(self.components.max(1)) {
            kept.iter_mut().zip(row).for_each(|(sum, &z)| *sum += f64::from(z).powi(2));
        }
        let of_row = |row: &[f32]| row.iter().zip(&self.mean).map(|(x, m)| f64::from(x - m).powi(2)).sum::<f64>();
        let total: f64 = rows.chunks_exact(features.max(1)).map(of_row).sum();
        let mut sum = 0.0;
        let enough = |&kept: &f64| {
            sum += kept;
            sum >= share * total
        };
        self.components = kept.iter().position(enough).map_or(self.components, |last| last + 1);
        self.directions.truncate(self.components * features);
        self
    }

    /// Reconstructs rows `[rows, features]` from the components alone.
    pub fn reconstruct(&self, rows: &[f32]) -> Vec<f32> {
        let features = self.mean.len();
        self.project(rows)
            .par_chunks_exact(self.components.max(1))
            .flat_map_iter(|projected| {
                (0..features).map(move |feature| {
                    let sum: f32 = projected
                        .iter()
                        .enumerate()
                        .map(|(component, &z)| z * self.directions[component * features + feature])
                        .sum();
                    self.mean[feature] + sum
                })
            })
            .collect()
    }

    /// Squared error of each row `[rows, features]` against its reconstruction from the components.
    pub fn squared_errors(&self, rows: &[f32]) -> Vec<f64> {
        let features = self.mean.len().max(1);
        // The directions are orthonormal: what is not projected is lost.
        let lost = |row: &[f32]| {
            let from_mean: Vec<f32> = row.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
            let total: f64 = from_mean.iter().map(|&x| f64::from(x).powi(2)).sum();
            let kept = self
                .directions
                .chunks_exact(features)
                .map(|direction| f64::from(from_mean.iter().zip(direction).map(|(x, d)| x * d).sum::<f32>()).powi(2));
            (total - kept.sum::<f64>()).max(0.0)
        };
        rows.par_chunks_exact(features).map(lost).collect()
    }

    /// Squared error of each row of `targets` against the reconstruction of the row of `seen` at the same place, such
    /// as the corrupted one. Both are `[rows, features]`.
    pub fn squared_errors_from(&self, seen: &[f32], targets: &[f32]) -> Vec<f64> {
        if seen == targets {
            return self.squared_errors(targets);
        }
        let features = self.mean.len().max(1);
        let made = self.reconstruct(seen);
        let error = |(made, row): (&[f32], &[f32])| {
            made.iter().zip(row).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
        };
        made.par_chunks_exact(features).zip(targets.par_chunks_exact(features)).map(error).collect()
    }

    /// Unit vectors `[components, features]`, the strongest first.
    pub fn directions(&self) -> &[f32] {
        &self.directions
    }

    /// Projects rows `[rows, features]` to `[rows, components]`.
    pub fn project(&self, rows: &[f32]) -> Vec<f32> {
        let features = self.mean.len();
        rows.par_chunks_exact(features)
            .flat_map_iter(|row| {
                self.directions.chunks_exact(features).map(move |direction| {
                    row.iter().zip(&self.mean).zip(direction).map(|((x, m), d)| (x - m) * d).sum::<f32>()
                })
            })
            .collect()
    }

    /// Reconstructs rows `[rows, features]` from their projections `[rows, components]`.
    pub fn rebuild(&self, projected: &[f32]) -> Vec<f32> {
        projected
            .par_chunks_exact(self.components.max(1))
            .flat_map_iter(|place| {
                let mut row = self.mean.clone();
                for (z, direction) in place.iter().zip(self.directions.chunks_exact(self.mean.len())) {
                    row.iter_mut().zip(direction).for_each(|(x, d)| *x += z * d);
                }
                row
            })
            .collect()
    }

    /// Mean squared error of rows against their reconstruction from the components.
    pub fn reconstruction_mse(&self, rows: &[f32]) -> f64 {
        let lost: f64 = self.squared_errors(rows).iter().sum();
        lost / rows.len() as f64
    }
}

/// Computes the sums of products `[features, features]` of rows `[rows, features]` less `mean`: the covariance times the
/// number of rows.
pub(crate) fn covariance(rows: &[f32], mean: &[f32]) -> Vec<f64> {
    let features = mean.len();
    let mut sums = vec![0.0_f64; features * features];
    // Tasks of a fixed size, added up in order: the same bits on any number of threads.
    for tasks in rows.chunks(16 * ROWS_PER_TASK * features) {
        let products: Vec<Vec<f32>> =
            tasks.par_chunks(ROWS_PER_TASK * features).map(|chunk| products(chunk, mean)).collect();
        for product in &products {
            sums.iter_mut().zip(product).for_each(|(sum, &value)| *sum += f64::from(value));
        }
    }
    sums
}

/// Computes centered^T centered of a chunk of rows.
fn products(chunk: &[f32], mean: &[f32]) -> Vec<f32> {
    let features = mean.len();
    let count = chunk.len() / features;
    let centered: Vec<f32> =
        chunk.chunks_exact(features).flat_map(|row| row.iter().zip(mean).map(|(x, m)| x - m)).collect();
    let mut product = vec![0.0_f32; features * features];
    let width = features as isize;
    // SAFETY: product is [features, features] and ours, centered is [count, features].
    unsafe {
        gemm::gemm(
            features,
            features,
            count,
            product.as_mut_ptr(),
            1,
            width,
            false,
            centered.as_ptr(),
            width,
            1,
            centered.as_ptr(),
            1,
            width,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
    product
}

/// Computes dst `[m, n]` = lhs `[m, k]` rhs `[k, n]`, where `transposed` lhs `[k, m]`^T rhs `[k, n]`; all row-major.
fn product(transposed: bool, (m, n, k): (usize, usize, usize), lhs: &[f32], rhs: &[f32]) -> Vec<f32> {
    let mut dst = vec![0.0_f32; m * n];
    assert!(lhs.len() == m * k && rhs.len() == k * n);
    let (lhs_column, lhs_row) = if transposed { (m as isize, 1) } else { (1, k as isize) };
    // SAFETY: the three arrays have the sizes that the strides reach, checked above; dst is ours.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            1,
            n as isize,
            false,
            lhs.as_ptr(),
            lhs_column,
            lhs_row,
            rhs.as_ptr(),
            1,
            n as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
    dst
}

/// Finds the main directions of fewer rows than features, from the products of the rows with each other: the covariance
/// has as many directions, and decomposing its features x features zeros takes minutes.
fn fit_few_rows(rows: &[f32], mean: Vec<f32>, components: usize) -> Result<Pca, PcaError> {
    let features = mean.len();
    let centered: Vec<Vec<f64>> = rows
        .chunks_exact(features)
        .map(|row| row.iter().zip(&mean).map(|(x, m)| f64::from(*x) - f64::from(*m)).collect())
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let count = centered.len();
    let products: Vec<Vec<f64>> =
        (0..count).into_par_iter().map(|i| (0..=i).map(|j| dot(&centered[i], &centered[j])).collect()).collect();
    let matrix = Mat::from_fn(count, count, |i, j| products[i.max(j)][i.min(j)]);
    let eigen = matrix.self_adjoint_eigen(Side::Lower).map_err(|_| PcaError::NotConverged { features })?;
    let largest = eigen.S()[count - 1].max(0.0);
    if largest == 0.0 {
        // Rows that are all the same differ in no direction: any will do.
        let any = (0..features).map(|feature| if feature == 0 { 1.0 } else { 0.0 }).collect();
        return Ok(Pca { mean, components: 1, directions: any });
    }
    // What is left of directions in which the rows do not differ is rounding.
    let differs = |c: &usize| eigen.S()[count - 1 - c] > 1e-12 * largest;
    let directions: Vec<f32> = (0..components)
        .filter(differs)
        .flat_map(|c| {
            let mut direction = vec![0.0_f64; features];
            for (row, values) in centered.iter().enumerate() {
                let weight = eigen.U()[(row, count - 1 - c)];
                direction.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
            }
            let norm = dot(&direction, &direction).sqrt();
            direction.into_iter().map(move |value| (value / norm) as f32)
        })
        .collect();
    Ok(Pca { mean, components: directions.len() / features, directions })
}

/// Finds the main directions by a randomized range finder with power iterations (Halko, Martinsson & Tropp 2011).
fn randomized(rows: &[f32], mean: Vec<f32>, components: usize) -> Result<Pca, PcaError> {
    /// Directions beyond those asked for, and rounds that sharpen them.
    const EXTRA: usize = 10;
    const ROUNDS: usize = 6;
    let features = mean.len();
    let count = rows.len() / features;
    let width = (components + EXTRA).min(features).min(count);
    let mut basis: Vec<f32> = (0..(features * width).div_ceil(4) as u32)
        .flat_map(|block| normal4(philox4x32([block, stream::PCA, 0, 0], [0, 0])))
        .take(features * width)
        .collect();
    orthonormalize(&mut basis, width);
    let mut small = vec![0.0_f64; width * width];
    for round in 0..=ROUNDS {
        // Blocks of rows of a fixed size, added up in order.
        let parts: Vec<(Vec<f32>, Vec<f32>)> = rows
            .par_chunks(ROWS_PER_TASK * features)
            .map(|chunk| {
                let lines = chunk.len() / features;
                let centered: Vec<f32> =
                    chunk.chunks_exact(features).flat_map(|row| row.iter().zip(&mean).map(|(x, m)| x - m)).collect();
                let projected = product(false, (lines, width, features), &centered, &basis);
                if round < ROUNDS {
                    (product(true, (features, width, lines), &centered, &projected), Vec::new())
                } else {
                    (Vec::new(), product(true, (width, width, lines), &projected, &projected))
                }
            })
            .collect();
        if round < ROUNDS {
            let mut next = vec![0.0_f64; features * width];
            for (part, _) in &parts {
                next.iter_mut().zip(part).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            let largest = next.iter().fold(f64::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
            basis = next.iter().map(|value| (value / largest) as f32).collect();
            orthonormalize(&mut basis, width);
        } else {
            for (_, part) in &parts {
                small.iter_mut().zip(part).for_each(|(sum, &value)| *sum += f64::from(value));
            }
        }
    }
    let matrix = Mat::from_fn(width, width, |i, j| small[i * width + j]);
    let eigen = matrix.self_adjoint_eigen(Side::Lower).map_err(|_| PcaError::NotConverged { features })?;
    let vectors = eigen.U();
    let directions = (0..components)
        .flat_map(|c| {
            let turn: Vec<f64> = (0..width).map(|j| vectors[(j, width - 1 - c)]).collect();
            let along =
                basis.chunks_exact(width).map(|row| row.iter().zip(&turn).map(|(&q, v)| f64::from(q) * v).sum());
            along.map(|value: f64| value as f32).collect::<Vec<f32>>()
        })
        .collect();
    Ok(Pca { mean, directions, components })
}

/// Makes the columns of `[rows, width]` orthonormal, by Gram and Schmidt's method twice over.
fn orthonormalize(columns: &mut [f32], width: usize) {
    let rows = columns.len() / width;
    for column in 0..width {
        for _ in 0..2 {
            for before in 0..column {
                let dot: f64 = (0..rows)
                    .map(|row| f64::from(columns[row * width + before]) * f64::from(columns[row * width + column]))
                    .sum();
                for row in 0..rows {
                    columns[row * width + column] -= (dot * f64::from(columns[row * width + before])) as f32;
                }
            }
        }
        let norm = (0..rows).map(|row| f64::from(columns[row * width + column]).powi(2)).sum::<f64>().sqrt();
        let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        for row in 0..rows {
            columns[row * width + column] = (f64::from(columns[row * width + column]) * scale) as f32;
        }
    }
}
