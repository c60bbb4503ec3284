//! The loop around a run: commands obeyed between slices of steps, pairs and maps made for whoever looks, snapshots
//! shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use super::TrainError;
use super::report::PcaReport;
use super::run::Run;
use super::snapshot::{LatentMap, PAIRS, Pairs, PlayState, Snapshot, UnitUse};
use super::worker::{Command, Desk, Event, WorkerOptions};
use crate::data::{DataSet, Part};
use crate::metrics::Pca;
use crate::model::Model;

/// How often snapshots are made while training.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(80);
/// How long steps run before commands are looked at.
const SLICE: Duration = Duration::from_millis(15);
/// Pairs and maps may take this share of the time.
const LOOK_SHARE: f64 = 0.03;
/// Points of a curve that a snapshot carries at most.
const CURVE_POINTS: usize = 2000;
/// Validation rows whose squared error is followed whatever the loss is.
const MSE_ROWS: usize = 500;
/// Held-out rows on the map, at most.
const MAP_ROWS: usize = 5000;

/// The loop around a run.
pub(super) struct Driver<'a> {
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
    map_directions: Option<Vec<f32>>,
    units: Arc<Vec<UnitUse>>,
    validation_mse: Option<f64>,
    /// Whether somebody wants the weights with each look.
    shares_model: bool,
    model: Option<Arc<Model>>,
    /// When the model file was last written.
    saved_step: Option<u64>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(options: &WorkerOptions, desk: &'a Desk, run: &'a mut Run) -> Self {
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
            map_directions: None,
            units: Arc::default(),
            validation_mse: None,
            shares_model: false,
            model: None,
            saved_step: None,
        };
        if driver.watched {
            let components = driver.run.session().network().comparable_components();
            driver.pca_arrival = components.and_then(|components| fit_pca(driver.run.session().data(), components));
            // A first look, so that nothing is empty.
            if driver.look().is_ok() {
                driver.show(if driver.playing { PlayState::Playing } else { PlayState::Paused });
            }
        }
        driver
    }

    pub(super) fn drive(mut self) -> Result<(), TrainError> {
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
            Command::Edit { field, value } => {
                // A value that cannot be is refused by the spec; the run goes on as it was.
                if let Err(error) = self.run.session_mut().edit(field, value) {
                    self.desk.show(|snapshot| snapshot.message = error.to_string());
                } else {
                    self.show(if self.playing { PlayState::Playing } else { PlayState::Paused });
                }
            }
            Command::ShareModel(shares) => {
                self.shares_model = shares;
                if shares {
                    self.look()?;
                    self.show(if self.playing { PlayState::Playing } else { PlayState::Paused });
                }
            }
            Command::SaveModel => match self.run.save_kept() {
                Ok(()) => {
                    self.saved_step = Some(self.run.session().step());
                    self.show(if self.playing { PlayState::Playing } else { PlayState::Paused });
                }
                // The run itself goes on; its own files are written at the end of the epoch.
                Err(error) => self.desk.show(|snapshot| snapshot.message = error.to_string()),
            },
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
        let latent = self.run.session().network().latent();
        let collected = self.run.session_mut().outputs(map_rows.clone(), false, false)?;
        self.units = Arc::new(UnitUse::of(&collected.latents, latent, self.run.spec()));
        let map = LatentMap::of(&collected.latents, latent, &data, map_rows, step, &mut self.map_directions);
        self.map = Arc::new(map);
        let some = validation.start..validation.end.min(validation.start + MSE_ROWS);
        let made = self.run.session_mut().outputs(some.clone(), true, true)?;
        self.validation_mse = Some(crate::metrics::mse(&made.outputs, &data.rows_f32(some)?));
        if self.shares_model {
            let weights = self.run.session_mut().weights()?;
            self.model = Some(Arc::new(self.run.session().model(&weights)));
        }

        let mut pairs = Pairs { image: data.image, features: data.features, ..Pairs::default() };
        for &row in &self.pairs_rows {
            let made = self.run.session_mut().outputs(row..row + 1, true, true)?;
            pairs.inputs.extend(data.rows_f32(row..row + 1)?);
            pairs.seen.extend(made.seen);
            pairs.outputs.extend(made.outputs);
            pairs.labels.extend(data.labels.as_ref().map(|labels| labels[row]));
        }
        self.pairs = Arc::new(pairs);
        self.look_secs = started.elapsed().as_secs_f64();
        self.looked = Instant::now();
        Ok(())
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
            learning_rate: session.learning_rate_at(session.step()),
            best: run.best(),
            pairs: Arc::clone(&self.pairs),
            map: Arc::clone(&self.map),
            units: Arc::clone(&self.units),
            model: self.model.clone(),
            validation_mse: self.validation_mse,
            pca: self.pca.clone(),
            run_dir: run.dir().map(|dir| dir.path().to_owned()),
            saved_step: self.saved_step,
            report: None,
        };
        self.desk.show(|snapshot| *snapshot = next);
    }

    fn finish(mut self, interrupted: bool) -> Result<(), TrainError> {
        self.look()?;
        self.show(PlayState::Finishing);
        self.desk.show(|snapshot| snapshot.message = "Measuring on held-out data".to_owned());
        let report = self.run.report(self.with_test && !interrupted)?;
        self.saved_step = Some(self.run.session().step());
        if self.watched {
            self.model = Some(Arc::new(self.run.kept_model()?));
        }
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
        // Data that cannot be read stops the run itself, with its own words.
        let (Ok(train), Ok(validation)) = (data.some_f32(Part::Train), data.some_f32(Part::Validation)) else { return };
        if let Ok(pca) = Pca::fit(&train, data.features, components) {
            let mse = pca.reconstruction_mse(&validation);
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
