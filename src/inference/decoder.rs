//! A model's decoder, by itself.

use std::path::Path;

use super::error::InferenceError;
use crate::device::{Device, DeviceChoice};
use crate::graph::{BufferView, Executable, GraphError, SharedBuffer, SharedBuffers};
use crate::kernels::StepState;
use crate::model::{Model, Network};

/// Rows that the window decodes in one run.
pub(super) const BATCH: usize = 64;
/// Rows that a task decodes in one run.
const TASK_BATCH: usize = 256;

/// A model's decoder, by itself.
#[derive(Debug)]
pub struct Decoder {
    executable: Executable,
    externals: SharedBuffers,
    device: Device,
    output: BufferView,
    latent: usize,
    features: usize,
    classes: usize,
    batch: usize,
}

impl Decoder {
    /// On one thread of the processor, so that whoever trains beside it keeps the others.
    ///
    /// # Errors
    /// When the model has no bottleneck to decode from, or lacks what its spec names.
    pub fn new(model: &Model) -> Result<Self, InferenceError> {
        let device = Device::open(DeviceChoice::Cpu, Some(1)).map_err(GraphError::from)?;
        Self::with_batch(model, &device, BATCH)
    }

    /// On `device`, for many rows.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn on(model: &Model, device: &Device) -> Result<Self, InferenceError> {
        Self::with_batch(model, device, TASK_BATCH)
    }

    fn with_batch(model: &Model, device: &Device, batch: usize) -> Result<Self, InferenceError> {
        let shape = model.data_shape();
        let network = Network::new(&model.spec, shape)?;
        let (parameters, statistics) = model.to_flat(&network, Path::new("model"))?;
        let (plan, output) = network.decoding_pass(batch)?;
        let mut externals = SharedBuffers::default();
        externals.allocate(device, SharedBuffer::Statistics, network.statistic_elements() * 4);
        externals.allocate_for(device, &plan);
        externals.write(device, SharedBuffer::Parameters, bytemuck::cast_slice(&parameters))?;
        externals.write(device, SharedBuffer::Statistics, bytemuck::cast_slice(&statistics))?;
        let executable = Executable::new(device, &plan, &externals)?;
        let (latent, features) = (network.latent(), network.features());
        let device = device.clone();
        Ok(Self { executable, externals, device, output, latent, features, classes: shape.classes, batch })
    }

    pub fn latent(&self) -> usize {
        self.latent
    }

    /// Classes that the model is conditioned on; 0 for others.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Rows `[rows, features]` from latent numbers `[rows, latent]`, all of class `label` where the model has classes.
    pub fn decode(&mut self, latents: &[f32], label: usize) -> Result<Vec<f32>, InferenceError> {
        self.decode_rows(latents, &vec![label; latents.len() / self.latent.max(1)])
    }

    /// As [`Self::decode`], each row of its own class; `labels` has one for each row, or none for a model without
    /// classes.
    pub fn decode_rows(&mut self, latents: &[f32], labels: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let (latent, classes) = (self.latent.max(1), self.classes);
        let mut made = Vec::with_capacity(latents.len() / latent * self.features);
        for (run, rows) in latents.chunks(self.batch * latent).enumerate() {
            let count = rows.len() / latent;
            self.externals.write(&self.device, SharedBuffer::Latents, bytemuck::cast_slice(rows))?;
            if classes > 0 {
                let one_hot = one_hot(labels.get(run * self.batch..).unwrap_or_default(), self.batch, classes);
                self.externals.write(&self.device, SharedBuffer::Conditions, bytemuck::cast_slice(&one_hot))?;
            }
            self.executable.run(&[StepState { rows: count as u32, ..StepState::default() }])?;
            made.extend(self.executable.read(BufferView { bytes: count * self.features * 4, ..self.output })?);
        }
        Ok(made)
    }
}

/// The classes of the first `rows` rows, one hot.
pub(super) fn one_hot(labels: &[usize], rows: usize, classes: usize) -> Vec<f32> {
    let told = |i: usize| labels.get(i / classes).copied() == Some(i % classes);
    (0..rows * classes).map(|i| f32::from(u8::from(told(i)))).collect()
}
