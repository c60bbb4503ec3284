//! Variants of each kernel that autotuning chooses among on this adapter, with the time of the correct ones.

use std::collections::BTreeSet;

use serde::Serialize;

use super::kernels::preset_calls;
use crate::device::{Device, DeviceChoice};
use crate::graph::GraphError;
use crate::kernels::choice_key;
use crate::train::{TrainError, choose_variant};

/// Time of one variant of a kernel at one shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantSpeed {
    /// Name of the kernel.
    pub kernel: String,
    /// Sizes of the call; see [`Call::shape`](crate::graph::Call::shape).
    pub shape: String,
    /// Name of the variant, as recorded by autotuning.
    pub variant: String,
    /// Median time of one run in milliseconds; `None` (null in JSON) where the variant computes wrong or fails.
    pub ms: Option<f64>,
    /// True for the variant that autotuning chooses at this shape.
    pub chosen: bool,
}

/// Measures every kernel of the presets' training steps that has more than one variant on `device`.
pub(super) fn measure(device: &Device, progress: &impl Fn(&str)) -> Result<Vec<VariantSpeed>, TrainError> {
    let Device::Gpu(context) = device else { return Ok(Vec::new()) };
    let reference = Device::open(DeviceChoice::Cpu, None).map_err(GraphError::from)?;
    let (mut seen, mut speeds) = (BTreeSet::new(), Vec::new());
    for (model, batch, call) in preset_calls()? {
        if call.kernel.variants(context.target()).len() < 2 || !seen.insert(choice_key(&*call.kernel)) {
            continue;
        }
        progress(&format!("variants of {} in {model}", call.kernel.name()));
        let chosen = choose_variant(context, &reference, &call, batch)?;
        let row = |variant: &str, ms| VariantSpeed {
            kernel: call.kernel.name().to_owned(),
            shape: call.shape(),
            variant: variant.to_owned(),
            ms,
            chosen: chosen.name == Some(variant),
        };
        speeds.extend(chosen.seconds.iter().map(|(variant, secs)| row(variant, Some(secs * 1e3))));
        speeds.extend(chosen.wrong.iter().map(|wrong| row(&wrong.variant, None)));
    }
    Ok(speeds)
}
