//! Devices, numbers and comparisons that the tests share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hourglass::data::{DataSet, DataSpec, ImageShape};
use hourglass::device::{Device, DeviceChoice};
use hourglass::graph::{BufferView, Executable, Location, Plan, SharedBuffers};
use hourglass::kernels::{Kernel, StepState};
use hourglass::model::DataShape;
use hourglass::platform::Wait as _;
use hourglass::random::{philox4x32, unit_float};

/// Set to 1 to let GPU tests pass over where there is no adapter at all.
const WITHOUT_GPU: &str = "HOURGLASS_TEST_WITHOUT_GPU";

/// The GPU, software adapters included; `None` only where the environment allows going without.
pub fn gpu() -> Option<Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    GPU.get_or_init(|| match Device::open(DeviceChoice::Gpu, None) {
        Ok(device) => Some(device),
        Err(_) if std::env::var(WITHOUT_GPU).is_ok_and(|value| value == "1") => None,
        Err(error) => panic!("{error}\nSet {WITHOUT_GPU}=1 to run the tests without a GPU."),
    })
    .clone()
}

pub fn cpu() -> Device {
    Device::open(DeviceChoice::Cpu, Some(2)).expect("CPU threads start")
}

/// Both devices, or the CPU alone where that is allowed.
pub fn devices() -> Vec<Device> {
    std::iter::once(cpu()).chain(gpu()).collect()
}

/// The digits, decoded once.
pub fn digits() -> Arc<DataSet> {
    static DIGITS: OnceLock<Arc<DataSet>> = OnceLock::new();
    Arc::clone(
        DIGITS.get_or_init(|| Arc::new(DataSet::open(&DataSpec::default(), 0.1, 1).expect("the embedded digits load"))),
    )
}

/// What the digits are to a network.
pub fn digit_shape() -> DataShape {
    DataShape { features: 784, image: Some(ImageShape { height: 28, width: 28, channels: 1 }), classes: 10 }
}

/// `count` numbers in [-1, 1), different for each `stream`.
pub fn noise(count: usize, stream: u32) -> Vec<f32> {
    (0..u32::try_from(count.div_ceil(4)).unwrap())
        .flat_map(|block| philox4x32([block, stream, 77, 0], [11, 13]))
        .map(|word| 2.0 * unit_float(word) - 1.0)
        .take(count)
        .collect()
}

/// A state for kernels that look at nothing but the rows.
pub fn state(rows: usize) -> StepState {
    StepState { rows: u32::try_from(rows).unwrap(), ..StepState::default() }
}

/// Runs one kernel on `device`. Blocks of writes start poisoned, or as given in `initial`.
pub fn run_kernel(
    device: &Device,
    kernel: Arc<dyn Kernel>,
    reads: &[&[u8]],
    write_counts: &[usize],
    initial: &[&[f32]],
    state: StepState,
) -> Vec<Vec<f32>> {
    let read_bytes: Vec<usize> = reads.iter().map(|read| read.len()).collect();
    let write_bytes: Vec<usize> = write_counts.iter().map(|count| count * 4).collect();
    let plan = Plan::from_kernel(kernel, &read_bytes, &write_bytes);
    let mut executable = Executable::new(device, &plan, &SharedBuffers::default()).expect("the kernel fits the device");
    for (block, read) in reads.iter().enumerate() {
        executable.write_block(block, read).expect("inputs are written");
    }
    for (i, &count) in write_counts.iter().enumerate() {
        let poison = vec![f32::NAN; count];
        let values = initial.get(i).copied().unwrap_or(&poison);
        executable.write_block(reads.len() + i, bytemuck::cast_slice(values)).expect("outputs are poisoned");
    }
    executable.run(&[state]).expect("the kernel runs");
    write_bytes
        .iter()
        .enumerate()
        .map(|(i, &bytes)| {
            let view = BufferView { place: Location::Block(reads.len() + i), offset: 0, bytes };
            executable.read(view).wait().expect("outputs are read")
        })
        .collect()
}

pub fn bytes(values: &[f32]) -> &[u8] {
    bytemuck::cast_slice(values)
}

/// |actual - expected| <= absolute + relative * |expected|
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub absolute: f64,
    pub relative: f64,
}

impl Tolerance {
    /// Panics with the worst place if any value lies outside; NaN always does.
    pub fn check(self, what: &str, actual: &[f32], expected: &[f64]) {
        assert_eq!(actual.len(), expected.len(), "{what}: lengths differ");
        let mut worst: Option<(usize, f64)> = None;
        for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
            let excess = (f64::from(a) - e).abs() / (self.absolute + self.relative * e.abs());
            let excess = if excess.is_nan() { f64::INFINITY } else { excess };
            if excess > 1.0 && worst.is_none_or(|(_, before)| excess > before) {
                worst = Some((i, excess));
            }
        }
        if let Some((i, excess)) = worst {
            panic!("{what}: value {i} is {} and should be {}: {excess:.1} times {self:?}", actual[i], expected[i]);
        }
    }
}

/// Returns the files below `folder` of the repository, as paths from `folder` with `/` between steps, in order.
pub fn files_below(folder: &str) -> Vec<String> {
    let folder = repository().join(folder);
    let entries = walkdir::WalkDir::new(&folder).sort_by_file_name().into_iter();
    let files = entries.map(|entry| entry.expect("it is readable")).filter(|entry| entry.file_type().is_file());
    files.map(|file| file.path().strip_prefix(&folder).expect("below").to_string_lossy().replace('\\', "/")).collect()
}

/// Returns the root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Returns the date of a day since the start of 2022, within two years.
pub fn date(day: usize) -> String {
    const MONTHS: [usize; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut rest = day % 365;
    let month = MONTHS
        .iter()
        .take_while(|&&days| {
            rest >= days && {
                rest -= days;
                true
            }
        })
        .count();
    format!("{}-{:02}-{:02}", 2022 + day / 365, month + 1, rest + 1)
}
