//! Checks of training against PyTorch, and against its own repetition.

use std::sync::Arc;

use super::check::{SelftestOptions, VariantCheck};
use crate::data::{DataSet, DataSpec};
use crate::device::Device;
use crate::graph::Deviation;
use crate::model::preset;
use crate::platform::Wait as _;
use crate::train::{Session, TrainError};

/// The first ten losses of some presets as PyTorch computes them in 64 bits, from the same initial weights, batches and
/// noise (`tests/fixtures/make_traces.py`).
const TRACES: &str = include_str!("../../assets/selftest/traces.json");

/// Models with a recorded trace: dense, convolutional, variational, normalized and U-Net.
pub const TRACE_NAMES: [&str; 6] =
    ["undercomplete", "undercomplete bce", "convolutional", "convolutional-variational", "convolutional-deep", "unet"];

/// Relative error allowed for ten steps of Adam in f32 against f64: rounding of a few 1e-7 a step, which Adam's
/// division by sqrt(v) amplifies where gradients are tiny.
const TRACE_ERROR: f64 = 2e-5;

/// Relative error allowed with batch normalization. Biases before it have a gradient of exactly zero; in f32 it is
/// rounding, which Adam divides by itself, so that they wander by whole steps. PyTorch's own f32 differs from its f64
/// by up to 2.8e-4 over these steps.
const NORMALIZED_ERROR: f64 = 3e-4;

/// Relative error allowed with noise of normal deviates. WGSL allows their cosine an absolute error of 2^-11, and the
/// loss moves by as much at most.
const NOISE_ERROR: f64 = 4.9e-4;

/// Losses of one model, compared with those of PyTorch.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceCheck {
    /// Training losses, one for each step.
    pub losses: Vec<f32>,
    /// Largest relative difference of a loss, with its bound.
    pub deviation: Deviation,
}

/// Trains the model of a recorded trace for `steps` steps (ten at most) on `device`, on the embedded digits.
pub fn check_trace(device: &Device, data: &Arc<DataSet>, name: &str, steps: usize) -> Result<TraceCheck, TrainError> {
    let (preset_name, loss) = name.split_once(' ').map_or((name, None), |(name, loss)| (name, Some(loss)));
    let settings: Vec<String> = loss.map(|loss| format!("objective.loss={loss}")).into_iter().collect();
    let spec = preset(preset_name)?.spec.with_set(&settings)?;
    let losses = losses(device, data, spec, steps)?;
    let recorded: serde_json::Value = serde_json::from_str(TRACES).unwrap_or_default();
    let expected = recorded["losses"][name].as_array().cloned().unwrap_or_default();
    let expected = expected.iter().take(steps).map(|loss| loss.as_f64().unwrap_or(f64::NAN));
    let difference = |(&loss, expected): (&f32, f64)| (f64::from(loss) - expected).abs() / expected.abs();
    let differences = losses.iter().zip(expected).map(difference);
    let (count, worst) = differences.fold((0, 0.0_f64), |(count, worst), difference| {
        (count + 1, if difference.is_nan() { f64::INFINITY } else { worst.max(difference) })
    });
    // Losses that never came are no agreement.
    let worst = if count == steps { worst } else { f64::INFINITY };
    let allowed = match name {
        "convolutional-deep" => NORMALIZED_ERROR,
        "convolutional-variational" | "unet" => NOISE_ERROR,
        _ => TRACE_ERROR,
    };
    Ok(TraceCheck { losses, deviation: Deviation { worst, allowed } })
}

fn losses(
    device: &Device,
    data: &Arc<DataSet>,
    spec: crate::model::Spec,
    steps: usize,
) -> Result<Vec<f32>, TrainError> {
    let mut session = Session::new(spec, Arc::clone(data), device.clone())?;
    session.train(steps).wait()?;
    Ok(session.take_losses(true).wait()?.into_iter().map(|(_, loss)| loss).collect())
}

pub(super) fn check(
    device: &Device,
    options: SelftestOptions,
    progress: &mut impl FnMut(&str),
    checks: &mut Vec<VariantCheck>,
) -> Result<(), TrainError> {
    let data = Arc::new(DataSet::open(&DataSpec::default(), 0.1, 1)?);
    let software = device.info().software;
    // The others have many kernels to compile, and steps of seconds on software drivers.
    let is_short = |name: &&str| matches!(*name, "undercomplete" | "convolutional-variational" | "variational");
    for name in TRACE_NAMES.into_iter().filter(|name| !options.quick || is_short(name)) {
        // Software drivers take seconds a step for the larger ones.
        let steps = match name {
            "undercomplete" | "undercomplete bce" => 10,
            "convolutional" | "convolutional-variational" if software && !options.quick => 4,
            _ if software => 1,
            _ => 10,
        };
        progress(&format!("training {name}"));
        let check = check_trace(device, &data, name, steps)?;
        checks.push(VariantCheck::new("training_trace", name, format!("{steps} steps"), check.deviation));
    }
    for name in ["variational", "convolutional-deep"].into_iter().filter(|name| !options.quick || is_short(name)) {
        progress(&format!("{name} twice"));
        let run = || -> Result<Vec<u32>, TrainError> {
            let mut session = Session::new(preset(name)?.spec, Arc::clone(&data), device.clone())?;
            session.train(1).wait()?;
            let weights = session.weights().wait()?;
            Ok(weights.parameters.iter().chain(&weights.statistics).map(|value| value.to_bits()).collect())
        };
        let (first, second) = (run()?, run()?);
        let different = first.iter().zip(&second).filter(|(a, b)| a != b).count();
        let deviation = Deviation { worst: different as f64, allowed: 0.0 };
        checks.push(VariantCheck::new("same_step_twice", name, format!("{} values", first.len()), deviation));
    }
    Ok(())
}
