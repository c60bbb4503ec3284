//! The histogram of scores, with the threshold to drag, and the curve of what it finds against false alarms.

use egui::{Align2, CornerRadius, Rect, Sense, Stroke, Ui, pos2, vec2};

use super::score_index::ScoreIndex;
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::card_title;
use crate::style::{self, Palette, size, space};

/// Bars across the histogram.
const BARS: usize = 72;

/// Draws the histogram; gives another threshold where it is dragged.
pub(super) fn histogram(
    ui: &mut Ui,
    palette: &Palette,
    inside: Rect,
    view: &ScoreIndex,
    threshold: f64,
) -> Option<f64> {
    let second = if inside.width() < 640.0 { "1 is usual" } else { "1 is usual; drag the line to move the threshold" };
    card_title(ui, palette, inside, "Scores", second);
    let plot = Rect::from_min_max(
        pos2(inside.left() + 44.0, inside.top() + 36.0),
        pos2(inside.right() - 4.0, inside.bottom() - 24.0),
    );
    if !plot.is_positive() {
        return None;
    }
    let [low, high] = view.range;
    let across = |score: f64| ((score.max(low).ln() - low.ln()) / (high.ln() - low.ln())) as f32;
    let x = |score: f64| plot.left() + across(score).clamp(0.0, 1.0) * plot.width();
    let bars = view.bars(BARS);
    let most = bars.iter().map(|bar| bar[0] + bar[1]).max().unwrap_or(1).max(1) as f32;
    let height = |count: u32| (1.0 + count as f32).ln() / (1.0 + most).ln() * plot.height();
    let painter = ui.painter().clone();
    let axis = regular(size::AXIS);
    for count in [1, 10, 100, 1000, 10_000, 100_000, 1_000_000].into_iter().filter(|&count| count as f32 <= most) {
        let y = plot.bottom() - height(count);
        painter.hline(plot.x_range(), y, Stroke::new(1.0, color(palette.line)));
        let text = style::grouped(u64::from(count));
        painter.text(pos2(plot.left() - 8.0, y), Align2::RIGHT_CENTER, text, axis.clone(), color(palette.muted));
    }
    let power = |power: i32| 10_f64.powi(power);
    for score in (-4..9).map(power).filter(|score| (low..=high).contains(score)) {
        let at = pos2(x(score), plot.bottom() + 8.0);
        painter.text(at, Align2::CENTER_TOP, score.to_string(), axis.clone(), color(palette.muted));
    }
    let width = plot.width() / BARS as f32;
    let cut = across(threshold) * BARS as f32;
    for (at, &[normal, abnormal]) in bars.iter().enumerate() {
        let left = plot.left() + at as f32 * width;
        let mut stack = [(normal, palette.second), (abnormal, palette.bad)];
        // The smaller one stands before the larger.
        stack.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        for (count, ink) in stack.into_iter().filter(|(count, _)| *count > 0) {
            let bar = Rect::from_min_max(
                pos2(left + 0.5, plot.bottom() - height(count)),
                pos2(left + width - 0.5, plot.bottom()),
            );
            // Only what lies above the threshold is bright, within a bar too.
            let above = pos2(bar.left().max(plot.left() + cut * width), bar.top());
            let strength = if view.has_labels() { 1.0 } else { 0.55 };
            painter.rect_filled(bar, CornerRadius::same(1), color(ink).gamma_multiply(strength));
            if !view.has_labels() && above.x < bar.right() {
                painter.rect_filled(Rect::from_min_max(above, bar.max), CornerRadius::same(1), color(ink));
            }
        }
    }
    painter.hline(plot.x_range(), plot.bottom(), Stroke::new(1.0, color(palette.line)));
    let line = x(threshold);
    let response = ui.interact(plot, ui.scope_id().with("threshold"), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::slider(true, threshold, "Threshold on the histogram"));
    let hot = response.hovered() || response.dragged();
    painter.vline(line, plot.y_range(), Stroke::new(if hot { 3.0 } else { 2.0 }, color(palette.accent)));
    painter.circle_filled(pos2(line, plot.top()), 5.0, color(palette.accent));
    let (align, beside) =
        if across(threshold) > 0.75 { (Align2::RIGHT_CENTER, -10.0) } else { (Align2::LEFT_CENTER, 10.0) };
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
    Some((low.ln() + share * (high.ln() - low.ln())).exp())
}

/// Draws what each threshold would find against the normal rows that it would call abnormal.
pub(super) fn roc(ui: &mut Ui, palette: &Palette, inside: Rect, view: &ScoreIndex, threshold: f64) {
    let area = view.roc_auc.map_or_else(String::new, |area| format!("area {area:.4}"));
    card_title(ui, palette, inside, "By the labels", &area);
    let top = inside.top() + 50.0;
    let side = (inside.bottom() - top - 20.0).min(inside.width() - 30.0);
    if side < 40.0 {
        return;
    }
    let plot = Rect::from_min_size(pos2(inside.left() + 26.0, top), vec2(side, side));
    let painter = ui.painter().clone();
    let axis = regular(size::AXIS);
    for share in [0.0, 0.5, 1.0] {
        let y = plot.bottom() - share * side;
        painter.hline(plot.x_range(), y, Stroke::new(1.0, color(palette.line)));
        let muted = color(palette.muted);
        painter.text(pos2(plot.left() - 6.0, y), Align2::RIGHT_CENTER, share.to_string(), axis.clone(), muted);
        let at = pos2(plot.left() + share * side, plot.bottom() + 6.0);
        // Between the ends the axis has its name.
        if share != 0.5 {
            painter.text(at, Align2::CENTER_TOP, share.to_string(), axis.clone(), muted);
        }
    }
    let muted = color(palette.muted);
    painter.text(pos2(inside.left(), top - 16.0), Align2::LEFT_CENTER, "abnormal rows found", axis.clone(), muted);
    let at = pos2(plot.center().x, plot.bottom() + 6.0);
    painter.text(at, Align2::CENTER_TOP, "false alarms", axis, muted);
    let place =
        |[found, alarms]: [f64; 2]| pos2(plot.left() + alarms as f32 * side, plot.bottom() - found as f32 * side);
    painter.line_segment([plot.left_bottom(), plot.right_top()], Stroke::new(1.0, color(palette.faint)));
    let points: Vec<egui::Pos2> = view.roc.iter().copied().map(place).collect();
    painter.add(egui::Shape::line(points, Stroke::new(2.0, color(palette.second))));
    if let Some(at) = view.at(threshold) {
        painter.circle_filled(place([at.recall, at.false_alarms]), 6.0, color(palette.panel));
        painter.circle_filled(place([at.recall, at.false_alarms]), 4.5, color(palette.accent));
    }
    let response = ui.interact(plot, ui.scope_id().with("roc"), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, "ROC curve"));
    response.on_hover_text(
        "Each point is a threshold: how many abnormal rows it finds, and how many normal rows it calls abnormal. \
         The dot is the present one; the straight line is chance.",
    );
}
