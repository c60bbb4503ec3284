//! A run: a session with its epochs, its best state and its files.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::diagnosis::{Diagnosis, RunEvidence, mean_mse};
use super::finding::Finding;
use super::row_errors::RowErrors;
use super::run_dir::{CheckpointState, FirstSteps, RunDir};
use super::run_report::RunReport;
use super::test_metrics::{PcaReport, TestMetrics, pca_beside, seen_rows};
use super::verify::FIRST_STEPS;
use super::{EpochReport, Session, TrainError};
use crate::data::Part;
use crate::graph::SharedBuffer;
use crate::model::{Model, ModelFileError, PCA_START, ScheduleKind, Spec, SpecError, Weights};
use crate::platform::Instant;
use crate::style;

/// Time between checkpoints within an epoch: a killed run loses no more than this, or an epoch where that is shorter.
const SAVE_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Best {
    /// Epoch at whose end the weights were so; 0 for those of the start.
    epoch: u32,
    loss: f64,
    weights: Weights,
    /// Squared errors of the validation rows by these weights, if they were needed.
    to_beat: Option<RowErrors>,
}

/// State from which training resumes.
#[derive(Debug)]
struct Good {
    step: u64,
    flats: Vec<Vec<f32>>,
}

/// Training session with its epochs, best state and files.
#[derive(Debug)]
pub struct Run {
    session: Session,
    preset: Option<String>,
    dir: Option<RunDir>,
    epochs: Vec<EpochReport>,
    best: Option<Best>,
    /// State of the last checkpoint, to return to after a loss that is not finite.
    good: Option<Good>,
    /// Losses of the first steps, kept for the verification of the run.
    first_losses: Vec<f32>,
    saved: Instant,
    /// Keeps the last state instead of the best one.
    keep_last: bool,
    epoch_loss: f64,
    epoch_steps: u64,
    epoch_seconds: f64,
    seconds: f64,
    /// Time inside steps alone.
    step_seconds: f64,
    steps_timed: u64,
    asked_for: Instant,
    /// Seconds from `asked_for` to the end of the first step.
    first_step: Option<f64>,
}

/// Result of [`Run::advance`].
#[derive(Debug, Default)]
pub struct Advance {
    /// Losses that have arrived, as (step, loss).
    pub losses: Vec<(u64, f32)>,
    /// Report of the epoch that ended, if one did.
    pub epoch: Option<EpochReport>,
}

impl Run {
    /// Starts a run in the folder `dir`, or in memory alone if `None`; writes its spec, split and first checkpoint
    /// there. `keep_last` keeps the last state instead of the best by validation.
    pub async fn new(
        session: Session,
        preset: Option<String>,
        dir: Option<RunDir>,
        keep_last: bool,
    ) -> Result<Self, TrainError> {
        let mut run = Self {
            session,
            preset,
            dir,
            epochs: Vec::new(),
            best: None,
            good: None,
            first_losses: Vec::new(),
            saved: Instant::now(),
            keep_last,
            epoch_loss: 0.0,
            epoch_steps: 0,
            epoch_seconds: 0.0,
            seconds: 0.0,
            step_seconds: 0.0,
            steps_timed: 0,
            asked_for: Instant::now(),
            first_step: None,
        };
        if let Some(dir) = &run.dir {
            dir.write_spec(run.session.spec())?;
            dir.write_data(run.session.data(), run.session.spec().train.seed)?;
        }
        run.keep_start().await?;
        // So that a run killed at any moment can be taken up again.
        run.write_last().await?;
        Ok(run)
    }

    /// Resumes from the last checkpoint of `dir`, whose spec the session was made from.
    ///
    /// # Errors
    /// When the checkpoint does not fit, or [`TrainError::DataChanged`] when the data is not what the run began with.
    pub async fn resume(
        session: Session,
        preset: Option<String>,
        dir: RunDir,
        keep_last: bool,
    ) -> Result<Self, TrainError> {
        if let Some(problem) = dir.data_change(session.data())? {
            return Err(TrainError::DataChanged { place: session.spec().data.source.clone(), problem });
        }
        Self::resume_on_any_data(session, preset, dir, keep_last).await
    }

