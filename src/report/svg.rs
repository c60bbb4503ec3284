//! Drawings of a report, as SVG that takes its colors from the page.

use std::fmt::Write as _;

use super::content::ReportContent;
use super::html::escape;
use crate::style;
use crate::style::LABELS;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 34.0;
const TOP: f64 = 14.0;
const RIGHT: f64 = 124.0;

/// The mark of the program.
pub(crate) const MARK: &str = "<svg class=\"mark\" viewBox=\"0 0 15 19\" aria-hidden=\"true\"><path d=\"M0 0H15V2.5L9.2 9.5 15 \
                               16.5V19H0V16.5L5.8 9.5 0 2.5Z\"/></svg>";

/// Layer heights by the logarithm of their widths, the bottleneck in the accent.
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
        "<svg class=\"net\" viewBox=\"0 0 {width} {}\" role=\"img\" aria-label=\"The network: layers of {} units\"><path class=\"body\" \
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

/// Loss over epochs, on an even scale and on one of ratios; the page shows one of them.
pub(crate) fn curves(story: &ReportContent) -> String {
    if story.epochs.len() < 2 {
        return String::new();
    }
    let losses = || story.epochs.iter().flat_map(|epoch| [epoch.train_loss, epoch.validation_loss]);
    let finite: Vec<f64> = losses().filter(|loss| loss.is_finite()).collect();
    let baseline = baseline(story);
    let all: Vec<f64> = finite.iter().copied().chain(baseline).collect();
    let low = all.iter().copied().fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low >= high || finite.is_empty() {
        return String::new();
    }
    let margin = 0.04 * (high - low);
    let mut svg = chart(story, baseline, "linear", low - margin, high + margin, |loss| loss);
    if low > 0.0 {
        svg += &chart(story, baseline, "ratio", (low * 0.96).ln(), (high * 1.04).ln(), f64::ln);
    }
    svg
}

/// PCA's error, where the loss is the same quantity.
fn baseline(story: &ReportContent) -> Option<f64> {
    use crate::kernels::loss::ReconstructionLoss;
    use crate::model::ModelKind;
    let spec = &story.spec;
    let same = spec.objective.loss == ReconstructionLoss::Mse
        && !spec.sums_over_values()
        && spec.model.kind == ModelKind::Autoencoder
        && !spec.corruption.is_active();
    story.pca.as_ref().filter(|_| same).map(|pca| pca.mse)
}

fn chart(
    story: &ReportContent,
    baseline: Option<f64>,
    class: &str,
    low: f64,
    high: f64,
    scale: impl Fn(f64) -> f64,
) -> String {
    let (plot_width, plot_height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let first = story.epochs.first().map_or(1.0, |epoch| f64::from(epoch.epoch));
    let last = story.epochs.last().map_or(2.0, |epoch| f64::from(epoch.epoch));
    let x = |epoch: f64| LEFT + (epoch - first) / (last - first).max(1e-9) * plot_width;
    let y = |loss: f64| TOP + (high - scale(loss)) / (high - low) * plot_height;
    let mut svg = format!(
        "<svg class=\"chart {class}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Loss over epochs, {class} scale\">"
    );
    let ratio = class == "ratio";
    let lines: Vec<f64> = match ratio {
        true => (-9..9)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|unit| unit * 10_f64.powi(power)))
            .filter(|loss| (low..=high).contains(&loss.ln()))
            .collect(),
        false => style::ticks(low, high, 5),
    };
    let step = lines.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    for loss in lines {
        let at = y(loss);
        let name = if ratio { loss.to_string() } else { style::tick_label(loss, step) };
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{name}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    for epoch in style::ticks(first, last, 8).into_iter().filter(|epoch| epoch.fract() == 0.0) {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{epoch:.0}</text>",
            x(epoch),
            HEIGHT - BOTTOM + 18.0
        );
    }
    let per_epoch = story.epochs.last().map_or(1.0, |epoch| epoch.step as f64 / f64::from(epoch.epoch.max(1)));
    for edit in &story.spec.edits {
        let at = x((edit.step as f64 / per_epoch).max(first));
        let _ = write!(
            svg,
            "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}\
             </text>",
            HEIGHT - BOTTOM,
            at + 4.0,
            TOP + 10.0,
            escape(&story.spec.edit_words(edit))
        );
    }
    // Names at the ends of their lines, apart from each other.
    let mut taken: Vec<f64> = Vec::new();
    let mut name = |svg: &mut String, class: &str, words: &str, at: f64| {
        let mut at = at;
        while taken.iter().any(|other: &f64| (other - at).abs() < 14.0) {
            at += 14.0;
        }
        taken.push(at);
        let _ = write!(
            svg,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{words}</text>",
            WIDTH - RIGHT + 8.0,
            at + 4.0
        );
    };
    if let Some(loss) = baseline {
        let at = y(loss);
        let _ = write!(
            svg,
            "<line class=\"pca\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
            WIDTH - RIGHT
        );
        name(&mut svg, "pca", &format!("PCA {}", style::figure(loss)), at);
    }
    for (class, of) in [
        ("train", (|epoch| epoch.train_loss) as fn(&crate::train::EpochReport) -> f64),
        ("validation", |epoch| epoch.validation_loss),
    ] {
        let known: Vec<(f64, f64)> = story
            .epochs
            .iter()
            .map(|epoch| (f64::from(epoch.epoch), of(epoch)))
            .filter(|(_, loss)| loss.is_finite())
            .collect();
        let points: Vec<String> =
            known.iter().map(|&(epoch, loss)| format!("{:.1},{:.1}", x(epoch), y(loss))).collect();
        let _ = write!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
        if let Some(&(_, loss)) = known.last() {
            name(&mut svg, class, &format!("{class} {}", style::figure(loss)), y(loss));
        }
    }
    let best = story.epochs.iter().filter(|epoch| epoch.validation_loss.is_finite());
    if let Some(best) = best.min_by(|a, b| a.validation_loss.total_cmp(&b.validation_loss)) {
        let (bx, by) = (x(f64::from(best.epoch)), y(best.validation_loss));
        let _ = write!(
            svg,
            "<circle class=\"best\" cx=\"{bx:.1}\" cy=\"{by:.1}\" r=\"4\"><title>best: epoch {}</title></circle>",
            best.epoch
        );
    }
    svg + "</svg>"
}

/// Held-out rows by their codes, each class in its color.
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
        "<svg class=\"map\" viewBox=\"0 0 480 480\" role=\"img\" aria-label=\"Held-out rows by their codes\">",
    );
    for (at, point) in points.iter().enumerate() {
        let (x, y) = (240.0 + (point[0] - cx) / half * 236.0, 240.0 - (point[1] - cy) / half * 236.0);
        let label = story.map.labels.get(at).map_or(0, |&label| usize::from(label));
        let class = if story.map.labels.is_empty() { 9 } else { label % LABELS.len() };
        let _ = write!(svg, "<circle class=\"l{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\" data-i=\"{at}\"/>");
    }
    svg + "</svg>"
}
