//! The thread that trains. Whoever watches sends [`Command`]s, receives [`Event`]s, and reads the newest [`Snapshot`]
//! whenever it likes. The worker owns its device: no frame ever waits for training, and training never for a frame.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::files::RunDir;
use super::report::{PcaReport, Report};
use super::run::{EpochReport, Run};
use super::{Session, TrainError};
use crate::data::{DataSet, ImageShape, Part};
use crate::device::{Device, DeviceChoice, DeviceInfo};
use crate::graph::GraphError;
use crate::metrics::Pca;
use crate::model::{Edit, Spec};

/// What a watcher can ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Play,
    Pause,
    /// One step, then pause.
    Step,
    LearningRate(f64),
    /// Save and end.
    Stop,
}

/// What happens once and must not be missed.
#[derive(Clone, Debug)]
pub enum Event {
    /// Device and data are there.
    Ready {
        info: DeviceInfo,
        auto_reason: &'static str,
        steps_per_epoch: u64,
        total_steps: u64,
        batch: usize,
    },
    Progress {
        step: u64,
        loss: f32,
        samples_per_second: f64,
    },
    Epoch(EpochReport),
    /// The run came to its end, or was stopped (`interrupted`); everything is saved.
    Finished {
        report: Box<Report>,
        interrupted: bool,
    },
    Failed {
        message: String,
        usage: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PlayState {
    #[default]
    Preparing,
    Playing,
    Paused,
    /// Measuring and saving at the end.
    Finishing,
    Finished,
    Failed,
}

/// Held-out rows and what the model makes of them.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    pub image: Option<ImageShape>,
    pub features: usize,
    /// [rows, features]
    pub inputs: Vec<f32>,
    pub outputs: Vec<f32>,
    pub labels: Vec<u8>,
}

/// Held-out rows in two dimensions.
#[derive(Clone, Debug, Default)]
pub struct LatentMap {
    pub points: Vec<[f32; 2]>,
    /// A class for each point, or none.
    pub labels: Vec<u8>,
    /// Whether the points are the two main components of a wider latent space.
    pub projected: bool,
    /// Step whose weights made it.
    pub step: u64,
}

/// Sizes of the parts and some rows, for the data card.
#[derive(Clone, Debug, Default)]
pub struct DataSummary {
    pub name: String,
    pub rows: usize,
    pub features: usize,
    pub image: Option<ImageShape>,
    pub train: usize,
    pub validation: usize,
    pub test: usize,
}

/// All that a window shows of a run; never a buffer of the engine.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub state: PlayState,
    /// What is being done while preparing or finishing, or why it failed.
    pub message: String,
    pub preset: Option<String>,
    pub spec: Option<Spec>,
    pub device: Option<DeviceInfo>,
    pub data: DataSummary,
    /// Widths of the layers, input to output.
    pub widths: Vec<usize>,
    pub parameters: usize,
    /// Bytes that training holds on the device.
    pub memory_bytes: usize,
    pub step: u64,
    pub total_steps: u64,
    pub steps_per_epoch: u64,
    pub seconds: f64,
    pub samples_per_second: f64,
    /// (epochs as a fraction, loss), thinned evenly where there are many.
    pub train_curve: Arc<Vec<[f32; 2]>>,
    pub validation_curve: Arc<Vec<[f32; 2]>>,
    pub edits: Vec<Edit>,
    pub learning_rate: f64,
    pub best: Option<(u32, f64)>,
    pub pairs: Arc<Pairs>,
    pub map: Arc<LatentMap>,
    /// PCA at the same latent size, on the validation part; `None` until it is fitted.
    pub pca: Option<PcaReport>,
    pub run_dir: Option<PathBuf>,
    pub report: Option<Arc<Report>>,
}

impl Snapshot {
    pub fn epochs_done(&self) -> f64 {
        self.step as f64 / self.steps_per_epoch.max(1) as f64
    }

