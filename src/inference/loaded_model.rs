//! Finished model on a device: its passes planned once, its weights replaced as often as there are newer ones.

use std::path::Path;
use std::sync::Arc;

use super::error::InferenceError;
use super::flat_model::FlatModel;
use crate::device::{Device, DeviceChoice};
use crate::graph::{BufferView, Executable, GraphError, Plan, SharedBuffer, SharedBuffers};
use crate::kernels::StepState;
use crate::model::{Model, Network, Weights};

/// Rows of a pass beside a window, which asks for few and waits for the result.
const INTERACTIVE_BATCH: usize = 64;
/// Rows of a pass of a task.
const TASK_BATCH: usize = 256;

/// Network with its weights on a device. Encoder and decoder are planned and compiled at their first use.
#[derive(Debug)]
pub struct LoadedModel {
    network: Arc<Network>,
    device: Device,
    /// Parameters and statistics: every pass reads these.
    weights: SharedBuffers,
    batch: usize,
    decoder: Option<LoadedPass>,
    encoder: Option<LoadedPass>,
}

impl LoadedModel {
    /// Loads `model` on `device`, for many rows; `path` is where it is from, for errors.
    ///
    /// # Errors
    /// When its layers do not fit together or it lacks what its spec names.
    #[tracing::instrument(level = "debug", name = "load_model", skip_all, fields(model = %path.display()))]
    pub fn new(model: &Model, path: &Path, device: &Device) -> Result<Self, InferenceError> {
        Self::from_flat(&FlatModel::from_model(model, path)?, device)
    }

    /// Same as [`Self::new`], for a model whose weights are flat already.
    pub fn from_flat(model: &FlatModel, device: &Device) -> Result<Self, InferenceError> {
        Self::with_batch(model, device, TASK_BATCH)
    }

    /// Loads `model` on one thread of the processor, so that training beside it keeps the others.
    pub fn on_one_thread(model: &FlatModel) -> Result<Self, InferenceError> {
        let device = Device::open(DeviceChoice::Cpu, Some(1)).map_err(GraphError::from)?;
        Self::with_batch(model, &device, INTERACTIVE_BATCH)
    }

    fn with_batch(model: &FlatModel, device: &Device, batch: usize) -> Result<Self, InferenceError> {
        let network = Arc::clone(&model.network);
        let mut weights = SharedBuffers::default();
        weights.allocate(device, SharedBuffer::Parameters, network.flat_elements() * 4);
        if !network.statistics().is_empty() {
            weights.allocate(device, SharedBuffer::Statistics, network.statistic_elements() * 4);
        }
        let mut loaded = Self { network, device: device.clone(), weights, batch, decoder: None, encoder: None };
        loaded.set_weights(&model.weights)?;
        Ok(loaded)
    }

    /// Replaces the weights: every pass, compiled or still to come, reads these from now on.
    ///
    /// # Errors
    /// When they are of another network.
    pub fn set_weights(&mut self, weights: &Weights) -> Result<(), GraphError> {
        let network = &self.network;
        let statistics = if network.statistics().is_empty() { 0 } else { network.statistic_elements() };
        for (buffer, values, expected) in [
            (SharedBuffer::Parameters, &weights.parameters, network.flat_elements()),
            (SharedBuffer::Statistics, &weights.statistics, statistics),
        ] {
            if values.len() != expected {
                let problem = format!("{} has {} values, the network {expected}", buffer.label(), values.len());
                return Err(GraphError::Plan(problem));
            }
            if expected > 0 {
                self.weights.write(&self.device, buffer, bytemuck::cast_slice(values))?;
            }
        }
        Ok(())
    }

    /// Returns the network whose passes it runs.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Returns the device that it runs on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns parameters and statistics, for passes of other modules over the same weights.
    pub fn weights(&self) -> &SharedBuffers {
        &self.weights
    }

    /// Returns the count of numbers that a row becomes at the bottleneck.
    pub fn latent(&self) -> usize {
        self.network.latent()
    }

    /// Returns the count of classes that the model is conditioned on; 0 for others.
    pub fn classes(&self) -> usize {
        self.network.data_shape().classes
    }

    /// Plans and compiles the decoder, where that is not done yet.
    ///
    /// # Errors
    /// When the model has no bottleneck to decode from.
    pub fn prepare_decoder(&mut self) -> Result<(), InferenceError> {
        if self.decoder.is_none() {
            let (plan, output) = self.network.decoding_pass(self.batch)?;
            self.decoder = Some(self.compile(&plan, output, self.batch)?);
        }
        Ok(())
    }

