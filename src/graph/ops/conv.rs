//! Convolutions and transposed convolutions, each of one or (for convolutions) several inputs side by side in channels.

use std::sync::Arc;

use super::call;
use super::pointwise::activation_gradient;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::conv::{ConvGather, ConvScatter, ConvShape, ConvWeights, Finish};
use crate::kernels::depthwise::{Depthwise, DepthwiseProduct};
use crate::kernels::gemm_variant::GemmVariant;
use crate::kernels::partial_sums::{ColumnSums, ReducePartialSums, SplitK};

/// Geometry of the windows on the input; pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConvWindow {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: usize,
}

impl ConvWindow {
    /// Returns height and width after a convolution, or a description of the mismatch.
    fn out_size(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
        if self.stride.contains(&0) || self.kernel.contains(&0) || self.dilation == 0 {
            return Err("kernel, stride and dilation must be at least 1".to_owned());
        }
        let mut out = [0; 2];
        for axis in 0..2 {
            let reach = (self.kernel[axis] - 1) * self.dilation + 1;
            let padded = size[axis] + 2 * self.padding[axis];
            out[axis] = padded.checked_sub(reach).map(|rest| rest / self.stride[axis] + 1).ok_or_else(|| {
                format!(
                    "a kernel of {}x{} does not fit in {}x{} with padding {}; use a smaller kernel or more padding",
                    self.kernel[0], self.kernel[1], size[0], size[1], self.padding[axis]
                )
            })?;
        }
        Ok(out)
    }
}

impl ConvWindow {
    /// Returns the sizes of the convolution of images, all of whose channels the weights see.
    pub fn shape(
        self,
        (batch, size, channels): (usize, [usize; 2], usize),
        filters: usize,
    ) -> Result<ConvShape, String> {
        Ok(ConvShape {
            batch,
            size,
            channels,
            out_size: self.out_size(size)?,
            filters,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            weight_channels: channels,
            channel_offset: 0,
        })
    }
}

/// Returns the four extents of images `[N, H, W, C]`.
pub(super) fn image(value: &Value) -> Result<(usize, [usize; 2], usize), String> {
    match *value.shape.extents() {
        [batch, height, width, channels] if value.shape.elements() > 0 => Ok((batch, [height, width], channels)),
        _ => Err(format!("images [N, H, W, C] go in, not {}", value.shape)),
    }
}

fn check_bias(bias: &Value, columns: usize) -> Result<(), String> {
    if bias.shape.extents() == [columns] {
        return Ok(());
    }
    Err(format!("a bias of {} does not fit {columns} channels", bias.shape))
}

/// Convolution: (x `[N, H, W, C]`, more such with channels of their own, weight `[K, KH, KW, all C]`, bias `[K]`) ->
/// activation(x * weight + bias) `[N, OH, OW, K]`. Several inputs count as one joined along the channels.
#[derive(Clone, Debug)]
pub struct Conv {
    /// Step between windows in pixels, (vertical, horizontal).
    pub stride: [usize; 2],
    /// Zeros on each side of the input in pixels, (vertical, horizontal).
    pub padding: [usize; 2],
    /// Distance between taps in pixels; 1 for adjacent taps.
    pub dilation: usize,
    /// Activation of the output.
    pub activation: Activation,
}

impl Conv {
    fn window(&self, weight: &Value) -> Result<ConvWindow, String> {
        match *weight.shape.extents() {
            [_, kh, kw, _] => {
                Ok(ConvWindow { kernel: [kh, kw], stride: self.stride, padding: self.padding, dilation: self.dilation })
            }
            _ => Err(format!("weights are [K, KH, KW, C], not {}", weight.shape)),
        }
    }

