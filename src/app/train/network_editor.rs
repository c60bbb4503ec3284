//! Draft of an edited model: its spec and its estimated cost.

use egui::{Align2, Rect, Ui, pos2, vec2};

use crate::app::ui::theme::{color, regular};
use crate::app::ui::widgets::{Button, ButtonKind};
use crate::data::DataSet;
use crate::kernels::activation::Activation;
use crate::model::{Layer, LayerLocation, Spec};
use crate::style::{Palette, size};
use crate::train::{CostEstimate, estimate_cost};

#[derive(Debug)]
pub(crate) struct Draft {
    pub spec: Spec,
    /// Estimated cost, or the error of the spec.
    pub prediction: Result<CostEstimate, String>,
    /// Layers of the last valid draft.
    pub outline: Vec<(LayerLocation, usize)>,
    /// Layer being typed, with its text.
    typed: Option<(LayerLocation, String)>,
    /// Spec of the prediction.
    predicted: Spec,
    /// True once Enter was pressed in a field.
    entered: bool,
}

/// Returns a layer in the notation of a spec.
pub(crate) fn words(spec: Option<&Spec>, place: LayerLocation) -> String {
    let Some(spec) = spec else { return "layer".to_owned() };
    let mirrored = spec.model.decoder.is_empty();
    match place {
        LayerLocation::Input => "input".to_owned(),
        LayerLocation::Latent => "bottleneck".to_owned(),
        LayerLocation::Encoder(index) => spec.model.encoder.get(index).map_or_else(String::new, Layer::to_string),
        LayerLocation::Decoder(_) if mirrored => "mirrors the encoder".to_owned(),
        LayerLocation::Decoder(index) => spec.model.decoder.get(index).map_or_else(String::new, Layer::to_string),
    }
}

impl Draft {
    /// Creates a draft of the current spec, without its live edits.
    pub fn new(spec: &Spec, data: &DataSet) -> Self {
        let spec = Spec { edits: Vec::new(), ..spec.clone() };
        let prediction = estimate_cost(&spec, data).map_err(|error| error.to_string());
        let outline = prediction.as_ref().map(|prediction| prediction.outline.clone()).unwrap_or_default();
        Self { predicted: spec.clone(), spec, prediction, outline, typed: None, entered: false }
    }

    pub fn changed_from(&self, spec: &Spec) -> bool {
        self.spec.model != spec.model || self.typed.is_some()
    }

    /// Returns whether Enter was pressed in a field since the last call.
    pub fn take_entered(&mut self) -> bool {
        std::mem::take(&mut self.entered)
    }

    /// Updates the prediction after a change.
    pub fn rebuild(&mut self, data: &DataSet) {
        if self.predicted != self.spec {
            self.prediction = estimate_cost(&self.spec, data).map_err(|error| error.to_string());
            if let Ok(prediction) = &self.prediction {
                self.outline.clone_from(&prediction.outline);
            }
            self.predicted = self.spec.clone();
        }
        if let Some((_, words)) = &self.typed
            && let Err(problem) = words.parse::<Layer>()
        {
            self.prediction = Err(problem);
        }
    }

    /// Returns the encoder layer behind a mirrored layer of the decoder.
    fn mirrored(&self, place: LayerLocation) -> LayerLocation {
        if !(matches!(place, LayerLocation::Decoder(_)) && self.spec.model.decoder.is_empty()) {
            return place;
        }
        let width = self.outline.iter().find(|(other, _)| *other == place).map(|(_, width)| *width);
        let same =
            |(other, of): &&(LayerLocation, usize)| matches!(other, LayerLocation::Encoder(_)) && Some(*of) == width;
        self.outline.iter().rev().find(same).map_or(place, |(other, _)| *other)
    }

    /// Returns the list and the index of a layer in the spec.
    fn list(&mut self, place: LayerLocation) -> Option<(&mut Vec<Layer>, usize)> {
        match place {
            LayerLocation::Encoder(index) => Some((&mut self.spec.model.encoder, index)),
            LayerLocation::Decoder(index) => Some((&mut self.spec.model.decoder, index)),
            LayerLocation::Input | LayerLocation::Latent => None,
        }
        .filter(|(list, index)| *index < list.len())
    }

