//! Pictures on a desk: a thread that reads, cleans and saves them for whoever looks. Commands go in through a bounded
//! queue, and the newest [`DeskView`] is there to be looked at. The picture that is looked at comes first: the middle of
//! what is seen at once, then the whole at one look, then at eight.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::amount::Amount;
use super::content::Content;
use super::filter::Filtered;
use super::model::Denoiser;
use super::places::pictures_of;
use super::views::ALL;
use crate::device::{Device, DeviceChoice};
use crate::model::{Model, SHIPPED_DENOISER, shipped_denoiser, write_whole};
use crate::train::TrainError;

/// Sides of what is cleaned at once, in pixels.
const REGION: usize = 256;
/// Pictures are shown with sides of at most this; every device has textures as large.
const LARGEST_SHOWN: usize = 8192;

/// What can be asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum DeskCommand {
    /// Files, and folders with what is in them; the first of them is looked at.
    Add(Vec<PathBuf>),
    Select(usize),
    Amount(Amount),
    /// A model.safetensors; the one that comes with the program where `None`.
    Model(Option<PathBuf>),
    /// Whether the shipped model's answer is wanted too.
    Compare(bool),
    /// Where the middle of what is seen lies, as shares of width and height.
    Look([f32; 2]),
    /// Saves the picture that is looked at beside its original.
    Save,
    SaveAll,
    /// Ends the work at hand.
    Stop,
    /// Takes all pictures off the desk.
    Clear,
}

/// Pixels to be shown: red, green, blue and alpha, line by line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    /// Pixels of the picture along one that is shown; 1 but for enormous pictures.
    pub step: usize,
    pub rgba: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum ItemState {
    #[default]
    Waiting,
    /// The share that is done.
    Working(f64),
    Done,
    Saved(PathBuf),
    Failed(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeskItem {
    pub path: PathBuf,
    pub state: ItemState,
}

/// The picture that is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeskPicture {
    pub name: String,
    pub width: usize,
    pub height: usize,
    /// Of a sample: 8, 16 or, for arrays, 32.
    pub bits: usize,
    pub colors: usize,
    pub before: Arc<Pixels>,
    /// As far as it is done.
    pub after: Option<Arc<Pixels>>,
    /// What the shipped model makes of it, where that was asked for.
    pub other: Option<Arc<Pixels>>,
    /// Estimated, on the scale of 0..255.
    pub sigma: Option<f64>,
    /// Nothing is changed: it is clean by the estimate, or the strength is 0.
    pub unchanged: bool,
}

/// What there is to see.
#[derive(Clone, Debug, Default)]
pub struct DeskView {
    pub items: Vec<DeskItem>,
    pub selected: usize,
    pub picture: Option<Arc<DeskPicture>>,
    pub amount: Amount,
    /// `None` is the one that comes with the program.
    pub model: Option<PathBuf>,
    pub compare: bool,
    /// What is going on; nothing where `None`.
    pub working: Option<String>,
    pub seconds_left: Option<f64>,
    pub megapixels_per_second: Option<f64>,
    pub error: Option<String>,
    /// Where something was saved last.
    pub saved: Option<PathBuf>,
}

/// A handle to the thread. Dropping it ends the work at hand and waits for that.
#[derive(Debug)]
pub struct Desk {
    commands: Option<Sender<DeskCommand>>,
    view: Arc<ArcSwap<DeskView>>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Starts the thread; `wake` is called whenever there is something new to see.
    pub fn spawn(choice: DeviceChoice, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = bounded(64);
        let view = Arc::new(ArcSwap::from_pointee(DeskView::default()));
        let shared = Arc::clone(&view);
        let thread = std::thread::Builder::new().name("hourglass-denoise".to_owned()).spawn(move || {
            let work = Work {
                commands: receiver,
                queue: VecDeque::new(),
                ended: false,
                shared,
                wake: Box::new(wake),
                choice,
                device: None,
                view: DeskView::default(),
                middle: [0.5; 2],
                denoiser: None,
                shipped: None,
                filtered: None,
                other: None,
                best: false,
                save_all: false,
            };
            work.run();
        })?;
        Ok(Self { commands: Some(sender), view, thread: Some(thread) })
    }

    /// Sends a command; a full queue drops it, as no frame may wait.
    pub fn send(&self, command: DeskCommand) {
        if let Some(commands) = &self.commands {
            let _ = commands.try_send(command);
        }
    }

    pub fn view(&self) -> Arc<DeskView> {
        self.view.load_full()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // The thread ends when nobody can send any more.
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by the thread itself.
            let _ = thread.join();
        }
    }
}

