//! Plots of scores: their histogram, and the ROC and precision-recall curves of labeled rows.

use std::path::Path;

use super::histogram::{Histogram, LOWEST, PER_DECADE};
use super::scores::Scores;
use crate::metrics::operating_points;
use crate::model::ModelFileError;
use crate::platform::files;
use crate::plot::{
    Align, Area, AxisScale, Bar, Canvas, Chart, ChartAxis, Highlight, LineStyle, Marker, PictureError, Series, Ticks,
    Tone,
};
use crate::style;
use crate::style::DARK;
use crate::tasks::TaskError;

const SIDE: u32 = 760;
const PLOT: Area = Area { x: 84.0, y: 96.0, w: 636.0, h: 576.0 };

/// Draws the plots of the scores to `folder`; returns the paths of the files.
pub(super) fn draw_pictures(
    folder: &Path,
    scores: &Scores,
    histogram: &Histogram,
    values: &[f64],
    truth: &[bool],
) -> Result<Vec<String>, TaskError> {
    files::create_dir_all(folder)
        .map_err(|error| ModelFileError::Unwritable { path: folder.into(), problem: error.to_string() })?;
    let mut made = Vec::new();
    let mut save = |canvas: Canvas, name: &str| -> Result<(), PictureError> {
        let path = folder.join(name);
        canvas.save(&path)?;
        made.push(path.display().to_string());
        Ok(())
    };
    save(draw_histogram(scores, histogram)?, "scores.png")?;
    if let Some(area) = scores.roc_auc {
        let points = operating_points(values, truth);
        save(draw_roc(&points, area)?, "roc.png")?;
        save(draw_precision_recall(&points, scores)?, "precision-recall.png")?;
    }
    Ok(made)
}

fn page(title: &str, figure: &str) -> Result<Canvas, PictureError> {
    let mut canvas = Canvas::new(SIDE, SIDE)?;
    let side = SIDE as f32;
    canvas.fill_rect(Area { x: 0.0, y: 0.0, w: side, h: side }, DARK.background, 0.0);
    canvas.text(32.0, 48.0, style::size::NAME * 1.1, title, DARK.text, true, Align::Left);
    canvas.text(side - 40.0, 48.0, style::size::TEXT, figure, DARK.muted, false, Align::Right);
    Ok(canvas)
}

/// Builds an axis of shares from 0 to 1.
fn shares(title: &'static str) -> ChartAxis {
    let ticks = Ticks::At(vec![0.0, 0.25, 0.5, 0.75, 1.0]);
    ChartAxis { title, ..ChartAxis::new(AxisScale::Even, (0.0, 1.0), ticks) }
}

