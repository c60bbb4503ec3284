//! The ops, one file per family: shape rule, gradient, and kernels of each.

mod dense;
mod loss;
mod optimizer;
mod pointwise;
mod rows;

pub use dense::{Dense, DenseGradient};
pub use loss::{Reconstruction, ReconstructionGradient, RecordLoss};
pub use optimizer::AdamUpdate;
pub use pointwise::{Activate, ActivateGradient, Add};
pub use rows::Gather;
