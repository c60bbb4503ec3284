//! Network card: layers drawn as an hourglass, heights by the logarithm of their width, edited in place.

use std::sync::Arc;

use egui::{Align2, Color32, Mesh, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

use super::model_menu::{ModelMenu, ModelPick};
use super::network_editor;
use super::network_editor::Draft;
use crate::app::ui::theme::{color, faded, regular};
use crate::app::ui::widgets::{Button, ButtonKind, card_title, focus_ring, paragraph, value_row_in};
use crate::app::workspace::Context;
use crate::data::DataSet;
use crate::model::{LayerLocation, ModelSpec, Preset, Spec};
use crate::monitor::{Moment, PlayState};
use crate::style;
use crate::style::{Palette, Rgb, size, space};
use crate::train::CostEstimate;

/// Action of the card.
pub(crate) enum NetworkAction {
    /// Trains another model on the same data.
    Choose(ModelPick),
    /// Trains another spec from the same seed.
    Train(Box<Spec>),
    /// Restarts the run with the edit.
    Restart,
}

#[derive(Debug, Default)]
pub(crate) struct NetworkCard {
    menu: ModelMenu,
    draft: Option<Draft>,
    selected: Option<LayerLocation>,
    /// Model in training.
    present: Option<ModelSpec>,
    /// Seconds per epoch, measured last.
    epoch_secs: f64,
}

const VALUE_LINE: f32 = 22.0;
const EDITOR: f32 = 30.0;

impl NetworkCard {
    /// Returns the edited spec, or the reason why it cannot be trained; `None` without an edit.
    pub fn edited(&self) -> Option<Result<Spec, String>> {
        let draft = self.draft.as_ref()?;
        Some(draft.prediction.as_ref().map(|_| draft.spec.clone()).map_err(Clone::clone))
    }

    /// Discards edits that are not applied; returns whether there were any.
    pub fn discard(&mut self) -> bool {
        self.selected = self.selected.take().filter(|_| self.draft.is_none());
        self.draft.take().is_some()
    }

    /// Draws the card; returns its action.
    pub fn ui(&mut self, ui: &mut Ui, inside: Rect, context: Context<'_>, presets: &[Preset]) -> Option<NetworkAction> {
        let Context { moment, palette, .. } = context;
        self.follow(moment);
        let latent = self.spec(moment).map_or(0, |spec| spec.model.latent);
        let is_edited = self.draft.is_some();
        let (mut act, left) = if is_edited {
            self.apply_ui(ui, palette, inside)
        } else {
            let (chosen, left) = self.menu.ui(ui, inside, context, presets);
            (chosen.map(NetworkAction::Choose), left)
        };
        // The values of an edit are not those of the model in training.
        let second = match latent {
            _ if is_edited => "edited, not trained".to_owned(),
            0 => String::new(),
            latent => format!("bottleneck {latent}"),
        };
        let room = Rect::from_min_max(inside.min, pos2(left - space::S, inside.bottom()));
        let right = card_title(ui, palette, room, &title(context), &second);
        let reasons = &moment.snapshot.run.reasons;
        if !reasons.is_empty() && !is_edited {
            let line = Rect::from_min_max(inside.min, pos2(right, inside.top() + 20.0));
            ui.interact(line, ui.scope_id().with("reasons"), Sense::hover()).on_hover_text(reasons);
        }
        let values = 4.0 * VALUE_LINE;
        let drawing = Rect::from_min_max(
            inside.min + vec2(0.0, 30.0),
            pos2(inside.right(), inside.bottom() - values - EDITOR - 10.0),
        );
        let outline = self.outline(moment);
        if outline.is_empty() && moment.snapshot.progress.state == PlayState::Preparing {
            let words = match moment.snapshot.run.data.rows {
                0 if context.suggested => "Chosen once the data is open",
                0 if moment.snapshot.run.spec.is_none() && moment.snapshot.run.preset.is_some() => {
                    "Fitted once the data is open"
                }
                0 => "Drawn once the data is open",
                _ => &moment.snapshot.progress.message,
            };
            let (at, font) = (drawing.left_center(), regular(size::TEXT));
            paragraph(ui, at - vec2(0.0, 10.0), drawing.width(), words, font, color(palette.muted));
        }
        if let Some(place) = hourglass_ui(ui, palette, drawing, &outline, self.selected, self.spec(moment)) {
            self.selected = if self.selected == Some(place) { None } else { Some(place) };
        }
        let line = Rect::from_min_size(pos2(inside.left(), drawing.bottom() + 8.0), vec2(inside.width(), EDITOR));
        if let (Some(spec), Some(data)) = (&moment.snapshot.run.spec, &moment.rows)
            && self.editor_ui(ui, palette, line, spec, data)
        {
            act = act.or(Some(NetworkAction::Restart));
        }
        let below = Rect::from_min_max(pos2(inside.left(), line.bottom() + 2.0), inside.max);
        match self.draft.as_ref().map(|draft| &draft.prediction) {
            Some(Err(problem)) => {
                paragraph(ui, below.min, below.width(), problem, regular(size::SECOND), color(palette.bad));
            }
            Some(Ok(prediction)) => self.values_ui(ui, palette, below, moment, Some(prediction)),
            None => self.values_ui(ui, palette, below, moment, None),
        }
        // The draft becomes the model in training; a restart may be refused and takes it itself.
        if !matches!(act, None | Some(NetworkAction::Restart)) {
            (self.draft, self.selected) = (None, None);
        }
        act.take()
    }

    fn spec<'a>(&'a self, moment: &'a Moment) -> Option<&'a Spec> {
        self.draft.as_ref().map(|draft| &draft.spec).or(moment.snapshot.run.spec.as_ref())
    }

    /// Follows the model in training.
    fn follow(&mut self, moment: &Moment) {
        if moment.snapshot.progress.samples_per_second > 0.0
            && let Some(spec) = &moment.snapshot.run.spec
        {
            let rows = moment.snapshot.run.steps_per_epoch as f64 * spec.train.batch_size as f64;
            self.epoch_secs = rows / moment.snapshot.progress.samples_per_second;
        }
        let Some(spec) = &moment.snapshot.run.spec else { return };
        if self.present.as_ref() != Some(&spec.model) {
            self.present = Some(spec.model.clone());
            // The model was replaced by another action.
            (self.draft, self.selected) = (None, None);
            if moment.snapshot.progress.samples_per_second == 0.0 {
                self.epoch_secs = 0.0;
            }
        }
    }

    fn outline(&self, moment: &Moment) -> Vec<(LayerLocation, usize)> {
        let drafted = self.draft.as_ref().map(|draft| &draft.outline);
        let present = moment.snapshot.run.cost.as_ref().map(|cost| &cost.outline);
        match drafted.or(present) {
            Some(outline) => outline.clone(),
            // Without data only the widths are known.
            None => moment.snapshot.run.widths.iter().map(|&width| (LayerLocation::Input, width)).collect(),
        }
    }

    /// Draws the buttons of an edit; returns the action, and the left edge of the buttons.
    fn apply_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect) -> (Option<NetworkAction>, f32) {
        let Some(draft) = &self.draft else { return (None, inside.right()) };
        let help = "Discard the changes";
        let discard = Button::new(ButtonKind::Chip, "discard", help);
        let (discarded, left) = discard.show_right(ui, palette, inside.right_top());
        let help = "Train this model from the same seed; the current run is kept";
        let apply = Button::new(ButtonKind::ChipOn, "apply", help).enabled(draft.prediction.is_ok());
        let (applied, left) = apply.show_right(ui, palette, pos2(left - 6.0, inside.top()));
        if discarded.clicked() {
            (self.draft, self.selected) = (None, None);
            return (None, left);
        }
        let applies = applied.clicked() && draft.prediction.is_ok();
        (applies.then(|| NetworkAction::Train(Box::new(draft.spec.clone()))), left)
    }

    /// Draws the editor of the selected layer; returns whether Enter applies the edit.
    fn editor_ui(&mut self, ui: &mut Ui, palette: &Palette, line: Rect, spec: &Spec, data: &Arc<DataSet>) -> bool {
        let Some(place) = self.selected else {
            let words = "Click a layer to edit it";
            let at = line.left_center();
            ui.painter().text(at, Align2::LEFT_CENTER, words, regular(size::SECOND), color(palette.muted));
            return false;
        };
        let mut draft = self.draft.take().unwrap_or_else(|| Draft::new(spec, data));
        let selected = draft.editor_ui(ui, palette, line, place);
        let mut applies = draft.take_entered();
        if draft.changed_from(spec) {
            draft.rebuild(data);
            applies &= draft.prediction.is_ok();
            self.draft = Some(draft);
        } else {
            applies = false;
        }
        self.selected = selected;
        applies
    }

    fn values_ui(&self, ui: &Ui, palette: &Palette, area: Rect, moment: &Moment, drafted: Option<&CostEstimate>) {
        let nothing = || "\u{2013}".to_owned();
        let latent = self.spec(moment).map_or(0, |spec| spec.model.latent);
        let input = moment.snapshot.run.widths.first().copied().unwrap_or(moment.snapshot.run.data.features);
        let parameters = drafted.map_or(moment.snapshot.run.parameters, |drafted| drafted.parameters);
        let memory = drafted.map_or(moment.snapshot.run.memory_bytes, |drafted| drafted.memory_bytes);
        let ratio = match (drafted, &moment.snapshot.run.cost) {
            (Some(drafted), Some(present)) => drafted.epoch_cost / present.epoch_cost.max(1.0),
            _ => 1.0,
        };
        let secs = self.epoch_secs * ratio;
        let known = |known: bool, text: String| if known { text } else { nothing() };
        let memory_text = if memory < 1_000_000_000 {
            format!("{:.0} MB", memory as f64 / 1e6)
        } else {
            format!("{:.1} GB", memory as f64 / 1e9)
        };
        let secs_text = if secs < 100.0 { format!("{secs:.1} s") } else { style::clock(secs) };
        let secs_text = if drafted.is_some() { format!("about {secs_text}") } else { secs_text };
        let ink: Rgb = if drafted.is_some() { palette.accent } else { palette.text };
        let mut line = Rect::from_min_size(area.min, vec2(area.width(), VALUE_LINE));
        for (name, value) in [
            ("Parameters", known(parameters > 0, style::grouped(parameters as u64))),
            ("Compression", if latent > 0 && input > 0 { ratio_words(input, latent) } else { nothing() }),
            ("Memory", known(memory > 0, memory_text)),
            ("Epoch", known(secs > 0.0 && parameters > 0, secs_text)),
        ] {
            value_row_in(ui, palette, line, name, &value, ink);
            line = line.translate(vec2(0.0, VALUE_LINE));
        }
    }
}