    /// Same as [`Self::resume`], whatever the data holds now, which is what the run goes on with.
    ///
    /// # Errors
    /// When the checkpoint does not fit.
    #[tracing::instrument(level = "debug", name = "resume", skip_all, fields(run = %dir.path().display()))]
    pub async fn resume_on_any_data(
        mut session: Session,
        preset: Option<String>,
        dir: RunDir,
        keep_last: bool,
    ) -> Result<Self, TrainError> {
        let (state, last) = dir.read_checkpoint("last")?;
        let buffer = |tensors: &BTreeMap<String, crate::tensor::HostTensor>, name: &str| {
            tensors.get(name).map(|tensor| tensor.data.clone()).unwrap_or_default()
        };
        let flats: Vec<Vec<f32>> = session.buffers().iter().map(|(name, _)| buffer(&last, name)).collect();
        let fits = |external, values: &[f32]| values.len() == session.elements(external);
        let misfit = |name: &str| ModelFileError::Malformed {
            path: dir.path().join("checkpoint").join(name),
            problem: "it belongs to another model than spec.toml says, put back the spec that it was trained with"
                .to_owned(),
        };
        if !session.buffers().iter().zip(&flats).all(|(&(_, external), values)| fits(external, values)) {
            return Err(misfit("last.safetensors").into());
        }
        if state.kernels != session.spec().engine.kernels {
            return Err(ModelFileError::Malformed {
                path: dir.path().join("spec.toml"),
                problem: "its [engine.kernels] are not those that the run was trained with, put them back".to_owned(),
            }
            .into());
        }
        let best = match state.best_loss {
            Some(loss) => {
                let (_, tensors) = dir.read_checkpoint("best")?;
                let weights =
                    Weights { parameters: buffer(&tensors, "parameters"), statistics: buffer(&tensors, "statistics") };
                let has_statistics = !session.network().statistics().is_empty();
                if !fits(SharedBuffer::Parameters, &weights.parameters)
                    || has_statistics && !fits(SharedBuffer::Statistics, &weights.statistics)
                {
                    return Err(misfit("best.safetensors").into());
                }
                Some(Best { epoch: state.best_epoch, loss, weights, to_beat: None })
            }
            None => None,
        };
        if session.total_steps() < state.step {
            let (asked, steps) = (session.spec().train.epochs, state.step);
            let done = steps.div_ceil(session.steps_per_epoch().max(1));
            let ended = dir.read_metrics().iter().filter(|epoch| epoch.step <= steps).map(|epoch| epoch.epoch).max();
            // Of fewer rows an epoch has fewer steps.
            let problem = match ended.filter(|&ended| u64::from(ended) + 1 < done) {
                None => format!("it is {asked}, and {done} are done already: ask for more"),
                Some(ended) => format!(
                    "it is {asked}, and the {steps} steps of the {ended} epochs that are done already are those of \
                     {done} epochs of the rows that there are now: ask for more than {done}"
                ),
            };
            return Err(SpecError::Invalid { field: "train.epochs", problem }.into());
        }
        session.restore(state.step, &flats).await?;
        let epochs = dir.truncate_metrics(state.step)?;
        // Its folder only once all is as it was: a run that begins writes its state there.
        let first_losses = dir.read_first_steps().map(|first| first.losses).unwrap_or_default();
        let mut run = Self::new(session, preset, None, keep_last).await?;
        dir.write_spec(run.session.spec())?;
        dir.write_data(run.session.data(), run.session.spec().train.seed)?;
        run.dir = Some(dir);
        run.first_losses = first_losses;
        run.epochs = epochs;
        run.best = best;
        run.epoch_loss = state.epoch_loss;
        run.epoch_steps = state.epoch_steps;
        run.seconds = state.seconds;
        run.session.set_rate_factor(run.plateau_factor());
        Ok(run)
    }

    /// Sets the time of the request, from which the time to the first step is counted.
    pub fn count_from(&mut self, asked_for: Instant) {
        self.asked_for = asked_for;
    }

