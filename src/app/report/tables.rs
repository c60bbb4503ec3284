//! Tables of Report: metrics beside those of PCA, latent quality, and findings.

use egui::{Align2, CornerRadius, Rect, Sense, Stroke, Ui, pos2, vec2};

use super::Evaluated;
use super::metrics::{Figure, figures, worth};
use crate::app::ui::theme::{color, regular, semibold, tone_ink};
use crate::app::ui::widgets::{card_title, paragraph, part_of_line};
use crate::style::{self, Palette, Rgb, size, space};
use crate::tasks::{Evaluation, Measured};
use crate::train::Finding;

const LINE: f32 = 32.0;

/// Returns the right edges of the columns: model, interval, PCA.
fn columns(inside: Rect) -> [f32; 3] {
    let narrow = inside.width() < 420.0;
    let right = inside.right();
    match narrow {
        true => [right - 76.0, f32::NAN, right],
        false => [right - 230.0, right - 84.0, right],
    }
}

pub(crate) fn metrics_ui(ui: &mut Ui, palette: &Palette, inside: Rect, evaluation: &Evaluation) {
    card_title(
        ui,
        palette,
        inside,
        "Test metrics",
        if inside.width() > 400.0 { "on rows never trained on" } else { "" },
    );
    let [own, interval, pca] = columns(inside);
    let head = inside.top() + 36.0;
    let muted = color(palette.muted);
    let axis = regular(size::AXIS);
    let title = evaluation.pca.as_ref().map(|pca| format!("PCA, {}", pca.report.components));
    for (x, text) in [(own, "model"), (interval, "95% CI"), (pca, title.as_deref().unwrap_or(""))] {
        if x.is_finite() {
            ui.painter().text(pos2(x, head), Align2::RIGHT_CENTER, text, axis.clone(), muted);
        }
    }
    let top = head + 12.0;
    ui.painter().hline(inside.x_range(), top, Stroke::new(1.0, color(palette.line)));
    let list = figures(evaluation);
    // Lines shrink so that all metrics fit.
    let line = ((inside.bottom() - top - 2.0) / list.len().max(1) as f32).min(LINE);
    for (index, figure) in list.iter().enumerate() {
        let row = Rect::from_min_size(pos2(inside.left(), top + 2.0 + index as f32 * line), vec2(inside.width(), line));
        let y = row.center().y;
        let room = own - inside.left() - 70.0;
        let name = part_of_line(ui, pos2(inside.left(), y), room, figure.title, regular(size::TEXT), muted);
        if !figure.unit.is_empty() {
            let at = pos2(name.right() + 6.0, y);
            part_of_line(ui, at, room - name.width() - 6.0, figure.unit, axis.clone(), color(palette.muted));
        }
        let ink = color(palette.text);
        let text = figure.text(figure.value);
        ui.painter().text(pos2(own, y), Align2::RIGHT_CENTER, text, semibold(size::TEXT), ink);
        if let Some([low, high]) = figure.interval.filter(|_| interval.is_finite()) {
            let text = format!("{} \u{2013} {}", figure.text(low), figure.text(high));
            ui.painter().text(pos2(interval, y), Align2::RIGHT_CENTER, text, regular(size::SECOND), muted);
        }
        if let Some(value) = figure.pca {
            ui.painter().text(pos2(pca, y), Align2::RIGHT_CENTER, figure.text(value), regular(size::TEXT), muted);
        }
        let response = ui.interact(row, ui.scope_id().with(("figure", figure.key)), Sense::hover());
        let words = format!("{} {}", figure.title, figure.text(figure.value));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &words));
        response.on_hover_text(figure.help);
    }
}

