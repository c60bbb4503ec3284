//! The keyboard map.

use egui::{Align2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ui::dialog::{heading, sheet};
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind};
use crate::style::{Palette, size, space};

/// Keys and what they do, in groups.
const GROUPS: [(&str, &[(&str, &str)]); 3] = [
    (
        "Training",
        &[
            ("Space", "pause, go on, or train again"),
            ("S", "one step, then pause"),
            ("R", "start again from the same seed"),
            ("L", "loss axis by ratios"),
            ("Ctrl Z", "take back an edit of the model"),
            ("Ctrl Shift Z", "make it again"),
        ],
    ),
    ("Files", &[("Ctrl O", "open a model, data, a spec or a run"), ("Ctrl V", "open what was copied")]),
    (
        "Window",
        &[
            ("T", "dark or light"),
            ("Ctrl +", "larger"),
            ("Ctrl -", "smaller"),
            ("Ctrl 0", "as large as usual"),
            ("F11", "full screen"),
            ("Tab", "to the next control"),
            ("Arrows", "move the slider that has the keyboard"),
            ("?", "this table"),
            ("Ctrl Q", "save and end"),
        ],
    ),
];

const LINE: f32 = 26.0;

/// Shows the table, with a key for each of `places`; false when it is to be put away.
pub(crate) fn help_sheet(context: &egui::Context, palette: &Palette, places: &[(&str, &str)]) -> bool {
    let (close, away) = sheet(context, palette, "keys", 640.0, |ui| {
        heading(ui, palette, "Keys");
        ui.add_space(space::XS);
        let column = (ui.available_width() - space::XL) / 2.0;
        let height = |groups: &[(&str, &[(&str, &str)])]| -> f32 {
            groups.iter().map(|(_, keys)| LINE * (keys.len() as f32 + 1.0) + space::M).sum()
        };
        let [training, files, window] = GROUPS;
        let columns = [[training, files], [("Places", places), window]];
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
        Button::new(ButtonKind::Plain, "Close", "Put the table away (Esc)").show_here(ui, palette).clicked()
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
