//! Batch, layer and group normalization.

use std::sync::Arc;

use super::call;
use super::pointwise::activation_gradient;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::norm::{Norm, NormShape, NormStage};

/// Set of values over which means and variances are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Normalization {
    /// Each channel over the batch and its pixels (Ioffe & Szegedy 2015), with running statistics that move by
    /// `momentum` each step.
    Batch {
        /// Share by which running statistics move each step, in 0..1.
        momentum: f32,
    },
    /// Each channel by given statistics: batch normalization in evaluation.
    Given,
    /// Each sample and group of neighboring channels over its pixels (Wu & He 2018); one group is layer normalization.
    Group {
        /// Number of groups, a divisor of the channels.
        groups: usize,
    },
}

/// Normalization: (x `[N, ..., C]`, scale `[C]`, shift `[C]`, for batch and given: running statistics `[C, 2]`) ->
/// activation((x - mean) / sqrt(variance + epsilon) * scale + shift), and, but for given statistics, statistics and the
/// partial sums that they are made from.
#[derive(Clone, Debug)]
pub struct Normalize {
    /// Set of values over which means and variances are taken.
    pub kind: Normalization,
    /// Addend of the variance, against division by zero.
    pub epsilon: f32,
    /// Activation of the output.
    pub activation: Activation,
}

impl Normalize {
    fn shape(&self, x: &Value) -> Result<NormShape, String> {
        let extents = x.shape.extents();
        let (Some(&batch), Some(&channels)) = (extents.first(), extents.last()) else {
            return Err("a scalar cannot be normalized".to_owned());
        };
        if extents.len() < 2 || x.shape.elements() == 0 {
            return Err(format!("rows of channels go in, not {}", x.shape));
        }
        let pixels = x.shape.elements() / batch / channels;
        let (images, pixels, groups) = match self.kind {
            Normalization::Batch { .. } | Normalization::Given => (1, batch * pixels, channels),
            Normalization::Group { groups } => (batch, pixels, groups),
        };
        if groups == 0 || channels % groups != 0 {
            return Err(format!("{channels} channels do not fall in {groups} groups; use a divisor"));
        }
        Ok(NormShape { images, pixels, channels, groups, epsilon: self.epsilon })
    }

    fn has_running(&self) -> bool {
        !matches!(self.kind, Normalization::Group { .. })
    }
}

impl Op for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [x, scale, shift, running @ ..] = inputs else { return Err("x, scale and shift go in".to_owned()) };
        let shape = self.shape(x)?;
        if [scale, shift].iter().any(|value| value.shape.extents() != [shape.channels]) {
            return Err(format!("scale {} and shift {} do not fit {}", scale.shape, shift.shape, x.shape));
        }
        let fits = match (self.has_running(), running) {
            (true, [running]) => running.shape.extents() == [shape.channels, 2],
            (false, []) => true,
            _ => false,
        };
        if !fits {
            return Err("running statistics [C, 2] go in where they are used, and nowhere else".to_owned());
        }
        let mut types = vec![ValueType::f32(x.shape.extents())];
        if self.kind != Normalization::Given {
            types.push(ValueType::f32([shape.images, shape.groups, 2]));
            types.push(ValueType::f32([shape.slots(), shape.channels, 2]));
        }
        Ok(types)
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None; node.inputs.len()]) };
        if self.kind == Normalization::Given {
            return Err(GraphError::NotDifferentiable(node.label.clone()));
        }
        let dout = activation_gradient(graph, self.activation, dout, node.outputs[0], &node.label)?;
        let label = format!("gradient of {}", node.label);
        let shape = self
            .shape(graph.value(node.inputs[0]))
            .map_err(|problem| GraphError::Shape { layer: label.clone(), problem })?;
        let inputs = [dout, node.inputs[0], node.outputs[1], node.inputs[1]];
        let made = graph.add_op(Arc::new(NormalizeGradient { shape }), &inputs, &label)?;
        let mut gradients = vec![Some(made[0]), Some(made[1]), Some(made[2])];
        gradients.resize(node.inputs.len(), None);
        Ok(gradients)
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok(shape) = self.shape(inputs[0]) else { return Vec::new() };
        let apply = Norm { shape, stage: NormStage::Apply(self.activation) };
        if self.kind == Normalization::Given {
            return vec![call(apply, &[Input(0), Input(3), Input(1), Input(2)], &[Output(0)])];
        }
        let stage = |stage| Norm { shape, stage };
        let mut calls = vec![
            call(stage(NormStage::Partials), &[Input(0)], &[Output(2)]),
            call(stage(NormStage::Statistics), &[Output(2)], &[Output(1)]),
            call(apply, &[Input(0), Output(1), Input(1), Input(2)], &[Output(0)]),
        ];
        if let Normalization::Batch { momentum } = self.kind {
            calls.push(call(stage(NormStage::Running { momentum }), &[Output(1)], &[Input(3)]));
        }
        calls
    }
}

/// Gradients of a normalization: (dout, x, statistics, scale) -> dx, dscale, dshift, and the partial sums that they are
/// made from.
#[derive(Clone, Debug)]
struct NormalizeGradient {
    shape: NormShape,
}

impl Op for NormalizeGradient {
    fn name(&self) -> &'static str {
        "normalize gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let shape = &self.shape;
        Ok(vec![
            ValueType::f32(inputs[1].shape.extents()),
            ValueType::f32([shape.channels]),
            ValueType::f32([shape.channels]),
            ValueType::f32([shape.slots(), shape.channels, 2]),
            ValueType::f32([shape.images, shape.groups, 2]),
        ])
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let stage = |stage| Norm { shape: self.shape, stage };
        let (dout, x, statistics, scale) = (Input(0), Input(1), Input(2), Input(3));
        vec![
            call(stage(NormStage::BackwardPartials), &[x, statistics, dout], &[Output(3)]),
            call(stage(NormStage::BackwardParameters), &[Output(3)], &[Output(2), Output(1)]),
            call(stage(NormStage::BackwardSums), &[Output(3), scale], &[Output(4)]),
            call(stage(NormStage::BackwardApply), &[x, statistics, scale, Output(4), dout], &[Output(0)]),
        ]
    }
}
