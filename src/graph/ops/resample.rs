//! Changes of resolution by a whole factor.

use super::conv::image;
use super::{add_call, call};
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::resample as kernels;
use crate::kernels::resample::ResampleMode;

/// Method of a change of resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// Each pixel becomes a block.
    Nearest,
    /// Upsampling by bilinear interpolation, as PyTorch's `align_corners=False`.
    Bilinear,
    /// Each whole block becomes its mean; the remainder at the edges is dropped.
    AveragePool,
    /// Each whole block becomes its maximum; the remainder at the edges is dropped.
    MaxPool,
    /// Channels to pixels: `[.., s s C]` becomes s times as high and wide.
    PixelShuffle,
    /// Inverse of [`Self::PixelShuffle`]: blocks of s by s pixels become channels.
    PixelUnshuffle,
}

/// Change of resolution: (x `[N, H, W, C]`) -> the same at another resolution.
#[derive(Clone, Copy, Debug)]
pub struct Resample {
    /// Method, up or down.
    pub kind: Resampling,
    /// Whole factor between the resolutions, on both axes.
    pub factor: usize,
}

fn kernel(mode: ResampleMode, input: &Value, output: &Value, factor: usize) -> kernels::ResampleKernel {
    let ends = |value: &Value| match *value.shape.extents() {
        [batch, height, width, channels] => (batch, [height, width], channels),
        _ => (0, [0, 0], 0),
    };
    let ((batch, size, channels), (_, out_size, out_channels)) = (ends(input), ends(output));
    kernels::ResampleKernel { mode, batch, size, channels, out_size, out_channels, factor }
}

impl Op for Resample {
    fn name(&self) -> &'static str {
        match self.kind {
            Resampling::Nearest => "nearest upsampling",
            Resampling::Bilinear => "bilinear upsampling",
            Resampling::AveragePool => "average pool",
            Resampling::MaxPool => "max pool",
            Resampling::PixelShuffle => "pixel shuffle",
            Resampling::PixelUnshuffle => "pixel unshuffle",
        }
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [x] = inputs else { return Err("one input goes in".to_owned()) };
        let (n, [h, w], c) = image(x)?;
        let s = self.factor;
        if s == 0 {
            return Err("the factor must be at least 1".to_owned());
        }
        let divides = |what: &str, values: &[usize], by: usize| match values.iter().find(|&&value| value % by != 0) {
            Some(value) => Err(format!("{what} {value} is no multiple of {by}")),
            None => Ok(()),
        };
        let extents = match self.kind {
            Resampling::Nearest | Resampling::Bilinear => [n, h * s, w * s, c],
            Resampling::AveragePool | Resampling::MaxPool => {
                if h < s || w < s {
                    return Err(format!("a pool of {s}x{s} does not fit in {h}x{w}"));
                }
                [n, h / s, w / s, c]
            }
            Resampling::PixelShuffle => {
                divides("the count of channels", &[c], s * s)?;
                [n, h * s, w * s, c / (s * s)]
            }
            Resampling::PixelUnshuffle => {
                divides("the side", &[h, w], s)?;
                [n, h / s, w / s, c * s * s]
            }
        };
        Ok(vec![ValueType::f32(extents)])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None]) };
        let x = node.inputs[0];
        let area = (self.factor * self.factor) as f32;
        let mode = match self.kind {
            Resampling::Nearest => ResampleMode::BlockSum { scale: 1.0 },
            Resampling::Bilinear => ResampleMode::BilinearBackward,
            Resampling::AveragePool => ResampleMode::Repeat { scale: 1.0 / area },
            Resampling::MaxPool => ResampleMode::BlockMaxBackward,
            Resampling::PixelShuffle => ResampleMode::Unshuffle,
            Resampling::PixelUnshuffle => ResampleMode::Shuffle,
        };
        // A maximum asks what it was taken of; the others look at the gradient alone.
        let first = if self.kind == Resampling::MaxPool { x } else { dout };
        let kernel = kernel(mode, graph.value(first), graph.value(x), self.factor);
        Ok(vec![Some(add_call(graph, kernel, &[first, dout], x, &node.label)?)])
    }

    fn lower(&self, inputs: &[&Value], outputs: &[&Value]) -> Vec<Lowered> {
        let area = (self.factor * self.factor) as f32;
        let mode = match self.kind {
            Resampling::Nearest => ResampleMode::Repeat { scale: 1.0 },
            Resampling::Bilinear => ResampleMode::Bilinear,
            Resampling::AveragePool => ResampleMode::BlockSum { scale: 1.0 / area },
            Resampling::MaxPool => ResampleMode::BlockMax,
            Resampling::PixelShuffle => ResampleMode::Shuffle,
            Resampling::PixelUnshuffle => ResampleMode::Unshuffle,
        };
        let kernel = kernel(mode, inputs[0], outputs[0], self.factor);
        vec![call(kernel, &[Input(0), Input(0)], &[Output(0)])]
    }
}