    /// Draws the editor line of the layer at `place`; returns the layer selected next.
    pub fn editor_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        line: Rect,
        place: LayerLocation,
    ) -> Option<LayerLocation> {
        let place = self.mirrored(place);
        if place == LayerLocation::Latent {
            let at = line.left_center();
            let font = regular(size::SECOND);
            ui.painter().text(at, Align2::LEFT_CENTER, "Bottleneck", font, color(palette.muted));
            let field = Rect::from_min_size(pos2(line.left() + 80.0, line.top() + 3.0), vec2(64.0, 24.0));
            let mut latent = self.spec.model.latent;
            let (changed, entered) = count_ui(ui, field, "Bottleneck size", &mut latent);
            self.entered |= entered;
            if changed {
                self.spec.model.latent = latent;
                self.spec.model.top_k = self.spec.model.top_k.map(|keep| keep.min(latent));
            }
            let x = field.right() + 8.0;
            let add = Button::new(ButtonKind::Chip, "add", "Add a layer before the bottleneck");
            let rect = Rect::from_min_size(pos2(x, line.center().y - 10.0), add.size(ui));
            if add.show(ui, palette, rect).clicked() {
                let at = self.spec.model.encoder.len().saturating_sub(1);
                return self.insert(LayerLocation::Encoder(at));
            }
            return Some(place);
        }
        let typed = self.typed.as_ref().filter(|(of, _)| *of == place).map(|(_, words)| words.clone());
        let (list, index) = self.list(place)?;
        let layer = list[index].clone();
        if matches!(layer, Layer::Output { .. }) {
            let words = "The output has the size of the data";
            let at = line.left_center();
            ui.painter().text(at, Align2::LEFT_CENTER, words, regular(size::SECOND), color(palette.muted));
            return Some(place);
        }
        // Buttons from the right: remove, add.
        let mut right = pos2(line.right(), line.center().y - 10.0);
        let remove = Button::new(ButtonKind::Chip, "remove", "Remove this layer");
        let (removed, left) = remove.show_right(ui, palette, right);
        right.x = left - 6.0;
        let add = Button::new(ButtonKind::Chip, "add", "Add a layer after this one");
        let (added, left) = add.show_right(ui, palette, right);
        right.x = left - 8.0;
        let field = Rect::from_min_max(pos2(line.left(), line.top() + 3.0), pos2(right.x, line.bottom() - 3.0));
        let entered;
        match layer {
            Layer::Dense { mut units, mut activation } => {
                let width = Rect::from_min_size(field.min, vec2(58.0, field.height()));
                let (changed, typed) = count_ui(ui, width, "Layer width", &mut units);
                entered = typed;
                let menu = Rect::from_min_max(pos2(width.right() + 6.0, field.top()), field.max);
                let chosen = activation_ui(ui, palette, menu, &mut activation);
                if changed || chosen {
                    list[index] = Layer::Dense { units, activation };
                }
            }
            layer => {
                let mut words = typed.unwrap_or_else(|| layer.to_string());
                let edit = egui::TextEdit::singleline(&mut words).font(regular(size::SECOND));
                let response = ui.put(field, edit.desired_width(field.width()));
                name_for_reader(ui, &response, "Layer definition");
                entered = is_entered(ui, &response);
                if response.changed() {
                    match words.parse::<Layer>() {
                        Ok(layer) => {
                            list[index] = layer;
                            self.typed = None;
                        }
                        Err(_) => self.typed = Some((place, words)),
                    }
                }
                response.on_hover_text("Layer in the notation of a spec, such as conv 16 3x3 stride 2 relu");
            }
        }
        self.entered |= entered;
        if removed.clicked() {
            self.typed = None;
            let (list, index) = self.list(place)?;
            list.remove(index);
            return None;
        }
        if added.clicked() {
            self.typed = None;
            let next = match place {
                LayerLocation::Encoder(index) => LayerLocation::Encoder(index + 1),
                LayerLocation::Decoder(index) => LayerLocation::Decoder(index + 1),
                other => other,
            };
            return self.insert(next);
        }
        Some(place)
    }

    /// Inserts a layer before `place`, as wide as the geometric mean of the widths around it.
    fn insert(&mut self, place: LayerLocation) -> Option<LayerLocation> {
        let at = self.outline.iter().position(|(other, _)| *other == place);
        // The encoder's last layer is the bottleneck.
        let at = at.or_else(|| self.outline.iter().position(|(other, _)| *other == LayerLocation::Latent))?;
        let (before, after) = (self.outline.get(at.checked_sub(1)?)?.1, self.outline[at].1);
        let units = ((before as f64 * after.max(1) as f64).sqrt().round() as usize).max(1);
        let (list, index) = self.list(place)?;
        // After a convolution another convolution is inserted, so that pictures stay pictures.
        let model = index.checked_sub(1).and_then(|index| list.get(index));
        let layer = match model {
            Some(Layer::Conv { geometry, activation, .. }) => {
                let mut geometry = *geometry;
                (geometry.stride, geometry.kernel, geometry.padding) = ([1, 1], [3, 3], [1, 1]);
                Layer::Conv { geometry, activation: *activation, with: None }
            }
            Some(Layer::Dense { activation, .. }) => Layer::Dense { units, activation: *activation },
            _ => Layer::Dense { units, activation: Activation::Relu },
        };
        list.insert(index, layer);
        Some(place)
    }
}

/// Returns whether Enter was pressed in the field of `response`.
fn is_entered(ui: &Ui, response: &egui::Response) -> bool {
    response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
}

/// Draws a whole number to drag or type; returns whether it changed, and whether Enter was pressed.
fn count_ui(ui: &mut Ui, rect: Rect, name: &str, count: &mut usize) -> (bool, bool) {
    let speed = (*count as f64 * 0.01).max(0.05);
    let drag = egui::DragValue::new(count).range(1..=65_536).speed(speed);
    let response = ui.put(rect, drag);
    name_for_reader(ui, &response, name);
    let (changed, entered) = (response.changed(), is_entered(ui, &response));
    response.on_hover_text("Drag, or click and type; Enter trains it");
    (changed, entered)
}

fn activation_ui(ui: &mut Ui, palette: &Palette, rect: Rect, activation: &mut Activation) -> bool {
    let name = match *activation {
        Activation::Identity => "linear",
        other => other.name(),
    };
    let button = Button::new(ButtonKind::Chip, name, "Activation function of the layer");
    let size = button.size(ui);
    let at = Rect::from_min_size(pos2(rect.left(), rect.center().y - size.y / 2.0), size);
    let response = button.show(ui, palette, at);
    let mut chosen = false;
    egui::Popup::menu(&response).show(|ui| {
        for other in Activation::ALL {
            let name = if other == Activation::Identity { "linear" } else { other.name() };
            if ui.selectable_label(other == *activation, name).clicked() {
                *activation = other;
                chosen = true;
            }
        }
    });
    chosen
}

/// Sets the accessible name of a control without a label.
fn name_for_reader(ui: &Ui, response: &egui::Response, name: &str) {
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
}
