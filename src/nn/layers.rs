//! Layers: parameters with their initial values, and the ops that use them.
//!
//! Weights start uniform in +-sqrt(6 / (fan in + fan out)) (Glorot & Bengio 2010), biases at zero. On the canonical
//! model this reaches a quarter less error after 2 epochs than PyTorch's default of +-1/sqrt(fan in), and 4% less after
//! 20.

use crate::graph::ops::{Conv, ConvTranspose, Dense, DepthwiseConv, Normalization, Normalize, Pointwise, Reshape};
use crate::graph::{FileLayout, Graph, GraphError, Init, ValueId};
use crate::kernels::activation::Activation;
use crate::kernels::pointwise::PointwiseStage;
use crate::tensor::Shape;

fn glorot(fan_in: usize, fan_out: usize) -> Init {
    Init::Uniform((6.0 / (fan_in + fan_out).max(1) as f32).sqrt())
}

/// Splits an activation into the one of a layer's op and the one after it: activations that save their input stand
/// alone.
fn split(activation: Activation) -> (Activation, Activation) {
    if activation.saves_input() { (Activation::Identity, activation) } else { (activation, Activation::Identity) }
}

fn bias(graph: &mut Graph, units: usize, name: &str) -> ValueId {
    let bias = graph.parameter(&format!("{name}.bias"), [units], Init::Constant(0.0));
    graph.describe_parameter(bias, false, None);
    bias
}

/// Adds an activation of x; returns x itself for the identity.
pub fn activate(graph: &mut Graph, x: ValueId, activation: Activation, name: &str) -> Result<ValueId, GraphError> {
    if activation == Activation::Identity {
        return Ok(x);
    }
    graph.add(Pointwise::one(PointwiseStage::Activate(activation)), &[x], name)
}

/// Reshapes x to rows of features `[N, D]`.
pub fn flatten(graph: &mut Graph, x: ValueId, name: &str) -> Result<ValueId, GraphError> {
    let shape = graph.value(x).shape.clone();
    if shape.rank() == 2 {
        return Ok(x);
    }
    let batch = shape.extents().first().copied().unwrap_or(1);
    graph.add(Reshape(Shape::new([batch, shape.elements().checked_div(batch).unwrap_or(0)])), &[x], name)
}

/// Adds the parameter `name.weight` `[units, D]` of a dense layer on x. Images come in by pixels (H, W, C) and are
/// written as PyTorch flattens them (C, H, W).
fn dense_weight(graph: &mut Graph, x: ValueId, units: usize, name: &str) -> ValueId {
    let shape = graph.value(x).shape.clone();
    let batch = shape.extents().first().copied().unwrap_or(1);
    let inputs = shape.elements().checked_div(batch).unwrap_or(0);
    let weight = graph.parameter(&format!("{name}.weight"), [units, inputs], glorot(inputs, units));
    if let [_, height, width, channels] = *shape.extents()
        && height * width > 1
        && channels > 1
    {
        let file = FileLayout {
            extents: vec![units, height, width, channels],
            order: vec![0, 3, 1, 2],
            shape: vec![units, inputs],
        };
        graph.describe_parameter(weight, true, Some(file));
    }
    weight
}

/// Adds a dense layer, activation(x weight^T + bias) with parameters `name.weight` `[units, D]` and `name.bias`
/// `[units]`.
pub fn dense(
    graph: &mut Graph,
    x: ValueId,
    units: usize,
    activation: Activation,
    name: &str,
) -> Result<ValueId, GraphError> {
    let weight = dense_weight(graph, x, units, name);
    let bias = bias(graph, units, name);
    let x = flatten(graph, x, name)?;
    let (inside, after) = split(activation);
    let y = graph.add(Dense { activation: inside }, &[x, weight, bias], name)?;
    activate(graph, y, after, name)
}

/// Adds a dense layer that reverses the layer `of` with tied weights: activation(x weight + bias) with the weights
/// `[D, units]` of that layer transposed.
pub fn dense_tied(
    graph: &mut Graph,
    x: ValueId,
    of: &str,
    activation: Activation,
    name: &str,
) -> Result<ValueId, GraphError> {
    let weight_name = format!("{of}.weight");
    let found = graph.parameters().iter().find(|parameter| parameter.name == weight_name);
    let (weight, extents) = match found.map(|parameter| (parameter.value, parameter.shape.extents().to_vec())) {
        Some((weight, extents)) => (weight, extents),
        None => {
            let problem = format!("there is no layer {of} to share weights with");
            return Err(GraphError::Shape { layer: name.to_owned(), problem });
        }
    };
    let [inputs, units] = extents[..] else {
        let problem = format!("{of} is no dense layer, so its weights cannot be shared");
        return Err(GraphError::Shape { layer: name.to_owned(), problem });
    };
    let bias = bias(graph, units, name);
    let x = flatten(graph, x, name)?;
    let batch = graph.value(x).shape.extents()[0];
    // A transposed convolution of one pixel is this product.
    let pixels = graph.add(Reshape(Shape::new([batch, 1, 1, inputs])), &[x], name)?;
    let kernel = graph.add(Reshape(Shape::new([inputs, 1, 1, units])), &[weight], name)?;
    let (inside, after) = split(activation);
    let op = ConvTranspose { stride: [1; 2], padding: [0; 2], output_padding: [0; 2], dilation: 1, activation: inside };
    let y = graph.add(op, &[pixels, kernel, bias], name)?;
    let y = graph.add(Reshape(Shape::new([batch, units])), &[y], name)?;
    activate(graph, y, after, name)
}

