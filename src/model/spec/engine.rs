//! The section of the spec that says how the engine works.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Storage of activations between the forward and the backward pass; arithmetic is in 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    #[default]
    F32,
    /// Half the memory.
    F16,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSpec {
    pub precision: Precision,
    /// Keep fewer activations for the backward pass and make the others again: the same bits in less memory, and a
    /// third more time.
    #[serde(skip_serializing_if = "super::is_default")]
    pub recompute: bool,
    /// Variants of kernels that were chosen by measuring; they hold on the adapter that they name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernels: Option<KernelChoices>,
}

/// Which variant of each kernel an adapter runs: it decides the order of sums, and so the last bits of a run.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelChoices {
    /// Adapter and driver.
    pub adapter: String,
    /// Variant names by kernel and shape. Named `forms` in specs.
    #[serde(rename = "forms")]
    pub variants: BTreeMap<String, String>,
}
