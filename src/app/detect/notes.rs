//! Remarks on the data of a detection.

use egui::{Rect, RichText, ScrollArea, Ui, UiBuilder, pos2, vec2};

use crate::app::ui::theme::{color, semibold};
use crate::app::ui::widgets::{Button, ButtonKind, line_of_text, value_row};
use crate::style::{Palette, size};
use crate::tasks::DetectOutcome;

/// Least height that remarks are listed in.
const LEAST_HEIGHT: f32 = 80.0;

/// Returns the remarks of the fit and of the scoring, each once.
pub(super) fn of(outcome: &DetectOutcome) -> Vec<String> {
    let of_fit = outcome.report.iter().flat_map(|report| &report.notes);
    let mut notes: Vec<String> = Vec::new();
    for note in of_fit.chain(&outcome.scan.notes) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    notes
}

/// Draws the remarks in `inside`, if they fit there; returns whether they do.
pub(super) fn ui(ui: &mut Ui, palette: &Palette, inside: Rect, notes: &[String]) -> bool {
    if notes.is_empty() || inside.height() < LEAST_HEIGHT {
        return notes.is_empty();
    }
    let head = pos2(inside.left(), inside.top() + 10.0);
    line_of_text(ui, head, inside.width(), "Notes on the data", semibold(size::SECOND), color(palette.text));
    let list = Rect::from_min_max(pos2(inside.left(), inside.top() + 24.0), inside.max);
    ui.scope_builder(UiBuilder::new().id_salt("notes").max_rect(list), |ui| {
        ui.set_clip_rect(list);
        ScrollArea::vertical().id_salt("notes").auto_shrink(false).show(ui, |ui| written(ui, palette, notes));
    });
    true
}

/// Draws a line with the number of the remarks, which opens them.
pub(super) fn menu(ui: &mut Ui, palette: &Palette, line: Rect, notes: &[String]) {
    value_row(ui, palette, line, "notes on the data", "");
    let count = notes.len().to_string();
    let chip = Button::new(ButtonKind::Chip, &count, "Notes on how the data were read");
    let size = chip.size(ui);
    let rect = Rect::from_min_size(pos2(line.right() - size.x, line.center().y - size.y / 2.0), size);
    let response = chip.show(ui, palette, rect);
    egui::Popup::menu(&response).width(360.0).show(|ui| {
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| written(ui, palette, notes));
    });
}

fn written(ui: &mut Ui, palette: &Palette, notes: &[String]) {
    ui.spacing_mut().item_spacing = vec2(0.0, 8.0);
    ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
        for note in notes {
            ui.add(egui::Label::new(RichText::new(note).size(size::SECOND).color(color(palette.muted))).wrap());
        }
    });
}
