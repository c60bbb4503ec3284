//! Thread of the queue: the order of its work, and the view that it publishes.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::TryRecvError;

use super::protocol::{ItemState, QueueCommand, QueueImage, QueueItem, QueueView};
use super::save::{pixels, save_beside};
use crate::data::DataError;
use crate::device::{Device, DeviceChoice};
use crate::model::{Model, SHIPPED_DENOISER, shipped_denoiser};
use crate::platform::{ActorContext, Instant};
use crate::tasks::TaskError;
use crate::tasks::denoise::filter::Filtered;
use crate::tasks::denoise::image::{Image, ImageFile, ReadChoices};
use crate::tasks::denoise::model::Denoiser;
use crate::tasks::denoise::paths::pictures_of;
use crate::tasks::denoise::self_ensemble::ALL;
use crate::tasks::denoise::strength::Strength;

/// Side in pixels of the region that is denoised first.
const REGION: usize = 256;

pub(crate) struct QueueWorker<'a> {
    context: &'a ActorContext<QueueCommand, QueueView>,
    /// Commands received during work, not executed yet.
    queue: VecDeque<QueueCommand>,
    ended: bool,
    choice: DeviceChoice,
    device: Option<Device>,
    view: QueueView,
    middle: [f32; 2],
    denoiser: Option<Denoiser>,
    shipped: Option<Denoiser>,
    /// Changes of the selected image by the chosen model.
    filtered: Option<Filtered>,
    /// Changes of the selected image by the shipped model.
    other: Option<Filtered>,
    /// True if `filtered` needs no refinement: it is of all eight symmetries, was not run, or was stopped.
    best: bool,
    save_all: bool,
}

/// Model whose output is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ModelChoice {
    Chosen,
    Shipped,
}

impl<'a> QueueWorker<'a> {
    pub fn new(context: &'a ActorContext<QueueCommand, QueueView>, choice: DeviceChoice) -> Self {
        Self {
            context,
            queue: VecDeque::new(),
            ended: false,
            choice,
            device: None,
            view: QueueView::default(),
            middle: [0.5; 2],
            denoiser: None,
            shipped: None,
            filtered: None,
            other: None,
            best: false,
            save_all: false,
        }
    }

    pub fn run(mut self) {
        while !self.ended {
            match self.queue.pop_front() {
                Some(command) => self.obey(command),
                None if self.has_work() => {
                    self.hear();
                    if self.queue.is_empty() && !self.ended {
                        self.go_on();
                    }
                }
                None => match self.context.next() {
                    Some(command) => self.queue.push_back(command),
                    None => break,
                },
            }
        }
    }

