//! Launches of the products that read or make one to three values a pixel (`shaders/conv_from_few.wgsl`,
//! `conv_to_few.wgsl`, `conv_weights_few.wgsl`, `conv_weights_to_few.wgsl`), and which products those are.

use super::{ConvGather, ConvScatter, ConvShape, ConvWeights};
use crate::device::gpu::{GpuTarget, ShaderRequest};
use crate::kernels::GpuLaunch;

/// More values of a pixel than this fill a vec4 well enough.
const MOST: usize = 3;

/// Columns of the result that an invocation makes.
const COLUMNS_AT_ONCE: usize = 16;

/// Which side of a product has few values a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Read,
    Made,
}

/// y from x.
fn gather_side(shape: &ConvShape) -> Option<Side> {
    if shape.filters <= MOST && shape.stride[1] == 1 && shape.dilation == 1 {
        Some(Side::Made)
    } else {
        (shape.channels <= MOST).then_some(Side::Read)
    }
}

/// x from y.
fn scatter_side(shape: &ConvShape) -> Option<Side> {
    if shape.channels <= MOST && shape.dilation == 1 {
        Some(Side::Made)
    } else {
        (shape.filters <= MOST && shape.stride == [1; 2]).then_some(Side::Read)
    }
}

pub(super) fn can_gather(shape: &ConvShape) -> bool {
    gather_side(shape).is_some()
}

pub(super) fn can_scatter(shape: &ConvShape) -> bool {
    scatter_side(shape).is_some()
}

/// Gradients by the weights: whether y or x has few.
fn weights_side(shape: &ConvShape) -> Option<Side> {
    if shape.filters <= MOST && shape.channels > MOST && shape.stride == [1; 2] && shape.dilation == 1 {
        Some(Side::Made)
    } else {
        (shape.channels <= MOST).then_some(Side::Read)
    }
}

pub(super) fn can_make_weights(shape: &ConvShape) -> bool {
    weights_side(shape).is_some()
}

/// Invocations of a workgroup: what a software adapter computes at once, a few warps elsewhere.
fn lanes(target: &GpuTarget) -> usize {
    if target.tiled { 64 } else { 8 }
}

fn few_values(file: &'static str, values: usize) -> ShaderRequest {
    ShaderRequest::new(file).constant("FEW", format!("{values}u"))
}

impl ConvGather {
    pub(super) fn few(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let finished =
            |shader| self.finish.shader(shader).constant("ACCUMULATE", self.accumulate).constant("GATHER", true);
        if gather_side(shape) != Some(Side::Made) {
            let shader = finished(few_values("conv_from_few", shape.channels));
            return from_few(shape, target, shader, (shape.places(), shape.filters));
        }
        let shader = finished(few_values("conv_to_few", shape.filters));
        let widths = [shape.channels, shape.weight_channels, shape.channel_offset];
        let wide = widths.iter().all(|width| width.is_multiple_of(4));
        let shader = if wide { shader.swap("lib/right_scalar", "lib/right_vec4") } else { shader };
        to_few(shape, target, shader, (shape.channels, shape.out_size, [1; 2]))
    }
}

impl ConvScatter {
    pub(super) fn few(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let finished = |shader| self.finish.shader(shader).constant("GATHER", false);
        if scatter_side(shape) != Some(Side::Made) {
            let shader = finished(few_values("conv_from_few", shape.filters));
            return from_few(shape, target, shader, (shape.batch * shape.size[0] * shape.size[1], shape.channels));
        }
        let shader = finished(few_values("conv_to_few", shape.channels));
        to_few(shape, target, shader, (shape.filters, shape.size, shape.stride))
    }
}

impl ConvWeights {
    pub(super) fn few(&self, target: &GpuTarget) -> GpuLaunch {
        let (shape, split, lanes) = (&self.shape, self.shape.split(), lanes(target));
        if weights_side(shape) == Some(Side::Made) {
            return self.to_few(target);
        }
        let shader = few_values("conv_weights_few", shape.channels).constant("LANES", format!("{lanes}u"));
        let shader =
            if shape.filters.is_multiple_of(4) { shader.swap("lib/right_scalar", "lib/right_vec4") } else { shader };
        let groups = split.slots * shape.filters.div_ceil(COLUMNS_AT_ONCE) * shape.window().div_ceil(2 * lanes);
        self.launch(target, shader, "conv_weights_few", groups, split.slot_rows)
    }

    fn to_few(&self, target: &GpuTarget) -> GpuLaunch {
        let (shape, split, lanes) = (&self.shape, self.shape.split(), lanes(target));
        let shader = ShaderRequest::new("conv_weights_to_few").constant("LANES", format!("{lanes}u"));
        let shader = if shape.channels.is_multiple_of(4) {
            shader.swap("lib/left_scalar", "lib/left_vec4").swap("lib/out_scalar", "lib/out_vec4")
        } else {
            shader
        };
        // Of 3 by 3 taps.
        let blocks = shape.kernel[0].div_ceil(3) * shape.kernel[1].div_ceil(3);
        let items = shape.filters * blocks * split.slots * shape.channels.div_ceil(4);
        // Places, and the lines that they begin.
        let iterations = split.slot_rows + split.slot_rows.div_ceil(shape.out_size[1]) + 1;
        self.launch(target, shader, "conv_weights_to_few", items.div_ceil(lanes), iterations)
    }
}

/// A result of `rows` by `columns`.
fn from_few(
    shape: &ConvShape,
    target: &GpuTarget,
    shader: ShaderRequest,
    (rows, columns): (usize, usize),
) -> GpuLaunch {
    let lanes = lanes(target);
    let shader = shader.constant("LANES", format!("{lanes}u"));
    let shader = if columns.is_multiple_of(4) { shader.swap("lib/out_scalar", "lib/out_vec4") } else { shader };
    let groups = rows.div_ceil(8 * lanes) * columns.div_ceil(COLUMNS_AT_ONCE);
    let iterations = shape.taps() * (MOST + 1) + shape.kernel[0];
    GpuLaunch::in_order(shader, "conv_from_few", 4, &shape.params(shape.split()), target.fold(groups), iterations)
}

/// `inner` values of each pixel that is read; places of the result by phases of `step`.
fn to_few(
    shape: &ConvShape,
    target: &GpuTarget,
    shader: ShaderRequest,
    (inner, made, step): (usize, [usize; 2], [usize; 2]),
) -> GpuLaunch {
    let lanes = lanes(target);
    let shader = shader.constant("LANES", format!("{lanes}u"));
    let shader = if inner.is_multiple_of(4) { shader.swap("lib/left_scalar", "lib/left_vec4") } else { shader };
    let rows = shape.batch * made[0].div_ceil(step[0]) * made[1].div_ceil(step[1]).div_ceil(8);
    let phases = step[0] * step[1];
    let iterations =
        shape.kernel[0] * (1 + inner.div_ceil(4) * (1 + shape.kernel[1])) + shape.kernel[0] + shape.kernel[1];
    GpuLaunch::in_order(
        shader,
        "conv_to_few",
        4,
        &shape.params(shape.split()),
        target.fold(phases * rows.div_ceil(lanes)),
        iterations,
    )
}