    /// Returns the sizes of the convolution of each input; the first determine the output's. `values`: inputs of the
    /// op.
    fn shapes(&self, values: &[&Value]) -> Result<Vec<ConvShape>, String> {
        let [sources @ .., weight, bias] = values else { return Err("x, weight and bias go in".to_owned()) };
        let window = self.window(weight)?;
        let extents = weight.shape.extents();
        check_bias(bias, extents[0])?;
        let mut shapes: Vec<ConvShape> = Vec::new();
        let mut offset = 0;
        for source in sources {
            let image @ (batch, size, channels) = image(source)?;
            if let Some(first) = shapes.first()
                && (first.batch, first.size) != (batch, size)
            {
                return Err(format!("inputs of {} and {} cannot lie side by side", sources[0].shape, source.shape));
            }
            let seen = window.shape(image, extents[0])?;
            shapes.push(ConvShape { weight_channels: extents[3], channel_offset: offset, ..seen });
            offset += channels;
        }
        if shapes.is_empty() || offset != extents[3] {
            return Err(format!("{offset} channels come in and the weights {} take {}", weight.shape, extents[3]));
        }
        Ok(shapes)
    }
}

impl Op for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let shape = self.shapes(inputs)?[0];
        Ok(vec![ValueType::f32([shape.batch, shape.out_size[0], shape.out_size[1], shape.filters])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        layer_gradients(graph, node, (ConvKind::Conv, self.activation), douts[0], needs, |values| self.shapes(values))
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let shapes = self.shapes(inputs).unwrap_or_default();
        let last = shapes.len().saturating_sub(1);
        let calls = shapes.iter().enumerate().map(|(index, &shape)| {
            // The bias and the activation come with the last input.
            let finish = if index == last { Finish::Forward(self.activation) } else { Finish::Plain };
            let kernel = ConvGather { shape, finish, accumulate: index > 0, variant: GemmVariant::default() };
            call(kernel, &[Input(index), Input(last + 1), Input(last + 2)], &[Output(0)])
        });
        calls.collect()
    }
}

/// Kind of convolution, which selects the kernel of the input gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConvKind {
    Conv,
    ConvTranspose,
    Depthwise,
}

/// Input gradient: (gradient of the output, weight, input) -> gradient of the input, times the derivative of the
/// activation that made the input if folded in.
#[derive(Clone, Debug)]
struct InputGradient {
    layer: ConvKind,
    shape: ConvShape,
    input_activation: Activation,
}

impl Op for InputGradient {
    fn name(&self) -> &'static str {
        "input gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType::f32(inputs[2].shape.extents())])
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (shape, variant) = (self.shape, GemmVariant::default());
        let finish = match self.input_activation {
            Activation::Identity => Finish::Plain,
            activation => Finish::Backward(activation),
        };
        let (reads, writes) = ([Input(0), Input(1), Input(2)], [Output(0)]);
        vec![match self.layer {
            ConvKind::Conv => call(ConvScatter { shape, finish, variant }, &reads, &writes),
            ConvKind::ConvTranspose => call(ConvGather { shape, finish, accumulate: false, variant }, &reads, &writes),
            ConvKind::Depthwise => {
                call(Depthwise { shape, product: DepthwiseProduct::Scatter(finish) }, &reads, &writes)
            }
        }]
    }

    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        (index == 0 && outputs_of == 2 && self.input_activation == Activation::Identity)
            .then(|| Arc::new(Self { input_activation: activation, ..self.clone() }) as Arc<dyn Op>)
    }
}

/// Weight gradient: (gradient of the output, each input, weight, bias) -> dweight, dbias, and the partial sums that
/// they are made from.
#[derive(Clone, Debug)]
struct WeightGradient {
    layer: ConvKind,
    /// Sizes of the convolution of each input.
    shapes: Vec<ConvShape>,
}

impl WeightGradient {
    /// Rows and columns of the output.
    fn biased(&self) -> (usize, usize) {
        let shape = &self.shapes[0];
        match self.layer {
            ConvKind::ConvTranspose => (shape.batch * shape.size[0] * shape.size[1], shape.channels),
            ConvKind::Conv | ConvKind::Depthwise => (shape.places(), shape.filters),
        }
    }

