//! Principal component analysis, exactly, from the covariance: the honest neighbour of every autoencoder.

use faer::{Mat, Side};
use rayon::prelude::*;

#[derive(Debug, thiserror::Error)]
pub enum PcaError {
    #[error("PCA is not possible, {rows} rows of {features} values, give at least two rows of at most 4096 values")]
    Shape { rows: usize, features: usize },
    #[error("PCA did not converge on {features} features, look for NaN in the data")]
    NotConverged { features: usize },
}

/// Features beyond which the covariance is too large to decompose exactly.
pub const MAX_FEATURES: usize = 4096;

/// Mean and principal directions of the rows it was fitted on.
#[derive(Clone, Debug)]
pub struct Pca {
    mean: Vec<f32>,
    /// [components, features], the strongest first.
    directions: Vec<f32>,
    components: usize,
}

/// Rows that one task multiplies; sums of products of that many values in 0..1 lose little in f32.
const ROWS_PER_TASK: usize = 500;

impl Pca {
    /// Fits `components` directions to rows [rows, features].
    pub fn fit(rows: &[f32], features: usize, components: usize) -> Result<Self, PcaError> {
        let count = rows.len().checked_div(features).unwrap_or(0);
        if count < 2 || features > MAX_FEATURES {
            return Err(PcaError::Shape { rows: count, features });
        }
        let mut sums = vec![0.0_f64; features];
        for row in rows.chunks_exact(features) {
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / count as f64) as f32).collect();

        // Tasks of a fixed size, added up in order: the same bits on any number of threads.
        let mut covariance = vec![0.0_f64; features * features];
        for tasks in rows.chunks(16 * ROWS_PER_TASK * features) {
            let products: Vec<Vec<f32>> =
                tasks.par_chunks(ROWS_PER_TASK * features).map(|chunk| products(chunk, &mean)).collect();
            for product in &products {
                covariance.iter_mut().zip(product).for_each(|(sum, &value)| *sum += f64::from(value));
            }
        }
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

    pub fn components(&self) -> usize {
        self.components
    }

    /// Unit vectors [components, features], the strongest first.
    pub fn directions(&self) -> &[f32] {
        &self.directions
    }

    /// Rows [rows, features] as [rows, components].
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

    /// Mean squared error of rows against their reconstruction from the components.
    pub fn reconstruction_mse(&self, rows: &[f32]) -> f64 {
        let features = self.mean.len();
        // The directions are orthonormal: what is not projected is lost.
        let lost: f64 = rows
            .par_chunks_exact(features)
            .zip(self.project(rows).par_chunks_exact(self.components.max(1)))
            .map(|(row, projected)| {
                let total: f64 = row.iter().zip(&self.mean).map(|(x, m)| f64::from(x - m).powi(2)).sum();
                let kept: f64 = projected.iter().map(|&z| f64::from(z).powi(2)).sum();
                total - kept
            })
            .collect::<Vec<f64>>()
            .iter()
            .sum();
        lost / rows.len() as f64
    }
}

/// centred^T centred of a chunk of rows.
fn products(chunk: &[f32], mean: &[f32]) -> Vec<f32> {
    let features = mean.len();
    let count = chunk.len() / features;
    let centred: Vec<f32> =
        chunk.chunks_exact(features).flat_map(|row| row.iter().zip(mean).map(|(x, m)| x - m)).collect();
    let mut product = vec![0.0_f32; features * features];
    let width = features as isize;
    // SAFETY: product is [features, features] and ours, centred is [count, features].
    unsafe {
        gemm::gemm(
            features,
            features,
            count,
            product.as_mut_ptr(),
            1,
            width,
            false,
            centred.as_ptr(),
            width,
            1,
            centred.as_ptr(),
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