struct Work {
    commands: Receiver<DeskCommand>,
    /// Heard while at work, not done yet.
    queue: VecDeque<DeskCommand>,
    ended: bool,
    shared: Arc<ArcSwap<DeskView>>,
    wake: Box<dyn Fn() + Send>,
    choice: DeviceChoice,
    device: Option<Device>,
    view: DeskView,
    middle: [f32; 2],
    denoiser: Option<Denoiser>,
    shipped: Option<Denoiser>,
    /// Of the selected picture.
    filtered: Option<Filtered>,
    /// The same of the shipped model.
    other: Option<Filtered>,
    /// Whether `filtered` is of eight looks.
    best: bool,
    save_all: bool,
}

/// Whose answer is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Chosen,
    Shipped,
}

impl Work {
    fn run(mut self) {
        while !self.ended {
            match self.queue.pop_front() {
                Some(command) => self.obey(command),
                None if self.has_work() => {
                    self.hear();
                    if self.queue.is_empty() && !self.ended {
                        self.go_on();
                    }
                }
                None => match self.commands.recv() {
                    Ok(command) => self.queue.push_back(command),
                    Err(_) => break,
                },
            }
        }
    }

    /// Takes what has been sent; the amount is changed at once, because no work is lost by it.
    fn hear(&mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(DeskCommand::Amount(amount)) if self.queue.is_empty() => self.set_amount(amount),
                Ok(DeskCommand::Look(middle)) => self.middle = middle,
                Ok(command) => self.queue.push_back(command),
                Err(crossbeam_channel::TryRecvError::Empty) => return,
                Err(crossbeam_channel::TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }

    fn show(&self) {
        self.shared.store(Arc::new(self.view.clone()));
        (self.wake)();
    }

    fn item(&self) -> Option<&DeskItem> {
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

    fn obey(&mut self, command: DeskCommand) {
        match command {
            DeskCommand::Add(paths) => {
                let first = self.view.items.len();
                let mut problems = Vec::new();
                for path in pictures_of(&paths, &mut problems) {
                    if !self.view.items.iter().any(|item| item.path == path) {
                        self.view.items.push(DeskItem { path, state: ItemState::Waiting });
                    }
                }
                self.view.error = problems.into_iter().next();
                if first < self.view.items.len() {
                    self.select(first);
                } else if let Some(place) = self.view.items.iter().position(|item| paths.contains(&item.path)) {
                    self.select(place);
                }
            }
            DeskCommand::Select(index) => self.select(index),
            DeskCommand::Amount(amount) => self.set_amount(amount),
            DeskCommand::Model(path) => {
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
            DeskCommand::Compare(compare) => {
                self.view.compare = compare && self.view.model.is_some();
                self.publish();
            }
            DeskCommand::Look(middle) => self.middle = middle,
            DeskCommand::Save => self.save_selected(),
            DeskCommand::SaveAll => {
                self.save_all = true;
                self.view.error = None;
            }
            DeskCommand::Stop => {
                self.save_all = false;
                // What is there is good enough from now on.
                self.best = self.filtered.is_some();
                if self.filtered.is_none() && !self.failed() {
                    self.fail("stopped; choose it again to go on".to_owned());
                }
                self.rest();
            }
            DeskCommand::Clear => {
                self.save_all = false;
                let (amount, model) = (self.view.amount, self.view.model.take());
                self.view = DeskView { amount, model, ..DeskView::default() };
                self.forget();
                self.show();
            }
        }
    }

    /// Nothing is known of the picture any more.
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

    fn set_amount(&mut self, amount: Amount) {
        self.view.amount = amount;
        if self.filtered.as_ref().is_some_and(|filtered| filtered.lacks(&amount)) {
            (self.filtered, self.best) = (None, false);
        }
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

    fn open_denoiser(&mut self, path: Option<&Path>) -> Result<Denoiser, TrainError> {
        let (model, name) = match path {
            Some(path) => (Model::load(path)?, path),
            None => (shipped_denoiser()?, Path::new(SHIPPED_DENOISER)),
        };
        if self.device.is_none() {
            self.device = Some(Device::open(self.choice, None).map_err(crate::graph::GraphError::from)?);
        }
        let nowhere = || TrainError::Defect("a device was opened and is gone".to_owned());
        Denoiser::new(model, name, self.device.as_ref().ok_or_else(nowhere)?, None)
    }

    /// The next step of what is to be done.
    fn go_on(&mut self) {
        if self.failed() || self.filtered.is_some() && self.best && !(self.view.compare && self.other.is_none()) {
            if self.save_all {
                self.save_next();
            }
            return;
        }
        let result = if self.filtered.is_none() {
            self.begin()
        } else if self.view.compare && self.other.is_none() {
            self.filter_selected(Whose::Shipped, 1)
        } else {
            self.filter_selected(Whose::Chosen, ALL)
        };
        match result {
            Ok(()) => {}
            Err(TrainError::Cancelled) => self.show(),
            Err(error) => self.fail(error.to_string()),
        }
        if !self.has_work() {
            self.rest();
        }
    }

    /// Reads the picture, shows it, cleans the middle of what is seen, then the whole.
    fn begin(&mut self) -> Result<(), TrainError> {
        let Some(path) = self.item().map(|item| item.path.clone()) else { return Ok(()) };
        self.view.working = Some("Reading".to_owned());
        self.show();
        let seen = Content::read(&path)?;
        self.view.picture = Some(Arc::new(DeskPicture {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            width: seen.size[1],
            height: seen.size[0],
            bits: seen.bits(),
            colors: seen.colors(),
            before: Arc::new(pixels(&seen)),
            ..DeskPicture::default()
        }));
        self.view.working = Some("Cleaning".to_owned());
        self.show();
        let side = |length: usize, middle: f32| {
            let start = ((middle * length as f32) as usize).saturating_sub(REGION / 2);
            let start = start.min(length.saturating_sub(REGION));
            start..(start + REGION).min(length)
        };
        let (rows, columns) = (side(seen.size[0], self.middle[1]), side(seen.size[1], self.middle[0]));
        if rows.len() * columns.len() * 2 < seen.size[0] * seen.size[1] {
            let region = self.filter(seen.crop(rows.clone(), columns.clone()), Whose::Chosen, 1)?;
            if let Some(made) = region.result(&self.view.amount) {
                let mut whole = seen.clone();
                whole.paste(&made, rows.start, columns.start);
                self.change_picture(|picture| picture.after = Some(Arc::new(pixels(&whole))));
            }
        }
        let filtered = self.filter(seen, Whose::Chosen, 1)?;
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

    fn filter_selected(&mut self, whose: Whose, looks: usize) -> Result<(), TrainError> {
        let Some(seen) = self.filtered.as_ref().map(|filtered| filtered.seen.clone()) else { return Ok(()) };
        self.view.working = Some(if whose == Whose::Shipped { "Comparing" } else { "Refining" }.to_owned());
        let filtered = self.filter(seen, whose, looks)?;
        match whose {
            Whose::Chosen => (self.filtered, self.best) = (Some(filtered), true),
            Whose::Shipped => self.other = Some(filtered),
        }
        self.publish();
        Ok(())
    }

    /// Runs a model, showing how far it is; anything heard that changes what is to be done ends it.
    fn filter(&mut self, seen: Content, whose: Whose, looks: usize) -> Result<Filtered, TrainError> {
        let taken = match whose {
            Whose::Chosen => self.denoiser.take(),
            Whose::Shipped => self.shipped.take(),
        };
        let mut denoiser = match taken {
            Some(denoiser) => denoiser,
            None => {
                let path = self.view.model.clone().filter(|_| whose == Whose::Chosen);
                self.open_denoiser(path.as_deref())?
            }
        };
        denoiser.look(looks);
        // All of the change: how much of it is made can be chosen afterwards.
        let amount = Amount { strength: 1.0, ..self.view.amount };
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
            if self.queue.is_empty() && !self.ended { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let filtered = Filtered::new(seen, &amount, &mut denoiser, &mut progress);
        let seconds = started.elapsed().as_secs_f64();
        match whose {
            Whose::Chosen => self.denoiser = Some(denoiser),
            Whose::Shipped => self.shipped = Some(denoiser),
        }
        self.set_state(ItemState::Done);
        self.view.seconds_left = None;
        let filtered = filtered?;
        if !filtered.is_empty() {
            self.view.megapixels_per_second = Some(megapixels / seconds.max(1e-9));
        }
        Ok(filtered)
    }

    fn change_picture(&mut self, change: impl FnOnce(&mut DeskPicture)) {
        if let Some(picture) = &mut self.view.picture {
            change(Arc::make_mut(picture));
        }
        self.show();
    }

    /// Shows what the present amount makes of the picture.
    fn publish(&mut self) {
        let amount = self.view.amount;
        let Some(filtered) = &self.filtered else {
            self.show();
            return;
        };
        let (made, sigma) = (filtered.result(&amount), filtered.sigma());
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
        });
    }

    fn save_selected(&mut self) {
        let selected = self.view.selected;
        let (Some(path), Some(filtered)) = (self.item().map(|item| item.path.clone()), &self.filtered) else {
            self.view.error = Some("there is no picture to save yet".to_owned());
            self.show();
            return;
        };
        let saved = save_beside(filtered, &self.view.amount, &path);
        self.note_saved(selected, saved);
    }

    fn note_saved(&mut self, index: usize, saved: Result<PathBuf, TrainError>) {
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

    /// Saves the next of all pictures that are not saved yet: the one that is looked at from what is known of it.
    fn save_next(&mut self) {
        let waits = |item: &DeskItem| !matches!(item.state, ItemState::Saved(_) | ItemState::Failed(_));
        let Some(index) = self.view.items.iter().position(waits) else {
            self.save_all = false;
            self.rest();
            return;
        };
        if index == self.view.selected && self.filtered.is_some() {
            self.save_selected();
            return;
        }
        self.view.selected = index;
        self.middle = [0.5; 2];
        self.forget();
        self.show();
    }
}

/// Writes what `amount` makes beside `original`, under a name that is free.
fn save_beside(filtered: &Filtered, amount: &Amount, original: &Path) -> Result<PathBuf, TrainError> {
    let stem = original.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = original.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    let named = |number: usize| {
        let number = if number > 1 { format!("-{number}") } else { String::new() };
        original.with_file_name(format!("{stem}-denoised{number}{}", extension.clone().unwrap_or_default()))
    };
    let output = (1..).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(1));
    match filtered.result(amount) {
        Some(made) => {
            made.write(original, &output)?;
        }
        None => {
            let bytes = std::fs::read(original).map_err(|error| crate::data::DataError::Unreadable {
                path: original.into(),
                reason: error.to_string(),
            })?;
            write_whole(&output, &bytes)?;
        }
    }
    Ok(output)
}

/// What is shown of a picture.
fn pixels(content: &Content) -> Pixels {
    let [height, width] = content.size;
    let step = height.max(width).div_ceil(LARGEST_SHOWN).max(1);
    let (shown_height, shown_width) = (height.div_ceil(step), width.div_ceil(step));
    let mut rgba = vec![255; shown_height * shown_width * 4];
    let colors = content.colors();
    // Of arrays with other counts of channels, the first.
    let sources = if colors == 3 { [0, 1, 2] } else { [0; 3] };
    let mut planes: Vec<(usize, Vec<usize>)> = Vec::new();
    for (target, source) in sources.into_iter().enumerate() {
        match planes.iter_mut().find(|(known, _)| *known == source) {
            Some((_, targets)) => targets.push(target),
            None => planes.push((source, vec![target])),
        }
    }
    if content.alpha {
        planes.push((content.channels - 1, vec![3]));
    }
    for (source, targets) in planes {
        let plane = content.plane(source);
        for row in 0..shown_height {
            let line = &plane[row * step * width..][..width];
            let out = &mut rgba[row * shown_width * 4..][..shown_width * 4];
            for (pixel, value) in out.chunks_exact_mut(4).zip(line.iter().step_by(step)) {
                let byte = (255.0 * value).round().clamp(0.0, 255.0) as u8;
                targets.iter().for_each(|&target| pixel[target] = byte);
            }
        }
    }
    Pixels { width: shown_width, height: shown_height, step, rgba }
}
