//! Representations: encoding, linear probes, projections to two dimensions.

pub(crate) mod encode;
pub(super) mod features;
mod linear_probe;
pub(crate) mod project;

pub use self::encode::{DecodeReport, EncodeReport, decode, encode};
pub use self::linear_probe::{LabelCount, Probe, ProbeReport, ProbeResult, probe};
pub use self::project::{Projection, project};
