//! Random geometric augmentation of images.

use super::call;
use super::conv::image;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Lowered, Op, Value, ValueType};
use crate::kernels::augment as kernels;
use crate::kernels::augment::WarpBounds;

/// Random warp: (x `[N, H, W, C]`) -> each image shifted, rotated, scaled and mirrored at random. No gradient flows
/// back: it is for data.
#[derive(Clone, Debug)]
pub struct Warp {
    /// Bounds of the random draws.
    pub bounds: WarpBounds,
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

impl Op for Warp {
    fn name(&self) -> &'static str {
        "augmentation"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        image(inputs[0])?;
        Ok(vec![ValueType::f32(inputs[0].shape.extents())])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok((batch, size, channels)) = image(inputs[0]) else { return Vec::new() };
        let kernel = kernels::WarpKernel { bounds: self.bounds, batch, size, channels, stream: self.stream };
        vec![call(kernel, &[Input(0)], &[Output(0)])]
    }
}
