//! Latent map: encoded rows, colored by label or by error, with pan, zoom, rotation, tooltips and a lasso.

mod lasso;
pub(crate) mod scatter;

use std::sync::Arc;

use egui::{
    Align2, Color32, CornerRadius, Key, PointerButton, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, pos2, vec2,
};
use glam::{Mat4, Vec2, Vec3};

use self::lasso::Lasso;
use self::scatter::{Bounds, Camera, Point, Scatter};
use super::ui::theme::{color, faded, regular};
use super::ui::thumbnails::Thumbnails;
use super::ui::widgets::{Button, ButtonKind, card_title, focus_ring};
use crate::monitor::{LatentMap, Moment, Section};
use crate::plot::map_view;
use crate::style;
use crate::style::{LABELS, Palette, Rgb, heat, size, space};

/// Radius of a point in pixels, and its opacity.
const RADIUS: f32 = 1.9;
const STRENGTH: f32 = 0.8;
/// Opacity of points outside the lasso.
const OUTSIDE: f32 = 0.12;
/// Distance in pixels within which the pointer hits a point.
const NEAR: f32 = 7.0;

/// Result of a frame of the map.
pub(super) struct MapShown {
    pub plot: Rect,
    /// Transform from latent space to pixels from the center of the plot, y up.
    pub to_pixels: Mat4,
    /// Latent position of the pointer while it is dragged over a two-dimensional map.
    pub place: Option<[f32; 2]>,
    /// Row of the clicked point.
    pub clicked: Option<u32>,
}

pub(super) struct MapCard {
    /// Number that distinguishes the maps of the window.
    number: u8,
    /// True if a drag decodes instead of panning.
    pub decodes: bool,
    camera: Camera,
    made: Option<MapPoints>,
    by_error: bool,
    pub train_rows: bool,
    lasso: Lasso,
    thumbs: Thumbnails,
}

/// Points in GPU layout, with the inputs they were built from.
struct MapPoints {
    map: Section<LatentMap>,
    dark: bool,
    by_error: bool,
    lasso: u32,
    points: Arc<Vec<Point>>,
    bounds: Bounds,
}

impl std::fmt::Debug for MapCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MapCard({:?})", self.camera)
    }
}

impl MapCard {
    pub fn new(number: u8) -> Self {
        Self {
            number,
            decodes: false,
            camera: Camera::default(),
            made: None,
            by_error: false,
            train_rows: false,
            lasso: Lasso::default(),
            thumbs: Thumbnails::default(),
        }
    }

    /// Resets the map for another run or other data: the coloring is kept, camera and selection are not.
    pub fn forget(&mut self) {
        let (number, by_error, train_rows) = (self.number, self.by_error, self.train_rows);
        *self = Self { by_error, train_rows, ..Self::new(number) };
    }

    /// Returns whether the errors of rows are needed.
    pub fn wants_errors(&self) -> bool {
        self.by_error || self.lasso.is_used()
    }

    /// Returns the rows inside the lasso.
    pub fn chosen(&self) -> &[u32] {
        self.lasso.rows()
    }

    /// Draws the card; returns the plot and its transform.
    pub fn ui(&mut self, ui: &mut Ui, palette: &'static Palette, inside: Rect, moment: &Moment) -> Option<MapShown> {
        let map = &moment.snapshot.map;
        let (held_out, noun) = (style::grouped(map.held_out as u64), moment.snapshot.run.data.noun());
        let second = match (map.points.len(), map.projected) {
            (0, _) => String::new(),
            _ if self.by_error && map.errors.len() != map.points.len() => "measuring errors".to_owned(),
            (count, _) if count > map.held_out => {
                format!("{} {noun}, {held_out} held out", style::grouped(count as u64))
            }
            (_, false) => format!("{held_out} held-out {noun}"),
            (_, true) => {
                let shown = if self.camera.orbit.is_some() { 3 } else { 2 };
                format!("{held_out} {noun}, PCA to {shown} of {}", latent(moment))
            }
        };
        card_title(ui, palette, inside, "Latent map", &second);
        let classes = map.labels.iter().copied().max().map_or(0, |highest| usize::from(highest) + 1).min(LABELS.len());
        let by_error = self.by_error && map.errors.len() == map.points.len();
        let legend = if classes > 0 || by_error { 26.0 } else { 0.0 };
        let plot = Rect::from_min_max(
            pos2(inside.left(), inside.top() + 56.0),
            pos2(inside.right(), inside.bottom() - legend),
        );
        if map.points.is_empty() || !plot.is_positive() {
            let words = format!("Held-out {noun} appear here as points");
            ui.painter().text(plot.center(), Align2::CENTER_CENTER, words, regular(size::TEXT), color(palette.muted));
            return None;
        }
        self.chips_ui(ui, palette, inside, moment);
        // Whole pixels, so that the texture of the points is not resampled.
        let scale = ui.ctx().pixels_per_point();
        let round = |at: Pos2| pos2((at.x * scale).round() / scale, (at.y * scale).round() / scale);
        let plot = Rect::from_min_max(round(plot.min), round(plot.max));
        self.make(palette, map, by_error);
        let shown = self.plot_ui(ui, palette, plot, moment);
        if by_error {
            self.error_legend(ui, palette, inside);
        } else {
            label_legend(ui, palette, inside, moment, classes);
        }
        shown
    }

