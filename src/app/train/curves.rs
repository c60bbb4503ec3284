//! Loss curves: train in the accent color, validation in the second color.

use egui::{Align2, Rect, Stroke, Ui, pos2, vec2};

use crate::app::ui::shapes::{area_of, paint_shapes};
use crate::app::ui::theme::{color, faded, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind, Scale, Slider, card_title, text_label};
use crate::monitor::{PlayState, Snapshot};
use crate::plot::{AxisScale, Chart, smooth_by};
use crate::style;
use crate::style::{Palette, size, space};

/// Display options of the curves.
#[derive(Debug)]
pub(crate) struct Curves {
    pub log_scale: bool,
    /// Window of the moving average, as a share of the curve.
    smoothing: f64,
}

impl Default for Curves {
    fn default() -> Self {
        Self { log_scale: false, smoothing: USUAL_SMOOTHING }
    }
}

const USUAL_SMOOTHING: f64 = 0.02;
const MOST_SMOOTHING: f64 = 0.2;

impl Curves {
    pub fn ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
        let right = self.chips_ui(ui, palette, inside) - space::M;
        let smoothed = smooth_by(&snapshot.curves.train, self.smoothing);
        let mut right = right;
        let latest = [
            (snapshot.curves.validation.last(), "validation", palette.second),
            (smoothed.last(), "train", palette.accent),
        ];
        for (point, name, ink) in latest {
            let Some(point) = point else { continue };
            let text = format!("{name} {}", style::figure(f64::from(point[1])));
            let at = pos2(right, inside.top() + 10.0);
            let drawn = text_label(ui, name, (at, Align2::RIGHT_CENTER), &text, semibold(size::TEXT), color(ink));
            right = drawn.left() - space::M;
        }
        let titles = snapshot.run.spec.as_ref().map_or(["Loss"; 2], |spec| spec.objective_titles());
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
        let done = snapshot.curves.train.last().map_or(0.0, |p| f64::from(p[0]));
        let whole = snapshot.run.total_steps as f64 / snapshot.run.steps_per_epoch.max(1) as f64;
        // The axis ends 15% beyond the current epoch, but not after the run.
        let end = (done * 1.15).max(0.5).min(whole.max(done)).max(1e-6);
        let scale = if self.log_scale { AxisScale::Ratio } else { AxisScale::Even };
        let curves = snapshot.loss_curves(self.smoothing, scale, end);
        let area = area_of(plot);
        let Some(chart) = curves.chart(area) else {
            let words = match snapshot.progress.state {
                _ if !snapshot.progress.message.is_empty() => snapshot.progress.message.as_str(),
                PlayState::Finished => "No run folder beside this model",
                _ => "Waiting for the first steps",
            };
            let font = regular(size::TEXT);
            text_label(ui, "no curves", (plot.center(), Align2::CENTER_CENTER), words, font, color(palette.muted));
            return;
        };
        paint_shapes(ui.painter(), palette, &chart.shapes(area));
        if let Some(pointer) = ui.ctx().pointer_hover_pos().filter(|pointer| plot.contains(*pointer)) {
            crosshair(ui, palette, (plot, &chart), pointer, &smoothed, &snapshot.curves.validation);
        }
    }

    /// Draws the chips for scale and smoothing; returns their left edge.
    fn chips_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect) -> f32 {
        let kind = if self.log_scale { ButtonKind::ChipOn } else { ButtonKind::Chip };
        let button = Button::new(kind, "log", "Log scale of the loss axis (L)");
        let (response, left) = button.show_right(ui, palette, inside.right_top());
        if response.clicked() {
            self.log_scale = !self.log_scale;
        }
        let kind = if self.smoothing == USUAL_SMOOTHING { ButtonKind::Chip } else { ButtonKind::ChipOn };
        let button = Button::new(kind, "smooth", "Smoothing of the train loss over batches");
        let (response, left) = button.show_right(ui, palette, pos2(left - 6.0, inside.top()));
        let popup = egui::Popup::menu(&response).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
        popup.width(280.0).show(|ui| {
            let (line, _) = ui.allocate_exact_size(vec2(280.0, 28.0), egui::Sense::hover());
            let slider = Slider {
                name: "Smoothing",
                help: "Window of the moving average, as a share of the run; 0 shows every batch",
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
}

/// Draws the values at the epoch under the pointer.
fn crosshair(
    ui: &Ui,
    palette: &Palette,
    (plot, chart): (Rect, &Chart),
    pointer: egui::Pos2,
    smoothed: &[[f32; 2]],
    validation: &[[f32; 2]],
) {
    let epoch = chart.x.value(f64::from((pointer.x - plot.left()) / plot.width()));
    let place = |point: [f32; 2]| {
        let [x, y] = chart.place(area_of(plot), point.map(f64::from));
        pos2(x, y)
    };
    let nearest = |points: &[[f32; 2]]| {
        let away = |point: &[f32; 2]| (f64::from(point[0]) - epoch).abs();
        points.iter().copied().min_by(|a, b| away(a).total_cmp(&away(b)))
    };
    let Some(train) = nearest(smoothed) else { return };
    let at = place(train).x;
    let painter = ui.painter_at(plot.expand2(vec2(4.0, 1.0)));
    painter.vline(at, plot.y_range(), Stroke::new(1.0, faded(palette.text, 0.35)));
    painter.circle_filled(place(train), 4.0, color(palette.accent));
    let font = regular(size::AXIS);
    let value = |point: [f32; 2]| style::figure(f64::from(point[1]));
    let mut lines =
        vec![(format!("epoch {:.2}", train[0]), palette.text), (format!("train {}", value(train)), palette.accent)];
    if let Some(point) = nearest(validation) {
        painter.circle_filled(place(point), 4.0, color(palette.second));
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
