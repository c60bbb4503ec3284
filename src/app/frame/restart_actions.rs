//! Restart of a run: a question first where one would be cut short, and the way back to it.

use egui::Ui;

use crate::app::application::App;
use crate::app::ui::dialog::{heading, sheet, words};
use crate::app::ui::widgets::{Button, ButtonKind};
use crate::app::undo::{Design, ModelOrigin};
use crate::app::workspace::Place;
use crate::model::Spec;
use crate::style;
use crate::style::{Palette, space};
use crate::train::SavedRun;

/// Seconds of work from which on an unfinished run is not cut short without a question.
const ASK_AFTER: f64 = 10.0;

impl App {
    /// Restarts the run, after a question where it is unfinished and has taken more than some seconds.
    pub(crate) fn request_restart(&mut self) {
        if self.is_running() && self.moment.snapshot.progress.seconds > ASK_AFTER {
            self.restarts.asking = true;
        } else {
            self.restart();
        }
    }

    /// Restarts the run from the same seed, with the edit of its layers if there is one; an opened model is trained
    /// from its spec.
    pub(crate) fn restart(&mut self) {
        let cut_short = self.moment.folder.clone().filter(|_| self.is_running());
        match self.workspaces.train.edited() {
            Some(Ok(spec)) => {
                self.change_design(spec, None);
                return;
            }
            Some(Err(problem)) => {
                self.go_to(Place::Train);
                self.error = Some(format!("the edited model cannot be trained, {problem}; change or discard the edit"));
                return;
            }
            None => {}
        }
        match self.design().filter(|_| self.options.run.source.opened().is_some()) {
            Some(design) => {
                if self.place == Place::Report {
                    self.go_to(Place::Train);
                }
                let (source, model) = self.source_of(design);
                self.start_run(source, model, self.options.run.device);
            }
            None => self.start(),
        }
        self.restarts.cut_short = cut_short;
    }

    /// Goes back to the run that the last restart cut short; returns whether there is one.
    pub(crate) fn undo_restart(&mut self) -> bool {
        let Some(folder) = self.restarts.cut_short.take() else { return false };
        self.notice = Some("Saving the run that was cut short".to_owned());
        self.restarts.going_back = Some(folder);
        true
    }

    /// Resumes the run to go back to, once it is saved.
    pub(crate) fn go_back_to_run(&mut self, context: &egui::Context) {
        self.retiring.retain(|task| !task.is_ended());
        if self.restarts.going_back.is_none() {
            return;
        }
        if !self.retiring.is_empty() || self.can_cancel() {
            context.request_repaint_after(std::time::Duration::from_millis(100));
            return;
        }
        let Some(folder) = self.restarts.going_back.take() else { return };
        let run = SavedRun::read(&folder).filter(|run| run.has_checkpoint);
        let spec = run.as_ref().and_then(SavedRun::spec_to_resume);
        match (run, spec) {
            (Some(run), Some(spec)) => {
                let (name, preset) = (run.name.clone(), self.preset_of(&spec, run.preset));
                self.resume(run.path, spec, preset);
                self.notice = Some(format!("Resumed {name}"));
            }
            _ => self.error = Some(format!("{} has no checkpoint to resume from", folder.display())),
        }
    }

    /// Returns the name of the preset of a run: the recorded one, or that of the present design of the same model.
    fn preset_of(&self, spec: &Spec, recorded: Option<String>) -> Option<String> {
        let present = match self.design() {
            Some(Design::Complete { spec: present, model }) if present.model == spec.model => model,
            _ => ModelOrigin::Custom,
        };
        recorded.or_else(|| present.preset().map(str::to_owned))
    }

    /// Draws the question.
    pub(crate) fn restart_ui(&mut self, ui: &Ui, palette: &Palette) {
        if !self.restarts.asking {
            return;
        }
        if !self.is_running() {
            self.restarts.asking = false;
            return;
        }
        let progress = &self.moment.snapshot.progress;
        let percent = (100 * progress.step).checked_div(self.moment.snapshot.run.total_steps).unwrap_or(0);
        let done = format!("This run is at {percent}% after {}.", style::clock(progress.seconds));
        let then = match self.workspaces.train.edited() {
            Some(_) => "It is saved, and a new one starts with the edited layers. Runs (0) goes back to it.",
            None => "It is saved, and a new one starts from the same seed. Ctrl+Z or Runs (0) goes back to it.",
        };
        let text = format!("{done} {then}");
        let (chosen, away) = sheet(ui.ctx(), palette, "restart", 420.0, |ui| {
            heading(ui, palette, "Restart an unfinished run?");
            words(ui, palette, &text);
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let restart = Button::new(ButtonKind::Danger, "Stop and restart", "Stop this run and start a new one");
                let restarts = restart.show_here(ui, palette).clicked();
                let keep = Button::new(ButtonKind::Plain, "Cancel", "Let the run go on (Esc)");
                let keeps = keep.show_here(ui, palette).clicked();
                (restarts || keeps).then_some(restarts)
            })
            .inner
        });
        match chosen {
            Some(true) => {
                self.restarts.asking = false;
                self.restart();
            }
            Some(false) => self.restarts.asking = false,
            None if away => self.restarts.asking = false,
            None => {}
        }
    }
}
