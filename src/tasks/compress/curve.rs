//! Measurement of rate-distortion curves: the model, PCA with the same quantizer and coder, and JPEG.

use std::path::Path;

use super::codec::Meaning;
use super::quantizer::Quantizer;
use super::rate_curve::{RateCurve, RatePoint};
use super::{CompressionInput, defect, jpeg, rate_distortion_plot, smallest};
use crate::data::Part;
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::{self, Pca};
use crate::model::write_whole;
use crate::tasks::TaskError;
use crate::tasks::export::extension;

/// Bits per latent value at which the model is measured.
const BITS: [f64; 8] = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0];
/// Components of the larger PCA baseline (`pca-many`): those that are not worth a bit get none.
const MANY_COMPONENTS: usize = 256;
/// Train rows on which the tables of PCA are fitted, at most.
const TABLE_ROWS: usize = 20_000;
/// Ratio of file sizes up to which files count as equally large.
const EQUAL: f64 = 1.02;

/// Measures the rate-distortion curve of the model at `path` over every row of `source` and writes it to `output`:
/// `.json`, `.csv` or `.png`.
///
/// # Errors
/// Same as [`super::compress`].
pub fn rate_curve(path: &Path, source: &str, output: &Path, device: &Device) -> Result<RateCurve, TaskError> {
    let kind = extension(output);
    if !matches!(kind.as_deref(), Some("json" | "csv" | "png")) {
        let problem = format!("{} cannot hold a curve; give a .json, .csv or .png file", output.display());
        return Err(TaskError::Setting { setting: Setting::CURVE, problem });
    }
    let mut subject = CompressionInput::open(path, source, device)?;
    let mut points = Vec::new();
    // A vector-quantized model has one size.
    let all = if subject.has_codes() { &BITS[..1] } else { &BITS[..] };
    let mut rates = Vec::new();
    for &bits in all {
        let coded = subject.code(bits, None)?;
        let setting = if subject.has_codes() { "codes".to_owned() } else { format!("{bits} bits per latent") };
        let mse = subject.mse_of(&coded.restored)?;
        rates.push(8.0 * coded.payload as f64 / subject.rows as f64);
        points.push(point("model", setting, coded.bytes.len(), subject.rows, mse));
    }
    points.extend(pca_points(&subject, &rates)?);
    if let Some(image) = subject.opened.data.image.filter(|&image| jpeg::fits(image, &subject.seen)) {
        for quality in jpeg::QUALITIES {
            let (bytes, mse) = jpeg::each(&subject.seen, image, quality).map_err(defect)?;
            points.push(point("jpeg", format!("quality {quality}"), bytes, subject.rows, mse));
        }
        for quality in jpeg::QUALITIES {
            if let Some((bytes, mse)) = jpeg::sheet(&subject.seen, image, quality).map_err(defect)? {
                points.push(point("jpeg-sheet", format!("quality {quality}"), bytes, subject.rows, mse));
            }
        }
    }
    let curve = RateCurve {
        model: path.display().to_string(),
        data: source.to_owned(),
        output: output.display().to_string(),
        rows: subject.rows,
        model_mse: subject.model_mse,
        fitted_on: subject.fitted_on,
        findings: findings(&points),
        points,
    };
    match kind.as_deref() {
        Some("png") => rate_distortion_plot::draw(&curve, output)?,
        Some("csv") => {
            let line = |p: &RatePoint| {
                format!("{},{},{},{},{},{}\n", p.method, p.setting, p.bytes, p.bytes_per_row, p.mse, p.psnr)
            };
            let lines: String = curve.points.iter().map(line).collect();
            write_whole(output, format!("method,setting,bytes,bytes_per_row,mse,psnr\n{lines}").as_bytes())?;
        }
        _ => {
            let text = serde_json::to_string_pretty(&curve).map_err(|error| defect(error.to_string()))?;
            write_whole(output, text.as_bytes())?;
        }
    }
    Ok(curve)
}

fn point(method: &'static str, setting: String, bytes: usize, rows: usize, mse: f64) -> RatePoint {
    RatePoint { method, setting, bytes, bytes_per_row: bytes as f64 / rows as f64, mse, psnr: metrics::psnr(mse) }
}

