//! Training and validation curves: the accent is training, the second color validation, everywhere.

use egui::{Align2, CornerRadius, Rect, Shape, Stroke, Ui, pos2, vec2};

use crate::app::ui::theme::{color, faded, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind, Scale, Slider, card_title, text_label};
use crate::model::{ModelKind, live_text};
use crate::monitor::{PlayState, Snapshot};
use crate::plot::{curve_range, smooth_by};
use crate::style;
use crate::style::{Palette, size, space};

/// How the curves are shown.
#[derive(Debug)]
pub(crate) struct Curves {
    pub log_scale: bool,
    /// Share of the curve that a point of the smooth line is the mean of.
    smoothing: f64,
}

impl Default for Curves {
    fn default() -> Self {
        Self { log_scale: false, smoothing: USUAL_SMOOTHING }
    }
}

const USUAL_SMOOTHING: f64 = 0.02;
const MOST_SMOOTHING: f64 = 0.2;

/// From epochs and losses to places, and back.
#[derive(Clone, Copy)]
struct Axes {
    plot: Rect,
    /// Epochs at the right edge.
    end: f64,
    /// Losses, or their logarithms, at the lower and the upper edge.
    range: (f64, f64),
    log_scale: bool,
}

impl Axes {
    fn x(&self, epoch: f64) -> f32 {
        self.plot.left() + (epoch / self.end) as f32 * self.plot.width()
    }

    fn scaled(&self, loss: f64) -> f64 {
        if self.log_scale { loss.max(1e-12).log10() } else { loss }
    }

    fn y(&self, loss: f64) -> f32 {
        let (low, high) = self.range;
        self.plot.bottom() - ((self.scaled(loss) - low) / (high - low)) as f32 * self.plot.height()
    }

    fn place(&self, point: [f32; 2]) -> egui::Pos2 {
        pos2(self.x(f64::from(point[0])), self.y(f64::from(point[1])))
    }
}