    /// Seconds left at the present rate; `None` before there is a rate.
    pub fn seconds_left(&self) -> Option<f64> {
        let batch = self.spec.as_ref()?.train.batch_size as f64;
        let left = self.total_steps.saturating_sub(self.step) as f64 * batch;
        (self.samples_per_second > 0.0).then(|| left / self.samples_per_second)
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    pub spec: Spec,
    pub preset: Option<String>,
    pub device: DeviceChoice,
    pub threads: Option<usize>,
    /// The directory itself; a numbered one among the platform's runs where `None`.
    pub out: Option<PathBuf>,
    /// Go on from the checkpoint in this directory instead of starting.
    pub resume: Option<PathBuf>,
    pub keep_last: bool,
    /// Whether somebody looks at snapshots: pairs and maps cost time.
    pub watched: bool,
    /// Measure on the test part at the end.
    pub with_test: bool,
    pub start_paused: bool,
}

impl WorkerOptions {
    pub fn new(spec: Spec) -> Self {
        Self {
            spec,
            preset: None,
            device: DeviceChoice::Auto,
            threads: None,
            out: None,
            resume: None,
            keep_last: false,
            watched: false,
            with_test: true,
            start_paused: false,
        }
    }
}

/// A handle to the thread. Dropping it stops the run, which is saved, and waits for the thread.
#[derive(Debug)]
pub struct Worker {
    commands: Sender<Command>,
    events: Receiver<Event>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. `wake` is called whenever there is something new to look at.
    pub fn spawn(options: WorkerOptions, wake: impl Fn() + Send + 'static) -> Result<Self, TrainError> {
        let (command_sender, command_receiver) = bounded(64);
        let (event_sender, event_receiver) = bounded(1024);
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot {
            preset: options.preset.clone(),
            spec: Some(options.spec.clone()),
            message: "Preparing".to_owned(),
            ..Snapshot::default()
        }));
        let shared = Arc::clone(&snapshot);
        let thread = std::thread::Builder::new()
            .name("hourglass-train".to_owned())
            .spawn(move || {
                let desk =
                    Desk { commands: command_receiver, events: event_sender, snapshot: shared, wake: Box::new(wake) };
                work(options, &desk);
                (desk.wake)();
            })
            .map_err(|error| TrainError::Worker(error.to_string()))?;
        Ok(Self { commands: command_sender, events: event_receiver, snapshot, thread: Some(thread) })
    }

    /// Sends a command; one to a worker that has ended is dropped.
    pub fn send(&self, command: Command) {
        // A full queue of 64 means that the worker is gone or buried: the newest wish may be lost, a frame may not.
        let _ = self.commands.try_send(command);
    }

    /// A sender for signal handlers and the like.
    pub fn commands(&self) -> Sender<Command> {
        self.commands.clone()
    }

    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Whether the thread has ended.
    pub fn is_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // The queue may be full of older wishes and the worker may be blocked on a full queue of events: make room
        // until it has heard.
        while !thread.is_finished() {
            let _ = self.commands.try_send(Command::Stop);
            while self.events.try_recv().is_ok() {}
            std::thread::sleep(Duration::from_millis(2));
        }
        // A panic has been printed by the thread itself.
        let _ = thread.join();
    }
}

/// The worker's side of the channels.
struct Desk {
    commands: Receiver<Command>,
    events: Sender<Event>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    wake: Box<dyn Fn() + Send>,
}

impl Desk {
    fn tell(&self, event: Event) {
        // Nobody listens any more: the run goes on, its files are what counts.
        let _ = self.events.send(event);
        (self.wake)();
    }

    /// Replaces the snapshot by a changed copy.
    fn show(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut next = Snapshot::clone(&self.snapshot.load());
        change(&mut next);
        self.snapshot.store(Arc::new(next));
        (self.wake)();
    }
}

/// How often snapshots are made while training.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(80);
/// How long steps run before commands are looked at.
const SLICE: Duration = Duration::from_millis(15);
/// Pairs and maps may take this share of the time.
const LOOK_SHARE: f64 = 0.03;
/// Points of a curve that a snapshot carries at most.
const CURVE_POINTS: usize = 2000;
/// Held-out rows shown beside their reconstructions.
pub const PAIRS: usize = 10;
/// Held-out rows on the map, at most.
const MAP_ROWS: usize = 5000;

fn work(options: WorkerOptions, desk: &Desk) {
    let mut run = None;
    let result = drive(&options, desk, &mut run);
    if let Err(error) = result {
        let mut message = error.to_string();
        // What was learned before it went wrong is kept; numbers that went wrong are not.
        if let Some(run) = run.as_mut().filter(|run| run.best().is_some()) {
            match run.save_kept() {
                Ok(()) => message.push_str("; the best state before it is saved"),
                Err(error) => message.push_str(&format!("; saving failed too: {error}")),
            }
        }
        desk.show(|snapshot| {
            snapshot.state = PlayState::Failed;
            snapshot.message.clone_from(&message);
        });
        desk.tell(Event::Failed { message, usage: error.is_usage() });
    }
}

