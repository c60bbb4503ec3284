//! One picture of what a run learned: its curves, held-out pairs, and the map of its latents.

use std::path::Path;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};
use tiny_skia::{
    Color, FillRule, Mask, Paint, Path as Outline, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke, StrokeDash,
    Transform,
};

use crate::model::{ModelFileError, write_whole};
use crate::style::{self, DARK, FONT_REGULAR, FONT_SEMIBOLD, LABELS, Rgb};
use crate::train::{DataSummary, LatentMap, Pairs, Snapshot};

#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("the picture could not be drawn, {0}, this is a defect of the program")]
    Draw(String),
    #[error(transparent)]
    File(#[from] ModelFileError),
}

const WIDTH: u32 = 1400;
const HEIGHT: u32 = 832;
/// Type is this much larger than in the window: a picture is often looked at smaller than it is.
const SCALE: f32 = 1.25;

/// Draws `snapshot` to a PNG at `path`.
pub fn draw_run(snapshot: &Snapshot, path: &Path) -> Result<(), PictureError> {
    let mut canvas = Canvas::new(WIDTH, HEIGHT)?;
    canvas.fill_rect(Area { x: 0.0, y: 0.0, w: WIDTH as f32, h: HEIGHT as f32 }, DARK.background, 0.0);
    let name = snapshot.preset.as_deref().unwrap_or("run");
    let wide = canvas.text(32.0, 40.0, style::size::NAME * 1.2, "Hourglass", DARK.text, true, Align::Left);
    let title = format!("{}, {name}", snapshot.data.name);
    canvas.text(46.0 + wide, 40.0, style::size::TEXT, &title, DARK.muted, false, Align::Left);
    if let Some(device) = &snapshot.device {
        let right = format!("{device}, {} samples/s", style::grouped(snapshot.samples_per_second.round() as u64));
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
    draw_pairs(&mut canvas, pairs.shrunk(20.0), &snapshot.data, &snapshot.pairs);
    draw_map(&mut canvas, map.shrunk(20.0), &snapshot.map);
    let png = canvas.pixmap.encode_png().map_err(|error| PictureError::Draw(error.to_string()))?;
    Ok(write_whole(path, &png)?)
}

#[derive(Clone, Copy)]
pub(super) struct Area {
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

impl Area {
    fn shrunk(self, by: f32) -> Self {
        Self { x: self.x + by, y: self.y + by, w: self.w - 2.0 * by, h: self.h - 2.0 * by }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

pub(super) struct Canvas {
    pub pixmap: Pixmap,
    regular: FontRef<'static>,
    semibold: FontRef<'static>,
}

fn paint(colour: Rgb, alpha: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    let channel = |value: u8| f32::from(value) / 255.0;
    let colour = Color::from_rgba(channel(colour.0), channel(colour.1), channel(colour.2), alpha.clamp(0.0, 1.0));
    paint.set_color(colour.unwrap_or(Color::BLACK));
    paint.anti_alias = true;
    paint
}

impl Canvas {
    pub fn new(width: u32, height: u32) -> Result<Self, PictureError> {
        let font = |bytes| FontRef::try_from_slice(bytes).map_err(|error| PictureError::Draw(error.to_string()));
        Ok(Self {
            pixmap: Pixmap::new(width, height).ok_or_else(|| PictureError::Draw("no canvas".to_owned()))?,
            regular: font(FONT_REGULAR)?,
            semibold: font(FONT_SEMIBOLD)?,
        })
    }

    pub fn fill_rect(&mut self, area: Area, colour: Rgb, radius: f32) {
        let Some(outline) = rounded(area, radius) else { return };
        self.pixmap.fill_path(&outline, &paint(colour, 1.0), FillRule::Winding, Transform::identity(), None);
    }

    pub fn line(
        &mut self,
        points: &[(f32, f32)],
        colour: Rgb,
        width: f32,
        alpha: f32,
        dashed: bool,
        mask: Option<&Mask>,
    ) {
        let mut builder = PathBuilder::new();
        for (i, &(x, y)) in points.iter().enumerate() {
            if i == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
        }
        let Some(outline) = builder.finish() else { return };
        let stroke = Stroke {
            width,
            line_cap: tiny_skia::LineCap::Round,
            line_join: tiny_skia::LineJoin::Round,
            dash: if dashed { StrokeDash::new(vec![4.0, 4.0], 0.0) } else { None },
            ..Stroke::default()
        };
        self.pixmap.stroke_path(&outline, &paint(colour, alpha), &stroke, Transform::identity(), mask);
    }

    pub fn dot(&mut self, x: f32, y: f32, radius: f32, colour: Rgb, alpha: f32) {
        let Some(outline) = PathBuilder::from_circle(x, y, radius) else { return };
        self.pixmap.fill_path(&outline, &paint(colour, alpha), FillRule::Winding, Transform::identity(), None);
    }

    /// Text with its baseline at `y`; gives its width.
    #[expect(clippy::too_many_arguments, reason = "a line of text has that many properties")]
    pub fn text(&mut self, x: f32, y: f32, size: f32, text: &str, colour: Rgb, bold: bool, align: Align) -> f32 {
        let font = if bold { &self.semibold } else { &self.regular };
        // A design size is the em; the font's scale is ascent to descent.
        let em = font.units_per_em().unwrap_or(1000.0);
        let px = size * SCALE * font.height_unscaled() / em;
        let scaled = font.as_scaled(PxScale::from(px));
        let width: f32 = text.chars().map(|c| scaled.h_advance(font.glyph_id(c))).sum();
        let mut pen = match align {
            Align::Left => x,
            Align::Centre => x - width / 2.0,
            Align::Right => x - width,
        };
        let stride = self.pixmap.width() as usize;
        let rows = self.pixmap.height() as usize;
        let pixels = self.pixmap.pixels_mut();
        for c in text.chars() {
            let id = font.glyph_id(c);
            let glyph = id.with_scale_and_position(PxScale::from(px), point(pen, y));
            pen += scaled.h_advance(id);
            let Some(outlined) = font.outline_glyph(glyph) else { continue };
            let bounds = outlined.px_bounds();
            outlined.draw(|gx, gy, coverage| {
                let (px, py) = (bounds.min.x as i64 + i64::from(gx), bounds.min.y as i64 + i64::from(gy));
                let (Ok(px), Ok(py)) = (usize::try_from(px), usize::try_from(py)) else { return };
                if px >= stride || py >= rows {
                    return;
                }
                let under = &mut pixels[py * stride + px];
                let mix = |below: u8, above: u8| {
                    (f32::from(below) + coverage.min(1.0) * (f32::from(above) - f32::from(below))).round() as u8
                };
                let mixed = tiny_skia::PremultipliedColorU8::from_rgba(
                    mix(under.red(), colour.0),
                    mix(under.green(), colour.1),
                    mix(under.blue(), colour.2),
                    255,
                );
                *under = mixed.unwrap_or(*under);
            });
        }
        width
    }

    /// A picture of `width` x `height` colours, each pixel a sharp square, into `area`.
    fn image(&mut self, area: Area, width: usize, height: usize, colour: impl Fn(usize, usize) -> Rgb) {
        let Some(mut image) = Pixmap::new(width as u32, height as u32) else { return };
        for (i, pixel) in image.pixels_mut().iter_mut().enumerate() {
            let Rgb(r, g, b) = colour(i % width, i / width);
            *pixel = tiny_skia::PremultipliedColorU8::from_rgba(r, g, b, 255).unwrap_or(*pixel);
        }
        let scale = Transform::from_row(area.w / width as f32, 0.0, 0.0, area.h / height as f32, area.x, area.y);
        let sharp = PixmapPaint { quality: tiny_skia::FilterQuality::Nearest, ..PixmapPaint::default() };
        self.pixmap.draw_pixmap(0, 0, image.as_ref(), &sharp, scale, None);
    }
}

fn rounded(area: Area, r: f32) -> Option<Outline> {
    let rect = Rect::from_xywh(area.x, area.y, area.w, area.h)?;
    if r <= 0.0 {
        return Some(PathBuilder::from_rect(rect));
    }
    let (left, top, right, bottom) = (rect.left(), rect.top(), rect.right(), rect.bottom());
    let mut b = PathBuilder::new();
    b.move_to(left + r, top);
    b.line_to(right - r, top);
    b.quad_to(right, top, right, top + r);
    b.line_to(right, bottom - r);
    b.quad_to(right, bottom, right - r, bottom);
    b.line_to(left + r, bottom);
    b.quad_to(left, bottom, left, bottom - r);
    b.line_to(left, top + r);
    b.quad_to(left, top, left + r, top);
    b.close();
    b.finish()
}

fn draw_curves(canvas: &mut Canvas, area: Area, snapshot: &Snapshot) {
    let loss = snapshot.spec.as_ref().map_or("loss", |spec| spec.objective_title());
    let width = canvas.text(area.x, area.y + 14.0, style::size::TEXT, loss, DARK.text, true, Align::Left);
    canvas.text(area.x + width + 10.0, area.y + 14.0, style::size::SECOND, "by epoch", DARK.muted, false, Align::Left);
    let right = area.x + area.w;
    let validation = snapshot.validation_curve.last().map(|p| style::figure(f64::from(p[1])));
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
    if let Some(point) = snapshot.train_curve.last() {
        let text = format!("train {}", style::figure(f64::from(point[1])));
        canvas.text(pen, area.y + 14.0, style::size::TEXT, &text, DARK.accent, true, Align::Right);
    }
    let plot = Area { x: area.x + 64.0, y: area.y + 40.0, w: area.w - 72.0, h: area.h - 72.0 };
    let train = &snapshot.train_curve;
    let smoothed = smooth(train);
    let Some((low, high)) = curve_range(&smoothed, &snapshot.validation_curve) else { return };
    let end = train.last().map_or(1.0, |p| p[0]).max(1e-6);
    let x = |epoch: f32| plot.x + epoch / end * plot.w;
    let y = |loss: f32| plot.y + plot.h * (1.0 - ((f64::from(loss) - low) / (high - low)) as f32);
    let lines = style::ticks(low, high, 6);
    let step = if lines.len() > 1 { lines[1] - lines[0] } else { high - low };
    for &value in &lines {
        let at = y(value as f32);
        canvas.line(&[(plot.x, at), (plot.x + plot.w, at)], DARK.line, 1.0, 1.0, false, None);
        let label = style::tick_label(value, step);
        canvas.text(plot.x - 10.0, at + 5.0, style::size::AXIS, &label, DARK.muted, false, Align::Right);
    }
    for value in style::ticks(0.0, f64::from(end), 10) {
        if value.fract() != 0.0 {
            continue;
        }
        let at = x(value as f32);
        canvas.text(
            at,
            plot.y + plot.h + 22.0,
            style::size::AXIS,
            &format!("{value:.0}"),
            DARK.muted,
            false,
            Align::Centre,
        );
    }
    let mut mask = Mask::new(WIDTH, HEIGHT);
    if let (Some(mask), Some(rect)) = (&mut mask, Rect::from_xywh(plot.x, plot.y, plot.w, plot.h)) {
        mask.fill_path(&PathBuilder::from_rect(rect), FillRule::Winding, false, Transform::identity());
    }
    let place = |points: &[[f32; 2]]| points.iter().map(|p| (x(p[0]), y(p[1]))).collect::<Vec<_>>();
    canvas.line(&place(train), DARK.accent, 1.0, 0.35, false, mask.as_ref());
    canvas.line(&place(&smoothed), DARK.accent, 2.0, 1.0, false, mask.as_ref());
    let validation = place(&snapshot.validation_curve);
    canvas.line(&validation, DARK.second, 2.0, 1.0, false, None);
    for (vx, vy) in validation {
        canvas.dot(vx, vy, 3.5, DARK.second, 1.0);
    }
    for edit in &snapshot.edits {
        let at = x(edit.step as f32 / snapshot.steps_per_epoch.max(1) as f32);
        canvas.line(&[(at, plot.y), (at, plot.y + plot.h)], DARK.muted, 1.0, 1.0, true, None);
    }
}

/// Running mean over a fiftieth of the curve.
pub fn smooth(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let window = (points.len() / 50).max(1);
    let mut sum = 0.0;
    points
        .iter()
        .enumerate()
        .map(|(i, p)| {
            sum += f64::from(p[1]);
            if i >= window {
                sum -= f64::from(points[i - window][1]);
            }
            [p[0], (sum / (i + 1).min(window) as f64) as f32]
        })
        .collect()
}

/// What the y axis shows: everything after the first steep fall.
pub fn curve_range(smoothed: &[[f32; 2]], validation: &[[f32; 2]]) -> Option<(f64, f64)> {
    let skip = smoothed.len() / 25;
    let values = smoothed.iter().skip(skip).chain(validation).map(|p| f64::from(p[1])).filter(|v| v.is_finite());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values {
        low = low.min(value);
        high = high.max(value);
    }
    if !low.is_finite() {
        return None;
    }
    let margin = ((high - low) * 0.08).max(high.abs() * 1e-3).max(1e-9);
    Some((low - margin, high + margin))
}

fn draw_pairs(canvas: &mut Canvas, area: Area, data: &DataSummary, pairs: &Pairs) {
    let title = held_out_title(data);
    canvas.text(area.x, area.y + 14.0, style::size::TEXT, title, DARK.text, true, Align::Left);
    let count = pairs.count();
    if count == 0 {
        return;
    }
    let view = pairs.view();
    let names: Vec<(usize, &str)> = ["Input", "Seen", "Output", "Error"]
        .into_iter()
        .enumerate()
        .filter(|&(which, _)| which != 1 || pairs.corrupted())
        .collect();
    let label_width = 70.0;
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

/// What held-out rows are called above them.
pub fn held_out_title(data: &DataSummary) -> &'static str {
    match data.image {
        _ if data.name == "digits" => "Held-out digits",
        Some(_) => "Held-out pictures",
        None => "Held-out rows",
    }
}

fn draw_map(canvas: &mut Canvas, area: Area, map: &LatentMap) {
    let width = canvas.text(area.x, area.y + 14.0, style::size::TEXT, "Latent map", DARK.text, true, Align::Left);
    let second = format!(
        "{} held-out rows{}",
        style::grouped(map.points.len() as u64),
        if map.projected { ", two main components" } else { "" }
    );
    canvas.text(area.x + width + 10.0, area.y + 14.0, style::size::SECOND, &second, DARK.muted, false, Align::Left);
    let plot = Area { x: area.x, y: area.y + 36.0, w: area.w, h: area.h - 84.0 };
    let Some(view) = map_view(&map.points) else { return };
    let scale = (plot.w / (2.0 * view.half[0])).min(plot.h / (2.0 * view.half[1]));
    let (cx, cy) = (plot.x + plot.w / 2.0, plot.y + plot.h / 2.0);
    for (i, p) in map.points.iter().enumerate() {
        let (x, y) = (cx + (p[0] - view.centre[0]) * scale, cy - (p[1] - view.centre[1]) * scale);
        if x < plot.x || x > plot.x + plot.w || y < plot.y || y > plot.y + plot.h {
            continue;
        }
        let colour = map.labels.get(i).map_or(DARK.accent, |&label| LABELS[usize::from(label) % LABELS.len()]);
        canvas.dot(x, y, 2.4, colour, 0.75);
    }
    let classes = map.labels.iter().copied().max().map_or(0, |highest| usize::from(highest) + 1).min(LABELS.len());
    for (label, colour) in LABELS.into_iter().enumerate().take(classes) {
        let x = area.x + label as f32 * area.w / classes as f32;
        let y = area.y + area.h - 14.0;
        canvas.dot(x + 5.0, y - 5.0, 5.0, colour, 1.0);
        canvas.text(x + 16.0, y, style::size::SECOND, &label.to_string(), DARK.muted, false, Align::Left);
    }
}

/// The part of the plane that a map shows.
#[derive(Clone, Copy, Debug)]
pub struct MapView {
    pub centre: [f32; 2],
    pub half: [f32; 2],
}

/// Around the middle 99.5% of the points: a few strays must not shrink the rest to a dot.
pub fn map_view(points: &[[f32; 2]]) -> Option<MapView> {
    let bounds = |axis: usize| {
        let mut values: Vec<f32> = points.iter().map(|p| p[axis]).filter(|v| v.is_finite()).collect();
        if values.is_empty() {
            return None;
        }
        values.sort_by(f32::total_cmp);
        let cut = values.len() / 400;
        Some((values[cut], values[values.len() - 1 - cut]))
    };
    let ((x0, x1), (y0, y1)) = (bounds(0)?, bounds(1)?);
    let half = |low: f32, high: f32| ((high - low) / 2.0 * 1.08).max(1e-3);
    Some(MapView { centre: [(x0 + x1) / 2.0, (y0 + y1) / 2.0], half: [half(x0, x1), half(y0, y1)] })
}
