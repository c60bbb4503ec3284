//! The latent map: held-out rows where the encoder puts them, coloured by label.
//!
//! It changes a few times a second at most and is looked at every frame, so it is drawn once into a texture.

use std::sync::Arc;

use egui::{Align2, Color32, ColorImage, Rect, TextureHandle, TextureOptions, Ui, pos2, vec2};

use super::theme::{colour, regular};
use super::widgets::card_title;
use crate::style::{self, LABELS, Palette, Rgb, size};
use crate::tasks::map_view;
use crate::train::{LatentMap, Snapshot};

#[derive(Default)]
pub(super) struct MapCard {
    drawn: Option<Drawn>,
    texture: Option<TextureHandle>,
}

impl std::fmt::Debug for MapCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MapCard")
    }
}

/// What the texture shows.
struct Drawn {
    map: Arc<LatentMap>,
    pixels: [usize; 2],
    dark: bool,
}

/// Radius of a point in pixels.
const RADIUS: f32 = 1.9;
const STRENGTH: f32 = 0.8;

impl MapCard {
    pub fn ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
        let map = &snapshot.map;
        let second = match (map.points.len(), map.projected) {
            (0, _) => String::new(),
            (count, false) => format!("{} held-out rows", style::grouped(count as u64)),
            (count, true) => format!("{} held-out rows, main 2 of {}", style::grouped(count as u64), latent(snapshot)),
        };
        self.ui_with_title(ui, palette, inside, snapshot, &second);
    }

    /// The same with other words in the title; gives where the points are drawn.
    pub fn ui_with_title(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        snapshot: &Snapshot,
        second: &str,
    ) -> Option<Rect> {
        let map = &snapshot.map;
        card_title(ui, palette, inside, "Latent map", second);
        let classes = map.labels.iter().copied().max().map_or(0, |highest| usize::from(highest) + 1).min(LABELS.len());
        let legend = if classes > 0 { 26.0 } else { 0.0 };
        let plot = Rect::from_min_max(
            pos2(inside.left(), inside.top() + 28.0),
            pos2(inside.right(), inside.bottom() - legend),
        );
        if map.points.is_empty() || !plot.is_positive() {
            let words = "Each held-out row becomes a point here";
            ui.painter().text(plot.center(), Align2::CENTER_CENTER, words, regular(size::TEXT), colour(palette.muted));
            return None;
        }
        self.draw(ui, palette, plot, map);
        let response = ui.interact(plot, ui.scope_id().with("map"), egui::Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, "Latent map"));
        response.on_hover_text(
            "Where the encoder puts each held-out row. Rows that look alike to the network lie close together.",
        );
        for (label, ink) in LABELS.into_iter().enumerate().take(classes) {
            let x = inside.left() + label as f32 * inside.width() / classes as f32;
            let y = inside.bottom() - 7.0;
            ui.painter().circle_filled(pos2(x + 5.0, y), 4.0, colour(ink));
            let at = pos2(x + 13.0, y);
            ui.painter().text(at, Align2::LEFT_CENTER, label.to_string(), regular(size::SECOND), colour(palette.muted));
        }
        Some(plot)
    }

    fn draw(&mut self, ui: &Ui, palette: &Palette, plot: Rect, map: &Arc<LatentMap>) {
        let scale = ui.ctx().pixels_per_point();
        let pixels = [(plot.width() * scale).max(1.0) as usize, (plot.height() * scale).max(1.0) as usize];
        let current = self
            .drawn
            .as_ref()
            .is_some_and(|drawn| Arc::ptr_eq(&drawn.map, map) && drawn.pixels == pixels && drawn.dark == palette.dark);
        if !current {
            let picture = paint_points(map, pixels, scale, palette);
            match &mut self.texture {
                Some(texture) => texture.set(picture, TextureOptions::LINEAR),
                None => self.texture = Some(ui.ctx().load_texture("latent map", picture, TextureOptions::LINEAR)),
            }
            self.drawn = Some(Drawn { map: Arc::clone(map), pixels, dark: palette.dark });
        }
        if let Some(texture) = &self.texture {
            let size = vec2(pixels[0] as f32, pixels[1] as f32) / scale;
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture.id(), Rect::from_min_size(plot.min, size), whole, Color32::WHITE);
        }
    }
}

fn latent(snapshot: &Snapshot) -> usize {
    snapshot.spec.as_ref().map_or(0, |spec| spec.model.latent)
}

fn paint_points(map: &LatentMap, pixels: [usize; 2], scale: f32, palette: &Palette) -> ColorImage {
    let [width, height] = pixels;
    let background = palette.panel;
    let mut image = ColorImage::new(pixels, vec![colour(background); width * height]);
    let Some(view) = map_view(&map.points) else { return image };
    let (w, h) = (width as f32, height as f32);
    let zoom = (w / (2.0 * view.half[0])).min(h / (2.0 * view.half[1]));
    let line = colour(palette.line).gamma_multiply(0.55);
    for k in 1..6 {
        let (x, y) = (width * k / 6, height * k / 6);
        (0..height).for_each(|row| image.pixels[row * width + x] = background_over(background, line));
        (0..width).for_each(|column| image.pixels[y * width + column] = background_over(background, line));
    }
    let radius = RADIUS * scale;
    let reach = radius.ceil() as i64 + 1;
    for (i, p) in map.points.iter().enumerate() {
        let (x, y) = (w / 2.0 + (p[0] - view.centre[0]) * zoom, h / 2.0 - (p[1] - view.centre[1]) * zoom);
        if !(x.is_finite() && y.is_finite()) {
            continue;
        }
        let ink = map.labels.get(i).map_or(palette.accent, |&label| LABELS[usize::from(label) % LABELS.len()]);
        for row in y as i64 - reach..=y as i64 + reach {
            for column in x as i64 - reach..=x as i64 + reach {
                let (Ok(cx), Ok(cy)) = (usize::try_from(column), usize::try_from(row)) else { continue };
                if cx >= width || cy >= height {
                    continue;
                }
                let distance = ((column as f32 + 0.5 - x).powi(2) + (row as f32 + 0.5 - y).powi(2)).sqrt();
                let coverage = (radius + 0.5 - distance).clamp(0.0, 1.0) * STRENGTH;
                let under = &mut image.pixels[cy * width + cx];
                *under = mix(*under, ink, coverage);
            }
        }
    }
    image
}

fn background_over(background: Rgb, line: Color32) -> Color32 {
    colour(background).blend(line)
}

fn mix(under: Color32, over: Rgb, t: f32) -> Color32 {
    let channel = |a: u8, b: u8| (f32::from(a) + t * (f32::from(b) - f32::from(a))).round() as u8;
    Color32::from_rgb(channel(under.r(), over.0), channel(under.g(), over.1), channel(under.b(), over.2))
}
