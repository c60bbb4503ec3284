//! From a spec to graphs: one for training, others for evaluation, decoding and the like. All of them share one flat
//! buffer of parameters and one of statistics, in one order.

use std::sync::Arc;

use super::builder::{Builder, misfit};
use super::input::{Input, as_image};
use super::layers::Layer;
use super::mirror::mirrored;
use super::spec::{ConditionKind, ModelKind, OptimizerKind, SparsityKind, Spec};
use crate::data::{Element, ImageShape};
use crate::graph::ops::{
    CountSilent, Discrepancy, Divergence, MoveCodebook, QuantizeRows, RandomNumbers, RateDivergence, SampleLatent,
    SsimLoss, TopK,
};
use crate::graph::{
    External, GraphError, Initial, Parameter, Plan, ValueId, View, differentiate, fuse, recompute, store_halves,
};
use crate::kernels::activation::Activation;
use crate::kernels::loss::{LossTerm, ReconstructionLoss};
use crate::kernels::optimizer::{Update, UpdateRule};
use crate::kernels::pointwise::Stage;
use crate::kernels::random::Distribution;
use crate::nn::{self, LOSS_PARTS, ObjectivePart};

/// A unit of a TopK code that was silent for so many steps is dead.
pub const DEAD_AFTER_STEPS: f32 = 100.0;

/// What a row of the data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataShape {
    /// Values of a row.
    pub features: usize,
    pub image: Option<ImageShape>,
    /// Classes of the labels; 0 without labels.
    pub classes: usize,
}

/// What a pass works on: rows of the data set, or rows given directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Gathered from the data set of this many rows; the permuted part has `part_rows`.
    Data { rows: usize, part_rows: usize, element: Element },
    /// [batch, features] written before each run.
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
    /// [batch, latent]: codes or their means.
    pub latent: View,
    /// [batch, features], activated.
    pub output: View,
    /// [batch, features]: what the network saw.
    pub seen: View,
    /// [batch, 2 * latent] of a variational model: means, then logarithms of variances, before any clamp.
    pub moments: Option<View>,
    /// [2, latent] of a variational model: the second row is the divergence of each unit.
    pub divergence: Option<View>,
    /// Entry numbers of a vector-quantized model.
    pub codes: Option<View>,
}

/// Which layer of a network something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerPlace {
    Input,
    /// By its number in the spec's list, as in the decoder.
    Encoder(usize),
    Latent,
    Decoder(usize),
}

/// The output of a layer, to be looked at.
#[derive(Clone, Debug)]
pub struct Probe {
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
    outline: Vec<(LayerPlace, usize)>,
    latent_width: usize,
}

struct Encoded {
    /// What the decoder takes.
    z: ValueId,
    /// What is read as latent numbers.
    latent: ValueId,
    moments: Option<ValueId>,
    codes: Option<ValueId>,
    /// Before TopK.
    before_top: Option<ValueId>,
    /// What quantization compared with the codebook.
    before_codebook: Option<ValueId>,
}

