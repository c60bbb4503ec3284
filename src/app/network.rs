//! The network, drawn as an hourglass: layer heights by the logarithm of their width, the bottleneck in the accent.

use egui::{Align2, Color32, Mesh, Pos2, Rect, Shape, Ui, pos2};

use super::theme::{colour, faded, regular};
use super::widgets::{Button, ButtonKind, card_title, value_row};
use crate::model::Preset;
use crate::style::{self, Palette, size, space};
use crate::train::Snapshot;

/// Draws the card's contents; gives the preset that was chosen.
pub(super) fn network_ui(
    ui: &mut Ui,
    palette: &Palette,
    inside: Rect,
    snapshot: &Snapshot,
    presets: &[Preset],
) -> Option<String> {
    let latent = snapshot.spec.as_ref().map_or(0, |spec| spec.model.latent);
    let second = if latent == 0 { String::new() } else { format!("bottleneck of {latent}") };
    card_title(ui, palette, inside, &title(snapshot), &second);
    let help = "Choose another model to train on the same digits";
    let (button, _) = Button::new(ButtonKind::Chip, "change", help).show_right(ui, palette, inside.right_top());
    let mut chosen = None;
    egui::Popup::menu(&button).width(320.0).show(|ui| {
        ui.with_layout(egui::Layout::top_down(egui::Align::LEFT), |ui| {
            for preset in presets {
                if ui.button(preset.name).on_hover_text("Start this model now; the present run is kept").clicked() {
                    chosen = Some(preset.name.to_owned());
                }
                ui.label(egui::RichText::new(&preset.summary).size(size::SECOND).color(colour(palette.muted)));
                ui.add_space(space::XS);
            }
        });
    });

    let drawing = Rect::from_min_max(
        inside.min + egui::vec2(0.0, 32.0),
        pos2(inside.right(), inside.bottom() - 3.0 * 26.0 - 8.0),
    );
    hourglass_ui(ui, palette, drawing, &snapshot.widths);
    let mut line = Rect::from_min_size(pos2(inside.left(), drawing.bottom() + 8.0), egui::vec2(inside.width(), 26.0));
    let input = snapshot.widths.first().copied().unwrap_or(0);
    let compression = match input.checked_div(latent) {
        Some(ratio) => format!("{ratio} to 1"),
        None => "\u{2013}".to_owned(),
    };
    // Nothing is known before the network is there.
    let known = |text: String| if snapshot.parameters == 0 { "\u{2013}".to_owned() } else { text };
    for (name, value) in [
        ("Parameters", known(style::grouped(snapshot.parameters as u64))),
        ("Compression", compression),
        ("Memory", known(format!("{:.0} MB", snapshot.memory_bytes as f64 / 1e6))),
    ] {
        value_row(ui, palette, line, name, &value);
        line = line.translate(egui::vec2(0.0, 26.0));
    }
    chosen
}

fn title(snapshot: &Snapshot) -> String {
    let name = snapshot.preset.as_deref().unwrap_or("own spec");
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn hourglass_ui(ui: &Ui, palette: &Palette, area: Rect, widths: &[usize]) {
    let Some(&widest) = widths.iter().max() else { return };
    let narrowest = widths.iter().copied().min().unwrap_or(1);
    let labels = 24.0;
    let drawing = Rect::from_min_max(area.min, pos2(area.right(), area.bottom() - labels));
    let height = |width: usize| {
        let scale = (width as f32 + 1.0).ln() / (widest as f32 + 1.0).ln();
        drawing.height() * (0.12 + 0.88 * scale)
    };
    let bar = 12.0;
    let step = (drawing.width() - bar) / (widths.len().max(2) - 1) as f32;
    let x = |i: usize| drawing.left() + bar / 2.0 + i as f32 * step;
    let painter = ui.painter();
    // The body, bent smoothly from layer to layer.
    let mut outline: Vec<(f32, f32)> = Vec::new();
    for (i, pair) in widths.windows(2).enumerate() {
        for t in 0..12 {
            let t = t as f32 / 12.0;
            let eased = t * t * (3.0 - 2.0 * t);
            outline.push((x(i) + t * step, egui::lerp(height(pair[0])..=height(pair[1]), eased)));
        }
    }
    outline.extend(widths.last().map(|&last| (x(widths.len() - 1), height(last))));
    painter.add(body(&outline, drawing.center().y, faded(palette.accent, 0.14)));
    for (i, &width) in widths.iter().enumerate() {
        let bottleneck = width == narrowest;
        let fill = if bottleneck { palette.accent } else { palette.faint };
        let rect = Rect::from_center_size(pos2(x(i), drawing.center().y), egui::vec2(bar, height(width)));
        painter.rect_filled(rect, 2.0, colour(fill));
        let text = if bottleneck { palette.accent } else { palette.muted };
        let align = match i {
            0 => Align2::LEFT_BOTTOM,
            i if i + 1 == widths.len() => Align2::RIGHT_BOTTOM,
            _ => Align2::CENTER_BOTTOM,
        };
        let at = match i {
            0 => drawing.left(),
            i if i + 1 == widths.len() => drawing.right(),
            _ => x(i),
        };
        painter.text(pos2(at, area.bottom()), align, width.to_string(), regular(size::AXIS), colour(text));
    }
}

fn body(outline: &[(f32, f32)], middle: f32, fill: Color32) -> Shape {
    let mut mesh = Mesh::default();
    for (i, &(x, height)) in outline.iter().enumerate() {
        let vertex = |y: f32| Pos2::new(x, y);
        mesh.colored_vertex(vertex(middle - height / 2.0), fill);
        mesh.colored_vertex(vertex(middle + height / 2.0), fill);
        if i > 0 {
            let first = 2 * (i as u32 - 1);
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 3, first + 2);
        }
    }
    Shape::mesh(mesh)
}