    /// Returns the training session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the training session, for edits and evaluation.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Returns the spec with its live edits.
    pub fn spec(&self) -> &Spec {
        self.session.spec()
    }

    /// Returns the folder of the run; `None` for a run in memory.
    pub fn dir(&self) -> Option<&RunDir> {
        self.dir.as_ref()
    }

    /// Returns the reports of all epochs, those before a resume included.
    pub fn epochs(&self) -> &[EpochReport] {
        &self.epochs
    }

    /// Returns epoch and loss of the best state by validation; `None` before the end of the first epoch.
    pub fn best(&self) -> Option<(u32, f64)> {
        self.best.as_ref().map(|best| (best.epoch, best.loss))
    }

    /// Returns whether all steps are taken or early stopping has ended the run.
    pub fn is_done(&self) -> bool {
        self.session.step() >= self.session.total_steps() || self.has_stopped_early()
    }

    /// Returns whether validation has not improved for as many epochs as `train.early_stopping` allows.
    pub fn has_stopped_early(&self) -> bool {
        let (Some(patience), Some(best), Some(last)) =
            (self.spec().train.early_stopping, &self.best, self.epochs.last())
        else {
            return false;
        };
        last.epoch.saturating_sub(best.epoch) >= patience
    }

    /// Returns the factor on the learning rate by a plateau schedule, after the epochs so far.
    fn plateau_factor(&self) -> f64 {
        let schedule = &self.spec().schedule;
        if schedule.kind != ScheduleKind::Plateau {
            return 1.0;
        }
        let (mut factor, mut best, mut waited) = (1.0, f64::INFINITY, 0);
        for epoch in &self.epochs {
            if epoch.validation_loss < best {
                (best, waited) = (epoch.validation_loss, 0);
            } else {
                waited += 1;
                if waited > schedule.patience {
                    factor *= schedule.gamma;
                    waited = 0;
                }
            }
        }
        factor
    }

    /// Seconds of work so far, pauses not counted.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Returns the training rate in rows per second, over all steps since the start or the resume.
    pub fn samples_per_second(&self) -> f64 {
        let samples = self.steps_timed as f64 * self.spec().train.batch_size as f64;
        if self.step_seconds > 0.0 { samples / self.step_seconds } else { 0.0 }
    }

    /// Trains up to `steps` steps; where they end an epoch, validates too.
    pub async fn advance(&mut self, steps: usize) -> Result<Advance, TrainError> {
        let started = Instant::now();
        let taken = self.session.train(steps).await?;
        let step = self.session.step();
        let ends_epoch = step.is_multiple_of(self.session.steps_per_epoch()) || self.is_done();
        let losses = self.session.take_losses(ends_epoch).await?;
        let step_secs = started.elapsed().as_secs_f64();
        self.step_seconds += step_secs;
        self.epoch_seconds += step_secs;
        self.steps_timed += taken as u64;
        if !losses.is_empty() {
            self.first_step.get_or_insert_with(|| self.asked_for.elapsed().as_secs_f64());
        }
        for &(step, loss) in &losses {
            if !loss.is_finite() {
                return Err(self.roll_back(step, loss).await);
            }
            self.epoch_loss += f64::from(loss);
            self.epoch_steps += 1;
            if step as usize == self.first_losses.len() && self.first_losses.len() < FIRST_STEPS {
                self.first_losses.push(loss);
                if self.first_losses.len() == FIRST_STEPS {
                    self.write_first_steps()?;
                }
            }
        }
        let epoch = if ends_epoch && taken > 0 { Some(self.end_epoch(started).await?) } else { None };
        self.seconds += started.elapsed().as_secs_f64();
        if self.saved.elapsed() >= SAVE_INTERVAL && !ends_epoch {
            self.save_state().await?;
        }
        Ok(Advance { losses, epoch })
    }

    fn write_first_steps(&self) -> Result<(), TrainError> {
        let info = self.session.device_info();
        if let (Some(dir), false) = (&self.dir, self.first_losses.is_empty()) {
            dir.write_first_steps(&FirstSteps {
                device: info.device.to_string(),
                adapter: info.adapter.clone(),
                losses: self.first_losses.clone(),
            })?;
        }
        Ok(())
    }

