//! Training loop around a run, as a state machine: the caller hands it commands, lets it advance for as long as it
//! likes, and shows its moments. It owns no thread and no channel, and every wait for the device is awaited.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::previews::Previews;
use super::protocol::{Command, Event};
use super::section::Section;
use super::snapshot::{DataSummary, LossHistory, Moment, PlayState, RunInfo, RunProgress, Snapshot};
use crate::metrics::Pca;
use crate::platform::Instant;
use crate::train::{CostEstimate, EpochReport, PcaReport, Run, TrainError, curve_of};

/// Least time between snapshots while training.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(80);
/// Approximate number of points of a curve in a snapshot of a long run.
const CURVE_POINTS: usize = 2000;

/// Next call that a training loop waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call of [`TrainingLoop::advance`].
    Advance,
    /// Call of [`TrainingLoop::obey`]: the loop rests until there is a command.
    Command,
    /// No call: the run is over.
    Nothing,
}

/// Options of a training loop.
#[derive(Clone, Copy, Debug)]
pub struct LoopOptions {
    /// Makes previews and moments.
    pub watched: bool,
    /// Measures on the test part at the end.
    pub with_test: bool,
    /// Starts in [`PlayState::Paused`].
    pub start_paused: bool,
}

impl Default for LoopOptions {
    /// Returns the options to train at once, unwatched, and to measure on the test part at the end.
    fn default() -> Self {
        Self { watched: false, with_test: true, start_paused: false }
    }
}

/// Result of a part of the work.
#[derive(Debug, Default)]
pub struct Progress {
    /// Events, in their order.
    pub events: Vec<Event>,
    /// New moment to show; `None` if nothing changed.
    pub moment: Option<Moment>,
}

/// Training loop around a run.
#[derive(Debug)]
pub struct TrainingLoop {
    run: Run,
    watched: bool,
    with_test: bool,
    state: PlayState,
    /// True once the loop was told to stop.
    stopped: bool,
    interrupted: bool,
    /// Estimated number of steps within the time budget.
    slice_steps: usize,
    samples_per_second: f64,
    train_curve: Vec<[f32; 2]>,
    /// Steps averaged in one point of the curve, and their sum so far.
    curve_stride: u64,
    curve_sum: (f64, u64),
    shown: Instant,
    previews: Previews,
    pca: Option<PcaReport>,
    /// True if the weights are part of every snapshot.
    shares_model: bool,
    /// Step at which the model file was last written.
    saved_step: Option<u64>,
    moment: Moment,
    /// Result of the current part of the work.
    progress: Progress,
}

impl TrainingLoop {
    /// Builds the loop and, where `watched`, the first previews and moment. `info` holds the identity and the preset of
    /// the run.
    pub async fn new(run: Run, info: RunInfo, options: LoopOptions) -> Self {
        let session = run.session();
        let info = RunInfo {
            spec: Some(run.spec().clone()),
            device: Some(session.device_info().clone()),
            data: DataSummary::new(session.data()),
            cost: Some(CostEstimate::clone(session.cost())),
            widths: session.network().widths(),
            parameters: session.network().parameter_count(),
            memory_bytes: session.bytes().activations + session.bytes().external,
            total_steps: session.total_steps(),
            steps_per_epoch: session.steps_per_epoch(),
            ..info
        };
        let moment = Moment {
            snapshot: Snapshot { run: Section::new(info), ..Snapshot::default() },
            rows: Some(Arc::clone(session.data())),
            folder: run.dir().map(|dir| dir.path().to_owned()),
            live: options.watched,
        };
        let mut training = Self {
            previews: Previews::new(session.data()),
            train_curve: curve_of(run.epochs()),
            // Even long runs keep a bounded curve.
            curve_stride: (session.total_steps() / CURVE_POINTS as u64).max(1),
            curve_sum: (0.0, 0),
            run,
            watched: options.watched,
            with_test: options.with_test,
            state: if options.start_paused { PlayState::Paused } else { PlayState::Playing },
            stopped: false,
            interrupted: false,
            slice_steps: 1,
            samples_per_second: 0.0,
            shown: Instant::now(),
            pca: None,
            shares_model: false,
            saved_step: None,
            moment,
            progress: Progress::default(),
        };
        // What cannot be looked at can be trained all the same.
        if training.refresh_previews().await.is_ok() {
            training.publish();
        }
        training
    }

