//! Convolutions and transposed convolutions, each of one or (for convolutions) several inputs side by side in channels.

use std::sync::Arc;

use super::call;
use super::pointwise::activation_gradient;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::conv::{ConvGather, ConvScatter, ConvShape, ConvWeights, Finish};
use crate::kernels::dense::DenseVariant;
use crate::kernels::slots::{ColumnSums, ReduceSlots, SlotSplit};

/// How windows lie on the input; pairs are (down, along).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: usize,
}

impl Window {
    /// Height and width after a convolution, or what is wrong.
    pub fn out_size(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
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

/// The four extents of images [N, H, W, C].
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

/// (x [N, H, W, C], more such with channels of their own, weight [K, KH, KW, all C], bias [K])
/// -> activation(x * weight + bias) [N, OH, OW, K]. Several inputs are as one joined along the channels.
#[derive(Clone, Debug)]
pub struct Conv {
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: usize,
    pub activation: Activation,
}

impl Conv {
    fn window(&self, weight: &Value) -> Result<Window, String> {
        match *weight.shape.extents() {
            [_, kh, kw, _] => {
                Ok(Window { kernel: [kh, kw], stride: self.stride, padding: self.padding, dilation: self.dilation })
            }
            _ => Err(format!("weights are [K, KH, KW, C], not {}", weight.shape)),
        }
    }

    /// The product for each input, and the shape of the output. `values`: inputs as of the op.
    fn shapes(&self, values: &[&Value]) -> Result<Vec<ConvShape>, String> {
        let [sources @ .., weight, bias] = values else { return Err("x, weight and bias go in".to_owned()) };
        let window = self.window(weight)?;
        let extents = weight.shape.extents();
        check_bias(bias, extents[0])?;
        let mut shapes: Vec<ConvShape> = Vec::new();
        let mut offset = 0;
        for source in sources {
            let (batch, size, channels) = image(source)?;
            if let Some(first) = shapes.first()
                && (first.batch, first.size) != (batch, size)
            {
                return Err(format!("inputs of {} and {} cannot lie side by side", sources[0].shape, source.shape));
            }
            shapes.push(ConvShape {
                batch,
                size,
                channels,
                out_size: window.out_size(size)?,
                filters: extents[0],
                kernel: window.kernel,
                stride: window.stride,
                padding: window.padding,
                dilation: window.dilation,
                weight_channels: extents[3],
                channel_offset: offset,
            });
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
        let Some(dout) = douts[0] else { return Ok(vec![None; node.inputs.len()]) };
        let dout = activation_gradient(graph, self.activation, dout, node.outputs[0], &node.label)?;
        let label = format!("gradient of {}", node.label);
        let values: Vec<&Value> = node.inputs.iter().map(|id| graph.value(*id)).collect();
        let shapes = self.shapes(&values).map_err(|problem| GraphError::Shape { layer: label.clone(), problem })?;
        let sources = shapes.len();
        let (weight, bias) = (node.inputs[sources], node.inputs[sources + 1]);
        let mut gradients = Vec::with_capacity(node.inputs.len());
        for (index, &shape) in shapes.iter().enumerate() {
            let op = ConvInputGradient { shape, input_activation: Activation::Identity };
            gradients.push(match needs[index] {
                true => Some(graph.add(op, &[dout, weight, node.inputs[index]], &label)?),
                false => None,
            });
        }
        let op = ConvWeightGradient { shapes, bias_of_fine_side: false };
        let inputs: Vec<ValueId> =
            std::iter::once(dout).chain(node.inputs[..sources].iter().copied()).chain([weight, bias]).collect();
        let made = graph.add_op(Arc::new(op), &inputs, &label)?;
        gradients.extend([Some(made[0]), Some(made[1])]);
        Ok(gradients)
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let shapes = self.shapes(inputs).unwrap_or_default();
        let last = shapes.len().saturating_sub(1);
        let calls = shapes.iter().enumerate().map(|(index, &shape)| {
            // The bias and the activation come with the last input.
            let finish = if index == last { Finish::Forward(self.activation) } else { Finish::Plain };
            let kernel = ConvGather { shape, finish, accumulate: index > 0, variant: DenseVariant::default() };
            call(kernel, &[Input(index), Input(last + 1), Input(last + 2)], &[Output(0)])
        });
        calls.collect()
    }
}

/// (dy, weight, x) -> dx, with the derivative of the activation that made x where that is folded in.
#[derive(Clone, Debug)]
struct ConvInputGradient {
    shape: ConvShape,
    input_activation: Activation,
}

fn finish_backward(activation: Activation) -> Finish {
    if activation == Activation::Identity { Finish::Plain } else { Finish::Backward(activation) }
}

impl Op for ConvInputGradient {
    fn name(&self) -> &'static str {
        "conv input gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType::f32(inputs[2].shape.extents())])
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let kernel = ConvScatter {
            shape: self.shape,
            finish: finish_backward(self.input_activation),
            variant: DenseVariant::default(),
        };
        vec![call(kernel, &[Input(0), Input(1), Input(2)], &[Output(0)])]
    }

    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        (index == 0 && outputs_of == 2 && self.input_activation == Activation::Identity)
            .then(|| Arc::new(Self { input_activation: activation, ..self.clone() }) as Arc<dyn Op>)
    }
}

/// (dy, x of each input, weight, bias) -> dweight, dbias, and the partial sums that they are made from.
#[derive(Clone, Debug)]
struct ConvWeightGradient {
    shapes: Vec<ConvShape>,
    /// A transposed convolution: the gradient comes in on the fine side (input 1), and there is the bias.
    bias_of_fine_side: bool,
}

impl ConvWeightGradient {
    /// Rows and columns of what the bias was added to.
    fn biased(&self) -> (usize, usize) {
        let shape = &self.shapes[0];
        if self.bias_of_fine_side {
            (shape.batch * shape.size[0] * shape.size[1], shape.channels)
        } else {
            (shape.places(), shape.filters)
        }
    }
}

impl Op for ConvWeightGradient {
    fn name(&self) -> &'static str {
        "conv weight gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [.., weight, bias] = inputs else { return Err("dy, x, weight and bias go in".to_owned()) };
        let mut types = vec![ValueType::f32(weight.shape.extents()), ValueType::f32(bias.shape.extents())];
        let (rows, columns) = self.biased();
        types.push(ValueType::f32([SlotSplit::of(rows, columns).slots, columns]));
        for shape in &self.shapes {
            types.push(ValueType::f32([shape.split().slots, shape.filters, shape.taps(), shape.channels]));
        }
        Ok(types)
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (rows, columns) = self.biased();
        let split = SlotSplit::of(rows, columns);
        let biased = Input(usize::from(self.bias_of_fine_side));
        let mut calls = vec![
            call(ColumnSums { rows, columns, split }, &[biased], &[Output(2)]),
            call(ReduceSlots::plain(columns, split.slots), &[Output(2)], &[Output(1)]),
        ];
        for (index, &shape) in self.shapes.iter().enumerate() {
            let partials = Output(3 + index);
            let kernel = ConvWeights { shape, variant: DenseVariant::default() };
            calls.push(call(kernel, &[Input(1 + index), Input(0)], &[partials]));
            let reduce = ReduceSlots {
                count: shape.filters * shape.taps() * shape.channels,
                slots: shape.split().slots,
                run: shape.channels,
                pitch: shape.weight_channels,
                offset: shape.channel_offset,
            };
            calls.push(call(reduce, &[partials], &[Output(0)]));
        }
        calls
    }
}

