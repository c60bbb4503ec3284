//! The ops, one file per family: shape rule, gradient, and kernels of each.

mod augment;
mod conv;
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
pub use dense::{Dense, DenseGradient};
pub use depthwise::DepthwiseConv;
pub use halves::{Halve, Unhalve};
pub use latent::{Discrepancy, Divergence, RandomNumbers, SampleLatent};
pub use loss::{ElementLoss, ElementLossGradient, RecordPart, SsimLoss};
pub use norm::{Normalization, Normalize};
pub use optimizer::{ClipGradients, UpdateParameters};
pub use pointwise::Pointwise;
pub use quantize::{MoveCodebook, QuantizeRows};
pub use resample::{Resample, Resampling};
pub use rows::Gather;
pub use sparse::{CountSilent, RateDivergence, TopK};
pub use structure::{AddRows, Reshape, ScaleRows, Slice, StopGradient};

use std::sync::Arc;

use super::{Lowered, Operand};
use crate::kernels::Kernel;

/// A call by the numbers of the node's inputs and outputs.
fn call(kernel: impl Kernel + 'static, reads: &[Operand], writes: &[Operand]) -> Lowered {
    Lowered { kernel: Arc::new(kernel), reads: reads.to_vec(), writes: writes.to_vec() }
}
