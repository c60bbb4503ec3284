//! The ops, one file per family: shape rule, gradient, and kernels of each.

mod augment;
mod conv;
mod corrupt;
mod dense;
mod depthwise;
mod gather;
mod half;
mod latent;
mod least;
mod loss;
mod norm;
mod optimizer;
mod pointwise;
mod quantize;
mod resample;
mod slice;
mod sparse;

use std::sync::Arc;

pub use self::augment::Warp;
pub use self::conv::{Conv, ConvTranspose};
pub use self::corrupt::{BlindSpot, Film, Jpeg};
pub use self::dense::{Dense, DenseGradient};
pub use self::depthwise::DepthwiseConv;
pub use self::gather::Gather;
pub use self::half::{LoadF16, StoreF16};
pub use self::latent::{GaussianKl, Mmd, RandomNumbers, SampleLatent};
pub use self::least::Least;
pub use self::loss::{ElementLoss, RecordLossPart, SsimLoss};
pub use self::norm::{Normalization, Normalize};
pub use self::optimizer::{ClipGradients, UpdateParameters};
pub use self::pointwise::Pointwise;
pub use self::quantize::{CodebookEma, QuantizeRows};
pub use self::resample::{Resample, Resampling};
pub use self::slice::{AddRows, Reshape, ScaleRows, Slice, StopGradient};
pub use self::sparse::{DeadUnitCount, SparsityKl, TopK};
use super::{Graph, GraphError, Lowered, Op, Operand, Value, ValueId, ValueType};
use crate::kernels::Kernel;

/// A call by the numbers of the node's inputs and outputs.
fn call(kernel: impl Kernel + 'static, reads: &[Operand], writes: &[Operand]) -> Lowered {
    Lowered { kernel: Arc::new(kernel), reads: reads.to_vec(), writes: writes.to_vec() }
}

/// One kernel with one f32 output and no gradient of its own, for backward passes.
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