    fn split(&self, shape: &ConvShape) -> SplitK {
        if self.layer == ConvKind::Depthwise { shape.depthwise_split() } else { shape.split() }
    }

    /// Split of the sums that make the bias gradient: a convolution's come with those of its weights.
    fn bias_split(&self) -> SplitK {
        let (rows, columns) = self.biased();
        if self.layer == ConvKind::Conv { self.split(&self.shapes[0]) } else { SplitK::new(rows, columns) }
    }

    /// Weights that an input meets.
    fn count(&self, shape: &ConvShape) -> usize {
        let filters = if self.layer == ConvKind::Depthwise { 1 } else { shape.filters };
        filters * shape.taps() * shape.channels
    }
}

impl Op for WeightGradient {
    fn name(&self) -> &'static str {
        "weight gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [.., weight, bias] = inputs else { return Err("gradient, input, weight and bias go in".to_owned()) };
        let (_, columns) = self.biased();
        let mut types = vec![ValueType::f32(weight.shape.extents()), ValueType::f32(bias.shape.extents())];
        types.push(ValueType::f32([self.bias_split().slots, columns]));
        types.extend(self.shapes.iter().map(|shape| ValueType::f32([self.split(shape).slots, self.count(shape)])));
        Ok(types)
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (rows, columns) = self.biased();
        let split = self.bias_split();
        let mut calls = Vec::new();
        if self.layer != ConvKind::Conv {
            calls.push(call(ColumnSums { rows, columns, split }, &[Input(0)], &[Output(2)]));
        }
        for (index, &shape) in self.shapes.iter().enumerate() {
            let (gradient, input, partials) = (Input(0), Input(1 + index), [Output(3 + index)]);
            // The bias comes with the first input.
            let sums_bias = self.layer == ConvKind::Conv && index == 0;
            let weights = ConvWeights { shape, sums_bias, variant: GemmVariant::default() };
            calls.push(match self.layer {
                ConvKind::Conv if sums_bias => call(weights, &[input, gradient], &[partials[0], Output(2)]),
                ConvKind::Conv => call(weights, &[input, gradient], &partials),
                // The gradient comes in on the fine side, where a convolution has its input.
                ConvKind::ConvTranspose => call(weights, &[gradient, input], &partials),
                ConvKind::Depthwise => {
                    call(Depthwise { shape, product: DepthwiseProduct::Weights }, &[input, gradient], &partials)
                }
            });
            let reduce = ReducePartialSums {
                count: self.count(&shape),
                slots: self.split(&shape).slots,
                run: shape.channels,
                pitch: shape.weight_channels,
                offset: shape.channel_offset,
                bias: (index == 0).then_some((columns, split.slots)),
            };
            calls.push(match reduce.bias {
                Some(_) => call(reduce, &[partials[0], Output(2)], &[Output(0), Output(1)]),
                None => call(reduce, &partials, &[Output(0)]),
            });
        }
        calls
    }
}

/// Adds the gradients of a layer's inputs (those that are needed), weight and bias, given that of its output.
pub(super) fn layer_gradients(
    graph: &mut Graph,
    node: &Node,
    (layer, activation): (ConvKind, Activation),
    dout: Option<ValueId>,
    needs: &[bool],
    shapes: impl Fn(&[&Value]) -> Result<Vec<ConvShape>, String>,
) -> Result<Vec<Option<ValueId>>, GraphError> {
    let (Some(dout), [inputs @ .., weight, _]) = (dout, &node.inputs[..]) else {
        return Ok(vec![None; node.inputs.len()]);
    };
    let dout = activation_gradient(graph, activation, dout, node.outputs[0], &node.label)?;
    let label = format!("gradient of {}", node.label);
    let values: Vec<&Value> = node.inputs.iter().map(|id| graph.value(*id)).collect();
    let shapes = shapes(&values).map_err(|problem| GraphError::Shape { layer: label.clone(), problem })?;
    let mut gradients = Vec::with_capacity(node.inputs.len());
    for ((&shape, &input), &need) in shapes.iter().zip(inputs).zip(needs) {
        let op = InputGradient { layer, shape, input_activation: Activation::Identity };
        gradients.push(if need { Some(graph.add(op, &[dout, *weight, input], &label)?) } else { None });
    }
    let operands: Vec<ValueId> = std::iter::once(dout).chain(node.inputs.iter().copied()).collect();
    let made = graph.add_op(Arc::new(WeightGradient { layer, shapes }), &operands, &label)?;
    gradients.extend([Some(made[0]), Some(made[1])]);
    Ok(gradients)
}

