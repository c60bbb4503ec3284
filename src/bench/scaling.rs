//! Growth of the time and the memory of a training step, one size changed at a time.

use serde::Serialize;

use super::training::{BenchModel, measure as measure_step};
use crate::device::{Device, DeviceChoice, DeviceError};
use crate::graph::GraphError;
use crate::model::preset;
use crate::train::TrainError;

/// Cost of a training step at one size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Growth {
    /// Size that is changed: `batch` and `width` (of the hidden layers) of a dense model on the digits, `side` of the
    /// pictures of a convolutional one, and `threads` of a CPU for the dense model as it is.
    pub axis: &'static str,
    /// Value of that size: rows of a batch, units of a layer, pixels of a side, or threads.
    pub value: usize,
    /// Median time of a step in milliseconds.
    pub ms: f64,
    /// Device memory in bytes: activations, parameters, gradients, moments and data.
    pub bytes: usize,
    /// Multiplications and additions of a step's products, in billions.
    pub gflop: f64,
}

/// Limit in milliseconds of the expected time of a step: larger sizes are left out.
const LONGEST_MS: f64 = 4000.0;

pub(crate) fn measure(device: &Device, progress: &impl Fn(&str)) -> Result<Vec<Growth>, TrainError> {
    let mut rows: Vec<Growth> = Vec::new();
    for batch in [32, 128, 512, 2048, 4096] {
        let mut spec = preset("undercomplete")?.spec;
        spec.train.batch_size = batch;
        add(device, progress, &mut rows, ("batch", batch), BenchModel::from_preset("undercomplete", spec)?)?;
    }
    for width in [64, 256, 1024, 4096] {
        let mut spec = preset("undercomplete")?.spec;
        let dense =
            |width: usize| format!("model.encoder=[\"dense {width} relu\", \"dense {width} relu\", \"latent\"]");
        spec.model.decoder.clear();
        let spec = spec.with_set(&[dense(width)])?;
        add(device, progress, &mut rows, ("width", width), BenchModel::from_preset("dense", spec)?)?;
    }
    for side in [28, 64, 128, 256, 512] {
        let layers = r#""conv 16 3x3 relu", "conv 16 3x3 relu", "conv 16 3x3 relu""#;
        add(device, progress, &mut rows, ("side", side), BenchModel::pictures("pictures", layers, side, 8)?)?;
    }
    if let Device::Cpu(cpu) = device {
        let fewer = (0..).map(|power| 1 << power).take_while(|&threads| threads < cpu.threads());
        for threads in fewer.chain([cpu.threads()]) {
            let device = Device::open(DeviceChoice::Cpu, Some(threads)).map_err(GraphError::Device)?;
            add(&device, progress, &mut rows, ("threads", threads), BenchModel::named("undercomplete")?)?;
        }
    }
    Ok(rows)
}

fn add(
    device: &Device,
    progress: &impl Fn(&str),
    rows: &mut Vec<Growth>,
    (axis, value): (&'static str, usize),
    model: BenchModel,
) -> Result<(), TrainError> {
    let plan = crate::model::Network::new(&model.spec, model.shape())?
        .training_pass(model.spec.train.batch_size, model.subject())?;
    let gflop = plan.calls.iter().map(|call| call.kernel.flops()).sum::<f64>() / 1e9;
    let before = rows.last().filter(|row| row.axis == axis);
    if before.is_some_and(|row| row.ms * gflop / row.gflop > LONGEST_MS) {
        return Ok(());
    }
    progress(&format!("{axis} {value}"));
    let speed = match measure_step(device, model) {
        Err(TrainError::Graph(GraphError::Device(
            error @ (DeviceError::DoesNotFit { .. } | DeviceError::OutOfMemory { .. }),
        ))) => {
            progress(&format!("{axis} {value}: left out, {error}"));
            return Ok(());
        }
        measured => measured?,
    };
    rows.push(Growth { axis, value, ms: 1e3 / speed.steps_per_second, bytes: speed.bytes, gflop });
    Ok(())
}
