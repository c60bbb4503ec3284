//! Choice of the variant of each kernel on a GPU: measured once on the shapes of a plan, before the first step, and
//! remembered by adapter, driver and version. A variant is timed only after it has agreed with its CPU reference on
//! this adapter and driver; one that has not is remembered and never taken. The spec records the choice, because it
//! decides the order of sums: a spec reproduces its bits on the same device and driver, whatever is remembered.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use super::TrainError;
use super::training_plan::TrainingPlan;
use crate::device::gpu::{GpuContext, WrongVariant};
use crate::device::{Device, DeviceChoice, DeviceError};
use crate::graph::{BufferView, Call, GraphError, Plan, compare_on_noise, time_kernel};
use crate::kernels::choice_key;
use crate::model::{KernelChoices, Spec};
use crate::platform::files;

/// Mode of kernel tuning: the option `--tune`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TuneMode {
    /// Chooses by the kind of adapter.
    Off,
    /// Chooses as the spec records for this adapter, else as remembered, else by measuring.
    #[default]
    Auto,
    /// Chooses by measuring, whatever is recorded or remembered.
    Again,
}

impl FromStr for TuneMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            "again" => Ok(Self::Again),
            other => Err(format!("{other:?} is not known, use off, auto or again")),
        }
    }
}

/// Duration of one sample of a variant.
const SAMPLE: Duration = Duration::from_millis(4);

/// Share of the default variant's time that another must stay under to replace it: less is noise.
const GAIN: f64 = 0.95;

/// Chosen variants by adapter, driver and version of this program, then by the key of a choice.
type TunedKernels = BTreeMap<String, BTreeMap<String, String>>;

/// Name of the file of chosen variants in the cache folder.
const FILE: &str = "kernels.json";

/// Records in the spec of `plan` the variants of its training step on `device`. `progress` receives the number of
/// kernels measured so far and of all to measure; it is not called if there are none.
///
/// Returns the device, without the variants that computed wrong.
#[tracing::instrument(level = "debug", name = "autotune", skip_all)]
pub fn autotune(
    plan: &mut TrainingPlan,
    device: Device,
    mode: TuneMode,
    mut progress: impl FnMut(usize, usize),
) -> Result<Device, TrainError> {
    let Device::Gpu(mut context) = device else {
        // The processor has one variant of each.
        plan.spec.engine.kernels = None;
        return Ok(device);
    };
    let adapter = context.info().identity();
    let recorded = plan.spec.engine.kernels.take();
    match mode {
        TuneMode::Off => return Ok(Device::Gpu(context)),
        TuneMode::Auto if recorded.as_ref().is_some_and(|recorded| holds(recorded, &adapter, &context)) => {
            plan.spec.engine.kernels = recorded;
            return Ok(Device::Gpu(context));
        }
        TuneMode::Auto | TuneMode::Again => {}
    }
    let calls = calls_with_choice(&plan.plan, &context);
    if calls.is_empty() {
        return Ok(Device::Gpu(context));
    }
    let mut remembered: TunedKernels = files::load_cached(FILE);
    let known = remembered.entry(format!("{adapter}, hourglass {}", env!("CARGO_PKG_VERSION"))).or_default();
    let unknown: Vec<&String> =
        calls.keys().filter(|key| mode == TuneMode::Again || !is_known_right(known, key, &context)).collect();
    let reference = if unknown.is_empty() { None } else { Some(cpu_reference()?) };
    for (&key, index) in unknown.iter().zip(0..) {
        let Some(reference) = &reference else { break };
        progress(index, unknown.len());
        let chosen = choose_variant(&context, reference, &calls[key], plan.spec.train.batch_size)?;
        for wrong in chosen.wrong {
            context.remember_wrong(vec![wrong.clone()], |kernel, variant| {
                (kernel, variant) == (&wrong.kernel, &wrong.variant)
            });
            context = context.without_variant(wrong);
        }
        let Some(name) = chosen.name else {
            let (what, adapter) = (kernel_of(key).to_owned(), context.info().adapter.clone());
            return Err(GraphError::from(DeviceError::ComputesWrong { what, adapter }).into());
        };
        known.insert(key.clone(), name.to_owned());
    }
    let variants = known.iter().filter(|(key, _)| calls.contains_key(*key));
    plan.spec.engine.kernels = Some(KernelChoices {
        adapter,
        variants: variants.map(|(key, variant)| (key.clone(), variant.clone())).collect(),
    });
    if !unknown.is_empty() {
        files::save_cached(FILE, &remembered);
    }
    Ok(Device::Gpu(context))
}

