//! Models to start from: the one that comes with the program, or one in a file.

use std::path::Path;

use super::file::{Model, ModelFileError};

/// Name of the denoiser that comes with the program, in specs and messages.
pub const SHIPPED_DENOISER: &str = "denoiser";

/// Bytes of the model that comes with the program.
const SHIPPED: &[u8] = include_bytes!("../../assets/models/denoiser.safetensors");

/// Returns the denoiser of photographs that comes with the program; `assets/models/README.md` describes how it was
/// made.
pub fn shipped_denoiser() -> Result<Model, ModelFileError> {
    Model::from_bytes(SHIPPED, Path::new(SHIPPED_DENOISER))
}

/// Returns the model that `model.start` names: the shipped one, or that of a file.
pub fn starting_model(name: &str) -> Result<Model, ModelFileError> {
    if name == SHIPPED_DENOISER { shipped_denoiser() } else { Model::load(Path::new(name)) }
}
