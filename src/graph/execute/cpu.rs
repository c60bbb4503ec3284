//! A plan on the processor: its calls one after another inside the device's threads.

use std::collections::VecDeque;

use super::SharedBuffers;
use crate::device::Memory;
use crate::device::cpu::{CpuDevice, CpuMemory};
use crate::device::trace::{self, Track};
use crate::graph::plan::{BufferView, Call, Plan};
use crate::graph::{GraphError, Location};
use crate::kernels::StepState;
use crate::platform::Instant;

/// The buffers of one call of a kernel, as words of 32 bits.
#[derive(Clone, Debug)]
pub struct CallBuffers {
    /// Contents of the read buffers, in the kernel's order.
    pub reads: Vec<Vec<f32>>,
    /// Contents of the written buffers before the call: some kernels add to them.
    pub before: Vec<Vec<f32>>,
}

/// One call of a plan on the processor, with its buffers as words of 32 bits.
#[derive(Debug)]
pub struct ObservedCall<'c> {
    /// Kernel call of the plan.
    pub call: &'c Call,
    /// Contents of its buffers before the call.
    pub buffers: CallBuffers,
    /// The written buffers after the call.
    pub after: Vec<Vec<f32>>,
}

/// Plan on the CPU: its calls run one after another in the device's thread pool.
#[derive(Debug)]
pub struct CpuExecutable {
    device: CpuDevice,
    plan: Plan,
    externals: SharedBuffers,
    blocks: Vec<Memory>,
    requested: VecDeque<Vec<f32>>,
}

impl CpuExecutable {
    pub(super) fn new(device: &CpuDevice, plan: &Plan, externals: &SharedBuffers) -> Result<Self, GraphError> {
        let blocks = plan.blocks.iter().map(|&bytes| Memory::Cpu(CpuMemory::zeroed(bytes))).collect();
        let executable = Self {
            device: device.clone(),
            plan: plan.clone(),
            externals: externals.clone(),
            blocks,
            requested: VecDeque::new(),
        };
        for view in executable.plan.calls.iter().flat_map(|call| call.reads.iter().chain(&call.writes)) {
            executable.memory(view.place)?;
        }
        Ok(executable)
    }

    fn memory(&self, place: Location) -> Result<&CpuMemory, GraphError> {
        let memory = match place {
            Location::External(external) => self.externals.get(external)?.as_ref(),
            Location::Block(index) => {
                self.blocks.get(index).ok_or_else(|| GraphError::Plan(format!("there is no block {index}")))?
            }
        };
        match memory {
            Memory::Cpu(memory) => Ok(memory),
            Memory::Gpu(_) => Err(GraphError::Plan("GPU memory in a plan for the CPU".to_owned())),
        }
    }

    pub(super) fn run(&mut self, states: &[StepState]) -> Result<(), GraphError> {
        let this = &*self;
        let traced = trace::is_on();
        this.device.install(|| {
            for state in states {
                for call in &this.plan.calls {
                    let started = traced.then(Instant::now);
                    this.carry_out(call, state)?;
                    if let Some(started) = started {
                        trace::note(Track::Device, &call.label, started, started.elapsed());
                    }
                }
            }
            Ok(())
        })
    }

    /// Runs the plan once; `observe` receives each call that `wanted` selects, in order.
    pub fn run_observed(
        &mut self,
        state: &StepState,
        wanted: impl Fn(&Call) -> bool,
        mut observe: impl FnMut(ObservedCall<'_>) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        for call in &self.plan.calls {
            if !wanted(call) {
                self.device.install(|| self.carry_out(call, state))?;
                continue;
            }
            let read = |views: &[BufferView]| views.iter().map(|&view| self.read(view)).collect::<Result<Vec<_>, _>>();
            let buffers = CallBuffers { reads: read(&call.reads)?, before: read(&call.writes)? };
            self.device.install(|| self.carry_out(call, state))?;
            observe(ObservedCall { call, buffers, after: read(&call.writes)? })?;
        }
        Ok(())
    }

    fn carry_out(&self, call: &Call, state: &StepState) -> Result<(), GraphError> {
        let mut reads = Vec::with_capacity(call.reads.len());
        for view in &call.reads {
            // SAFETY: calls run one after another, and the plan checked that no call writes what it also reads
            // (`check_disjoint`). `run` borrows the executable alone, which keeps every other run of it away, and
            // executables that share externals live in one session on one thread.
            reads.push(unsafe { self.memory(view.place)?.view(view.offset, view.bytes) });
        }
        let mut writes = Vec::with_capacity(call.writes.len());
        for view in &call.writes {
            // SAFETY: as above; the views that one call writes are disjoint.
            writes.push(unsafe { self.memory(view.place)?.view_mut(view.offset, view.bytes) });
        }
        call.kernel.cpu(&reads, &mut writes, state);
        Ok(())
    }

    pub(super) fn write(&self, place: Location, bytes: &[u8]) -> Result<(), GraphError> {
        // SAFETY: no plan runs while `self` is borrowed here; see `run`.
        unsafe { self.memory(place)?.view_mut(0, bytes.len()) }.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn begin_read(&mut self, view: BufferView) -> Result<(), GraphError> {
        let values = self.read(view)?;
        self.requested.push_back(values);
        Ok(())
    }

    pub(super) fn take_arrived(&mut self) -> Option<Vec<f32>> {
        self.requested.pop_front()
    }

    pub(super) fn calls(&self) -> usize {
        self.plan.calls.len()
    }

    pub(super) fn block_bytes(&self) -> usize {
        self.blocks.iter().map(Memory::len).sum()
    }

    pub(super) fn read(&self, view: BufferView) -> Result<Vec<f32>, GraphError> {
        // SAFETY: no plan runs while `self` is borrowed here; see `run`.
        let bytes = unsafe { self.memory(view.place)?.view(view.offset, view.bytes) };
        Ok(bytemuck::cast_slice(bytes).to_vec())
    }
}
