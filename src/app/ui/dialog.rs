//! Modal sheets over the window.

use egui::{Color32, CornerRadius, Frame, Margin, Response, Stroke, TextEdit, Ui};

use super::theme::{color, regular, semibold};
use crate::style::{Palette, size, space};

/// Draws a sheet of `width`; returns the result of its contents, and whether it is to be closed (Escape, or a click
/// outside).
pub(crate) fn sheet<R>(
    context: &egui::Context,
    palette: &Palette,
    name: &str,
    width: f32,
    contents: impl FnOnce(&mut Ui) -> R,
) -> (R, bool) {
    let veil = if palette.dark { Color32::from_black_alpha(150) } else { Color32::from_black_alpha(70) };
    let frame = Frame::new()
        .fill(color(palette.panel))
        .stroke(Stroke::new(1.0, color(palette.line)))
        .corner_radius(CornerRadius::same(space::RADIUS_CARD))
        .inner_margin(Margin::same(space::XL as i8));
    let modal = egui::Modal::new(egui::Id::unique(name)).frame(frame).backdrop_color(veil);
    let shown = modal.show(context, |ui| {
        ui.set_width(width.min(context.content_rect().width() - 4.0 * space::XL));
        contents(ui)
    });
    let away = shown.should_close();
    (shown.inner, away)
}

pub(crate) fn heading(ui: &mut Ui, palette: &Palette, text: &str) {
    ui.label(egui::RichText::new(text).font(semibold(size::NAME)).color(color(palette.text)));
}

pub(crate) fn words(ui: &mut Ui, palette: &Palette, text: &str) {
    ui.label(egui::RichText::new(text).font(regular(size::TEXT)).color(color(palette.muted)));
}

pub(crate) fn problem(ui: &mut Ui, palette: &Palette, text: &str) {
    ui.label(egui::RichText::new(text).font(regular(size::TEXT)).color(color(palette.bad)));
}

/// Draws a text field with the accessible name `name`.
pub(crate) fn field(ui: &mut Ui, text: &mut String, name: &str, hint: &str, width: f32) -> Response {
    let edit = TextEdit::singleline(text).hint_text(hint).margin(Margin::symmetric(10, 7)).desired_width(width - 20.0);
    let response = ui.add(edit);
    let typed = text.clone();
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, typed.clone(), typed.clone(), hint);
        info.label = Some(name.to_owned());
        info
    });
    response
}
