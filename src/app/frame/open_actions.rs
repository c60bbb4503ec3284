//! Handling of dropped, opened and pasted paths.

use std::path::PathBuf;

use egui::{Rect, Ui};

use super::open::{Choice, OpenPurpose, data_kinds, dialog_kinds, drop_target, offers, refusal};
use crate::app::application::App;
use crate::app::opened::{Kind, Offer, Opened, kind_of};
use crate::app::shell::desktop::Question;
use crate::app::ui::format::short_path;
use crate::app::workspace::Place;
use crate::model::{ModelKind, Spec};
use crate::monitor::PlayState;
use crate::platform::files;
use crate::style::Palette;
use crate::train::SavedRun;

impl App {
    /// Handles dropped and pasted input.
    pub(crate) fn take_input(&mut self, ui: &Ui) {
        let dropped: Vec<PathBuf> =
            ui.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        if !dropped.is_empty() {
            self.take(dropped);
        }
        match self.pasting.take() {
            Some(Ok(path)) => {
                self.take(vec![path.clone()]);
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
            Some(egui::Event::Paste(text)) => self.take_text(&text),
            Some(egui::Event::PasteImage(picture)) => {
                self.error = self.pasting.begin(ui.ctx(), &picture, &self.workspaces.explore.pictures_folder()).err();
            }
            _ => {}
        }
    }

    /// Opens paths pasted as text, as file managers copy them.
    fn take_text(&mut self, text: &str) {
        let paths: Vec<PathBuf> = text
            .lines()
            .map(|line| PathBuf::from(line.trim().strip_prefix("file://").unwrap_or(line.trim())))
            .filter(|path| path.is_absolute() && path.exists())
            .collect();
        if paths.is_empty() {
            self.notice = Some("The clipboard holds no path of an existing file".to_owned());
        } else {
            self.take(paths);
        }
    }

    /// Asks for a file to open.
    pub(crate) fn ask_to_open(&mut self) {
        let question = Question::File { title: "Open a model, data, a spec or a run", kinds: dialog_kinds() };
        self.picker.ask(&self.egui, question, OpenPurpose::Anything);
    }

    /// Asks for data to train on.
    pub(crate) fn ask_for_data(&mut self, folder: bool) {
        let question = match folder {
            true => Question::Folder { title: "Open a folder of data" },
            false => Question::File { title: "Open data to train on", kinds: data_kinds() },
        };
        self.picker.ask(&self.egui, question, OpenPurpose::Data);
    }

    /// Trains on data that was asked for; what is no data is opened as what it is.
    fn take_data(&mut self, path: PathBuf) {
        match kind_of(&path) {
            Kind::Model | Kind::Spec | Kind::Run | Kind::Compressed | Kind::Unknown => self.take(vec![path]),
            Kind::Picture | Kind::Folder | Kind::Table | Kind::Rows => self.train_on(&path),
        }
    }

    /// Returns the offers of the current workspace, else the general ones.
    pub(crate) fn offers_for(&self, opened: &Opened) -> Vec<Offer> {
        let here = self.workspaces.get(self.place).accepts(opened);
        if here.is_empty() { offers(opened.kind) } else { here }
    }

    /// Follows the only offer for `paths`, or asks which of several.
    fn take(&mut self, paths: Vec<PathBuf>) {
        let Some(opened) = Opened::new(paths) else { return };
        match self.offers_for(&opened)[..] {
            [] => self.error = Some(refusal(&opened.first, opened.kind)),
            [one] => self.follow_offer(one, &opened),
            ref several => self.choice = Some(Choice { offers: several.to_vec(), opened }),
        }
    }

    /// Hands opened files to a workspace.
    fn hand_to(&mut self, place: Place, opened: &Opened) {
        self.go_to(place);
        let egui = self.egui.clone();
        self.with_context(|workspaces, context| workspaces.at(place).take(&egui, opened, context));
    }

    fn follow_offer(&mut self, offer: Offer, opened: &Opened) {
        let path = &opened.first;
        (self.error, self.notice) = (None, None);
        match offer {
            Offer::OpenModel => {
                self.go_to(Place::Explore);
                self.open_model(path.clone());
            }
            Offer::ScoreWith | Offer::FindAbnormal => self.hand_to(Place::Detect, opened),
            Offer::Clean | Offer::CleanWith => self.hand_to(Place::Denoise, opened),
            Offer::WalkFrom => self.hand_to(Place::Explore, opened),
            Offer::TrainSpec => {
                let read = files::read_to_string(path).map_err(|error| format!("{}, {error}", path.display()));
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
                    self.go_to(Place::Report);
                }
                Some(run) => match run.spec_to_resume() {
                    Some(spec) if run.has_checkpoint => self.resume(run.path, spec, run.preset),
                    _ => self.error = Some(format!("{} has neither a model nor a checkpoint to resume from", run.name)),
                },
                None => self.error = Some(refusal(path, opened.kind)),
            },
            Offer::TrainOn => self.train_on(path),
        }
    }

    /// Draws the drop target while files are dragged over the window.
    pub(crate) fn drop_ui(&self, ui: &Ui, palette: &Palette, window: Rect) {
        let (path, count) = ui.input(|input| {
            let files = &input.raw.hovered_files;
            (files.first().and_then(|file| file.path.clone()), files.len())
        });
        if count > 0 {
            let opened = path.clone().and_then(|path| Opened::new(vec![path]));
            let offers = opened.map(|opened| self.offers_for(&opened)).unwrap_or_default();
            drop_target(ui, palette, window, path.as_deref(), &offers, count - 1);
        }
    }

    /// Draws the sheets that ask for a path, or for what to do with one.
    pub(crate) fn opening_ui(&mut self, ui: &Ui, palette: &Palette) {
        match self.picker.ui(ui, palette) {
            Some((OpenPurpose::Anything, path)) => self.take(vec![path]),
            Some((OpenPurpose::Data, path)) => self.take_data(path),
            None => {}
        }
        let Some(choice) = &self.choice else { return };
        match choice.ui(ui.ctx(), palette) {
            Some(Some(offer)) => {
                if let Some(choice) = self.choice.take() {
                    self.follow_offer(offer, &choice.opened);
                }
            }
            Some(None) => self.choice = None,
            None => {}
        }
    }

    /// Moves an opened model to its workspace: detectors to Detect, denoisers to Denoise.
    pub(crate) fn route_opened_model(&mut self) {
        if self.opened_model_routed || self.moment.snapshot.progress.state != PlayState::Finished {
            return;
        }
        let (Some(path), Some(model)) = (self.options.run.source.opened(), &self.moment.snapshot.model) else { return };
        self.opened_model_routed = true;
        if self.moment.snapshot.run.has_detector {
            let path = path.to_owned();
            self.workspaces.detect.take_detector(&path);
            self.go_to(Place::Detect);
        } else if model.network.spec().model.kind == ModelKind::Denoiser && self.place == Place::Explore {
            // A denoiser has no latents to explore.
            let path = path.to_owned();
            Opened::new(vec![path]).iter().for_each(|opened| self.hand_to(Place::Denoise, opened));
        }
    }

    /// Returns whether a sheet over the workspace has the keyboard.
    pub(crate) fn sheet_is_open(&mut self) -> bool {
        self.help_open
            || self.restarts.asking
            || self.choice.is_some()
            || self.picker.is_typing()
            || self.workspaces.all().iter().any(|workspace| workspace.is_typing())
    }
}
