//! Plot of a rate-distortion curve.

use std::path::Path;

use super::rate_curve::RateCurve;
use crate::plot::{Align, Area, AxisScale, Canvas, Chart, ChartAxis, LineStyle, PictureError, Series, Ticks, Tone};
use crate::style;
use crate::style::DARK;

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 640;

/// Methods in the order of the legend, with their names and colors.
const METHODS: [(&str, &str, Tone); 5] = [
    ("model", "Model", Tone::Accent),
    ("pca", "PCA, same size", Tone::Second),
    ("pca-many", "PCA, more", Tone::Good),
    ("jpeg", "JPEG, each", Tone::Bad),
    ("jpeg-sheet", "JPEG, one sheet", Tone::Muted),
];

/// Draws mean squared error over bytes per row, both on logarithmic axes, as a PNG at `path`.
pub(super) fn draw(curve: &RateCurve, path: &Path) -> Result<(), PictureError> {
    let mut canvas = Canvas::new(WIDTH, HEIGHT)?;
    canvas.fill_rect(Area { x: 0.0, y: 0.0, w: WIDTH as f32, h: HEIGHT as f32 }, DARK.panel, 0.0);
    let title = "Mean squared error by bytes per row";
    let wide = canvas.text(28.0, 40.0, style::size::TEXT, title, DARK.text, true, Align::Left);
    let second = format!("{} rows", style::grouped(curve.rows as u64));
    canvas.text(40.0 + wide, 40.0, style::size::SECOND, &second, DARK.muted, false, Align::Left);
    let plot = Area { x: 96.0, y: 100.0, w: WIDTH as f32 - 130.0, h: HEIGHT as f32 - 160.0 };
    let axis = |of: fn(&super::RatePoint) -> f64, ticks: usize| {
        let logs = || curve.points.iter().map(of).filter(|value| *value > 0.0).map(f64::log10);
        let (low, high) = (logs().fold(f64::INFINITY, f64::min), logs().fold(f64::NEG_INFINITY, f64::max));
        let margin = ((high - low) * 0.05).max(0.02);
        let range = (10_f64.powf(low - margin), 10_f64.powf(high + margin));
        let mut axis = ChartAxis::new(AxisScale::Ratio, range, Ticks::About(ticks));
        axis.has_lines = true;
        axis
    };
    let mut chart = Chart::new(axis(|p| p.bytes_per_row, 12), axis(|p| p.mse, 10));
    let mut pen = 28.0;
    for (method, name, tone) in METHODS {
        let of_method = curve.points.iter().filter(|p| p.method == method && p.mse > 0.0);
        let points: Vec<[f64; 2]> = of_method.map(|p| [p.bytes_per_row, p.mse]).collect();
        if points.is_empty() {
            continue;
        }
        chart.series.push(Series { name: String::new(), points, style: LineStyle::solid(tone, 2.0), dots: 3.5 });
        canvas.dot(pen + 5.0, 67.0, 5.0, tone.of(&DARK), 1.0);
        pen += 16.0 + canvas.text(pen + 16.0, 72.0, style::size::SECOND, name, DARK.text, false, Align::Left) + 22.0;
    }
    canvas.draw(&chart.shapes(plot), &DARK, DARK.panel);
    canvas.save(path)
}