fn drive(options: &WorkerOptions, desk: &Desk, slot: &mut Option<Run>) -> Result<(), TrainError> {
    desk.show(|snapshot| snapshot.message = "Loading the data".to_owned());
    let mut spec = options.spec.clone();
    let data = Arc::new(DataSet::load(&spec.data.source, spec.train.validation_fraction, spec.train.seed)?);
    spec.data.size = data.image.map(|image| [image.height, image.width]);
    spec.data.channels = data.image.map(|image| image.channels);

    desk.show(|snapshot| {
        snapshot.message = "Starting the device".to_owned();
        snapshot.data = DataSummary {
            name: data.name.clone(),
            rows: data.rows,
            features: data.features,
            image: data.image,
            train: data.train.len(),
            validation: data.validation.len(),
            test: data.test.len(),
        };
    });
    let device = Device::open(options.device, options.threads).map_err(GraphError::from)?;
    let auto_reason = if options.device == DeviceChoice::Auto { device.reason_for_auto() } else { "" };
    let session = Session::new(spec, data, device)?;
    let run = match &options.resume {
        Some(path) => Run::resume(session, options.preset.clone(), RunDir::open(path)?, options.keep_last)?,
        None => {
            let name = options.preset.as_deref().unwrap_or("run");
            let dir = match &options.out {
                Some(path) => RunDir::create(path)?,
                None => RunDir::create_numbered(&super::default_runs_folder(), name)?,
            };
            Run::new(session, options.preset.clone(), Some(dir), options.keep_last)?
        }
    };
    let run = slot.insert(run);
    desk.tell(Event::Ready {
        info: run.session().device_info().clone(),
        auto_reason,
        steps_per_epoch: run.session().steps_per_epoch(),
        total_steps: run.session().total_steps(),
        batch: run.spec().train.batch_size,
    });
    Driver::new(options, desk, run).drive()
}

/// The loop around a run.
struct Driver<'a> {
    desk: &'a Desk,
    run: &'a mut Run,
    watched: bool,
    with_test: bool,
    playing: bool,
    /// Steps that fit in a slice.
    slice_steps: usize,
    curve: Vec<[f32; 2]>,
    /// Steps averaged in one point of the curve.
    curve_stride: u64,
    curve_sum: (f64, u64),
    samples_per_second: f64,
    shown: Instant,
    looked: Instant,
    look_secs: f64,
    pairs: Arc<Pairs>,
    pairs_rows: Vec<usize>,
    map: Arc<LatentMap>,
    /// Where the PCA that is being fitted beside the training arrives.
    pca_arrival: Option<Receiver<PcaReport>>,
    pca: Option<PcaReport>,
    /// Directions of the last projection, so that the map does not flip.
    map_signs: Option<Vec<f32>>,
}

impl<'a> Driver<'a> {
    fn new(options: &WorkerOptions, desk: &'a Desk, run: &'a mut Run) -> Self {
        let data = run.session().data();
        let pairs_rows = pick_pairs(data);
        // Even long runs keep a bounded curve.
        let curve_stride = (run.session().total_steps() / CURVE_POINTS as u64).max(1);
        let mut driver = Self {
            desk,
            run,
            watched: options.watched,
            with_test: options.with_test,
            playing: !options.start_paused,
            slice_steps: 1,
            curve: Vec::new(),
            curve_stride,
            curve_sum: (0.0, 0),
            samples_per_second: 0.0,
            shown: Instant::now(),
            looked: Instant::now(),
            look_secs: 0.0,
            pairs: Arc::default(),
            pairs_rows,
            map: Arc::default(),
            pca_arrival: None,
            pca: None,
            map_signs: None,
        };
        if driver.watched {
            driver.pca_arrival = fit_pca(driver.run.session().data(), driver.run.spec().model.latent);
            // A first look, so that nothing is empty.
            if driver.look().is_ok() {
                driver.show(if driver.playing { PlayState::Playing } else { PlayState::Paused });
            }
        }
        driver
    }

    fn drive(mut self) -> Result<(), TrainError> {
        while !self.run.is_done() {
            if !self.playing {
                self.show(PlayState::Paused);
                match self.desk.commands.recv() {
                    Ok(Command::Step) => {
                        self.slice(1)?;
                        self.look()?;
                        continue;
                    }
                    Ok(command) => {
                        if self.obey(command)? {
                            return self.finish(true);
                        }
                        continue;
                    }
                    // Every handle is gone.
                    Err(_) => return self.finish(true),
                }
            }
            while let Ok(command) = self.desk.commands.try_recv() {
                if self.obey(command)? {
                    return self.finish(true);
                }
            }
            if self.playing {
                self.slice(self.slice_steps)?;
            }
        }
        self.finish(false)
    }