/// Returns how many values become one, also where there are more latents than values.
fn ratio_words(values: usize, latents: usize) -> String {
    let ratio = values as f64 / latents as f64;
    if ratio >= 9.95 { format!("{ratio:.0}:1") } else { format!("{ratio:.1}:1") }
}

fn title(context: Context<'_>) -> String {
    let usual = if context.suggested { "suggested" } else { "custom" };
    let name = context.moment.snapshot.run.preset.as_deref().unwrap_or(usual);
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Draws the layers; returns the clicked one.
fn hourglass_ui(
    ui: &mut Ui,
    palette: &Palette,
    area: Rect,
    outline: &[(LayerLocation, usize)],
    selected: Option<LayerLocation>,
    spec: Option<&Spec>,
) -> Option<LayerLocation> {
    let widest = outline.iter().map(|(_, width)| *width).max()?;
    let narrowest = outline.iter().map(|(_, width)| *width).min().unwrap_or(1);
    let labels = 22.0;
    let drawing = Rect::from_min_max(area.min, pos2(area.right(), area.bottom() - labels));
    let height = |width: usize| {
        let scale = (width as f32 + 1.0).ln() / (widest as f32 + 1.0).ln();
        drawing.height() * (0.12 + 0.88 * scale)
    };
    let step = (drawing.width() - 12.0) / (outline.len().max(2) - 1) as f32;
    let bar = 12.0_f32.min(step * 0.6);
    let x = |i: usize| drawing.left() + 6.0 + i as f32 * step;
    // Body with smooth transitions from layer to layer.
    let mut body_line: Vec<(f32, f32)> = Vec::new();
    for (i, pair) in outline.windows(2).enumerate() {
        for t in 0..12 {
            let t = t as f32 / 12.0;
            let eased = t * t * (3.0 - 2.0 * t);
            body_line.push((x(i) + t * step, egui::lerp(height(pair[0].1)..=height(pair[1].1), eased)));
        }
    }
    body_line.extend(outline.last().map(|&(_, last)| (x(outline.len() - 1), height(last))));
    ui.painter().add(body(&body_line, drawing.center().y, faded(palette.accent, 0.14)));
    let mut clicked = None;
    let mut labeled = f32::NEG_INFINITY;
    for (i, &(place, width)) in outline.iter().enumerate() {
        let bottleneck = place == LayerLocation::Latent || spec.is_none() && width == narrowest;
        // Layers that keep the width are drawn thin.
        let same = i > 0 && outline[i - 1].1 == width && !bottleneck;
        let fill = if bottleneck { palette.accent } else { palette.faint };
        let thickness = if same { (bar * 0.3).max(2.0) } else { bar };
        let rect = Rect::from_center_size(pos2(x(i), drawing.center().y), vec2(thickness, height(width)));
        let reach =
            Rect::from_center_size(pos2(x(i), drawing.center().y), vec2(step.clamp(6.0, 34.0), drawing.height()));
        let can_change = place != LayerLocation::Input;
        let sense = if can_change { Sense::click() } else { Sense::hover() };
        let response = ui.interact(reach, ui.scope_id().with(("layer", i)), sense);
        ui.painter().rect_filled(rect, 2.0, color(fill));
        let here = selected == Some(place) && can_change;
        if here || response.hovered() && can_change {
            let ink = if here { palette.accent } else { palette.muted };
            ui.painter().rect_stroke(rect.expand(3.0), 4.0, Stroke::new(1.5, color(ink)), StrokeKind::Inside);
        }
        focus_ring(ui, palette, &response, rect.expand(3.0));
        let words = network_editor::words(spec, place);
        if can_change {
            let name = format!("Layer {i}: {words}");
            response.widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, here, &name));
            if response.hovered() {
                ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
            }
            if response.clicked() {
                clicked = Some(place);
            }
        }
        response.on_hover_text(format!("{words}: {width} values"));
        if same {
            continue;
        }
        let text = if bottleneck { palette.accent } else { palette.muted };
        let galley = ui.painter().layout_no_wrap(width.to_string(), regular(size::AXIS), color(text));
        let half = galley.size().x / 2.0;
        let left = (x(i) - half).clamp(drawing.left(), drawing.right() - 2.0 * half);
        if left > labeled + 4.0 {
            labeled = left + 2.0 * half;
            ui.painter().galley(pos2(left, area.bottom() - galley.size().y), galley, color(text));
        }
    }
    clicked
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
