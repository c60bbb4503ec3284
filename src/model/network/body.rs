//! Body of a network: from rows through the bottleneck to the output, by the spec's lists of layers.

use std::sync::Arc;

use super::{EvaluationMode, LayerLocation, Network, RowSource};
use crate::graph::ops::{QuantizeRows, SampleLatent, TopK};
use crate::graph::{GraphError, Init, ValueId};
use crate::kernels::activation::Activation;
use crate::kernels::loss::ReconstructionLoss;
use crate::kernels::pointwise::PointwiseStage;
use crate::model::builder::NetworkBuilder;
use crate::model::input::{Input, as_image};
use crate::model::layers::Layer;
use crate::model::spec::ModelKind;
use crate::nn;

pub(super) struct EncodedBatch {
    /// Input of the decoder.
    pub z: ValueId,
    /// Latents to be read.
    pub latent: ValueId,
    pub moments: Option<ValueId>,
    pub codes: Option<ValueId>,
    /// Code before TopK.
    pub before_top: Option<ValueId>,
    /// Code that quantization compared with the codebook.
    pub before_codebook: Option<ValueId>,
}

pub(super) struct Built {
    pub builder: NetworkBuilder,
    pub clean: ValueId,
    pub seen: ValueId,
    pub encoded: EncodedBatch,
    /// Value that the loss compares with the target: logits for BCE, else the activated output.
    pub prediction: ValueId,
    /// Losses to differentiate.
    pub losses: Vec<ValueId>,
    pub divergence: Option<ValueId>,
    pub outline: Vec<(LayerLocation, usize)>,
}

impl Network {
    pub(super) fn finished_output(
        &self,
        builder: &mut NetworkBuilder,
        prediction: ValueId,
    ) -> Result<ValueId, GraphError> {
        if self.loss_takes_logits() {
            nn::activate(&mut builder.graph, prediction, self.output_activation(), "output")
        } else {
            Ok(prediction)
        }
    }

    pub(super) fn output_activation(&self) -> Activation {
        match self.decoder.last() {
            Some(Layer::Output { activation, .. }) => *activation,
            _ => Activation::Identity,
        }
    }

    fn loss_takes_logits(&self) -> bool {
        self.spec.objective.loss == ReconstructionLoss::Bce
    }

    /// Adds the encoder up to the layer before `latent`, on rows as its first layer takes them.
    pub(super) fn encode(
        &self,
        builder: &mut NetworkBuilder,
        seen: ValueId,
        mut outline: Option<&mut Vec<(LayerLocation, usize)>>,
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
            note_width(builder, x, LayerLocation::Encoder(index), outline.as_deref_mut());
        }
        Ok(x)
    }

    /// Adds the `latent` layer and returns its code, without any sampling.
    pub(super) fn code(&self, builder: &mut NetworkBuilder, x: ValueId) -> Result<ValueId, GraphError> {
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

    fn bottleneck(&self, builder: &mut NetworkBuilder, x: ValueId, sampled: bool) -> Result<EncodedBatch, GraphError> {
        let model = &self.spec.model;
        let code = self.code(builder, x)?;
        let stream = builder.graph.next_stream();
        let mut encoded =
            EncodedBatch { z: code, latent: code, moments: None, codes: None, before_top: None, before_codebook: None };
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
                    builder.graph.statistic("codebook.weight", [entries, model.latent], Init::Uniform(bound));
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

    pub(super) fn decode(
        &self,
        builder: &mut NetworkBuilder,
        z: ValueId,
        mut outline: Option<&mut Vec<(LayerLocation, usize)>>,
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
            note_width(builder, x, LayerLocation::Decoder(index), outline.as_deref_mut());
        }
        Ok(x)
    }

    pub(super) fn build(
        &self,
        batch: usize,
        subject: RowSource,
        training: bool,
        mode: EvaluationMode,
    ) -> Result<Built, GraphError> {
        let mut builder = NetworkBuilder::new(training);
        let input = Input { spec: &self.spec, data: self.data, batch, subject, training, corrupted: mode.corrupted };
        let (clean, seen) = input.build(&mut builder)?;
        let mut outline = vec![(LayerLocation::Input, self.data.features)];
        let x = self.encode(&mut builder, seen, Some(&mut outline))?;
        let encoded = self.bottleneck(&mut builder, x, mode.sampled)?;
        note_width(&builder, encoded.latent, LayerLocation::Latent, Some(&mut outline));
        let mut prediction = self.decode(&mut builder, encoded.z, Some(&mut outline))?;
        if self.spec.model.residual {
            prediction = builder.one(PointwiseStage::Add, &[prediction, seen], "residual")?;
        }
        let mut built =
            Built { builder, clean, seen, encoded, prediction, losses: Vec::new(), divergence: None, outline };
        self.objective(&mut built, training, batch)?;
        Ok(built)
    }
}

/// Adds the count of values of a row after a layer.
fn note_width(
    builder: &NetworkBuilder,
    x: ValueId,
    place: LayerLocation,
    outline: Option<&mut Vec<(LayerLocation, usize)>>,
) {
    let shape = builder.shape(x);
    let width = shape.elements() / shape.extents().first().copied().unwrap_or(1).max(1);
    if let Some(outline) = outline {
        outline.push((place, width));
    }
}
