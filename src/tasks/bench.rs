//! The engine's speed on this machine: the device's own ceilings first, then kernels, then whole training steps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::data::DataSet;
use crate::device::Device;
use crate::graph::{Executable, Externals, GraphError, MAX_STEPS_PER_SUBMISSION, Plan};
use crate::kernels::activation::Activation;
use crate::kernels::dense::{DenseBackward, DenseForward, DenseVariant};
use crate::kernels::optimizer::Adam;
use crate::kernels::pointwise::{ActivationForward, Add};
use crate::kernels::random::philox4x32;
use crate::kernels::{Kernel, StepState};
use crate::model::preset;
use crate::train::{Session, TrainError};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ceilings {
    /// The best dense product tried.
    pub matmul_gflops: f64,
    /// Reading and writing 64 MiB each, both counted.
    pub copy_gbps: f64,
    /// A dispatch (CPU: a call) that depends on the one before and does next to nothing.
    pub dispatch_us: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelSpeed {
    pub name: String,
    pub shape: String,
    pub ms: f64,
    pub gflops: f64,
    pub gbps: f64,
    /// Of the ceiling that binds: arithmetic for products, bandwidth for the rest.
    pub fraction: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingSpeed {
    pub model: String,
    pub batch: usize,
    pub steps_per_second: f64,
    pub dispatches: usize,
    /// Device memory: activations, parameters, gradients, moments and data.
    pub bytes: usize,
    /// Host time to record one step; null on a CPU.
    pub record_us: Option<f64>,
    /// From an open device to the end of the first step.
    pub first_step_s: f64,
}

/// The object that `bench --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchReport {
    pub device: String,
    pub backend: String,
    pub adapter: String,
    /// `None` where one training step alone was asked for.
    pub ceilings: Option<Ceilings>,
    pub kernels: Vec<KernelSpeed>,
    pub training: Vec<TrainingSpeed>,
}

/// Measures `device`; with `only`, the training step of that preset alone. `progress` hears what is being measured.
pub fn bench(device: &Device, only: Option<&str>, progress: impl Fn(&str)) -> Result<BenchReport, TrainError> {
    let info = device.info().clone();
    let (mut ceilings, mut kernels) = (None, Vec::new());
    if only.is_none() {
        let (measured, speeds) = bench_kernels(device, &progress)?;
        (ceilings, kernels) = (Some(measured), speeds);
    }
    let data = Arc::new(DataSet::load("mnist", 0.1, 1)?);
    let mut training = Vec::new();
    for name in only.map_or_else(|| vec!["undercomplete", "map"], |name| vec![name]) {
        progress(&format!("training {name}"));
        training.push(train(device, name, &data)?);
    }
    Ok(BenchReport {
        device: info.device.to_owned(),
        backend: info.backend.to_owned(),
        adapter: info.adapter,
        ceilings,
        kernels,
        training,
    })
}

fn bench_kernels(device: &Device, progress: &impl Fn(&str)) -> Result<(Ceilings, Vec<KernelSpeed>), GraphError> {
    progress("ceilings");
    let copy = ActivationForward { activation: Activation::Identity, count: 16 << 20 };
    let copy_bytes = copy.count * 4;
    let copy_secs = time_kernel(device, Arc::new(copy), &[copy_bytes], &[copy_bytes])?;
    let tiny: usize = 16;
    let dispatch_secs = time_kernel(device, Arc::new(Add { count: 4 }), &[tiny, tiny], &[tiny])?;

    let mut kernels = Vec::new();
    for side in [256, 512, 1024, 2048] {
        progress(&format!("dense product {side}"));
        // A software adapter takes seconds for the largest: its ceiling is reached long before.
        if side > 512 && device.info().software {
            continue;
        }
        kernels.push(dense_forward(device, side, side, side)?);
    }
    for (inputs, outputs) in [(784, 256), (256, 128), (128, 32), (32, 128), (128, 784)] {
        progress(&format!("dense {inputs} to {outputs}"));
        kernels.push(dense_forward(device, 128, inputs, outputs)?);
        kernels.push(dense_backward(device, 128, inputs, outputs)?);
    }
    let ceilings = Ceilings {
        matmul_gflops: kernels.iter().map(|speed| speed.gflops).fold(0.0, f64::max),
        copy_gbps: 2.0 * copy_bytes as f64 / copy_secs / 1e9,
        dispatch_us: dispatch_secs * 1e6,
    };
    progress("adam");
    kernels.push(adam(device, 343_552)?);
    for speed in &mut kernels {
        speed.fraction =
            if speed.gflops > 0.0 { speed.gflops / ceilings.matmul_gflops } else { speed.gbps / ceilings.copy_gbps };
    }
    Ok((ceilings, kernels))
}

/// Numbers of ordinary size, never zeros: hardware can be faster on zeros.
fn noise(bytes: usize, stream: u32) -> Vec<u8> {
    (0..u32::try_from(bytes.div_ceil(16)).unwrap_or(u32::MAX))
        .flat_map(|block| philox4x32([block, stream, 0, 0], [7, 7]))
        .flat_map(|word| (crate::kernels::random::unit_float(word) - 0.5).to_le_bytes())
        .take(bytes)
        .collect()
}

/// Median seconds of one run of `kernel`, over at least five timed batches of runs after a warm-up.
fn time_kernel(device: &Device, kernel: Arc<dyn Kernel>, reads: &[usize], writes: &[usize]) -> Result<f64, GraphError> {
    const SAMPLE: Duration = Duration::from_millis(60);
    let plan = Plan::of_kernel(kernel, reads, writes);
    let mut executable = Executable::new(device, &plan, &Externals::default())?;
    for (block, &bytes) in reads.iter().enumerate() {
        executable.write_block(block, &noise(bytes, block as u32))?;
    }
    let state = StepState { rows: u32::MAX, step_size: 1e-4, inv_sqrt_correction: 1.0, ..StepState::default() };
    let mut time = |runs: usize| -> Result<f64, GraphError> {
        let states = vec![state; runs];
        let started = Instant::now();
        executable.run(&states)?;
        executable.wait()?;
        let elapsed = started.elapsed().as_secs_f64();
        // The device's own clock where there is one: it leaves out recording and submission.
        let secs = executable.device_seconds()?;
        Ok(secs.unwrap_or(elapsed) / runs as f64)
    };
    time(1)?;
    let once = time(2)?;
    let runs = (SAMPLE.as_secs_f64() / once.max(1e-7)).clamp(1.0, MAX_STEPS_PER_SUBMISSION as f64) as usize;
    let mut samples = (0..5).map(|_| time(runs)).collect::<Result<Vec<_>, _>>()?;
    samples.sort_by(f64::total_cmp);
    Ok(samples[samples.len() / 2])
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

fn dense_forward(device: &Device, batch: usize, inputs: usize, outputs: usize) -> Result<KernelSpeed, GraphError> {
    let kernel =
        DenseForward { batch, inputs, outputs, activation: Activation::Relu, variant: DenseVariant::ByAdapter };
    let reads = [batch * inputs * 4, inputs * outputs * 4, outputs * 4];
    let writes = [batch * outputs * 4];
    let flops = kernel.flops();
    let secs = time_kernel(device, Arc::new(kernel), &reads, &writes)?;
    let bytes = reads.iter().chain(&writes).sum();
    Ok(speed("dense_forward", format!("{batch}x{inputs}x{outputs}"), flops, bytes, secs))
}

fn dense_backward(device: &Device, batch: usize, inputs: usize, outputs: usize) -> Result<KernelSpeed, GraphError> {
    let kernel = DenseBackward {
        batch,
        inputs,
        outputs,
        needs_dinp: true,
        input_activation: Activation::Relu,
        variant: DenseVariant::ByAdapter,
    };
    let reads = [batch * outputs * 4, batch * inputs * 4, inputs * outputs * 4];
    let writes = [inputs * outputs * 4, outputs * 4, batch * inputs * 4];
    let flops = kernel.flops();
    let secs = time_kernel(device, Arc::new(kernel), &reads, &writes)?;
    let bytes = reads.iter().chain(&writes).sum();
    Ok(speed("dense_backward", format!("{batch}x{inputs}x{outputs}"), flops, bytes, secs))
}

fn adam(device: &Device, count: usize) -> Result<KernelSpeed, GraphError> {
    let kernel = Adam { count, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
    let bytes = count * 4;
    let secs = time_kernel(device, Arc::new(kernel), &[bytes], &[bytes; 3])?;
    Ok(speed("adam", count.to_string(), 0.0, 7 * bytes, secs))
}

fn train(device: &Device, name: &str, data: &Arc<DataSet>) -> Result<TrainingSpeed, TrainError> {
    const SAMPLE: Duration = Duration::from_millis(400);
    let spec = preset(name)?.spec;
    let batch = spec.train.batch_size;
    let started = Instant::now();
    let mut session = Session::new(spec, Arc::clone(data), device.clone())?;
    session.train(1)?;
    session.take_losses(true)?;
    let first_step_s = started.elapsed().as_secs_f64();
    let mut time = |steps: usize| -> Result<f64, TrainError> {
        let started = Instant::now();
        let mut taken = 0;
        while taken < steps {
            taken += session.train(steps - taken)?;
        }
        session.take_losses(true)?;
        Ok(started.elapsed().as_secs_f64() / steps as f64)
    };
    let once = time(3)?;
    let steps = (SAMPLE.as_secs_f64() / once.max(1e-6)).clamp(1.0, 1000.0) as usize;
    let mut samples = (0..5).map(|_| time(steps)).collect::<Result<Vec<_>, _>>()?;
    samples.sort_by(f64::total_cmp);
    let (record_secs, recorded) = session.recording();
    let bytes = session.bytes();
    Ok(TrainingSpeed {
        model: name.to_owned(),
        batch,
        steps_per_second: 1.0 / samples[samples.len() / 2],
        dispatches: session.dispatches(),
        bytes: bytes.activations + bytes.external,
        record_us: (recorded > 0).then(|| record_secs * 1e6 / recorded as f64),
        first_step_s,
    })
}
