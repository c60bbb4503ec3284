//! Layers of a spec as ops of a graph.

use std::collections::HashMap;

use super::layers::{Layer, NormKind, OutputLayer};
use super::shape::{ANOTHER_MODEL, DataShape, misfit};
use crate::graph::ops::{AddRows, Normalization, Pointwise, Resample, Reshape, Slice, StopGradient};
use crate::graph::{Graph, GraphError, ValueId};
use crate::kernels::activation::Activation;
use crate::kernels::pointwise::PointwiseStage;
use crate::nn;
use crate::tensor::Shape;

/// Builder that adds layers to a graph, and keeps the values that later layers refer to.
pub(super) struct NetworkBuilder {
    pub graph: Graph,
    /// True if dropout applies and batch normalization takes its own statistics.
    pub training: bool,
    /// Condition `[N, M]`, where the model has one.
    pub condition: Option<ValueId>,
    /// Blind spots `[N, features]`: 1 where the input was replaced and the output is judged, else 0; of models with
    /// blind spots.
    pub spots: Option<ValueId>,
    saved: HashMap<String, ValueId>,
    /// Outputs of layers that end in an activation.
    pub activations: Vec<(String, Activation, ValueId)>,
}

impl NetworkBuilder {
    pub fn new(training: bool) -> Self {
        Self {
            graph: Graph::new(),
            training,
            condition: None,
            spots: None,
            saved: HashMap::new(),
            activations: Vec::new(),
        }
    }

    pub fn shape(&self, x: ValueId) -> &Shape {
        &self.graph.value(x).shape
    }

    pub fn one(&mut self, stage: PointwiseStage, inputs: &[ValueId], label: &str) -> Result<ValueId, GraphError> {
        self.graph.add(Pointwise::one(stage), inputs, label)
    }

    pub fn reshape(&mut self, x: ValueId, extents: Vec<usize>, label: &str) -> Result<ValueId, GraphError> {
        if self.shape(x).extents() == extents {
            return Ok(x);
        }
        self.graph.add(Reshape(Shape::new(extents)), &[x], label)
    }

    pub fn slice(&mut self, x: ValueId, offset: usize, width: usize, label: &str) -> Result<ValueId, GraphError> {
        self.graph.add(Slice { offset, width }, &[x], label)
    }

    pub fn stop_gradient(&mut self, x: ValueId, label: &str) -> Result<ValueId, GraphError> {
        self.graph.add(StopGradient, &[x], label)
    }

    fn saved(&self, name: &str, layer: &str) -> Result<ValueId, GraphError> {
        let known = || self.saved.keys().cloned().collect::<Vec<_>>().join(", ");
        self.saved
            .get(name)
            .copied()
            .ok_or_else(|| misfit(layer, format!("no `save {name}` comes before it (there are: {})", known())))
    }

    /// Adds any layer but `latent` and `output`.
    pub fn layer(&mut self, x: ValueId, layer: &Layer, name: &str) -> Result<ValueId, GraphError> {
        let y = self.plain_layer(x, layer, name)?;
        if let Some(activation) = layer.activation() {
            self.activations.push((name.to_owned(), activation, y));
        }
        Ok(y)
    }

