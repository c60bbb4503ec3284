//! Summary picture of a run: its curves, held-out pairs, and the map of its latents.

use std::path::Path;

use crate::monitor::{DataSummary, LatentMap, Pairs, Snapshot};
use crate::plot::{Align, Area, AxisScale, Canvas, PictureError, map_view};
use crate::style;
use crate::style::{DARK, LABELS};

const WIDTH: u32 = 1400;
const HEIGHT: u32 = 832;
/// Share of the train curve that each point of its smooth line averages.
const SMOOTHING: f64 = 0.02;

/// Draws `snapshot` to a PNG of 1400 x 832 pixels at `path`.
pub fn draw_run(snapshot: &Snapshot, path: &Path) -> Result<(), PictureError> {
    let mut canvas = Canvas::new(WIDTH, HEIGHT)?;
    canvas.fill_rect(Area { x: 0.0, y: 0.0, w: WIDTH as f32, h: HEIGHT as f32 }, DARK.background, 0.0);
    let name = snapshot.run.preset.as_deref().unwrap_or("run");
    let wide = canvas.text(32.0, 40.0, style::size::NAME * 1.2, "Hourglass", DARK.text, true, Align::Left);
    let title = format!("{}, {name}", snapshot.run.data.name);
    canvas.text(46.0 + wide, 40.0, style::size::TEXT, &title, DARK.muted, false, Align::Left);
    if let Some(device) = &snapshot.run.device {
        let right =
            format!("{device}, {} samples/s", style::grouped(snapshot.progress.samples_per_second.round() as u64));
        canvas.text(WIDTH as f32 - 32.0, 40.0, style::size::TEXT, &right, DARK.muted, false, Align::Right);
    }
    let curve = Area { x: 24.0, y: 64.0, w: 820.0, h: 420.0 };
    let pairs = Area { x: 24.0, y: 500.0, w: 820.0, h: 308.0 };
    let map = Area { x: 860.0, y: 64.0, w: 516.0, h: 744.0 };
    for card in [curve, pairs, map] {
        canvas.fill_rect(card, DARK.line, 10.0);
        canvas.fill_rect(card.shrunk(1.0), DARK.panel, 9.0);
    }
    draw_curves(&mut canvas, curve.shrunk(20.0), snapshot);
    draw_pairs(&mut canvas, pairs.shrunk(20.0), &snapshot.run.data, &snapshot.pairs);
    draw_map(&mut canvas, map.shrunk(20.0), &snapshot.map);
    canvas.save(path)
}

fn draw_curves(canvas: &mut Canvas, area: Area, snapshot: &Snapshot) {
    let loss = snapshot.run.spec.as_ref().map_or("loss", |spec| spec.objective_title());
    let width = canvas.text(area.x, area.y + 14.0, style::size::TEXT, loss, DARK.text, true, Align::Left);
    canvas.text(area.x + width + 10.0, area.y + 14.0, style::size::SECOND, "by epoch", DARK.muted, false, Align::Left);
    let right = area.x + area.w;
    let validation = snapshot.curves.validation.last().map(|p| style::figure(f64::from(p[1])));
    let mut pen = right;
    if let Some(value) = validation {
        pen -= canvas.text(
            pen,
            area.y + 14.0,
            style::size::TEXT,
            &format!("validation {value}"),
            DARK.second,
            true,
            Align::Right,
        ) + 18.0;
    }
    if let Some(point) = snapshot.curves.train.last() {
        let text = format!("train {}", style::figure(f64::from(point[1])));
        canvas.text(pen, area.y + 14.0, style::size::TEXT, &text, DARK.accent, true, Align::Right);
    }
    let plot = Area { x: area.x + 64.0, y: area.y + 40.0, w: area.w - 72.0, h: area.h - 72.0 };
    let end = snapshot.curves.train.last().map_or(1.0, |point| f64::from(point[0])).max(1e-6);
    if let Some(chart) = snapshot.loss_curves(SMOOTHING, AxisScale::Even, end).chart(plot) {
        canvas.draw(&chart.shapes(plot), &DARK, DARK.panel);
    }
}

fn draw_pairs(canvas: &mut Canvas, area: Area, data: &DataSummary, pairs: &Pairs) {
    let title = held_out_title(data);
    canvas.text(area.x, area.y + 14.0, style::size::TEXT, &title, DARK.text, true, Align::Left);
    let count = pairs.count();
    if count == 0 {
        return;
    }
    let view = pairs.view();
    let names: Vec<(usize, &str)> = ["Input", "Noisy input", "Output", "Error"]
        .into_iter()
        .enumerate()
        .filter(|&(which, _)| which != 1 || pairs.corrupted())
        .collect();
    let label_width = 78.0;
    let lines = names.len() as f32;
    let side = ((area.w - label_width) / count as f32).min((area.h - 40.0) / lines - 10.0);
    for (row, (which, name)) in names.into_iter().enumerate() {
        let top = area.y + 36.0 + row as f32 * (side + 12.0);
        canvas.text(area.x, top + side / 2.0 + 5.0, style::size::SECOND, name, DARK.muted, false, Align::Left);
        for item in 0..count {
            let raster = pairs.raster(&view, which, item, &DARK);
            let target = Area { x: area.x + label_width + item as f32 * side, y: top, w: side, h: side };
            canvas.image(target, raster.side, raster.side, |px, py| raster.pixels[py * raster.side + px]);
        }
    }
}

/// Returns the heading of the held-out rows of `data`.
pub fn held_out_title(data: &DataSummary) -> String {
    format!("Held-out {}", data.noun())
}

fn draw_map(canvas: &mut Canvas, area: Area, map: &LatentMap) {
    let width = canvas.text(area.x, area.y + 14.0, style::size::TEXT, "Latent map", DARK.text, true, Align::Left);
    let second = format!(
        "{} held-out rows{}",
        style::grouped(map.points.len() as u64),
        if map.projected { ", PCA to two dimensions" } else { "" }
    );
    canvas.text(area.x + width + 10.0, area.y + 14.0, style::size::SECOND, &second, DARK.muted, false, Align::Left);
    let plot = Area { x: area.x, y: area.y + 36.0, w: area.w, h: area.h - 84.0 };
    let Some(view) = map_view(&map.points) else { return };
    let scale = (plot.w / (2.0 * view.half[0])).min(plot.h / (2.0 * view.half[1]));
    let (cx, cy) = (plot.x + plot.w / 2.0, plot.y + plot.h / 2.0);
    for (i, p) in map.points.iter().enumerate() {
        let (x, y) = (cx + (p[0] - view.center[0]) * scale, cy - (p[1] - view.center[1]) * scale);
        if x < plot.x || x > plot.x + plot.w || y < plot.y || y > plot.y + plot.h {
            continue;
        }
        let color = map.labels.get(i).map_or(DARK.accent, |&label| LABELS[usize::from(label) % LABELS.len()]);
        canvas.dot(x, y, 2.4, color, 0.75);
    }
    let classes = map.labels.iter().copied().max().map_or(0, |highest| usize::from(highest) + 1).min(LABELS.len());
    for (label, color) in LABELS.into_iter().enumerate().take(classes) {
        let x = area.x + label as f32 * area.w / classes as f32;
        let y = area.y + area.h - 14.0;
        canvas.dot(x + 5.0, y - 5.0, 5.0, color, 1.0);
        canvas.text(x + 16.0, y, style::size::SECOND, &label.to_string(), DARK.muted, false, Align::Left);
    }
}