/// Geometry of a convolution; pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvGeometry {
    /// Channels of the output; a depthwise convolution ignores them.
    pub filters: usize,
    /// Taps of the window on each axis.
    pub kernel: [usize; 2],
    /// Step between windows, in pixels.
    pub stride: [usize; 2],
    /// Zeros on each side of the input, in pixels; for a transposed convolution pixels cut off the output.
    pub padding: [usize; 2],
    /// Pixels added at the bottom and the right of the output of a transposed convolution.
    pub output_padding: [usize; 2],
    /// Distance between taps in pixels; 1 for adjacent taps.
    pub dilation: usize,
}

fn channels(graph: &Graph, x: ValueId) -> usize {
    graph.value(x).shape.extents().last().copied().unwrap_or(0)
}

/// Adds a convolution, activation(inputs * weight + bias), inputs `[N, H, W, C]` side by side in channels; parameters
/// `name.weight` (OIHW in a file) and `name.bias`.
pub fn conv(
    graph: &mut Graph,
    inputs: &[ValueId],
    geometry: ConvGeometry,
    activation: Activation,
    name: &str,
) -> Result<ValueId, GraphError> {
    let ConvGeometry { filters, kernel: [kh, kw], stride, padding, dilation, .. } = geometry;
    let all_channels: usize = inputs.iter().map(|&x| channels(graph, x)).sum();
    let weight = graph.parameter(
        &format!("{name}.weight"),
        [filters, kh, kw, all_channels],
        glorot(kh * kw * all_channels, kh * kw * filters),
    );
    let file = FileLayout {
        extents: vec![filters, kh, kw, all_channels],
        order: vec![0, 3, 1, 2],
        shape: vec![filters, all_channels, kh, kw],
    };
    graph.describe_parameter(weight, true, Some(file));
    let bias = bias(graph, filters, name);
    let (inside, after) = split(activation);
    let operands: Vec<ValueId> = inputs.iter().copied().chain([weight, bias]).collect();
    let y = graph.add(Conv { stride, padding, dilation, activation: inside }, &operands, name)?;
    activate(graph, y, after, name)
}

/// Adds a transposed convolution, activation(transposed convolution of x + bias); parameters `name.weight` (IOHW in a
/// file) and `name.bias`.
pub fn conv_transpose(
    graph: &mut Graph,
    x: ValueId,
    geometry: ConvGeometry,
    activation: Activation,
    name: &str,
) -> Result<ValueId, GraphError> {
    let ConvGeometry { filters, kernel: [kh, kw], stride, padding, output_padding, dilation } = geometry;
    let inputs = channels(graph, x);
    // A place of the output is reached by a stride's share of the taps.
    let reached = (kh * kw).div_ceil(stride[0] * stride[1]).max(1);
    let weight = graph.parameter(
        &format!("{name}.weight"),
        [inputs, kh, kw, filters],
        glorot(reached * inputs, kh * kw * filters),
    );
    let file = FileLayout {
        extents: vec![inputs, kh, kw, filters],
        order: vec![0, 3, 1, 2],
        shape: vec![inputs, filters, kh, kw],
    };
    graph.describe_parameter(weight, true, Some(file));
    let bias = bias(graph, filters, name);
    let (inside, after) = split(activation);
    let op = ConvTranspose { stride, padding, output_padding, dilation, activation: inside };
    let y = graph.add(op, &[x, weight, bias], name)?;
    activate(graph, y, after, name)
}

/// Adds a depthwise convolution; parameters `name.weight` (`[C, 1, KH, KW]` in a file) and `name.bias`.
pub fn depthwise(
    graph: &mut Graph,
    x: ValueId,
    geometry: ConvGeometry,
    activation: Activation,
    name: &str,
) -> Result<ValueId, GraphError> {
    let ConvGeometry { kernel: [kh, kw], stride, padding, dilation, .. } = geometry;
    let count = channels(graph, x);
    let weight = graph.parameter(&format!("{name}.weight"), [kh, kw, count], glorot(kh * kw, kh * kw));
    let file = FileLayout { extents: vec![kh, kw, count], order: vec![2, 0, 1], shape: vec![count, 1, kh, kw] };
    graph.describe_parameter(weight, true, Some(file));
    let bias = bias(graph, count, name);
    let (inside, after) = split(activation);
    let y = graph.add(DepthwiseConv { stride, padding, dilation, activation: inside }, &[x, weight, bias], name)?;
    activate(graph, y, after, name)
}

/// Adds a normalization with parameters `name.weight` and `name.bias` `[C]`; batch normalization (and, in evaluation,
/// given statistics) with `name.running` `[C, 2]` as well.
pub fn normalize(
    graph: &mut Graph,
    x: ValueId,
    kind: Normalization,
    activation: Activation,
    name: &str,
) -> Result<ValueId, GraphError> {
    /// Addend of the variance, PyTorch's default.
    const EPSILON: f32 = 1e-5;
    let count = channels(graph, x);
    let scale = graph.parameter(&format!("{name}.weight"), [count], Init::Constant(1.0));
    graph.describe_parameter(scale, false, None);
    let shift = bias(graph, count, name);
    let mut inputs = vec![x, scale, shift];
    if !matches!(kind, Normalization::Group { .. }) {
        let running = graph.statistic(&format!("{name}.running"), [count, 2], Init::Pairs([0.0, 1.0]));
        // In a file: the means, then the variances.
        let file = FileLayout { extents: vec![count, 2], order: vec![1, 0], shape: vec![2, count] };
        graph.describe_parameter(running, false, Some(file));
        inputs.push(running);
    }
    let (inside, after) = split(activation);
    let op = Normalize { kind, epsilon: EPSILON, activation: inside };
    let y = graph.add_op(std::sync::Arc::new(op), &inputs, name)?[0];
    activate(graph, y, after, name)
}
