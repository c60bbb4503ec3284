//! The name, backend and driver of a device.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::gpu::WrongVariant;

/// Processor that a device computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeviceKind {
    /// GPU through wgpu, software adapters included.
    Gpu,
    /// Processor, through native kernels.
    Cpu,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        })
    }
}

/// Interface by which a device is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeviceBackend {
    /// Vulkan, on Linux and Windows.
    Vulkan,
    /// Metal, on macOS.
    Metal,
    /// DirectX 12, on Windows.
    Dx12,
    /// Another backend of wgpu, such as WebGPU.
    Other,
    /// Native code on the processor.
    Cpu,
}

impl fmt::Display for DeviceBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Dx12 => "dx12",
            Self::Other => "other",
            Self::Cpu => "cpu",
        })
    }
}

/// Description of a device, for people and in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Kind of the processor.
    pub device: DeviceKind,
    /// Interface by which the device is reached.
    pub backend: DeviceBackend,
    /// Name of the adapter; for the processor its count of threads, as in `8 threads, native`.
    pub adapter: String,
    /// True for a GPU driver that runs on the processor, such as lavapipe.
    pub software: bool,
    /// Name and version of the driver; empty for the processor.
    pub driver: String,
    /// Kernel variants that computed wrong on this device; those that can be avoided are not used.
    pub wrong_variants: Vec<WrongVariant>,
    /// Adapters that would have come first and could not compute, with the reason.
    pub passed_over: Vec<String>,
}

impl DeviceInfo {
    /// Returns remarks on this device, a line each: adapters that were passed over for it, kernel variants that are
    /// left out because they compute wrong, and kernels that compute wrong without an alternative.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.passed_over.iter().map(|adapter| format!("passed over: {adapter}")).collect();
        let (avoidable, unavoidable): (Vec<_>, Vec<_>) = self.wrong_variants.iter().partition(|wrong| wrong.avoidable);
        let list = |wrong: &[&WrongVariant]| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if !avoidable.is_empty() {
            notes.push(format!(
                "kernel variants that compute wrong with this driver are left out: {}",
                list(&avoidable)
            ));
        }
        if !unavoidable.is_empty() {
            notes.push(format!(
                "kernels that compute wrong with this driver: {}; `hourglass selftest` tests them again",
                list(&unavoidable)
            ));
        }
        notes
    }

    /// Returns adapter and driver, the name under which measurements of a device are kept.
    pub fn identity(&self) -> String {
        format!("{}, {}", self.adapter, self.driver).trim_end_matches([',', ' ']).to_owned()
    }
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.device, self.software) {
            (DeviceKind::Cpu, _) => "CPU",
            (_, true) => "software GPU",
            _ => "GPU",
        };
        write!(f, "{kind} {} ({})", self.adapter, self.backend)
    }
}
