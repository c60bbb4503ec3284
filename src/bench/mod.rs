//! The engine's speed on this machine: the device's own ceilings first, then kernels, then whole training steps, and
//! how cost grows with size.

mod kernels;
mod scaling;
mod training;

use serde::Serialize;

pub use self::kernels::{Ceilings, KernelSpeed};
pub use self::scaling::Growth;
pub use self::training::TrainingSpeed;
use crate::device::Device;
use crate::train::TrainError;

/// What to measure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BenchOptions {
    /// The training step of this preset (or of the denoiser of 64 channels) alone.
    pub only: Option<String>,
    /// How the cost of a step grows with batch, width and image side, alone.
    pub growth: bool,
}

/// The object that `bench --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchReport {
    pub device: String,
    pub backend: String,
    pub adapter: String,
    /// `None` where training steps alone were asked for.
    pub ceilings: Option<Ceilings>,
    pub kernels: Vec<KernelSpeed>,
    pub training: Vec<TrainingSpeed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growth>,
}

/// Measures `device`. `progress` hears what is being measured.
pub fn bench(device: &Device, options: &BenchOptions, progress: impl Fn(&str)) -> Result<BenchReport, TrainError> {
    let info = device.info().clone();
    let mut report = BenchReport {
        device: info.device.to_owned(),
        backend: info.backend.to_owned(),
        adapter: info.adapter,
        ceilings: None,
        kernels: Vec::new(),
        training: Vec::new(),
        growth: Vec::new(),
    };
    if options.growth {
        report.growth = scaling::measure(device, &progress)?;
        return Ok(report);
    }
    if options.only.is_none() {
        let (ceilings, kernels) = kernels::measure(device, &progress)?;
        (report.ceilings, report.kernels) = (Some(ceilings), kernels);
    }
    let names = options.only.as_deref().map_or_else(|| training::MODELS.to_vec(), |name| vec![name]);
    for name in names {
        progress(&format!("training {name}"));
        report.training.push(training::measure_model(device, name)?);
    }
    Ok(report)
}
