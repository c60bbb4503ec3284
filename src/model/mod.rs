//! What is trained: the spec in TOML, the graph that it means, and the model file.

mod file;
mod layers;
mod network;
mod presets;
mod spec;

pub use file::{Model, ModelFileError, write_whole};
pub(crate) use file::{read_tensor_file, tensor_file};
pub use layers::Layer;
pub use network::{Network, Pass, Subject};
pub use presets::{Preset, preset, presets};
pub use spec::{
    DataSpec, Edit, EngineSpec, LEARNING_RATE, ModelKind, ModelSpec, ObjectiveSpec, OptimizerKind, OptimizerSpec, Spec,
    SpecError, TrainSpec,
};
