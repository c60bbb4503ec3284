//! What can be changed while it runs, and what was fixed before.

use egui::{Rect, Ui, pos2, vec2};

use super::widgets::{Scale, Slider, card_title, value_row};
use crate::model::OptimizerKind;
use crate::style::Palette;
use crate::train::{PlayState, Snapshot};

const LINE: f32 = 28.0;

/// State of the sliders: what the pointer holds is ahead of what the run has.
#[derive(Debug, Default)]
pub(super) struct Controls {
    learning_rate: Option<f64>,
}

impl Controls {
    /// Draws the card's contents; gives the learning rate when a change is finished.
    pub fn ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) -> Option<f64> {
        card_title(ui, palette, inside, "While it runs", "");
        let mut line = Rect::from_min_size(pos2(inside.left(), inside.top() + 28.0), vec2(inside.width(), LINE));
        let down = vec2(0.0, LINE);
        let spec = snapshot.spec.as_ref()?;
        let running = matches!(snapshot.state, PlayState::Playing | PlayState::Paused);
        let of_run = if snapshot.learning_rate > 0.0 { snapshot.learning_rate } else { spec.optimizer.learning_rate };
        let value = self.learning_rate.unwrap_or(of_run);
        let slider = Slider {
            name: "Learning rate",
            help: "How far each step moves the weights. A change holds from the next step on, is marked on the curve, \
                   and is kept in the spec.",
            low: 1e-5,
            high: 1e-1,
            scale: Scale::Log,
            enabled: running,
        };
        let mut finished = None;
        match slider.show(ui, palette, line, value, &rate_text(value)) {
            Some((value, true)) => {
                self.learning_rate = None;
                // Back where it was is no edit.
                finished = Some(two_digits(value)).filter(|rate| (rate / of_run - 1.0).abs() > 1e-9);
            }
            Some((value, false)) => self.learning_rate = Some(two_digits(value)),
            None => self.learning_rate = None,
        }
        line = line.translate(down);
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

/// A rate that people can read: two significant digits.
fn two_digits(value: f64) -> f64 {
    let scale = 10_f64.powf(value.log10().floor() - 1.0);
    (value / scale).round() * scale
}

pub(super) fn rate_text(value: f64) -> String {
    let digits = (1.0 - value.log10().floor()).clamp(1.0, 7.0) as usize;
    let text = format!("{value:.digits$}");
    let trimmed = text.trim_end_matches('0');
    if trimmed.ends_with('.') { text } else { trimmed.to_owned() }
}