    /// Restores the last good state, saves it, and returns the error with this outcome.
    #[tracing::instrument(level = "debug", name = "roll_back", skip_all, fields(step, loss))]
    async fn roll_back(&mut self, step: u64, loss: f32) -> TrainError {
        let learning_rate = self.session.learning_rate_at(step);
        let outcome = match self.good.take().filter(|good| good.step > 0) {
            None => "nothing was learned, so nothing is saved".to_owned(),
            Some(good) => {
                (self.epoch_loss, self.epoch_steps) = (0.0, 0);
                let epoch = good.step / self.session.steps_per_epoch().max(1);
                match self.go_back(&good).await {
                    Ok(()) => format!("the run is back at the end of epoch {epoch}, which is saved"),
                    Err(error) => format!("going back to epoch {epoch} failed too: {error}"),
                }
            }
        };
        TrainError::Diverged { step, loss, learning_rate, advised: self.advised_rate(learning_rate), outcome }
    }

    /// Returns the learning rate to try after one of `learning_rate` diverged: that of the spec, where live edits had
    /// raised it, else a tenth.
    fn advised_rate(&self, learning_rate: f64) -> f64 {
        let usual = self.spec().optimizer.learning_rate;
        if learning_rate > usual {
            return usual;
        }
        // What is divided may end in many digits.
        style::three_digits(usual / 10.0)
    }

    async fn go_back(&mut self, good: &Good) -> Result<(), TrainError> {
        self.session.restore(good.step, &good.flats).await?;
        self.save().await
    }

    #[tracing::instrument(level = "debug", name = "end_epoch", skip_all, fields(step = self.session.step()))]
    async fn end_epoch(&mut self, advance_started: Instant) -> Result<EpochReport, TrainError> {
        let step = self.session.step();
        let epoch = u32::try_from(step.div_ceil(self.session.steps_per_epoch())).unwrap_or(u32::MAX);
        let (validation_loss, parts) = self.session.evaluate(Part::Validation).await?;
        if !validation_loss.is_finite() {
            return Err(self.roll_back(step, validation_loss as f32).await);
        }
        let named =
            self.session.network().parts().into_iter().map(|part| (part.name().to_owned(), parts[part.index()]));
        let parts = named.collect();
        let samples = self.epoch_steps as f64 * self.spec().train.batch_size as f64;
        let report = EpochReport {
            epoch,
            step,
            seconds: self.seconds + advance_started.elapsed().as_secs_f64(),
            train_loss: self.epoch_loss / self.epoch_steps.max(1) as f64,
            validation_loss,
            learning_rate: self.session.learning_rate_at(step.saturating_sub(1)),
            samples_per_second: samples / self.epoch_seconds.max(1e-9),
            parts,
        };
        (self.epoch_loss, self.epoch_steps, self.epoch_seconds) = (0.0, 0, 0.0);
        if self.is_better(validation_loss).await? {
            let weights = self.session.weights().await?;
            self.best = Some(Best { epoch, loss: validation_loss, weights, to_beat: None });
            self.write_best()?;
        }
        tracing::debug!(epoch, train_loss = report.train_loss, validation_loss, "epoch ended");
        if let Some(dir) = &self.dir {
            dir.append_metrics(&report)?;
        }
        self.epochs.push(report.clone());
        self.session.set_rate_factor(self.plateau_factor());
        self.write_last().await?;
        Ok(report)
    }

    /// Makes the state before the first step the one to beat, where it is a model of its own: PCA.
    async fn keep_start(&mut self) -> Result<(), TrainError> {
        if self.best.is_some() || self.session.step() > 0 || !self.begins_as_pca() {
            return Ok(());
        }
        let (loss, _) = self.session.evaluate(Part::Validation).await?;
        let weights = self.session.weights().await?;
        self.best = Some(Best { epoch: 0, loss, weights, to_beat: None });
        self.write_best()
    }

