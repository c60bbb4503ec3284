//! Noise taken out of pictures of any size and depth, and out of arrays, by a denoising model: tiles through the
//! network, blended; what is removed bounded by the noise there is; files written in the form that they came in.

mod batch;
mod filter;
mod image;
mod metadata;
mod model;
mod opponent_planes;
mod paths;
mod queue;
mod reference;
mod self_ensemble;
mod strength;
mod tiles;

pub use self::batch::{DenoiseOptions, Denoised, FileOutcome, denoise};
pub use self::model::Denoiser;
pub use self::queue::{DenoiseQueue, ItemState, Pixels, QueueCommand, QueueImage, QueueItem, QueueView};
pub use self::reference::Comparison;
pub use self::strength::{Sigma, Strength};
