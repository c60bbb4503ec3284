//! Similarity of an image to a clean one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::image::{Image, ImageFile, ReadChoices};
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

/// Compares the pictures `seen` and `made` with those of the file at `reference`, on the scale of `seen`.
pub(super) fn compare(
    seen: &[Image],
    made: &[Image],
    reference: &Path,
    choices: ReadChoices<'_>,
) -> Result<Comparison, DataError> {
    let mut clean = ImageFile::read(reference, choices)?.images;
    let wrong = |problem: String| DataError::Malformed { place: reference.display().to_string(), problem };
    if clean.len() != seen.len() {
        let problem =
            format!("it has {} pictures and the input {}; give the clean version of it", clean.len(), seen.len());
        return Err(wrong(problem));
    }
    for (clean, seen) in clean.iter_mut().zip(seen) {
        if (clean.size, clean.colors()) != (seen.size, seen.colors()) {
            let shape = |content: &Image| format!("{}x{}x{}", content.size[0], content.size[1], content.colors());
            return Err(wrong(format!(
                "it is {} and the input {}; give the clean version of it",
                shape(clean),
                shape(seen)
            )));
        }
        if clean.bits() == seen.bits() {
            clean.range = seen.range;
        }
    }
    let each = |content: &[Image], of: &dyn Fn(&Image, &Image, usize) -> Option<f64>| -> Option<f64> {
        let pairs = content.iter().zip(&clean);
        let values: Option<Vec<f64>> = pairs
            .flat_map(|(content, clean)| (0..clean.colors()).map(move |channel| of(content, clean, channel)))
            .collect();
        values.map(|values| values.iter().sum::<f64>() / values.len().max(1) as f64)
    };
    let [input_psnr, psnr] = [seen, made].map(|content| {
        let error = |content: &Image, clean: &Image, channel: usize| {
            Some(metrics::mse(&content.plane(channel), &clean.plane(channel)))
        };
        // Equal pictures have none.
        each(content, &error).map(metrics::psnr).filter(|psnr| psnr.is_finite())
    });
    let [input_ssim, ssim] = [seen, made].map(|content| {
        let likeness = |content: &Image, clean: &Image, channel: usize| {
            let [height, width] = clean.size;
            metrics::ssim(&content.plane(channel), &clean.plane(channel), height, width)
        };
        each(content, &likeness)
    });
    Ok(Comparison { input_psnr, psnr, input_ssim, ssim })
}
