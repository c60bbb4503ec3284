//! Repetition of the first steps of a run, and comparison of the losses.

use std::sync::Arc;

use serde::Serialize;

use super::run_dir::RunDir;
use super::{Session, TrainError};
use crate::device::Device;

/// Number of steps whose losses are kept for verification.
pub const FIRST_STEPS: usize = 20;

/// Largest relative difference of a loss within tolerance. Losses of other devices and drivers differ by the order of
/// their sums, which an optimizer amplifies step by step; wrong results differ by far more.
const TOLERANCE: f64 = 1e-3;

/// Agreement of the repeated losses with the recorded ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Equality of every bit of every loss.
    Exact,
    /// Relative differences of at most 1e-3.
    WithinTolerance,
    /// Larger differences, or fewer losses than recorded.
    Different,
}

/// The object that `verify --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// Path of the run's folder.
    pub run_dir: String,
    /// Agreement of the losses.
    pub result: Agreement,
    /// Number of steps repeated.
    pub steps: usize,
    /// Largest relative difference of a loss; infinite for a NaN.
    pub worst: f64,
    /// Kind of device of the repetition: `gpu` or `cpu`.
    pub device: String,
    /// Name of the adapter of the repetition; number of threads of a CPU.
    pub adapter: String,
    /// Kind of device of the recorded run.
    pub recorded_device: String,
    /// Name of the adapter of the recorded run.
    pub recorded_adapter: String,
    /// Remarks in words: how the data differs from what the run began with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Trains the first steps of the run in `dir` again on `device`, and compares the losses.
#[tracing::instrument(level = "debug", name = "verify", skip_all, fields(run = %dir.path().display()))]
pub async fn verify(dir: &RunDir, device: Device) -> Result<Verification, TrainError> {
    let recorded = dir.read_first_steps()?;
    let spec = dir.read_spec()?;
    let data = spec.open_data()?;
    dir.check_data(&data, true)?;
    let changed = dir.data_change(&data)?;
    let notes =
        changed.map(|problem| format!("the data changed since the run began, {}, {problem}", data.options.source));
    let info = device.info().clone();
    let mut session = Session::new(spec, Arc::new(data), device)?;
    let mut losses: Vec<f32> = Vec::new();
    while losses.len() < recorded.losses.len() {
        let taken = session.train(recorded.losses.len() - losses.len()).await?;
        losses.extend(session.take_losses(true).await?.into_iter().map(|(_, loss)| loss));
        if taken == 0 {
            break;
        }
    }
    let pairs = || losses.iter().zip(&recorded.losses);
    let differences = pairs().map(|(&now, &then)| f64::from((now - then).abs()) / f64::from(then.abs()).max(1e-12));
    let worst = differences.fold(0.0, |worst: f64, e| if e.is_nan() { f64::INFINITY } else { worst.max(e) });
    let exact = losses.len() == recorded.losses.len() && pairs().all(|(now, then)| now.to_bits() == then.to_bits());
    let result = match (exact, worst <= TOLERANCE && losses.len() == recorded.losses.len()) {
        (true, _) => Agreement::Exact,
        (false, true) => Agreement::WithinTolerance,
        (false, false) => Agreement::Different,
    };
    Ok(Verification {
        run_dir: dir.path().display().to_string(),
        result,
        steps: losses.len(),
        worst,
        device: info.device.to_string(),
        adapter: info.adapter,
        recorded_device: recorded.device,
        recorded_adapter: recorded.adapter,
        notes: notes.into_iter().collect(),
    })
}