/// Draws two bars for each metric: the model above PCA.
pub(crate) fn worth_ui(ui: &mut Ui, palette: &Palette, inside: Rect, evaluation: &Evaluation) {
    let end = card_title(ui, palette, inside, "Latent quality", "");
    let list = worth(evaluation);
    let painter = ui.painter().clone();
    let mut right = inside.right();
    for (name, ink, there) in [
        ("PCA", palette.faint, list.iter().any(|figure| figure.pca.is_some())),
        ("model", palette.accent, !list.is_empty()),
    ] {
        if there && right - 80.0 > end {
            let at = pos2(right, inside.top() + 10.0);
            let drawn = painter.text(at, Align2::RIGHT_CENTER, name, regular(size::SECOND), color(palette.muted));
            let mark = Rect::from_center_size(pos2(drawn.left() - 9.0, at.y), vec2(9.0, 9.0));
            painter.rect_filled(mark, CornerRadius::same(2), color(ink));
            right = mark.left() - space::M;
        }
    }
    if list.is_empty() {
        let words = "Not available: the decoder sees more than the latents, or there are none.";
        let at = pos2(inside.left(), inside.top() + 34.0);
        paragraph(ui, at, inside.width(), words, regular(size::TEXT), color(palette.muted));
        return;
    }
    let top = inside.top() + 34.0;
    let line = ((inside.bottom() - top) / list.len() as f32).min(44.0);
    let bars = Rect::from_min_max(pos2(inside.left() + 116.0, top), pos2(inside.right() - 56.0, inside.bottom()));
    for (index, figure) in list.iter().enumerate() {
        let y = top + (index as f32 + 0.5) * line;
        let at = pos2(inside.left(), y);
        part_of_line(ui, at, 110.0, figure.title, regular(size::TEXT), color(palette.muted));
        bars_ui(ui, palette, bars, y, figure);
        let row = Rect::from_min_max(pos2(inside.left(), y - line / 2.0), pos2(inside.right(), y + line / 2.0));
        let response = ui.interact(row, ui.scope_id().with(("worth", figure.key)), Sense::hover());
        let words = format!("{} {}", figure.title, figure.text(figure.value));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &words));
        response.on_hover_text(figure.help);
    }
}

fn bars_ui(ui: &Ui, palette: &Palette, bars: Rect, y: f32, figure: &Figure) {
    let painter = ui.painter();
    // A silhouette below zero has an empty bar.
    let bar = |value: f64, y: f32, height: f32, ink: Rgb| {
        let whole = Rect::from_min_max(pos2(bars.left(), y - height / 2.0), pos2(bars.right(), y + height / 2.0));
        painter.rect_filled(whole, CornerRadius::same(3), color(palette.raised));
        let width = whole.width() * value.clamp(0.0, 1.0) as f32;
        if width > 0.5 {
            let filled = Rect::from_min_size(whole.min, vec2(width, height));
            painter.rect_filled(filled, CornerRadius::same(3), color(ink));
        }
    };
    let text = |value: f64, y: f32, font, ink| {
        let at = pos2(bars.right() + 56.0, y);
        painter.text(at, Align2::RIGHT_CENTER, format!("{value:.3}"), font, ink);
    };
    match figure.pca {
        Some(pca) => {
            bar(figure.value, y - 7.0, 8.0, palette.accent);
            bar(pca, y + 7.0, 8.0, palette.faint);
            text(figure.value, y - 7.0, semibold(size::SECOND), color(palette.text));
            text(pca, y + 7.0, regular(size::AXIS), color(palette.muted));
        }
        None => {
            bar(figure.value, y, 10.0, palette.accent);
            text(figure.value, y, semibold(size::SECOND), color(palette.text));
        }
    }
}

/// Draws the findings.
pub(crate) fn findings_ui(ui: &mut Ui, palette: &Palette, inside: Rect, told: &Evaluated) {
    card_title(ui, palette, inside, "Findings", "");
    let mut y = inside.top() + 32.0;
    for (ink, title, evidence) in lines(palette, told) {
        let left = inside.left() + 14.0;
        let width = inside.right() - left;
        let top = y;
        y = paragraph(ui, pos2(left, y), width, &title, regular(size::TEXT), color(palette.text));
        y = paragraph(ui, pos2(left, y + 3.0), width, &evidence, regular(size::SECOND), color(palette.muted));
        ui.painter().rect_filled(Rect::from_min_size(pos2(inside.left(), top), vec2(3.0, y - top)), 1.5, color(ink));
        y += space::M;
        if y > inside.bottom() {
            break;
        }
    }
}

fn lines(palette: &Palette, told: &Evaluated) -> Vec<(Rgb, String, String)> {
    let Measured { evaluation, diagnosis, .. } = &told.measured;
    let line = |finding: &Finding| {
        let [title, evidence] = finding.title_and_evidence();
        (tone_ink(palette, finding.tone()), title, evidence)
    };
    let mut lines: Vec<_> = diagnosis.lines().map(line).collect();
    if lines.is_empty() {
        lines.push(line(&Finding::not_checked("this evaluation has no diagnosis.")));
    }
    if let Some(accuracy) = evaluation.representation.knn_accuracy {
        let title = format!("k-NN accuracy in the latent space: {:.0}%.", 100.0 * accuracy);
        let beside = evaluation.pca.as_ref().and_then(|pca| pca.representation.knn_accuracy);
        let pca = beside.map_or_else(String::new, |pca| format!("; PCA {:.0}%", 100.0 * pca));
        let rows = style::grouped(evaluation.representation.rows as u64);
        let evidence = format!("Vote of the 5 nearest train rows, on {rows} test rows{pca}.");
        lines.push((palette.second, title, evidence));
    }
    lines
}