/// Builds a chart of shares with one curve.
fn curve(titles: [&'static str; 2], points: Vec<[f64; 2]>) -> Chart {
    let mut chart = Chart::new(shares(titles[0]), ChartAxis { has_lines: true, ..shares(titles[1]) });
    let style = LineStyle::solid(Tone::Accent, 3.0);
    chart.series.push(Series { name: String::new(), points, style, dots: 0.0 });
    chart
}

fn draw_roc(points: &[[f64; 2]], area: f64) -> Result<Canvas, PictureError> {
    let mut canvas = page("ROC curve", &format!("AUC {area:.4}"))?;
    let [positives, others] = points.last().copied().unwrap_or([1.0, 1.0]);
    let at = |&[found, alarms]: &[f64; 2]| [alarms / others, found / positives];
    let line = std::iter::once([0.0, 0.0]).chain(points.iter().map(at)).collect();
    let mut chart = curve(["false positive rate", "true positive rate"], line);
    let style = LineStyle { dashes: Some([4.0, 4.0]), ..LineStyle::solid(Tone::Faint, 1.5) };
    let chance = Series { name: String::new(), points: vec![[0.0, 0.0], [1.0, 1.0]], style, dots: 0.0 };
    chart.series.insert(0, chance);
    canvas.draw(&chart.shapes(PLOT), &DARK, DARK.background);
    Ok(canvas)
}

fn draw_precision_recall(points: &[[f64; 2]], scores: &Scores) -> Result<Canvas, PictureError> {
    let figure = format!("average precision {:.4}", scores.average_precision.unwrap_or(f64::NAN));
    let mut canvas = page("Precision and recall", &figure)?;
    let positives = points.last().map_or(1.0, |last| last[0]);
    let at = |&[found, alarms]: &[f64; 2]| [found / positives, found / (found + alarms).max(1.0)];
    let titles = ["recall", "precision"];
    let mut chart = curve(titles, points.iter().map(at).collect());
    chart.highlight = scores.recall.zip(scores.precision).map(|(recall, precision)| Highlight {
        at: [recall, precision],
        word: "threshold",
        title: String::new(),
        tone: Tone::Second,
    });
    canvas.draw(&chart.shapes(PLOT), &DARK, DARK.background);
    Ok(canvas)
}

fn draw_histogram(scores: &Scores, histogram: &Histogram) -> Result<Canvas, PictureError> {
    let rows = style::grouped(scores.rows);
    let mut canvas = page("Scores", &format!("{rows} rows, {} abnormal", style::grouped(scores.abnormal)))?;
    let used = |bin: &[u64; 2]| bin[0] + bin[1] > 0;
    let first = histogram.bins.iter().position(used).unwrap_or(0);
    let last = histogram.bins.iter().rposition(used).unwrap_or(histogram.bins.len() - 1);
    // The threshold is always within.
    let place = (scores.threshold.max(1e-300).log10() - f64::from(LOWEST)) * PER_DECADE as f64;
    let low = (first as f64).min(place.floor() - 1.0).max(0.0);
    let high = (last as f64 + 1.0).max(place.ceil() + 1.0).min(histogram.bins.len() as f64);
    let most = histogram.bins.iter().map(|bin| bin[0] + bin[1]).max().unwrap_or(1).max(1) as f64;
    let score = |bin: f64| 10_f64.powf(bin / PER_DECADE as f64 + f64::from(LOWEST));
    let mut chart = Chart::new(
        ChartAxis {
            title: "score (1 = average normal row)",
            ..ChartAxis::new(AxisScale::Ratio, (score(low), score(high)), Ticks::Powers)
        },
        ChartAxis {
            title: "rows (log scale)",
            has_lines: true,
            // Few abnormal rows are to be seen beside many normal ones.
            ..ChartAxis::new(AxisScale::Counts, (0.0, most), Ticks::Powers)
        },
    );
    let tones = if histogram.has_labels { [Tone::Second, Tone::Bad] } else { [Tone::Second, Tone::Second] };
    for (at, bin) in histogram.bins.iter().enumerate() {
        let (from, to) = (score(at as f64), score((at + 1) as f64));
        // The smaller one stands before the larger.
        let mut bars = [(bin[0], tones[0]), (bin[1], tones[1])];
        bars.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let seen = bars.into_iter().filter(|(count, _)| *count > 0);
        chart.bars.extend(seen.map(|(count, tone)| Bar { from, to, height: count as f64, tone, alpha: 1.0 }));
    }
    chart.markers.push(Marker {
        at: scores.threshold.clamp(score(low), score(high)),
        words: format!("threshold {}", style::figure(scores.threshold)),
        style: LineStyle::solid(Tone::Accent, 2.0),
    });
    canvas.draw(&chart.shapes(PLOT), &DARK, DARK.background);
    if histogram.has_labels {
        for (row, (color, name)) in
            [(DARK.second, "labeled normal"), (DARK.bad, "labeled abnormal")].into_iter().enumerate()
        {
            let y = PLOT.y + 24.0 + 26.0 * row as f32;
            let right = PLOT.x + PLOT.w - 12.0;
            let wide = canvas.text(right, y, style::size::SECOND, name, DARK.text, false, Align::Right);
            canvas.fill_rect(Area { x: right - wide - 22.0, y: y - 10.0, w: 12.0, h: 12.0 }, color, 2.0);
        }
    }
    Ok(canvas)
}
