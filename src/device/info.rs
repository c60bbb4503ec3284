//! The name, backend and driver of a device.

use std::fmt;

/// A device as it is named to people and in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// "gpu" or "cpu".
    pub device: &'static str,
    /// "vulkan", "metal", "dx12" or "cpu".
    pub backend: &'static str,
    /// The adapter's or the processor's name.
    pub adapter: String,
    /// A GPU driver that runs on the processor, such as lavapipe.
    pub software: bool,
    pub driver: String,
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.device, self.software) {
            ("cpu", _) => "CPU",
            (_, true) => "software GPU",
            _ => "GPU",
        };
        write!(f, "{kind} {} ({})", self.adapter, self.backend)
    }
}
