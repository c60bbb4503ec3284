//! Rail of the workspaces.

use egui::{Align2, CornerRadius, Rect, Sense, Stroke, Ui, pos2, vec2};

use super::hints;
use super::hints::Target;
use crate::app::application::App;
use crate::app::ui::theme::{color, regular};
use crate::app::ui::widgets::focus_ring;
use crate::app::workspace::{PLACES, Place};
use crate::style::{Palette, size, space};

impl App {
    pub(crate) fn rail_ui(&mut self, ui: &mut Ui, palette: &Palette, rail: Rect) {
        ui.painter().vline(rail.right() - 0.5, rail.y_range(), Stroke::new(1.0, color(palette.line)));
        for (index, entry) in PLACES.iter().enumerate() {
            let top = rail.min + vec2(8.0, 10.0 + 58.0 * index as f32);
            let item = Rect::from_min_size(top, vec2(rail.width() - 16.0, 52.0));
            let here = self.place == entry.place;
            let response = ui.interact(item, ui.scope_id().with(("rail", entry.name)), Sense::click());
            if here || response.hovered() {
                ui.painter().rect_filled(item, CornerRadius::same(space::RADIUS_CONTROL), color(palette.raised));
            }
            let at = Rect::from_center_size(pos2(item.center().x, item.top() + 18.0), vec2(15.0, 13.0));
            (entry.icon)(ui.painter(), at, color(if here { palette.accent } else { palette.muted }));
            let at = pos2(item.center().x, item.bottom() - 11.0);
            let ink = color(if here { palette.text } else { palette.muted });
            ui.painter().text(at, Align2::CENTER_CENTER, entry.name, regular(size::AXIS), ink);
            if entry.place == Place::Explore {
                hints::is_at(ui, Target::Explore, item.right_top() + vec2(-8.0, 8.0));
            }
            focus_ring(ui, palette, &response, item);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, entry.name));
            if response.clicked() {
                self.go_to(entry.place);
            }
            response.on_hover_text(entry.help);
        }
    }
}
