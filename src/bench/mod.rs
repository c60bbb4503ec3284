//! Speed of the engine on this machine: the device's own ceilings, then kernels, then whole training steps, and the
//! growth of the cost with size.

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

/// Selection of measurements; by default the ceilings, the kernels and the training steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BenchOptions {
    /// Name of a preset, or `denoiser-64`, whose training step is measured alone; `None` for kernels and all training
    /// steps.
    pub only: Option<String>,
    /// True to measure only the growth of the cost of a step with batch, width, image side and, on a CPU, threads.
    pub growth: bool,
    /// True to measure only the variants of each kernel that autotuning chooses among; takes precedence over the
    /// others.
    pub variants: bool,
}

/// Object printed by `bench --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchReport {
    /// Kind of device, `gpu` or `cpu`.
    pub device: String,
    /// Interface to the device: `vulkan`, `metal`, `dx12`, `cpu` or `other`.
    pub backend: String,
    /// Name of the adapter or of the processor.
    pub adapter: String,
    /// Ceilings of the device; `None` where only a part of the measurements was asked for.
    pub ceilings: Option<Ceilings>,
    /// Speed of each kernel at each shape; empty where [`Self::ceilings`] is `None`.
    pub kernels: Vec<KernelSpeed>,
    /// Speed of each training step measured; empty with [`BenchOptions::growth`] or [`BenchOptions::variants`].
    pub training: Vec<TrainingSpeed>,
    /// Cost of a training step by size; empty without [`BenchOptions::growth`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growth>,
    /// Speed of each kernel variant; empty without [`BenchOptions::variants`], and on a CPU.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantSpeed>,
}

/// Report with the facts needed to compare it with those of other machines: `bench --save`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SavedBench<'r> {
    /// Measurements, whose fields are flattened into the JSON object.
    #[serde(flatten)]
    pub report: &'r BenchReport,
    /// Name and version of the GPU driver; empty on a CPU.
    pub driver: &'r str,
    /// Version of this program.
    pub version: &'static str,
    /// Day of the measurement in UTC, as in 2026-11-27.
    pub date: String,
}

impl<'r> SavedBench<'r> {
    /// Returns `report` of `device`, with the date of today.
    pub fn new(report: &'r BenchReport, device: &'r Device) -> Self {
        let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
        Self { report, driver: &device.info().driver, version: env!("CARGO_PKG_VERSION"), date: today.to_string() }
    }
}

/// Measures `device`; `progress` receives the name of each measurement before it starts.
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
