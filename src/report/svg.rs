//! Drawings of a report, as SVG that takes its colors from the page.

use std::fmt::Write as _;

use super::content::ReportContent;
use crate::plot::{Area, AxisScale, LossCurves, Marker, svg_elements};
use crate::style::LABELS;
use crate::train::EpochReport;

const WIDTH: f32 = 720.0;
const HEIGHT: f32 = 300.0;
const LEFT: f32 = 56.0;
const BOTTOM: f32 = 34.0;
const TOP: f32 = 14.0;
/// Room for the names of the lines, in pixels.
const RIGHT: f32 = 176.0;

/// Logo of the program.
pub(crate) const MARK: &str = "<svg class=\"mark\" viewBox=\"0 0 15 19\" aria-hidden=\"true\"><path d=\"M0 0H15V2.5L9.2 9.5 15 \
                               16.5V19H0V16.5L5.8 9.5 0 2.5Z\"/></svg>";

/// Draws the network: layer heights by the logarithm of their widths, the bottleneck in the accent.
pub(crate) fn hourglass(widths: &[usize]) -> String {
    let (width, height) = (460.0, 150.0);
    let (Some(&widest), Some(&narrowest)) = (widths.iter().max(), widths.iter().min()) else { return String::new() };
    let of = |units: usize| height * (0.12 + 0.88 * (units as f64 + 1.0).ln() / (widest as f64 + 1.0).ln());
    let step = (width - 40.0) / (widths.len().max(2) - 1) as f64;
    let x = |at: usize| 20.0 + at as f64 * step;
    let middle = height / 2.0 + 4.0;
    let mut upper = String::new();
    let mut lower = String::new();
    for (at, &units) in widths.iter().enumerate() {
        let half = of(units) / 2.0;
        let (px, up, down) = (x(at), middle - half, middle + half);
        if at == 0 {
            let _ = write!(upper, "M{px:.1} {up:.1}");
            let _ = write!(lower, "{px:.1} {down:.1}Z");
        } else {
            let before = of(widths[at - 1]) / 2.0;
            let (c1, c2) = (x(at - 1) + step * 0.5, px - step * 0.5);
            let _ = write!(upper, "C{c1:.1} {:.1} {c2:.1} {up:.1} {px:.1} {up:.1}", middle - before);
            lower = format!("{px:.1} {down:.1}C{c2:.1} {down:.1} {c1:.1} {:.1} {lower}", middle + before);
        }
    }
    let mut svg = format!(
        "<svg class=\"net\" viewBox=\"0 0 {width} {}\" role=\"img\" aria-label=\"Network with layers of {} units\"><path class=\"body\" \
         d=\"{upper}L{lower}\"/>",
        height + 36.0,
        widths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
    );
    for (at, &units) in widths.iter().enumerate() {
        let class = if units == narrowest { "neck" } else { "layer" };
        let half = of(units) / 2.0;
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"10\" height=\"{:.1}\" rx=\"2\"/><text class=\"{class}\" \
             x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{units}</text>",
            x(at) - 5.0,
            middle - half,
            2.0 * half,
            x(at),
            height + 29.0
        );
    }
    svg + "</svg>"
}

/// Draws the loss over epochs, on an even scale and on one of ratios; the page shows one of them.
pub(crate) fn curves(story: &ReportContent) -> String {
    let (Some(first), Some(last)) = (story.epochs.first(), story.epochs.last()) else { return String::new() };
    if first.epoch == last.epoch {
        return String::new();
    }
    let by_epoch = |loss: fn(&EpochReport) -> f64| -> Vec<[f32; 2]> {
        story.epochs.iter().map(|epoch| [epoch.epoch as f32, loss(epoch) as f32]).collect()
    };
    let (train, validation) = (by_epoch(|epoch| epoch.train_loss), by_epoch(|epoch| epoch.validation_loss));
    let per_epoch = last.step as f64 / f64::from(last.epoch.max(1));
    let edits = story.spec.edits.iter().map(|edit| {
        let epoch = (edit.step as f64 / per_epoch).max(f64::from(first.epoch));
        Marker::event(epoch, story.spec.edit_words(edit))
    });
    let finite = story.epochs.iter().filter(|epoch| epoch.validation_loss.is_finite());
    let best = finite.min_by(|a, b| a.validation_loss.total_cmp(&b.validation_loss));
    let curves = LossCurves {
        train: &train,
        validation: &validation,
        pca: story.pca.as_ref().filter(|_| story.spec.loss_is_plain_mse()).map(|pca| (pca.components, pca.mse)),
        edits: edits.collect(),
        best: best.map(|best| best.epoch),
        smoothing: 0.0,
        scale: AxisScale::Even,
        epochs: (f64::from(first.epoch), f64::from(last.epoch)),
    };
    let plot = Area { x: LEFT, y: TOP, w: WIDTH - LEFT - RIGHT, h: HEIGHT - TOP - BOTTOM };
    let drawn = |class: &str, scale| {
        let mut chart = LossCurves { scale, ..curves.clone() }.chart(plot)?;
        chart.names_at_ends = true;
        let name = if class == "ratio" { "log" } else { class };
        Some(format!(
            "<svg class=\"chart {class}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Loss by epoch, {name} \
             scale\">{}</svg>",
            svg_elements(&chart.shapes(plot))
        ))
    };
    let Some(even) = drawn("linear", AxisScale::Even) else { return String::new() };
    even + &drawn("ratio", AxisScale::Ratio).unwrap_or_default()
}

/// Draws held-out rows by their codes, each class in its color.
pub(crate) fn map(story: &ReportContent) -> String {
    let points = &story.map.points;
    let range = |axis: usize| {
        let values = || points.iter().map(move |point| point[axis]).filter(|value| value.is_finite());
        (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max))
    };
    let ((x0, x1), (y0, y1)) = (range(0), range(1));
    let half = ((x1 - x0).max(y1 - y0) / 2.0).max(1e-9) * 1.04;
    let (cx, cy) = ((x0 + x1) / 2.0, (y0 + y1) / 2.0);
    let mut svg = String::from(
        "<svg class=\"map\" viewBox=\"0 0 480 480\" role=\"img\" aria-label=\"Latent map of held-out rows\">",
    );
    for (at, point) in points.iter().enumerate() {
        let (x, y) = (240.0 + (point[0] - cx) / half * 236.0, 240.0 - (point[1] - cy) / half * 236.0);
        let label = story.map.labels.get(at).map_or(0, |&label| usize::from(label));
        let class = if story.map.labels.is_empty() { 9 } else { label % LABELS.len() };
        let _ = write!(svg, "<circle class=\"l{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\" data-i=\"{at}\"/>");
    }
    svg + "</svg>"
}