    fn plain_layer(&mut self, x: ValueId, layer: &Layer, name: &str) -> Result<ValueId, GraphError> {
        let batch = self.shape(x).extents().first().copied().unwrap_or(1);
        match layer {
            Layer::Dense { units, activation } => nn::dense(&mut self.graph, x, *units, *activation, name),
            Layer::Tied { layer, activation } => {
                nn::dense_tied(&mut self.graph, x, &format!("encoder.{layer}"), *activation, name)
            }
            Layer::Conv { geometry, activation, with } => {
                let mut inputs = vec![x];
                if let Some(other) = with {
                    inputs.push(self.saved(other, name)?);
                }
                self.needs_image(x, name)?;
                nn::conv(&mut self.graph, &inputs, *geometry, *activation, name)
            }
            Layer::ConvTranspose { geometry, activation } => {
                self.needs_image(x, name)?;
                nn::conv_transpose(&mut self.graph, x, *geometry, *activation, name)
            }
            Layer::Depthwise { geometry, activation } => {
                self.needs_image(x, name)?;
                nn::depthwise(&mut self.graph, x, *geometry, *activation, name)
            }
            Layer::Normalize { kind, activation } => {
                let kind = match kind {
                    // PyTorch's default momentum.
                    NormKind::Batch if self.training => Normalization::Batch { momentum: 0.1 },
                    NormKind::Batch => Normalization::Given,
                    NormKind::Layer => Normalization::Group { groups: 1 },
                    NormKind::Group(groups) => Normalization::Group { groups: *groups },
                };
                nn::normalize(&mut self.graph, x, kind, *activation, name)
            }
            Layer::Activate(activation) => nn::activate(&mut self.graph, x, *activation, name),
            Layer::Dropout { rate } if self.training && *rate > 0.0 => {
                let stream = self.graph.next_stream();
                self.one(PointwiseStage::Dropout { rate: *rate as f32, stream }, &[x], name)
            }
            Layer::Dropout { .. } => {
                // Streams are numbered alike in every pass.
                self.graph.next_stream();
                Ok(x)
            }
            Layer::Resample { kind, factor } => {
                self.needs_image(x, name)?;
                self.graph.add(Resample { kind: *kind, factor: *factor }, &[x], name)
            }
            Layer::Reshape { height, width, channels } => {
                self.reshape(x, vec![batch, *height, *width, *channels], name)
            }
            Layer::Save(saved) => {
                self.saved.insert(saved.clone(), x);
                Ok(x)
            }
            Layer::Add(saved) => {
                let other = self.saved(saved, name)?;
                self.one(PointwiseStage::Add, &[x, other], name)
            }
            Layer::Load(saved) => self.saved(saved, name),
            Layer::Condition => {
                let condition = self.condition.ok_or_else(|| misfit(name, "there is no condition to add"))?;
                let (_, channels) = self.shape(x).rows_and_columns();
                let added = nn::dense(&mut self.graph, condition, channels, Activation::Identity, name)?;
                self.graph.add(AddRows, &[x, added], name)
            }
            Layer::Latent { .. } | Layer::Output { .. } => {
                Err(misfit(name, "`latent` ends the encoder and `output` ends the decoder"))
            }
        }
    }

    fn needs_image(&self, x: ValueId, name: &str) -> Result<(), GraphError> {
        let shape = self.shape(x);
        if shape.rank() == 4 {
            return Ok(());
        }
        Err(misfit(
            name,
            format!("it takes pictures and {shape} are rows; put `reshape HxWxC` before it, or {ANOTHER_MODEL}"),
        ))
    }

    /// Adds the last layer and returns rows as wide as the data; `activation` is the identity where it is left to the
    /// loss.
    pub fn output(
        &mut self,
        x: ValueId,
        form: &OutputLayer,
        activation: Activation,
        data: DataShape,
        name: &str,
    ) -> Result<ValueId, GraphError> {
        let channels = data.image.map_or(1, |image| image.channels);
        let graph = &mut self.graph;
        let y = match form {
            OutputLayer::Dense => nn::dense(graph, x, data.features, activation, name)?,
            OutputLayer::Tied(layer) => nn::dense_tied(graph, x, &format!("encoder.{layer}"), activation, name)?,
            OutputLayer::Same => nn::activate(graph, x, activation, name)?,
            OutputLayer::Conv(geometry) => {
                self.needs_image(x, name)?;
                let geometry = nn::ConvGeometry { filters: channels, ..*geometry };
                nn::conv(&mut self.graph, &[x], geometry, activation, name)?
            }
            OutputLayer::ConvTranspose(geometry) => {
                self.needs_image(x, name)?;
                let geometry = nn::ConvGeometry { filters: channels, ..*geometry };
                nn::conv_transpose(&mut self.graph, x, geometry, activation, name)?
            }
        };
        let batch = self.shape(y).extents()[0];
        let values = self.shape(y).elements() / batch;
        let fits = match (data.image, self.shape(y).extents()) {
            (Some(image), [_, h, w, c]) => [image.height, image.width, image.channels] == [*h, *w, *c],
            _ => values == data.features,
        };
        if !fits {
            let wanted = data.image.map_or_else(
                || format!("{} values", data.features),
                |image| format!("{}x{}x{}", image.height, image.width, image.channels),
            );
            // What makes the data fit, or else a model that fits the data.
            let way_out = match (data.image, self.shape(y).extents()) {
                (Some(image), [_, h, w, c]) if image.channels == *c => {
                    format!("bring the pictures to that size (setting `data.size=[{h},{w}]`), or ")
                }
                _ => String::new(),
            };
            let problem =
                format!("it makes {} and the data is {wanted} a row; {way_out}{ANOTHER_MODEL}", self.shape(y));
            return Err(misfit(name, problem));
        }
        self.reshape(y, vec![batch, data.features], name)
    }
}
