//! Training and validation curves: the accent is training, the second colour validation, everywhere.

use egui::{Align2, Rect, Shape, Stroke, Ui, pos2};

use super::controls::rate_text;
use super::theme::{colour, faded, regular, semibold};
use super::widgets::{Button, ButtonKind, card_title};
use crate::style::{self, Palette, size, space};
use crate::tasks::{curve_range, smooth};
use crate::train::Snapshot;

/// How the loss axis is divided.
#[derive(Debug, Default)]
pub(super) struct Curves {
    pub log_scale: bool,
}

impl Curves {
    pub fn ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
        let title = snapshot.spec.as_ref().map_or("Loss", |spec| spec.objective_title());
        card_title(ui, palette, inside, title, if inside.width() > 480.0 { "by epoch" } else { "" });
        let kind = if self.log_scale { ButtonKind::ChipOn } else { ButtonKind::Chip };
        let button = Button::new(kind, "log", "Divide the loss axis by ratios instead of differences (L)");
        let (response, mut right) = button.show_right(ui, palette, inside.right_top());
        if response.clicked() {
            self.log_scale = !self.log_scale;
        }
        right -= space::M;
        let smoothed = smooth(&snapshot.train_curve);
        let latest = [
            (snapshot.validation_curve.last(), "validation", palette.second),
            (smoothed.last(), "train", palette.accent),
        ];
        for (point, name, ink) in latest {
            let Some(point) = point else { continue };
            let text = format!("{name} {}", style::figure(f64::from(point[1])));
            let at = pos2(right, inside.top() + 10.0);
            let drawn = ui.painter().text(at, Align2::RIGHT_CENTER, text, semibold(size::TEXT), colour(ink));
            right = drawn.left() - space::M;
        }
        let plot = Rect::from_min_max(
            pos2(inside.left() + 44.0, inside.top() + 36.0),
            pos2(inside.right() - 4.0, inside.bottom() - 22.0),
        );
        if !plot.is_positive() {
            return;
        }
        let Some((low, high)) = self.range(&smoothed, snapshot) else {
            let words =
                if snapshot.message.is_empty() { "The first steps are on their way" } else { &snapshot.message };
            let font = regular(size::TEXT);
            ui.painter().text(plot.center(), Align2::CENTER_CENTER, words, font, colour(palette.muted));
            return;
        };
        self.plot(ui, palette, plot, snapshot, &smoothed, (low, high));
    }

    fn range(&self, smoothed: &[[f32; 2]], snapshot: &Snapshot) -> Option<(f64, f64)> {
        let (low, high) = curve_range(smoothed, &snapshot.validation_curve)?;
        if !self.log_scale {
            return Some((low, high));
        }
        // Everything is shown: a ratio scale has room for the steep fall.
        let all = smoothed.iter().chain(snapshot.validation_curve.iter()).map(|p| f64::from(p[1]));
        let positive: Vec<f64> = all.filter(|value| *value > 0.0).collect();
        let low = positive.iter().copied().fold(f64::INFINITY, f64::min);
        let high = positive.iter().copied().fold(0.0, f64::max);
        (low < high).then(|| ((low * 0.95).log10(), (high * 1.05).log10()))
    }

    fn plot(
        &self,
        ui: &Ui,
        palette: &Palette,
        plot: Rect,
        snapshot: &Snapshot,
        smoothed: &[[f32; 2]],
        (low, high): (f64, f64),
    ) {
        let painter = ui.painter();
        let done = snapshot.train_curve.last().map_or(0.0, |p| f64::from(p[0]));
        let whole = snapshot.total_steps as f64 / snapshot.steps_per_epoch.max(1) as f64;
        // The axis grows with the run, in halves of what is there, up to its end.
        let end = (done * 1.15).max(0.5).min(whole.max(done)).max(1e-6);
        let x = |epoch: f64| plot.left() + (epoch / end) as f32 * plot.width();
        let scaled = |loss: f64| if self.log_scale { loss.max(1e-12).log10() } else { loss };
        let y = |loss: f64| plot.bottom() - ((scaled(loss) - low) / (high - low)) as f32 * plot.height();

        let axis = regular(size::AXIS);
        let count = (plot.height() / 48.0).clamp(2.0, 7.0) as usize;
        let lines = if self.log_scale { log_ticks(low, high) } else { style::ticks(low, high, count) };
        let step = if lines.len() > 1 { lines[1] - lines[0] } else { high - low };
        for &value in &lines {
            let at = y(value);
            painter.hline(plot.x_range(), at, Stroke::new(1.0, colour(palette.line)));
            let text = if self.log_scale { rate_text(value) } else { style::tick_label(value, step) };
            let place = pos2(plot.left() - 8.0, at);
            painter.text(place, Align2::RIGHT_CENTER, text, axis.clone(), colour(palette.muted));
        }
        for value in style::ticks(0.0, end, (plot.width() / 70.0).clamp(2.0, 12.0) as usize) {
            if value.fract() != 0.0 && end > 2.0 {
                continue;
            }
            let text = if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") };
            let place = pos2(x(value), plot.bottom() + 8.0);
            painter.text(place, Align2::CENTER_TOP, text, axis.clone(), colour(palette.muted));
        }

        let clipped = ui.painter_at(plot.expand2(egui::vec2(4.0, 1.0)));
        if let Some(pca) = &snapshot.pca
            && snapshot.spec.as_ref().is_some_and(|spec| spec.objective.loss.is_mse())
            && (low..=high).contains(&scaled(pca.mse))
        {
            let at = y(pca.mse);
            let dashes = Shape::dashed_line(
                &[pos2(plot.left(), at), pos2(plot.right(), at)],
                Stroke::new(1.0, colour(palette.muted)),
                6.0,
                4.0,
            );
            clipped.extend(dashes);
            let text = format!("PCA, {} components", pca.components);
            clipped.text(pos2(plot.right(), at - 3.0), Align2::RIGHT_BOTTOM, text, axis.clone(), colour(palette.muted));
        }
        let place = |points: &[[f32; 2]]| {
            points.iter().map(|p| pos2(x(f64::from(p[0])), y(f64::from(p[1])))).collect::<Vec<_>>()
        };
        clipped
            .line(thinned(place(&snapshot.train_curve), plot.width()), Stroke::new(1.0, faded(palette.accent, 0.32)));
        clipped.line(place(smoothed), Stroke::new(2.0, colour(palette.accent)));
        let validation = place(&snapshot.validation_curve);
        for &point in &validation {
            clipped.circle_filled(point, 3.0, colour(palette.second));
        }
        clipped.line(validation, Stroke::new(2.0, colour(palette.second)));
        let mut before = snapshot.spec.as_ref().map_or(0.0, |spec| spec.optimizer.learning_rate);
        for (i, edit) in snapshot.edits.iter().enumerate() {
            let at = x(edit.step as f64 / snapshot.steps_per_epoch.max(1) as f64);
            let stroke = Stroke::new(1.0, colour(palette.muted));
            clipped.extend(Shape::dashed_line(&[pos2(at, plot.top()), pos2(at, plot.bottom())], stroke, 4.0, 4.0));
            let text = format!("learning rate {} to {}", rate_text(before), rate_text(edit.value));
            before = edit.value;
            let side = if at > plot.center().x { Align2::RIGHT_TOP } else { Align2::LEFT_TOP };
            let offset = if at > plot.center().x { -6.0 } else { 6.0 };
            let line = pos2(at + offset, plot.top() + (i % 4) as f32 * 16.0);
            clipped.text(line, side, text, axis.clone(), colour(palette.muted));
        }
        if let Some(pointer) = ui.ctx().pointer_hover_pos().filter(|pointer| plot.contains(*pointer)) {
            crosshair(ui, palette, plot, pointer, smoothed, &x, end);
        }
    }
}

