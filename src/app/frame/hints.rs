//! Three numbered hints of the first start; the same numbers mark their controls in the workspace.

use egui::{Align2, Id, LayerId, Order, Painter, Pos2, Rect, Sense, Stroke, Ui, pos2, vec2};

use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind, part_of_line};
use crate::style::{Palette, size, space};

/// Control that a hint refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    LearningRate,
    Explore,
    Change,
}

const TARGETS: [Target; 3] = [Target::LearningRate, Target::Explore, Target::Change];

/// Records the position of `target` in this frame; `at` is the center of its number.
pub(crate) fn is_at(ui: &Ui, target: Target, at: Pos2) {
    let pass = ui.ctx().cumulative_pass_nr();
    ui.ctx().data_mut(|data| data.insert_temp(Id::unique(target), (at, pass)));
}

/// Height of the line of hints at the bottom of the workspace.
pub(crate) const HEIGHT: f32 = 40.0;

const HINTS: [(&str, &str); 3] = [
    ("Drag the learning rate", "to see its effect on the loss"),
    ("Press 2 to explore", "and drag over the map to decode it"),
    ("Choose \u{201c}change\u{201d}", "to train another model"),
];

/// Draws the hints; returns true when they are dismissed for good.
pub(crate) fn hints_ui(ui: &mut Ui, palette: &Palette, line: Rect) -> bool {
    ui.painter().rect_filled(line, 0.0, color(palette.raised));
    ui.painter().hline(line.x_range(), line.top() + 0.5, Stroke::new(1.0, color(palette.line)));
    let y = line.center().y;
    let away = Button::new(ButtonKind::Chip, "Got it", "Hide these hints; ? lists all shortcuts");
    let (response, right) = away.show_right(ui, palette, pos2(line.right() - space::L, y - 10.0));
    let width = (right - line.left() - 2.0 * space::L) / HINTS.len() as f32;
    let short = width < 300.0;
    for (index, (what, why)) in HINTS.iter().enumerate() {
        let left = line.left() + space::L + index as f32 * width;
        number(ui.painter(), palette, pos2(left + 9.0, y), index);
        let at = pos2(left + 26.0, y);
        let room = width - 26.0 - space::M;
        let drawn = part_of_line(ui, at, room, what, semibold(size::SECOND), color(palette.text));
        if !short {
            let at = pos2(drawn.right() + 5.0, y);
            part_of_line(ui, at, room - drawn.width() - 5.0, why, regular(size::SECOND), color(palette.muted));
        }
        let place = Rect::from_min_size(pos2(left, line.top()), vec2(width - space::M, line.height()));
        let response = ui.interact(place, ui.scope_id().with(("hint", index)), Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, format!("{what} {why}")));
        response.on_hover_text(format!("{what} {why}"));
    }
    response.clicked()
}

/// Draws the numbers beside the controls, over the workspace.
pub(crate) fn point(ui: &Ui, palette: &Palette, workspace: Rect) {
    let over = ui.ctx().layer_painter(LayerId::new(Order::Middle, Id::unique("hint numbers")));
    let now = ui.ctx().cumulative_pass_nr();
    for (index, target) in TARGETS.into_iter().enumerate() {
        let place: Option<(Pos2, u64)> = ui.ctx().data(|data| data.get_temp(Id::unique(target)));
        // Controls that are not drawn or scrolled out of sight get no number.
        if let Some((at, _)) = place.filter(|(at, pass)| *pass == now && at.y < workspace.bottom()) {
            number(&over, palette, at, index);
        }
    }
}

fn number(painter: &Painter, palette: &Palette, at: Pos2, index: usize) {
    painter.circle(at, 9.0, color(palette.raised), Stroke::new(1.2, color(palette.accent)));
    let text = (index + 1).to_string();
    painter.text(at, Align2::CENTER_CENTER, text, semibold(size::AXIS), color(palette.accent));
}
