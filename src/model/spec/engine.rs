//! Section `engine` of the spec: precision, memory and kernel variants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Storage of activations between the forward and the backward pass; arithmetic is in 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats, in half the memory.
    F16,
}

/// Precision, memory and kernel variants: section `engine` of a spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSpec {
    /// Storage of activations; 32 bits by default.
    pub precision: Precision,
    /// True to keep fewer activations for the backward pass and compute the others again: the same bits in less memory,
    /// and a third more time.
    #[serde(skip_serializing_if = "super::is_default")]
    pub recompute: bool,
    /// Variants of kernels chosen by measuring; they hold on the adapter that they name. `None` where none are
    /// recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernels: Option<KernelChoices>,
}

/// Variant of each kernel that an adapter runs: it decides the order of sums, and so the last bits of a run.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelChoices {
    /// Adapter and driver.
    pub adapter: String,
    /// Variant names by kernel and shape. Named `forms` in specs.
    #[serde(rename = "forms")]
    pub variants: BTreeMap<String, String>,
}
