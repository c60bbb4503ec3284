//! The section of the spec that says how the engine works.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSpec {
    /// `f32`, or `f16` to keep what the backward pass needs in half the memory.
    pub precision: String,
    /// Keep fewer activations for the backward pass and make the others again: the same bits in less memory, and a
    /// third more time.
    #[serde(skip_serializing_if = "super::is_default")]
    pub recompute: bool,
    /// Variants of kernels that were chosen by measuring; they hold on the adapter that they name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernels: Option<KernelChoices>,
}

impl Default for EngineSpec {
    fn default() -> Self {
        Self { precision: "f32".to_owned(), recompute: false, kernels: None }
    }
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
