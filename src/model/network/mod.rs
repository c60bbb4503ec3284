//! From a spec to graphs: one for training, others for evaluation, decoding and the like. All of them share one flat
//! buffer of parameters and one of statistics, in one order.

mod body;
mod objective;
mod passes;

use serde::{Deserialize, Serialize};

use super::DataShape;
use super::layers::Layer;
use super::mirrored_decoder::mirrored;
use super::shape::misfit;
use super::spec::{ConditionKind, ModelKind, OptimizerKind, Spec};
use crate::data::ElementType;
use crate::graph::{BufferView, GraphError, Parameter, Plan, ValueId};
use crate::kernels::activation::Activation;
use crate::kernels::optimizer::{Update, UpdateRule};
use crate::nn::{LOSS_PARTS, ObjectivePart};

/// A unit of a TopK code that was silent for so many steps is dead.
pub const DEAD_AFTER_STEPS: f32 = 100.0;

/// What a pass works on: rows of the data set, or rows given directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSource {
    /// Gathered from the data set of this many rows; the permuted part has `part_rows`.
    Data { rows: usize, part_rows: usize, element: ElementType },
    /// `[batch, features]` written before each run.
    Input,
}

/// How an evaluation sees the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvaluationMode {
    /// Latent numbers are sampled, as the objective has it, instead of their means.
    pub sampled: bool,
    /// The input is corrupted as in training.
    pub corrupted: bool,
}

/// A planned evaluation, and what can be read after it.
#[derive(Debug)]
pub struct Pass {
    pub plan: Plan,
    /// `[batch, latent]`: codes or their means.
    pub latent: BufferView,
    /// `[batch, features]`, activated.
    pub output: BufferView,
    /// `[batch, features]`: what the network saw.
    pub seen: BufferView,
    /// `[batch, 2 * latent]` of a variational model: means, then logarithms of variances, before any clamp.
    pub moments: Option<BufferView>,
    /// `[2, latent]` of a variational model: the second row is the divergence of each unit.
    pub divergence: Option<BufferView>,
    /// Entry numbers of a vector-quantized model.
    pub codes: Option<BufferView>,
}

/// Which layer of a network something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerLocation {
    Input,
    /// By its number in the spec's list, as in the decoder.
    Encoder(usize),
    Latent,
    Decoder(usize),
}

/// The output of a layer, to be looked at.
#[derive(Clone, Debug)]
pub struct LayerProbe {
    pub layer: String,
    pub activation: Activation,
    pub value: ValueId,
    /// Units, or channels: what one bias belongs to.
    pub units: usize,
}

/// A spec for data of a known shape.
#[derive(Clone, Debug)]
pub struct Network {
    spec: Spec,
    data: DataShape,
    decoder: Vec<Layer>,
    parameters: Vec<Parameter>,
    flat_elements: usize,
    statistics: Vec<Parameter>,
    statistic_elements: usize,
    outline: Vec<(LayerLocation, usize)>,
    latent_width: usize,
}

impl Network {
    /// Checks that the layers fit together for such data.
    pub fn new(spec: &Spec, data: DataShape) -> Result<Self, GraphError> {
        let decoder = if spec.model.decoder.is_empty() {
            mirrored(&spec.model.encoder, data).map_err(|problem| misfit("model.decoder", problem))?
        } else {
            spec.model.decoder.clone()
        };
        if spec.model.condition == ConditionKind::Labels && data.classes == 0 {
            return Err(misfit("model.condition", "the data has no labels to condition on"));
        }
        let mut network = Self {
            spec: spec.clone(),
            data,
            decoder,
            parameters: Vec::new(),
            flat_elements: 0,
            statistics: Vec::new(),
            statistic_elements: 0,
            outline: Vec::new(),
            latent_width: 0,
        };
        let built = network.build(1, RowSource::Input, true, EvaluationMode { sampled: true, corrupted: true })?;
        let graph = &built.builder.graph;
        network.parameters = graph.parameters().to_vec();
        network.flat_elements = graph.flat_elements();
        network.statistics = graph.statistics().to_vec();
        network.statistic_elements = graph.statistic_elements();
        network.latent_width = graph.value(built.encoded.latent).shape.elements();
        network.outline = built.outline;
        Ok(network)
    }

    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    pub fn features(&self) -> usize {
        self.data.features
    }

    pub fn data_shape(&self) -> DataShape {
        self.data
    }

    /// Numbers that a row becomes at the bottleneck.
    pub fn latent(&self) -> usize {
        self.latent_width
    }

    /// Values that PCA needs to be compared at the same size; `None` where no bottleneck compares.
    pub fn comparable_components(&self) -> Option<usize> {
        match self.spec.model.kind {
            ModelKind::Denoiser | ModelKind::VectorQuantized => None,
            _ if self.has_skips() => None,
            _ => Some(self.spec.model.top_k.unwrap_or(self.latent_width)),
        }
    }