    fn chips_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, moment: &Moment) {
        let mut x = inside.left();
        let y = inside.top() + 28.0;
        let mut chip = |ui: &mut Ui, on: bool, label: &str, help: &str| {
            let button = Button::new(if on { ButtonKind::ChipOn } else { ButtonKind::Chip }, label, help);
            let rect = Rect::from_min_size(pos2(x, y), button.size(ui));
            x = rect.right() + 6.0;
            button.show(ui, palette, rect).clicked()
        };
        let map = &moment.snapshot.map;
        if moment.live || !map.errors.is_empty() {
            let help = "Color each row by its reconstruction error: dark is low, bright is high";
            if chip(ui, self.by_error, "by error", help) {
                self.by_error = !self.by_error;
            }
        }
        if chip(ui, self.lasso.armed, "lasso", "Select points by drawing around them (or hold Shift while dragging)") {
            self.lasso.armed = !self.lasso.armed;
        }
        if map.depth.len() == map.points.len() {
            let help = "Show three dimensions; drag to rotate";
            if chip(ui, self.camera.orbit.is_some(), "3D", help) {
                self.camera.orbit = if self.camera.orbit.is_some() { None } else { Some([0.6, 0.35]) };
                self.camera.pan = Vec2::ZERO;
            }
        } else {
            self.camera.orbit = None;
        }
        if moment.live {
            let help = "Show train rows as well, up to 60,000 points in all";
            if chip(ui, self.train_rows, "train rows", help) {
                self.train_rows = !self.train_rows;
            }
        }
        if self.camera.is_moved() && chip(ui, false, "reset", "Reset the view to show all points (double-click)") {
            self.reset();
        }
    }

    fn reset(&mut self) {
        let orbit = self.camera.orbit.map(|_| [0.6, 0.35]);
        self.camera = Camera { orbit, ..Camera::default() };
    }

    /// Rebuilds the points if the map, the theme, the coloring or the lasso has changed.
    fn make(&mut self, palette: &Palette, map: &Section<LatentMap>, by_error: bool) {
        let current = self.made.as_ref().is_some_and(|made| {
            made.map == *map
                && made.dark == palette.dark
                && made.by_error == by_error
                && made.lasso == self.lasso.number()
        });
        if current {
            return;
        }
        let bounds = match &self.made {
            Some(made) if made.map == *map => made.bounds,
            _ => bounds_of(map),
        };
        let high = if by_error { high_error(&map.errors) } else { 1.0 };
        let color_of = |i: usize| {
            if by_error {
                return error_color(palette, map.errors[i] / high);
            }
            map.labels.get(i).map_or(palette.accent, |&label| LABELS[usize::from(label) % LABELS.len()])
        };
        let has_depth = map.depth.len() == map.points.len();
        let some_chosen = !self.lasso.rows().is_empty();
        // Many points overlap: each gets less opacity.
        let strength = STRENGTH * (8000.0 / map.points.len() as f32).sqrt().clamp(0.45, 1.0);
        let point = |(i, p): (usize, &[f32; 2])| {
            let Rgb(r, g, b) = color_of(i);
            let outside = some_chosen && !map.rows.get(i).is_some_and(|row| self.lasso.holds(*row));
            let strength = if outside { OUTSIDE } else { strength };
            let depth = if has_depth { map.depth[i] } else { 0.0 };
            Point { place: [p[0], p[1], depth], color: [r, g, b, (strength * 255.0) as u8] }
        };
        let points = Arc::new(map.points.iter().enumerate().map(point).collect());
        let (map, dark, lasso) = (map.clone(), palette.dark, self.lasso.number());
        self.made = Some(MapPoints { map, dark, by_error, lasso, points, bounds });
    }

    fn plot_ui(&mut self, ui: &mut Ui, palette: &'static Palette, plot: Rect, moment: &Moment) -> Option<MapShown> {
        let MapPoints { map, points, bounds, .. } = self.made.as_ref()?;
        let (map, points, bounds) = (map.clone(), Arc::clone(points), *bounds);
        let scale = ui.ctx().pixels_per_point();
        let size = Vec2::new(plot.width(), plot.height());
        let response = ui.interact(plot, ui.scope_id().with(("map", self.number)), Sense::click_and_drag());
        let name = if self.decodes { "Decode under pointer" } else { "Latent map" };
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, name));
        let before = self.camera;
        self.move_camera(ui, &response, plot, &bounds);
        if self.camera != before {
            // Points skipped during the motion are drawn then.
            ui.ctx().request_repaint_after(scatter::REST);
        }
        let to_pixels = self.camera.to_pixels(&bounds, size);
        grid(ui, palette, plot);
        let physical = Mat4::from_scale(Vec3::new(scale, scale, 1.0)) * to_pixels;
        Scatter {
            map: self.number,
            points,
            to_pixels: physical,
            size: [(plot.width() * scale).round() as u32, (plot.height() * scale).round() as u32],
            radius: RADIUS * scale * self.camera.zoom.powf(0.35).clamp(0.8, 3.0),
            fades: self.camera.orbit.is_some(),
        }
        .show(ui.painter(), plot);
        focus_ring(ui, palette, &response, plot);

        let at_point = |i: usize| {
            let depth = map.depth.get(i).copied().unwrap_or(0.0);
            let place = map.points.get(i).copied().unwrap_or_default();
            let at = to_pixels.transform_point3(Vec3::new(place[0], place[1], depth));
            plot.center() + vec2(at.x, -at.y)
        };
        let selecting = self.lasso.armed || ui.input(|input| input.modifiers.shift);
        self.lasso.follow(ui, palette, &response, selecting, plot, &map, &at_point);
        let (mut place, mut clicked) = (None, None);
        let hovered = response.hover_pos().filter(|at| plot.contains(*at) && !self.lasso.is_drawing());
        let nearest = hovered.and_then(|pointer| {
            let distances = (0..map.points.len()).map(|i| (i, at_point(i).distance_sq(pointer)));
            distances.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, distance)| *distance < NEAR * NEAR)
        });
        if self.decodes && self.camera.orbit.is_none() && !selecting {
            let held = response.dragged_by(PointerButton::Primary) || response.clicked();
            if let Some(pointer) = response.interact_pointer_pos().filter(|_| held) {
                let pointer = plot.clamp(pointer);
                let from_middle = Vec3::new(pointer.x - plot.center().x, plot.center().y - pointer.y, 0.0);
                let at = to_pixels.inverse().transform_point3(from_middle);
                place = Some([at.x, at.y]);
            }
        }
        if let Some((i, _)) = nearest {
            let row = map.rows.get(i).copied();
            if response.clicked() {
                clicked = row;
            }
            let at = at_point(i);
            ui.painter().circle_stroke(at, 5.0, Stroke::new(1.5, color(palette.text)));
            if !response.dragged()
                && let Some(row) = row
            {
                self.tip_ui(ui, palette, at, row, i, &map, moment);
            }
        }
        if response.hovered() {
            let icon = if selecting || self.decodes { egui::CursorIcon::Crosshair } else { egui::CursorIcon::Grab };
            ui.ctx().set_cursor_icon(icon);
        }
        self.lasso.summary_ui(ui, palette, plot, &map, moment);
        Some(MapShown { plot, to_pixels, place, clicked })
    }

    /// Moves the camera by wheel, drag and, while the map has the focus, keys.
    fn move_camera(&mut self, ui: &Ui, response: &Response, plot: Rect, bounds: &Bounds) {
        let size = Vec2::new(plot.width(), plot.height());
        let from_middle = |at: Pos2| Vec2::new(at.x - plot.center().x, plot.center().y - at.y);
        let selecting = self.lasso.armed || ui.input(|input| input.modifiers.shift);
        let secondary = response.dragged_by(PointerButton::Secondary) || response.dragged_by(PointerButton::Middle);
        let primary = response.dragged_by(PointerButton::Primary) && !selecting;
        let moved = response.drag_delta();
        let moved = Vec2::new(moved.x, -moved.y);
        if primary && self.camera.orbit.is_some() {
            self.camera.turn(moved);
        } else if secondary || primary && !self.decodes {
            self.camera.drag(bounds, size, moved);
        }
        if let Some(pointer) = response.hover_pos().filter(|at| plot.contains(*at)) {
            let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
            // In a narrow window the wheel scrolls the page; pinching and Ctrl with the wheel zoom the map anywhere.
            let wheel = if ui.ctx().content_rect().width() < crate::app::ui::NARROW { 0.0 } else { wheel };
            let factor = pinch * (wheel * 0.004).exp();
            if factor != 1.0 {
                self.camera.zoom_at(bounds, size, from_middle(pointer), factor);
            }
        }
        if response.double_clicked() {
            self.reset();
        }
        if response.has_focus() {
            const STEP: f32 = 24.0;
            let arrows = ui.input(|input| {
                let held = |key| input.num_presses(key) as f32 * STEP;
                Vec2::new(held(Key::ArrowLeft) - held(Key::ArrowRight), held(Key::ArrowDown) - held(Key::ArrowUp))
            });
            if self.camera.orbit.is_some() {
                self.camera.turn(arrows);
            } else if arrows != Vec2::ZERO {
                self.camera.drag(bounds, size, arrows);
            }
            let zoom = ui.input(|input| {
                input.num_presses(Key::Plus) as f32 + input.num_presses(Key::Equals) as f32
                    - input.num_presses(Key::Minus) as f32
            });
            if zoom != 0.0 {
                self.camera.zoom_at(bounds, size, Vec2::ZERO, 1.25_f32.powf(zoom));
            }
            if ui.input(|input| input.key_pressed(Key::Num0)) {
                self.reset();
            }
            let filter = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        }
    }

    /// Draws the tooltip of the row under the pointer, with its picture.
    #[expect(clippy::too_many_arguments, reason = "a row on a map has that many sides")]
    fn tip_ui(
        &mut self,
        ui: &Ui,
        palette: &'static Palette,
        at: Pos2,
        row: u32,
        point: usize,
        map: &LatentMap,
        moment: &Moment,
    ) {
        const SIDE: f32 = 64.0;
        let Some(data) = &moment.rows else { return };
        self.thumbs.ask(ui, palette, data, &[row]);
        let label = map.labels.get(point).map(|&label| moment.snapshot.class_name(usize::from(label)));
        let mut words = data.row_name(row as usize);
        if let Some(label) = label {
            words = format!("{label}\n{words}");
        }
        if point >= map.held_out {
            words.push_str("\ntrain row");
        }
        if let Some(error) = map.errors.get(point) {
            words.push_str(&format!("\nerror {}", style::figure(f64::from(*error))));
        }
        let layer = egui::LayerId::new(egui::Order::Tooltip, ui.scope_id().with("map tip"));
        let painter = ui.ctx().layer_painter(layer);
        let galley = painter.layout(words, regular(size::SECOND), color(palette.text), 160.0);
        let extent = vec2(SIDE + galley.size().x + 3.0 * space::S, (SIDE + 2.0 * space::S).max(galley.size().y + 16.0));
        let screen = ui.ctx().content_rect();
        let left = if at.x + 14.0 + extent.x > screen.right() { at.x - 14.0 - extent.x } else { at.x + 14.0 };
        let top = (at.y - extent.y / 2.0).clamp(screen.top(), (screen.bottom() - extent.y).max(screen.top()));
        let rect = Rect::from_min_size(pos2(left, top), extent);
        let radius = CornerRadius::same(space::RADIUS_CONTROL);
        let stroke = Stroke::new(1.0, color(palette.line));
        painter.rect(rect, radius, color(palette.panel), stroke, StrokeKind::Inside);
        let picture = Rect::from_min_size(rect.min + vec2(space::S, space::S), vec2(SIDE, SIDE));
        painter.rect_filled(picture, 2.0, Color32::BLACK);
        self.thumbs.draw(&painter, row, picture);
        let text = pos2(picture.right() + space::S, rect.center().y - galley.size().y / 2.0);
        painter.galley(text, galley, color(palette.text));
    }

    fn error_legend(&self, ui: &Ui, palette: &Palette, inside: Rect) {
        let Some(made) = &self.made else { return };
        let bar = Rect::from_min_size(pos2(inside.left() + 72.0, inside.bottom() - 11.0), vec2(120.0, 8.0));
        let mut mesh = egui::Mesh::default();
        const STEPS: u32 = 32;
        for i in 0..=STEPS {
            let t = i as f32 / STEPS as f32;
            let ink = color(error_color(palette, t));
            let x = egui::lerp(bar.x_range(), t);
            mesh.colored_vertex(pos2(x, bar.top()), ink);
            mesh.colored_vertex(pos2(x, bar.bottom()), ink);
            if i > 0 {
                let first = 2 * (i - 1);
                mesh.add_triangle(first, first + 1, first + 2);
                mesh.add_triangle(first + 1, first + 3, first + 2);
            }
        }
        ui.painter().add(egui::Shape::mesh(mesh));
        let high = style::figure(f64::from(high_error(&made.map.errors)));
        let write = |x: f32, align: Align2, words: String| {
            let at = pos2(x, bar.center().y);
            ui.painter().text(at, align, words, regular(size::SECOND), color(palette.muted));
        };
        write(bar.left() - 8.0, Align2::RIGHT_CENTER, "error 0".to_owned());
        write(bar.right() + 8.0, Align2::LEFT_CENTER, format!("{high} and more"));
    }
}

