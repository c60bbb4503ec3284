//! Which variant of each kernel a GPU runs: measured once on the shapes of a plan, before the first step, and
//! remembered by adapter, driver and version. The spec records what was chosen, because it decides the order of sums: a
//! spec reproduces its bits on the same device and driver, whatever is remembered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::data::DataSet;
use crate::device::Device;
use crate::device::gpu::GpuContext;
use crate::graph::{Call, GraphError, time_kernel};
use crate::kernels::choice_key;
use crate::model::{KernelChoices, Network, RowSource, Spec, data_shape};
use crate::platform::files;

/// `--tune`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TuneMode {
    /// By the kind of adapter.
    Off,
    /// As the spec records for this adapter, else as remembered, else by measuring.
    #[default]
    Auto,
    /// By measuring, whatever is recorded or remembered.
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

/// What was chosen on each adapter and driver by each version of this program, by what kernels call themselves.
#[derive(Debug, Default, Serialize, Deserialize)]
struct TunedKernels(BTreeMap<String, BTreeMap<String, String>>);

impl TunedKernels {
    fn path() -> Option<PathBuf> {
        files::cache_folder().map(|folder| folder.join("kernels.json"))
    }

    /// Empty where there is nothing, or nothing that can be read: it can be measured again.
    fn load() -> Self {
        let bytes = Self::path().and_then(|path| std::fs::read(path).ok());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn save(&self) -> std::io::Result<()> {
        let Some(path) = Self::path() else { return Ok(()) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        files::write_whole(&path, |file| Ok(serde_json::to_writer_pretty(file, self)?))
    }
}

/// Adapter and driver.
fn identity(context: &GpuContext) -> String {
    let info = context.info();
    format!("{}, {}", info.adapter, info.driver).trim_end_matches([',', ' ']).to_owned()
}

/// Records in `spec` which variants its training step runs on `device`. `progress` hears how many of how many kernels
/// are measured; it is not called where nothing is.
pub fn autotune(
    spec: &mut Spec,
    data: &DataSet,
    device: &Device,
    mode: TuneMode,
    mut progress: impl FnMut(usize, usize),
) -> Result<(), TrainError> {
    let Device::Gpu(context) = device else {
        // The processor has one variant of each.
        spec.engine.kernels = None;
        return Ok(());
    };
    let adapter = identity(context);
    let recorded = spec.engine.kernels.take();
    match mode {
        TuneMode::Off => return Ok(()),
        TuneMode::Auto if recorded.as_ref().is_some_and(|recorded| recorded.adapter == adapter) => {
            spec.engine.kernels = recorded;
            return Ok(());
        }
        TuneMode::Auto | TuneMode::Again => {}
    }
    let calls = calls_with_choice(spec, data, context)?;
    if calls.is_empty() {
        return Ok(());
    }
    let mut remembered = TunedKernels::load();
    let known = remembered.0.entry(format!("{adapter}, hourglass {}", env!("CARGO_PKG_VERSION"))).or_default();
    let unknown: Vec<&String> =
        calls.keys().filter(|key| mode == TuneMode::Again || !known.contains_key(*key)).collect();
    for (index, &key) in unknown.iter().enumerate() {
        progress(index, unknown.len());
        let best = best_variant(context, key, &calls[key], spec.train.batch_size)?;
        known.insert(key.clone(), best);
    }
    let variants = known.iter().filter(|(key, _)| calls.contains_key(*key));
    spec.engine.kernels = Some(KernelChoices {
        adapter,
        variants: variants.map(|(key, variant)| (key.clone(), variant.clone())).collect(),
    });
    if !unknown.is_empty() {
        // Where nothing can be kept, it is measured again the next time.
        let _ = remembered.save();
    }
    Ok(())
}

/// Share of a step's arithmetic below which the variant of a kernel is not worth measuring: compiling both takes longer
/// on some drivers than it could ever gain.
const WORTH_MEASURING: f64 = 1.0 / 32.0;

/// The calls of a training step that have more than one variant, by what they are recorded under.
fn calls_with_choice(spec: &Spec, data: &DataSet, context: &GpuContext) -> Result<BTreeMap<String, Call>, TrainError> {
    let network = Network::new(spec, data_shape(spec, data))?;
    let rows = data.train.len();
    let subject = RowSource::Data { rows, part_rows: rows, element: data.element() };
    let plan = network.training_pass(spec.train.batch_size, subject)?;
    let least = WORTH_MEASURING * plan.calls.iter().map(|call| call.kernel.flops()).sum::<f64>();
    let is_worth = |call: &Call| call.kernel.variants(context.target()).len() > 1 && call.kernel.flops() >= least;
    let calls = plan.calls.into_iter().filter(is_worth);
    Ok(calls.map(|call| (choice_key(&*call.kernel), call)).collect())
}

fn best_variant(context: &GpuContext, key: &str, call: &Call, batch: usize) -> Result<String, GraphError> {
    let bytes = |views: &[crate::graph::BufferView]| views.iter().map(|view| view.bytes).collect::<Vec<_>>();
    let (reads, writes) = (bytes(&call.reads), bytes(&call.writes));
    let mut best: Option<(&str, f64)> = None;
    for variant in call.kernel.variants(context.target()) {
        let choices = BTreeMap::from([(key.to_owned(), variant.to_owned())]);
        let device = Device::Gpu(context.clone().with_choices(choices));
        let secs = time_kernel(&device, call.kernel.clone(), (&reads, &writes), batch, SAMPLE)?;
        if best.is_none_or(|(_, fastest)| secs < fastest * GAIN) {
            best = Some((variant, secs));
        }
    }
    Ok(best.map_or_else(String::new, |(variant, _)| variant.to_owned()))
}

/// `device` with the variants that `spec` records for it.
pub(super) fn with_recorded(spec: &Spec, device: Device) -> Device {
    match (device, &spec.engine.kernels) {
        (Device::Gpu(context), Some(recorded)) if recorded.adapter == identity(&context) => {
            Device::Gpu(context.with_choices(recorded.variants.clone()))
        }
        (device, _) => device,
    }
}