impl Curves {
    pub fn ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
        let right = self.chips_ui(ui, palette, inside) - space::M;
        let smoothed = smooth_by(&snapshot.train_curve, self.smoothing);
        let mut right = right;
        let latest = [
            (snapshot.validation_curve.last(), "validation", palette.second),
            (smoothed.last(), "train", palette.accent),
        ];
        for (point, name, ink) in latest {
            let Some(point) = point else { continue };
            let text = format!("{name} {}", style::figure(f64::from(point[1])));
            let at = pos2(right, inside.top() + 10.0);
            let drawn = text_label(ui, name, (at, Align2::RIGHT_CENTER), &text, semibold(size::TEXT), color(ink));
            right = drawn.left() - space::M;
        }
        let titles = snapshot.spec.as_ref().map_or(["Loss"; 2], |spec| spec.objective_titles());
        let width = |text: &str| {
            let galley = ui.painter().layout_no_wrap(text.to_owned(), semibold(size::TEXT), color(palette.text));
            galley.size().x
        };
        let title = titles[usize::from(width(titles[0]) > right - inside.left())];
        card_title(ui, palette, inside, title, if inside.width() > 560.0 { "by epoch" } else { "" });
        let plot = Rect::from_min_max(
            pos2(inside.left() + 44.0, inside.top() + 36.0),
            pos2(inside.right() - 4.0, inside.bottom() - 22.0),
        );
        if !plot.is_positive() {
            return;
        }
        let Some(range) = self.range(&smoothed, snapshot) else {
            let words = match snapshot.state {
                _ if !snapshot.message.is_empty() => snapshot.message.as_str(),
                PlayState::Finished => "The run that made this model is not beside it",
                _ => "The first steps are on their way",
            };
            let font = regular(size::TEXT);
            text_label(ui, "no curves", (plot.center(), Align2::CENTER_CENTER), words, font, color(palette.muted));
            return;
        };
        let done = snapshot.train_curve.last().map_or(0.0, |p| f64::from(p[0]));
        let whole = snapshot.total_steps as f64 / snapshot.steps_per_epoch.max(1) as f64;
        // The axis grows with the run, in halves of what is there, up to its end.
        let end = (done * 1.15).max(0.5).min(whole.max(done)).max(1e-6);
        let axes = Axes { plot, end, range, log_scale: self.log_scale };
        self.plot(ui, palette, &axes, snapshot, &smoothed);
    }

    /// What divides the axis and smooths the line; gives the x where they start.
    fn chips_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect) -> f32 {
        let kind = if self.log_scale { ButtonKind::ChipOn } else { ButtonKind::Chip };
        let button = Button::new(kind, "log", "Divide the loss axis by ratios instead of differences (L)");
        let (response, left) = button.show_right(ui, palette, inside.right_top());
        if response.clicked() {
            self.log_scale = !self.log_scale;
        }
        let kind = if self.smoothing == USUAL_SMOOTHING { ButtonKind::Chip } else { ButtonKind::ChipOn };
        let button = Button::new(kind, "smooth", "How much of the noise of single batches the line leaves out");
        let (response, left) = button.show_right(ui, palette, pos2(left - 6.0, inside.top()));
        let popup = egui::Popup::menu(&response).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
        popup.width(280.0).show(|ui| {
            let (line, _) = ui.allocate_exact_size(vec2(280.0, 28.0), egui::Sense::hover());
            let slider = Slider {
                name: "Smoothing",
                help: "Share of the run that each point of the line is the mean of; 0 shows every batch as it was",
                low: 0.0,
                high: MOST_SMOOTHING,
                scale: Scale::Linear,
                enabled: true,
            };
            let text = format!("{:.1}%", 100.0 * self.smoothing);
            if let Some((value, _)) = slider.show(ui, palette, line, self.smoothing, &text) {
                self.smoothing = (value * 500.0).round() / 500.0;
            }
        });
        left
    }

    fn range(&self, smoothed: &[[f32; 2]], snapshot: &Snapshot) -> Option<(f64, f64)> {
        let (mut low, mut high) = curve_range(smoothed, &snapshot.validation_curve)?;
        if !self.log_scale {
            // A baseline that is not far off is worth some room.
            if let Some(pca) = comparable_pca(snapshot) {
                let span = high - low;
                if pca > high && pca < high + 1.5 * span {
                    high = pca + 0.06 * (pca - low);
                } else if pca < low && pca > low - 1.5 * span {
                    low = pca - 0.06 * (high - pca);
                }
            }
            return Some((low, high));
        }
        // Everything is shown: a ratio scale has room for the steep fall.
        let all = smoothed.iter().chain(snapshot.validation_curve.iter()).map(|p| f64::from(p[1]));
        let positive: Vec<f64> = all.filter(|value| *value > 0.0).chain(comparable_pca(snapshot)).collect();
        let low = positive.iter().copied().fold(f64::INFINITY, f64::min);
        let high = positive.iter().copied().fold(0.0, f64::max);
        (low < high).then(|| ((low * 0.95).log10(), (high * 1.05).log10()))
    }

    fn plot(&self, ui: &Ui, palette: &Palette, axes: &Axes, snapshot: &Snapshot, smoothed: &[[f32; 2]]) {
        let plot = axes.plot;
        grid(ui, palette, axes);
        let clipped = ui.painter_at(plot.expand2(vec2(4.0, 1.0)));
        let axis = regular(size::AXIS);
        if let Some(pca) = comparable_pca(snapshot).filter(|pca| plot.y_range().contains(axes.y(*pca))) {
            let at = axes.y(pca);
            let stroke = Stroke::new(1.0, color(palette.muted));
            clipped.extend(Shape::dashed_line(&[pos2(plot.left(), at), pos2(plot.right(), at)], stroke, 6.0, 4.0));
            let components = snapshot.pca.as_ref().map_or(0, |pca| pca.components);
            let text = format!("PCA, {components} components, {}", style::figure(pca));
            clipped.text(pos2(plot.right(), at - 3.0), Align2::RIGHT_BOTTOM, text, axis.clone(), color(palette.muted));
        }
        let place = |points: &[[f32; 2]]| points.iter().map(|&point| axes.place(point)).collect::<Vec<_>>();
        if self.smoothing > 0.0 {
            let all = thinned(place(&snapshot.train_curve), plot.width());
            clipped.line(all, Stroke::new(1.0, faded(palette.accent, 0.32)));
        }
        clipped.line(place(smoothed), Stroke::new(2.0, color(palette.accent)));
        let validation = place(&snapshot.validation_curve);
        for &point in &validation {
            clipped.circle_filled(point, 3.0, color(palette.second));
        }
        clipped.line(validation.clone(), Stroke::new(2.0, color(palette.second)));
        let best = snapshot.best.and_then(|(epoch, _)| validation.get((epoch as usize).checked_sub(1)?));
        if let Some(&best) = best.filter(|best| plot.contains(**best)) {
            // At the end of the axis it stands half outside.
            ui.painter().circle_stroke(best, 6.0, Stroke::new(1.5, color(palette.second)));
            let (align, offset) = match best.y > plot.top() + 26.0 {
                true => (Align2::CENTER_BOTTOM, -10.0),
                false => (Align2::CENTER_TOP, 10.0),
            };
            let x = best.x.clamp(plot.left() + 14.0, plot.right() - 14.0);
            let word = clipped.layout_no_wrap("best".to_owned(), axis.clone(), color(palette.second));
            let at = align.anchor_size(pos2(x, best.y + offset), word.size());
            // The curve must not run through it.
            clipped.rect_filled(at.expand2(vec2(3.0, 0.0)), CornerRadius::same(3), color(palette.panel));
            clipped.galley(at.min, word, color(palette.second));
        }
        for (i, edit) in snapshot.edits.iter().enumerate() {
            let at = axes.x(edit.step as f64 / snapshot.steps_per_epoch.max(1) as f64);
            let stroke = Stroke::new(1.0, color(palette.muted));
            clipped.extend(Shape::dashed_line(&[pos2(at, plot.top()), pos2(at, plot.bottom())], stroke, 4.0, 4.0));
            let Some(spec) = &snapshot.spec else { continue };
            let side = if at > plot.center().x { Align2::RIGHT_TOP } else { Align2::LEFT_TOP };
            let offset = if at > plot.center().x { -6.0 } else { 6.0 };
            let line = pos2(at + offset, plot.top() + (i % 4) as f32 * 16.0);
            clipped.text(line, side, spec.edit_words(edit), axis.clone(), color(palette.muted));
        }
        if let Some(pointer) = ui.ctx().pointer_hover_pos().filter(|pointer| plot.contains(*pointer)) {
            crosshair(ui, palette, axes, pointer, smoothed, &snapshot.validation_curve);
        }
    }
}

