//! Paths that come in: dropped, opened, pasted.

use std::path::{Path, PathBuf};

use egui::{Rect, Ui};

use super::open::{Choice, Offer, OpenIn, dialog_kinds, drop_target, kind_of, offers, refusal};
use crate::app::application::App;
use crate::app::shell::desktop::Question;
use crate::app::ui::format::short_path;
use crate::app::workspace::Workspace;
use crate::model::{ModelKind, Spec};
use crate::monitor::PlayState;
use crate::style::Palette;
use crate::train::SavedRun;

impl App {
    /// Takes what was dropped or pasted.
    pub(crate) fn take_input(&mut self, ui: &Ui) {
        let dropped: Vec<PathBuf> =
            ui.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        if !dropped.is_empty() {
            self.take(ui.ctx(), dropped);
        }
        match self.pasting.take() {
            Some(Ok(path)) => {
                self.take(ui.ctx(), vec![path.clone()]);
                self.notice = Some(format!("pasted as {}", short_path(&path)));
            }
            Some(Err(problem)) => self.error = Some(problem),
            None => {}
        }
        if ui.ctx().text_edit_focused() {
            return;
        }
        let pasted = ui.input(|input| {
            let is_pasted = |event: &&egui::Event| matches!(event, egui::Event::Paste(_) | egui::Event::PasteImage(_));
            input.events.iter().find(is_pasted).cloned()
        });
        match pasted {
            Some(egui::Event::Paste(text)) => self.take_text(ui.ctx(), &text),
            Some(egui::Event::PasteImage(picture)) => {
                self.error = self.pasting.begin(ui.ctx(), &picture, &self.explore.pictures_folder()).err();
            }
            _ => {}
        }
    }

    /// Text that was pasted where nothing is typed: paths, as file managers copy them.
    fn take_text(&mut self, context: &egui::Context, text: &str) {
        let paths: Vec<PathBuf> = text
            .lines()
            .map(|line| PathBuf::from(line.trim().strip_prefix("file://").unwrap_or(line.trim())))
            .filter(|path| path.is_absolute() && path.exists())
            .collect();
        if paths.is_empty() {
            self.notice = Some("What was copied is no path of a file that is there".to_owned());
        } else {
            self.take(context, paths);
        }
    }

    /// Asks for something to open.
    pub(crate) fn ask_to_open(&mut self, context: &egui::Context) {
        let question = Question::File { title: "Open a model, data, a spec or a run", kinds: dialog_kinds() };
        self.picker.ask(context, question, ());
    }

    fn offers_for(&self, path: &Path) -> Vec<Offer> {
        let place = match self.workspace {
            Workspace::Detect => OpenIn::Detect,
            Workspace::Denoise => OpenIn::Denoise,
            Workspace::Explore => OpenIn::Explore,
            _ => OpenIn::Other,
        };
        offers(kind_of(path), place)
    }

    /// Does what can be done with `paths`, or asks which of several things.
    fn take(&mut self, context: &egui::Context, paths: Vec<PathBuf>) {
        let Some(first) = paths.first() else { return };
        match self.offers_for(first)[..] {
            [] => self.error = Some(refusal(first, kind_of(first))),
            [one] => self.carry_out(context, one, &paths),
            ref several => self.choice = Some(Choice { offers: several.to_vec(), paths }),
        }
    }

    fn carry_out(&mut self, context: &egui::Context, offer: Offer, paths: &[PathBuf]) {
        let Some(path) = paths.first() else { return };
        (self.error, self.notice) = (None, None);
        match offer {
            Offer::OpenModel => {
                self.go_to(Workspace::Explore);
                self.open_model(path.clone());
            }
            Offer::ScoreWith | Offer::FindAbnormal => {
                self.go_to(Workspace::Detect);
                self.detect.take(context, path, self.options.run.device, self.seed());
            }
            Offer::Clean => {
                self.go_to(Workspace::Denoise);
                self.denoise.take(context, paths.to_vec(), self.options.run.device);
            }
            Offer::TrainSpec => {
                let read = std::fs::read_to_string(path).map_err(|error| format!("{}, {error}", path.display()));
                let spec = read.and_then(|text| {
                    Spec::from_toml(&text, &path.display().to_string()).map_err(|error| error.to_string())
                });
                match spec {
                    Ok(spec) => self.change_design(spec, None),
                    Err(problem) => self.error = Some(problem),
                }
            }
            Offer::OpenRun => match SavedRun::read(path) {
                Some(run) if run.has_model => {
                    self.open_model(run.model_path());
                    self.go_to(Workspace::Report);
                }
                Some(run) => match run.spec_to_resume() {
                    Some(spec) if run.has_checkpoint => self.resume(run.path, spec, run.preset),
                    _ => self.error = Some(format!("{} has neither a model nor a state to go on from", run.name)),
                },
                None => self.error = Some(refusal(path, kind_of(path))),
            },
            Offer::TrainOn => self.train_on(path),
            // A walk has two ends.
            Offer::WalkFrom => paths.iter().take(2).for_each(|path| self.explore.take_file(path.clone())),
        }
    }

    /// What is held over the window.
    pub(crate) fn drop_ui(&self, ui: &Ui, palette: &Palette, window: Rect) {
        let (path, count) = ui.input(|input| {
            let files = &input.raw.hovered_files;
            (files.first().and_then(|file| file.path.clone()), files.len())
        });
        if count > 0 {
            let offers = path.as_deref().map(|path| self.offers_for(path)).unwrap_or_default();
            drop_target(ui, palette, window, path.as_deref(), &offers, count - 1);
        }
    }

    /// The sheets that ask for a path, or what to do with one.
    pub(crate) fn opening_ui(&mut self, ui: &Ui, palette: &Palette) {
        if let Some(((), path)) = self.picker.ui(ui, palette) {
            self.take(ui.ctx(), vec![path]);
        }
        let Some(choice) = &self.choice else { return };
        match choice.ui(ui.ctx(), palette) {
            Some(Some(offer)) => {
                if let Some(choice) = self.choice.take() {
                    self.carry_out(ui.ctx(), offer, &choice.paths);
                }
            }
            Some(None) => self.choice = None,
            None => {}
        }
    }

    /// Leads a model that has been opened to where it belongs.
    pub(crate) fn route_opened_model(&mut self, context: &egui::Context) {
        if self.opened_model_routed || self.snapshot.state != PlayState::Finished {
            return;
        }
        let (Some(path), Some(model)) = (self.options.run.source.opened(), &self.snapshot.model) else { return };
        self.opened_model_routed = true;
        if self.snapshot.has_detector {
            self.detect.take_detector(path);
            self.go_to(Workspace::Detect);
        } else if model.network.spec().model.kind == ModelKind::Denoiser && self.workspace == Workspace::Explore {
            // It has no latents to move.
            let path = path.to_owned();
            self.go_to(Workspace::Denoise);
            self.denoise.take(context, vec![path], self.options.run.device);
        }
    }

    /// Whether something lies over the workspace that has the keyboard.
    pub(crate) fn sheet_is_open(&self) -> bool {
        self.help_open
            || self.choice.is_some()
            || self.picker.is_typing()
            || self.report.is_typing()
            || self.explore.is_typing()
    }
}