fn crosshair(
    ui: &Ui,
    palette: &Palette,
    plot: Rect,
    pointer: egui::Pos2,
    smoothed: &[[f32; 2]],
    x: &impl Fn(f64) -> f32,
    end: f64,
) {
    let epoch = f64::from((pointer.x - plot.left()) / plot.width()) * end;
    let Some(nearest) =
        smoothed.iter().min_by(|a, b| (f64::from(a[0]) - epoch).abs().total_cmp(&(f64::from(b[0]) - epoch).abs()))
    else {
        return;
    };
    let at = x(f64::from(nearest[0]));
    ui.painter().vline(at, plot.y_range(), Stroke::new(1.0, faded(palette.text, 0.35)));
    let text = format!("epoch {:.2}, train {}", nearest[0], style::figure(f64::from(nearest[1])));
    let (align, offset) = if at > plot.center().x { (Align2::RIGHT_BOTTOM, -8.0) } else { (Align2::LEFT_BOTTOM, 8.0) };
    let place = pos2(at + offset, plot.bottom() - 6.0);
    let ink = colour(palette.text);
    let galley = ui.painter().layout_no_wrap(text, regular(size::AXIS), ink);
    let rect = align.anchor_size(place, galley.size());
    ui.painter().rect_filled(rect.expand2(egui::vec2(6.0, 3.0)), 4.0, faded(palette.raised, 0.95));
    ui.painter().galley(rect.min, galley, ink);
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
