//! The ops, one file per family: shape rule, gradient, and kernels of each.

mod augment;
mod conv;
mod corrupt;
mod dense;
mod depthwise;
mod halves;
mod latent;
mod loss;
mod norm;
mod optimizer;
mod pointwise;
mod quantize;
mod resample;
mod rows;
mod sparse;
mod structure;

pub use augment::Warp;
pub use conv::{Conv, ConvTranspose};
pub use corrupt::{BlindSpot, Film, Jpeg};
pub use dense::{Dense, DenseGradient};
pub use depthwise::DepthwiseConv;
pub use halves::{Halve, Unhalve};
pub use latent::{Discrepancy, Divergence, RandomNumbers, SampleLatent};
pub use loss::{ElementLoss, RecordPart, SsimLoss};
pub use norm::{Normalization, Normalize};
pub use optimizer::{ClipGradients, UpdateParameters};
pub use pointwise::Pointwise;
pub use quantize::{MoveCodebook, QuantizeRows};
pub use resample::{Resample, Resampling};
pub use rows::Gather;
pub use sparse::{CountSilent, RateDivergence, TopK};
pub use structure::{AddRows, Reshape, ScaleRows, Slice, StopGradient};

use std::sync::Arc;

use super::{Graph, GraphError, Lowered, Op, Operand, Value, ValueId, ValueType};
use crate::kernels::Kernel;

/// A call by the numbers of the node's inputs and outputs.
fn call(kernel: impl Kernel + 'static, reads: &[Operand], writes: &[Operand]) -> Lowered {
    Lowered { kernel: Arc::new(kernel), reads: reads.to_vec(), writes: writes.to_vec() }
}

/// One kernel with one f32 output, which has no gradient of its own: what backward passes are made of.
#[derive(Clone, Debug)]
struct KernelCall {
    kernel: Arc<dyn Kernel>,
    extents: Vec<usize>,
}

impl Op for KernelCall {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn infer(&self, _: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType::f32(self.extents.clone())])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let reads = (0..inputs.len()).map(Operand::Input).collect();
        vec![Lowered { kernel: Arc::clone(&self.kernel), reads, writes: vec![Operand::Output(0)] }]
    }
}

/// Adds `kernel`, which reads `reads` and writes a value of the shape of `like`.
fn add_call(
    graph: &mut Graph,
    kernel: impl Kernel + 'static,
    reads: &[ValueId],
    like: ValueId,
    label: &str,
) -> Result<ValueId, GraphError> {
    let extents = graph.value(like).shape.extents().to_vec();
    graph.add(KernelCall { kernel: Arc::new(kernel), extents }, reads, &format!("gradient of {label}"))
}
