//! The engine's speed on this machine: the device's own ceilings first, then kernels, then whole training steps, and
//! how cost grows with size.

mod kernels;
mod scaling;
mod training;
mod variants;

use serde::Serialize;

pub use self::kernels::{Ceilings, KernelSpeed};
pub use self::scaling::Growth;
pub use self::training::TrainingSpeed;
pub use self::variants::VariantSpeed;
use crate::device::Device;
use crate::train::TrainError;

/// What to measure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BenchOptions {
    /// The training step of this preset (or of the denoiser of 64 channels) alone.
    pub only: Option<String>,
    /// How the cost of a step grows with batch, width and image side, alone.
    pub growth: bool,
    /// Only the variants of each kernel that autotuning chooses among.
    pub variants: bool,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantSpeed>,
}

/// A report with what else is needed to compare it with those of other machines: `bench --save`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SavedBench<'r> {
    #[serde(flatten)]
    pub report: &'r BenchReport,
    pub driver: &'r str,
    /// Of this program.
    pub version: &'static str,
    /// Day of the measurement in UTC, as in 2026-11-27.
    pub date: String,
}

impl<'r> SavedBench<'r> {
    /// `report` of `device`, measured today.
    pub fn new(report: &'r BenchReport, device: &'r Device) -> Self {
        let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
        Self { report, driver: &device.info().driver, version: env!("CARGO_PKG_VERSION"), date: today.to_string() }
    }
}

/// Measures `device`. `progress` hears what is being measured.
pub fn bench(device: &Device, options: &BenchOptions, progress: impl Fn(&str)) -> Result<BenchReport, TrainError> {
    let info = device.info().clone();
    let mut report = BenchReport {
        device: info.device.to_string(),
        backend: info.backend.to_string(),
        adapter: info.adapter,
        ceilings: None,
        kernels: Vec::new(),
        training: Vec::new(),
        growth: Vec::new(),
        variants: Vec::new(),
    };
    if options.variants {
        report.variants = variants::measure(device, &progress)?;
        return Ok(report);
    }
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
