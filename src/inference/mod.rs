//! A finished model, ready to run: its encoder and its decoder, planned once.

mod decoder;
mod encoder;
mod error;
mod unit_use;

pub use self::decoder::Decoder;
pub use self::encoder::Encoder;
pub use self::error::InferenceError;
pub use self::unit_use::{UnitUse, draw_latents};
