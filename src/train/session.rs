//! One model in training on one device: step, evaluate, read, restore. No files, no clocks, no threads of its own.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::TrainError;
use super::autotune::with_recorded;
use super::cost::CostEstimate;
use super::data_loader::{DataLoader, DataPlacement};
use super::evaluator::{Evaluator, Outputs};
use super::training_plan::TrainingPlan;
use crate::data::{DataSet, Part};
use crate::device::{Device, DeviceInfo};
use crate::graph::{BufferView, Executable, GraphError, Location, PlanBytes, SharedBuffer, SharedBuffers};
use crate::inference::FlatModel;
use crate::kernels::StepState;
use crate::kernels::optimizer::Update;
use crate::model::{Edit, Model, Network, PCA_START, Spec, Weights, pca_start, starting_model};
use crate::nn::{self, LOSS_PARTS};
use crate::random::{key, permutation_keys, stream};

/// Runs of steps with losses in flight at once: the host stays at most this far ahead of the device.
const LOSSES_IN_FLIGHT: usize = 2;

/// Training of one model on one device: its spec, data, compiled step, buffers and evaluator.
#[derive(Debug)]
pub struct Session {
    spec: Spec,
    data: Arc<DataSet>,
    device: Device,
    network: Arc<Network>,
    update: Update,
    externals: SharedBuffers,
    training: Executable,
    training_bytes: PlanBytes,
    cost: Arc<CostEstimate>,
    evaluator: Evaluator,
    /// Brings rows to the device where not all of them are there.
    loader: Option<DataLoader>,
    /// Steps taken.
    step: u64,
    pending: std::collections::VecDeque<(u64, usize)>,
    losses: Vec<(u64, f32)>,
    states: Vec<StepState>,
    /// Factor on the learning rate by a plateau schedule.
    rate_factor: f64,
}

impl Session {
    /// Plans, compiles and allocates; starts from the initial values of the spec's seed, or from the weights of
    /// `model.start`.
    pub fn new(spec: Spec, data: Arc<DataSet>, device: Device) -> Result<Self, TrainError> {
        Self::from_plan(TrainingPlan::new(spec, data, &device)?, device)
    }

    /// Compiles and allocates a plan on `device`, for which it was made.
    pub fn from_plan(plan: TrainingPlan, device: Device) -> Result<Self, TrainError> {
        let cost = plan.cost();
        let TrainingPlan { spec, data, network, placement, plan } = plan;
        let (device, batch) = (with_recorded(&spec, device), spec.train.batch_size);
        let mut externals = SharedBuffers::default();
        externals.allocate_for(&device, &plan);
        if !network.statistics().is_empty() {
            externals.allocate(&device, SharedBuffer::Statistics, network.statistic_elements() * 4);
        }
        let training = Executable::new(&device, &plan, &externals)?;
        let parameters = evaluated_parameters(&network.update());
        let evaluator = Evaluator::with_placement(&network, &data, placement, parameters, &device, &mut externals)?;
        let classes = network.data_shape().classes;
        placement.fill(&data, classes, &device, &externals)?;
        let feed = match placement {
            DataPlacement::Whole => None,
            DataPlacement::Shards { rows } => Some(DataLoader::new(&data, spec.train.seed, batch, rows, classes)),
        };
        externals.write(&device, SharedBuffer::DecayMask, bytemuck::cast_slice(&network.decay_mask()))?;
        let update = network.update();
        let seed = spec.train.seed;
        let Weights { parameters, statistics } = match spec.model.start.as_deref() {
            Some(PCA_START) => pca_start(&network, &data, seed)?,
            Some(name) => starting_model(name)?.to_flat(&network, Path::new(name))?,
            None => Weights {
                parameters: nn::initial_parameters(network.parameters(), network.flat_elements(), seed),
                statistics: nn::initial_statistics(network.statistics(), network.statistic_elements(), seed),
            },
        };
        let mut session = Self {
            spec,
            data,
            device,
            network,
            update,
            externals,
            training,
            training_bytes: plan.bytes(),
            cost: Arc::new(cost),
            evaluator,
            loader: feed,
            step: 0,
            pending: std::collections::VecDeque::new(),
            losses: Vec::new(),
            states: Vec::new(),
            rate_factor: 1.0,
        };
        session.write_flat(SharedBuffer::Parameters, &parameters)?;
        if session.update.average.is_some() {
            session.write_flat(SharedBuffer::Average, &parameters)?;
        }
        if !session.network.statistics().is_empty() {
            session.write_flat(SharedBuffer::Statistics, &statistics)?;
        }
        if let Device::Gpu(context) = &session.device {
            context.save_pipelines();
        }
        Ok(session)
    }

