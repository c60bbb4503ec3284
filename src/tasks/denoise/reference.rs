//! Similarity of an image to a clean one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::image::Image;
use super::paths::FileJob;
use crate::data::DataError;
use crate::metrics;

/// PSNR (dB, peak 1) and SSIM (mean over channels; `None` below 11x11) of an image before and after denoising, alpha
/// left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// PSNR of the input in dB; `None` where it is equal to the clean image.
    pub input_psnr: Option<f64>,
    /// PSNR of the output in dB; `None` where it is equal to the clean image.
    pub psnr: Option<f64>,
    /// SSIM of the input; `None` below 11x11 pixels.
    pub input_ssim: Option<f64>,
    /// SSIM of the output; `None` below 11x11 pixels.
    pub ssim: Option<f64>,
}

/// Returns the path of the clean image for `job`: `reference` itself, or the file of the same name in it.
pub(super) fn reference_of(reference: &Path, job: &FileJob) -> PathBuf {
    if reference.is_dir() { reference.join(&job.name) } else { reference.to_owned() }
}

/// Compares `seen` and `made` with the file at `reference`.
pub(super) fn compare(seen: &Image, made: &Image, reference: &Path) -> Result<Comparison, DataError> {
    let clean = Image::read(reference)?;
    if (clean.size, clean.colors()) != (seen.size, seen.colors()) {
        let shape = |content: &Image| format!("{}x{}x{}", content.size[0], content.size[1], content.colors());
        return Err(DataError::Malformed {
            place: reference.display().to_string(),
            problem: format!("it is {} and the input {}; give the clean version of it", shape(&clean), shape(seen)),
        });
    }
    let [input_psnr, psnr] = [seen, made].map(|content| {
        let error = |channel| metrics::mse(&content.plane(channel), &clean.plane(channel));
        let mse = (0..clean.colors()).map(error).sum::<f64>() / clean.colors() as f64;
        // Equal pictures have none.
        Some(metrics::psnr(mse)).filter(|psnr| psnr.is_finite())
    });
    let [input_ssim, ssim] = [seen, made].map(|content| {
        let [height, width] = clean.size;
        let of = |channel| metrics::ssim(&content.plane(channel), &clean.plane(channel), height, width);
        let values: Option<Vec<f64>> = (0..clean.colors()).map(of).collect();
        values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
    });
    Ok(Comparison { input_psnr, psnr, input_ssim, ssim })
}
