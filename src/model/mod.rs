//! What is trained: the spec in TOML, the graph that it means, and the model file.

mod builder;
mod detector;
mod file;
mod input;
mod layers;
mod mirror;
mod network;
mod presets;
mod spec;
mod start;
mod suggest;

pub use detector::{Detector, DetectorMember, ThresholdBy};
pub use file::{Model, ModelFileError, write_whole};
pub(crate) use file::{read_tensor_file, tensor_file};
pub use layers::{GRAMMAR, Layer, NormKind, OutputForm};
pub use network::{DataShape, EvaluationMode, LayerPlace, Network, Pass, Probe, Subject};
pub use presets::{Preset, preset, presets};
pub use spec::{
    AugmentationSpec, BETA, CORRUPTION, ConditionKind, CorruptionSpec, DROPOUT, Edit, EngineSpec, KernelChoices,
    LEARNING_RATE, LIVE_FIELDS, ModelKind, ModelSpec, ObjectiveSpec, OptimizerKind, OptimizerSpec, Reduction, SPARSITY,
    ScheduleKind, ScheduleSpec, SparsityKind, Spec, SpecError, TrainSpec, live_text,
};
pub use start::{SHIPPED_DENOISER, shipped_denoiser, starting_model};
pub use suggest::{Suggestion, suggest};