    /// Carries out a command; true if the run is to end.
    fn obey(&mut self, command: Command) -> Result<bool, TrainError> {
        match command {
            Command::Play => self.playing = true,
            Command::Pause => self.playing = false,
            Command::Step => {
                self.playing = false;
                self.slice(1)?;
            }
            Command::LearningRate(value) => {
                // A value that cannot be is refused by the spec; the run goes on as it was.
                if let Err(error) = self.run.session_mut().edit_learning_rate(value) {
                    self.desk.show(|snapshot| snapshot.message = error.to_string());
                } else {
                    self.show(if self.playing { PlayState::Playing } else { PlayState::Paused });
                }
            }
            Command::Stop => return Ok(true),
        }
        Ok(false)
    }

    fn slice(&mut self, steps: usize) -> Result<(), TrainError> {
        let started = Instant::now();
        let before = self.run.session().step();
        let advance = self.run.advance(steps)?;
        let taken = self.run.session().step() - before;
        let secs = started.elapsed().as_secs_f64();
        if advance.epoch.is_none() && taken > 0 {
            let rate = taken as f64 * self.run.spec().train.batch_size as f64 / secs.max(1e-9);
            let weight = if self.samples_per_second == 0.0 { 1.0 } else { (secs / 1.0).clamp(0.01, 1.0) };
            self.samples_per_second += weight * (rate - self.samples_per_second);
            let fitting = taken as f64 * SLICE.as_secs_f64() / secs.max(1e-6);
            // Never more than double: the first step also warms everything up.
            self.slice_steps = (fitting as usize).clamp(1, 2 * self.slice_steps).min(256);
        }
        let per_epoch = self.run.session().steps_per_epoch() as f32;
        for &(step, loss) in &advance.losses {
            self.curve_sum.0 += f64::from(loss);
            self.curve_sum.1 += 1;
            if self.curve_sum.1 >= self.curve_stride {
                let mean = self.curve_sum.0 / self.curve_sum.1 as f64;
                self.curve.push([(step + 1) as f32 / per_epoch, mean as f32]);
                self.curve_sum = (0.0, 0);
            }
        }
        let ended_epoch = advance.epoch.is_some();
        if let Some(epoch) = advance.epoch {
            self.desk.tell(Event::Epoch(epoch));
        }
        if self.shown.elapsed() >= SNAPSHOT_INTERVAL || ended_epoch {
            if self.watched {
                let rest = self.looked.elapsed().as_secs_f64();
                if ended_epoch || rest > (self.look_secs / LOOK_SHARE).max(0.2) {
                    self.look()?;
                }
                self.show(if self.playing { PlayState::Playing } else { PlayState::Paused });
            }
            if let Some(&(_, loss)) = advance.losses.last() {
                // Progress may be missed; the channel is never waited for here.
                let progress = Event::Progress {
                    step: self.run.session().step(),
                    loss,
                    samples_per_second: self.samples_per_second,
                };
                let _ = self.desk.events.try_send(progress);
            }
            self.shown = Instant::now();
        }
        Ok(())
    }

    /// Makes pairs and map anew from the weights of now.
    fn look(&mut self) -> Result<(), TrainError> {
        if !self.watched {
            return Ok(());
        }
        let started = Instant::now();
        let data = Arc::clone(self.run.session().data());
        let step = self.run.session().step();
        let validation = data.part(Part::Validation);
        let map_rows = validation.start..validation.end.min(validation.start + MAP_ROWS);
        let latent = self.run.spec().model.latent;
        let collected = self.run.session_mut().outputs(map_rows.clone(), false)?;
        let (points, projected) = self.project(&collected.latents, latent);
        let labels = data.labels.as_ref().map(|labels| labels[map_rows].to_vec()).unwrap_or_default();
        self.map = Arc::new(LatentMap { points, labels, projected, step });

        let mut pairs = Pairs { image: data.image, features: data.features, ..Pairs::default() };
        for &row in &self.pairs_rows {
            let made = self.run.session_mut().outputs(row..row + 1, true)?;
            pairs.inputs.extend(data.rows_f32(row..row + 1));
            pairs.outputs.extend(made.outputs);
            pairs.labels.extend(data.labels.as_ref().map(|labels| labels[row]));
        }
        self.pairs = Arc::new(pairs);
        self.look_secs = started.elapsed().as_secs_f64();
        self.looked = Instant::now();
        Ok(())
    }

