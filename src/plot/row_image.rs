//! Rows as small square pictures: pictures as they are, rows of other numbers as curves. The window, the picture of a
//! run and the contact sheet show the same.

use crate::style::{Ink, Rgb, heat};

/// Pixels on a side of the picture of a curve.
const CURVE: usize = 112;

/// Square picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Width and height in pixels.
    pub side: usize,
    /// Colors `[side * side]`, line after line from the top.
    pub pixels: Vec<Rgb>,
}

/// Rendering of the rows of one data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowView {
    /// Height, width and channels of rows that are pictures; `None` for rows drawn as curves.
    image: Option<[usize; 3]>,
    /// Values of black and of white, or of the lower and the upper edge.
    range: [f32; 2],
}

impl RowView {
    /// Returns the rendering of rows like `values`. Those of pictures in 0..1 are shown on that scale; others fill the
    /// range of `values`.
    pub fn new(image: Option<[usize; 3]>, values: &[f32]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
        let in_unit = low >= 0.0 && high <= 1.0;
        let range = match image.is_some() && in_unit || low >= high {
            true => [0.0, 1.0],
            false => [low, high],
        };
        Self { image, range }
    }

    /// Side in pixels of the pictures: the longer side of an image, 112 for curves.
    pub fn side(&self) -> usize {
        self.image.map_or(CURVE, |[height, width, _]| height.max(width))
    }

    /// Scales `value` by the range to 0..1.
    fn level(&self, value: f32) -> f32 {
        ((value - self.range[0]) / (self.range[1] - self.range[0])).clamp(0.0, 1.0)
    }

    /// Draws a row, over a fainter curve of `under` where rows are curves.
    pub fn draw(&self, values: &[f32], under: Option<&[f32]>, ink: Ink) -> Raster {
        let Some([.., channels]) = self.image else {
            let mut raster = Raster { side: CURVE, pixels: vec![ink.paper; CURVE * CURVE] };
            for (values, color) in under.map(|under| (under, ink.under)).into_iter().chain([(values, ink.line)]) {
                self.curve(&mut raster, values, color);
            }
            return raster;
        };
        self.picture(|at| {
            let byte = |channel: usize| (self.level(values[at + channel]) * 255.0).round() as u8;
            if channels < 3 { Rgb(byte(0), byte(0), byte(0)) } else { Rgb(byte(0), byte(1), byte(2)) }
        })
    }

    /// Draws the absolute error of two rows in heat colors: dark is near.
    pub fn error(&self, values: &[f32], wanted: &[f32], ink: Ink) -> Raster {
        let span = self.range[1] - self.range[0];
        let Some([.., channels]) = self.image else {
            // As bars from below: each as high as the error, and as hot.
            let mut raster = Raster { side: CURVE, pixels: vec![ink.paper; CURVE * CURVE] };
            for x in 0..CURVE {
                let at = (x * values.len() / CURVE).min(values.len().saturating_sub(1));
                let error = ((values[at] - wanted[at]).abs() / span).clamp(0.0, 1.0);
                let height = (error * (CURVE - 1) as f32).round() as usize;
                for y in CURVE - height..CURVE {
                    raster.pixels[y * CURVE + x] = heat(error.max(0.3));
                }
            }
            return raster;
        };
        self.picture(|at| {
            heat((0..channels).map(|c| (values[at + c] - wanted[at + c]).abs() / span).fold(0.0, f32::max))
        })
    }

    /// Draws a picture in the middle of a square, with the color `color(at)` of the pixel at value `at` of the row.
    fn picture(&self, color: impl Fn(usize) -> Rgb) -> Raster {
        let [height, width, channels] = self.image.unwrap_or([1, 1, 1]);
        let side = height.max(width);
        let (top, left) = ((side - height) / 2, (side - width) / 2);
        let mut pixels = vec![Rgb(0, 0, 0); side * side];
        for y in 0..height {
            for x in 0..width {
                pixels[(top + y) * side + left + x] = color((y * width + x) * channels);
            }
        }
        Raster { side, pixels }
    }

    fn curve(&self, raster: &mut Raster, values: &[f32], color: Rgb) {
        const MARGIN: usize = 6;
        if values.is_empty() {
            return;
        }
        let height = |x: usize| {
            let value = values[(x * values.len() / CURVE).min(values.len() - 1)];
            MARGIN + ((1.0 - self.level(value)) * (CURVE - 1 - 2 * MARGIN) as f32).round() as usize
        };
        for x in 0..CURVE {
            let (from, to) = (height(x.saturating_sub(1)), height(x));
            // Two pixels thick: a line of one is lost when it is made smaller.
            for y in from.min(to)..=(from.max(to) + 1).min(CURVE - 1) {
                raster.pixels[y * CURVE + x] = color;
            }
        }
    }
}
