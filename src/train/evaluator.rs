//! The forward pass over rows of a data set: losses, latents, outputs.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::TrainError;
use super::data_loader::DataPlacement;
use crate::data::DataSet;
use crate::device::Device;
use crate::graph::{BufferView, Executable, GraphError, Location, Plan, SharedBuffer, SharedBuffers};
use crate::inference::LoadedModel;
use crate::kernels::StepState;
use crate::kernels::activation::Activation;
use crate::model::{EvaluationMode, LayerProbe, Network, Pass, RowSource};
use crate::nn::{self, LOSS_PARTS};

/// Rows of a batch of evaluation: large enough to keep a device busy, small enough to be cheap in memory.
pub const EVALUATION_BATCH: usize = 500;

/// Returns the batch size of evaluation: small for wide rows, whose activations may be many times as large.
pub(super) fn evaluation_batch(network: &Network, rows: usize) -> usize {
    (EVALUATION_BATCH * 4096 / network.features().max(4096)).clamp(1, rows.max(1))
}

/// Seed of the noise of evaluation, fixed so that figures can be compared.
const EVALUATION_SEED: u32 = 20_150_409;

/// Latents and outputs of some rows.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// Latents, `[rows, latent]`.
    pub latents: Vec<f32>,
    /// Reconstructions, `[rows, features]`; empty if not requested.
    pub outputs: Vec<f32>,
    /// Input of the network after its corruption, `[rows, features]`; empty if outputs were not requested.
    pub seen: Vec<f32>,
    /// Means, then logarithms of variances as the objective clamps them, `[rows, 2 * latent]`; empty but for
    /// variational models.
    pub moments: Vec<f32>,
    /// Mean divergence of each latent unit, in nats; empty but for variational models.
    pub divergence: Vec<f64>,
    /// Indices of codebook entries; empty but for vector-quantized models.
    pub codes: Vec<f32>,
}

/// Behavior of the units of a layer over some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerHealth {
    /// Name of the layer, such as `encoder.0`.
    pub layer: String,
    /// Activation function at its end.
    pub activation: Activation,
    /// Number of units, or of channels.
    pub units: usize,
    /// Units of a rectifier that are never above zero.
    pub dead: usize,
    /// Units of a sigmoid or tanh that are nearly always at an end of their range.
    pub saturated: usize,
}

#[derive(Debug)]
struct Prepared {
    executable: Executable,
    pass: Pass,
}

/// Forward pass over rows of a data set, compiled on first use for each evaluation mode.
#[derive(Debug)]
pub struct Evaluator {
    network: Network,
    device: Device,
    externals: SharedBuffers,
    data: Arc<DataSet>,
    placement: DataPlacement,
    batch: usize,
    corrupts: bool,
    samples: bool,
    corruption: f32,
    prepared: HashMap<EvaluationMode, Prepared>,
    probing: Option<Probing>,
}

/// Forward pass with readable activations of its layers.
#[derive(Debug)]
struct Probing {
    executable: Executable,
    plan: Plan,
    probes: Vec<LayerProbe>,
}

impl Evaluator {
    /// Compiles the forward pass on `device`, allocates its buffers and uploads `data`; buffers missing in `externals`
    /// are added.
    pub fn new(
        network: &Network,
        data: &Arc<DataSet>,
        device: &Device,
        externals: &mut SharedBuffers,
    ) -> Result<Self, TrainError> {
        let placement = DataPlacement::choose(data, device, evaluation_batch(network, data.rows));
        let parameters = SharedBuffer::Parameters;
        let evaluator = Self::with_placement(network, data, placement, parameters, device, externals)?;
        placement.fill(data, network.data_shape().classes, device, externals)?;
        Ok(evaluator)
    }

    /// Compiles the forward pass on the device of `model`, allocates its buffers and uploads `data`. It shares the
    /// weights of `model`, with all later replacements.
    pub fn over(model: &LoadedModel, data: &Arc<DataSet>) -> Result<Self, TrainError> {
        Self::new(model.network(), data, model.device(), &mut model.weights().clone())
    }

    /// Same as [`Self::new`], for rows placed by `placement` and uploaded by the caller; the parameters are those in
    /// `parameters`, which may be a buffer of their average.
    pub(super) fn with_placement(
        network: &Network,
        data: &Arc<DataSet>,
        placement: DataPlacement,
        parameters: SharedBuffer,
        device: &Device,
        externals: &mut SharedBuffers,
    ) -> Result<Self, TrainError> {
        let spec = network.spec();
        let batch = evaluation_batch(network, data.rows);
        if !network.statistics().is_empty() {
            externals.allocate(device, SharedBuffer::Statistics, network.statistic_elements() * 4);
        }
        let mut evaluator = Self {
            network: network.clone(),
            device: device.clone(),
            externals: SharedBuffers::default(),
            data: Arc::clone(data),
            placement,
            batch,
            corrupts: spec.corruption.is_active(),
            samples: spec.model.kind == crate::model::ModelKind::Variational,
            corruption: spec.corruption.strength as f32,
            prepared: HashMap::new(),
            probing: None,
        };
        let mode = evaluator.usual(EvaluationMode { sampled: false, corrupted: true });
        let pass = network.evaluation_pass(batch, evaluator.subject(), mode)?;
        externals.allocate_for(device, &pass.plan);
        evaluator.externals = externals.clone();
        evaluator.externals.alias(SharedBuffer::Parameters, parameters)?;
        evaluator.compile(mode, pass)?;
        Ok(evaluator)
    }

