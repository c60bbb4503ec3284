//! Self-test of an adapter: every kernel in every variant against its CPU reference on the shapes of the presets'
//! plans, training traces against PyTorch, and one step taken twice for equal bits. Needs nothing but the program
//! itself.

mod check;
mod kernels;
mod models;
mod training;

use std::collections::BTreeSet;

use serde::Serialize;

pub use self::check::{SelftestOptions, VariantCheck};
pub use self::training::{TRACE_NAMES, TraceCheck, check_trace};
use crate::device::Device;
use crate::device::gpu::WrongVariant;
use crate::graph::Plan;
use crate::train::TrainError;

/// The object that `selftest --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelftestReport {
    /// Kind of device: `gpu` or `cpu`.
    pub device: String,
    /// Name of the adapter; number of threads of a CPU.
    pub adapter: String,
    /// Interface of the device: `vulkan`, `metal`, `dx12`, `other` or `cpu`.
    pub backend: String,
    /// Name and version of the driver.
    pub driver: String,
    /// Results of all checks, of kernels first.
    pub variants: Vec<VariantCheck>,
    /// True if all checks passed.
    pub ok: bool,
}

/// Returns the plans that a self-test runs; without `full_size` at awkward sizes alone.
pub fn tested_plans(full_size: bool) -> Result<Vec<Plan>, TrainError> {
    let mut plans = Vec::new();
    for model in models::models(full_size)? {
        plans.extend(model.plans()?);
    }
    plans.push(models::search_plan()?);
    Ok(plans)
}

/// Returns the kernels and variants of the checks whose outcome is `ok`.
fn named(checks: &[VariantCheck], ok: bool) -> BTreeSet<(&str, &str)> {
    let of = checks.iter().filter(|check| check.ok == ok);
    of.map(|check| (check.kernel.as_str(), check.variant.as_str())).collect()
}

/// Compares every kernel on `device` with its CPU reference; returns no checks on a CPU. `progress` receives the name
/// of each part of the test.
pub fn check_kernels(
    device: &Device,
    options: SelftestOptions,
    mut progress: impl FnMut(&str),
) -> Result<Vec<VariantCheck>, TrainError> {
    let mut checks = Vec::new();
    if let Device::Gpu(gpu) = device {
        kernels::check(gpu, options, &mut progress, &mut checks)?;
    }
    Ok(checks)
}

/// Tests `device`. `progress` receives the name of each part of the test. Wrong variants are recorded for the adapter
/// and its driver; records of variants that are right now are removed.
pub fn selftest(
    device: &Device,
    options: SelftestOptions,
    mut progress: impl FnMut(&str),
) -> Result<SelftestReport, TrainError> {
    let mut variants = check_kernels(device, options, &mut progress)?;
    if let Device::Gpu(gpu) = device {
        let wrong = named(&variants, false);
        let right: BTreeSet<_> = named(&variants, true).difference(&wrong).copied().collect();
        let wrong = wrong.into_iter().map(|(kernel, variant)| {
            // A kernel whose other variants are right can go on without this one.
            let avoidable = right.iter().any(|(name, other)| *name == kernel && *other != variant);
            WrongVariant { kernel: kernel.to_owned(), variant: variant.to_owned(), avoidable }
        });
        gpu.remember_wrong(wrong.collect(), |kernel, variant| {
            variants.iter().any(|check| check.kernel == kernel && check.variant == variant)
        });
    }
    training::check(device, options, &mut progress, &mut variants)?;
    let info = device.info();
    Ok(SelftestReport {
        device: info.device.to_string(),
        adapter: info.adapter.clone(),
        backend: info.backend.to_string(),
        driver: info.driver.clone(),
        ok: variants.iter().all(|check| check.ok),
        variants,
    })
}