struct Built {
    builder: Builder,
    clean: ValueId,
    seen: ValueId,
    encoded: Encoded,
    /// What the loss compares with the target: logits for BCE, else the activated output.
    prediction: ValueId,
    /// Losses to differentiate.
    losses: Vec<ValueId>,
    divergence: Option<ValueId>,
    outline: Vec<(LayerPlace, usize)>,
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
        let built = network.build(1, Subject::Input, true, EvaluationMode { sampled: true, corrupted: true })?;
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
    fn has_skips(&self) -> bool {
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
    pub fn outline(&self) -> &[(LayerPlace, usize)] {
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

    /// The optimiser's sweep over all parameters.
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

    /// Batch, forward, losses, backward, optimiser.
    pub fn training_pass(&self, batch: usize, subject: Subject) -> Result<Plan, GraphError> {
        let mut built = self.build(batch, subject, true, EvaluationMode { sampled: true, corrupted: true })?;
        let graph = &mut built.builder.graph;
        let forward = graph.mark();
        differentiate(graph, &built.losses)?;
        let clip_norm = self.spec.optimizer.clip_norm.map(|norm| norm as f32);
        nn::clip_and_update(graph, self.update(), clip_norm)?;
        if self.spec.engine.recompute {
            recompute(graph, forward);
        }
        if self.spec.engine.precision == "f16" {
            store_halves(graph, forward)?;
        }
        fuse(graph, &[]);
        Plan::new(graph, &[])
    }

    /// Batch, forward and losses, with latent numbers and output to read.
    pub fn evaluation_pass(&self, batch: usize, subject: Subject, mode: EvaluationMode) -> Result<Pass, GraphError> {
        let mut built = self.build(batch, subject, false, mode)?;
        let output = self.finished_output(&mut built.builder, built.prediction)?;
        let (latent, seen) = (built.encoded.latent, built.seen);
        let (divergence, codes, moments) = (built.divergence, built.encoded.codes, built.encoded.moments);
        let kept = [latent, output, seen].into_iter().chain(divergence).chain(codes).chain(moments);
        let kept: Vec<ValueId> = kept.collect();
        let plan = Plan::new(&built.builder.graph, &kept)?;
        let view = |value: ValueId| {
            plan.view(value).ok_or_else(|| GraphError::Plan("an evaluation keeps what is read of it".to_owned()))
        };
        Ok(Pass {
            latent: view(latent)?,
            output: view(output)?,
            seen: view(seen)?,
            moments: moments.map(view).transpose()?,
            divergence: divergence.map(view).transpose()?,
            codes: codes.map(view).transpose()?,
            plan,
        })
    }

    /// Forward, with the outputs of all layers that end in an activation to read: (name, activation, value).
    pub fn probing_pass(&self, batch: usize, subject: Subject) -> Result<(Plan, Vec<Probe>), GraphError> {
        let built = self.build(batch, subject, false, EvaluationMode { sampled: false, corrupted: true })?;
        let probes: Vec<Probe> = built
            .builder
            .activations
            .iter()
            .map(|(layer, activation, value)| Probe {
                layer: layer.clone(),
                activation: *activation,
                value: *value,
                units: built.builder.shape(*value).extents().last().copied().unwrap_or(1),
            })
            .collect();
        let kept: Vec<ValueId> = probes.iter().map(|probe| probe.value).collect();
        let mut graph = built.builder.graph;
        graph.retain_for(&kept);
        Ok((Plan::new(&graph, &kept)?, probes))
    }

    /// From latent numbers given directly to the output, which can be read where the view says.
    pub fn decoding_pass(&self, batch: usize) -> Result<(Plan, View), GraphError> {
        if self.spec.model.kind == ModelKind::Denoiser || self.has_skips() {
            return Err(misfit("decoder", "this model has no bottleneck to decode from"));
        }
        // Parameters take their places in the order of a whole network's.
        let mut built =
            self.build(batch, Subject::Input, false, EvaluationMode { sampled: false, corrupted: false })?;
        let extents = built.builder.shape(built.encoded.z).extents().to_vec();
        let z = built.builder.graph.external(External::Latents, extents);
        let prediction = self.decode(&mut built.builder, z, None)?;
        let output = self.finished_output(&mut built.builder, prediction)?;
        built.builder.graph.retain_for(&[output]);
        let plan = Plan::new(&built.builder.graph, &[output])?;
        let view = plan.view(output).ok_or_else(|| GraphError::Plan("a decoder keeps its output".to_owned()))?;
        Ok((plan, view))
    }

    /// From rows given directly, as they are, to the output alone, which can be read where the view says: the least memory
    /// that a pass takes.
    pub fn filtering_pass(&self, batch: usize) -> Result<(Plan, View), GraphError> {
        let mut built =
            self.build(batch, Subject::Input, false, EvaluationMode { sampled: false, corrupted: false })?;
        let output = self.finished_output(&mut built.builder, built.prediction)?;
        let mut graph = built.builder.graph;
        graph.retain_for(&[output]);
        let plan = Plan::new(&graph, &[output])?;
        let view = plan.view(output).ok_or_else(|| GraphError::Plan("a filter keeps its output".to_owned()))?;
        Ok((plan, view))
    }

    /// From rows given directly, as they are, to their latent numbers (means, where they are drawn), which can be read where
    /// the view says.
    pub fn encoding_pass(&self, batch: usize) -> Result<(Plan, View), GraphError> {
        let built = self.build(batch, Subject::Input, false, EvaluationMode { sampled: false, corrupted: false })?;
        let latent = built.encoded.latent;
        let mut graph = built.builder.graph;
        graph.retain_for(&[latent]);
        let plan = Plan::new(&graph, &[latent])?;
        let view = plan.view(latent).ok_or_else(|| GraphError::Plan("an encoder keeps its codes".to_owned()))?;
        Ok((plan, view))
    }

    fn finished_output(&self, builder: &mut Builder, prediction: ValueId) -> Result<ValueId, GraphError> {
        if self.loss_takes_logits() {
            nn::activate(&mut builder.graph, prediction, self.output_activation(), "output")
        } else {
            Ok(prediction)
        }
    }

    fn output_activation(&self) -> Activation {
        match self.decoder.last() {
            Some(Layer::Output { activation, .. }) => *activation,
            _ => Activation::Identity,
        }
    }

    fn loss_takes_logits(&self) -> bool {
        self.spec.objective.loss == ReconstructionLoss::Bce
    }

    /// Rows as the encoder's first layer takes them, and the encoder up to what comes before `latent`.
    fn encode(
        &self,
        builder: &mut Builder,
        seen: ValueId,
        mut outline: Option<&mut Vec<(LayerPlace, usize)>>,
    ) -> Result<ValueId, GraphError> {
        let takes_image = self.spec.model.encoder.iter().chain(&self.decoder).find_map(|layer| match layer {
            Layer::Dense { .. } | Layer::Latent { .. } | Layer::Reshape { .. } => Some(false),
            Layer::Conv { .. } | Layer::Depthwise { .. } | Layer::Resample { .. } => Some(true),
            _ => None,
        });
        let mut x = match (takes_image, self.data.image) {
            (Some(true), _) => as_image(builder, self.data, seen, "encoder.0")?,
            _ => seen,
        };
        for (index, layer) in self.spec.model.encoder.iter().enumerate() {
            if matches!(layer, Layer::Latent { .. }) {
                break;
            }
            x = builder.layer(x, layer, &format!("encoder.{index}"))?;
            note_width(builder, x, LayerPlace::Encoder(index), outline.as_deref_mut());
        }
        Ok(x)
    }

    /// The code that `latent` makes of what comes before it, without any sampling.
    fn code(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, GraphError> {
        let model = &self.spec.model;
        let name = format!("encoder.{}", model.encoder.len().saturating_sub(1));
        let activation = match model.encoder.last() {
            Some(Layer::Latent { activation }) => *activation,
            _ => return Ok(x),
        };
        match model.kind {
            ModelKind::Variational => nn::dense(&mut builder.graph, x, 2 * model.latent, Activation::Identity, &name),
            ModelKind::VectorQuantized if builder.shape(x).rank() == 4 => {
                let geometry = nn::ConvGeometry {
                    filters: model.latent,
                    kernel: [1; 2],
                    stride: [1; 2],
                    padding: [0; 2],
                    output_padding: [0; 2],
                    dilation: 1,
                };
                nn::conv(&mut builder.graph, &[x], geometry, Activation::Identity, &name)
            }
            _ => nn::dense(&mut builder.graph, x, model.latent, activation, &name),
        }
    }

    fn bottleneck(&self, builder: &mut Builder, x: ValueId, sampled: bool) -> Result<Encoded, GraphError> {
        let model = &self.spec.model;
        let code = self.code(builder, x)?;
        let stream = builder.graph.next_stream();
        let mut encoded =
            Encoded { z: code, latent: code, moments: None, codes: None, before_top: None, before_codebook: None };
        match model.kind {
            ModelKind::Variational => {
                encoded.moments = Some(code);
                encoded.latent = builder.slice(code, 0, model.latent, "latent means")?;
                let clamp = self.spec.objective.log_variance.map(|bound| bound as f32);
                encoded.z = match sampled {
                    true => builder.graph.add(SampleLatent { stream, clamp }, &[code], "latent")?,
                    false => encoded.latent,
                };
            }
            ModelKind::VectorQuantized => {
                let entries = model.codebook.unwrap_or(1);
                let bound = 1.0 / entries as f32;
                let codebook =
                    builder.graph.statistic("codebook.weight", [entries, model.latent], Initial::Uniform(bound));
                let made = builder.graph.add_op(Arc::new(QuantizeRows), &[code, codebook], "codebook")?;
                encoded.before_codebook = Some(code);
                (encoded.z, encoded.codes) = (made[0], Some(made[1]));
                // Read as rows of latent numbers.
                encoded.latent = nn::flatten(&mut builder.graph, made[0], "latent")?;
            }
            _ => {
                if let Some(keep) = model.top_k {
                    encoded.before_top = Some(code);
                    encoded.z = builder.graph.add(TopK { keep, dead_after: None }, &[code], "latent")?;
                    encoded.latent = encoded.z;
                } else if model.kind == ModelKind::Denoiser {
                    encoded.latent = nn::flatten(&mut builder.graph, code, "latent")?;
                }
            }
        }
        Ok(encoded)
    }

    fn decode(
        &self,
        builder: &mut Builder,
        z: ValueId,
        mut outline: Option<&mut Vec<(LayerPlace, usize)>>,
    ) -> Result<ValueId, GraphError> {
        let mut x = z;
        for (index, layer) in self.decoder.iter().enumerate() {
            let name = format!("decoder.{index}");
            x = match layer {
                Layer::Output { form, activation } => {
                    // BCE is computed from logits; every other loss from the activated output, in one kernel.
                    let inside = if self.loss_takes_logits() { Activation::Identity } else { *activation };
                    builder.output(x, form, inside, self.data, &name)?
                }
                layer => builder.layer(x, layer, &name)?,
            };
            note_width(builder, x, LayerPlace::Decoder(index), outline.as_deref_mut());
        }
        Ok(x)
    }

    fn build(&self, batch: usize, subject: Subject, training: bool, mode: EvaluationMode) -> Result<Built, GraphError> {
        let mut builder = Builder::new(training);
        let input = Input { spec: &self.spec, data: self.data, batch, subject, training, corrupted: mode.corrupted };
        let (clean, seen) = input.build(&mut builder)?;
        let mut outline = vec![(LayerPlace::Input, self.data.features)];
        let x = self.encode(&mut builder, seen, Some(&mut outline))?;
        let encoded = self.bottleneck(&mut builder, x, mode.sampled)?;
        note_width(&builder, encoded.latent, LayerPlace::Latent, Some(&mut outline));
        let mut prediction = self.decode(&mut builder, encoded.z, Some(&mut outline))?;
        if self.spec.model.residual {
            prediction = builder.one(Stage::Add, &[prediction, seen], "residual")?;
        }
        let mut built =
            Built { builder, clean, seen, encoded, prediction, losses: Vec::new(), divergence: None, outline };
        self.objective(&mut built, training, batch)?;
        Ok(built)
    }

    /// Adds the losses, and what is learned without gradients.
    fn objective(&self, built: &mut Built, training: bool, batch: usize) -> Result<(), GraphError> {
        let (model, objective) = (&self.spec.model, &self.spec.objective);
        let sum_over_values = self.spec.sums_over_values();
        let builder = &mut built.builder;
        let base = LossTerm { sum_over_values, variance: objective.variance as f32, ..LossTerm::mean(objective.loss) };
        let (mut judged, mut target) = (built.prediction, built.clean);
        if let Some(spots) = builder.spots {
            // Scaled so that the mean over all values is the mean over the spots.
            let rate = self.spec.corruption.blind_spot as f32;
            let scale = if objective.loss == ReconstructionLoss::Mse { rate.sqrt().recip() } else { rate.recip() };
            for value in [&mut judged, &mut target] {
                let rows = builder.reshape(*value, vec![batch, self.data.features], "blind spots")?;
                let kept = builder.one(Stage::KeepWhereNonzero, &[rows, spots], "blind spots")?;
                *value = builder.one(Stage::Scale(scale), &[kept], "blind spots")?;
            }
        }
        let part = ObjectivePart::Reconstruction;
        let mut losses = vec![nn::element_loss(&mut builder.graph, base, part, judged, target)?];
        let squares = |weight: f64| LossTerm { weight: weight as f32, ..LossTerm::mean(ReconstructionLoss::Mse) };
        let encoded = &built.encoded;
        if let Some(moments) = encoded.moments {
            let clamp = objective.log_variance.map(|bound| bound as f32);
            let op = Divergence { clamp, free_bits: objective.free_bits as f32 };
            let divergence = builder.graph.add(op, &[moments], "kl")?;
            nn::record(&mut builder.graph, divergence, ObjectivePart::Divergence, model.latent)?;
            losses.push(divergence);
            built.divergence = Some(divergence);
        }
        if objective.sparsity > 0.0 {
            match objective.sparsity_kind {
                SparsityKind::L1 => {
                    let term = LossTerm {
                        sum_over_values: true,
                        has_target: false,
                        is_sparsity: true,
                        ..LossTerm::mean(ReconstructionLoss::L1)
                    };
                    let graph = &mut builder.graph;
                    losses.push(nn::element_loss(graph, term, ObjectivePart::Sparsity, encoded.z, encoded.z)?);
                }
                SparsityKind::Kl => {
                    let op = RateDivergence { rate: objective.sparsity_target as f32 };
                    let made = builder.graph.add_op(Arc::new(op), &[encoded.z], "sparsity")?;
                    nn::record(&mut builder.graph, made[0], ObjectivePart::Sparsity, model.latent)?;
                    losses.push(made[0]);
                }
            }
        }
        if model.kind == ModelKind::Wasserstein {
            let graph = &mut builder.graph;
            let stream = graph.next_stream();
            let random =
                RandomNumbers { extents: vec![batch, model.latent], stream, distribution: Distribution::Normal };
            let prior = graph.add(random, &[], "prior")?;
            let discrepancy = graph.add(Discrepancy { weight: objective.mmd as f32 }, &[encoded.z, prior], "mmd")?;
            nn::record(graph, discrepancy, ObjectivePart::Discrepancy, batch)?;
            losses.push(discrepancy);
        }
        if let (Some(code), Some(numbers)) = (encoded.before_codebook, encoded.codes) {
            let entry = builder.stop_gradient(encoded.z, "commitment")?;
            let graph = &mut builder.graph;
            let term = squares(objective.commitment);
            losses.push(nn::element_loss(graph, term, ObjectivePart::Commitment, code, entry)?);
            if training {
                let entries = model.codebook.unwrap_or(1);
                let bound = 1.0 / entries as f32;
                let extents = [entries, model.latent];
                let codebook = graph.statistic("codebook.weight", extents, Initial::Uniform(bound));
                let counts = graph.statistic("codebook.counts", [entries], Initial::Constant(0.0));
                let sums = graph.statistic("codebook.sums", extents, Initial::Constant(0.0));
                let op = MoveCodebook { decay: 0.99, restart_below: 0.05, stream: graph.next_stream() };
                graph.add_op(Arc::new(op), &[code, numbers, codebook, counts, sums], "codebook")?;
            }
        }
        if let Some(before) = encoded.before_top {
            let z = encoded.z;
            let graph = &mut builder.graph;
            let silent = graph.statistic("latent.silent_steps", [model.latent], Initial::Constant(0.0));
            if objective.auxiliary > 0.0 {
                // Dead units try to make what is missing (Gao et al. 2024); where the output is not linear, the whole.
                let keep = (model.latent / 2).clamp(1, 2 * model.top_k.unwrap_or(1));
                let op = TopK { keep, dead_after: Some(DEAD_AFTER_STEPS) };
                let dead = graph.add(op, &[before, silent], "auxiliary")?;
                let made = self.decode(builder, dead, None)?;
                let made = self.finished_output(builder, made)?;
                let target = if self.output_activation() == Activation::Identity {
                    let output = builder.stop_gradient(built.prediction, "auxiliary")?;
                    let negative = builder.one(Stage::Scale(-1.0), &[output], "auxiliary")?;
                    builder.one(Stage::Add, &[negative, built.clean], "auxiliary")?
                } else {
                    built.clean
                };
                let term = squares(objective.auxiliary);
                losses.push(nn::element_loss(&mut builder.graph, term, ObjectivePart::Auxiliary, made, target)?);
            }
            if training {
                builder.graph.add_op(Arc::new(CountSilent), &[z, silent], "silent units")?;
            }
        }
        if objective.contractive > 0.0 {
            /// Small against data in 0..1, large against the rounding of f32.
            const STEP: f32 = 0.03;
            let extents = builder.shape(built.seen).extents().to_vec();
            let stream = builder.graph.next_stream();
            let random = RandomNumbers { extents, stream, distribution: Distribution::Normal };
            let noise = builder.graph.add(random, &[], "contraction")?;
            let step = builder.one(Stage::Scale(STEP), &[noise], "contraction")?;
            let moved = builder.one(Stage::Add, &[step, built.seen], "contraction")?;
            let x = self.encode(builder, moved, None)?;
            let mut code = self.code(builder, x)?;
            let mut original = encoded.moments.or(encoded.before_codebook).or(encoded.before_top).unwrap_or(encoded.z);
            if encoded.moments.is_some() {
                code = builder.slice(code, 0, model.latent, "contraction")?;
                original = encoded.latent;
            }
            let code = builder.one(Stage::Scale(1.0 / STEP), &[code], "contraction")?;
            let original = builder.one(Stage::Scale(1.0 / STEP), &[original], "contraction")?;
            let term = LossTerm { sum_over_values: true, ..squares(objective.contractive) };
            losses.push(nn::element_loss(&mut builder.graph, term, ObjectivePart::Contraction, code, original)?);
        }
        if objective.ssim > 0.0 {
            let output = self.finished_output(builder, built.prediction)?;
            let output = as_image(builder, self.data, output, "objective.ssim")?;
            let target = as_image(builder, self.data, built.clean, "objective.ssim")?;
            let op = SsimLoss { weight: objective.ssim as f32 };
            let made = builder.graph.add_op(Arc::new(op), &[output, target], "ssim")?;
            let count = builder.graph.value(made[0]).shape.elements();
            nn::record(&mut builder.graph, made[0], ObjectivePart::Similarity, count)?;
            losses.push(made[0]);
        }
        built.losses = losses;
        Ok(())
    }
}

/// Adds the values of a row after a layer.
fn note_width(builder: &Builder, x: ValueId, place: LayerPlace, outline: Option<&mut Vec<(LayerPlace, usize)>>) {
    let shape = builder.shape(x);
    let width = shape.elements() / shape.extents().first().copied().unwrap_or(1).max(1);
    if let Some(outline) = outline {
        outline.push((place, width));
    }
}
