//! Thumbnails of data rows, drawn on a thread of their own: rows may have to be decoded from files, and no frame waits
//! for that.

use std::sync::Arc;

use egui::{Color32, ColorImage, Rect, TextureHandle, TextureOptions, Ui, pos2};

use super::theme::color;
use super::waker;
use crate::data::DataSet;
use crate::platform::Latest;
use crate::plot::{Raster, RowView};
use crate::style::Palette;

#[derive(Clone, Debug)]
struct ThumbnailRequest {
    data: Arc<DataSet>,
    rows: Vec<u32>,
    palette: &'static Palette,
}

impl PartialEq for ThumbnailRequest {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.data, &other.data) && self.rows == other.rows && self.palette.dark == other.palette.dark
    }
}

#[derive(Debug, Default)]
struct DrawnThumbnails {
    of: Option<ThumbnailRequest>,
    side: usize,
    pictures: Vec<Raster>,
}

/// Rows requested last, side by side in one texture.
#[derive(Default)]
pub(crate) struct Thumbnails {
    thread: Option<Latest<ThumbnailRequest, DrawnThumbnails>>,
    asked: Option<ThumbnailRequest>,
    shown: Option<Arc<DrawnThumbnails>>,
    texture: Option<TextureHandle>,
}

impl std::fmt::Debug for Thumbnails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Thumbs({:?})", self.asked.as_ref().map(|asked| asked.rows.len()))
    }
}

/// Draws the rows of a request.
fn draw(request: ThumbnailRequest) -> DrawnThumbnails {
    let data = Arc::clone(&request.data);
    let mut request = request;
    request.rows.retain(|&row| (row as usize) < data.rows);
    let rows: Vec<usize> = request.rows.iter().map(|&row| row as usize).collect();
    // Unreadable rows are not shown; the run reports the error.
    let values = data.chosen_f32(&rows).unwrap_or_default();
    let view = RowView::new(data.image.map(|image| [image.height, image.width, image.channels]), &values);
    let ink = request.palette.ink(request.palette.second);
    let rows = values.chunks_exact(data.features.max(1));
    let pictures: Vec<Raster> = rows.map(|row| shrunk(view.draw(row, None, ink))).collect();
    let side = pictures.first().map_or(1, |picture| picture.side);
    DrawnThumbnails { of: Some(request), side, pictures }
}

/// Shrinks a large picture, since all of them must fit one texture.
fn shrunk(raster: Raster) -> Raster {
    const MOST: usize = 128;
    let every = raster.side.div_ceil(MOST).max(1);
    let side = raster.side / every;
    let pixel = |i: usize| raster.pixels[(i / side * every) * raster.side + i % side * every];
    Raster { side, pixels: (0..side * side).map(pixel).collect() }
}

impl Thumbnails {
    /// Requests `rows`, which arrive some frames later; to be called in every frame that shows them.
    pub fn ask(&mut self, ui: &Ui, palette: &'static Palette, data: &Arc<DataSet>, rows: &[u32]) {
        let request = ThumbnailRequest { data: Arc::clone(data), rows: rows.to_vec(), palette };
        if self.asked.as_ref() != Some(&request) && !rows.is_empty() {
            if self.thread.is_none() {
                self.thread =
                    Latest::start("hourglass-rows", waker(ui.ctx()), |request, _: &DrawnThumbnails| draw(request));
            }
            if let Some(thread) = &self.thread {
                thread.ask(request.clone());
            }
            self.asked = Some(request);
        }
        let Some(made) = self.thread.as_ref().map(Latest::answer) else { return };
        if self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &made)) || made.pictures.is_empty() {
            return;
        }
        let (side, count) = (made.side, made.pictures.len());
        let mut pixels = vec![Color32::BLACK; count * side * side];
        for (item, raster) in made.pictures.iter().enumerate() {
            for (line, values) in raster.pixels.chunks_exact(side).enumerate() {
                let start = (line * count + item) * side;
                pixels[start..start + side].iter_mut().zip(values).for_each(|(pixel, &value)| *pixel = color(value));
            }
        }
        let picture = ColorImage::new([count * side, side], pixels);
        match &mut self.texture {
            Some(texture) => texture.set(picture, TextureOptions::NEAREST),
            None => self.texture = Some(ui.ctx().load_texture("rows", picture, TextureOptions::NEAREST)),
        }
        self.shown = Some(made);
    }

    /// Draws `row` into `rect`; returns false if it has not arrived.
    pub fn draw(&self, painter: &egui::Painter, row: u32, rect: Rect) -> bool {
        let (Some(shown), Some(texture)) = (&self.shown, &self.texture) else { return false };
        // Rows of other data may have the same numbers.
        let is_asked =
            |of: &&ThumbnailRequest| self.asked.as_ref().is_some_and(|asked| Arc::ptr_eq(&asked.data, &of.data));
        let Some(of) = shown.of.as_ref().filter(is_asked) else { return false };
        let count = shown.pictures.len();
        let Some(item) = of.rows.iter().take(count).position(|&other| other == row) else { return false };
        let part = |item: usize| item as f32 / count as f32;
        let uv = Rect::from_min_max(pos2(part(item), 0.0), pos2(part(item + 1), 1.0));
        painter.image(texture.id(), rect, uv, Color32::WHITE);
        true
    }
}
