//! A finished model, ready to run: its weights as devices have them, encoder and decoder planned once.

mod error;
mod flat_model;
mod loaded_model;
mod unit_use;

pub use self::error::InferenceError;
pub use self::flat_model::FlatModel;
pub use self::loaded_model::{LoadedModel, LoadedPass};
pub use self::unit_use::{UnitUse, draw_latents};