fn cpu_reference() -> Result<Device, GraphError> {
    Ok(Device::open(DeviceChoice::Cpu, None)?)
}

/// Returns the name of the kernel whose choice is recorded under `key`.
fn kernel_of(key: &str) -> &str {
    key.split_once(' ').map_or(key, |(kernel, _)| kernel)
}

/// Returns whether the recorded choices are of this adapter, and none has proved wrong since.
fn holds(recorded: &KernelChoices, adapter: &str, context: &GpuContext) -> bool {
    let is_wrong = |(key, variant): (&String, &String)| context.target().is_wrong(kernel_of(key), variant);
    recorded.adapter == adapter && !recorded.variants.iter().any(is_wrong)
}

fn is_known_right(known: &BTreeMap<String, String>, key: &str, context: &GpuContext) -> bool {
    known.get(key).is_some_and(|variant| !context.target().is_wrong(kernel_of(key), variant))
}

/// Share of a step's arithmetic below which the variant of a kernel is not worth measuring: compiling both takes longer
/// on some drivers than it could ever gain.
const WORTH_MEASURING: f64 = 1.0 / 32.0;

/// Returns the calls of a training step that have more than one variant, by the keys of their choices.
fn calls_with_choice(plan: &Plan, context: &GpuContext) -> BTreeMap<String, Call> {
    let least = WORTH_MEASURING * plan.calls.iter().map(|call| call.kernel.flops()).sum::<f64>();
    let is_worth = |call: &&Call| call.kernel.variants(context.target()).len() > 1 && call.kernel.flops() >= least;
    let calls = plan.calls.iter().filter(is_worth);
    calls.map(|call| (choice_key(&*call.kernel), call.clone())).collect()
}

/// Outcome of a choice among the variants of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenVariant {
    /// Fastest variant that agrees with the CPU reference; `None` if none does.
    pub name: Option<&'static str>,
    /// Seconds of a call, for each variant that agrees.
    pub seconds: Vec<(&'static str, f64)>,
    /// Variants that do not agree.
    pub wrong: Vec<WrongVariant>,
}

/// Chooses a variant of `call` on `context`, for a batch of `batch` rows. `reference` is a CPU device.
pub fn choose_variant(
    context: &GpuContext,
    reference: &Device,
    call: &Call,
    batch: usize,
) -> Result<ChosenVariant, GraphError> {
    let bytes = |views: &[BufferView]| views.iter().map(|view| view.bytes).collect::<Vec<_>>();
    let (reads, writes) = (bytes(&call.reads), bytes(&call.writes));
    let sizes = (&reads[..], &writes[..]);
    let kernel = call.kernel.name();
    let mut best: Option<(&str, f64)> = None;
    let (mut seconds, mut wrong) = (Vec::new(), Vec::new());
    for variant in call.kernel.variants(context.target()) {
        if context.target().is_wrong(kernel, variant) {
            continue;
        }
        let choices = BTreeMap::from([(choice_key(&*call.kernel), variant.to_owned())]);
        let device = Device::Gpu(context.clone().with_choices(choices));
        let is_right = match compare_on_noise(&device, reference, &call.kernel, sizes, batch) {
            Ok(deviation) => deviation.is_within(),
            // Too large for the device: another variant may do.
            Err(GraphError::Device(DeviceError::DoesNotFit { .. })) => continue,
            // It does not compile or does not end.
            Err(GraphError::Device(DeviceError::Failed { .. })) => false,
            Err(error) => return Err(error),
        };
        if !is_right {
            wrong.push(WrongVariant { kernel: kernel.to_owned(), variant: variant.to_owned(), avoidable: true });
            continue;
        }
        let secs = time_kernel(&device, call.kernel.clone(), sizes, batch, SAMPLE)?;
        seconds.push((variant, secs));
        if best.is_none_or(|(_, fastest)| secs < fastest * GAIN) {
            best = Some((variant, secs));
        }
    }
    Ok(ChosenVariant { name: best.map(|(variant, _)| variant), seconds, wrong })
}

/// Returns `device` with the variants that `spec` records for it.
pub(super) fn with_recorded(spec: &Spec, device: Device) -> Device {
    match (device, &spec.engine.kernels) {
        (Device::Gpu(context), Some(recorded)) if recorded.adapter == context.info().identity() => {
            Device::Gpu(context.with_choices(recorded.variants.clone()))
        }
        (device, _) => device,
    }
}
