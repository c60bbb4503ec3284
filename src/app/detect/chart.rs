//! Histogram of scores with a draggable threshold, and the ROC curve.

use egui::{Align2, CornerRadius, Rect, Sense, Stroke, Ui, pos2, vec2};

use super::score_index::ScoreIndex;
use crate::app::ui::shapes::{area_of, paint_shapes};
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::card_title;
use crate::plot::{AxisScale, Bar, Chart, ChartAxis, LineStyle, Series, Ticks, Tone};
use crate::style::{self, Palette, size, space};

/// Number of bars of the histogram.
const BARS: usize = 72;

/// Draws the histogram; returns the new threshold while it is dragged.
pub(super) fn histogram(
    ui: &mut Ui,
    palette: &Palette,
    inside: Rect,
    view: &ScoreIndex,
    threshold: f64,
) -> Option<f64> {
    let second = if inside.width() < 640.0 {
        "1 = average normal row"
    } else {
        "1 = average normal row; drag to set the threshold"
    };
    card_title(ui, palette, inside, "Scores", second);
    let plot = Rect::from_min_max(
        pos2(inside.left() + 44.0, inside.top() + 36.0),
        pos2(inside.right() - 4.0, inside.bottom() - 24.0),
    );
    if !plot.is_positive() {
        return None;
    }
    let [low, high] = view.range;
    let bars = view.bars(BARS);
    let most = bars.iter().map(|bar| bar[0] + bar[1]).max().unwrap_or(1).max(1);
    let mut chart = Chart::new(
        ChartAxis::new(AxisScale::Ratio, (low, high), Ticks::Powers),
        ChartAxis { has_lines: true, ..ChartAxis::new(AxisScale::Counts, (0.0, f64::from(most)), Ticks::Powers) },
    );
    let score = |bar: usize| chart.x.value(bar as f64 / BARS as f64);
    let mut drawn = Vec::new();
    for (at, &[normal, abnormal]) in bars.iter().enumerate() {
        let (from, to) = (score(at), score(at + 1));
        let mut stack = [(normal, Tone::Second), (abnormal, Tone::Bad)];
        // The smaller bar is drawn over the larger.
        stack.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        for (count, tone) in stack.into_iter().filter(|(count, _)| *count > 0) {
            let alpha = if view.has_labels() { 1.0 } else { 0.55 };
            let bar = Bar { from, to, height: f64::from(count), tone, alpha };
            drawn.push(bar);
            // The part of a bar above the threshold is drawn at full strength.
            if !view.has_labels() && threshold < to {
                drawn.push(Bar { from: from.max(threshold), alpha: 1.0, ..bar });
            }
        }
    }
    chart.bars = drawn;
    let area = area_of(plot);
    let painter = ui.painter().clone();
    paint_shapes(&painter, palette, &chart.shapes(area));
    let across = (chart.x.share(threshold.max(low)) as f32).clamp(0.0, 1.0);
    let line = plot.left() + across * plot.width();
    painter.hline(plot.x_range(), plot.bottom(), Stroke::new(1.0, color(palette.line)));
    let response = ui.interact(plot, ui.scope_id().with("threshold"), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::slider(true, threshold, "Threshold on the histogram"));
    let hot = response.hovered() || response.dragged();
    painter.vline(line, plot.y_range(), Stroke::new(if hot { 3.0 } else { 2.0 }, color(palette.accent)));
    painter.circle_filled(pos2(line, plot.top()), 5.0, color(palette.accent));
    let (align, beside) = if across > 0.75 { (Align2::RIGHT_CENTER, -10.0) } else { (Align2::LEFT_CENTER, 10.0) };
    let text = format!("threshold {}", style::figure(threshold));
    painter.text(pos2(line + beside, plot.top() + 2.0), align, text, semibold(size::SECOND), color(palette.accent));
    if view.has_labels() {
        let mut right = inside.right();
        for (name, ink) in [("labeled abnormal", palette.bad), ("labeled normal", palette.second)] {
            let at = pos2(right, inside.top() + 10.0);
            let drawn = painter.text(at, Align2::RIGHT_CENTER, name, regular(size::SECOND), color(palette.muted));
            let mark = Rect::from_center_size(pos2(drawn.left() - 10.0, at.y), vec2(9.0, 9.0));
            painter.rect_filled(mark, CornerRadius::same(2), color(ink));
            right = mark.left() - space::M;
        }
    }
    if hot {
        ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
    }
    let pointer = response.interact_pointer_pos()?;
    let share = f64::from(((pointer.x - plot.left()) / plot.width()).clamp(0.0, 1.0));
    Some(chart.x.value(share))
}

/// Draws the ROC curve with the operating point of `threshold`.
pub(super) fn roc(ui: &mut Ui, palette: &Palette, inside: Rect, view: &ScoreIndex, threshold: f64) {
    let area = view.roc_auc.map_or_else(String::new, |area| format!("AUC {area:.4}"));
    card_title(ui, palette, inside, "ROC curve", &area);
    let top = inside.top() + 50.0;
    let side = (inside.bottom() - top - 20.0).min(inside.width() - 30.0);
    if side < 40.0 {
        return;
    }
    let plot = Rect::from_min_size(pos2(inside.left() + 26.0, top), vec2(side, side));
    let painter = ui.painter().clone();
    let shares = |ticks: &[f64]| ChartAxis::new(AxisScale::Even, (0.0, 1.0), Ticks::At(ticks.to_vec()));
    // The name of the x axis stands between its end labels.
    let mut chart = Chart::new(shares(&[0.0, 1.0]), ChartAxis { has_lines: true, ..shares(&[0.0, 0.5, 1.0]) });
    chart.y.title = "true positive rate";
    for (points, tone, width) in [
        (vec![[0.0, 0.0], [1.0, 1.0]], Tone::Faint, 1.0),
        (view.roc.iter().map(|&[found, alarms]| [alarms, found]).collect(), Tone::Second, 2.0),
    ] {
        let style = LineStyle::solid(tone, width);
        chart.series.push(Series { name: String::new(), points, style, dots: 0.0 });
    }
    let area = area_of(plot);
    paint_shapes(&painter, palette, &chart.shapes(area));
    let at = pos2(plot.center().x, plot.bottom() + 8.0);
    let name = if side < 150.0 { "FPR" } else { "false positive rate" };
    painter.text(at, Align2::CENTER_TOP, name, regular(size::AXIS), color(palette.muted));
    if let Some(at) = view.at(threshold) {
        let [x, y] = chart.place(area, [at.false_alarms, at.recall]);
        painter.circle_filled(pos2(x, y), 6.0, color(palette.panel));
        painter.circle_filled(pos2(x, y), 4.5, color(palette.accent));
    }
    let response = ui.interact(plot, ui.scope_id().with("roc"), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, "ROC curve"));
    response.on_hover_text(
        "Each point is a threshold: the share of abnormal rows above it (true positives) against the share of normal \
         rows above it (false positives). The dot is the current threshold, the diagonal is chance.",
    );
}