    fn subject(&self) -> RowSource {
        let rows = self.placement.buffer_rows(&self.data, self.batch);
        RowSource::Data { rows, part_rows: self.data.rows, element: self.data.element() }
    }

    /// Returns the canonical form of `mode`: modes with the same results are one.
    fn usual(&self, mode: EvaluationMode) -> EvaluationMode {
        EvaluationMode { sampled: mode.sampled && self.samples, corrupted: mode.corrupted && self.corrupts }
    }

    fn prepare(&mut self, mode: EvaluationMode) -> Result<&mut Prepared, GraphError> {
        let mode = self.usual(mode);
        if !self.prepared.contains_key(&mode) {
            let pass = self.network.evaluation_pass(self.batch, self.subject(), mode)?;
            self.externals.allocate_for(&self.device, &pass.plan);
            self.compile(mode, pass)?;
        }
        self.prepared.get_mut(&mode).ok_or_else(|| GraphError::Plan("an evaluation was lost".to_owned()))
    }

    fn compile(&mut self, mode: EvaluationMode, pass: Pass) -> Result<(), GraphError> {
        let executable = Executable::new(&self.device, &pass.plan, &self.externals)?;
        self.prepared.insert(mode, Prepared { executable, pass });
        Ok(())
    }

    fn states(&self, rows: Range<usize>) -> Vec<StepState> {
        rows.clone()
            .step_by(self.batch)
            .enumerate()
            .map(|(batch, start)| StepState {
                seed: [EVALUATION_SEED, 0],
                // Noise belongs to rows: the same row in the same place of a batch gets the same.
                step: start as u32,
                rows: (rows.end - start).min(self.batch) as u32,
                part_offset: start as u32,
                part_rows: rows.len() as u32,
                loss_slot: (batch % nn::LOSS_SLOTS) as u32,
                beta: 1.0,
                sparsity: 1.0,
                corruption: self.corruption,
                ..StepState::default()
            })
            .collect()
    }

    /// Loads the rows of a batch onto the device, and returns its state with their place there.
    fn loaded(&self, state: StepState) -> Result<StepState, TrainError> {
        let rows = state.part_offset as usize..(state.part_offset + state.rows) as usize;
        let classes = self.network.data_shape().classes;
        let first = self.placement.load(&self.data, rows, classes, &self.device, &self.externals)?;
        Ok(StepState { part_offset: first as u32, ..state })
    }

    /// Sets the strength of the corruption from now on.
    pub fn set_corruption(&mut self, strength: f64) {
        self.corruption = strength as f32;
    }

    /// Replaces the rows by those of `data`: as many, of the same kind.
    pub fn replace_rows(&mut self, data: Arc<DataSet>) -> Result<(), TrainError> {
        let classes = self.network.data_shape().classes;
        self.placement.fill(&data, classes, &self.device, &self.externals)?;
        self.data = data;
        Ok(())
    }

    /// Returns the parts of the objective, as means over `rows`, before their weights.
    pub async fn objective(&mut self, rows: Range<usize>) -> Result<[f64; LOSS_PARTS], TrainError> {
        let (mut sums, total) = ([0.0; LOSS_PARTS], rows.len().max(1) as f64);
        let states = self.states(rows);
        let mode = EvaluationMode { sampled: true, corrupted: true };
        for states in states.chunks(nn::LOSS_SLOTS) {
            if self.placement == DataPlacement::Whole {
                self.prepare(mode)?.executable.run(states)?;
            } else {
                for &state in states {
                    let state = self.loaded(state)?;
                    self.prepare(mode)?.executable.run(&[state])?;
                }
            }
            let prepared = self.prepare(mode)?;
            let bytes = states.len() * LOSS_PARTS * 4;
            let ring = BufferView { place: Location::External(SharedBuffer::Losses), offset: 0, bytes };
            let losses = prepared.executable.read(ring).await?;
            for (parts, state) in losses.chunks_exact(LOSS_PARTS).zip(states) {
                sums.iter_mut().zip(parts).for_each(|(sum, &part)| *sum += f64::from(part) * f64::from(state.rows));
            }
        }
        Ok(sums.map(|sum| sum / total))
    }

