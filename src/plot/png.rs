//! A canvas of shapes, lines and text in the colors and type of the window, saved as PNG.

use std::path::Path;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};
use tiny_skia::{
    Color, FillRule, Mask, Paint, Path as Outline, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke, StrokeDash,
    Transform,
};

use super::error::{PictureError, write_picture};
use crate::style::{FONT_REGULAR, FONT_SEMIBOLD, Rgb};

/// Type is this much larger than in the window: a picture is often looked at smaller than it is.
const SCALE: f32 = 1.25;

#[derive(Clone, Copy)]
pub(crate) struct Area {
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

impl Area {
    pub fn shrunk(self, by: f32) -> Self {
        Self { x: self.x + by, y: self.y + by, w: self.w - 2.0 * by, h: self.h - 2.0 * by }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

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

    /// Writes it as a PNG.
    pub fn save(&self, path: &Path) -> Result<(), PictureError> {
        let png = self.pixmap.encode_png().map_err(|error| PictureError::Draw(error.to_string()))?;
        write_picture(path, &png)
    }

    pub fn fill_rect(&mut self, area: Area, color: Rgb, radius: f32) {
        let Some(outline) = rounded(area, radius) else { return };
        self.pixmap.fill_path(&outline, &paint(color, 1.0), FillRule::Winding, Transform::identity(), None);
    }

    pub fn line(
        &mut self,
        points: &[(f32, f32)],
        color: Rgb,
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
        self.pixmap.stroke_path(&outline, &paint(color, alpha), &stroke, Transform::identity(), mask);
    }

    pub fn dot(&mut self, x: f32, y: f32, radius: f32, color: Rgb, alpha: f32) {
        let Some(outline) = PathBuilder::from_circle(x, y, radius) else { return };
        self.pixmap.fill_path(&outline, &paint(color, alpha), FillRule::Winding, Transform::identity(), None);
    }

    /// Text with its baseline at `y`; gives its width.
    #[expect(clippy::too_many_arguments, reason = "a line of text has that many properties")]
    pub fn text(&mut self, x: f32, y: f32, size: f32, text: &str, color: Rgb, bold: bool, align: Align) -> f32 {
        let font = if bold { &self.semibold } else { &self.regular };
        // A design size is the em; the font's scale is ascent to descent.
        let em = font.units_per_em().unwrap_or(1000.0);
        let px = size * SCALE * font.height_unscaled() / em;
        let scaled = font.as_scaled(PxScale::from(px));
        let width: f32 = text.chars().map(|c| scaled.h_advance(font.glyph_id(c))).sum();
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

    /// A picture of `width` x `height` colors, each pixel a sharp square, into `area`.
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