/// Measures PCA at the rates of the model, in bits per row: with as many components as the model has latent units, and
/// with many.
fn pca_points(subject: &CompressionInput, rates: &[f64]) -> Result<Vec<RatePoint>, TaskError> {
    let features = subject.opened.data.features;
    let train = match &subject.train {
        Some(train) => train.some_f32(Part::Train)?,
        None => subject.seen.clone(),
    };
    let latent = subject.opened.loaded.latent();
    let most = MANY_COMPONENTS.max(latent).min(features);
    // Too few rows for PCA: there is nothing to compare with.
    let Ok(pca) = Pca::fit(&train, features, most) else { return Ok(Vec::new()) };
    let every = (train.len() / features).div_ceil(TABLE_ROWS).max(1);
    let some: Vec<f32> = train.chunks_exact(features).step_by(every).flatten().copied().collect();
    let (train, own, most) = (pca.project(&some), pca.project(&subject.seen), pca.components());
    let mut points = Vec::new();
    for (method, components) in [("pca", latent.min(most)), ("pca-many", most)] {
        if method == "pca-many" && most <= latent {
            continue;
        }
        let first = |rows: &[f32]| -> Vec<f32> {
            rows.chunks_exact(most).flat_map(|row| &row[..components]).copied().collect()
        };
        let (train, own) = (first(&train), first(&own));
        // The directions are orthonormal: every component counts alike.
        let sensitivities = vec![1.0 / features as f64; components];
        for &bits in rates {
            let quantizer = Quantizer::fit(&train, &sensitivities, bits);
            let (symbols, train) = (quantizer.quantize(&own), quantizer.quantize(&train));
            let meaning = Meaning::Latents(quantizer.clone());
            let (_, bytes) = smallest(&meaning, &symbols, &train, (0, &[]), 0, None).map_err(defect)?;
            let mut restored = quantizer.restore(&symbols);
            if components < most {
                let filled = restored.chunks_exact(components.max(1));
                restored = filled
                    .flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0.0, most - components)))
                    .collect();
            }
            let mse = metrics::mse(&pca.rebuild(&restored), &subject.seen);
            let setting = format!("{}, {bits:.1} bits per row", crate::style::counted(components, "component"));
            points.push(point(method, setting, bytes.len(), subject.rows, mse));
        }
    }
    Ok(points)
}

/// States in words which method has the smaller error at equal sizes.
fn findings(points: &[RatePoint]) -> Vec<String> {
    let of = |method: &str| points.iter().filter(|p| p.method == method).cloned().collect::<Vec<RatePoint>>();
    let model = of("model");
    let least = |points: &[RatePoint], of: fn(&RatePoint) -> f64| points.iter().map(of).fold(f64::INFINITY, f64::min);
    let rivals = [
        ("pca", "PCA, same latent size"),
        ("pca-many", "PCA, more components"),
        ("jpeg", "JPEG, one file per row"),
        ("jpeg-sheet", "JPEG, all rows in one file"),
    ];
    let mut said = Vec::new();
    for (method, name) in rivals {
        let rival = of(method);
        if rival.is_empty() {
            continue;
        }
        let best_within = |bytes: f64| {
            least(&rival.iter().filter(|p| p.bytes_per_row <= bytes * EQUAL).cloned().collect::<Vec<_>>(), |p| p.mse)
        };
        let lost: Vec<&RatePoint> = model.iter().filter(|p| best_within(p.bytes_per_row) < p.mse).collect();
        let comparable = model.iter().filter(|p| best_within(p.bytes_per_row).is_finite()).count();
        let mut words = match (lost.first(), comparable) {
            (_, 0) => {
                let needs = least(&rival, |p| p.bytes_per_row);
                format!("{name}: needs at least {needs:.1} bytes per row, more than any file of the model")
            }
            (None, _) => format!("{name}: the model has the smaller error at every equal size"),
            (Some(_), _) if lost.len() == comparable => {
                format!("{name}: smaller error than the model at every equal size")
            }
            (Some(first), _) => format!(
                "{name}: smaller error at {} of {comparable} equal sizes, first at {:.1} bytes per row ({:.5}, the \
                 model {:.5})",
                lost.len(),
                first.bytes_per_row,
                best_within(first.bytes_per_row),
                first.mse
            ),
        };
        let floor = least(&model, |p| p.mse);
        let below = rival.iter().filter(|p| p.mse < floor).min_by(|a, b| a.bytes_per_row.total_cmp(&b.bytes_per_row));
        if let Some(below) = below {
            words += &format!(
                "; at {:.1} bytes per row it reaches {:.5}, which the model reaches at no size",
                below.bytes_per_row, below.mse
            );
        }
        said.push(words);
    }
    said
}
