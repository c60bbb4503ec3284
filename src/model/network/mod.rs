//! Translation of a spec to graphs: one for training, others for evaluation, decoding and the like. All of them share
//! one flat buffer of parameters and one of statistics, in one order.

mod body;
mod objective;
mod passes;

use serde::{Deserialize, Serialize};

use super::DataShape;
use super::layers::Layer;
use super::mirrored_decoder::mirrored;
use super::shape::{ANOTHER_MODEL, misfit};
use super::spec::{ConditionKind, ModelKind, OptimizerKind, Spec};
use crate::data::ElementType;
use crate::error::Setting;
use crate::graph::{BufferView, GraphError, Parameter, Plan, ValueId};
use crate::kernels::activation::Activation;
use crate::kernels::optimizer::{Update, UpdateRule};
use crate::nn::{LOSS_PARTS, ObjectivePart};

/// Silent steps after which a unit of a TopK code is dead.
pub const DEAD_AFTER_STEPS: f32 = 100.0;

/// Rows that a pass works on: rows of the data set, or rows given directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSource {
    /// Rows gathered from a data set of `rows` rows, stored as `element`; the permuted part has `part_rows`.
    Data {
        /// Rows of the device's buffer.
        rows: usize,
        /// Rows of the part that is gathered from, whose order is permuted in training.
        part_rows: usize,
        /// Storage type of the rows.
        element: ElementType,
    },
    /// Rows `[batch, features]` written before each run.
    Input,
}

/// Treatment of latents and input in an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvaluationMode {
    /// True if latents are sampled, as in the objective; false for their means.
    pub sampled: bool,
    /// True if the input is corrupted as in training.
    pub corrupted: bool,
}

/// Planned evaluation, and the views of its results.
#[derive(Debug)]
pub struct Pass {
    /// Calls and memory of the evaluation.
    pub plan: Plan,
    /// Latents `[batch, latent]`: codes or their means.
    pub latent: BufferView,
    /// Reconstructions `[batch, features]`, activated.
    pub output: BufferView,
    /// Input `[batch, features]` as the network saw it, corruption included.
    pub seen: BufferView,
    /// Moments `[batch, 2 * latent]` of a variational model: means, then logarithms of variances, before any clamp.
    pub moments: Option<BufferView>,
    /// Divergences `[2, latent]` of a variational model: the second row is that of each unit, in nats.
    pub divergence: Option<BufferView>,
    /// Entry numbers of a vector-quantized model.
    pub codes: Option<BufferView>,
}

/// Place of a layer in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LayerLocation {
    /// Input of the network, before any layer.
    Input,
    /// Layer of the encoder, by its index in the spec's list, from 0.
    Encoder(usize),
    /// Bottleneck.
    Latent,
    /// Layer of the decoder, by its index in the list, from 0.
    Decoder(usize),
}

/// Output of a layer, for inspection.
#[derive(Clone, Debug)]
pub struct LayerProbe {
    /// Name of the layer, such as `encoder.0`.
    pub layer: String,
    /// Activation at the end of the layer.
    pub activation: Activation,
    /// Output of the layer in its plan.
    pub value: ValueId,
    /// Count of units, or of channels: one for each bias.
    pub units: usize,
}

/// Spec for data of a known shape.
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
    /// Builds the network of `spec` for rows of this shape; refuses layers that do not fit together for them.
    pub fn new(spec: &Spec, data: DataShape) -> Result<Self, GraphError> {
        let decoder = if spec.model.decoder.is_empty() {
            mirrored(&spec.model.encoder, data).map_err(|problem| misfit("model.decoder", problem))?
        } else {
            spec.model.decoder.clone()
        };
        if spec.model.condition == ConditionKind::Labels && data.classes == 0 {
            return Err(misfit(
                "model.condition",
                format!(
                    "the data has no labels to condition on; name them ({}), or {ANOTHER_MODEL}",
                    Setting::DATA_LABELS
                ),
            ));
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

    /// Returns the spec of the network.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the count of values of a row.
    pub fn features(&self) -> usize {
        self.data.features
    }

    /// Returns the shape of a row.
    pub fn data_shape(&self) -> DataShape {
        self.data
    }

    /// Returns the count of numbers that a row becomes at the bottleneck.
    pub fn latent(&self) -> usize {
        self.latent_width
    }

    /// Returns the count of values that PCA needs to be compared at the same size; `None` where no bottleneck compares.
    pub fn comparable_components(&self) -> Option<usize> {
        match self.spec.model.kind {
            ModelKind::Denoiser | ModelKind::VectorQuantized => None,
            _ if self.has_skips() => None,
            _ => Some(self.spec.model.top_k.unwrap_or(self.latent_width)),
        }
    }

    /// Returns whether the decoder sees values of the encoder beside the bottleneck.
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
            Layer::Add(name) | Layer::Load(name) | Layer::Conv { with: Some(name), .. } => outside.contains(name),
            _ => false,
        })
    }

    /// Refuses a model without a bottleneck to decode from.
    ///
    /// # Errors
    /// When the decoder sees more than the latents, so that there is nothing to decode from alone.
    pub fn check_bottleneck(&self) -> Result<(), GraphError> {
        if self.spec.model.kind == ModelKind::Denoiser || self.has_skips() {
            return Err(misfit("decoder", "this model has no bottleneck to decode from"));
        }
        Ok(())
    }

    /// Returns the trainable arrays, in the order of the flat buffers.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Returns the elements of the flat buffers of parameters, gradients and moments, padding included.
    pub fn flat_elements(&self) -> usize {
        self.flat_elements
    }

    /// Returns the arrays learned without gradients, in the order of their flat buffer.
    pub fn statistics(&self) -> &[Parameter] {
        &self.statistics
    }

    /// Returns the elements of the flat buffer of statistics, padding included.
    pub fn statistic_elements(&self) -> usize {
        self.statistic_elements
    }

    /// Returns the count of trainable numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.shape.elements()).sum()
    }

    /// Returns the values of a row from the input through the bottleneck to the output, where a layer changes their
    /// count.
    pub fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.outline.iter().map(|(_, width)| *width).collect();
        widths.dedup();
        widths
    }

    /// Returns every layer from the input to the output, and the count of values that a row has after it.
    pub fn outline(&self) -> &[(LayerLocation, usize)] {
        &self.outline
    }

    /// Returns the decoder's layers, mirrored where the spec names none.
    pub fn decoder(&self) -> &[Layer] {
        &self.decoder
    }

    /// Returns one number for each block of parameters: 0 where weight decay leaves them alone, else 1.
    pub fn decay_mask(&self) -> Vec<f32> {
        let block = crate::kernels::optimizer::DECAY_BLOCK;
        let mut mask = vec![0.0; self.flat_elements / block];
        for parameter in self.parameters.iter().filter(|parameter| parameter.decays) {
            let end = (parameter.offset + parameter.shape.elements()).div_ceil(block);
            mask[parameter.offset / block..end].fill(1.0);
        }
        mask
    }

    /// Returns the optimizer's sweep over all parameters.
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

    /// Returns the factor of each recorded part of the objective at `step`, given the weight `beta` of the divergence.
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

    /// Returns the parts that this objective has.
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
