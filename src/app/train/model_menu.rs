//! Menu of models: the suggested one, and the presets with what keeps them from the present data.

use egui::accesskit::Role;
use egui::text::{LayoutJob, TextFormat};
use egui::{Rect, Ui, WidgetInfo, vec2};

use crate::app::frame::hints;
use crate::app::frame::hints::Target;
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind};
use crate::app::workspace::{ById, Context};
use crate::data::{DataSet, SourceKind};
use crate::model::{Preset, SpecError};
use crate::monitor::DataSummary;
use crate::style::{Palette, Rgb, size, space};

/// Choice of a model.
pub(crate) enum ModelPick {
    Preset(String),
    /// Model that suits the data.
    Suggested,
}

/// State of the menu between frames.
#[derive(Debug, Default)]
pub(crate) struct ModelMenu {
    /// Reasons why presets do not apply, in their order, and the data that they were found for.
    refusals: Option<(ById<DataSet>, Vec<Option<String>>)>,
}

impl ModelMenu {
    /// Draws the button and, when it is open, the menu; returns the choice and the left edge of the button.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        inside: Rect,
        context: Context<'_>,
        presets: &[Preset],
    ) -> (Option<ModelPick>, f32) {
        let palette = context.palette;
        let help = "Choose another model to train on this data";
        let (button, left) = Button::new(ButtonKind::Chip, "change", help).show_right(ui, palette, inside.right_top());
        hints::is_at(ui, Target::Change, button.rect.left_top());
        let mut chosen = None;
        egui::Popup::menu(&button).width(320.0).show(|ui| {
            self.follow(context, presets);
            // A solid scroll bar shows that the list continues.
            ui.spacing_mut().scroll = egui::style::ScrollStyle::solid();
            ui.spacing_mut().button_padding = vec2(space::S, 5.0);
            let height = ui.ctx().content_rect().bottom() - button.rect.bottom() - 3.0 * space::XL;
            let words = "Starts at once; the data and the current run are kept";
            ui.label(egui::RichText::new(words).font(regular(size::SECOND)).color(color(palette.muted)));
            egui::ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                ui.with_layout(egui::Layout::top_down_justified(egui::Align::LEFT), |ui| {
                    chosen = self.entries(ui, context, presets);
                });
            });
        });
        (chosen, left)
    }

    /// Finds the presets that do not apply, once for each data set.
    fn follow(&mut self, context: Context<'_>, presets: &[Preset]) {
        let Some(rows) = &context.moment.rows else {
            self.refusals = None;
            return;
        };
        let here = ById(rows.clone());
        if self.refusals.as_ref().is_none_or(|(known, _)| *known != here) {
            let found = presets.iter().map(|preset| refusal(preset, rows)).collect();
            self.refusals = Some((here, found));
        }
    }

    fn entries(&self, ui: &mut Ui, context: Context<'_>, presets: &[Preset]) -> Option<ModelPick> {
        let (palette, run) = (context.palette, &context.moment.snapshot.run);
        let mut chosen = None;
        let words = "PCA and what is curved beside it, chosen to suit the data";
        if entry(ui, palette, "Suggested", words, context.suggested, true) {
            chosen = Some(ModelPick::Suggested);
        }
        ui.separator();
        for (index, preset) in presets.iter().enumerate() {
            let is_here = run.preset.as_deref() == Some(preset.name);
            let refusal = self.refusals.as_ref().and_then(|(_, all)| all.get(index)?.as_deref());
            let words = match refusal {
                Some(problem) => format!("Does not apply: {problem}"),
                None => summary(preset, &run.data),
            };
            if entry(ui, palette, preset.name, &words, is_here, refusal.is_none()) {
                chosen = Some(ModelPick::Preset(preset.name.to_owned()));
            }
        }
        chosen
    }
}

/// Returns the reason why `preset` does not apply to `rows`; `None` if it does.
fn refusal(preset: &Preset, rows: &DataSet) -> Option<String> {
    if preset.takes_pieces() {
        let pictures = "it cuts pieces of picture files: open a picture or a folder of them under Data";
        return (rows.kind != SourceKind::Images).then(|| pictures.to_owned());
    }
    match preset.check_data(rows) {
        Ok(()) => None,
        Err(SpecError::DoesNotApply { problem, .. }) => Some(problem),
        Err(problem) => Some(problem.to_string()),
    }
}

/// Returns the summary of `preset` in the words of `data`: presets are described by the digits that they are made for.
fn summary(preset: &Preset, data: &DataSummary) -> String {
    let text = preset.summary.split(" (--data").next().unwrap_or(&preset.summary).to_owned();
    if data.rows == 0 || data.noun() == "digits" {
        return text;
    }
    let text = text.replace("digit", data.singular());
    // Widths, counts and likelihoods are fitted to the data.
    let is_width = |word: &&str| word.trim_end_matches([':', ',']).starts_with("784-");
    let words: Vec<&str> = text.split(' ').filter(|word| !is_width(word)).collect();
    let text = words.join(" ").replace("16 of 256", "few of many").replace(" 256", "").replace("49 symbols", "symbols");
    let text = match text.split_once(": ") {
        Some((layers, rest)) if layers.starts_with("conv ") || layers.starts_with("Bernoulli") => rest.to_owned(),
        _ => text,
    };
    let text = text.replace("variational, two", "variational: two");
    if data.image.is_none() { text.replace("pixels", "values") } else { text }
}

/// Draws an entry, a name above some words; returns whether it is chosen.
fn entry(ui: &mut Ui, palette: &Palette, name: &str, words: &str, is_here: bool, is_enabled: bool) -> bool {
    let mut job = LayoutJob::default();
    job.wrap.max_width = ui.available_width() - 2.0 * space::S;
    let ink = |ink: Rgb| color(if is_enabled { ink } else { palette.faint });
    job.append(name, 0.0, TextFormat::simple(semibold(size::TEXT), ink(palette.text)));
    // A reason is to be read.
    ui.visuals_mut().disabled_alpha = 1.0;
    job.append(&format!("\n{words}"), 0.0, TextFormat::simple(regular(size::SECOND), color(palette.muted)));
    let response = ui.add_enabled(is_enabled, egui::Button::selectable(is_here, job).wrap());
    response.widget_info(|| WidgetInfo::selected(Role::MenuItemRadio, is_enabled, is_here, name));
    let id = response.id;
    ui.ctx().accesskit_node_builder(id, |node| node.set_description(words));
    response.clicked()
}
