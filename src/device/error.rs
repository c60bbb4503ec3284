//! Errors of devices.

use crate::error::{Advice, ErrorKind, Setting};

#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error(
        "no GPU found, wgpu saw no Vulkan, Metal or DirectX 12 adapter, install a driver (Debian/Ubuntu, software: \
         apt-get install mesa-vulkan-drivers libvulkan1)"
    )]
    NoAdapter,
    #[error("no GPU here can compute, {}", .passed_over.join("; "))]
    NoneWorks { passed_over: Vec<String> },
    #[error("unknown backend, {0:?}, use vulkan, metal, dx12 or auto")]
    UnknownBackend(String),
    #[error("unknown device, gpu:{asked}, there {} (see `hourglass devices`)", count_adapters(*.available))]
    IndexOutOfRange { asked: usize, available: usize },
    #[error("unknown device, {0:?}, use auto, gpu, gpu:N or cpu")]
    UnknownChoice(String),
    #[error("the GPU refused to start, {adapter}, {reason}")]
    Refused { adapter: String, reason: String },
    #[error("the GPU failed, {during}, {reason}")]
    Failed { during: String, reason: String },
    #[error(
        "the GPU computes wrong, no variant of {what} gives the right result on {adapter}, update its driver (`hourglass \
         selftest` lists what is wrong)"
    )]
    ComputesWrong { what: String, adapter: String },
    #[error("the CPU threads could not be started, {0}")]
    Threads(String),
    #[error("the plan does not fit the device, {what}, {remedy}")]
    DoesNotFit { what: String, remedy: String },
}

impl DeviceError {
    /// Returns whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAdapter
            | Self::UnknownBackend(_)
            | Self::IndexOutOfRange { .. }
            | Self::UnknownChoice(_)
            | Self::DoesNotFit { .. } => ErrorKind::Usage,
            Self::Refused { .. }
            | Self::NoneWorks { .. }
            | Self::Failed { .. }
            | Self::ComputesWrong { .. }
            | Self::Threads(_) => ErrorKind::Work,
        }
    }

    /// Returns what would help.
    pub fn advice(&self) -> Option<Advice> {
        match self {
            Self::NoAdapter
            | Self::NoneWorks { .. }
            | Self::Refused { .. }
            | Self::Failed { .. }
            | Self::ComputesWrong { .. }
            | Self::DoesNotFit { .. } => Some(Advice::new(Setting::DEVICE, "cpu")),
            Self::Threads(_) => Some(Advice::new(Setting::THREADS, 1)),
            Self::UnknownBackend(_) | Self::IndexOutOfRange { .. } | Self::UnknownChoice(_) => None,
        }
    }

    /// Returns the driver's own words where there are any, else the whole message.
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
