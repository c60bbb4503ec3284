//! A run: a session with its epochs, its best state and its files.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::files::{CheckpointState, RunDir};
use super::report::{PcaReport, Report, TestMetrics};
use super::{Session, TrainError};
use crate::data::Part;
use crate::graph::External;
use crate::metrics::Pca;
use crate::model::{ModelFileError, Spec};

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    pub epoch: u32,
    pub step: u64,
    pub seconds: f64,
    pub train_loss: f64,
    pub validation_loss: f64,
    pub learning_rate: f64,
    pub samples_per_second: f64,
    /// The part of the objective that measures reconstruction, on validation.
    pub reconstruction: f64,
}

#[derive(Debug)]
struct Best {
    epoch: u32,
    loss: f64,
    parameters: Vec<f32>,
}

#[derive(Debug)]
pub struct Run {
    session: Session,
    preset: Option<String>,
    dir: Option<RunDir>,
    epochs: Vec<EpochReport>,
    best: Option<Best>,
    /// Keep the last state instead of the best one.
    keep_last: bool,
    epoch_loss: f64,
    epoch_steps: u64,
    epoch_seconds: f64,
    seconds: f64,
    /// Time inside steps alone.
    step_seconds: f64,
    steps_timed: u64,
}

/// What an advance came to.
#[derive(Debug, Default)]
pub struct Advance {
    /// Losses that have arrived, as (step, loss).
    pub losses: Vec<(u64, f32)>,
    /// The epoch that ended.
    pub epoch: Option<EpochReport>,
}

impl Run {
    pub fn new(
        session: Session,
        preset: Option<String>,
        dir: Option<RunDir>,
        keep_last: bool,
    ) -> Result<Self, TrainError> {
        let run = Self {
            session,
            preset,
            dir,
            epochs: Vec::new(),
            best: None,
            keep_last,
            epoch_loss: 0.0,
            epoch_steps: 0,
            epoch_seconds: 0.0,
            seconds: 0.0,
            step_seconds: 0.0,
            steps_timed: 0,
        };
        if let Some(dir) = &run.dir {
            dir.write_spec(run.session.spec())?;
        }
        Ok(run)
    }