    /// Returns the remark that the model kept is PCA itself, where it is.
    fn kept_pca(&self) -> Option<Finding> {
        let epochs = self.epochs.len();
        let is_start = self.best.as_ref().is_some_and(|best| best.epoch == 0) && !self.keep_last && epochs > 0;
        (is_start && self.begins_as_pca()).then(|| {
            let components = style::counted(self.session.network().latent(), "component");
            let epochs = style::counted(epochs, "epoch");
            let words = format!(
                "curved layers gained nothing: in {epochs} validation was never better than PCA by more than its \
                 standard error, so the model kept is PCA with {components}."
            );
            Finding::new("kept_pca", words)
        })
    }

    fn begins_as_pca(&self) -> bool {
        self.spec().model.start.as_deref() == Some(PCA_START)
    }

    /// Returns whether the present state is better than the best so far: PCA, which the run began as, must be beaten by
    /// more than the standard error of the mean difference over the validation rows.
    async fn is_better(&mut self, validation_loss: f64) -> Result<bool, TrainError> {
        let begins_as_pca = self.begins_as_pca();
        let Some(best) = &mut self.best else { return Ok(true) };
        let is_less = validation_loss < best.loss;
        if !is_less || best.epoch > 0 || !begins_as_pca {
            return Ok(is_less);
        }
        let data = self.session.data().clone();
        let to_beat = match best.to_beat.take() {
            Some(errors) => errors,
            None => self.session.with_weights(&best.weights, async |own| RowErrors::measure(own, &data).await).await?,
        };
        let present = self.session.weights().await?;
        let errors = self.session.with_weights(&present, async |own| RowErrors::measure(own, &data).await).await?;
        let gains = errors.gains_over(&to_beat);
        best.to_beat = Some(to_beat);
        Ok(gains)
    }

    fn checkpoint_state(&self) -> CheckpointState {
        CheckpointState {
            step: self.session.step(),
            epoch_loss: self.epoch_loss,
            epoch_steps: self.epoch_steps,
            best_epoch: self.best.as_ref().map_or(0, |best| best.epoch),
            best_loss: self.best.as_ref().map(|best| best.loss),
            seconds: self.seconds,
            kernels: self.spec().engine.kernels.clone(),
        }
    }

    fn write_best(&self) -> Result<(), TrainError> {
        if let (Some(dir), Some(best)) = (&self.dir, &self.best) {
            let Weights { parameters, statistics } = &best.weights;
            let mut buffers: Vec<(&str, &[f32])> = vec![("parameters", parameters)];
            if !statistics.is_empty() {
                buffers.push(("statistics", statistics));
            }
            dir.write_checkpoint("best", &self.checkpoint_state(), &buffers)?;
        }
        Ok(())
    }

    /// Reads the state from which training resumes, keeps it in memory, and writes it if there is a folder.
    #[tracing::instrument(level = "debug", name = "write_checkpoint", skip_all, fields(step = self.session.step()))]
    async fn write_last(&mut self) -> Result<(), TrainError> {
        let buffers = self.session.buffers();
        let mut flats = Vec::with_capacity(buffers.len());
        for &(_, buffer) in &buffers {
            flats.push(self.session.read_flat(buffer).await?);
        }
        let state = self.checkpoint_state();
        if let Some(dir) = &self.dir {
            let named: Vec<(&str, &[f32])> =
                buffers.iter().zip(&flats).map(|(&(name, _), values)| (name, values.as_slice())).collect();
            dir.write_checkpoint("last", &state, &named)?;
        }
        self.good = Some(Good { step: self.session.step(), flats });
        self.saved = Instant::now();
        Ok(())
    }

    /// Returns the weights to keep: the best by validation, or the last if requested or if there is no best yet.
    pub(crate) async fn kept_weights(&mut self) -> Result<Weights, TrainError> {
        match &self.best {
            Some(best) if !self.keep_last => Ok(best.weights.clone()),
            _ => self.session.weights().await,
        }
    }

    /// Saves everything as it is: spec, checkpoint and model.
    pub async fn save(&mut self) -> Result<(), TrainError> {
        self.save_state().await?;
        if self.first_losses.len() < FIRST_STEPS {
            self.write_first_steps()?;
        }
        self.save_kept().await
    }