    /// Whether the decoder sees values of the encoder beside the bottleneck.
    pub fn has_skips(&self) -> bool {
        let saves = |layers: &[Layer]| -> Vec<String> {
            let names = layers.iter().filter_map(|layer| match layer {
                Layer::Save(name) => Some(name.clone()),
                _ => None,
            });
            names.collect()
        };
        let outside = saves(&self.spec.model.encoder);
        self.decoder.iter().any(|layer| match layer {
            Layer::Add(name) | Layer::Conv { with: Some(name), .. } => outside.contains(name),
            _ => false,
        })
    }

    /// # Errors
    /// When the decoder sees more than the latents, so that there is nothing to decode from alone.
    pub fn check_bottleneck(&self) -> Result<(), GraphError> {
        if self.spec.model.kind == ModelKind::Denoiser || self.has_skips() {
            return Err(misfit("decoder", "this model has no bottleneck to decode from"));
        }
        Ok(())
    }

    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Elements of the flat buffers, padding included.
    pub fn flat_elements(&self) -> usize {
        self.flat_elements
    }

    /// Arrays learned without gradients.
    pub fn statistics(&self) -> &[Parameter] {
        &self.statistics
    }

    pub fn statistic_elements(&self) -> usize {
        self.statistic_elements
    }

    /// Trainable numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.shape.elements()).sum()
    }

    /// Values of a row from the input through the bottleneck to the output, where a layer changes them.
    pub fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.outline.iter().map(|(_, width)| *width).collect();
        widths.dedup();
        widths
    }

    /// Every layer from the input to the output, and the values that a row has after it.
    pub fn outline(&self) -> &[(LayerLocation, usize)] {
        &self.outline
    }

    /// The decoder's layers, mirrored where the spec names none.
    pub fn decoder(&self) -> &[Layer] {
        &self.decoder
    }

    /// One number for each block of parameters: 0 where weight decay leaves them alone.
    pub fn decay_mask(&self) -> Vec<f32> {
        let block = crate::kernels::optimizer::DECAY_BLOCK;
        let mut mask = vec![0.0; self.flat_elements / block];
        for parameter in self.parameters.iter().filter(|parameter| parameter.decays) {
            let end = (parameter.offset + parameter.shape.elements()).div_ceil(block);
            mask[parameter.offset / block..end].fill(1.0);
        }
        mask
    }

    /// The optimizer's sweep over all parameters.
    pub fn update(&self) -> Update {
        let optimizer = &self.spec.optimizer;
        let rule = match optimizer.kind {
            OptimizerKind::Adam | OptimizerKind::Adamw => UpdateRule::Adam {
                beta1: optimizer.beta1 as f32,
                beta2: optimizer.beta2 as f32,
                epsilon: optimizer.epsilon as f32,
            },
            OptimizerKind::Sgd => UpdateRule::Sgd { momentum: optimizer.momentum as f32, nesterov: optimizer.nesterov },
        };
        Update {
            rule,
            count: self.flat_elements,
            weight_decay: optimizer.weight_decay as f32,
            decoupled: optimizer.kind == OptimizerKind::Adamw,
            clipped: optimizer.clip_norm.is_some(),
            average: optimizer.ema.map(|share| share as f32),
        }
    }

    /// What each recorded part of the objective is multiplied by at `step`, given the weight of the divergence.
    pub fn part_weights(&self, step: u64, beta: f64) -> [f64; LOSS_PARTS] {
        let objective = &self.spec.objective;
        let mut weights = [0.0; LOSS_PARTS];
        for (part, weight) in [
            (ObjectivePart::Reconstruction, 1.0),
            (ObjectivePart::Divergence, beta),
            (ObjectivePart::Sparsity, self.spec.sparsity_at(step)),
            (ObjectivePart::Discrepancy, objective.mmd),
            (ObjectivePart::Commitment, objective.commitment),
            (ObjectivePart::Contraction, objective.contractive),
            (ObjectivePart::Auxiliary, objective.auxiliary),
            (ObjectivePart::Similarity, objective.ssim),
        ] {
            weights[part.index()] = weight;
        }
        weights
    }

    /// The parts that this objective has.
    pub fn parts(&self) -> Vec<ObjectivePart> {
        let (model, objective) = (&self.spec.model, &self.spec.objective);
        let has = |part: &ObjectivePart| match part {
            ObjectivePart::Reconstruction => true,
            ObjectivePart::Divergence => model.kind == ModelKind::Variational,
            ObjectivePart::Sparsity => objective.sparsity > 0.0,
            ObjectivePart::Discrepancy => model.kind == ModelKind::Wasserstein,
            ObjectivePart::Commitment => model.kind == ModelKind::VectorQuantized,
            ObjectivePart::Contraction => objective.contractive > 0.0,
            ObjectivePart::Auxiliary => objective.auxiliary > 0.0,
            ObjectivePart::Similarity => objective.ssim > 0.0,
        };
        ObjectivePart::ALL.into_iter().filter(has).collect()
    }
}
