//! New rows from a model: samples, interpolations, augmentation sets.

pub(crate) mod augment;
pub(crate) mod interpolate;
mod posterior;
pub(crate) mod sample;

pub use self::augment::{AugmentOptions, Augmentation, augment};
pub use self::interpolate::{InterpolateOptions, Interpolation, Traversal, arithmetic, interpolate, traverse};
pub use self::posterior::MixtureReport;
pub(super) use self::posterior::{TrainLatents, moments};
pub use self::sample::{Nearest, SampleOptions, SampleReport, sample};
