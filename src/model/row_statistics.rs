//! Statistics of rows that decide the likelihood and the augmentation of a fitted spec.

use crate::data::{DataError, DataSet, ImageShape, Part, Scaling};
use crate::metrics::Pca;

/// Values that are looked at, at most.
const LOOK_VALUES: usize = 4_000_000;
/// Rows that a PCA of narrow and of wide rows is fitted to, at most.
const PCA_ROWS: [usize; 2] = [2000, 500];
/// Width from which rows are wide.
const WIDE: usize = 1024;
/// Distance from black or white of what counts as ink or paper, and the share of values that makes rows ink.
const INK: f32 = 0.1;
const INK_SHARE: f64 = 0.5;
/// Largest factor of the error of a PCA on mirrored pictures beside the same pictures: below it, mirrored ones look
/// alike.
const MIRROR_FACTOR: f64 = 1.1;
/// Shortest side of pictures that are mirrored.
const LEAST_SIDE: usize = 8;
/// Components of that PCA.
const MIRROR_COMPONENTS: usize = 16;
/// Pictures that many need no mirrored ones beside them.
const MANY_PICTURES: usize = 5000;
/// Share of the variance that a likelihood takes for noise, at least.
const LEAST_NOISE: f64 = 1e-3;

/// Statistics of the train part.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowStatistics {
    /// Variance of a feature, the mean over all of them.
    pub variance: f64,
    /// True where values lie in 0..1, most of them near one of the two.
    pub is_ink: bool,
    /// True for few pictures, not of ink, that look alike when mirrored left to right.
    pub is_mirrored: bool,
}

impl RowStatistics {
    /// Measures the first rows of the train part.
    pub fn measure(data: &DataSet) -> Result<Self, DataError> {
        let features = data.features.max(1);
        let most = (LOOK_VALUES / features).max(2);
        let train = data.part(Part::Train);
        let rows = data.rows_f32(train.start..train.end.min(train.start + most))?;
        let count = (rows.len() / features).max(1) as f64;
        let (mut sums, mut squares) = (vec![0.0_f64; features], vec![0.0_f64; features]);
        for row in rows.chunks_exact(features) {
            for ((sum, square), &value) in sums.iter_mut().zip(&mut squares).zip(row) {
                *sum += f64::from(value);
                *square += f64::from(value).powi(2);
            }
        }
        let variances =
            sums.iter().zip(&squares).map(|(sum, square)| (square / count - (sum / count).powi(2)).max(0.0));
        let variance = variances.sum::<f64>() / features as f64;
        let near = rows.iter().filter(|&&value| value <= INK || value >= 1.0 - INK).count();
        let is_unit = data.preparation.kind == Scaling::Unit;
        let is_ink = is_unit && near as f64 >= INK_SHARE * rows.len() as f64;
        let is_mirrored = match data.image {
            Some(image) if !is_ink && train.len() < MANY_PICTURES && image.height.min(image.width) >= LEAST_SIDE => {
                looks_mirrored(data, image)?
            }
            _ => false,
        };
        Ok(Self { variance: variance.max(1e-12), is_ink, is_mirrored })
    }

    /// Returns the mean squared error that PCA of `components` leaves of held-out rows: the noise of a Gaussian
    /// likelihood.
    pub fn left_by_pca(data: &DataSet, components: usize) -> Result<f64, DataError> {
        let (fitted, held) = pca_rows(data)?;
        let own = Self::variance_of(&held, data.features);
        let left = match Pca::fit(&fitted, data.features, components) {
            Ok(pca) if !held.is_empty() => pca.reconstruction_mse(&held),
            _ => own,
        };
        Ok(crate::style::three_digits(left.max(LEAST_NOISE * own).max(1e-9)))
    }

    fn variance_of(rows: &[f32], features: usize) -> f64 {
        let features = features.max(1);
        let count = (rows.len() / features).max(1) as f64;
        let mean =
            |feature: usize| rows.iter().skip(feature).step_by(features).map(|&x| f64::from(x)).sum::<f64>() / count;
        let means: Vec<f64> = (0..features).map(mean).collect();
        let squares: f64 = rows
            .chunks_exact(features)
            .flat_map(|row| row.iter().zip(&means).map(|(&x, mean)| (f64::from(x) - mean).powi(2)))
            .sum();
        squares / rows.len().max(1) as f64
    }
}

/// Returns rows of the train part to fit a PCA to, and rows of the validation part to measure it on.
fn pca_rows(data: &DataSet) -> Result<(Vec<f32>, Vec<f32>), DataError> {
    let most = PCA_ROWS[usize::from(data.features > WIDE)];
    let some = |part: Part| {
        let rows = data.part(part);
        data.rows_f32(rows.start..rows.end.min(rows.start + most))
    };
    let held = if data.validation.is_empty() { Part::Train } else { Part::Validation };
    Ok((some(Part::Train)?, some(held)?))
}

/// Returns whether a PCA of the pictures is as good on mirrored pictures that it was not fitted to.
fn looks_mirrored(data: &DataSet, image: ImageShape) -> Result<bool, DataError> {
    let (fitted, held) = pca_rows(data)?;
    let Ok(pca) = Pca::fit(&fitted, data.features, MIRROR_COMPONENTS) else { return Ok(false) };
    let mut mirrored = held.clone();
    for line in mirrored.chunks_exact_mut(image.width * image.channels) {
        let mut turned = Vec::with_capacity(line.len());
        line.chunks_exact(image.channels).rev().for_each(|pixel| turned.extend_from_slice(pixel));
        line.copy_from_slice(&turned);
    }
    Ok(pca.reconstruction_mse(&mirrored) <= MIRROR_FACTOR * pca.reconstruction_mse(&held))
}
