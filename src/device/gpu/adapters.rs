//! Adapters of this machine, the best first, and the backends in which they are looked for.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use super::wrong_variants;
use crate::device::{DeviceBackend, DeviceError, DeviceInfo, DeviceKind};

/// Graphics interface that adapters are reached through: `--backend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Vulkan, on Linux and Windows.
    Vulkan,
    /// Metal, on macOS.
    Metal,
    /// DirectX 12, on Windows.
    Dx12,
}

impl Backend {
    /// Name of the environment variable that chooses a backend where no option does.
    pub const VARIABLE: &'static str = "HOURGLASS_BACKEND";

    /// Returns the backend that the environment chooses; `None` where it names none or `auto`.
    pub fn from_environment() -> Result<Option<Self>, DeviceError> {
        match std::env::var(Self::VARIABLE) {
            Ok(name) if !name.is_empty() && name != "auto" => name.parse().map(Some),
            _ => Ok(None),
        }
    }

    fn flags(self) -> wgpu::Backends {
        match self {
            Self::Vulkan => wgpu::Backends::VULKAN,
            Self::Metal => wgpu::Backends::METAL,
            Self::Dx12 => wgpu::Backends::DX12,
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Dx12 => "dx12",
        })
    }
}

impl FromStr for Backend {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        [Self::Vulkan, Self::Metal, Self::Dx12]
            .into_iter()
            .find(|backend| backend.to_string() == text)
            .ok_or_else(|| DeviceError::UnknownBackend(text.to_owned()))
    }
}

/// Backend of all adapters, chosen once for the process: drivers are loaded only once.
static BACKEND: OnceLock<Option<Backend>> = OnceLock::new();

/// Chooses the backend of every adapter that is opened later (`None`: all there are). Only the first choice counts, and
/// only before the first adapter was looked for; returns whether it did.
pub fn use_backend(backend: Option<Backend>) -> bool {
    BACKEND.set(backend).is_ok()
}

/// Returns the backend that was chosen: by [`use_backend`], else by the environment. `None` for all there are.
pub fn chosen_backend() -> Option<Backend> {
    *BACKEND.get_or_init(|| Backend::from_environment().unwrap_or_default())
}

/// Returns the backends that adapters are looked for in.
pub fn backends() -> wgpu::Backends {
    chosen_backend().map_or(wgpu::Backends::PRIMARY, Backend::flags)
}

fn instance() -> &'static wgpu::Instance {
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = backends();
        descriptor.flags = wgpu::InstanceFlags::empty();
        wgpu::Instance::new(descriptor)
    })
}

pub(super) fn describe(info: &wgpu::AdapterInfo) -> DeviceInfo {
    let mut described = DeviceInfo {
        device: DeviceKind::Gpu,
        backend: match info.backend {
            wgpu::Backend::Vulkan => DeviceBackend::Vulkan,
            wgpu::Backend::Metal => DeviceBackend::Metal,
            wgpu::Backend::Dx12 => DeviceBackend::Dx12,
            _ => DeviceBackend::Other,
        },
        adapter: info.name.clone(),
        software: info.device_type == wgpu::DeviceType::Cpu,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        wrong_variants: Vec::new(),
        passed_over: Vec::new(),
    };
    described.wrong_variants = wrong_variants::remembered(&described.identity());
    described
}

/// Returns the place of an adapter in the order of trials, by its kind: 0 for discrete GPUs to 4 for software.
pub fn adapter_rank(info: &wgpu::AdapterInfo) -> u32 {
    match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// Returns every adapter that can compute, as wgpu has it, in the order of [`adapters`].
pub fn sorted_adapters() -> Vec<wgpu::Adapter> {
    let mut adapters = pollster::block_on(instance().enumerate_adapters(backends()));
    adapters
        .retain(|adapter| adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS));
    adapters.sort_by_key(|adapter| adapter_rank(&adapter.get_info()));
    adapters
}

/// Returns every adapter that can compute, the best first: `gpu:N` counts in this order.
pub fn adapters() -> Vec<DeviceInfo> {
    sorted_adapters().iter().map(|adapter| describe(&adapter.get_info())).collect()
}

/// Opens the first of `candidates` that can be opened.
///
/// Returns it with those that were passed over, each as its name and the reason.
///
/// # Errors
/// All that were passed over, where none could be opened.
pub fn open_first<A, T>(
    candidates: impl IntoIterator<Item = (String, A)>,
    mut open: impl FnMut(A) -> Result<T, String>,
) -> Result<(T, Vec<String>), Vec<String>> {
    let mut passed_over = Vec::new();
    for (name, candidate) in candidates {
        match open(candidate) {
            Ok(opened) => return Ok((opened, passed_over)),
            Err(reason) => passed_over.push(format!("{name}: {reason}")),
        }
    }
    Err(passed_over)
}
