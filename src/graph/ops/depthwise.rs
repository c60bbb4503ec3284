//! Depthwise convolutions: each channel has its own window.

use std::sync::Arc;

use super::call;
use super::conv::{Window, image};
use super::pointwise::activation_gradient;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::conv::{ConvShape, Finish};
use crate::kernels::depthwise::{Depthwise, DepthwiseProduct};
use crate::kernels::slots::{ColumnSums, ReduceSlots, SlotSplit};

/// (x [N, H, W, C], weight [KH, KW, C], bias [C]) -> activation(x * weight + bias) [N, OH, OW, C]
#[derive(Clone, Debug)]
pub struct DepthwiseConv {
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: usize,
    pub activation: Activation,
}

impl DepthwiseConv {
    fn shape(&self, inputs: &[&Value]) -> Result<ConvShape, String> {
        let [x, weight, bias] = inputs else { return Err("x, weight and bias go in".to_owned()) };
        let (batch, size, channels) = image(x)?;
        let [kh, kw, weight_channels] = *weight.shape.extents() else {
            return Err(format!("weights are [KH, KW, C], not {}", weight.shape));
        };
        if weight_channels != channels || bias.shape.extents() != [channels] {
            return Err(format!("{channels} channels do not fit weights {} and bias {}", weight.shape, bias.shape));
        }
        let window = Window { kernel: [kh, kw], stride: self.stride, padding: self.padding, dilation: self.dilation };
        Ok(ConvShape {
            batch,
            size,
            channels,
            out_size: window.out_size(size)?,
            filters: channels,
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding,
            dilation: window.dilation,
            weight_channels: channels,
            channel_offset: 0,
        })
    }
}

impl Op for DepthwiseConv {
    fn name(&self) -> &'static str {
        "depthwise conv"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let shape = self.shape(inputs)?;
        Ok(vec![ValueType::f32([shape.batch, shape.out_size[0], shape.out_size[1], shape.channels])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None; 3]) };
        let dout = activation_gradient(graph, self.activation, dout, node.outputs[0], &node.label)?;
        let label = format!("gradient of {}", node.label);
        let values: Vec<&Value> = node.inputs.iter().map(|id| graph.value(*id)).collect();
        let shape = self.shape(&values).map_err(|problem| GraphError::Shape { layer: label.clone(), problem })?;
        let [x, weight, bias] = node.inputs[..] else { return Ok(vec![None; 3]) };
        let op = DepthwiseInputGradient { shape, input_activation: Activation::Identity };
        let dx = if needs[0] { Some(graph.add(op, &[dout, weight, x], &label)?) } else { None };
        let made = graph.add_op(Arc::new(DepthwiseWeightGradient { shape }), &[dout, x, weight, bias], &label)?;
        Ok(vec![dx, Some(made[0]), Some(made[1])])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok(shape) = self.shape(inputs) else { return Vec::new() };
        let kernel = Depthwise { shape, product: DepthwiseProduct::Gather(Finish::Forward(self.activation)) };
        vec![call(kernel, &[Input(0), Input(1), Input(2)], &[Output(0)])]
    }
}

/// (dy, weight, x) -> dx
#[derive(Clone, Debug)]
struct DepthwiseInputGradient {
    shape: ConvShape,
    input_activation: Activation,
}

impl Op for DepthwiseInputGradient {
    fn name(&self) -> &'static str {
        "depthwise input gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType::f32(inputs[2].shape.extents())])
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let finish = match self.input_activation {
            Activation::Identity => Finish::Plain,
            activation => Finish::Backward(activation),
        };
        let kernel = Depthwise { shape: self.shape, product: DepthwiseProduct::Scatter(finish) };
        vec![call(kernel, &[Input(0), Input(1), Input(2)], &[Output(0)])]
    }

    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        (index == 0 && outputs_of == 2 && self.input_activation == Activation::Identity)
            .then(|| Arc::new(Self { input_activation: activation, ..self.clone() }) as Arc<dyn Op>)
    }
}

/// (dy, x, weight, bias) -> dweight, dbias, and the partial sums that they are made from.
#[derive(Clone, Debug)]
struct DepthwiseWeightGradient {
    shape: ConvShape,
}

impl Op for DepthwiseWeightGradient {
    fn name(&self) -> &'static str {
        "depthwise weight gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [_, _, weight, bias] = inputs else { return Err("dy, x, weight and bias go in".to_owned()) };
        let shape = &self.shape;
        let bias_slots = SlotSplit::of(shape.places(), shape.channels).slots;
        Ok(vec![
            ValueType::f32(weight.shape.extents()),
            ValueType::f32(bias.shape.extents()),
            ValueType::f32([bias_slots, shape.channels]),
            ValueType::f32([shape.depthwise_split().slots, shape.taps(), shape.channels]),
        ])
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let shape = self.shape;
        let (rows, columns) = (shape.places(), shape.channels);
        let split = SlotSplit::of(rows, columns);
        let weights = Depthwise { shape, product: DepthwiseProduct::Weights };
        let reduce = ReduceSlots::plain(shape.taps() * columns, shape.depthwise_split().slots);
        vec![
            call(ColumnSums { rows, columns, split }, &[Input(0)], &[Output(2)]),
            call(ReduceSlots::plain(columns, split.slots), &[Output(2)], &[Output(1)]),
            call(weights, &[Input(1), Input(0)], &[Output(3)]),
            call(reduce, &[Output(3)], &[Output(0)]),
        ]
    }
}