    /// Decodes latents `[rows, latent]` to rows `[rows, features]`, all of class `label` where the model has classes.
    pub async fn decode(&mut self, latents: &[f32], label: usize) -> Result<Vec<f32>, InferenceError> {
        self.decode_rows(latents, &vec![label; latents.len() / self.latent().max(1)]).await
    }

    /// Same as [`Self::decode`], for rows of their own classes; `labels` has one for each row, or none for a model
    /// without classes.
    pub async fn decode_rows(&mut self, latents: &[f32], labels: &[usize]) -> Result<Vec<f32>, InferenceError> {
        self.prepare_decoder()?;
        let (width, classes) = (self.latent(), self.classes());
        match &mut self.decoder {
            Some(pass) => Ok(pass.run_rows(SharedBuffer::Latents, latents, width, labels, classes).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Encodes rows `[rows, features]` to latents `[rows, latent]` (means, where they are drawn); `labels` has the
    /// class of each, or none for a model without classes.
    pub async fn encode(&mut self, rows: &[f32], labels: &[usize]) -> Result<Vec<f32>, InferenceError> {
        if self.encoder.is_none() {
            let (plan, latents) = self.network.encoding_pass(self.batch)?;
            self.encoder = Some(self.compile(&plan, latents, self.batch)?);
        }
        let (width, classes) = (self.network.features(), self.classes());
        match &mut self.encoder {
            Some(pass) => Ok(pass.run_rows(SharedBuffer::Input, rows, width, labels, classes).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Compiles `plan`, a pass of this network (or of the same layers at another size) for `batch` rows whose result is
    /// at `output`.
    pub fn compile(&self, plan: &Plan, output: BufferView, batch: usize) -> Result<LoadedPass, GraphError> {
        let mut buffers = self.weights.clone();
        buffers.allocate_for(&self.device, plan);
        let executable = Executable::new(&self.device, plan, &buffers)?;
        let is_conditioned = plan.externals.contains_key(&SharedBuffer::Conditions);
        Ok(LoadedPass { executable, buffers, device: self.device.clone(), output, batch, is_conditioned })
    }
}

/// Compiled pass of a [`LoadedModel`], whose weights it reads.
#[derive(Debug)]
pub struct LoadedPass {
    executable: Executable,
    buffers: SharedBuffers,
    device: Device,
    output: BufferView,
    batch: usize,
    is_conditioned: bool,
}

impl LoadedPass {
    /// Writes `values` to the start of an input of the pass.
    pub fn write(&self, buffer: SharedBuffer, values: &[f32]) -> Result<(), GraphError> {
        self.buffers.write(&self.device, buffer, bytemuck::cast_slice(values))
    }

    /// Runs the pass and returns its result for the first `rows` rows of the batch.
    pub async fn run(&mut self, rows: usize) -> Result<Vec<f32>, GraphError> {
        self.executable.run(&[StepState { rows: rows as u32, ..StepState::default() }])?;
        let bytes = self.output.bytes / self.batch * rows;
        self.executable.read(BufferView { bytes, ..self.output }).await
    }

    /// Runs `rows` `[rows, width]`, written to `input`, a batch at a time; `labels` has the class of each where the
    /// pass is conditioned on one of `classes`.
    async fn run_rows(
        &mut self,
        input: SharedBuffer,
        rows: &[f32],
        width: usize,
        labels: &[usize],
        classes: usize,
    ) -> Result<Vec<f32>, GraphError> {
        let width = width.max(1);
        let mut results = Vec::new();
        for (number, rows) in rows.chunks(self.batch * width).enumerate() {
            self.write(input, rows)?;
            if self.is_conditioned && classes > 0 {
                let labels = labels.get(number * self.batch..).unwrap_or_default();
                self.write(SharedBuffer::Conditions, &one_hot(labels, self.batch, classes))?;
            }
            results.extend(self.run(rows.len() / width).await?);
        }
        Ok(results)
    }
}

/// Returns the classes of the first `rows` rows, one-hot.
fn one_hot(labels: &[usize], rows: usize, classes: usize) -> Vec<f32> {
    let is_class = |i: usize| labels.get(i / classes).copied() == Some(i % classes);
    (0..rows * classes).map(|i| f32::from(u8::from(is_class(i)))).collect()
}
