//! From a spec to graphs: one for training, one for evaluation, one each for encoding and decoding rows given
//! directly. All of them share one flat buffer of parameters, in one order.

use super::layers::Layer;
use super::spec::Spec;
use crate::graph::ops::Gather;
use crate::graph::{External, Graph, GraphError, Parameter, Plan, ValueId, differentiate, fuse};
use crate::kernels::activation::Activation;
use crate::kernels::loss::ReconstructionLoss;
use crate::kernels::optimizer::Adam;
use crate::nn;
use crate::tensor::{DType, Shape};

/// What a pass works on: rows of the data set, or rows given directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Gathered from the data set of this many rows; the permuted part has `part_rows`.
    Data { rows: usize, part_rows: usize },
    /// [batch, features] written before each run.
    Input,
}

/// A planned pass, and the values that can be read after it.
#[derive(Debug)]
pub struct Pass {
    pub plan: Plan,
    pub latent: Option<ValueId>,
    pub output: Option<ValueId>,
}

/// A spec for data of a known width.
#[derive(Clone, Debug)]
pub struct Network {
    spec: Spec,
    features: usize,
    parameters: Vec<Parameter>,
    flat_elements: usize,
}

struct Built {
    graph: Graph,
    target: ValueId,
    latent: ValueId,
    /// What the loss compares with the target: logits for BCE, else the activated output.
    prediction: ValueId,
    output_activation: Activation,
}

impl Network {
    /// Checks that the layers fit together for rows of `features` values.
    pub fn new(spec: &Spec, features: usize) -> Result<Self, GraphError> {
        let mut network = Self { spec: spec.clone(), features, parameters: Vec::new(), flat_elements: 0 };
        let built = network.build(1, Subject::Input)?;
        network.parameters = built.graph.parameters().to_vec();
        network.flat_elements = built.graph.flat_elements();
        Ok(network)
    }

    pub fn features(&self) -> usize {
        self.features
    }

    /// Count of latent numbers.
    pub fn latent(&self) -> usize {
        self.spec.model.latent
    }

    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Elements of the flat buffers, padding included.
    pub fn flat_elements(&self) -> usize {
        self.flat_elements
    }

    /// Trainable numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.shape.elements()).sum()
    }

    /// Widths from the input through the bottleneck to the output.
    pub fn widths(&self) -> Vec<usize> {
        let model = &self.spec.model;
        let width = |layer: &Layer| match layer {
            Layer::Dense { units, .. } => *units,
            Layer::Latent => model.latent,
            Layer::Output { .. } => self.features,
        };
        std::iter::once(self.features).chain(model.encoder.iter().chain(&model.decoder).map(width)).collect()
    }

    /// The optimiser's sweep over all parameters.
    pub fn adam(&self) -> Adam {
        let optimizer = &self.spec.optimizer;
        Adam {
            count: self.flat_elements,
            beta1: optimizer.beta1 as f32,
            beta2: optimizer.beta2 as f32,
            epsilon: optimizer.epsilon as f32,
            weight_decay: optimizer.weight_decay as f32,
        }
    }

    /// Batch, forward, loss, backward, optimiser.
    pub fn training_pass(&self, batch: usize, subject: Subject) -> Result<Pass, GraphError> {
        let mut built = self.build(batch, subject)?;
        let loss = nn::reconstruction_loss(&mut built.graph, self.spec.objective.loss, built.prediction, built.target)?;
        differentiate(&mut built.graph, loss)?;
        nn::adam_update(&mut built.graph, self.adam())?;
        fuse(&mut built.graph, &[]);
        Ok(Pass { plan: Plan::new(&built.graph, &[])?, latent: None, output: None })
    }

    /// Batch, forward and loss, with latent and output to read.
    pub fn evaluation_pass(&self, batch: usize, subject: Subject) -> Result<Pass, GraphError> {
        let mut built = self.build(batch, subject)?;
        nn::reconstruction_loss(&mut built.graph, self.spec.objective.loss, built.prediction, built.target)?;
        let output = if self.loss_takes_logits() {
            nn::activate(&mut built.graph, built.prediction, built.output_activation, "output")?
        } else {
            built.prediction
        };
        let kept = [built.latent, output];
        Ok(Pass { plan: Plan::new(&built.graph, &kept)?, latent: Some(built.latent), output: Some(output) })
    }

    fn loss_takes_logits(&self) -> bool {
        self.spec.objective.loss == ReconstructionLoss::Bce
    }

    fn build(&self, batch: usize, subject: Subject) -> Result<Built, GraphError> {
        let mut graph = Graph::new();
        let input = match subject {
            Subject::Input => graph.external(External::Input, [batch, self.features]),
            Subject::Data { rows, part_rows } => {
                let data = graph.external_typed(External::Data, Shape::new([rows, self.features]), DType::PackedU8);
                graph.add(Gather { batch, part_rows }, &[data], "batch")?
            }
        };
        let mut x = input;
        for (index, layer) in self.spec.model.encoder.iter().enumerate() {
            let (units, activation) = match layer {
                Layer::Dense { units, activation } => (*units, *activation),
                Layer::Latent => (self.spec.model.latent, Activation::Identity),
                Layer::Output { .. } => return Err(misplaced(&format!("encoder.{index}"))),
            };
            x = nn::dense(&mut graph, x, units, activation, &format!("encoder.{index}"))?;
        }
        let latent = x;
        let mut output_activation = Activation::Identity;
        for (index, layer) in self.spec.model.decoder.iter().enumerate() {
            let (units, activation) = match layer {
                Layer::Dense { units, activation } => (*units, *activation),
                Layer::Output { activation } => {
                    output_activation = *activation;
                    // BCE is computed from logits; every other loss from the activated output, in one kernel.
                    let fused = if self.loss_takes_logits() { Activation::Identity } else { *activation };
                    (self.features, fused)
                }
                Layer::Latent => return Err(misplaced(&format!("decoder.{index}"))),
            };
            x = nn::dense(&mut graph, x, units, activation, &format!("decoder.{index}"))?;
        }
        Ok(Built { graph, target: input, latent, prediction: x, output_activation })
    }
}

fn misplaced(layer: &str) -> GraphError {
    GraphError::Shape {
        layer: layer.to_owned(),
        problem: "`latent` ends the encoder and `output` ends the decoder".to_owned(),
    }
}
