//! Measures of quality: plain functions on arrays, in f64 where sums are long.

mod bootstrap;
pub(crate) mod kmeans;
mod logistic;
mod matmul;
mod mixture;
pub(crate) mod nearest_rows;
mod neighbors;
mod noise;
mod pca;
mod roc;
mod silhouette;
mod ssim;

pub use self::bootstrap::{RESAMPLES, mean_interval};
pub use self::kmeans::{KMeans, kmeans, kmeans_from};
pub use self::logistic::{Logistic, LogisticOptions};
pub use self::mixture::{Covariance, GaussianMixture, MixtureError};
pub use self::nearest_rows::nearest_rows;
pub use self::neighbors::{knn_classes, knn_confusion, trustworthiness};
pub use self::noise::{NoiseArea, noise_level, noise_level_in};
pub(crate) use self::pca::covariance;
pub use self::pca::{Pca, PcaError};
pub use self::roc::{average_precision, operating_points, roc_auc};
pub use self::silhouette::silhouettes;
pub use self::ssim::ssim;

/// Mean squared error over all values.
pub fn mse(prediction: &[f32], target: &[f32]) -> f64 {
    mean(prediction.iter().zip(target).map(|(&y, &x)| (f64::from(y) - f64::from(x)).powi(2)))
}

/// Binary cross-entropy in nats, mean over all values, of predicted probabilities against targets in 0..1.
///
/// Predictions are kept 1e-7 away from 0 and 1, as f32 cannot tell them from certainty beyond that.
pub fn bce(prediction: &[f32], target: &[f32]) -> f64 {
    mean(prediction.iter().zip(target).map(|(&y, &x)| {
        let (y, x) = (f64::from(y).clamp(1e-7, 1.0 - 1e-7), f64::from(x));
        -(x * y.ln() + (1.0 - x) * (1.0 - y).ln())
    }))
}

/// Lowest BCE that any prediction can reach on `target`: its own entropy, in nats per value.
pub fn bce_floor(target: &[f32]) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    mean(target.iter().map(|&x| part(f64::from(x)) + part(1.0 - f64::from(x))))
}

/// Peak signal-to-noise ratio in dB from a mean squared error, for a peak of 1.
pub fn psnr(mse: f64) -> f64 {
    -10.0 * mse.log10()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u64);
    for value in values {
        sum += value;
        count += 1;
    }
    if count == 0 { f64::NAN } else { sum / count as f64 }
}
