//! The loop around a run: commands obeyed between slices of steps, pairs and maps made for whoever looks, snapshots
//! shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use super::previews::Previews;
use super::protocol::{Command, Event, WorkerChannels, WorkerOptions};
use super::snapshot::{PlayState, Snapshot};
use crate::data::{DataSet, Part};
use crate::inference::FlatModel;
use crate::metrics::Pca;
use crate::train::{PcaReport, Run, RunReport, TrainError, curve_of};

/// How often snapshots are made while training.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(80);
/// How long steps run on a CPU before commands are looked at.
const SLICE: Duration = Duration::from_millis(15);
/// How long a submission keeps a GPU that draws the window too: a frame waits for what lies before it.
const WATCHED_SUBMISSION: Duration = Duration::from_millis(4);
/// And one that nobody looks at: far from the two seconds after which Windows resets a GPU.
const UNWATCHED_SUBMISSION: Duration = Duration::from_millis(50);
/// Points of a curve that a snapshot carries at most.
const CURVE_POINTS: usize = 2000;

/// The loop around a run.
pub(crate) struct TrainingLoop<'a> {
    channels: &'a WorkerChannels,
    run: &'a mut Run,
    watched: bool,
    with_test: bool,
    playing: bool,
    /// How long steps run at a time, and how many are believed to fit.
    slice: Duration,
    slice_steps: usize,
    curve: Vec<[f32; 2]>,
    /// Steps averaged in one point of the curve.
    curve_stride: u64,
    curve_sum: (f64, u64),
    samples_per_second: f64,
    shown: Instant,
    previews: Previews,
    /// Where the PCA that is being fitted beside the training arrives.
    pca_arrival: Option<Receiver<PcaReport>>,
    pca: Option<PcaReport>,
    /// Whether somebody wants the weights with each look.
    shares_model: bool,
    model: Option<Arc<FlatModel>>,
    /// When the model file was last written.
    saved_step: Option<u64>,
    report: Option<Arc<RunReport>>,
}

impl<'a> TrainingLoop<'a> {
    pub(crate) fn new(options: &WorkerOptions, channels: &'a WorkerChannels, run: &'a mut Run) -> Self {
        let look = Previews::new(run.session().data());
        // Even long runs keep a bounded curve.
        let curve_stride = (run.session().total_steps() / CURVE_POINTS as u64).max(1);
        let on_gpu = run.session().device_info().device == "gpu";
        let curve = curve_of(run.epochs());
        let mut driver = Self {
            channels,
            run,
            watched: options.watched,
            with_test: options.with_test,
            playing: !options.start_paused,
            slice: match (on_gpu, options.watched) {
                (false, _) => SLICE,
                (true, true) => WATCHED_SUBMISSION,
                (true, false) => UNWATCHED_SUBMISSION,
            },
            slice_steps: 1,
            curve,
            curve_stride,
            curve_sum: (0.0, 0),
            samples_per_second: 0.0,
            shown: Instant::now(),
            previews: look,
            pca_arrival: None,
            pca: None,
            shares_model: false,
            model: None,
            saved_step: None,
            report: None,
        };
        if driver.watched {
            let components = driver.run.session().network().comparable_components();
            driver.pca_arrival = components.and_then(|components| fit_pca(driver.run.session().data(), components));
            // A first look, so that nothing is empty.
            if driver.refresh_previews().is_ok() {
                driver.publish(if driver.playing { PlayState::Playing } else { PlayState::Paused });
            }
        }
        driver
    }