/// PCA's error where the curves are of the same: plain squared errors of clean rows, and nothing added to them.
fn comparable_pca(snapshot: &Snapshot) -> Option<f64> {
    let spec = snapshot.spec.as_ref()?;
    let plain = spec.objective.loss.is_mse()
        && !spec.sums_over_values()
        && !spec.corruption.is_active()
        && spec.model.kind == ModelKind::Autoencoder
        && spec.objective.sparsity == 0.0
        && spec.objective.contractive == 0.0
        && spec.objective.ssim == 0.0;
    snapshot.pca.as_ref().filter(|_| plain).map(|pca| pca.mse)
}

/// Lines of the loss axis, and marks where epochs end.
fn grid(ui: &Ui, palette: &Palette, axes: &Axes) {
    let (painter, plot, axis) = (ui.painter(), axes.plot, regular(size::AXIS));
    let (low, high) = axes.range;
    let count = (plot.height() / 48.0).clamp(2.0, 7.0) as usize;
    let lines = if axes.log_scale { log_ticks(low, high) } else { style::ticks(low, high, count) };
    let step = if lines.len() > 1 { lines[1] - lines[0] } else { high - low };
    for &value in &lines {
        let at = axes.y(value);
        painter.hline(plot.x_range(), at, Stroke::new(1.0, color(palette.line)));
        let text = if axes.log_scale { live_text(value) } else { style::tick_label(value, step) };
        let place = pos2(plot.left() - 8.0, at);
        painter.text(place, Align2::RIGHT_CENTER, text, axis.clone(), color(palette.muted));
    }
    // A mark for each epoch, as long as they are told apart.
    if f64::from(plot.width()) / axes.end > 5.0 {
        let stroke = Stroke::new(1.0, color(palette.faint));
        for epoch in 1..=axes.end as u32 {
            let at = axes.x(f64::from(epoch));
            painter.vline(at, egui::Rangef::new(plot.bottom(), plot.bottom() + 4.0), stroke);
        }
    }
    for value in style::ticks(0.0, axes.end, (plot.width() / 70.0).clamp(2.0, 12.0) as usize) {
        if value.fract() != 0.0 && axes.end > 2.0 {
            continue;
        }
        let text = if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") };
        let place = pos2(axes.x(value), plot.bottom() + 8.0);
        painter.text(place, Align2::CENTER_TOP, text, axis.clone(), color(palette.muted));
    }
}

