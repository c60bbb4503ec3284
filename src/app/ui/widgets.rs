//! Cards, buttons, sliders and rows of values, drawn from the tokens.

use egui::accesskit::Role;
use egui::{
    Align2, Color32, CornerRadius, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, UiBuilder, Vec2, WidgetInfo,
    pos2, vec2,
};

use super::theme::{color, faded, regular, semibold};
use crate::style::{Palette, Rgb, size, space};

pub(crate) const CARD_PADDING: f32 = space::L;

/// Draws the contents of a card in the padded inside of `rect`. The card itself is painted by [`cards`].
pub(crate) fn card<R>(ui: &mut Ui, rect: Rect, contents: impl FnOnce(&mut Ui, Rect) -> R) -> R {
    let inside = rect.shrink(CARD_PADDING);
    ui.scope_builder(UiBuilder::new().max_rect(inside), |ui| {
        ui.set_clip_rect(rect.intersect(ui.clip_rect()));
        contents(ui, inside)
    })
    .inner
}

/// Paints `rects` as cards within `area`: the background around them, their round corners and their borders.
///
/// The window is cleared to the color of cards, so their insides, nine tenths of all pixels, are never painted: a
/// software driver pays for every pixel, and shares its cores with the training.
pub(crate) fn cards(ui: &Ui, palette: &Palette, area: Rect, rects: &[Rect]) {
    let background = color(palette.background);
    let mut around = egui::Mesh::default();
    let mut edges: Vec<f32> = rects.iter().flat_map(|rect| [rect.top(), rect.bottom()]).collect();
    edges.extend([area.top(), area.bottom()]);
    edges.retain(|y| area.y_range().contains(*y));
    edges.sort_by(f32::total_cmp);
    for slab in edges.windows(2) {
        let (top, bottom) = (slab[0], slab[1]);
        let middle = (top + bottom) / 2.0;
        let mut inside: Vec<&Rect> = rects.iter().filter(|rect| rect.y_range().contains(middle)).collect();
        inside.sort_by(|a, b| a.left().total_cmp(&b.left()));
        let mut x = area.left();
        for rect in inside {
            around.add_colored_rect(Rect::from_min_max(pos2(x, top), pos2(rect.left().max(x), bottom)), background);
            x = rect.right();
        }
        around.add_colored_rect(Rect::from_min_max(pos2(x, top), pos2(area.right().max(x), bottom)), background);
    }
    let radius = f32::from(space::RADIUS_CARD);
    for rect in rects {
        for (corner, inward) in [
            (rect.left_top(), vec2(1.0, 1.0)),
            (rect.right_top(), vec2(-1.0, 1.0)),
            (rect.left_bottom(), vec2(1.0, -1.0)),
            (rect.right_bottom(), vec2(-1.0, -1.0)),
        ] {
            corner_mesh(&mut around, corner, inward * radius, background);
        }
    }
    ui.painter().add(egui::Shape::mesh(around));
    let stroke = Stroke::new(1.0, color(palette.line));
    for rect in rects {
        ui.painter().rect_stroke(*rect, CornerRadius::same(space::RADIUS_CARD), stroke, StrokeKind::Inside);
    }
}

/// Adds the area between a square corner and the quarter circle that `inward` spans.
fn corner_mesh(mesh: &mut egui::Mesh, corner: Pos2, inward: Vec2, fill: Color32) {
    const STEPS: u32 = 8;
    let first = mesh.vertices.len() as u32;
    mesh.colored_vertex(corner, fill);
    for i in 0..=STEPS {
        let angle = i as f32 / STEPS as f32 * std::f32::consts::FRAC_PI_2;
        let (sin, cos) = angle.sin_cos();
        mesh.colored_vertex(corner + vec2(inward.x * (1.0 - cos), inward.y * (1.0 - sin)), fill);
        if i > 0 {
            mesh.add_triangle(first, first + i, first + i + 1);
        }
    }
}

/// Exposes text painted at `rect` to screen readers; `key` identifies it while the words change.
pub(crate) fn accessible_label(ui: &Ui, key: &str, rect: Rect, words: &str) {
    accessible_label_for(ui, Role::Label, key, rect, words);
}

/// Paints text and exposes it to screen readers; returns its area.
pub(crate) fn text_label(
    ui: &Ui,
    key: &str,
    (at, align): (Pos2, Align2),
    words: &str,
    font: egui::FontId,
    ink: Color32,
) -> Rect {
    let rect = ui.painter().text(at, align, words, font, ink);
    accessible_label(ui, key, rect, words);
    rect
}

