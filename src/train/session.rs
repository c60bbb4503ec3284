//! One model in training on one device: step, evaluate, read, restore. No files, no clocks, no threads of its own.

use std::ops::Range;
use std::sync::Arc;

use super::TrainError;
use super::evaluator::{Evaluator, Outputs};
use crate::data::{DataSet, Part};
use crate::device::{Device, DeviceInfo};
use crate::graph::{Executable, External, Externals, GraphError, Place, PlanBytes, View};
use crate::kernels::StepState;
use crate::kernels::optimizer::Adam;
use crate::kernels::random::{key, permutation_keys, stream};
use crate::model::{Edit, Model, Network, Spec, Subject};
use crate::nn;

/// Runs of steps whose losses may be on their way at once: the host stays at most this far ahead of the device.
const LOSSES_IN_FLIGHT: usize = 2;

#[derive(Debug)]
pub struct Session {
    spec: Spec,
    data: Arc<DataSet>,
    device: Device,
    network: Network,
    adam: Adam,
    externals: Externals,
    training: Executable,
    training_bytes: PlanBytes,
    evaluator: Evaluator,
    /// Steps taken.
    step: u64,
    pending: std::collections::VecDeque<(u64, usize)>,
    losses: Vec<(u64, f32)>,
    states: Vec<StepState>,
}

impl Session {
    /// Plans, compiles and allocates; starts from the initial values of the spec's seed.
    pub fn new(spec: Spec, data: Arc<DataSet>, device: Device) -> Result<Self, TrainError> {
        spec.check()?;
        let network = Network::new(&spec, data.features)?;
        let batch = spec.train.batch_size;
        if batch > data.train.len() {
            return Err(TrainError::BatchTooLarge { batch, rows: data.train.len() });
        }
        let subject = Subject::Data { rows: data.rows, part_rows: data.train.len() };
        let plan = network.training_pass(batch, subject)?.plan;
        let mut externals = Externals::default();
        externals.allocate_for(&device, &plan);
        let training = Executable::new(&device, &plan, &externals)?;
        let evaluator = Evaluator::new(&network, data.rows, &device, &mut externals)?;
        externals.write(&device, External::Data, &data.packed)?;
        let adam = network.adam();
        let flat = nn::initial_parameters(network.parameters(), network.flat_elements(), spec.train.seed);
        let mut session = Self {
            spec,
            data,
            device,
            network,
            adam,
            externals,
            training,
            training_bytes: plan.bytes(),
            evaluator,
            step: 0,
            pending: std::collections::VecDeque::new(),
            losses: Vec::new(),
            states: Vec::new(),
        };
        session.write_flat(External::Parameters, &flat)?;
        Ok(session)
    }

    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    pub fn data(&self) -> &Arc<DataSet> {
        &self.data
    }

    pub fn device_info(&self) -> &DeviceInfo {
        self.device.info()
    }

    pub fn network(&self) -> &Network {
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
        let epochs = u64::from(self.spec.train.epochs) * self.steps_per_epoch();
        self.spec.train.steps.map_or(epochs, |steps| steps.min(epochs))
    }

    /// Dispatches (calls, on a CPU) of one training step.
    pub fn dispatches(&self) -> usize {
        self.training.dispatches()
    }

    /// Host seconds spent recording training steps, and how many.
    pub fn recording(&self) -> (f64, u64) {
        self.training.recording()
    }

    /// Bytes of the training plan.
    pub fn bytes(&self) -> PlanBytes {
        self.training_bytes
    }

    /// Changes the learning rate from the next step on, and records it in the spec.
    pub fn edit_learning_rate(&mut self, value: f64) -> Result<(), TrainError> {
        let mut spec = self.spec.clone();
        // Only the last of several edits between two steps ever holds.
        spec.edits.retain(|edit| edit.step != self.step);
        spec.edits.push(Edit { step: self.step, field: crate::model::LEARNING_RATE.to_owned(), value });
        spec.check()?;
        self.spec = spec;
        Ok(())
    }

    /// Gives the run a new total of epochs.
    pub fn set_epochs(&mut self, epochs: u32) {
        self.spec.train.epochs = epochs;
    }