    /// Goes on from the last checkpoint of `dir`, whose spec the session was made from.
    pub fn resume(
        mut session: Session,
        preset: Option<String>,
        dir: RunDir,
        keep_last: bool,
    ) -> Result<Self, TrainError> {
        let (state, last) = dir.read_checkpoint("last")?;
        let buffer = |tensors: &std::collections::BTreeMap<String, crate::tensor::HostTensor>, name: &str| {
            tensors.get(name).map(|tensor| tensor.data.clone()).unwrap_or_default()
        };
        let flat = ["parameters", "moment1", "moment2"].map(|name| buffer(&last, name));
        let fits = |values: &[f32]| values.len() == session.network().flat_elements();
        let misfit = |name: &str| ModelFileError::Malformed {
            path: dir.path().join("checkpoint").join(name),
            problem: "it belongs to another model than spec.toml says, put back the spec that it was trained with"
                .to_owned(),
        };
        if !flat.iter().all(|values| fits(values)) {
            return Err(misfit("last.safetensors").into());
        }
        let best = match state.best_loss {
            Some(loss) => {
                let (_, tensors) = dir.read_checkpoint("best")?;
                let parameters = buffer(&tensors, "parameters");
                if !fits(&parameters) {
                    return Err(misfit("best.safetensors").into());
                }
                Some(Best { epoch: state.best_epoch, loss, parameters })
            }
            None => None,
        };
        session.restore(state.step, [&flat[0], &flat[1], &flat[2]])?;
        let epochs = dir.truncate_metrics(state.step)?;
        let mut run = Self::new(session, preset, Some(dir), keep_last)?;
        run.epochs = epochs;
        run.best = best;
        run.epoch_loss = state.epoch_loss;
        run.epoch_steps = state.epoch_steps;
        run.seconds = state.seconds;
        Ok(run)
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    pub fn spec(&self) -> &Spec {
        self.session.spec()
    }

    pub fn dir(&self) -> Option<&RunDir> {
        self.dir.as_ref()
    }

    pub fn epochs(&self) -> &[EpochReport] {
        &self.epochs
    }

    /// Epoch and loss of the best state by validation.
    pub fn best(&self) -> Option<(u32, f64)> {
        self.best.as_ref().map(|best| (best.epoch, best.loss))
    }

    pub fn is_done(&self) -> bool {
        self.session.step() >= self.session.total_steps()
    }

    /// Seconds of work so far, pauses not counted.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Samples a second over all steps of this sitting.
    pub fn samples_per_second(&self) -> f64 {
        let samples = self.steps_timed as f64 * self.spec().train.batch_size as f64;
        if self.step_seconds > 0.0 { samples / self.step_seconds } else { 0.0 }
    }

    /// Up to `steps` steps; where they end an epoch, its validation too.
    pub fn advance(&mut self, steps: usize) -> Result<Advance, TrainError> {
        let started = Instant::now();
        let taken = self.session.train(steps)?;
        let step = self.session.step();
        let ends_epoch = step.is_multiple_of(self.session.steps_per_epoch()) || self.is_done();
        let losses = self.session.take_losses(ends_epoch)?;
        let step_secs = started.elapsed().as_secs_f64();
        self.step_seconds += step_secs;
        self.epoch_seconds += step_secs;
        self.steps_timed += taken as u64;
        for &(step, loss) in &losses {
            if !loss.is_finite() {
                let learning_rate = self.spec().learning_rate_at(step);
                return Err(TrainError::Diverged { step, loss, learning_rate });
            }
            self.epoch_loss += f64::from(loss);
            self.epoch_steps += 1;
        }
        let epoch = if ends_epoch && taken > 0 { Some(self.end_epoch(started)?) } else { None };
        self.seconds += started.elapsed().as_secs_f64();
        Ok(Advance { losses, epoch })
    }

    fn end_epoch(&mut self, advance_started: Instant) -> Result<EpochReport, TrainError> {
        let step = self.session.step();
        let epoch = u32::try_from(step.div_ceil(self.session.steps_per_epoch())).unwrap_or(u32::MAX);
        let validation_loss = self.session.evaluate(Part::Validation)?;
        let samples = self.epoch_steps as f64 * self.spec().train.batch_size as f64;
        let report = EpochReport {
            epoch,
            step,
            seconds: self.seconds + advance_started.elapsed().as_secs_f64(),
            train_loss: self.epoch_loss / self.epoch_steps.max(1) as f64,
            validation_loss,
            learning_rate: self.spec().learning_rate_at(step.saturating_sub(1)),
            samples_per_second: samples / self.epoch_seconds.max(1e-9),
            reconstruction: validation_loss,
        };
        (self.epoch_loss, self.epoch_steps, self.epoch_seconds) = (0.0, 0, 0.0);
        if self.best.as_ref().is_none_or(|best| validation_loss < best.loss) {
            let parameters = self.session.read_flat(External::Parameters)?;
            self.best = Some(Best { epoch, loss: validation_loss, parameters });
            self.write_best()?;
        }
        if let Some(dir) = &self.dir {
            dir.append_metrics(&report)?;
        }
        self.epochs.push(report.clone());
        self.write_last()?;
        Ok(report)
    }

    fn checkpoint_state(&self) -> CheckpointState {
        CheckpointState {
            step: self.session.step(),
            epoch_loss: self.epoch_loss,
            epoch_steps: self.epoch_steps,
            best_epoch: self.best.as_ref().map_or(0, |best| best.epoch),
            best_loss: self.best.as_ref().map(|best| best.loss),
            seconds: self.seconds,
        }
    }

    fn write_best(&self) -> Result<(), TrainError> {
        if let (Some(dir), Some(best)) = (&self.dir, &self.best) {
            dir.write_checkpoint("best", &self.checkpoint_state(), &[("parameters", &best.parameters)])?;
        }
        Ok(())
    }

    fn write_last(&mut self) -> Result<(), TrainError> {
        if self.dir.is_none() {
            return Ok(());
        }
        let parameters = self.session.read_flat(External::Parameters)?;
        let moment1 = self.session.read_flat(External::Moment1)?;
        let moment2 = self.session.read_flat(External::Moment2)?;
        let state = self.checkpoint_state();
        if let Some(dir) = &self.dir {
            let buffers: [(&str, &[f32]); 3] =
                [("parameters", &parameters), ("moment1", &moment1), ("moment2", &moment2)];
            dir.write_checkpoint("last", &state, &buffers)?;
        }
        Ok(())
    }

    /// The state to keep: the best by validation, or the last where that was asked for or there is no best yet.
    fn kept_parameters(&mut self) -> Result<Vec<f32>, TrainError> {
        match &self.best {
            Some(best) if !self.keep_last => Ok(best.parameters.clone()),
            _ => self.session.read_flat(External::Parameters),
        }
    }

    /// Saves everything as it is: spec, checkpoint and model. Losses still under way are counted first.
    pub fn save(&mut self) -> Result<(), TrainError> {
        for (_, loss) in self.session.take_losses(true)? {
            self.epoch_loss += f64::from(loss);
            self.epoch_steps += 1;
        }
        self.write_last()?;
        self.save_kept()
    }

    /// Saves the spec and the model to keep, not the last state.
    pub fn save_kept(&mut self) -> Result<(), TrainError> {
        let kept = self.kept_parameters()?;
        if let Some(dir) = &self.dir {
            dir.write_spec(self.session.spec())?;
            dir.write_model(&self.session.model(&kept))?;
        }
        Ok(())
    }

    /// Measures the kept model on the test part, with PCA beside it, and saves it. The session goes on from where it
    /// is afterwards.
    pub fn report(&mut self, with_test: bool) -> Result<Report, TrainError> {
        self.save()?;
        let (mut test, mut pca) = (None, None);
        if with_test {
            let kept = self.kept_parameters()?;
            let current = self.session.read_flat(External::Parameters)?;
            self.session.write_flat(External::Parameters, &kept)?;
            let data = self.session.data().clone();
            let outputs = self.session.outputs(data.part(Part::Test), true);
            self.session.write_flat(External::Parameters, &current)?;
            test = Some(TestMetrics::measure(&data, &outputs?.outputs));
            // PCA that cannot be fitted (one row, too many features) is reported as null.
            let train = data.rows_f32(data.part(Part::Train));
            pca = Pca::fit(&train, data.features, self.spec().model.latent).ok().map(|fitted| PcaReport {
                components: fitted.components(),
                mse: fitted.reconstruction_mse(&data.rows_f32(data.part(Part::Test))),
            });
        }
        let info = self.session.device_info();
        let path = |path: &Path| path.display().to_string();
        let diagnosis = Report::diagnose(test.as_ref(), pca.as_ref());
        let last = self.epochs.last();
        Ok(Report {
            version: env!("CARGO_PKG_VERSION"),
            device: info.device.to_owned(),
            backend: info.backend.to_owned(),
            adapter: info.adapter.clone(),
            preset: self.preset.clone(),
            seed: self.spec().train.seed,
            parameters: self.session.network().parameter_count(),
            epochs: last.map_or(0, |epoch| epoch.epoch),
            steps: self.session.step(),
            seconds: self.seconds,
            samples_per_second: self.samples_per_second(),
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
            diagnosis,
        })
    }
}
