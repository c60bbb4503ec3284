//! Compute devices: a GPU through wgpu, or the processor's own threads. A device knows bytes and dispatches, but no
//! tensors and no ops, so that either can be replaced without the graph noticing.

pub mod cpu;
mod error;
pub mod gpu;
mod info;
pub mod trace;

use std::fmt;
use std::str::FromStr;

use self::cpu::CpuDevice;
pub use self::error::DeviceError;
use self::gpu::GpuContext;
pub use self::info::{DeviceBackend, DeviceInfo, DeviceKind};
use crate::platform::free_memory;

/// Choice of the device to compute on, as `--device` takes it: `auto`, `gpu`, `gpu:N` or `cpu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A real GPU where there is one, else the native CPU; never a software adapter, which is ten times slower.
    #[default]
    Auto,
    /// The best adapter there is, software adapters included.
    Gpu,
    /// Adapter at line N of `hourglass devices`, counted from 0.
    GpuIndex(usize),
    /// Native code on the processor.
    Cpu,
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "gpu" => Ok(Self::Gpu),
            "cpu" => Ok(Self::Cpu),
            other => other
                .strip_prefix("gpu:")
                .and_then(|index| index.parse().ok())
                .map(Self::GpuIndex)
                .ok_or_else(|| DeviceError::UnknownChoice(other.to_owned())),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Gpu => f.write_str("gpu"),
            Self::GpuIndex(index) => write!(f, "gpu:{index}"),
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

/// An opened device.
#[derive(Clone, Debug)]
pub enum Device {
    /// GPU opened through wgpu.
    Gpu(GpuContext),
    /// Processor with a pool of threads.
    Cpu(CpuDevice),
}

impl Device {
    /// Opens the device that `choice` names, with `threads` CPU threads (all of them where `None`).
    #[tracing::instrument(level = "debug", name = "open_device", skip_all, fields(%choice))]
    pub fn open(choice: DeviceChoice, threads: Option<usize>) -> Result<Self, DeviceError> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::Cpu(CpuDevice::new(threads)?)),
            DeviceChoice::Gpu => Ok(Self::Gpu(GpuContext::open_best(true)?)),
            DeviceChoice::GpuIndex(index) => Ok(Self::Gpu(GpuContext::open_index(index)?)),
            DeviceChoice::Auto => match GpuContext::open_best(false) {
                Ok(context) => Ok(Self::Gpu(context)),
                Err(DeviceError::NoneWorks { passed_over }) => {
                    Ok(Self::Cpu(CpuDevice::new(threads)?.having_passed_over(passed_over)))
                }
                Err(_) => Ok(Self::Cpu(CpuDevice::new(threads)?)),
            },
        }
    }

    /// Same as [`Self::open`], but accepts a GPU that is remembered to compute wrong, to test it again.
    pub fn open_to_test(choice: DeviceChoice, threads: Option<usize>) -> Result<Self, DeviceError> {
        match choice {
            DeviceChoice::Gpu => Ok(Self::Gpu(GpuContext::open_best_to_test(true)?)),
            DeviceChoice::Auto => match GpuContext::open_best_to_test(false) {
                Ok(context) => Ok(Self::Gpu(context)),
                Err(_) => Self::open(choice, threads),
            },
            DeviceChoice::GpuIndex(_) | DeviceChoice::Cpu => Self::open(choice, threads),
        }
    }

    /// Returns the device's kind, backend, name and driver.
    pub fn info(&self) -> &DeviceInfo {
        match self {
            Self::Gpu(context) => context.info(),
            Self::Cpu(cpu) => cpu.info(),
        }
    }

    /// Returns the reason for which `auto` chose this device, in a few words.
    pub fn reason_for_auto(&self) -> &'static str {
        match self {
            Self::Gpu(_) => "a real GPU is there",
            Self::Cpu(cpu) if !cpu.info().passed_over.is_empty() => "no GPU here can compute",
            Self::Cpu(_) => "no real GPU was found; software GPUs are slower than the native CPU",
        }
    }

    /// Returns the bytes that can still be allocated: the machine's free memory, for devices that use it. `None` for
    /// other devices, or where the system does not report it.
    pub fn free_bytes(&self) -> Option<usize> {
        if !matches!(self, Self::Cpu(_)) && !self.info().software {
            return None;
        }
        free_memory()
    }

    /// Returns the size in bytes of the largest array that a kernel can see; no limit on the processor.
    pub fn max_binding_bytes(&self) -> usize {
        match self {
            Self::Gpu(context) => context.target().max_binding_bytes,
            Self::Cpu(_) => usize::MAX,
        }
    }

    /// Refuses an allocation of `bytes` bytes that would not fit in free memory, before any of it is made.
    pub fn check_room(&self, bytes: usize) -> Result<(), DeviceError> {
        match self.free_bytes() {
            Some(free) if bytes > free => Err(DeviceError::OutOfMemory { needed: bytes >> 20, free: free >> 20 }),
            _ => Ok(()),
        }
    }

    /// Allocates `bytes` bytes of zeros, rounded up to a whole word.
    pub fn allocate(&self, label: &str, bytes: usize) -> Memory {
        match self {
            Self::Gpu(context) => Memory::Gpu(context.create_buffer(label, bytes)),
            Self::Cpu(_) => Memory::Cpu(cpu::CpuMemory::zeroed(bytes)),
        }
    }
}

/// A block of bytes on a device.
#[derive(Debug)]
pub enum Memory {
    /// Buffer in GPU memory.
    Gpu(wgpu::Buffer),
    /// Block of host memory.
    Cpu(cpu::CpuMemory),
}

impl Memory {
    /// Returns the size in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Gpu(buffer) => usize::try_from(buffer.size()).unwrap_or(usize::MAX),
            Self::Cpu(memory) => memory.len(),
        }
    }

    /// Returns whether the block holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