fn accessible_label_for(ui: &Ui, role: Role, key: &str, rect: Rect, words: &str) {
    let id = ui.scope_id().with(("heard", key));
    ui.ctx().accesskit_node_builder(id, |node| {
        node.set_role(role);
        // AccessKit takes the text of a label from its value.
        match role {
            Role::Label => node.set_value(words),
            _ => node.set_label(words),
        }
        let [x0, y0, x1, y1] = [rect.min.x, rect.min.y, rect.max.x, rect.max.y].map(f64::from);
        node.set_bounds(egui::accesskit::Rect { x0, y0, x1, y1 });
    });
}

/// Least width of a subtitle that is shown in part.
const LEAST_SECOND: f32 = 90.0;

/// Draws the title and the subtitle of a card on its first line; returns their right edge. What has no room is elided,
/// and told in full when hovered.
pub(crate) fn card_title(ui: &Ui, palette: &Palette, inside: Rect, title: &str, second: &str) -> f32 {
    let y = inside.top() + 10.0;
    let at = pos2(inside.left(), y);
    let shown = elided(ui, title, &semibold(size::TEXT), inside.width());
    let mut drawn = ui.painter().text(at, Align2::LEFT_CENTER, &shown, semibold(size::TEXT), color(palette.text));
    let mut is_cut = shown != title;
    let words = if second.is_empty() { title.to_owned() } else { format!("{title}, {second}") };
    if !second.is_empty() {
        let at = pos2(drawn.right() + space::S, y);
        let (width, font) = (inside.right() - at.x, regular(size::SECOND));
        let fits = text_width(ui, second, &font) <= width;
        is_cut |= !fits;
        if fits || width >= LEAST_SECOND {
            let shown = elided(ui, second, &font, width);
            drawn = drawn.union(ui.painter().text(at, Align2::LEFT_CENTER, shown, font, color(palette.muted)));
        }
    }
    accessible_label_for(ui, Role::Heading, title, drawn, &words);
    if is_cut {
        ui.interact(drawn, ui.scope_id().with(("title", title)), Sense::hover()).on_hover_text(words);
    }
    drawn.right()
}

/// Returns the width of `text` on one line.
pub(crate) fn text_width(ui: &Ui, text: &str, font: &egui::FontId) -> f32 {
    ui.painter().layout_no_wrap(text.to_owned(), font.clone(), Color32::WHITE).size().x
}

