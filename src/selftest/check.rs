//! Options and results of a self-test.

use serde::Serialize;

use crate::graph::Deviation;

/// Extent of a self-test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelftestOptions {
    /// Restricts the test to small awkward sizes and the shortest traces.
    pub quick: bool,
    /// Includes the variants that this kind of adapter does not choose among.
    pub all_variants: bool,
}

/// Result for one variant of a kernel at one shape, or for one training check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantCheck {
    /// Name of the kernel; `training_trace` or `same_step_twice` for a training check.
    pub kernel: String,
    /// Name of the variant, empty for a kernel with only one; name of the model for a training check.
    pub variant: String,
    /// Sizes of the call in short; extent of a training check, such as `10 steps`.
    pub shape: String,
    /// Largest difference from the reference, over the largest magnitude of the reference; null where it is infinite or
    /// nothing was computed.
    pub worst: Option<f64>,
    /// Bound on `worst`.
    pub allowed: f64,
    /// True if `worst` is within `allowed`.
    pub ok: bool,
    /// Error message of the device, if the kernel did not run.
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