    /// Returns latents (and outputs where `with_outputs`) of `rows`, with the input corrupted as in training or clean;
    /// latents are means, not samples.
    pub async fn outputs(
        &mut self,
        rows: Range<usize>,
        with_outputs: bool,
        corrupted: bool,
    ) -> Result<Outputs, TrainError> {
        self.collect(rows, with_outputs, EvaluationMode { sampled: false, corrupted }).await
    }

    /// Returns the decoder's outputs for the sampled latents of [`Self::objective`]; the returned latents are their
    /// means.
    pub async fn sampled_outputs(&mut self, rows: Range<usize>) -> Result<Outputs, TrainError> {
        self.collect(rows, true, EvaluationMode { sampled: true, corrupted: true }).await
    }

    async fn collect(
        &mut self,
        rows: Range<usize>,
        with_outputs: bool,
        mode: EvaluationMode,
    ) -> Result<Outputs, TrainError> {
        let (latent, features, batch) = (self.network.latent(), self.network.features(), self.batch);
        let total = rows.len().max(1) as f64;
        let mut collected = Outputs::default();
        let states = self.states(rows);
        for state in states {
            let valid = state.rows as usize;
            let state = self.loaded(state)?;
            let clamp = self.network.spec().objective.log_variance;
            let prepared = self.prepare(mode)?;
            let Prepared { executable, pass } = &mut *prepared;
            executable.run(&[state])?;
            collected.latents.extend(executable.read(BufferView { bytes: valid * latent * 4, ..pass.latent }).await?);
            if with_outputs {
                let bytes = valid * features * 4;
                collected.outputs.extend(executable.read(BufferView { bytes, ..pass.output }).await?);
                collected.seen.extend(executable.read(BufferView { bytes, ..pass.seen }).await?);
            }
            if let Some(view) = pass.moments {
                let mut moments = executable.read(BufferView { bytes: valid * 2 * latent * 4, ..view }).await?;
                let [low, high] = clamp.map(|bound| bound as f32);
                for row in moments.chunks_exact_mut(2 * latent) {
                    row[latent..].iter_mut().for_each(|log_variance| *log_variance = log_variance.clamp(low, high));
                }
                collected.moments.extend(moments);
            }
            if let Some(view) = pass.divergence {
                let divergences = executable.read(view).await?;
                collected.divergence.resize(latent, 0.0);
                for (sum, &value) in collected.divergence.iter_mut().zip(&divergences[latent..]) {
                    *sum += f64::from(value) * valid as f64 / total;
                }
            }
            if let Some(view) = pass.codes {
                let bytes = view.bytes / batch * valid;
                collected.codes.extend(executable.read(BufferView { bytes, ..view }).await?);
            }
        }
        Ok(collected)
    }

    /// Returns the behavior of units with activations over the first rows of `rows`, at most one batch of them.
    pub async fn health(&mut self, rows: Range<usize>) -> Result<Vec<LayerHealth>, TrainError> {
        let mut probing = match self.probing.take() {
            Some(probing) => probing,
            None => {
                let (plan, probes) = self.network.probing_pass(self.batch, self.subject())?;
                self.externals.allocate_for(&self.device, &plan);
                let executable = Executable::new(&self.device, &plan, &self.externals)?;
                Probing { executable, plan, probes }
            }
        };
        let layers = self.probe(&mut probing, rows).await;
        self.probing = Some(probing);
        layers
    }

    async fn probe(&self, probing: &mut Probing, rows: Range<usize>) -> Result<Vec<LayerHealth>, TrainError> {
        /// Distance from an end of the range of a sigmoid or tanh within which almost no gradient passes.
        const END: f32 = 0.01;
        let Probing { executable, plan, probes } = probing;
        let states = self.states(rows);
        let Some(&state) = states.first() else { return Ok(Vec::new()) };
        executable.run(&[self.loaded(state)?])?;
        let mut layers = Vec::new();
        for probe in probes {
            let Some(view) = plan.view(probe.value) else { continue };
            let values = executable.read(view).await?;
            let valid = values.len() / self.batch * state.rows as usize;
            let (mut alive, mut moving) = (vec![false; probe.units], vec![0_usize; probe.units]);
            for row in values[..valid].chunks_exact(probe.units) {
                for (unit, &value) in row.iter().enumerate() {
                    alive[unit] |= value > 0.0;
                    let low = if probe.activation == Activation::Tanh { -1.0 } else { 0.0 };
                    moving[unit] += usize::from(value > low + END && value < 1.0 - END);
                }
            }
            let count = (valid / probe.units).max(1);
            let rectifies = matches!(probe.activation, Activation::Relu);
            let squashes = matches!(probe.activation, Activation::Sigmoid | Activation::Tanh);
            layers.push(LayerHealth {
                layer: probe.layer.clone(),
                activation: probe.activation,
                units: probe.units,
                dead: if rectifies { alive.iter().filter(|alive| !**alive).count() } else { 0 },
                // Moving in fewer than one row of a hundred.
                saturated: if squashes { moving.iter().filter(|&&moving| moving * 100 < count).count() } else { 0 },
            });
        }
        Ok(layers)
    }
}