    /// Runs up to `count` steps, stopping at the end of the epoch and of the run; gives how many. On a GPU they may
    /// still be under way; their losses come later from [`Self::take_losses`].
    pub fn train(&mut self, count: usize) -> Result<usize, TrainError> {
        let per_epoch = self.steps_per_epoch();
        let left_in_epoch = per_epoch - self.step % per_epoch;
        let left = self.total_steps().saturating_sub(self.step).min(left_in_epoch);
        let count = count.min(usize::try_from(left).unwrap_or(usize::MAX)).min(nn::LOSS_SLOTS / LOSSES_IN_FLIGHT / 2);
        if count == 0 {
            return Ok(0);
        }
        while self.pending.len() >= LOSSES_IN_FLIGHT {
            self.collect(true)?;
        }
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
        self.training.begin_read(View {
            place: Place::External(External::Losses),
            offset: first * 4,
            bytes: slots * 4,
        })?;
        self.step += count as u64;
        self.collect(false)?;
        Ok(count)
    }

    /// Losses that have arrived since the last call, as (step, loss); with `wait`, all of them.
    pub fn take_losses(&mut self, wait: bool) -> Result<Vec<(u64, f32)>, TrainError> {
        while !self.pending.is_empty() && self.collect(wait)? {}
        Ok(std::mem::take(&mut self.losses))
    }

    /// Picks up the oldest losses under way; false if they have not arrived.
    fn collect(&mut self, wait: bool) -> Result<bool, TrainError> {
        let Some(&(first_step, count)) = self.pending.front() else { return Ok(false) };
        let Some(values) = self.training.finish_read(wait)? else { return Ok(false) };
        self.pending.pop_front();
        let whole_ring = values.len() == nn::LOSS_SLOTS;
        for (i, step) in (first_step..).take(count).enumerate() {
            let at = if whole_ring { step as usize % nn::LOSS_SLOTS } else { i };
            self.losses.push((step, values[at]));
        }
        Ok(true)
    }

    fn training_state(&self, step: u64) -> StepState {
        let per_epoch = self.steps_per_epoch();
        let epoch = step / per_epoch;
        let batch = self.spec.train.batch_size as u32;
        let learning_rate = self.spec.learning_rate_at(step);
        let (step_size, inv_sqrt_correction) = self.adam.corrections(learning_rate, step);
        StepState {
            seed: key(self.spec.train.seed),
            step: step as u32,
            rows: batch,
            first: (step % per_epoch) as u32 * batch,
            part_offset: self.data.train.start as u32,
            part_rows: self.data.train.len() as u32,
            shuffle: 1,
            permutation_keys: permutation_keys(self.spec.train.seed, epoch as u32, stream::PERMUTATION),
            step_size,
            inv_sqrt_correction,
            learning_rate: learning_rate as f32,
            loss_slot: (step % nn::LOSS_SLOTS as u64) as u32,
        }
    }

    /// The ring of losses is shared with evaluation: nothing of it may still be on its way.
    fn settle(&mut self) -> Result<(), TrainError> {
        while !self.pending.is_empty() {
            self.collect(true)?;
        }
        Ok(())
    }

    /// The objective's mean over the rows of `part`.
    pub fn evaluate(&mut self, part: Part) -> Result<f64, TrainError> {
        self.settle()?;
        self.evaluator.loss(self.data.part(part))
    }

    /// Latents (and outputs where `with_outputs`) of rows of the data set.
    pub fn outputs(&mut self, rows: Range<usize>, with_outputs: bool) -> Result<Outputs, TrainError> {
        self.settle()?;
        self.evaluator.outputs(rows, with_outputs)
    }

    /// Waits for all work and reads a flat buffer: parameters or moments.
    pub fn read_flat(&mut self, external: External) -> Result<Vec<f32>, TrainError> {
        self.evaluator.read_flat(external, self.network.flat_elements())
    }

    /// Replaces a flat buffer.
    pub fn write_flat(&mut self, external: External, values: &[f32]) -> Result<(), TrainError> {
        if values.len() != self.network.flat_elements() {
            return Err(GraphError::Plan(format!("{} has {} values", external.label(), values.len())).into());
        }
        Ok(self.externals.write(&self.device, external, bytemuck::cast_slice(values))?)
    }

    /// Goes back to a state read earlier: the step, and parameters and moments from [`Self::read_flat`].
    pub fn restore(&mut self, step: u64, flat: [&[f32]; 3]) -> Result<(), TrainError> {
        for (external, values) in [External::Parameters, External::Moment1, External::Moment2].into_iter().zip(flat) {
            self.write_flat(external, values)?;
        }
        self.step = step;
        Ok(())
    }

    /// The model with the parameters in `flat`.
    pub fn model(&self, flat: &[f32]) -> Model {
        let labels = self.data.labels.as_ref().map(|labels| {
            let highest = labels.iter().copied().max().unwrap_or(0);
            (0..=highest).map(|label| label.to_string()).collect()
        });
        Model::from_flat(&self.spec, &self.network, labels, flat)
    }
}
