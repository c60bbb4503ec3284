//! Launches of the products that read or make one to three values per pixel
//! (`shaders/conv/conv_from_few_channels.wgsl`, `conv_to_few_channels.wgsl`, `conv_weights_few_channels.wgsl`,
//! `conv_weights_to_few_channels.wgsl`), and their selection.

use super::ConvShape;
use crate::device::gpu::{GpuTarget, ShaderRequest};
use crate::kernels::GpuLaunch;
use crate::kernels::shaders::shader;

/// Largest number of values per pixel that counts as few: more fill a vec4 well enough.
pub(super) const MOST: usize = 3;

/// Columns of the result that an invocation makes.
pub(super) const COLUMNS_AT_ONCE: usize = 16;

/// Side of a product with few values per pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FewChannelSide {
    Read,
    Made,
}

/// Returns the side with few values in the product y from x.
pub(super) fn gather_side(shape: &ConvShape) -> Option<FewChannelSide> {
    if shape.filters <= MOST && shape.stride[1] == 1 && shape.dilation == 1 {
        Some(FewChannelSide::Made)
    } else {
        (shape.channels <= MOST).then_some(FewChannelSide::Read)
    }
}

/// Returns the side with few values in the product x from y.
pub(super) fn scatter_side(shape: &ConvShape) -> Option<FewChannelSide> {
    if shape.channels <= MOST && shape.dilation == 1 {
        Some(FewChannelSide::Made)
    } else {
        (shape.filters <= MOST && shape.stride == [1; 2]).then_some(FewChannelSide::Read)
    }
}

pub(super) fn can_gather(shape: &ConvShape) -> bool {
    gather_side(shape).is_some()
}

pub(super) fn can_scatter(shape: &ConvShape) -> bool {
    scatter_side(shape).is_some()
}

/// Returns the side with few values in a weight gradient: y counts as made, x as read.
pub(super) fn weights_side(shape: &ConvShape) -> Option<FewChannelSide> {
    if shape.filters <= MOST && shape.channels > MOST && shape.stride == [1; 2] && shape.dilation == 1 {
        Some(FewChannelSide::Made)
    } else {
        (shape.channels <= MOST).then_some(FewChannelSide::Read)
    }
}

pub(super) fn can_make_weights(shape: &ConvShape) -> bool {
    weights_side(shape).is_some()
}

/// Invocations of a workgroup: what a software adapter computes at once, a few warps elsewhere.
pub(super) fn lanes(target: &GpuTarget) -> usize {
    if target.tiled { 64 } else { 8 }
}

pub(super) fn few_values(file: &'static str, values: usize) -> ShaderRequest {
    shader(file).constant("FEW", format!("{values}u"))
}

/// Returns the launch of a product that reads few values per pixel, with a result of `rows` by `columns`.
pub(super) fn from_few(
    shape: &ConvShape,
    target: &GpuTarget,
    shader: ShaderRequest,
    (rows, columns): (usize, usize),
) -> GpuLaunch {
    let lanes = lanes(target);
    let shader = shader.constant("LANES", format!("{lanes}u"));
    let shader =
        if columns.is_multiple_of(4) { shader.swap("lib/matmul/out_scalar", "lib/matmul/out_vec4") } else { shader };
    let groups = rows.div_ceil(8 * lanes) * columns.div_ceil(COLUMNS_AT_ONCE);
    let iterations = shape.taps() * (MOST + 1) + shape.kernel[0];
    GpuLaunch::in_order(
        shader,
        "conv_from_few_channels",
        4,
        &shape.params(shape.split()),
        target.fold(groups),
        iterations,
    )
}

/// Returns the launch of a product that makes few values per pixel, from `inner` values of each pixel that is read;
/// places of the result by phases of `step`.
pub(super) fn to_few(
    shape: &ConvShape,
    target: &GpuTarget,
    shader: ShaderRequest,
    (inner, made, step): (usize, [usize; 2], [usize; 2]),
) -> GpuLaunch {
    let lanes = lanes(target);
    let shader = shader.constant("LANES", format!("{lanes}u"));
    let shader =
        if inner.is_multiple_of(4) { shader.swap("lib/matmul/left_scalar", "lib/matmul/left_vec4") } else { shader };
    let rows = shape.batch * made[0].div_ceil(step[0]) * made[1].div_ceil(step[1]).div_ceil(8);
    let phases = step[0] * step[1];
    let iterations =
        shape.kernel[0] * (1 + inner.div_ceil(4) * (1 + shape.kernel[1])) + shape.kernel[0] + shape.kernel[1];
    GpuLaunch::in_order(
        shader,
        "conv_to_few_channels",
        4,
        &shape.params(shape.split()),
        target.fold(phases * rows.div_ceil(lanes)),
        iterations,
    )
}