    /// Receives the commands sent so far; the amount is changed at once, because no work is lost by it.
    fn hear(&mut self) {
        loop {
            match self.context.try_next() {
                Ok(QueueCommand::Amount(amount)) if self.queue.is_empty() => self.set_strength(amount),
                Ok(QueueCommand::SetViewport(middle)) => self.middle = middle,
                Ok(command) => self.queue.push_back(command),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }

    fn show(&self) {
        self.context.show(self.view.clone());
    }

    fn item(&self) -> Option<&QueueItem> {
        self.view.items.get(self.view.selected)
    }

    fn failed(&self) -> bool {
        self.item().is_none_or(|item| matches!(item.state, ItemState::Failed(_)))
    }

    fn has_work(&self) -> bool {
        let looking =
            !self.failed() && (self.filtered.is_none() || !self.best || self.view.compare && self.other.is_none());
        looking || self.save_all
    }

    fn obey(&mut self, command: QueueCommand) {
        match command {
            QueueCommand::Add(paths) => {
                let first = self.view.items.len();
                let (mut problems, mut notes) = (Vec::new(), Vec::new());
                for path in pictures_of(&paths, &mut problems, &mut notes) {
                    if !self.view.items.iter().any(|item| item.path == path) {
                        self.view.items.push(QueueItem { path, state: ItemState::Waiting });
                    }
                }
                self.view.error = problems.into_iter().next();
                self.view.note = (!notes.is_empty()).then(|| notes.join("; "));
                if first < self.view.items.len() {
                    self.select(first);
                } else if let Some(place) = self.view.items.iter().position(|item| paths.contains(&item.path)) {
                    self.select(place);
                }
            }
            QueueCommand::Select(index) => self.select(index),
            QueueCommand::Amount(amount) => self.set_strength(amount),
            QueueCommand::Model(path) => {
                match self.open_denoiser(path.as_deref()) {
                    Ok(denoiser) => {
                        self.denoiser = Some(denoiser);
                        self.view.model = path;
                        self.view.error = None;
                        self.view.compare &= self.view.model.is_some();
                        self.forget();
                    }
                    Err(error) => self.view.error = Some(error.to_string()),
                }
                self.show();
            }
            QueueCommand::Compare(compare) => {
                self.view.compare = compare && self.view.model.is_some();
                self.publish();
            }
            QueueCommand::SetViewport(middle) => self.middle = middle,
            QueueCommand::Save => self.save_selected(),
            QueueCommand::SaveAll => {
                self.save_all = true;
                self.view.error = None;
            }
            QueueCommand::Stop => {
                self.save_all = false;
                // What is there is good enough from now on, unless it is of another sigma.
                self.best = self.filtered.is_some() && !self.is_stale();
                if !self.best && !self.failed() {
                    self.fail("stopped; select it again to continue".to_owned());
                }
                self.rest();
            }
            QueueCommand::Clear => {
                self.save_all = false;
                let (amount, model) = (self.view.strength, self.view.model.take());
                self.view = QueueView { strength: amount, model, ..QueueView::default() };
                self.forget();
                self.show();
            }
        }
    }

    /// Drops all results of the selected image.
    fn forget(&mut self) {
        (self.filtered, self.other, self.best) = (None, None, false);
        self.view.picture = None;
    }

    fn select(&mut self, index: usize) {
        let Some(item) = self.view.items.get_mut(index) else { return };
        if !matches!(item.state, ItemState::Saved(_)) {
            item.state = ItemState::Waiting;
        }
        if index != self.view.selected || self.view.picture.is_none() {
            self.view.selected = index;
            self.middle = [0.5; 2];
            self.forget();
        }
        self.show();
    }

    /// Returns whether the current amount requires another run of the model.
    fn is_stale(&self) -> bool {
        self.filtered.as_ref().is_some_and(|filtered| filtered.lacks(&self.view.strength))
    }

    fn set_strength(&mut self, amount: Strength) {
        self.view.strength = amount;
        // What is shown stays until there is something better.
        self.best &= !self.is_stale();
        if self.other.as_ref().is_some_and(|filtered| filtered.lacks(&amount)) {
            self.other = None;
        }
        // A saved picture is one of another amount.
        let selected = self.view.selected;
        if let Some(item) = self.view.items.get_mut(selected)
            && matches!(item.state, ItemState::Saved(_))
        {
            item.state = ItemState::Done;
        }
        self.publish();
    }

    fn fail(&mut self, problem: String) {
        let selected = self.view.selected;
        if let Some(item) = self.view.items.get_mut(selected) {
            item.state = ItemState::Failed(problem);
        }
        self.show();
    }

    fn rest(&mut self) {
        (self.view.working, self.view.seconds_left) = (None, None);
        self.show();
    }

    fn open_denoiser(&mut self, path: Option<&Path>) -> Result<Denoiser, TaskError> {
        let (model, name) = match path {
            Some(path) => (Model::load(path)?, path),
            None => (shipped_denoiser()?, Path::new(SHIPPED_DENOISER)),
        };
        if self.device.is_none() {
            self.device = Some(Device::open(self.choice, None).map_err(crate::graph::GraphError::from)?);
        }
        let nowhere = || TaskError::Defect("a device was opened and is gone".to_owned());
        Denoiser::new(model, name, self.device.as_ref().ok_or_else(nowhere)?, None)
    }

    /// Performs the next step of the pending work.
    fn go_on(&mut self) {
        if self.failed() || self.filtered.is_some() && self.best && !(self.view.compare && self.other.is_none()) {
            if self.save_all {
                self.save_next();
            }
            return;
        }
        let result = if self.filtered.is_none() {
            self.begin()
        } else if self.is_stale() {
            self.filter_selected(ModelChoice::Chosen, 1)
        } else if self.view.compare && self.other.is_none() {
            self.filter_selected(ModelChoice::Shipped, 1)
        } else {
            self.filter_selected(ModelChoice::Chosen, ALL)
        };
        match result {
            Ok(()) => {}
            Err(TaskError::Canceled) => self.show(),
            Err(error) => self.fail(error.to_string()),
        }
        if !self.has_work() {
            self.rest();
        }
    }

    /// Reads the selected image, shows it, denoises the center of its visible part, then the whole.
    fn begin(&mut self) -> Result<(), TaskError> {
        let Some(path) = self.item().map(|item| item.path.clone()) else { return Ok(()) };
        self.view.working = Some("Reading".to_owned());
        self.show();
        let range = self.denoiser.as_ref().and_then(Denoiser::range);
        let file = ImageFile::read(&path, ReadChoices { range, ..ReadChoices::default() })?;
        let nothing =
            || DataError::Malformed { place: path.display().to_string(), problem: "it holds no picture".into() };
        let seen = file.images.into_iter().next().ok_or_else(nothing)?;
        self.view.picture = Some(Arc::new(QueueImage {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            width: seen.size[1],
            height: seen.size[0],
            bits: seen.bits(),
            colors: seen.colors(),
            before: Arc::new(pixels(&seen)),
            ..QueueImage::default()
        }));
        self.view.working = Some("Denoising".to_owned());
        self.show();
        let side = |length: usize, middle: f32| {
            let start = ((middle * length as f32) as usize).saturating_sub(REGION / 2);
            let start = start.min(length.saturating_sub(REGION));
            start..(start + REGION).min(length)
        };
        let (rows, columns) = (side(seen.size[0], self.middle[1]), side(seen.size[1], self.middle[0]));
        if rows.len() * columns.len() * 2 < seen.size[0] * seen.size[1] {
            let region = self.filter(seen.crop(rows.clone(), columns.clone()), ModelChoice::Chosen, 1)?;
            if let Some(made) = region.result(&self.view.strength) {
                let mut whole = seen.clone();
                whole.paste(&made, rows.start, columns.start);
                self.change_picture(|picture| picture.after = Some(Arc::new(pixels(&whole))));
            }
        }
        let filtered = self.filter(seen, ModelChoice::Chosen, 1)?;
        self.filtered = Some(filtered);
        // Of a picture that the model was not asked about there is nothing better to be had.
        self.best = self.filtered.as_ref().is_some_and(Filtered::is_empty);
        self.set_state(ItemState::Done);
        self.publish();
        Ok(())
    }

    fn set_state(&mut self, state: ItemState) {
        let selected = self.view.selected;
        if let Some(item) = self.view.items.get_mut(selected)
            && !matches!(item.state, ItemState::Saved(_))
        {
            item.state = state;
        }
    }

    fn filter_selected(&mut self, whose: ModelChoice, looks: usize) -> Result<(), TaskError> {
        let Some(seen) = self.filtered.as_ref().map(|filtered| filtered.seen.clone()) else { return Ok(()) };
        let doing = match (whose, looks) {
            (ModelChoice::Shipped, _) => "Comparing",
            (ModelChoice::Chosen, 1) => "Denoising",
            _ => "Refining",
        };
        self.view.working = Some(doing.to_owned());
        let filtered = self.filter(seen, whose, looks)?;
        match whose {
            ModelChoice::Chosen => {
                self.best = looks == ALL || filtered.is_empty();
                self.filtered = Some(filtered);
            }
            ModelChoice::Shipped => self.other = Some(filtered),
        }
        self.publish();
        Ok(())
    }

    /// Runs a model and publishes its progress; any command that changes the pending work ends it.
    fn filter(&mut self, seen: Image, whose: ModelChoice, looks: usize) -> Result<Filtered, TaskError> {
        let taken = match whose {
            ModelChoice::Chosen => self.denoiser.take(),
            ModelChoice::Shipped => self.shipped.take(),
        };
        let mut denoiser = match taken {
            Some(denoiser) => denoiser,
            None => {
                let path = self.view.model.clone().filter(|_| whose == ModelChoice::Chosen);
                self.open_denoiser(path.as_deref())?
            }
        };
        denoiser.ensemble(looks);
        // All of the change: how much of it is made can be chosen afterwards.
        let amount = Strength { strength: 1.0, ..self.view.strength };
        let is_told = denoiser.takes_sigma();
        let (started, mut shown) = (Instant::now(), Instant::now());
        let megapixels = (seen.size[0] * seen.size[1]) as f64 / 1e6;
        let mut progress = |done: f64| {
            self.hear();
            if shown.elapsed().as_millis() > 80 {
                shown = Instant::now();
                let elapsed = started.elapsed().as_secs_f64();
                self.view.seconds_left = (done > 0.0).then(|| elapsed * (1.0 - done) / done);
                self.set_state(ItemState::Working(done));
                self.show();
            }
            let otherwise = is_told && self.view.strength.sigma != amount.sigma;
            if self.queue.is_empty() && !self.ended && !otherwise {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let filtered = Filtered::new(seen, &amount, &mut denoiser, &mut progress);
        let seconds = started.elapsed().as_secs_f64();
        match whose {
            ModelChoice::Chosen => self.denoiser = Some(denoiser),
            ModelChoice::Shipped => self.shipped = Some(denoiser),
        }
        self.set_state(ItemState::Done);
        self.view.seconds_left = None;
        let filtered = filtered?;
        if !filtered.is_empty() {
            self.view.megapixels_per_second = Some(megapixels / seconds.max(1e-9));
        }
        Ok(filtered)
    }

    fn change_picture(&mut self, change: impl FnOnce(&mut QueueImage)) {
        if let Some(picture) = &mut self.view.picture {
            change(Arc::make_mut(picture));
        }
        self.show();
    }

    /// Publishes the result at the current amount.
    fn publish(&mut self) {
        let amount = self.view.strength;
        let Some(filtered) = &self.filtered else {
            self.show();
            return;
        };
        let (made, sigma) = (filtered.result(&amount), filtered.sigma());
        let warning = filtered.warnings(&amount).into_iter().next().filter(|_| made.is_some());
        let after = made.as_ref().map(|made| Arc::new(pixels(made)));
        let other = self.other.as_ref().filter(|_| self.view.compare).map(|other| {
            let made = other.result(&amount);
            Arc::new(pixels(made.as_ref().unwrap_or(&other.seen)))
        });
        self.change_picture(|picture| {
            picture.unchanged = after.is_none();
            picture.after = after.or_else(|| Some(Arc::clone(&picture.before)));
            picture.other = other;
            picture.sigma = sigma;
            picture.warning = warning;
        });
    }

    fn save_selected(&mut self) {
        let selected = self.view.selected;
        let filtered = self.filtered.as_ref().filter(|_| !self.is_stale());
        let (Some(path), Some(_)) = (self.item().map(|item| item.path.clone()), filtered) else {
            self.view.error = Some("there is no picture to save yet".to_owned());
            self.show();
            return;
        };
        // Of another name while the further pages of its file go through the model.
        let Some(filtered) = self.filtered.take() else { return };
        let amount = self.view.strength;
        let mut filter = |image: Image| self.filter(image, ModelChoice::Chosen, ALL);
        let saved = save_beside(&filtered, &amount, &path, &mut filter);
        self.filtered = Some(filtered);
        self.note_saved(selected, saved);
    }

    fn note_saved(&mut self, index: usize, saved: Result<PathBuf, TaskError>) {
        let Some(item) = self.view.items.get_mut(index) else { return };
        match saved {
            Ok(path) => {
                item.state = ItemState::Saved(path.clone());
                (self.view.saved, self.view.error) = (Some(path), None);
            }
            Err(error) => {
                item.state = ItemState::Failed(error.to_string());
                self.view.error = Some(error.to_string());
            }
        }
        self.show();
    }

    /// Saves the next image that is not saved yet: the selected one from its results, another once it is selected.
    fn save_next(&mut self) {
        let waits = |item: &QueueItem| !matches!(item.state, ItemState::Saved(_) | ItemState::Failed(_));
        let Some(index) = self.view.items.iter().position(waits) else {
            self.save_all = false;
            self.rest();
            return;
        };
        if index == self.view.selected && self.filtered.is_some() && !self.is_stale() {
            self.save_selected();
            return;
        }
        self.view.selected = index;
        self.middle = [0.5; 2];
        self.forget();
        self.show();
    }
}
