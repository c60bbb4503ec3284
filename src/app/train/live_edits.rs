//! Settings of the run: sliders of live fields, and fixed values.

use egui::{Rect, Ui, pos2, vec2};

use crate::app::frame::hints;
use crate::app::frame::hints::Target;
use crate::app::ui::widgets::{Scale, Slider, card_title, value_row};
use crate::model::{BETA, CORRUPTION, DROPOUT, LEARNING_RATE, OptimizerKind, SPARSITY, Spec, live_text};
use crate::monitor::{PlayState, Snapshot};
use crate::style::Palette;

const LINE: f32 = 28.0;

/// State of the sliders: a dragged value is ahead of that of the run.
#[derive(Debug, Default)]
pub(crate) struct LiveEdits {
    held: Option<(&'static str, f64)>,
}

/// Live field with its slider.
struct Live {
    field: &'static str,
    slider: Slider<'static>,
}

/// Returns the sliders of the live fields of `spec`.
fn sliders(spec: &Spec, step: u64, enabled: bool) -> Vec<Live> {
    let slider = |name, help, low, high, scale| Slider { name, help, low, high, scale, enabled };
    let beta = spec.objective.beta.max(1.0) * 4.0;
    let sparsity = spec.objective.sparsity.max(1e-6) * 5.0;
    let all = [
        (
            LEARNING_RATE,
            slider(
                "Learning rate",
                "Step size of the optimizer. A change applies from the next step, is marked on the curve and \
                 recorded in the spec.",
                1e-5,
                1e-1,
                Scale::Log,
            ),
        ),
        (
            BETA,
            slider(
                "Beta",
                "Weight of the KL term: more gives a smoother latent space and blurrier outputs",
                0.0,
                beta,
                Scale::Linear,
            ),
        ),
        (
            CORRUPTION,
            slider(
                "Input noise",
                "Multiplier of the input noise: 1 as in the spec, 0 for none",
                0.0,
                2.0,
                Scale::Linear,
            ),
        ),
        (
            SPARSITY,
            slider(
                "Sparsity",
                "Weight of the sparsity penalty: more leaves fewer active latents",
                0.0,
                sparsity,
                Scale::Linear,
            ),
        ),
        (
            DROPOUT,
            slider("Dropout", "Share of units left out in each step, against overfitting", 0.0, 0.9, Scale::Linear),
        ),
    ];
    let has = |(field, _): &(&'static str, Slider<'static>)| spec.live_value(field, step).is_some();
    all.into_iter().filter(has).map(|(field, slider)| Live { field, slider }).collect()
}

impl LiveEdits {
    /// Draws the card; returns the field and its value when a change is finished.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        snapshot: &Snapshot,
    ) -> Option<(&'static str, f64)> {
        card_title(ui, palette, inside, "Settings", "");
        let mut line = Rect::from_min_size(pos2(inside.left(), inside.top() + 28.0), vec2(inside.width(), LINE));
        let down = vec2(0.0, LINE);
        let spec = snapshot.run.spec.as_ref()?;
        let running = matches!(snapshot.progress.state, PlayState::Playing | PlayState::Paused);
        let mut finished = None;
        for Live { field, slider } in sliders(spec, snapshot.progress.step, running) {
            let of_run = spec.live_value(field, snapshot.progress.step).unwrap_or_default();
            let held = self.held.filter(|(held, _)| *held == field).map(|(_, value)| value);
            let value = held.unwrap_or(of_run);
            if field == LEARNING_RATE {
                hints::is_at(ui, Target::LearningRate, pos2(line.right() - 56.0, line.center().y - 13.0));
            }
            match slider.show(ui, palette, line, value, &live_text(value)) {
                Some((value, true)) => {
                    self.held = None;
                    // An unchanged value is no edit.
                    let value = rounded(field, value);
                    finished = finished.or(((value - of_run).abs() > 1e-9 * of_run.abs()).then_some((field, value)));
                }
                Some((value, false)) => self.held = Some((field, rounded(field, value))),
                None if held.is_some() => self.held = None,
                None => {}
            }
            line = line.translate(down);
        }
        let rows = [
            ("Loss", spec.objective.loss.title().to_lowercase()),
            ("Optimizer", optimizer_name(spec.optimizer.kind).to_owned()),
            ("Batch", spec.train.batch_size.to_string()),
            ("Seed", spec.train.seed.to_string()),
        ];
        for (name, text) in rows {
            if line.bottom() <= inside.bottom() + 8.0 {
                value_row(ui, palette, line, name, &text);
            }
            line = line.translate(down);
        }
        finished
    }
}

fn optimizer_name(kind: OptimizerKind) -> &'static str {
    match kind {
        OptimizerKind::Adam => "Adam",
        OptimizerKind::Adamw => "AdamW",
        OptimizerKind::Sgd => "SGD",
    }
}

/// Rounds to two significant digits for the learning rate, else to three.
fn rounded(field: &str, value: f64) -> f64 {
    if value.abs() < 1e-9 {
        return 0.0;
    }
    let digits = if field == LEARNING_RATE { 1.0 } else { 2.0 };
    let scale = 10_f64.powf(value.abs().log10().floor() - digits);
    (value / scale).round() * scale
}
