//! Noise taken out of pictures of any size and depth, and out of arrays, by a denoising model: tiles through the network,
//! blended; what is removed bounded by the noise there is; files written in the form that they came in.

mod amount;
mod compare;
mod content;
mod metadata;
mod model;
mod places;
mod tiles;
mod work;

pub use amount::{Amount, Sigma};
pub use compare::Comparison;
pub use model::{Denoiser, shipped_denoiser};
pub use work::{DenoiseOptions, Denoised, FileOutcome, denoise};
