//! Errors of devices.

use crate::error::{Advice, ErrorKind, Setting};

/// Failure to choose or open a device, to run on it, or to fit a plan on it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum DeviceError {
    /// No adapter found through wgpu.
    #[error(
        "no GPU found, wgpu saw no Vulkan, Metal or DirectX 12 adapter, install a driver (Debian/Ubuntu, software: \
         apt-get install mesa-vulkan-drivers libvulkan1)"
    )]
    NoAdapter,
    /// No adapter that can compute; `passed_over` has the name of each, with the reason.
    #[error("no GPU here can compute, {}", .passed_over.join("; "))]
    NoneWorks { passed_over: Vec<String> },
    /// Backend name other than `vulkan`, `metal`, `dx12` and `auto`.
    #[error("unknown backend, {0:?}, use vulkan, metal, dx12 or auto")]
    UnknownBackend(String),
    /// Index `asked` of an adapter, from 0, where only `available` were found.
    #[error("unknown device, gpu:{asked}, there {} (see `hourglass devices`)", count_adapters(*.available))]
    IndexOutOfRange { asked: usize, available: usize },
    /// Device name other than `auto`, `gpu`, `gpu:N` and `cpu`.
    #[error("unknown device, {0:?}, use auto, gpu, gpu:N or cpu")]
    UnknownChoice(String),
    /// Refusal of the driver of `adapter` to open a device, with its own `reason`.
    #[error("the GPU refused to start, {adapter}, {reason}")]
    Refused { adapter: String, reason: String },
    /// Failure on a GPU: `during` names the operation and the adapter, `reason` is the driver's message.
    #[error("the GPU failed, {during}, {reason}")]
    Failed { during: String, reason: String },
    /// Kernel `what`, of which no variant agrees with the CPU reference on `adapter`.
    #[error(
        "the GPU computes wrong, no variant of {what} gives the right result on {adapter}, update its driver (`hourglass \
         selftest` lists what is wrong)"
    )]
    ComputesWrong { what: String, adapter: String },
    /// Failure to start the pool of CPU threads, with the cause.
    #[error("the CPU threads could not be started, {0}")]
    Threads(String),
    /// Plan beyond a limit of the device: `what` names need and limit, `remedy` the way out.
    #[error("the plan does not fit the device, {what}, {remedy}")]
    DoesNotFit { what: String, remedy: String },
    /// Plan beyond the free memory of the machine; both in MB.
    #[error(
        "the plan does not fit the device, training needs {needed} MB of memory and {free} MB are free, use a smaller \
         batch or smaller layers"
    )]
    OutOfMemory { needed: usize, free: usize },
}

impl DeviceError {
    /// Returns whether the request or the device is at fault.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAdapter
            | Self::UnknownBackend(_)
            | Self::IndexOutOfRange { .. }
            | Self::UnknownChoice(_)
            | Self::DoesNotFit { .. }
            | Self::OutOfMemory { .. } => ErrorKind::Usage,
            Self::Refused { .. }
            | Self::NoneWorks { .. }
            | Self::Failed { .. }
            | Self::ComputesWrong { .. }
            | Self::Threads(_) => ErrorKind::Work,
        }
    }

    /// Returns a setting that would help, if any.
    pub fn advice(&self) -> Option<Advice> {
        match self {
            Self::NoAdapter
            | Self::NoneWorks { .. }
            | Self::Refused { .. }
            | Self::Failed { .. }
            | Self::ComputesWrong { .. }
            | Self::DoesNotFit { .. } => Some(Advice::new(Setting::DEVICE, "cpu")),
            // The processor's memory is the machine's.
            Self::OutOfMemory { .. } => None,
            Self::Threads(_) => Some(Advice::new(Setting::THREADS, 1)),
            Self::UnknownBackend(_) | Self::IndexOutOfRange { .. } | Self::UnknownChoice(_) => None,
        }
    }

    /// Returns the driver's own message where there is one, else the whole message.
    pub fn reason(&self) -> String {
        match self {
            Self::Refused { reason, .. } | Self::Failed { reason, .. } => reason.clone(),
            other => other.to_string(),
        }
    }
}

fn count_adapters(count: usize) -> String {
    match count {
        0 => "is no adapter here".to_owned(),
        1 => "is one adapter, gpu:0".to_owned(),
        n => format!("are {n} adapters, gpu:0 to gpu:{}", n - 1),
    }
}