/// Draws light grid lines.
fn grid(ui: &Ui, palette: &Palette, plot: Rect) {
    let line = Stroke::new(1.0, faded(palette.line, 0.55));
    for k in 1..6 {
        let t = k as f32 / 6.0;
        ui.painter().vline(egui::lerp(plot.x_range(), t).round() + 0.5, plot.y_range(), line);
        ui.painter().hline(plot.x_range(), egui::lerp(plot.y_range(), t).round() + 0.5, line);
    }
}

fn label_legend(ui: &Ui, palette: &Palette, inside: Rect, moment: &Moment, classes: usize) {
    let slot = inside.width() / classes.max(1) as f32;
    for (label, ink) in LABELS.into_iter().enumerate().take(classes) {
        let x = inside.left() + label as f32 * slot;
        let y = inside.bottom() - 7.0;
        ui.painter().circle_filled(pos2(x + 5.0, y), 4.0, color(ink));
        let name = moment.snapshot.class_name(label);
        let font = regular(size::SECOND);
        super::ui::widgets::line_of_text(ui, pos2(x + 13.0, y), slot - 16.0, &name, font, color(palette.muted));
    }
}

fn latent(moment: &Moment) -> usize {
    moment.snapshot.run.spec.as_ref().map_or(0, |spec| spec.model.latent)
}