/// Transposed convolution: (y `[N, OH, OW, K]`, weight `[K, KH, KW, C]`, bias `[C]`) -> activation(transposed
/// convolution + bias) `[N, H, W, C]` with H = (OH - 1) stride - 2 padding + (KH - 1) dilation + 1 + output padding.
#[derive(Clone, Debug)]
pub struct ConvTranspose {
    /// Step between windows in pixels of the output, (vertical, horizontal).
    pub stride: [usize; 2],
    /// Pixels cut off each side of the output, (vertical, horizontal).
    pub padding: [usize; 2],
    /// Pixels added at the bottom and the right of the output; less than the larger of stride and dilation.
    pub output_padding: [usize; 2],
    /// Distance between taps in pixels of the output; 1 for adjacent taps.
    pub dilation: usize,
    /// Activation of the output.
    pub activation: Activation,
}

impl ConvTranspose {
    fn shape(&self, inputs: &[&Value]) -> Result<ConvShape, String> {
        let [y, weight, bias] = inputs else { return Err("y, weight and bias go in".to_owned()) };
        let (batch, out_size, filters) = image(y)?;
        let [weight_filters, kh, kw, channels] = *weight.shape.extents() else {
            return Err(format!("weights are [K, KH, KW, C], not {}", weight.shape));
        };
        if weight_filters != filters {
            return Err(format!("{filters} channels come in and the weights {} take {weight_filters}", weight.shape));
        }
        check_bias(bias, channels)?;
        let kernel = [kh, kw];
        let mut size = [0; 2];
        for axis in 0..2 {
            if self.output_padding[axis] >= self.stride[axis].max(self.dilation) {
                return Err("output padding must be below stride or dilation".to_owned());
            }
            let whole = (out_size[axis] - 1) * self.stride[axis]
                + (kernel[axis].max(1) - 1) * self.dilation
                + 1
                + self.output_padding[axis];
            size[axis] = whole
                .checked_sub(2 * self.padding[axis])
                .filter(|&size| size > 0)
                .ok_or_else(|| format!("a padding of {} leaves nothing of {whole}; use less", self.padding[axis]))?;
        }
        Ok(ConvShape {
            batch,
            size,
            channels,
            out_size,
            filters,
            kernel,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            weight_channels: channels,
            channel_offset: 0,
        })
    }
}

impl Op for ConvTranspose {
    fn name(&self) -> &'static str {
        "transposed conv"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let shape = self.shape(inputs)?;
        Ok(vec![ValueType::f32([shape.batch, shape.size[0], shape.size[1], shape.channels])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let shapes = |values: &[&Value]| Ok(vec![self.shape(values)?]);
        layer_gradients(graph, node, (ConvKind::ConvTranspose, self.activation), douts[0], needs, shapes)
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok(shape) = self.shape(inputs) else { return Vec::new() };
        let finish = Finish::Forward(self.activation);
        let kernel = ConvScatter { shape, finish, variant: GemmVariant::default() };
        vec![call(kernel, &[Input(0), Input(1), Input(2)], &[Output(0)])]
    }
}
