//! Speed of single kernels: matmuls of many sizes for the ceiling, then every call of the presets' training steps at
//! its own shape.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::training::{BenchModel, MODELS};
use crate::device::Device;
use crate::graph::{BufferView, Call, GraphError, time_kernel, timing_noise};
use crate::kernels::Kernel;
use crate::kernels::activation::Activation;
use crate::kernels::dense::{DenseForward, matmul_alone};
use crate::kernels::gemm_variant::GemmVariant;
use crate::kernels::pointwise::{PointwiseKernel, PointwiseStage};
use crate::model::{Network, presets};
use crate::platform::Instant;
use crate::train::TrainError;

/// Best rates measured on a device, the upper bounds that kernels are compared with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ceilings {
    /// Highest arithmetic rate of all kernels measured, in GFLOP/s.
    pub matmul_gflops: f64,
    /// Bandwidth in GB/s of reading and writing 64 MiB each, both counted.
    pub copy_gbps: f64,
    /// Microseconds of a dispatch (CPU: a call) that depends on the one before and computes next to nothing.
    pub dispatch_us: f64,
}

/// Speed of one kernel at one shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelSpeed {
    /// Name of the kernel; `matmul` for a product of squares, `gemm_alone` for the `gemm` crate's own.
    pub name: String,
    /// Sizes of the call, as in `256x256x256` for a product; see [`Call::shape`].
    pub shape: String,
    /// Median time of one run in milliseconds.
    pub ms: f64,
    /// Arithmetic rate in GFLOP/s; 0 for kernels whose operations are not counted.
    pub gflops: f64,
    /// Bandwidth in GB/s: the bytes of all buffers read and written, over the time.
    pub gbps: f64,
    /// Share of the ceiling that binds: arithmetic for products, bandwidth for the rest.
    pub fraction: f64,
}

/// Limit in seconds of the expected time of a product: larger ones are left out, as the ceiling was reached long
/// before.
const LONGEST_SECS: f64 = 1.5;

/// Duration of one of the samples that a median is taken of.
const SAMPLE: Duration = Duration::from_millis(40);

pub(crate) fn measure(device: &Device, progress: &impl Fn(&str)) -> Result<(Ceilings, Vec<KernelSpeed>), TrainError> {
    progress("ceilings");
    let tiny: usize = 16;
    let copy = PointwiseKernel::one(PointwiseStage::Scale(1.0), 16 << 20);
    let copy_bytes = copy.count * 4;
    // The operands that a chain may have are bound, whether they are read or not.
    let copy_secs = time(device, copy, &[copy_bytes, tiny, tiny, tiny], &[copy_bytes])?;
    let dispatch_secs = time(device, PointwiseKernel::one(PointwiseStage::Add, 4), &[tiny; 4], &[tiny])?;

    let mut speeds: Vec<KernelSpeed> = Vec::new();
    for side in [256_usize, 512, 1024, 2048, 4096] {
        // From one size to the next eight times the work.
        if speeds.last().is_some_and(|last| last.ms * 8e-3 > LONGEST_SECS) {
            break;
        }
        progress(&format!("product {side}"));
        if let Device::Cpu(cpu) = device {
            let secs = cpu.install(|| time_alone(side));
            speeds.push(speed("gemm_alone", format!("{side}x{side}x{side}"), cube(side), 3 * side * side * 4, secs));
        }
        let kernel = DenseForward {
            batch: side,
            inputs: side,
            outputs: side,
            activation: Activation::Identity,
            variant: GemmVariant::ByAdapter,
        };
        let (reads, writes) = ([side * side * 4, side * side * 4, side * 4], [side * side * 4]);
        let (flops, bytes) = (kernel.flops(), reads.iter().chain(&writes).sum());
        let shape = kernel.shape();
        let secs = time(device, kernel, &reads, &writes)?;
        speeds.push(speed("matmul", shape, flops, bytes, secs));
    }
    let mut seen = BTreeSet::new();
    for (model, batch, call) in preset_calls()? {
        // The parameters of a kernel are all that its speed depends on.
        if !seen.insert(format!("{:?}", call.kernel)) {
            continue;
        }
        progress(&format!("{} of {model}", call.kernel.name()));
        let sizes = |views: &[BufferView]| views.iter().map(|view| view.bytes).collect::<Vec<usize>>();
        let (reads, writes) = (sizes(&call.reads), sizes(&call.writes));
        let bytes = reads.iter().chain(&writes).sum();
        let shape = call.shape();
        let (name, flops) = (call.kernel.name(), call.kernel.flops());
        let secs = time_kernel(device, call.kernel, (&reads, &writes), batch, SAMPLE)?;
        speeds.push(speed(name, shape, flops, bytes, secs));
    }
    let ceilings = Ceilings {
        matmul_gflops: speeds.iter().map(|speed| speed.gflops).fold(0.0, f64::max),
        copy_gbps: 2.0 * copy_bytes as f64 / copy_secs / 1e9,
        dispatch_us: dispatch_secs * 1e6,
    };
    for speed in &mut speeds {
        speed.fraction =
            if speed.gflops > 0.0 { speed.gflops / ceilings.matmul_gflops } else { speed.gbps / ceilings.copy_gbps };
    }
    Ok((ceilings, speeds))
}

/// The calls of the training steps of all presets and of the models whose steps are measured.
pub(super) fn preset_calls() -> Result<Vec<(String, usize, Call)>, TrainError> {
    let mut calls = Vec::new();
    let presets = presets()?.into_iter().map(|preset| BenchModel::from_preset(preset.name, preset.spec));
    let others = MODELS.iter().map(|name| BenchModel::named(name));
    for model in presets.chain(others) {
        let model = model?;
        let batch = model.spec.train.batch_size;
        let network = Network::new(&model.spec, model.shape())?;
        let plan = network.training_pass(batch, model.subject())?;
        calls.extend(plan.calls.into_iter().map(|call| (model.name.clone(), batch, call)));
    }
    Ok(calls)
}

fn cube(side: usize) -> f64 {
    2.0 * (side as f64).powi(3)
}

/// Median seconds of the `gemm` crate's own product of squares, on all threads of the pool.
fn time_alone(side: usize) -> f64 {
    let floats = |stream| -> Vec<f32> { bytemuck::pod_collect_to_vec(&timing_noise(side * side * 4, stream)) };
    let (lhs, rhs, mut out) = (floats(0), floats(1), vec![0.0; side * side]);
    let mut samples = [0.0; 7];
    for sample in &mut samples {
        let started = Instant::now();
        matmul_alone(side, &lhs, &rhs, &mut out);
        *sample = started.elapsed().as_secs_f64();
    }
    // The first warms up.
    samples[1..].sort_by(f64::total_cmp);
    samples[4]
}

fn time(device: &Device, kernel: impl Kernel + 'static, reads: &[usize], writes: &[usize]) -> Result<f64, GraphError> {
    time_kernel(device, Arc::new(kernel), (reads, writes), 1, SAMPLE)
}

fn speed(name: &str, shape: String, flops: f64, bytes: usize, secs: f64) -> KernelSpeed {
    KernelSpeed {
        name: name.to_owned(),
        shape,
        ms: secs * 1e3,
        gflops: flops / secs / 1e9,
        gbps: bytes as f64 / secs / 1e9,
        fraction: 0.0,
    }
}
