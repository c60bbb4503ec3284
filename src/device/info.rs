//! The name, backend and driver of a device.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::gpu::WrongVariant;

/// Processor that a device computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    Gpu,
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
pub enum DeviceBackend {
    Vulkan,
    Metal,
    Dx12,
    /// Another one of wgpu's.
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

/// A device as it is named to people and in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    pub device: DeviceKind,
    pub backend: DeviceBackend,
    /// The adapter's or the processor's name.
    pub adapter: String,
    /// A GPU driver that runs on the processor, such as lavapipe.
    pub software: bool,
    pub driver: String,
    /// Kernel variants that computed wrong here and are not used.
    pub wrong_variants: Vec<WrongVariant>,
    /// Adapters that would have come first and could not compute, with the reason.
    pub passed_over: Vec<String>,
}

impl DeviceInfo {
    /// Returns what people must know of this device beside its name, a line each: what was passed over for it, and
    /// which kernel variants are left out because they compute wrong.
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

    /// Adapter and driver, the name under which measurements of a device are kept.
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