    /// Writes the state from which training resumes. Losses still in flight are counted first.
    async fn save_state(&mut self) -> Result<(), TrainError> {
        for (_, loss) in self.session.take_losses(true).await? {
            self.epoch_loss += f64::from(loss);
            self.epoch_steps += 1;
        }
        self.write_last().await
    }

    /// Returns the model to keep: the best by validation, or the last.
    pub async fn kept_model(&mut self) -> Result<Model, TrainError> {
        let kept = self.kept_weights().await?;
        Ok(self.session.model(&kept))
    }

    /// Saves the spec and the model to keep, not the last state.
    pub async fn save_kept(&mut self) -> Result<(), TrainError> {
        let kept = self.kept_weights().await?;
        if let Some(dir) = &self.dir {
            dir.write_spec(self.session.spec())?;
            dir.write_model(&self.session.model(&kept))?;
        }
        Ok(())
    }

    /// Saves the run, measures the kept model on the test part where `with_test`, with PCA beside it, and writes the
    /// report. Training can go on from the current state afterwards.
    #[tracing::instrument(level = "debug", name = "report", skip_all)]
    pub async fn report(&mut self, with_test: bool) -> Result<RunReport, TrainError> {
        self.save().await?;
        let (mut test, mut pca) = (None, None);
        let kept = self.kept_weights().await?;
        let data = self.session.data().clone();
        let network = self.session.network().clone();
        if with_test {
            let measured = self
                .session
                .with_weights(&kept, async |evaluator| TestMetrics::measure(evaluator, &network, &data).await)
                .await?;
            test = Some(measured);
            let rows = data.part(Part::Test);
            let targets = data.rows_f32(rows.clone())?;
            let seen = self
                .session
                .with_weights(&kept, async |evaluator| seen_rows(evaluator, &network, &data, rows).await)
                .await?;
            pca = pca_beside(&network, &data, &seen, &targets);
        }
        let mut diagnosis =
            if with_test { self.diagnosis(&kept, test.as_ref(), pca.as_ref()).await? } else { Vec::new() };
        diagnosis.extend(self.kept_pca());
        let info = self.session.device_info();
        let path = |path: &Path| path.display().to_string();
        let last = self.epochs.last();
        let report = RunReport {
            version: env!("CARGO_PKG_VERSION").into(),
            device: info.device.to_string(),
            backend: info.backend.to_string(),
            adapter: info.adapter.clone(),
            device_notes: info.notes(),
            preset: self.preset.clone(),
            seed: self.spec().train.seed,
            parameters: self.session.network().parameter_count(),
            epochs: last.map_or(0, |epoch| epoch.epoch),
            steps: self.session.step(),
            seconds: self.seconds,
            samples_per_second: self.samples_per_second(),
            first_step_seconds: self.first_step,
            waited_for_data_seconds: self.session.waited_for_data(),
            train_loss: last.map(|epoch| epoch.train_loss),
            validation_loss: match (&self.best, self.keep_last) {
                (Some(best), false) => Some(best.loss),
                _ => last.map(|epoch| epoch.validation_loss),
            },
            best_epoch: self.best.as_ref().map_or(0, |best| best.epoch),
            model: self.dir.as_ref().map(|dir| path(&dir.model_path())),
            run_dir: self.dir.as_ref().map(|dir| path(dir.path())),
            test,
            pca,
            mean_mse: if with_test { Some(mean_mse(&data, Part::Test)?) } else { None },
            diagnosis,
        };
        if let Some(dir) = &self.dir {
            dir.write_report(&report)?;
        }
        Ok(report)
    }

    /// Returns the findings for the kept weights.
    async fn diagnosis(
        &mut self,
        kept: &Weights,
        test: Option<&TestMetrics>,
        pca: Option<&PcaReport>,
    ) -> Result<Vec<Finding>, TrainError> {
        let (data, spec) = (self.session.data().clone(), self.session.spec().clone());
        let run = RunEvidence { spec: &spec, epochs: &self.epochs, test, pca, ended: true };
        let judged =
            self.session.with_weights(kept, async |evaluator| Diagnosis::measure(evaluator, &data, run).await).await?;
        Ok(judged.findings)
    }
}
