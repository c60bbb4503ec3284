//! Denoising of images of any size and depth, and of arrays, by a denoising model: tiles through the network, blended;
//! the change bounded by the noise level; files written in the format of their input.

mod batch;
mod encoding;
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