/// (y [N, OH, OW, K], weight [K, KH, KW, C], bias [C]) -> activation(transposed convolution + bias) [N, H, W, C] with
/// H = (OH - 1) stride - 2 padding + (KH - 1) dilation + 1 + output padding.
#[derive(Clone, Debug)]
pub struct ConvTranspose {
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub output_padding: [usize; 2],
    pub dilation: usize,
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
        let Some(dout) = douts[0] else { return Ok(vec![None; 3]) };
        let dout = activation_gradient(graph, self.activation, dout, node.outputs[0], &node.label)?;
        let label = format!("gradient of {}", node.label);
        let values: Vec<&Value> = node.inputs.iter().map(|id| graph.value(*id)).collect();
        let shape = self.shape(&values).map_err(|problem| GraphError::Shape { layer: label.clone(), problem })?;
        let [y, weight, bias] = node.inputs[..] else { return Ok(vec![None; 3]) };
        let op = ConvTransposeInputGradient { shape, input_activation: Activation::Identity };
        let dy = if needs[0] { Some(graph.add(op, &[dout, weight, y], &label)?) } else { None };
        // The gradient comes in where a convolution has x, and y is where it has dy.
        let op = ConvWeightGradient { shapes: vec![shape], bias_of_fine_side: true };
        let made = graph.add_op(Arc::new(op), &[y, dout, weight, bias], &label)?;
        Ok(vec![dy, Some(made[0]), Some(made[1])])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok(shape) = self.shape(inputs) else { return Vec::new() };
        let finish = Finish::Forward(self.activation);
        let kernel = ConvScatter { shape, finish, variant: DenseVariant::default() };
        vec![call(kernel, &[Input(0), Input(1), Input(2)], &[Output(0)])]
    }
}

/// (dx, weight, y) -> dy, with the derivative of the activation that made y where that is folded in.
#[derive(Clone, Debug)]
struct ConvTransposeInputGradient {
    shape: ConvShape,
    input_activation: Activation,
}

impl Op for ConvTransposeInputGradient {
    fn name(&self) -> &'static str {
        "transposed conv input gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType::f32(inputs[2].shape.extents())])
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let kernel = ConvGather {
            shape: self.shape,
            finish: finish_backward(self.input_activation),
            accumulate: false,
            variant: DenseVariant::default(),
        };
        vec![call(kernel, &[Input(0), Input(1), Input(2)], &[Output(0)])]
    }

    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        (index == 0 && outputs_of == 2 && self.input_activation == Activation::Identity)
            .then(|| Arc::new(Self { input_activation: activation, ..self.clone() }) as Arc<dyn Op>)
    }
}
