//! Points of a rate-distortion curve.

use serde::Serialize;

/// The object that `compress --curve --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateCurve {
    /// Path of the model file.
    pub model: String,
    /// Source of the rows, as given.
    pub data: String,
    /// Path of the file of the curve: `.json`, `.csv` or `.png`.
    pub output: String,
    /// Number of rows.
    pub rows: usize,
    /// Mean squared error of the model without any rounding: the limit as bytes are added.
    pub model_mse: f64,
    /// Rows on which steps and tables were fitted: `train`, or `input` where the train rows are no longer available.
    pub fitted_on: &'static str,
    /// Points of all methods.
    pub points: Vec<RatePoint>,
    /// Comparison of the model with each other method at equal sizes, in words.
    pub findings: Vec<String>,
}

/// Size and error of one method at one setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RatePoint {
    /// Name of the method: `model`, `pca` (as many components as the model has latent units), `pca-many`, `jpeg` (a
    /// file for each row) or `jpeg-sheet` (all rows in one file).
    pub method: &'static str,
    /// Setting of the method in words, such as `4 bits a number` or `quality 50`.
    pub setting: String,
    /// Bytes of all files: everything but the model or the components of PCA.
    pub bytes: usize,
    /// Bytes of all files per row.
    pub bytes_per_row: f64,
    /// Mean squared error over all values of all rows, on the scale that the network sees.
    pub mse: f64,
    /// PSNR in dB, for a peak of 1.
    pub psnr: f64,
}
