//! Models: the spec in TOML, the graphs that it describes, and the model file.

mod auto_spec;
mod builder;
mod detector;
mod file;
mod input;
mod layers;
mod mirrored_decoder;
mod near_rows;
mod network;
mod pca_start;
mod preset_fit;
pub(crate) mod presets;
mod pretrained;
mod row_statistics;
mod severity;
mod shape;
mod spec;
mod step_work;
mod weights;

pub use self::auto_spec::{AutoSpec, auto_spec, plain_spec};
pub use self::detector::{CutFactors, Detector, DetectorMember, ThresholdBy};
pub use self::file::{Model, ModelFileError, write_whole};
pub(crate) use self::file::{read_tensor_file, tensor_file};
pub use self::layers::{GRAMMAR, Layer, NormKind, OutputLayer};
pub use self::near_rows::NearRows;
pub(crate) use self::near_rows::{KNOWN_NEIGHBORS, NEIGHBORS};
pub use self::network::{EvaluationMode, LayerLocation, LayerProbe, Network, Pass, RowSource};
pub use self::pca_start::{PCA_START, pca_start};
pub use self::preset_fit::ModelSize;
pub use self::presets::{Preset, preset, presets};
pub use self::pretrained::{SHIPPED_DENOISER, shipped_denoiser, starting_model};
pub use self::severity::Severity;
pub use self::shape::{DataShape, data_shape};
pub use self::spec::{
    AugmentationSpec, BETA, CORRUPTION, ConditionKind, CorruptionSpec, DROPOUT, Edit, EngineSpec, KernelChoices,
    LEARNING_RATE, LIVE_FIELDS, ModelKind, ModelSpec, ObjectiveSpec, OptimizerKind, OptimizerSpec, Precision,
    Reduction, SPARSITY, ScheduleKind, ScheduleSpec, SparsityKind, Spec, SpecError, TrainSpec, live_text,
};
pub use self::weights::Weights;