    fn project(&mut self, latents: &[f32], latent: usize) -> (Vec<[f32; 2]>, bool) {
        match latent {
            1 => (latents.iter().map(|&z| [z, 0.0]).collect(), false),
            2 => (latents.chunks_exact(2).map(|z| [z[0], z[1]]).collect(), false),
            _ => {
                let Ok(pca) = Pca::fit(latents, latent, 2) else { return (Vec::new(), true) };
                let mut signs = [1.0_f32; 2];
                if let Some(before) = &self.map_signs {
                    for (component, sign) in signs.iter_mut().enumerate() {
                        let range = component * latent..(component + 1) * latent;
                        let agreement: f32 =
                            before[range.clone()].iter().zip(&pca.directions()[range]).map(|(a, b)| a * b).sum();
                        *sign = if agreement < 0.0 { -1.0 } else { 1.0 };
                    }
                }
                let directions = pca
                    .directions()
                    .chunks_exact(latent)
                    .zip(signs)
                    .flat_map(|(direction, sign)| direction.iter().map(move |value| value * sign))
                    .collect();
                self.map_signs = Some(directions);
                let points = pca.project(latents).chunks_exact(2).map(|z| [z[0] * signs[0], z[1] * signs[1]]).collect();
                (points, true)
            }
        }
    }

    fn show(&mut self, state: PlayState) {
        if !self.watched {
            return;
        }
        if let Some(pca) = self.pca_arrival.as_ref().and_then(|arrival| arrival.try_recv().ok()) {
            self.pca = Some(pca);
            self.pca_arrival = None;
        }
        let run = &*self.run;
        let session = run.session();
        let next = Snapshot {
            state,
            message: String::new(),
            preset: self.desk.snapshot.load().preset.clone(),
            spec: Some(run.spec().clone()),
            device: Some(session.device_info().clone()),
            data: self.desk.snapshot.load().data.clone(),
            widths: session.network().widths(),
            parameters: session.network().parameter_count(),
            memory_bytes: session.bytes().activations + session.bytes().external,
            step: session.step(),
            total_steps: session.total_steps(),
            steps_per_epoch: session.steps_per_epoch(),
            seconds: run.seconds(),
            samples_per_second: self.samples_per_second,
            train_curve: Arc::new(self.curve.clone()),
            validation_curve: Arc::new(
                run.epochs()
                    .iter()
                    .map(|epoch| [epoch.step as f32 / session.steps_per_epoch() as f32, epoch.validation_loss as f32])
                    .collect(),
            ),
            edits: run.spec().edits.clone(),
            learning_rate: run.spec().learning_rate_at(session.step()),
            best: run.best(),
            pairs: Arc::clone(&self.pairs),
            map: Arc::clone(&self.map),
            pca: self.pca.clone(),
            run_dir: run.dir().map(|dir| dir.path().to_owned()),
            report: None,
        };
        self.desk.show(|snapshot| *snapshot = next);
    }

    fn finish(mut self, interrupted: bool) -> Result<(), TrainError> {
        self.look()?;
        self.show(PlayState::Finishing);
        self.desk.show(|snapshot| snapshot.message = "Measuring on held-out data".to_owned());
        let report = self.run.report(self.with_test && !interrupted)?;
        self.show(PlayState::Finished);
        let shared = Arc::new(report.clone());
        self.desk.show(|snapshot| snapshot.report = Some(shared));
        self.desk.tell(Event::Finished { report: Box::new(report), interrupted });
        Ok(())
    }
}

/// Fits PCA on the train part and measures it on validation, on a thread of its own. `None` where no thread starts;
/// nothing arrives where PCA cannot be fitted.
fn fit_pca(data: &Arc<DataSet>, components: usize) -> Option<Receiver<PcaReport>> {
    let (sender, receiver) = bounded(1);
    let data = Arc::clone(data);
    let fit = move || {
        let train = data.rows_f32(data.part(Part::Train));
        if let Ok(pca) = Pca::fit(&train, data.features, components) {
            let mse = pca.reconstruction_mse(&data.rows_f32(data.part(Part::Validation)));
            // The run may have ended meanwhile.
            let _ = sender.send(PcaReport { components: pca.components(), mse });
        }
    };
    std::thread::Builder::new().name("hourglass-pca".to_owned()).spawn(fit).ok().map(|_| receiver)
}

/// Held-out rows to show: one of each class first, then the next ones.
fn pick_pairs(data: &DataSet) -> Vec<usize> {
    let validation = data.part(Part::Validation);
    let mut rows = Vec::new();
    if let Some(labels) = &data.labels {
        for label in 0..=u8::MAX {
            if rows.len() >= PAIRS {
                break;
            }
            rows.extend(validation.clone().find(|&row| labels[row] == label));
        }
    }
    for row in validation {
        if rows.len() >= PAIRS {
            break;
        }
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}