    /// Returns the run of the loop.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Returns the run of the loop, to save it or to read its model.
    pub fn run_mut(&mut self) -> &mut Run {
        &mut self.run
    }

    /// Sets PCA at the same latent size, and its result on the validation part as it is.
    pub fn set_pca(&mut self, pca: Pca, report: PcaReport) {
        self.previews.set_pca(pca);
        self.pca = Some(report);
        self.publish();
    }

    /// Returns the call that the loop waits for.
    pub fn next(&self) -> Next {
        match self.state {
            PlayState::Preparing | PlayState::Playing | PlayState::Finishing => Next::Advance,
            PlayState::Paused if self.run.is_done() => Next::Advance,
            PlayState::Paused => Next::Command,
            // Other rows of the finished model are shown for as long as somebody looks.
            PlayState::Finished if self.watched && !self.stopped => Next::Command,
            PlayState::Finished | PlayState::Failed => Next::Nothing,
        }
    }

    /// Returns the events and the moment since the last call.
    pub fn take_progress(&mut self) -> Progress {
        mem::take(&mut self.progress)
    }

    /// Stops the run, which [`Self::advance`] then reports and saves; after its end, stops the previews.
    pub async fn stop(&mut self) -> Result<(), TrainError> {
        self.stopped = true;
        if self.state != PlayState::Finished {
            // A run whose last step is done comes to its end all the same.
            self.interrupted = !self.run.is_done();
            return self.begin_finish().await;
        }
        self.moment.live = false;
        self.publish();
        Ok(())
    }

    /// Returns whether the loop was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Carries out a command.
    pub async fn obey(&mut self, command: Command) -> Result<(), TrainError> {
        let has_ended = matches!(self.state, PlayState::Finishing | PlayState::Finished);
        match command {
            Command::Stop => return self.stop().await,
            Command::SetPreview(request) => {
                let data = Arc::clone(self.run.session().data());
                self.previews.take(request, &data);
                self.refresh_previews().await?;
            }
            // There is nothing to play, step or edit any more, and the model is shared already.
            _ if has_ended => {}
            Command::Play => self.state = PlayState::Playing,
            Command::Pause => {
                self.state = PlayState::Paused;
                // What is shown while it rests is of the step where it rests.
                self.previews.expire();
                self.refresh_previews().await?;
            }
            Command::Step => {
                self.state = PlayState::Paused;
                self.step(1, Duration::ZERO).await?;
                self.refresh_previews().await?;
            }
            Command::Edit { field, value } => {
                // A value that cannot be is refused by the spec; the run goes on as it was.
                if let Err(error) = self.run.session_mut().edit(field, value) {
                    self.say(&error);
                    return Ok(());
                }
            }
            Command::ShareModel(shares) => {
                self.shares_model = shares;
                if shares {
                    self.refresh_previews().await?;
                }
            }
            Command::SaveModel => {
                // The run itself goes on; its own files are written at the end of the epoch.
                if let Err(error) = self.run.save_kept().await {
                    self.say(&error);
                    return Ok(());
                }
                self.saved_step = Some(self.run.session().step());
            }
        }
        self.publish();
        Ok(())
    }

    /// Trains for about `budget`, or does the next part of the work after the last step.
    pub async fn advance(&mut self, budget: Duration) -> Result<(), TrainError> {
        match self.state {
            PlayState::Finishing => self.finish().await,
            _ if self.run.is_done() => self.begin_finish().await,
            _ => self.step(self.slice_steps, budget).await,
        }
    }

