//! Sheet of keyboard shortcuts.

use egui::{Align2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ui::dialog::{heading, sheet};
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind};
use crate::style::{Palette, size, space};

/// Keys with their actions, in groups.
const GROUPS: [(&str, &[(&str, &str)]); 3] = [
    (
        "Training",
        &[
            ("Space", "pause, resume or train again"),
            ("S", "one step, then pause"),
            ("R", "restart from the same seed"),
            ("L", "log scale of the loss axis"),
            ("Ctrl Z", "undo an edit or a restart"),
            ("Ctrl Shift Z", "redo"),
        ],
    ),
    ("Files", &[("Ctrl O", "open a model, data, a spec or a run"), ("Ctrl V", "open the copied file or picture")]),
    (
        "Window",
        &[
            ("T", "dark or light theme"),
            ("Ctrl +", "zoom in"),
            ("Ctrl -", "zoom out"),
            ("Ctrl 0", "reset the zoom"),
            ("F11", "full screen"),
            ("Tab", "next control"),
            ("Arrows", "move the focused slider"),
            ("?", "this list"),
            ("Ctrl Q", "save and quit"),
        ],
    ),
];

const LINE: f32 = 26.0;

/// Draws the sheet, with a key for each of `places`; returns false when it is closed.
pub(crate) fn help_sheet(context: &egui::Context, palette: &Palette, places: &[(&str, &str)]) -> bool {
    let (close, away) = sheet(context, palette, "keys", 640.0, |ui| {
        heading(ui, palette, "Keyboard shortcuts");
        ui.add_space(space::XS);
        let column = (ui.available_width() - space::XL) / 2.0;
        let height = |groups: &[(&str, &[(&str, &str)])]| -> f32 {
            groups.iter().map(|(_, keys)| LINE * (keys.len() as f32 + 1.0) + space::M).sum()
        };
        let [training, files, window] = GROUPS;
        let columns = [[training, files], [("Workspaces", places), window]];
        let tallest = columns.iter().map(|groups| height(groups)).fold(0.0, f32::max);
        let (whole, _) = ui.allocate_exact_size(vec2(ui.available_width(), tallest), Sense::hover());
        for (index, groups) in columns.iter().enumerate() {
            let left = whole.left() + index as f32 * (column + space::XL);
            let mut y = whole.top();
            for (title, keys) in groups {
                let at = pos2(left, y + LINE / 2.0);
                ui.painter().text(at, Align2::LEFT_CENTER, title, semibold(size::SECOND), color(palette.muted));
                y += LINE;
                for (key, does) in *keys {
                    key_line(ui, palette, Rect::from_min_size(pos2(left, y), vec2(column, LINE)), key, does);
                    y += LINE;
                }
                y += space::M;
            }
        }
        Button::new(ButtonKind::Plain, "Close", "Close the list (Esc)").show_here(ui, palette).clicked()
    });
    !(close || away)
}

fn key_line(ui: &mut Ui, palette: &Palette, line: Rect, key: &str, does: &str) {
    let painter = ui.painter();
    let galley = painter.layout_no_wrap(key.to_owned(), semibold(size::AXIS), color(palette.text));
    let cap =
        Rect::from_min_size(pos2(line.left(), line.center().y - 10.0), vec2((galley.size().x + 12.0).max(24.0), 20.0));
    painter.rect(cap, 4.0, color(palette.raised), Stroke::new(1.0, color(palette.line)), StrokeKind::Inside);
    painter.galley(cap.center() - galley.size() / 2.0, galley, color(palette.text));
    let at = pos2(line.left() + 96.0, line.center().y);
    painter.text(at, Align2::LEFT_CENTER, does, regular(size::TEXT), color(palette.text));
    let response = ui.interact(line, ui.scope_id().with(("key", key)), Sense::hover());
    let words = format!("{key}: {does}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &words));
}
