//! A canvas of shapes, lines and text in the colors and type of the window, saved as PNG.

use std::path::Path;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};
use tiny_skia::{
    Color, FillRule, Paint, Path as Outline, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke, StrokeDash, Transform,
};

use super::error::{PictureError, write_picture};
use super::shapes::{Align, Area, LineStyle, PlotShape, VerticalAlign};
use crate::style::{FONT_REGULAR, FONT_SEMIBOLD, Palette, Rgb};

/// Scale of type against the window's: a picture is often viewed smaller than it is.
const SCALE: f32 = 1.25;

pub(crate) struct Canvas {
    pub pixmap: Pixmap,
    regular: FontRef<'static>,
    semibold: FontRef<'static>,
}

fn paint(color: Rgb, alpha: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    let channel = |value: u8| f32::from(value) / 255.0;
    let color = Color::from_rgba(channel(color.0), channel(color.1), channel(color.2), alpha.clamp(0.0, 1.0));
    paint.set_color(color.unwrap_or(Color::BLACK));
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

    /// Writes the canvas as a PNG.
    pub fn save(&self, path: &Path) -> Result<(), PictureError> {
        let png = self.pixmap.encode_png().map_err(|error| PictureError::Draw(error.to_string()))?;
        write_picture(path, &png)
    }

    /// Draws the shapes of a chart, the lowest first, on `paper`.
    pub fn draw(&mut self, shapes: &[PlotShape], palette: &Palette, paper: Rgb) {
        for shape in shapes {
            match shape {
                PlotShape::Line { points, style } => self.stroke(points, style, palette),
                PlotShape::Dot { center: [x, y], radius, tone } => self.dot(*x, *y, *radius, tone.of(palette), 1.0),
                PlotShape::Ring { center: [x, y], radius, tone, .. } => {
                    let Some(outline) = PathBuilder::from_circle(*x, *y, *radius) else { continue };
                    let stroke = Stroke { width: 1.5, ..Stroke::default() };
                    let paint = paint(tone.of(palette), 1.0);
                    self.pixmap.stroke_path(&outline, &paint, &stroke, Transform::identity(), None);
                }
                PlotShape::Bar { area, tone, alpha } => {
                    let Some(outline) = rounded(*area, 0.0) else { continue };
                    let paint = paint(tone.of(palette), *alpha);
                    self.pixmap.fill_path(&outline, &paint, FillRule::Winding, Transform::identity(), None);
                }
                PlotShape::Text { at: [x, y], align: (align, vertical), words, tone, size, is_backed } => {
                    let em = size * SCALE;
                    // From the place to the baseline.
                    let baseline = y + match vertical {
                        VerticalAlign::Top => 0.9 * em,
                        VerticalAlign::Middle => 0.36 * em,
                        VerticalAlign::Bottom => -0.25 * em,
                    };
                    if *is_backed {
                        let width = self.text_width(*size, words, false);
                        let left = match align {
                            Align::Left => *x,
                            Align::Center => x - width / 2.0,
                            Align::Right => x - width,
                        };
                        let behind = Area { x: left - 3.0, y: baseline - 0.9 * em, w: width + 6.0, h: 1.2 * em };
                        self.fill_rect(behind, paper, 3.0);
                    }
                    self.text(*x, baseline, *size, words, tone.of(palette), false, *align);
                }
            }
        }
    }

    fn stroke(&mut self, points: &[[f32; 2]], style: &LineStyle, palette: &Palette) {
        let mut builder = PathBuilder::new();
        for (i, &[x, y]) in points.iter().enumerate() {
            if i == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
        }
        let Some(outline) = builder.finish() else { return };
        let stroke = Stroke {
            width: style.width,
            line_cap: tiny_skia::LineCap::Round,
            line_join: tiny_skia::LineJoin::Round,
            dash: style.dashes.and_then(|dashes| StrokeDash::new(dashes.to_vec(), 0.0)),
            ..Stroke::default()
        };
        let paint = paint(style.tone.of(palette), style.alpha);
        self.pixmap.stroke_path(&outline, &paint, &stroke, Transform::identity(), None);
    }

    pub fn fill_rect(&mut self, area: Area, color: Rgb, radius: f32) {
        let Some(outline) = rounded(area, radius) else { return };
        self.pixmap.fill_path(&outline, &paint(color, 1.0), FillRule::Winding, Transform::identity(), None);
    }

    pub fn dot(&mut self, x: f32, y: f32, radius: f32, color: Rgb, alpha: f32) {
        let Some(outline) = PathBuilder::from_circle(x, y, radius) else { return };
        self.pixmap.fill_path(&outline, &paint(color, alpha), FillRule::Winding, Transform::identity(), None);
    }

    fn text_width(&self, size: f32, text: &str, bold: bool) -> f32 {
        let font = if bold { &self.semibold } else { &self.regular };
        let scaled = font.as_scaled(PxScale::from(pixels_high(font, size)));
        text.chars().map(|c| scaled.h_advance(font.glyph_id(c))).sum()
    }

    /// Draws text with its baseline at `y`; returns its width in pixels.
    #[expect(clippy::too_many_arguments, reason = "a line of text has that many properties")]
    pub fn text(&mut self, x: f32, y: f32, size: f32, text: &str, color: Rgb, bold: bool, align: Align) -> f32 {
        let width = self.text_width(size, text, bold);
        let font = if bold { &self.semibold } else { &self.regular };
        let px = pixels_high(font, size);
        let scaled = font.as_scaled(PxScale::from(px));
        let mut pen = match align {
            Align::Left => x,
            Align::Center => x - width / 2.0,
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
                    mix(under.red(), color.0),
                    mix(under.green(), color.1),
                    mix(under.blue(), color.2),
                    255,
                );
                *under = mixed.unwrap_or(*under);
            });
        }
        width
    }

    /// Draws a picture of `width` x `height` colors, each pixel a sharp square, into `area`.
    pub fn image(&mut self, area: Area, width: usize, height: usize, color: impl Fn(usize, usize) -> Rgb) {
        let Some(mut image) = Pixmap::new(width as u32, height as u32) else { return };
        for (i, pixel) in image.pixels_mut().iter_mut().enumerate() {
            let Rgb(r, g, b) = color(i % width, i / width);
            *pixel = tiny_skia::PremultipliedColorU8::from_rgba(r, g, b, 255).unwrap_or(*pixel);
        }
        let scale = Transform::from_row(area.w / width as f32, 0.0, 0.0, area.h / height as f32, area.x, area.y);
        let sharp = PixmapPaint { quality: tiny_skia::FilterQuality::Nearest, ..PixmapPaint::default() };
        self.pixmap.draw_pixmap(0, 0, image.as_ref(), &sharp, scale, None);
    }
}

/// Converts a design size, which is the em, to the font's scale, which is ascent to descent.
fn pixels_high(font: &FontRef<'_>, size: f32) -> f32 {
    size * SCALE * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0)
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