    pub(crate) fn drive(mut self) -> Result<(), TrainError> {
        while !self.run.is_done() {
            if !self.playing {
                self.publish(PlayState::Paused);
                match self.channels.commands.recv() {
                    Ok(Command::Step) => {
                        self.slice(1)?;
                        self.refresh_previews()?;
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
            while let Ok(command) = self.channels.commands.try_recv() {
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
            Command::Pause => {
                self.playing = false;
                // What is shown while it rests is of the step where it rests.
                self.previews.expire();
                self.refresh_previews()?;
            }
            Command::Step => {
                self.playing = false;
                self.slice(1)?;
            }
            Command::Edit { field, value } => {
                // A value that cannot be is refused by the spec; the run goes on as it was.
                if let Err(error) = self.run.session_mut().edit(field, value) {
                    self.channels.update_snapshot(|snapshot| snapshot.message = error.to_string());
                } else {
                    self.publish(if self.playing { PlayState::Playing } else { PlayState::Paused });
                }
            }
            Command::ShareModel(shares) => {
                self.shares_model = shares;
                if shares {
                    self.refresh_previews()?;
                    self.publish(if self.playing { PlayState::Playing } else { PlayState::Paused });
                }
            }
            Command::SaveModel => match self.run.save_kept() {
                Ok(()) => {
                    self.saved_step = Some(self.run.session().step());
                    self.publish(if self.playing { PlayState::Playing } else { PlayState::Paused });
                }
                // The run itself goes on; its own files are written at the end of the epoch.
                Err(error) => self.channels.update_snapshot(|snapshot| snapshot.message = error.to_string()),
            },
            Command::SetPreview(request) => {
                let data = Arc::clone(self.run.session().data());
                self.previews.take(request, &data);
                self.refresh_previews()?;
                self.publish(if self.playing { PlayState::Playing } else { PlayState::Paused });
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
            let fitting = taken as f64 * self.slice.as_secs_f64() / secs.max(1e-6);
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
            self.channels.send(Event::Epoch(epoch));
        }
        if self.shown.elapsed() >= SNAPSHOT_INTERVAL || ended_epoch {
            if self.watched {
                if ended_epoch || self.previews.is_due() {
                    self.refresh_previews()?;
                }
                self.publish(if self.playing { PlayState::Playing } else { PlayState::Paused });
            }
            if let Some(&(_, loss)) = advance.losses.last() {
                // Progress may be missed; the channel is never waited for here.
                let progress = Event::Progress {
                    step: self.run.session().step(),
                    loss,
                    samples_per_second: self.samples_per_second,
                };
                let _ = self.channels.events.try_send(progress);
            }
            self.shown = Instant::now();
        }
        Ok(())
    }

    /// Makes what is shown of rows and layers anew from the weights of now.
    fn refresh_previews(&mut self) -> Result<(), TrainError> {
        if !self.watched {
            return Ok(());
        }
        self.previews.make(self.run)?;
        if self.shares_model {
            let weights = self.run.session_mut().weights()?;
            let model = match &self.model {
                Some(model) => model.with_weights(weights),
                None => self.run.session().flat_model(weights),
            };
            self.model = Some(Arc::new(model));
        }
        Ok(())
    }

    fn publish(&mut self, state: PlayState) {
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
            run: self.channels.snapshot.load().run,
            state,
            message: String::new(),
            preset: self.channels.snapshot.load().preset.clone(),
            spec: Some(run.spec().clone()),
            device: Some(session.device_info().clone()),
            data: self.channels.snapshot.load().data.clone(),
            cost: Some(Arc::clone(session.cost())),
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
            pairs: Arc::clone(&self.previews.pairs),
            map: Arc::clone(&self.previews.map),
            units: Arc::clone(&self.previews.units),
            layers: Arc::clone(&self.previews.layers),
            filters: Arc::clone(&self.previews.filters),
            findings: Arc::clone(&self.previews.findings),
            answers: true,
            rows: Some(Arc::clone(session.data())),
            model: self.model.clone(),
            has_detector: false,
            validation_mse: self.previews.validation_mse,
            pca: self.pca.clone(),
            run_dir: run.dir().map(|dir| dir.path().to_owned()),
            saved_step: self.saved_step,
            report: self.report.clone(),
        };
        self.channels.update_snapshot(|snapshot| *snapshot = next);
    }

    fn finish(mut self, interrupted: bool) -> Result<(), TrainError> {
        self.refresh_previews()?;
        self.publish(PlayState::Finishing);
        self.channels.update_snapshot(|snapshot| snapshot.message = "Measuring on held-out data".to_owned());
        let report = self.run.report(self.with_test && !interrupted)?;
        self.saved_step = Some(self.run.session().step());
        self.report = Some(Arc::new(report.clone()));
        if self.watched {
            // From here on what is looked at is the model that was kept.
            let kept = self.run.kept_weights()?;
            self.run.session_mut().adopt(&kept)?;
            self.model = Some(Arc::new(self.run.session().flat_model(kept)));
            self.shares_model = false;
            self.previews.expire();
            self.refresh_previews()?;
        }
        self.publish(PlayState::Finished);
        self.channels.send(Event::Finished { report: Box::new(report), interrupted });
        if self.watched && !interrupted {
            self.serve()?;
        }
        self.channels.update_snapshot(|snapshot| snapshot.answers = false);
        Ok(())
    }

    /// Shows other rows of the finished model for as long as somebody looks.
    fn serve(&mut self) -> Result<(), TrainError> {
        while let Ok(command) = self.channels.commands.recv() {
            match command {
                Command::SetPreview(request) => {
                    let data = Arc::clone(self.run.session().data());
                    self.previews.take(request, &data);
                    self.refresh_previews()?;
                    self.publish(PlayState::Finished);
                }
                Command::Stop => break,
                // There is nothing to play, step or edit any more, and the model is shared already.
                Command::Play
                | Command::Pause
                | Command::Step
                | Command::Edit { .. }
                | Command::ShareModel(_)
                | Command::SaveModel => {}
            }
        }
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
