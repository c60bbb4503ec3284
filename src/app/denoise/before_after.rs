//! Comparison of a picture before and after denoising, with a draggable divider, zoom by wheel and pan by drag.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{
    Align2, Color32, ColorImage, CornerRadius, Pos2, Rect, Sense, Stroke, TextureHandle, TextureOptions, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use crate::app::ui::theme::{color, regular};
use crate::app::ui::widgets::focus_ring;
use crate::style::{Palette, size, space};
use crate::tasks::{Pixels, QueueImage};

const CLOSEST: f32 = 32.0;
const GRIP: f32 = 18.0;

/// Texture with the pixels it shows.
#[derive(Default)]
struct ShownTexture {
    of: Option<Arc<Pixels>>,
    smooth: bool,
    texture: Option<TextureHandle>,
}

impl ShownTexture {
    /// Uploads `pixels` if they have changed; shrunk pictures are filtered, enlarged ones never.
    fn follow(&mut self, context: &egui::Context, name: &str, pixels: &Arc<Pixels>, smooth: bool) {
        let same = self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, pixels));
        if same && self.smooth == smooth {
            return;
        }
        let options = if smooth { TextureOptions::LINEAR } else { TextureOptions::NEAREST };
        self.texture = Some(context.load_texture(name, color_image(pixels), options));
        (self.of, self.smooth) = (Some(Arc::clone(pixels)), smooth);
    }
}

/// Viewport on the picture, and its textures.
pub(super) struct BeforeAfter {
    /// Screen pixels per picture pixel; `None` fits the whole picture.
    zoom: Option<f32>,
    /// Center of the viewport, as shares of width and height.
    middle: Vec2,
    /// Position of the divider, as a share of the frame's width.
    divider: f32,
    /// True while the pointer that was pressed on the divider is held.
    gripped: bool,
    name: String,
    shown: [ShownTexture; 2],
}

impl Default for BeforeAfter {
    fn default() -> Self {
        Self {
            zoom: None,
            middle: vec2(0.5, 0.5),
            divider: 0.5,
            gripped: false,
            name: String::new(),
            shown: Default::default(),
        }
    }
}

impl BeforeAfter {
    pub fn zoom(&self) -> Option<f32> {
        self.zoom
    }

    pub fn set_zoom(&mut self, zoom: Option<f32>) {
        self.zoom = zoom;
        if zoom.is_none() {
            self.middle = vec2(0.5, 0.5);
        }
    }

