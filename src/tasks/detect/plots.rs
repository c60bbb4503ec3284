//! Pictures of scores: their histogram, and how well they tell labeled rows apart.

use std::path::Path;

use super::histogram::{DECADES, Histogram, LOWEST, PER_DECADE};
use super::scores::Scores;
use crate::metrics::operating_points;
use crate::model::ModelFileError;
use crate::plot::{Align, Area, Canvas, PictureError};
use crate::style;
use crate::style::{DARK, Rgb};
use crate::train::TrainError;

const SIDE: u32 = 760;
const PLOT: Area = Area { x: 84.0, y: 96.0, w: 636.0, h: 576.0 };

/// Draws to `folder` what there is to draw; gives the names of the files.
pub(super) fn draw_pictures(
    folder: &Path,
    scores: &Scores,
    histogram: &Histogram,
    values: &[f64],
    truth: &[bool],
) -> Result<Vec<String>, TrainError> {
    std::fs::create_dir_all(folder)
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

/// Lines and names of an axis: `at` gives places from 0 to 1, with their names.
fn axes(canvas: &mut Canvas, x: &[(f32, String)], y: &[(f32, String)], names: (&str, &str)) {
    let bottom = PLOT.y + PLOT.h;
    for (at, name) in y {
        let line = bottom - at * PLOT.h;
        canvas.line(&[(PLOT.x, line), (PLOT.x + PLOT.w, line)], DARK.line, 1.0, 1.0, false, None);
        canvas.text(PLOT.x - 10.0, line + 5.0, style::size::SECOND, name, DARK.muted, false, Align::Right);
    }
    for (at, name) in x {
        canvas.text(PLOT.x + at * PLOT.w, bottom + 24.0, style::size::SECOND, name, DARK.muted, false, Align::Center);
    }
    canvas.text(PLOT.x + PLOT.w / 2.0, bottom + 56.0, style::size::TEXT, names.0, DARK.muted, false, Align::Center);
    canvas.text(PLOT.x, PLOT.y - 14.0, style::size::TEXT, names.1, DARK.muted, false, Align::Left);
}

fn shares() -> Vec<(f32, String)> {
    [0.0, 0.25, 0.5, 0.75, 1.0].into_iter().map(|at: f32| (at, format!("{at}"))).collect()
}

fn curve(canvas: &mut Canvas, points: &[(f64, f64)], color: Rgb) {
    let place = |&(x, y): &(f64, f64)| (PLOT.x + x as f32 * PLOT.w, PLOT.y + PLOT.h - y as f32 * PLOT.h);
    // No more points than can be seen.
    let step = (points.len() / 4000).max(1);
    let mut places: Vec<(f32, f32)> = points.iter().step_by(step).map(place).collect();
    places.extend(points.last().map(place));
    canvas.line(&places, color, 3.0, 1.0, false, None);
}

fn draw_roc(points: &[[f64; 2]], area: f64) -> Result<Canvas, PictureError> {
    let mut canvas = page("Receiver operating characteristic", &format!("area {area:.4}"))?;
    axes(&mut canvas, &shares(), &shares(), ("normal rows called abnormal", "abnormal rows found"));
    curve_of_chance(&mut canvas);
    let [positives, others] = points.last().copied().unwrap_or([1.0, 1.0]);
    let at = |&[found, alarms]: &[f64; 2]| (alarms / others, found / positives);
    let line: Vec<(f64, f64)> = std::iter::once((0.0, 0.0)).chain(points.iter().map(at)).collect();
    curve(&mut canvas, &line, DARK.accent);
    Ok(canvas)
}

fn curve_of_chance(canvas: &mut Canvas) {
    let ends = [(PLOT.x, PLOT.y + PLOT.h), (PLOT.x + PLOT.w, PLOT.y)];
    canvas.line(&ends, DARK.faint, 1.5, 1.0, true, None);
}

fn draw_precision_recall(points: &[[f64; 2]], scores: &Scores) -> Result<Canvas, PictureError> {
    let figure = format!("average precision {:.4}", scores.average_precision.unwrap_or(f64::NAN));
    let mut canvas = page("Precision and recall", &figure)?;
    axes(
        &mut canvas,
        &shares(),
        &shares(),
        ("abnormal rows found (recall)", "rows called abnormal that are (precision)"),
    );
    let positives = points.last().map_or(1.0, |last| last[0]);
    let at = |&[found, alarms]: &[f64; 2]| (found / positives, found / (found + alarms).max(1.0));
    let line: Vec<(f64, f64)> = points.iter().map(at).collect();
    curve(&mut canvas, &line, DARK.accent);
    if let (Some(precision), Some(recall)) = (scores.precision, scores.recall) {
        let (x, y) = (PLOT.x + recall as f32 * PLOT.w, PLOT.y + PLOT.h - precision as f32 * PLOT.h);
        canvas.dot(x, y, 8.0, DARK.background, 1.0);
        canvas.dot(x, y, 6.0, DARK.second, 1.0);
        canvas.text(x - 12.0, y + 24.0, style::size::SECOND, "threshold", DARK.second, false, Align::Right);
    }
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
    // Few abnormal rows are to be seen beside many normal ones.
    let height = |count: u64| ((1.0 + count as f64).ln() / (1.0 + most).ln()) as f32;
    let across = |bin: f64| ((bin - low) / (high - low)) as f32;
    let powers = (0..=DECADES).map(|decade| ((decade * PER_DECADE) as f64, LOWEST + decade as i32));
    let x: Vec<(f32, String)> = powers
        .filter(|(bin, _)| (low..=high).contains(bin))
        .map(|(bin, power)| (across(bin), format!("{}", 10_f64.powi(power))))
        .collect();
    let counts = (0..7).map(|power| 10_u64.pow(power)).take_while(|&count| count as f64 <= most);
    let y: Vec<(f32, String)> = counts.map(|count| (height(count), style::grouped(count))).collect();
    axes(&mut canvas, &x, &y, ("score (1 is usual)", "rows, logarithmic"));
    let width = (PLOT.w / (high - low) as f32 - 1.5).max(1.0);
    let bottom = PLOT.y + PLOT.h;
    for (at, bin) in histogram.bins.iter().enumerate() {
        let colors = if histogram.has_labels { [DARK.second, DARK.bad] } else { [DARK.second, DARK.second] };
        let left = PLOT.x + across(at as f64) * PLOT.w;
        // The smaller one stands before the larger.
        let mut bars = [(bin[0], colors[0]), (bin[1], colors[1])];
        bars.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        for (count, color) in bars.into_iter().filter(|(count, _)| *count > 0) {
            let h = height(count) * PLOT.h;
            canvas.fill_rect(Area { x: left, y: bottom - h, w: width, h }, color, 0.0);
        }
    }
    let line = PLOT.x + across(place.clamp(low, high)) * PLOT.w;
    canvas.line(&[(line, PLOT.y), (line, bottom)], DARK.accent, 2.0, 1.0, false, None);
    let name = format!("threshold {}", style::figure(scores.threshold));
    let align = if line > PLOT.x + PLOT.w * 0.7 { Align::Right } else { Align::Left };
    let beside = if matches!(align, Align::Right) { line - 8.0 } else { line + 8.0 };
    canvas.text(beside, PLOT.y + 14.0, style::size::SECOND, &name, DARK.accent, false, align);
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
