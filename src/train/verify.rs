//! Running the first steps of a run again, to see whether they come to the same.

use std::sync::Arc;

use serde::Serialize;

use super::run_dir::RunDir;
use super::{Session, TrainError};
use crate::device::Device;

/// Steps whose losses are kept for this.
pub const FIRST_STEPS: usize = 20;

/// Losses of other devices and drivers differ by the order of their sums, which an optimizer amplifies step by step;
/// what is wrong differs by far more.
const TOLERANCE: f64 = 1e-3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Every bit of every loss.
    Exact,
    WithinTolerance,
    Different,
}

/// The object that `verify --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    pub run_dir: String,
    pub result: Agreement,
    pub steps: usize,
    /// The largest relative difference of a loss.
    pub worst: f64,
    pub device: String,
    pub adapter: String,
    /// What the run was made on.
    pub recorded_device: String,
    pub recorded_adapter: String,
}

/// Trains the first steps of the run in `dir` again on `device`.
pub async fn verify(dir: &RunDir, device: Device) -> Result<Verification, TrainError> {
    let recorded = dir.read_first_steps()?;
    let spec = dir.read_spec()?;
    let data = spec.open_data()?;
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
    })
}
