//! Options and results of a self-test.

use serde::Serialize;

use crate::graph::Deviation;

/// Extent of a self-test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelftestOptions {
    /// Small awkward sizes alone, and the shortest traces.
    pub quick: bool,
    /// Also the variants that this kind of adapter does not choose among.
    pub all_variants: bool,
}

/// One variant of a kernel at one shape, or one trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantCheck {
    pub kernel: String,
    /// Empty where a kernel has but one.
    pub variant: String,
    pub shape: String,
    /// Largest difference from the reference, over the largest magnitude of the reference; null where it is infinite or
    /// nothing was computed.
    pub worst: Option<f64>,
    pub allowed: f64,
    pub ok: bool,
    /// The driver's own words, where it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl VariantCheck {
    pub(super) fn new(kernel: &str, variant: &str, shape: String, deviation: Deviation) -> Self {
        Self {
            kernel: kernel.to_owned(),
            variant: variant.to_owned(),
            shape,
            worst: deviation.worst.is_finite().then_some(deviation.worst),
            allowed: deviation.allowed,
            ok: deviation.is_within(),
            problem: None,
        }
    }
}
