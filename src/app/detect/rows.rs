//! Table of rows above the threshold by descending score, with the reasons of each.

use egui::{Align2, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use super::score_index::ScoreIndex;
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{card_title, part_of_line};
use crate::model::Severity;
use crate::style::{self, Palette, size, space};
use crate::tasks::ScannedRows;

const LINE: f32 = 26.0;
/// Right edges of the columns row, score and severity with their gap, and left edge of the reasons.
const ROW: f32 = 64.0;
const SCORE: f32 = 144.0;
const SEVERITY: f32 = 260.0;
const LABEL: f32 = 282.0;

/// Least width of the table with the column of severity.
const WITH_SEVERITY: f32 = 560.0;

pub(super) fn ui(
    ui: &mut Ui,
    palette: &Palette,
    inside: Rect,
    (scan, severity): (&ScannedRows, Option<&Severity>),
    view: &ScoreIndex,
    threshold: f64,
) {
    let severity = severity.filter(|_| inside.width() >= WITH_SEVERITY);
    let reasons_at = if severity.is_some() { LABEL } else { LABEL - (SEVERITY - SCORE) };
    let above = view.above(threshold);
    // Rows whose reasons are known are sorted by score.
    let score = |row: u64| scan.scores.get(row as usize - 1).copied().unwrap_or(f64::NAN);
    let shown = scan.top.partition_point(|(row, _)| score(*row) > threshold);
    let second = match above {
        0 => "no rows above the threshold".to_owned(),
        _ if shown < above => {
            format!("highest {} of {}", style::grouped(shown as u64), style::grouped(above as u64))
        }
        _ => "above the threshold, highest score first".to_owned(),
    };
    card_title(ui, palette, inside, "Abnormal rows", &second);
    let head = inside.top() + 36.0;
    let muted = color(palette.muted);
    let painter = ui.painter().clone();
    let small = regular(size::AXIS);
    let of_severity = severity.map(|_| (SEVERITY - 16.0, "severity"));
    for (x, name) in [(ROW - 16.0, "row"), (SCORE - 16.0, "score")].into_iter().chain(of_severity) {
        painter.text(pos2(inside.left() + x, head), Align2::RIGHT_CENTER, name, small.clone(), muted);
    }
    let words = "reasons: observed and expected values";
    painter.text(pos2(inside.left() + reasons_at, head), Align2::LEFT_CENTER, words, small, muted);
    painter.hline(inside.x_range(), head + 12.0, Stroke::new(1.0, color(palette.line)));
    let list = Rect::from_min_max(pos2(inside.left(), head + 13.0), inside.max);
    if !list.is_positive() {
        return;
    }
    ui.scope_builder(UiBuilder::new().max_rect(list), |ui| {
        ui.set_clip_rect(list);
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().auto_shrink(false).show_rows(ui, LINE, shown, |ui, range| {
            for (row, reasons) in &scan.top[range] {
                let (line, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::hover());
                let y = line.center().y;
                let ink = color(palette.text);
                let at = |x: f32| pos2(line.left() + x, y);
                let number = style::grouped(*row);
                painter_text(ui, at(ROW - 16.0), &number, regular(size::TEXT), color(palette.muted));
                let value = format!("{:.2}", score(*row));
                painter_text(ui, at(SCORE - 16.0), &value, semibold(size::TEXT), ink);
                let rare = severity.map(|scale| format!("1 in {}", style::grouped(scale.rounded(score(*row)))));
                if let Some(rare) = &rare {
                    painter_text(ui, at(SEVERITY - 16.0), rare, regular(size::TEXT), color(palette.muted));
                }
                if let Some(&is_abnormal) = scan.truth.as_ref().and_then(|truth| truth.get(*row as usize - 1)) {
                    let ink = if is_abnormal { palette.bad } else { palette.second };
                    ui.painter().circle_filled(at(reasons_at - 18.0), 4.0, color(ink));
                }
                let room = line.width() - reasons_at - space::M;
                part_of_line(ui, at(reasons_at), room, reasons, regular(size::TEXT), ink);
                response.widget_info(|| {
                    let rare = rare.as_ref().map_or_else(String::new, |rare| format!(", severity {rare} normal rows"));
                    let words = format!("row {number}, score {value}{rare}: {reasons}");
                    egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, words)
                });
                response.on_hover_text(reasons.replace("; ", "\n"));
            }
        });
    });
}

fn painter_text(ui: &Ui, at: egui::Pos2, text: &str, font: egui::FontId, ink: egui::Color32) {
    ui.painter().text(at, Align2::RIGHT_CENTER, text, font, ink);
}
