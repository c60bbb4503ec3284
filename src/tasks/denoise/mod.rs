//! Noise taken out of pictures of any size and depth, and out of arrays, by a denoising model: tiles through the network,
//! blended; what is removed bounded by the noise there is; files written in the form that they came in.

mod amount;
mod compare;
mod content;
mod desk;
mod filter;
mod metadata;
mod model;
mod places;
mod planes;
mod tiles;
mod views;
mod work;

pub use amount::{Amount, Sigma};
pub use compare::Comparison;
pub use desk::{Desk, DeskCommand, DeskItem, DeskPicture, DeskView, ItemState, Pixels};
pub use model::Denoiser;
pub use work::{DenoiseOptions, Denoised, FileOutcome, denoise};
