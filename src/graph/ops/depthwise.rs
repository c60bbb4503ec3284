//! Depthwise convolutions: each channel has its own window.

use super::call;
use super::conv::{ConvKind, ConvWindow, image, layer_gradients};
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::conv::{ConvShape, Finish};
use crate::kernels::depthwise::{Depthwise, DepthwiseProduct};

/// Depthwise convolution: (x `[N, H, W, C]`, weight `[KH, KW, C]`, bias `[C]`) -> activation(x * weight + bias)
/// `[N, OH, OW, C]`.
#[derive(Clone, Debug)]
pub struct DepthwiseConv {
    /// Step between windows in pixels, (vertical, horizontal).
    pub stride: [usize; 2],
    /// Zeros on each side of the input in pixels, (vertical, horizontal).
    pub padding: [usize; 2],
    /// Distance between taps in pixels; 1 for adjacent taps.
    pub dilation: usize,
    /// Activation of the output.
    pub activation: Activation,
}

impl DepthwiseConv {
    fn shape(&self, inputs: &[&Value]) -> Result<ConvShape, String> {
        let [x, weight, bias] = inputs else { return Err("x, weight and bias go in".to_owned()) };
        let image @ (_, _, channels) = image(x)?;
        let [kh, kw, weight_channels] = *weight.shape.extents() else {
            return Err(format!("weights are [KH, KW, C], not {}", weight.shape));
        };
        if weight_channels != channels || bias.shape.extents() != [channels] {
            return Err(format!("{channels} channels do not fit weights {} and bias {}", weight.shape, bias.shape));
        }
        let window =
            ConvWindow { kernel: [kh, kw], stride: self.stride, padding: self.padding, dilation: self.dilation };
        window.shape(image, channels)
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
        let shapes = |values: &[&Value]| Ok(vec![self.shape(values)?]);
        layer_gradients(graph, node, (ConvKind::Depthwise, self.activation), douts[0], needs, shapes)
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok(shape) = self.shape(inputs) else { return Vec::new() };
        let kernel = Depthwise { shape, product: DepthwiseProduct::Gather(Finish::Forward(self.activation)) };
        vec![call(kernel, &[Input(0), Input(1), Input(2)], &[Output(0)])]
    }
}