    /// Returns the spec with its live edits.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the data set with all its parts.
    pub fn data(&self) -> &Arc<DataSet> {
        &self.data
    }

    /// Returns the device of the training.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the names of device, adapter and driver.
    pub fn device_info(&self) -> &DeviceInfo {
        self.device.info()
    }

    /// Returns the network of the spec.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Steps taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whole batches in the train part; what is left over is dropped.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.data.train.len() / self.spec.train.batch_size) as u64
    }

    /// Steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.spec.total_steps(self.steps_per_epoch())
    }

    /// Seconds that steps have waited for rows to come to the device; `None` where all of them are there.
    pub fn waited_for_data(&self) -> Option<f64> {
        self.loader.as_ref().map(|feed| feed.waited().as_secs_f64())
    }

    /// Dispatches (calls, on a CPU) of one training step.
    pub fn dispatches(&self) -> usize {
        self.training.dispatches()
    }

    /// Returns the host seconds spent recording training steps, and the number of steps recorded; zero on a CPU.
    pub fn recording(&self) -> (f64, u64) {
        self.training.recording()
    }

    /// Bytes of the training plan.
    pub fn bytes(&self) -> PlanBytes {
        self.training_bytes
    }

    /// Returns the cost of training, read from its plan.
    pub fn cost(&self) -> &Arc<CostEstimate> {
        &self.cost
    }

    /// Changes one of the live fields from the next step on, and records it in the spec.
    pub fn edit(&mut self, field: &str, value: f64) -> Result<(), TrainError> {
        let mut spec = self.spec.clone();
        // Only the last of several edits between two steps ever holds.
        spec.edits.retain(|edit| edit.step != self.step || edit.field != field);
        spec.edits.push(Edit { step: self.step, field: field.to_owned(), value });
        spec.check()?;
        self.spec = spec;
        Ok(())
    }

    /// Sets a factor on the learning rate from now on, beside the schedule's own.
    pub fn set_rate_factor(&mut self, factor: f64) {
        self.rate_factor = factor;
    }

    /// Returns the learning rate at `step`: that of the spec, times the factor of the schedule, times that of a
    /// plateau.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        let schedule = self.spec.schedule_at(step, self.steps_per_epoch());
        self.spec.learning_rate_at(step) * schedule * self.rate_factor
    }

    /// Runs up to `count` steps, stopping at the end of the epoch and of the run; returns the count. On a GPU they may
    /// still be in flight; their losses come later from [`Self::take_losses`].
    pub async fn train(&mut self, count: usize) -> Result<usize, TrainError> {
        let per_epoch = self.steps_per_epoch();
        let left_in_epoch = per_epoch - self.step % per_epoch;
        let left = self.total_steps().saturating_sub(self.step).min(left_in_epoch);
        let count = count.min(usize::try_from(left).unwrap_or(usize::MAX)).min(nn::LOSS_SLOTS / LOSSES_IN_FLIGHT / 2);
        if count == 0 {
            return Ok(0);
        }
        while self.pending.len() >= LOSSES_IN_FLIGHT {
            self.collect(true).await?;
        }
        let count = match &mut self.loader {
            Some(feed) => {
                let ready = feed.prepare_step(self.step, &self.device, &self.externals)?;
                count.min(usize::try_from(ready).unwrap_or(usize::MAX))
            }
            None => count,
        };
        let mut states = std::mem::take(&mut self.states);
        states.clear();
        states.extend((self.step..).take(count).map(|step| self.training_state(step)));
        let result = self.training.run(&states);
        self.states = states;
        result?;
        self.pending.push_back((self.step, count));
        let slot = self.step as usize % nn::LOSS_SLOTS;
        // Two ranges where the ring wraps would be two copies: read it from the start instead.
        let wrapped = slot + count > nn::LOSS_SLOTS;
        let (first, slots) = if wrapped { (0, nn::LOSS_SLOTS) } else { (slot, count) };
        self.training.begin_read(BufferView {
            place: Location::External(SharedBuffer::Losses),
            offset: first * 4 * LOSS_PARTS,
            bytes: slots * 4 * LOSS_PARTS,
        })?;
        self.step += count as u64;
        self.collect(false).await?;
        Ok(count)
    }

    /// Returns the losses that have arrived since the last call, as (step, loss); with `wait`, all of them.
    pub async fn take_losses(&mut self, wait: bool) -> Result<Vec<(u64, f32)>, TrainError> {
        while !self.pending.is_empty() && self.collect(wait).await? {}
        Ok(std::mem::take(&mut self.losses))
    }

    /// Collects the oldest losses in flight; returns false if they have not arrived.
    async fn collect(&mut self, wait: bool) -> Result<bool, TrainError> {
        let Some(&(first_step, count)) = self.pending.front() else { return Ok(false) };
        let arrived = if wait { self.training.finish_read().await? } else { self.training.take_arrived()? };
        let Some(values) = arrived else { return Ok(false) };
        self.pending.pop_front();
        let whole_ring = values.len() == nn::LOSS_SLOTS * LOSS_PARTS;
        for (i, step) in (first_step..).take(count).enumerate() {
            let at = if whole_ring { step as usize % nn::LOSS_SLOTS } else { i };
            let parts = &values[at * LOSS_PARTS..(at + 1) * LOSS_PARTS];
            let weights = self.network.part_weights(step, self.spec.beta_at(step, self.steps_per_epoch()));
            self.losses.push((step, weighted(parts.iter().map(|&part| f64::from(part)), &weights) as f32));
        }
        Ok(true)
    }

    fn training_state(&self, step: u64) -> StepState {
        let per_epoch = self.steps_per_epoch();
        let epoch = step / per_epoch;
        let batch = self.spec.train.batch_size as u32;
        let learning_rate = self.learning_rate_at(step);
        let (step_size, inv_sqrt_correction) = self.update.corrections(learning_rate, step);
        // Shards lie in the order of their steps already.
        let (first, part_offset, shuffle) = match &self.loader {
            Some(feed) => (0, feed.first_row(step) as u32, 0),
            None => ((step % per_epoch) as u32 * batch, self.data.train.start as u32, 1),
        };
        StepState {
            seed: key(self.spec.train.seed),
            step: step as u32,
            rows: batch,
            first,
            part_offset,
            part_rows: self.data.train.len() as u32,
            shuffle,
            permutation_keys: permutation_keys(self.spec.train.seed, epoch as u32, stream::PERMUTATION),
            step_size,
            inv_sqrt_correction,
            learning_rate: learning_rate as f32,
            loss_slot: (step % nn::LOSS_SLOTS as u64) as u32,
            beta: self.spec.beta_at(step, per_epoch) as f32,
            sparsity: self.spec.sparsity_at(step) as f32,
            corruption: self.spec.corruption_at(step) as f32,
            dropout: self.spec.dropout_at(step).map_or(0.0, |rate| 1.0 + rate as f32),
        }
    }

    /// Waits for all losses in flight, as evaluation shares their ring buffer.
    async fn settle(&mut self) -> Result<(), TrainError> {
        while !self.pending.is_empty() {
            self.collect(true).await?;
        }
        Ok(())
    }

    /// Returns the objective on the rows of `part`: in all, and its parts before their weights. Beta counts whole, so
    /// that epochs of its warm-up can be compared.
    pub async fn evaluate(&mut self, part: Part) -> Result<(f64, [f64; LOSS_PARTS]), TrainError> {
        self.settle().await?;
        let rows = self.data.part(part);
        let parts = self.evaluator.objective(rows).await?;
        // What held for the last step: an edit that begins with the next one was not known when this was first run.
        let last = self.step.saturating_sub(1);
        let weights = self.network.part_weights(last, self.spec.whole_beta_at(last));
        Ok((weighted(parts.iter().copied(), &weights), parts))
    }

    /// Returns latents (and outputs where `with_outputs`) of rows of the data set, with the input corrupted as in
    /// training or clean.
    pub async fn outputs(
        &mut self,
        rows: Range<usize>,
        with_outputs: bool,
        corrupted: bool,
    ) -> Result<Outputs, TrainError> {
        self.settle().await?;
        self.evaluator.outputs(rows, with_outputs, corrupted).await
    }

    /// Runs `work` with the forward pass over rows of the data set, after all losses in flight have arrived.
    pub async fn with_evaluator<R>(
        &mut self,
        work: impl AsyncFnOnce(&mut Evaluator) -> Result<R, TrainError>,
    ) -> Result<R, TrainError> {
        self.settle().await?;
        work(&mut self.evaluator).await
    }

    /// Replaces the current weights by `weights`, for inspection after the end: training does not go on from them.
    pub async fn adopt(&mut self, weights: &Weights) -> Result<(), TrainError> {
        self.settle().await?;
        self.write_flat(SharedBuffer::Parameters, &weights.parameters)?;
        if self.update.average.is_some() {
            self.write_flat(SharedBuffer::Average, &weights.parameters)?;
        }
        if !weights.statistics.is_empty() {
            self.write_flat(SharedBuffer::Statistics, &weights.statistics)?;
        }
        Ok(())
    }

    /// Returns the forward pass over rows of the data set, with the moving average of the weights if one is kept.
    pub fn evaluator(&mut self) -> &mut Evaluator {
        &mut self.evaluator
    }

    /// Returns the weights of the model: their moving average if one is kept.
    pub async fn weights(&mut self) -> Result<Weights, TrainError> {
        let parameters = self.read_flat(evaluated_parameters(&self.update)).await?;
        let statistics = if self.network.statistics().is_empty() {
            Vec::new()
        } else {
            self.read_flat(SharedBuffer::Statistics).await?
        };
        Ok(Weights { parameters, statistics })
    }

    /// Runs `work` with `weights`, then restores the current ones.
    pub async fn with_weights<R>(
        &mut self,
        weights: &Weights,
        work: impl AsyncFnOnce(&mut Evaluator) -> Result<R, TrainError>,
    ) -> Result<R, TrainError> {
        self.settle().await?;
        let buffer = evaluated_parameters(&self.update);
        let parameters = self.read_flat(buffer).await?;
        let has_statistics = !weights.statistics.is_empty();
        let statistics = if has_statistics { self.read_flat(SharedBuffer::Statistics).await? } else { Vec::new() };
        self.write_flat(buffer, &weights.parameters)?;
        if has_statistics {
            self.write_flat(SharedBuffer::Statistics, &weights.statistics)?;
        }
        let result = work(&mut self.evaluator).await;
        self.write_flat(buffer, &parameters)?;
        if has_statistics {
            self.write_flat(SharedBuffer::Statistics, &statistics)?;
        }
        result
    }

    /// Returns the flat buffers of a checkpoint, with their names.
    pub fn buffers(&self) -> Vec<(&'static str, SharedBuffer)> {
        let mut buffers = vec![("parameters", SharedBuffer::Parameters), ("moment1", SharedBuffer::Moment1)];
        if matches!(self.update.rule, crate::kernels::optimizer::UpdateRule::Adam { .. }) {
            buffers.push(("moment2", SharedBuffer::Moment2));
        }
        if self.update.average.is_some() {
            buffers.push(("average", SharedBuffer::Average));
        }
        if !self.network.statistics().is_empty() {
            buffers.push(("statistics", SharedBuffer::Statistics));
        }
        buffers
    }

    /// Returns the number of elements of a flat buffer.
    pub fn elements(&self, external: SharedBuffer) -> usize {
        if external == SharedBuffer::Statistics {
            self.network.statistic_elements()
        } else {
            self.network.flat_elements()
        }
    }

    /// Waits for all work and reads a flat buffer.
    pub async fn read_flat(&mut self, external: SharedBuffer) -> Result<Vec<f32>, TrainError> {
        let bytes = self.elements(external) * 4;
        Ok(self.training.read(BufferView { place: Location::External(external), offset: 0, bytes }).await?)
    }

    /// Replaces a flat buffer.
    pub fn write_flat(&mut self, external: SharedBuffer, values: &[f32]) -> Result<(), TrainError> {
        if values.len() != self.elements(external) {
            return Err(GraphError::Plan(format!("{} has {} values", external.label(), values.len())).into());
        }
        Ok(self.externals.write(&self.device, external, bytemuck::cast_slice(values))?)
    }

    /// Restores a state read earlier: the step, and each of [`Self::buffers`].
    pub async fn restore(&mut self, step: u64, flats: &[Vec<f32>]) -> Result<(), TrainError> {
        // Losses of steps that are now undone are of no interest.
        self.settle().await?;
        self.losses.clear();
        for ((_, external), values) in self.buffers().into_iter().zip(flats) {
            self.write_flat(external, values)?;
        }
        self.step = step;
        Ok(())
    }

    /// Returns the model with `weights`, for sharing while it trains.
    pub fn flat_model(&self, weights: Weights) -> FlatModel {
        FlatModel {
            network: Arc::clone(&self.network),
            labels: self.data.labels.is_some().then(|| Arc::new(self.data.classes.clone())),
            preparation: Arc::new(self.data.preparation.clone()),
            weights: Arc::new(weights),
        }
    }

    /// Returns the model with `weights`, for saving.
    pub fn model(&self, weights: &Weights) -> Model {
        let labels = self.data.labels.is_some().then(|| self.data.classes.clone());
        let mut model = Model::from_flat(&self.spec, &self.network, labels, weights);
        model.preparation = self.data.preparation.clone();
        model
    }
}

/// Returns the buffer of the evaluated parameters: their moving average if one is kept.
fn evaluated_parameters(update: &Update) -> SharedBuffer {
    if update.average.is_some() { SharedBuffer::Average } else { SharedBuffer::Parameters }
}

/// Returns the weighted sum of the parts; a part of weight zero is left out, whatever its value.
pub(super) fn weighted(parts: impl Iterator<Item = f64>, weights: &[f64; LOSS_PARTS]) -> f64 {
    parts.zip(weights).filter(|(_, weight)| **weight != 0.0).map(|(part, weight)| part * weight).sum()
}