/// Returns `text`, with an ellipsis in place of its middle where it is wider than `width`: names of files begin and end
/// with what tells them apart.
pub(crate) fn elided(ui: &Ui, text: &str, font: &egui::FontId, width: f32) -> String {
    if text_width(ui, text, font) <= width {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let keep = |count: usize| {
        let head: String = letters[..count.div_ceil(2)].iter().collect();
        let tail: String = letters[letters.len() - count / 2..].iter().collect();
        format!("{}\u{2026}{}", head.trim_end(), tail.trim_start())
    };
    let (mut low, mut high) = (0, letters.len().saturating_sub(1));
    while low < high {
        let middle = (low + high).div_ceil(2);
        if text_width(ui, &keep(middle), font) <= width {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    keep(low)
}

/// Draws text on one line, cut with an ellipsis where it is wider than `width`.
pub(crate) fn line_of_text(ui: &Ui, at: Pos2, width: f32, text: &str, font: egui::FontId, color: Color32) -> Rect {
    let rect = part_of_line(ui, at, width, text, font, color);
    accessible_label(ui, text, rect, text);
    rect
}

/// Same as [`line_of_text`], for a part of a line that is exposed as a whole.
pub(crate) fn part_of_line(ui: &Ui, at: Pos2, width: f32, text: &str, font: egui::FontId, color: Color32) -> Rect {
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap.max_width = width.max(0.0);
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    let galley = ui.painter().layout_job(job);
    let rect = Rect::from_min_size(pos2(at.x, at.y - galley.size().y / 2.0), galley.size());
    ui.painter().galley(rect.min, galley, color);
    rect
}

/// Draws text in lines of at most `width`; returns the y below it.
pub(crate) fn paragraph(ui: &Ui, at: Pos2, width: f32, text: &str, font: egui::FontId, color: Color32) -> f32 {
    let galley = ui.painter().layout(text.to_owned(), font, color, width.max(1.0));
    let rect = Rect::from_min_size(at, galley.size());
    ui.painter().galley(at, galley, color);
    accessible_label(ui, text, rect, text);
    rect.bottom()
}

/// Draws a ring around a focused control.
pub(crate) fn focus_ring(ui: &Ui, palette: &Palette, response: &Response, rect: Rect) {
    if response.has_focus() {
        let stroke = Stroke::new(2.0, color(palette.accent));
        let radius = CornerRadius::same(space::RADIUS_CONTROL + 2);
        ui.painter().rect_stroke(rect.expand(2.0), radius, stroke, StrokeKind::Outside);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ButtonKind {
    /// Main action of the screen.
    Primary,
    Plain,
    /// Small button in the corner of a card.
    Chip,
    /// Chip that is switched on.
    ChipOn,
    /// Action that cannot be undone.
    Danger,
}

/// Icon drawn before the label of a button, or instead of it.
pub(crate) type Icon = fn(&egui::Painter, Rect, Color32);

/// Button. Assistive technology reads `name`, by default `label`, which is shown unless an icon stands for it.
pub(crate) struct Button<'a> {
    pub label: &'a str,
    pub name: &'a str,
    pub help: &'a str,
    pub kind: ButtonKind,
    pub icon: Option<Icon>,
    /// True if the label is shown beside the icon.
    pub words: bool,
    pub enabled: bool,
}

impl<'a> Button<'a> {
    pub fn new(kind: ButtonKind, label: &'a str, help: &'a str) -> Self {
        Self { label, name: label, help, kind, icon: None, words: true, enabled: true }
    }

    /// Sets what assistive technology reads, where several buttons are labeled alike.
    pub fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    pub fn icon(mut self, icon: Icon, words: bool) -> Self {
        (self.icon, self.words) = (Some(icon), words);
        self
    }

    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Returns width and height.
    pub fn size(&self, ui: &Ui) -> Vec2 {
        let (font, height, padding) = match self.kind {
            ButtonKind::Primary | ButtonKind::Plain | ButtonKind::Danger => (semibold(size::TEXT), 30.0, 14.0),
            ButtonKind::Chip | ButtonKind::ChipOn => (semibold(size::AXIS), 20.0, 8.0),
        };
        let words = if self.words {
            ui.painter().layout_no_wrap(self.label.to_owned(), font, Color32::WHITE).size().x
        } else {
            0.0
        };
        match (self.icon.is_some(), self.words) {
            (true, false) => vec2(height, height),
            (true, true) => vec2(words + 2.0 * padding + 20.0, height),
            _ => vec2(words + 2.0 * padding, height),
        }
    }

    /// Draws the button with its top right corner at `right_top`; returns the response and its left edge.
    pub fn show_right(self, ui: &mut Ui, palette: &Palette, right_top: Pos2) -> (Response, f32) {
        let size = self.size(ui);
        let rect = Rect::from_min_size(pos2(right_top.x - size.x, right_top.y), size);
        let left = rect.left();
        (self.show(ui, palette, rect), left)
    }

    /// Draws the button at the current position of the layout.
    pub fn show_here(self, ui: &mut Ui, palette: &Palette) -> Response {
        let (rect, _) = ui.allocate_exact_size(self.size(ui), Sense::hover());
        self.show(ui, palette, rect)
    }

    pub fn show(self, ui: &mut Ui, palette: &Palette, rect: Rect) -> Response {
        let id = ui.scope_id().with(("button", self.name));
        let sense = if self.enabled { Sense::click() } else { Sense::hover() };
        let response = ui.interact(rect, id, sense);
        let hovered = response.hovered() && self.enabled;
        let pressed = response.is_pointer_button_down_on();
        let (fill, text, stroke, font) = match self.kind {
            ButtonKind::Primary => {
                (color(palette.accent), color(palette.on_accent), Stroke::NONE, semibold(size::TEXT))
            }
            ButtonKind::Plain => (
                color(palette.raised),
                color(palette.text),
                Stroke::new(1.0, color(palette.line)),
                semibold(size::TEXT),
            ),
            ButtonKind::Danger => (
                faded(palette.bad, 0.12),
                color(palette.bad),
                Stroke::new(1.0, color(palette.bad)),
                semibold(size::TEXT),
            ),
            ButtonKind::Chip => (
                Color32::TRANSPARENT,
                color(palette.muted),
                Stroke::new(1.0, color(palette.line)),
                semibold(size::AXIS),
            ),
            ButtonKind::ChipOn => (
                faded(palette.accent, 0.12),
                color(palette.accent),
                Stroke::new(1.0, color(palette.accent)),
                semibold(size::AXIS),
            ),
        };
        let (fill, text) =
            if self.enabled { (fill, text) } else { (fill.gamma_multiply(0.5), text.gamma_multiply(0.5)) };
        let radius = CornerRadius::same(space::RADIUS_CONTROL);
        ui.painter().rect(rect, radius, fill, stroke, StrokeKind::Inside);
        if hovered {
            let veil = if palette.dark { Color32::WHITE } else { Color32::BLACK };
            ui.painter().rect_filled(rect, radius, veil.gamma_multiply(if pressed { 0.14 } else { 0.07 }));
        }
        match self.icon {
            Some(icon) if self.words => {
                let start = rect.left() + 12.0;
                icon(ui.painter(), Rect::from_center_size(pos2(start + 7.0, rect.center().y), vec2(14.0, 14.0)), text);
                let at = pos2(start + 22.0, rect.center().y);
                ui.painter().text(at, Align2::LEFT_CENTER, self.label, font, text);
            }
            Some(icon) => icon(ui.painter(), Rect::from_center_size(rect.center(), vec2(14.0, 14.0)), text),
            None => {
                ui.painter().text(rect.center(), Align2::CENTER_CENTER, self.label, font, text);
            }
        }
        focus_ring(ui, palette, &response, rect);
        let (name, enabled) = (self.name.to_owned(), self.enabled);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, &name));
        if hovered {
            ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        }
        response.on_hover_text(self.help)
    }
}

/// Value that typed text is meant for, though it takes none: hot keys rest until something else is clicked.
#[derive(Clone)]
struct KeyHolder {
    name: String,
    /// Pass in which it was focused; `None` if it was clicked, which lasts.
    pass: Option<u64>,
}

fn key_holder() -> egui::Id {
    egui::Id::unique("value with the keys")
}

/// Lets the value `name` hold the keys: for good, or while it has the focus.
fn hold_keys(ui: &Ui, name: &str, focused: bool) {
    let pass = focused.then(|| ui.ctx().cumulative_pass_nr());
    ui.ctx().data_mut(|data| data.insert_temp(key_holder(), KeyHolder { name: name.to_owned(), pass }));
}

/// Returns the name of the value that holds the keys, if there is one.
pub(crate) fn value_with_keys(context: &egui::Context) -> Option<String> {
    let holder: KeyHolder = context.data(|data| data.get_temp(key_holder()))?;
    // A focused value says so in each pass.
    let is_of_now = |pass: u64| pass + 1 >= context.cumulative_pass_nr();
    holder.pass.is_none_or(is_of_now).then_some(holder.name)
}

/// Gives the keys back to the shortcuts.
pub(crate) fn release_keys(context: &egui::Context) {
    context.data_mut(|data| data.remove::<KeyHolder>(key_holder()));
}

/// Draws a name on the left and a value on the right of one line.
pub(crate) fn value_row(ui: &Ui, palette: &Palette, line: Rect, name: &str, value: &str) {
    value_row_in(ui, palette, line, name, value, palette.text);
}

/// Same as [`value_row`], with the value in `ink`.
pub(crate) fn value_row_in(ui: &Ui, palette: &Palette, line: Rect, name: &str, value: &str, ink: Rgb) {
    let font = regular(size::TEXT);
    let shown_value = elided(ui, value, &font, 0.6 * line.width());
    let room = line.width() - text_width(ui, &shown_value, &font) - space::M;
    let shown_name = elided(ui, name, &font, room);
    let painter = ui.painter();
    painter.text(line.left_center(), Align2::LEFT_CENTER, &shown_name, font.clone(), color(palette.muted));
    painter.text(line.right_center(), Align2::RIGHT_CENTER, &shown_value, font, color(ink));
    let words = format!("{name}: {value}");
    accessible_label(ui, name, line, &words);
    // It looks like a field: who clicks it and types means no shortcut.
    let response = ui.interact(line, ui.scope_id().with(("value", name)), Sense::CLICK);
    if response.clicked() {
        hold_keys(ui, name, false);
    }
    if shown_name != name || shown_value != value {
        response.on_hover_text(words);
    }
}

/// Draws a progress bar; `None` stands for an unknown share.
pub(crate) fn progress(ui: &Ui, palette: &Palette, rect: Rect, done: Option<f32>) {
    let radius = CornerRadius::same(3);
    ui.painter().rect_filled(rect, radius, color(palette.raised));
    let filled = match done {
        Some(done) => Rect::from_min_size(rect.min, vec2(rect.width() * done.clamp(0.0, 1.0), rect.height())),
        None => rect.shrink2(vec2(rect.width() * 0.35, 0.0)),
    };
    ui.painter().rect_filled(filled, radius, color(palette.accent));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Logarithmic, filled from the left.
    Log,
    /// Linear, filled from the center if that is zero, else from the left.
    Linear,
}

/// Slider with its name and value. [`Self::show`] returns the new value while it is dragged or stepped with the arrow
/// keys, and whether the change is finished.
pub(crate) struct Slider<'a> {
    pub name: &'a str,
    pub help: &'a str,
    pub low: f64,
    pub high: f64,
    pub scale: Scale,
    pub enabled: bool,
}

impl Slider<'_> {
    pub fn show(self, ui: &mut Ui, palette: &Palette, line: Rect, value: f64, text: &str) -> Option<(f64, bool)> {
        let painter = ui.painter().clone();
        painter.text(line.left_center(), Align2::LEFT_CENTER, self.name, regular(size::TEXT), color(palette.muted));
        painter.text(line.right_center(), Align2::RIGHT_CENTER, text, regular(size::TEXT), color(palette.text));
        let track = Rect::from_min_max(
            pos2(line.left() + 96.0, line.center().y - 9.0),
            pos2(line.right() - 64.0, line.center().y + 9.0),
        );
        let id = ui.scope_id().with(("slider", self.name));
        let sense = if self.enabled { Sense::click_and_drag() } else { Sense::hover() };
        let response = ui.interact(track, id, sense);
        let fraction = match self.scale {
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Linear => (value - self.low) / (self.high - self.low),
        };
        let x = egui::lerp(track.left()..=track.right(), fraction.clamp(0.0, 1.0) as f32);
        let y = track.center().y;
        let bar = |from: f32, to: f32| Rect::from_min_max(pos2(from, y - 2.0), pos2(to, y + 2.0));
        painter.rect_filled(bar(track.left(), track.right()), 2.0, color(palette.line));
        let strength = if self.enabled { 1.0 } else { 0.4 };
        let zero = -self.low / (self.high - self.low);
        let origin = match self.scale {
            Scale::Linear if (zero - 0.5).abs() < 0.01 => track.center().x,
            _ => track.left(),
        };
        painter.rect_filled(bar(origin.min(x), origin.max(x)), 2.0, faded(palette.accent, strength));
        let knob = if response.hovered() || response.dragged() { 8.0 } else { 7.0 };
        painter.circle_filled(pos2(x, y), knob, faded(palette.text, strength));
        focus_ring(ui, palette, &response, track);
        let name = self.name.to_owned();
        let enabled = self.enabled;
        response.widget_info(|| WidgetInfo::slider(enabled, value, &name));
        if response.hovered() && self.enabled {
            ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
        }
        let at = |fraction: f64| match self.scale {
            Scale::Log => self.low * (self.high / self.low).powf(fraction.clamp(0.0, 1.0)),
            Scale::Linear => self.low + (self.high - self.low) * fraction.clamp(0.0, 1.0),
        };
        let mut change = None;
        if let Some(pointer) = response.interact_pointer_pos() {
            let fraction = f64::from((pointer.x - track.left()) / track.width());
            change = Some((at(fraction), false));
        }
        if response.drag_stopped() || response.clicked() {
            change = Some((change.map_or(value, |(value, _)| value), true));
        }
        let value_area = Rect::from_min_max(pos2(track.right() + 8.0, line.top()), line.max);
        if ui.interact(value_area, id.with("value"), Sense::CLICK).clicked() {
            hold_keys(ui, self.name, false);
        }
        if response.has_focus() {
            hold_keys(ui, self.name, true);
            let (left, right) =
                ui.input(|input| (input.num_presses(egui::Key::ArrowLeft), input.num_presses(egui::Key::ArrowRight)));
            if left + right > 0 {
                change = Some((at(fraction + 0.02 * (right as f64 - left as f64)), true));
            }
            ui.memory_mut(|memory| {
                let arrows = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
                memory.set_focus_lock_filter(id, arrows);
            });
        }
        response.on_hover_text(self.help);
        change
    }
}