    async fn step(&mut self, steps: usize, budget: Duration) -> Result<(), TrainError> {
        let started = Instant::now();
        let before = self.run.session().step();
        let advance = self.run.advance(steps).await?;
        let taken = self.run.session().step() - before;
        let secs = started.elapsed().as_secs_f64();
        if advance.epoch.is_none() && taken > 0 {
            let rate = taken as f64 * self.run.spec().train.batch_size as f64 / secs.max(1e-9);
            let weight = if self.samples_per_second == 0.0 { 1.0 } else { secs.clamp(0.01, 1.0) };
            self.samples_per_second += weight * (rate - self.samples_per_second);
            let fitting = taken as f64 * budget.as_secs_f64() / secs.max(1e-6);
            // Never more than double: the first step also warms everything up.
            self.slice_steps = (fitting as usize).clamp(1, 2 * self.slice_steps).min(256);
        }
        let per_epoch = self.run.session().steps_per_epoch() as f32;
        for &(step, loss) in &advance.losses {
            self.curve_sum.0 += f64::from(loss);
            self.curve_sum.1 += 1;
            if self.curve_sum.1 >= self.curve_stride {
                let mean = self.curve_sum.0 / self.curve_sum.1 as f64;
                self.train_curve.push([(step + 1) as f32 / per_epoch, mean as f32]);
                self.curve_sum = (0.0, 0);
            }
        }
        let ended_epoch = advance.epoch.is_some();
        self.progress.events.extend(advance.epoch.map(Event::Epoch));
        if self.shown.elapsed() >= SNAPSHOT_INTERVAL || ended_epoch {
            if ended_epoch || self.previews.is_due() {
                self.refresh_previews().await?;
            }
            self.publish();
            if let Some(&(_, loss)) = advance.losses.last() {
                let (step, samples_per_second) = (self.run.session().step(), self.samples_per_second);
                self.progress.events.push(Event::Progress { step, loss, samples_per_second });
            }
            self.shown = Instant::now();
        }
        Ok(())
    }

    async fn begin_finish(&mut self) -> Result<(), TrainError> {
        self.refresh_previews().await?;
        self.state = PlayState::Finishing;
        self.publish();
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), TrainError> {
        let report = self.run.report(self.with_test && !self.interrupted).await?;
        self.saved_step = Some(self.run.session().step());
        self.moment.snapshot.report = Some(Section::new(report.clone()));
        if self.watched {
            // From here on what is looked at is the model that was kept.
            let kept = self.run.kept_weights().await?;
            self.run.session_mut().adopt(&kept).await?;
            self.moment.snapshot.model = Some(Section::new(self.run.session().flat_model(kept)));
            self.shares_model = false;
            self.previews.expire();
            self.refresh_previews().await?;
        }
        self.state = PlayState::Finished;
        self.moment.live = self.next() == Next::Command;
        self.publish();
        self.progress.events.push(Event::Finished { report: Box::new(report), interrupted: self.interrupted });
        Ok(())
    }

    /// Computes the previews of rows and layers anew from the current weights.
    async fn refresh_previews(&mut self) -> Result<(), TrainError> {
        if !self.watched {
            return Ok(());
        }
        self.previews.make(&mut self.run).await?;
        if self.shares_model {
            let weights = self.run.session_mut().weights().await?;
            let model = match &self.moment.snapshot.model {
                Some(model) => model.with_weights(weights),
                None => self.run.session().flat_model(weights),
            };
            self.moment.snapshot.model = Some(Section::new(model));
        }
        Ok(())
    }

    /// Shows an error until the next moment.
    fn say(&mut self, error: &TrainError) {
        self.moment.snapshot.progress.change(|progress| progress.message = error.to_string());
        self.progress.moment = Some(self.moment.clone());
    }

    fn publish(&mut self) {
        if !self.watched {
            return;
        }
        let session = self.run.session();
        let snapshot = &mut self.moment.snapshot;
        if snapshot.run.spec.as_ref() != Some(self.run.spec()) {
            snapshot.run.change(|run| run.spec = Some(self.run.spec().clone()));
        }
        let message = if self.state == PlayState::Finishing { "Evaluating on held-out data" } else { "" };
        snapshot.progress = Section::new(RunProgress {
            state: self.state,
            message: message.to_owned(),
            advice: None,
            step: session.step(),
            seconds: self.run.seconds(),
            samples_per_second: self.samples_per_second,
            learning_rate: session.learning_rate_at(session.step()),
            best: self.run.best(),
            validation_mse: self.previews.validation_mse,
            pca_mse: self.previews.pca_mse,
            error_rows: self.previews.error_rows,
            saved_step: self.saved_step,
        });
        let per_epoch = session.steps_per_epoch() as f32;
        let validation = |epoch: &EpochReport| [epoch.step as f32 / per_epoch, epoch.validation_loss as f32];
        snapshot.curves = Section::new(LossHistory {
            train: self.train_curve.clone(),
            validation: self.run.epochs().iter().map(validation).collect(),
            pca: self.pca.clone(),
        });
        snapshot.pairs = self.previews.pairs.clone();
        snapshot.map = self.previews.map.clone();
        snapshot.units = self.previews.units.clone();
        snapshot.health = self.previews.health.clone();
        self.progress.moment = Some(self.moment.clone());
    }
}
