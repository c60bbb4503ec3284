//! Points of a curve of rate and distortion.

use serde::Serialize;

/// The object that `compress --curve --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateCurve {
    pub model: String,
    pub data: String,
    pub output: String,
    pub rows: usize,
    /// Of the model without any rounding: what more bytes cannot go below.
    pub model_mse: f64,
    pub fitted_on: &'static str,
    pub points: Vec<RatePoint>,
    /// Who wins where, in words.
    pub findings: Vec<String>,
}

/// One file size of one method.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RatePoint {
    /// `model`, `pca` (as many components as the model has latent numbers), `pca-many`, `jpeg` (a file for each row) or
    /// `jpeg-sheet` (all rows in one file).
    pub method: &'static str,
    pub setting: String,
    /// Of all files, everything but the model or the components in them.
    pub bytes: usize,
    pub bytes_per_row: f64,
    /// Mean over all values of all rows, on the scale that the network sees.
    pub mse: f64,
    /// dB, for a peak of 1.
    pub psnr: f64,
}
