//! Data card: thumbnails, size and split, and the menu of other data.

use egui::{Align2, CornerRadius, Rect, Ui, pos2, vec2};

use super::data_menu::DataMenu;
use super::reconstructions::ReconstructionsCard;
use crate::app::ui::theme::{color, regular};
use crate::app::ui::widgets::{
    Button, ButtonKind, card_title, line_of_text, progress, text_label, text_width, value_row,
};
use crate::app::workspace::{Action, Context};
use crate::monitor::PlayState;
use crate::style;
use crate::style::{size, space};

/// Draws the card; returns its action.
pub(crate) fn data_ui(
    ui: &mut Ui,
    inside: Rect,
    context: Context<'_>,
    menu: &mut DataMenu,
    textures: &ReconstructionsCard,
) -> Option<Action> {
    let (palette, snapshot) = (context.palette, &context.moment.snapshot);
    let data = &snapshot.run.data;
    let is_open = data.rows > 0;
    let (action, left) = if context.can_cancel && !is_open {
        let help = "Stop opening this data and go back to the run before";
        let (cancel, left) = Button::new(ButtonKind::Chip, "cancel", help).show_right(ui, palette, inside.right_top());
        (cancel.clicked().then_some(Action::CancelStart), left)
    } else {
        let source = snapshot.run.spec.as_ref().map(|spec| spec.data.source.as_str());
        let (choice, left) = menu.ui(ui, palette, inside, context.recent, source.filter(|_| is_open));
        (choice.map(Action::ChooseData), left)
    };
    let room = Rect::from_min_max(inside.min, pos2(left - space::S, inside.bottom()));
    card_title(ui, palette, room, "Data", &data.name);
    if !is_open {
        let at = pos2(inside.left(), inside.top() + 40.0);
        let message = &snapshot.progress.message;
        line_of_text(ui, at, inside.width(), message, regular(size::TEXT), color(palette.muted));
        if !message.is_empty() && snapshot.progress.state == PlayState::Preparing {
            let bar = Rect::from_min_size(pos2(inside.left(), at.y + 18.0), vec2(inside.width(), 6.0));
            progress(ui, palette, bar, None);
        }
        return action;
    }
    let strip =
        Rect::from_min_size(pos2(inside.left(), inside.top() + 30.0), vec2(inside.width(), inside.width() / 10.0));
    textures.inputs_strip(ui, strip);
    let line = Rect::from_min_size(pos2(inside.left(), strip.bottom() + 6.0), vec2(inside.width(), 26.0));
    let row = if data.row.is_empty() { style::counted(data.features, "value") } else { data.row.clone() };
    // The count says that they are windows.
    let row = row.strip_prefix("windows of ").unwrap_or(&row);
    let count = style::grouped(data.rows as u64);
    let count_of = format!("{count} {}", data.noun());
    let font = regular(size::TEXT);
    let fits = text_width(ui, row, &font) + text_width(ui, &count_of, &font) + space::M <= line.width();
    value_row(ui, palette, line, row, if fits { &count_of } else { &count });
    let bar = Rect::from_min_size(pos2(inside.left(), line.bottom() + 4.0), vec2(inside.width(), 6.0));
    let parts = [(data.train, palette.accent), (data.validation, palette.second), (data.test, palette.faint)];
    let total = (data.train + data.validation + data.test).max(1) as f32;
    let mut x = bar.left();
    for (i, (rows, fill)) in parts.into_iter().enumerate() {
        let width = rows as f32 / total * bar.width();
        let segment = Rect::from_min_size(pos2(x, bar.top()), vec2((width - 1.5).max(1.0), bar.height()));
        let rounding = CornerRadius {
            nw: if i == 0 { 3 } else { 0 },
            sw: if i == 0 { 3 } else { 0 },
            ne: if i == 2 { 3 } else { 0 },
            se: if i == 2 { 3 } else { 0 },
        };
        ui.painter().rect_filled(segment, rounding, color(fill));
        x += width;
    }
    let y = bar.bottom() + 14.0;
    let words = [
        (bar.left(), Align2::LEFT_CENTER, data.train, "train", palette.accent),
        (bar.center().x + 6.0, Align2::CENTER_CENTER, data.validation, "validation", palette.second),
        (bar.right(), Align2::RIGHT_CENTER, data.test, "test", palette.muted),
    ];
    for (x, align, rows, name, ink) in words {
        let text = format!("{} {name}", style::grouped(rows as u64));
        text_label(ui, &format!("{name} rows"), (pos2(x, y), align), &text, regular(size::AXIS), color(ink));
    }
    action
}
