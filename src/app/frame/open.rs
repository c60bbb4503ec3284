//! Offers for a path, the same whether it is dropped, opened, pasted or typed.

use std::path::Path;

use egui::{CornerRadius, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::opened::{Kind, Offer, Opened, ROWS};
use crate::app::ui::dialog::{heading, sheet, words};
use crate::app::ui::icons;
use crate::app::ui::theme::{color, faded, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind, line_of_text};
use crate::data::{PICTURE_EXTENSIONS, SOUND_EXTENSIONS, TABLE_EXTENSIONS};
use crate::style::{Palette, size, space};

/// Purpose of a path that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenPurpose {
    /// Whatever can be done with it.
    Anything,
    /// Data to train on.
    Data,
}

/// Returns the filters of the dialog for data: names and extensions.
pub(crate) fn data_kinds() -> Vec<(&'static str, Vec<&'static str>)> {
    let pictures = PICTURE_EXTENSIONS.to_vec();
    let tables = [&TABLE_EXTENSIONS[..], &["gz"]].concat();
    let arrays = ROWS.to_vec();
    let all = [&pictures[..], &tables, &arrays, &SOUND_EXTENSIONS].concat();
    vec![
        ("All data", all),
        ("Tables and series", tables),
        ("Pictures", pictures),
        ("Sound", SOUND_EXTENSIONS.to_vec()),
        ("Arrays, text", arrays),
    ]
}

/// Returns the filters of the Open dialog: names and extensions.
pub(crate) fn dialog_kinds() -> Vec<(&'static str, Vec<&'static str>)> {
    let pictures = PICTURE_EXTENSIONS.to_vec();
    let tables = [&TABLE_EXTENSIONS[..], &["gz"]].concat();
    let rows = [ROWS, &SOUND_EXTENSIONS].concat();
    let all = [&["safetensors", "toml"], &pictures[..], &tables, &rows].concat();
    vec![
        ("All supported files", all),
        ("Models", vec!["safetensors"]),
        ("Specs", vec!["toml"]),
        ("Pictures", pictures),
        ("Tables", tables),
        ("Arrays, sound, text", rows),
    ]
}

/// Returns the offers for something of `kind` where no workspace takes it at once, the likeliest first.
pub(crate) fn offers(kind: Kind) -> Vec<Offer> {
    match kind {
        Kind::Model => vec![Offer::OpenModel],
        Kind::Spec => vec![Offer::TrainSpec],
        Kind::Run => vec![Offer::OpenRun],
        Kind::Picture => vec![Offer::Clean],
        Kind::Table => vec![Offer::FindAbnormal, Offer::TrainOn],
        Kind::Folder => vec![Offer::TrainOn, Offer::Clean, Offer::FindAbnormal],
        Kind::Rows => vec![Offer::TrainOn, Offer::FindAbnormal, Offer::Clean],
        Kind::Compressed | Kind::Unknown => Vec::new(),
    }
}

/// Returns the reason that nothing is offered for a path, and what would be accepted.
pub(crate) fn refusal(path: &Path, kind: Kind) -> String {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    if !path.exists() {
        return format!("{} does not exist; give the path of a file or folder", path.display());
    }
    match kind {
        Kind::Compressed => {
            format!("{name} needs the model that made it: hourglass decompress {name} --model MODEL -o OUT")
        }
        _ => {
            format!("{name} is not a supported file; give a model, a spec, a run, pictures, a table or an array")
        }
    }
}

/// Draws the dragged files over the window, with the effect of dropping them.
pub(crate) fn drop_target(
    ui: &Ui,
    palette: &Palette,
    window: Rect,
    path: Option<&Path>,
    offers: &[Offer],
    more: usize,
) {
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop target"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect_filled(window, 0.0, faded(palette.background, 0.88));
    let target = Rect::from_center_size(window.center(), vec2(window.width().min(620.0) - 48.0, 210.0));
    let refused = offers.is_empty() && path.is_some();
    let ink = if refused { palette.bad } else { palette.accent };
    painter.rect(
        target,
        CornerRadius::same(space::RADIUS_CARD),
        faded(ink, 0.08),
        Stroke::new(2.0, color(ink)),
        StrokeKind::Inside,
    );
    let mark = Rect::from_center_size(pos2(target.center().x, target.top() + 46.0), vec2(30.0, 30.0));
    icons::drop_here(&painter, mark, color(ink));
    let name = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let title = match (name, more) {
        (Some(name), 0) => name,
        (Some(name), more) => format!("{name} and {more} more"),
        (None, _) => "Drop here".to_owned(),
    };
    let width = target.width() - 2.0 * space::XL;
    let centered = |y: f32, text: &str, font: egui::FontId, ink: egui::Color32| {
        let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, ink);
        job.wrap.max_width = width;
        job.wrap.max_rows = 1;
        job.wrap.break_anywhere = true;
        let galley = painter.layout_job(job);
        painter.galley(pos2(target.center().x, y) - galley.size() / 2.0, galley, ink);
    };
    centered(target.top() + 92.0, &title, semibold(size::NAME), color(palette.text));
    match offers {
        [] if refused => {
            let what = "Not supported; drop a model, a spec, a run, pictures, a table or an array";
            centered(target.top() + 124.0, what, regular(size::TEXT), color(palette.bad));
        }
        [] => {
            let words = "to see what can be done with it";
            centered(target.top() + 124.0, words, regular(size::TEXT), color(palette.muted));
        }
        [one] => centered(target.top() + 124.0, one.words().1, regular(size::TEXT), color(palette.muted)),
        several => {
            for (index, offer) in several.iter().enumerate() {
                let text = if index == 0 { offer.words().1.to_owned() } else { format!("or: {}", offer.words().1) };
                let y = target.top() + 120.0 + 22.0 * index as f32;
                centered(y, &text, regular(size::TEXT), color(palette.muted));
            }
        }
    }
}

/// Opened path with several offers.
#[derive(Debug)]
pub(crate) struct Choice {
    pub opened: Opened,
    pub offers: Vec<Offer>,
}

impl Choice {
    /// Draws the question; returns the chosen offer, or `Some(None)` if it is canceled.
    pub fn ui(&self, context: &egui::Context, palette: &Palette) -> Option<Option<Offer>> {
        let name = self.opened.first.file_name();
        let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let (chosen, away) = sheet(context, palette, "choice", 460.0, |ui| {
            heading(ui, palette, "What do you want to do?");
            let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), egui::Sense::hover());
            line_of_text(ui, line.left_center(), line.width(), &name, regular(size::TEXT), color(palette.muted));
            ui.add_space(space::S);
            let mut chosen = None;
            for (index, &offer) in self.offers.iter().enumerate() {
                let (label, help) = offer.words();
                let kind = if index == 0 { ButtonKind::Primary } else { ButtonKind::Plain };
                let width = ui.available_width();
                let (rect, _) = ui.allocate_exact_size(vec2(width, 30.0), egui::Sense::hover());
                if Button::new(kind, label, help).show(ui, palette, rect).clicked() {
                    chosen = Some(Some(offer));
                }
                words(ui, palette, help);
                ui.add_space(space::S);
            }
            if Button::new(ButtonKind::Plain, "Cancel", "Do nothing").show_here(ui, palette).clicked() {
                chosen = Some(None);
            }
            chosen
        });
        if away { Some(None) } else { chosen }
    }
}
