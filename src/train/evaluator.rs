//! The forward pass over rows of a data set: losses, latents, outputs.

use std::ops::Range;

use super::TrainError;
use crate::device::Device;
use crate::graph::{Executable, External, Externals, GraphError, Place, Plan, View};
use crate::kernels::StepState;
use crate::model::{Network, Subject};
use crate::nn;

/// Rows of a batch of evaluation: large enough to keep a device busy, small enough to be cheap in memory.
pub const EVALUATION_BATCH: usize = 500;

/// Latents and outputs of some rows.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// [rows, latent]
    pub latents: Vec<f32>,
    /// [rows, features]; empty where not asked for.
    pub outputs: Vec<f32>,
}

#[derive(Debug)]
pub struct Evaluator {
    executable: Executable,
    latent_view: View,
    output_view: View,
    latent: usize,
    features: usize,
}

impl Evaluator {
    /// The plan for a data set of `rows` rows, before any memory is allocated.
    pub(super) fn plan(network: &Network, rows: usize) -> Result<(Plan, View, View), GraphError> {
        let pass =
            network.evaluation_pass(EVALUATION_BATCH.min(rows.max(1)), Subject::Data { rows, part_rows: rows })?;
        let view = |value: Option<crate::graph::ValueId>| {
            value
                .and_then(|value| pass.plan.view(value))
                .ok_or_else(|| GraphError::Plan("an evaluation keeps latent and output".to_owned()))
        };
        let (latent, output) = (view(pass.latent)?, view(pass.output)?);
        Ok((pass.plan, latent, output))
    }

    /// Compiles and allocates on `device`; `externals` gains what it has not yet.
    pub fn new(network: &Network, rows: usize, device: &Device, externals: &mut Externals) -> Result<Self, GraphError> {
        let (plan, latent_view, output_view) = Self::plan(network, rows)?;
        externals.allocate_for(device, &plan);
        let (latent, features) = (network.latent(), network.features());
        let executable = Executable::new(device, &plan, externals)?;
        Ok(Self { executable, latent_view, output_view, latent, features })
    }

    fn states(rows: Range<usize>) -> Vec<StepState> {
        rows.clone()
            .step_by(EVALUATION_BATCH)
            .enumerate()
            .map(|(batch, start)| StepState {
                rows: (rows.end - start).min(EVALUATION_BATCH) as u32,
                part_offset: start as u32,
                part_rows: rows.len() as u32,
                loss_slot: (batch % nn::LOSS_SLOTS) as u32,
                ..StepState::default()
            })
            .collect()
    }

    /// The objective's mean over `rows`.
    pub fn loss(&mut self, rows: Range<usize>) -> Result<f64, TrainError> {
        let (mut sum, total) = (0.0, rows.len());
        for states in Self::states(rows).chunks(nn::LOSS_SLOTS) {
            self.executable.run(states)?;
            let ring = View { place: Place::External(External::Losses), offset: 0, bytes: states.len() * 4 };
            let losses = self.executable.read(ring)?;
            sum += losses.iter().zip(states).map(|(&loss, state)| f64::from(loss) * f64::from(state.rows)).sum::<f64>();
        }
        Ok(sum / total.max(1) as f64)
    }

    /// Latents (and outputs where `with_outputs`) of `rows`.
    pub fn outputs(&mut self, rows: Range<usize>, with_outputs: bool) -> Result<Outputs, TrainError> {
        let mut collected = Outputs::default();
        for state in Self::states(rows) {
            self.executable.run(&[state])?;
            let valid = state.rows as usize;
            let latent = View { bytes: valid * self.latent * 4, ..self.latent_view };
            collected.latents.extend_from_slice(&self.executable.read(latent)?);
            if with_outputs {
                let output = View { bytes: valid * self.features * 4, ..self.output_view };
                collected.outputs.extend_from_slice(&self.executable.read(output)?);
            }
        }
        Ok(collected)
    }

    /// Waits for all work and reads a flat buffer of `elements`.
    pub fn read_flat(&mut self, external: External, elements: usize) -> Result<Vec<f32>, TrainError> {
        Ok(self.executable.read(View { place: Place::External(external), offset: 0, bytes: elements * 4 })?)
    }
}