/// The values under the pointer.
fn crosshair(
    ui: &Ui,
    palette: &Palette,
    axes: &Axes,
    pointer: egui::Pos2,
    smoothed: &[[f32; 2]],
    validation: &[[f32; 2]],
) {
    let plot = axes.plot;
    let epoch = f64::from((pointer.x - plot.left()) / plot.width()) * axes.end;
    let nearest = |points: &[[f32; 2]]| {
        let away = |point: &[f32; 2]| (f64::from(point[0]) - epoch).abs();
        points.iter().copied().min_by(|a, b| away(a).total_cmp(&away(b)))
    };
    let Some(train) = nearest(smoothed) else { return };
    let at = axes.x(f64::from(train[0]));
    let painter = ui.painter_at(plot.expand2(vec2(4.0, 1.0)));
    painter.vline(at, plot.y_range(), Stroke::new(1.0, faded(palette.text, 0.35)));
    painter.circle_filled(axes.place(train), 4.0, color(palette.accent));
    let font = regular(size::AXIS);
    let value = |point: [f32; 2]| style::figure(f64::from(point[1]));
    let mut lines =
        vec![(format!("epoch {:.2}", train[0]), palette.text), (format!("train {}", value(train)), palette.accent)];
    if let Some(point) = nearest(validation) {
        painter.circle_filled(axes.place(point), 4.0, color(palette.second));
        lines.push((format!("validation {} at {:.0}", value(point), point[0]), palette.second));
    }
    let galleys: Vec<_> = lines
        .into_iter()
        .map(|(text, ink)| (painter.layout_no_wrap(text, font.clone(), color(ink)), color(ink)))
        .collect();
    let width = galleys.iter().map(|(galley, _)| galley.size().x).fold(0.0, f32::max);
    let extent = vec2(width + 12.0, 15.0 * galleys.len() as f32 + 6.0);
    let left = if at > plot.center().x { at - 8.0 - extent.x } else { at + 8.0 };
    let rect = Rect::from_min_size(pos2(left, plot.bottom() - extent.y - 6.0), extent);
    painter.rect_filled(rect, 4.0, faded(palette.raised, 0.95));
    for (i, (galley, ink)) in galleys.into_iter().enumerate() {
        painter.galley(rect.min + vec2(6.0, 3.0 + 15.0 * i as f32), galley, ink);
    }
}

/// 1, 2 and 5 of each power of ten between 10^low and 10^high.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    (low.floor() as i32..=high.ceil() as i32)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|unit| unit * 10_f64.powi(power)))
        .filter(|value| (low..=high).contains(&value.log10()))
        .collect()
}

/// At most two points a pixel: no eye sees more and every frame pays for them.
fn thinned(points: Vec<egui::Pos2>, width: f32) -> Vec<egui::Pos2> {
    let most = (2.0 * width).max(2.0) as usize;
    if points.len() <= most {
        return points;
    }
    let stride = points.len().div_ceil(most);
    points.into_iter().step_by(stride).collect()
}