    /// Draws the picture; returns the center of the viewport if it has moved.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        frame: Rect,
        picture: &QueueImage,
        [left, right]: [&str; 2],
    ) -> Option<[f32; 2]> {
        if self.name != picture.name {
            self.name.clone_from(&picture.name);
            self.set_zoom(None);
        }
        let size = vec2(picture.width.max(1) as f32, picture.height.max(1) as f32);
        let fit = (frame.width() / size.x).min(frame.height() / size.y);
        let pixel = 1.0 / ui.ctx().pixels_per_point();
        // Small pictures are enlarged by 4 at most.
        let fit = fit.min(4.0);
        let before = self.middle;
        let response = ui.interact(frame, ui.scope_id().with("canvas"), Sense::click_and_drag());
        let mut scale = self.zoom.map_or(fit, |zoom| zoom * pixel);
        if response.double_clicked() {
            self.set_zoom(None);
            scale = fit;
        }
        let wheel = ui.input(|input| input.smooth_scroll_delta().y + 240.0 * (input.zoom_delta() - 1.0));
        if let Some(pointer) = response.hover_pos().filter(|_| wheel != 0.0) {
            let closer = (scale * (wheel * 0.005).exp()).clamp(fit.min(pixel), CLOSEST);
            // The point under the pointer stays in place.
            let away = (pointer - frame.center()) / size;
            self.middle += away / scale - away / closer;
            self.zoom = Some(closer / pixel);
            scale = closer;
        }
        let line_x = frame.left() + self.divider * frame.width();
        let grip = Rect::from_center_size(pos2(line_x, frame.center().y), vec2(2.0 * GRIP, frame.height()));
        let line = ui.interact(grip, ui.scope_id().with("divider"), Sense::click_and_drag());
        // In slow frames a quick pointer has left the divider before its press is handled.
        let (pressed, down, origin, now) = ui.input(|input| {
            let pointer = &input.pointer;
            (pointer.primary_pressed(), pointer.primary_down(), pointer.press_origin(), pointer.interact_pos())
        });
        let on_line = |at: Pos2| grip.contains(at) && ui.ctx().layer_id_at(at) == Some(ui.layer_id());
        self.gripped = if pressed { origin.is_some_and(on_line) } else { self.gripped && down };
        if let Some(pointer) = line.interact_pointer_pos().or(now.filter(|_| self.gripped)) {
            self.divider = ((pointer.x - frame.left()) / frame.width()).clamp(0.0, 1.0);
        } else if response.dragged() {
            self.middle -= response.drag_delta() / (scale * size);
        }
        if line.has_focus() {
            let (back, on) =
                ui.input(|input| (input.num_presses(egui::Key::ArrowLeft), input.num_presses(egui::Key::ArrowRight)));
            self.divider = (self.divider + 0.02 * (on as f32 - back as f32)).clamp(0.0, 1.0);
            let filter = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(line.id, filter));
        }
        // The viewport stays within the picture.
        let half = (frame.size() / (scale * size) / 2.0).min(Vec2::splat(0.5));
        self.middle = self.middle.clamp(half, Vec2::splat(1.0) - half);

        let extent =
            Rect::from_center_size(frame.center() - (self.middle - Vec2::splat(0.5)) * scale * size, scale * size);
        let smooth = scale < pixel;
        let first = picture.other.as_ref().unwrap_or(&picture.before);
        let second = picture.after.as_ref().unwrap_or(&picture.before);
        for (shown, (name, pixels)) in self.shown.iter_mut().zip([("before", first), ("after", second)]) {
            shown.follow(ui.ctx(), name, pixels, smooth);
        }
        let split = frame.left() + self.divider * frame.width();
        let seen = extent.intersect(frame);
        for (shown, part) in self.shown.iter().zip([
            Rect::from_min_max(seen.min, pos2(seen.right().min(split), seen.bottom())),
            Rect::from_min_max(pos2(seen.left().max(split), seen.top()), seen.max),
        ]) {
            let Some(texture) = &shown.texture else { continue };
            if part.is_positive() {
                let share =
                    |at: Pos2| pos2((at.x - extent.left()) / extent.width(), (at.y - extent.top()) / extent.height());
                let inside = Rect::from_min_max(share(part.min), share(part.max));
                ui.painter().image(texture.id(), part, inside, Color32::WHITE);
            }
        }
        self.divider_ui(ui, Rect::from_min_max(pos2(frame.left(), seen.top()), pos2(frame.right(), seen.bottom())));
        let corner = seen.left_bottom() + vec2(space::M, -space::M);
        plate_label(ui, corner, Align2::LEFT_BOTTOM, left);
        let corner = seen.right_bottom() + vec2(-space::M, -space::M);
        plate_label(ui, corner, Align2::RIGHT_BOTTOM, right);

        let percent = (100.0 * f64::from(self.divider)).round();
        line.widget_info(|| WidgetInfo::slider(true, percent, "Divider"));
        focus_ring(ui, palette, &line, Rect::from_center_size(pos2(split, frame.center().y), Vec2::splat(2.0 * GRIP)));
        if line.hovered() || line.dragged() {
            ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
        } else if response.dragged() {
            ui.ctx().set_cursor_icon(egui::CursorIcon::Grabbing);
        } else if response.hovered() {
            ui.ctx().set_cursor_icon(egui::CursorIcon::Grab);
        }
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("{} before and after", picture.name)));
        (self.middle != before).then_some([self.middle.x, self.middle.y])
    }

    fn divider_ui(&self, ui: &Ui, frame: Rect) {
        let painter = ui.painter();
        let x = frame.left() + self.divider * frame.width();
        // Light within dark, visible on any picture.
        painter.vline(x, frame.y_range(), Stroke::new(3.0, Color32::from_black_alpha(70)));
        painter.vline(x, frame.y_range(), Stroke::new(1.5, Color32::WHITE));
        let center = pos2(x, frame.center().y);
        painter.circle(center, GRIP - 2.0, Color32::WHITE, Stroke::new(1.0, Color32::from_black_alpha(60)));
        let ink = color(crate::style::LIGHT.text);
        for side in [-1.0, 1.0] {
            let tip = center + vec2(side * 9.0, 0.0);
            let base = center + vec2(side * 4.0, 0.0);
            let points = vec![tip, base + vec2(0.0, -4.0), base + vec2(0.0, 4.0)];
            painter.add(egui::Shape::convex_polygon(points, ink, Stroke::NONE));
        }
    }
}

/// Draws a label on a dark plate, readable on any picture.
pub(super) fn plate_label(ui: &Ui, at: Pos2, anchor: Align2, words: &str) {
    let galley = ui.painter().layout_no_wrap(words.to_owned(), regular(size::TEXT), Color32::WHITE);
    let plate = anchor.anchor_size(at, galley.size() + vec2(16.0, 8.0));
    ui.painter().rect_filled(plate, CornerRadius::same(4), Color32::from_black_alpha(180));
    ui.painter().galley(plate.min + vec2(8.0, 4.0), galley, Color32::WHITE);
}

pub(super) fn color_image(pixels: &Pixels) -> ColorImage {
    ColorImage::from_rgba_unmultiplied([pixels.width, pixels.height], &pixels.rgba)
}