fn bounds_of(map: &LatentMap) -> Bounds {
    let Some(view) = map_view(&map.points) else { return Bounds { middle: Vec3::ZERO, half: Vec3::ONE } };
    let depth: Vec<[f32; 2]> = map.depth.iter().map(|&z| [z, 0.0]).collect();
    let (middle, half) = map_view(&depth).map_or((0.0, 0.0), |view| (view.center[0], view.half[0]));
    Bounds {
        middle: Vec3::new(view.center[0], view.center[1], middle),
        half: Vec3::new(view.half[0], view.half[1], half),
    }
}

/// Returns the 98th percentile of the errors.
fn high_error(errors: &[f32]) -> f32 {
    let mut sorted: Vec<f32> = errors.iter().copied().filter(|error| error.is_finite()).collect();
    if sorted.is_empty() {
        return 1.0;
    }
    let at = (sorted.len() * 49 / 50).min(sorted.len() - 1);
    sorted.select_nth_unstable_by(at, f32::total_cmp).1.max(f32::MIN_POSITIVE)
}

/// Returns the heat color of an error, with contrast to the card at both ends of the scale.
fn error_color(palette: &Palette, share: f32) -> Rgb {
    let share = share.clamp(0.0, 1.0);
    heat(if palette.dark { 0.25 + 0.75 * share } else { 0.82 * share })
}
