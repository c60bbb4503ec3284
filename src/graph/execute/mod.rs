//! Execution of plans: everything that can be made once is made before the first step, so that a step creates no buffer
//! and no bind group and uploads only its state.

pub(super) mod compare;
mod cpu;
mod gpu;
pub(super) mod timing;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::cpu::{CallBuffers, CpuExecutable, ObservedCall};
pub use self::gpu::GpuExecutable;
use super::plan::{BufferView, Plan};
use super::{GraphError, Location, SharedBuffer};
use crate::device::{Device, Memory};
use crate::kernels::StepState;

/// Memory shared between plans, by its role.
#[derive(Clone, Debug, Default)]
pub struct SharedBuffers(BTreeMap<SharedBuffer, Arc<Memory>>);

impl SharedBuffers {
    /// Allocates the shared buffers of `plan` that are missing or too small.
    pub fn allocate_for(&mut self, device: &Device, plan: &Plan) {
        for (&external, &bytes) in &plan.externals {
            self.allocate(device, external, bytes);
        }
    }

    /// Allocates `external` anew if it has fewer than `bytes` bytes: plans may need different sizes.
    pub fn allocate(&mut self, device: &Device, external: SharedBuffer, bytes: usize) {
        if self.0.get(&external).is_none_or(|memory| memory.len() < bytes) {
            self.0.insert(external, Arc::new(device.allocate(external.label(), bytes)));
        }
    }

    /// Makes `external` share the memory of `other` from now on.
    ///
    /// # Errors
    /// When `other` was not allocated.
    pub fn alias(&mut self, external: SharedBuffer, other: SharedBuffer) -> Result<(), GraphError> {
        if external != other {
            let memory = Arc::clone(self.get(other)?);
            self.0.insert(external, memory);
        }
        Ok(())
    }

    /// Returns the memory of `external`.
    ///
    /// # Errors
    /// When it was not allocated.
    pub fn get(&self, external: SharedBuffer) -> Result<&Arc<Memory>, GraphError> {
        self.0.get(&external).ok_or_else(|| GraphError::Plan(format!("{} was not allocated", external.label())))
    }

    /// Writes `bytes` to the start of `external`; at once on a CPU, behind submitted work on a GPU.
    pub fn write(&self, device: &Device, external: SharedBuffer, bytes: &[u8]) -> Result<(), GraphError> {
        self.write_at(device, external, 0, bytes)
    }

    /// Same as [`Self::write`], from byte `offset` on.
    pub fn write_at(
        &self,
        device: &Device,
        external: SharedBuffer,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), GraphError> {
        match (self.get(external)?.as_ref(), device) {
            (Memory::Gpu(buffer), Device::Gpu(context)) => Ok(context.write(buffer, offset, bytes)?),
            (Memory::Cpu(memory), Device::Cpu(_)) => {
                // SAFETY: plans that share these externals run on this same thread, inside `Executable::run`, and no
                // view outlives that call.
                unsafe { memory.view_mut(offset, bytes.len()) }.copy_from_slice(bytes);
                Ok(())
            }
            _ => Err(GraphError::Plan(format!("{} is on another device", external.label()))),
        }
    }

    /// Returns the total size of the buffers in bytes; aliases count again.
    pub fn bytes(&self) -> usize {
        self.0.values().map(|memory| memory.len()).sum()
    }
}

/// Steps that one submission to a GPU holds at most.
pub const MAX_STEPS_PER_SUBMISSION: usize = 256;

/// Plan prepared for a device.
#[derive(Debug)]
pub enum Executable {
    /// Dispatches on a GPU.
    Gpu(GpuExecutable),
    /// Calls of the CPU reference kernels.
    Cpu(CpuExecutable),
}

impl Executable {
    /// Checks `plan` against the device, compiles its pipelines and allocates its blocks.
    #[tracing::instrument(level = "debug", name = "compile_plan", skip_all)]
    pub fn new(device: &Device, plan: &Plan, externals: &SharedBuffers) -> Result<Self, GraphError> {
        match device {
            Device::Gpu(context) => Ok(Self::Gpu(GpuExecutable::new(context, plan, externals)?)),
            Device::Cpu(cpu) => Ok(Self::Cpu(CpuExecutable::new(cpu, plan, externals)?)),
        }
    }

    /// Runs the plan once for each state, in order. On a GPU it returns once the work is submitted.
    pub fn run(&mut self, states: &[StepState]) -> Result<(), GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.run(states),
            Self::Cpu(cpu) => cpu.run(states),
        }
    }

    /// Returns `view` as f32, as it is after all work submitted so far.
    pub async fn read(&mut self, view: BufferView) -> Result<Vec<f32>, GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.read(view).await,
            Self::Cpu(cpu) => cpu.read(view),
        }
    }

    /// Writes `bytes` at the start of one of the plan's own blocks; for tests and benchmarks.
    pub fn write_block(&mut self, block: usize, bytes: &[u8]) -> Result<(), GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.write(Location::Block(block), bytes),
            Self::Cpu(cpu) => cpu.write(Location::Block(block), bytes),
        }
    }

    /// Host seconds spent recording, and steps recorded; zero on a CPU, which records nothing.
    pub fn recording(&self) -> (f64, u64) {
        match self {
            Self::Gpu(gpu) => gpu.recording(),
            Self::Cpu(_) => (0.0, 0),
        }
    }

    /// Seconds that the device itself was busy with the last submission, by its own clock; `None` where it has none.
    pub fn device_seconds(&mut self) -> Result<Option<f64>, GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.device_seconds(),
            Self::Cpu(_) => Ok(None),
        }
    }

    /// Waits for all work.
    pub fn wait(&self) -> Result<(), GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.wait(),
            Self::Cpu(_) => Ok(()),
        }
    }

    /// Requests `view` as it will be after the work submitted so far; [`Self::finish_read`] and [`Self::take_arrived`]
    /// return it, in the order of the requests.
    pub fn begin_read(&mut self, view: BufferView) -> Result<(), GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.begin_read(view),
            Self::Cpu(cpu) => cpu.begin_read(view),
        }
    }

    /// Returns the oldest view requested and not yet taken, if it has arrived.
    pub fn take_arrived(&mut self) -> Result<Option<Vec<f32>>, GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.take_arrived(),
            Self::Cpu(cpu) => Ok(cpu.take_arrived()),
        }
    }

    /// Returns the oldest view requested and not yet taken, as soon as it has arrived; `None` if none is due.
    pub async fn finish_read(&mut self) -> Result<Option<Vec<f32>>, GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.finish_read().await,
            Self::Cpu(cpu) => Ok(cpu.take_arrived()),
        }
    }

    /// Dispatches (on a CPU: calls) of one run.
    pub fn dispatches(&self) -> usize {
        match self {
            Self::Gpu(gpu) => gpu.dispatches(),
            Self::Cpu(cpu) => cpu.calls(),
        }
    }

    /// Bytes of the plan's own blocks as they were allocated.
    pub fn block_bytes(&self) -> usize {
        match self {
            Self::Gpu(gpu) => gpu.block_bytes(),
            Self::Cpu(cpu) => cpu.block_bytes(),
        }
    }
}
