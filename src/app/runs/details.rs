//! Details of one run, with its actions.

use std::path::Path;

use egui::{Rect, Sense, Ui, pos2, vec2};

use super::summary::{ago, model_of, state_of};
use super::{Runs, open_run};
use crate::app::ui::theme::{color, regular};
use crate::app::ui::widgets::{Button, ButtonKind, card_title, line_of_text, paragraph, value_row};
use crate::app::workspace::Action;
use crate::model::live_text;
use crate::style::{self, Palette, size, space};
use crate::train::SavedRun;

const LINE: f32 = 24.0;
const BUTTON: f32 = 30.0;

/// Action of a button.
#[derive(Clone, Copy)]
enum Act {
    Open,
    Resume,
    Duplicate,
    AskToDelete,
    Delete,
    Keep,
}

impl Runs {
    pub(super) fn details_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        running: Option<&Path>,
    ) -> Option<Action> {
        let Some(run) = self.selected().cloned() else {
            card_title(ui, palette, inside, "Run", "select one in the list");
            return None;
        };
        card_title(ui, palette, inside, &run.name, state_of(&run, running));
        let mut y = inside.top() + 28.0;
        let act = self.actions_ui(ui, palette, inside, &run, running);
        let bottom = act.1 - space::M;
        for (name, value) in facts(&run) {
            if y + LINE > bottom - LINE {
                break;
            }
            let line = Rect::from_min_size(pos2(inside.left(), y), vec2(inside.width(), LINE));
            value_row(ui, palette, line, name, &value);
            y += LINE;
        }
        let words = match (&self.problem, &run.spec) {
            (Some(problem), _) | (None, Err(problem)) => Some((problem.clone(), palette.bad)),
            _ => None,
        };
        if let Some((text, ink)) = words {
            paragraph(ui, pos2(inside.left(), y + 4.0), inside.width(), &text, regular(size::SECOND), color(ink));
        } else {
            let path = run.path.display().to_string();
            let at = pos2(inside.left(), y + LINE / 2.0);
            let rect = line_of_text(ui, at, inside.width(), &path, regular(size::SECOND), color(palette.muted));
            ui.interact(rect, ui.scope_id().with("path"), Sense::hover()).on_hover_text(path);
        }
        match act.0? {
            Act::Open => Some(open_run(&run.path)),
            Act::Resume => {
                let spec = Box::new(run.spec_to_resume()?);
                Some(Action::Resume { folder: run.path, spec, preset: run.preset })
            }
            Act::Duplicate => Some(Action::Train { spec: Box::new(run.spec.ok()?), preset: run.preset }),
            Act::AskToDelete => {
                self.confirming = true;
                None
            }
            Act::Keep => {
                self.confirming = false;
                None
            }
            Act::Delete => {
                self.delete(ui.ctx(), run.path);
                None
            }
        }
    }

    /// Draws the buttons from the bottom up; returns the pressed action and their top edge.
    fn actions_ui(
        &self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        run: &SavedRun,
        running: Option<&Path>,
    ) -> (Option<Act>, f32) {
        let mut act = None;
        let mut bottom = inside.bottom();
        let mut place = |ui: &mut Ui, button: Button<'_>, pressed: Act| {
            let rect = Rect::from_min_size(pos2(inside.left(), bottom - BUTTON), vec2(inside.width(), BUTTON));
            bottom = rect.top() - space::S;
            if button.show(ui, palette, rect).clicked() {
                act = Some(pressed);
            }
        };
        if self.confirming {
            let keep = Button::new(ButtonKind::Plain, "Cancel", "Keep the run");
            place(ui, keep, Act::Keep);
            let delete = Button::new(
                ButtonKind::Danger,
                "Delete permanently",
                "Delete the folder and all in it; this cannot be undone",
            );
            place(ui, delete, Act::Delete);
            let words = format!("Delete {} with its model and its curves? This cannot be undone.", run.name);
            let at = pos2(inside.left(), bottom - 36.0);
            paragraph(ui, at, inside.width(), &words, regular(size::TEXT), color(palette.text));
            return (act, bottom - 44.0);
        }
        let is_running = running == Some(run.path.as_path());
        let readable = run.spec.is_ok();
        let deleting = self.deleting.is_some();
        let help = if is_running {
            "This run is open in the window; open another first"
        } else {
            "Delete the run folder, after a confirmation"
        };
        let delete = Button::new(ButtonKind::Plain, "Delete", help).enabled(!is_running && !deleting);
        place(ui, delete, Act::AskToDelete);
        let help = "Start a new run of the same spec; this one is not changed";
        place(ui, Button::new(ButtonKind::Plain, "Duplicate", help).enabled(readable), Act::Duplicate);
        let done = run.spec.as_ref().is_ok_and(|spec| run.ended || run.epochs.len() >= spec.train.epochs as usize);
        let longer = run.spec_to_resume().map_or(0, |spec| spec.train.epochs);
        let (label, help) = match done {
            true => (format!("Train to epoch {longer}"), "Continue for as many epochs again"),
            false => ("Resume".to_owned(), "Continue exactly where the run stopped"),
        };
        let resume =
            Button::new(ButtonKind::Plain, &label, help).enabled(readable && run.has_checkpoint && !is_running);
        place(ui, resume, Act::Resume);
        let help = if run.has_model { "Open its model in Report and Explore" } else { "No model has been saved yet" };
        place(ui, Button::new(ButtonKind::Primary, "Open", help).enabled(run.has_model), Act::Open);
        (act, bottom)
    }
}

/// Returns names and values, the most important first.
fn facts(run: &SavedRun) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Model", model_of(run)), ("Last written", ago(run))];
    if let Some((epoch, loss)) = run.best() {
        facts.push(("Best validation", format!("{} at epoch {epoch}", style::figure(loss))));
    }
    if let Some(mse) = run.test_mse {
        facts.push(("Test MSE", style::figure(mse)));
    }
    if let Ok(spec) = &run.spec {
        facts.push(("Epochs", format!("{} of {}", run.epochs.len(), spec.train.epochs)));
        facts.push(("Data", short(&spec.data.source)));
        if spec.model.latent > 0 {
            facts.push(("Bottleneck", spec.model.latent.to_string()));
        }
        facts.push(("Loss", spec.objective.loss.title().to_lowercase()));
        facts.push(("Learning rate", live_text(spec.optimizer.learning_rate)));
        facts.push(("Seed", spec.train.seed.to_string()));
        if !spec.edits.is_empty() {
            facts.push(("Live edits", spec.edits.len().to_string()));
        }
    }
    if let Some(epoch) = run.epochs.last() {
        facts.push(("Time", style::clock(epoch.seconds)));
    }
    facts
}

/// Returns the last component of a path.
fn short(source: &str) -> String {
    Path::new(source).file_name().map_or_else(|| source.to_owned(), |name| name.to_string_lossy().into_owned())
}
