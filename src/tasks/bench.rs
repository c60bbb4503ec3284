//! The engine's speed on this machine: the device's own ceilings first, then kernels, then whole training steps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::data::{DataSet, DataSpec};
use crate::device::Device;
use crate::graph::{Executable, Externals, GraphError, MAX_STEPS_PER_SUBMISSION, Plan};
use crate::kernels::activation::Activation;
use crate::kernels::conv::{ConvGather, ConvScatter, ConvShape, ConvWeights, Finish};
use crate::kernels::dense::{DenseBackward, DenseForward, DenseVariant};
use crate::kernels::optimizer::{DECAY_BLOCK, Update, UpdateRule};
use crate::kernels::pointwise::{Pointwise, Stage};
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
    let data = Arc::new(DataSet::open(&DataSpec::default(), 0.1, 1)?);
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
    let tiny: usize = 16;
    let copy = Pointwise::one(Stage::Scale(1.0), 16 << 20);
    let copy_bytes = copy.count * 4;
    // The operands that a chain may have are bound, whether they are read or not.
    let copy_secs = time_kernel(device, Arc::new(copy), &[copy_bytes, tiny, tiny, tiny], &[copy_bytes])?;
    let add = Pointwise::one(Stage::Add, 4);
    let dispatch_secs = time_kernel(device, Arc::new(add), &[tiny; 4], &[tiny])?;

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
    for shape in conv_shapes() {
        progress(&format!("convolution of {} to {} channels", shape.channels, shape.filters));
        kernels.extend(convolution(device, shape)?);
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

/// The convolutions of the presets: digits at stride 2, and a denoiser's layer at 64 channels.
fn conv_shapes() -> [ConvShape; 3] {
    let conv = |batch, side: usize, channels, filters, stride: usize| ConvShape {
        batch,
        size: [side; 2],
        channels,
        out_size: [side.div_ceil(stride); 2],
        filters,
        kernel: [3; 2],
        stride: [stride; 2],
        padding: [1; 2],
        dilation: 1,
        weight_channels: channels,
        channel_offset: 0,
    };
    [conv(128, 28, 1, 16, 2), conv(128, 14, 16, 32, 2), conv(4, 64, 64, 64, 1)]
}

/// Forward, gradient by the input and gradient by the weights.
fn convolution(device: &Device, shape: ConvShape) -> Result<Vec<KernelSpeed>, GraphError> {
    let x = shape.batch * shape.size[0] * shape.size[1] * shape.channels * 4;
    let y = shape.places() * shape.filters * 4;
    let weight = shape.filters * shape.taps() * shape.channels * 4;
    let bias = shape.filters * 4;
    let variant = DenseVariant::ByAdapter;
    let forward = ConvGather { shape, finish: Finish::Forward(Activation::Relu), accumulate: false, variant };
    let backward = ConvScatter { shape, finish: Finish::Plain, variant };
    let weights = ConvWeights { shape, variant };
    let partials = weight * shape.split().slots;
    let flops = forward.flops();
    let [down, along] = shape.size;
    let what =
        format!("{}x{down}x{along}x{} to {} 3x3/{}", shape.batch, shape.channels, shape.filters, shape.stride[0]);
    let mut speeds = Vec::new();
    let mut time = |name, kernel: Arc<dyn Kernel>, reads: &[usize], writes: &[usize]| -> Result<(), GraphError> {
        let secs = time_kernel(device, kernel, reads, writes)?;
        let bytes = reads.iter().chain(writes).sum();
        speeds.push(speed(name, what.clone(), flops, bytes, secs));
        Ok(())
    };
    time("conv_gather", Arc::new(forward), &[x, weight, bias], &[y])?;
    time("conv_scatter", Arc::new(backward), &[y, weight, bias], &[x])?;
    time("conv_weights", Arc::new(weights), &[x, y], &[partials])?;
    Ok(speeds)
}

fn adam(device: &Device, count: usize) -> Result<KernelSpeed, GraphError> {
    let rule = UpdateRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let kernel = Update { rule, count, weight_decay: 0.0, decoupled: true, clipped: false, average: None };
    let (bytes, mask) = (count * 4, count / DECAY_BLOCK * 4);
    let secs = time_kernel(device, Arc::new(kernel), &[bytes, mask, mask], &[bytes; 3])?;
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
