//! The picture of a curve of rate and distortion.

use std::path::Path;

use super::rate_curve::RateCurve;
use crate::plot::{Align, Area, Canvas, PictureError};
use crate::style;
use crate::style::{DARK, Rgb};

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 640;

/// Methods in the order of the legend, with their names and colors.
const METHODS: [(&str, &str, Rgb); 5] = [
    ("model", "Model", DARK.accent),
    ("pca", "PCA, as many numbers", DARK.second),
    ("pca-many", "PCA, many", DARK.good),
    ("jpeg", "JPEG, each", DARK.bad),
    ("jpeg-sheet", "JPEG, one sheet", DARK.muted),
];

/// Bytes a row to the right, mean squared error upwards, both in ratios, as a PNG at `path`.
pub(super) fn draw(curve: &RateCurve, path: &Path) -> Result<(), PictureError> {
    let mut canvas = Canvas::new(WIDTH, HEIGHT)?;
    canvas.fill_rect(Area { x: 0.0, y: 0.0, w: WIDTH as f32, h: HEIGHT as f32 }, DARK.panel, 0.0);
    let title = "Mean squared error by bytes a row";
    let wide = canvas.text(28.0, 40.0, style::size::TEXT, title, DARK.text, true, Align::Left);
    let second = format!("{} rows", style::grouped(curve.rows as u64));
    canvas.text(40.0 + wide, 40.0, style::size::SECOND, &second, DARK.muted, false, Align::Left);
    let plot = Area { x: 96.0, y: 100.0, w: WIDTH as f32 - 130.0, h: HEIGHT as f32 - 160.0 };
    let bounds = |of: fn(&super::RatePoint) -> f64| {
        let logs = || curve.points.iter().map(of).filter(|value| *value > 0.0).map(f64::log10);
        let (low, high) = (logs().fold(f64::INFINITY, f64::min), logs().fold(f64::NEG_INFINITY, f64::max));
        let margin = ((high - low) * 0.05).max(0.02);
        (low - margin, high + margin)
    };
    let ((left, right), (bottom, top)) = (bounds(|p| p.bytes_per_row), bounds(|p| p.mse));
    let x = |value: f64| plot.x + ((value.log10() - left) / (right - left)) as f32 * plot.w;
    let y = |value: f64| plot.y + (1.0 - ((value.log10() - bottom) / (top - bottom)) as f32) * plot.h;
    let line = |canvas: &mut Canvas, from: (f32, f32), to: (f32, f32)| {
        canvas.line(&[from, to], DARK.line, 1.0, 1.0, false, None);
    };
    for value in marks(bottom, top) {
        let at = y(value);
        line(&mut canvas, (plot.x, at), (plot.x + plot.w, at));
        canvas.text(plot.x - 10.0, at + 5.0, style::size::AXIS, &value.to_string(), DARK.muted, false, Align::Right);
    }
    for value in marks(left, right) {
        let at = x(value);
        line(&mut canvas, (at, plot.y), (at, plot.y + plot.h));
        let below = plot.y + plot.h + 24.0;
        canvas.text(at, below, style::size::AXIS, &value.to_string(), DARK.muted, false, Align::Center);
    }
    let mut pen = 28.0;
    for (method, name, color) in METHODS {
        let points: Vec<(f32, f32)> = curve
            .points
            .iter()
            .filter(|p| p.method == method && p.mse > 0.0)
            .map(|p| (x(p.bytes_per_row), y(p.mse)))
            .collect();
        if points.is_empty() {
            continue;
        }
        canvas.line(&points, color, 2.0, 1.0, false, None);
        points.iter().for_each(|&(px, py)| canvas.dot(px, py, 3.5, color, 1.0));
        canvas.dot(pen + 5.0, 67.0, 5.0, color, 1.0);
        pen += 16.0 + canvas.text(pen + 16.0, 72.0, style::size::SECOND, name, DARK.text, false, Align::Left) + 22.0;
    }
    canvas.save(path)
}

/// 1, 2 and 5 times the powers of ten between two logarithms.
fn marks(low: f64, high: f64) -> Vec<f64> {
    let powers = low.floor() as i32..=high.ceil() as i32;
    powers
        .flat_map(|power| {
            // Divided rather than multiplied: 0.002 and not 0.0020000000000000001.
            let scale = |digit: f64| if power < 0 { digit / 10_f64.powi(-power) } else { digit * 10_f64.powi(power) };
            [1.0, 2.0, 5.0].map(scale)
        })
        .filter(|mark| (low..=high).contains(&mark.log10()))
        .collect()
}
