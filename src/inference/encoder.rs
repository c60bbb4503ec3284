//! A model's encoder, by itself.

use std::path::Path;

use super::decoder::{BATCH, one_hot};
use super::error::InferenceError;
use crate::device::{Device, DeviceChoice};
use crate::graph::{BufferView, Executable, GraphError, SharedBuffer, SharedBuffers};
use crate::kernels::StepState;
use crate::model::{Model, Network};

/// A model's encoder, by itself.
#[derive(Debug)]
pub struct Encoder {
    executable: Executable,
    externals: SharedBuffers,
    device: Device,
    code: BufferView,
    latent: usize,
    features: usize,
    /// Classes that the encoder is told; 0 where it is told none.
    classes: usize,
}

impl Encoder {
    /// On one thread of the processor.
    ///
    /// # Errors
    /// When the model lacks what its spec names.
    pub fn new(model: &Model) -> Result<Self, InferenceError> {
        let device = Device::open(DeviceChoice::Cpu, Some(1)).map_err(GraphError::from)?;
        let shape = model.data_shape();
        let network = Network::new(&model.spec, shape)?;
        let (parameters, statistics) = model.to_flat(&network, Path::new("model"))?;
        let (plan, code) = network.encoding_pass(BATCH)?;
        let mut externals = SharedBuffers::default();
        externals.allocate(&device, SharedBuffer::Statistics, network.statistic_elements() * 4);
        externals.allocate_for(&device, &plan);
        externals.write(&device, SharedBuffer::Parameters, bytemuck::cast_slice(&parameters))?;
        externals.write(&device, SharedBuffer::Statistics, bytemuck::cast_slice(&statistics))?;
        let executable = Executable::new(&device, &plan, &externals)?;
        let (latent, features) = (network.latent(), network.features());
        let classes = if plan.externals.contains_key(&SharedBuffer::Conditions) { shape.classes } else { 0 };
        Ok(Self { executable, externals, device, code, latent, features, classes })
    }

    /// Latent numbers `[rows, latent]` of rows `[rows, features]`; `labels` has the class of each, or none for a model
    /// without classes.
    pub fn encode(&mut self, rows: &[f32], labels: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let mut made = Vec::with_capacity(rows.len() / self.features.max(1) * self.latent);
        for (run, rows) in rows.chunks(BATCH * self.features.max(1)).enumerate() {
            let count = rows.len() / self.features.max(1);
            self.externals.write(&self.device, SharedBuffer::Input, bytemuck::cast_slice(rows))?;
            if self.classes > 0 {
                let labels = labels.get(run * BATCH..).unwrap_or_default();
                let one_hot = one_hot(labels, BATCH, self.classes);
                self.externals.write(&self.device, SharedBuffer::Conditions, bytemuck::cast_slice(&one_hot))?;
            }
            self.executable.run(&[StepState { rows: count as u32, ..StepState::default() }])?;
            made.extend(self.executable.read(BufferView { bytes: count * self.latent * 4, ..self.code })?);
        }
        Ok(made)
    }
}
