//! Running a plan: everything that can be made once is made here, so that a step creates no buffer and no bind group
//! and uploads only its state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::plan::{Plan, View};
use super::{External, GraphError, Place};
use crate::device::cpu::CpuDevice;
use crate::device::gpu::{GpuClock, GpuContext, Readback};
use crate::device::{Device, DeviceError, Memory};
use crate::kernels::StepState;

/// Memory shared between plans, by its role.
#[derive(Clone, Debug, Default)]
pub struct Externals(BTreeMap<External, Arc<Memory>>);

impl Externals {
    /// Allocates what `plan` needs and is not there yet.
    pub fn allocate_for(&mut self, device: &Device, plan: &Plan) {
        for (&external, &bytes) in &plan.externals {
            self.allocate(device, external, bytes);
        }
    }

    /// Makes sure of `bytes` bytes of `external`, where one plan may name fewer than another.
    pub fn allocate(&mut self, device: &Device, external: External, bytes: usize) {
        if self.0.get(&external).is_none_or(|memory| memory.len() < bytes) {
            self.0.insert(external, Arc::new(device.allocate(external.label(), bytes)));
        }
    }

    pub fn get(&self, external: External) -> Result<&Arc<Memory>, GraphError> {
        self.0.get(&external).ok_or_else(|| GraphError::Plan(format!("{} was not allocated", external.label())))
    }

    /// Fills the start of `external`; at once on a CPU, behind submitted work on a GPU.
    pub fn write(&self, device: &Device, external: External, bytes: &[u8]) -> Result<(), GraphError> {
        self.write_at(device, external, 0, bytes)
    }

    /// As [`Self::write`], from byte `offset` on.
    pub fn write_at(&self, device: &Device, external: External, offset: usize, bytes: &[u8]) -> Result<(), GraphError> {
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

    pub fn bytes(&self) -> usize {
        self.0.values().map(|memory| memory.len()).sum()
    }
}

/// Steps that one submission to a GPU holds at most.
pub const MAX_STEPS_PER_SUBMISSION: usize = 256;

/// A plan made ready on a device.
#[derive(Debug)]
pub enum Executable {
    Gpu(GpuExecutable),
    Cpu(CpuExecutable),
}

impl Executable {
    /// Checks `plan` against the device, compiles its pipelines and allocates its blocks.
    pub fn new(device: &Device, plan: &Plan, externals: &Externals) -> Result<Self, GraphError> {
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

    /// Waits for all work and reads `view` as f32.
    pub fn read(&mut self, view: View) -> Result<Vec<f32>, GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.read(view),
            Self::Cpu(cpu) => cpu.read(view),
        }
    }

    /// Writes `bytes` at the start of one of the plan's own blocks; for tests and benchmarks.
    pub fn write_block(&mut self, block: usize, bytes: &[u8]) -> Result<(), GraphError> {
        match self {
            Self::Gpu(gpu) => {
                let buffer = gpu_buffer(&gpu.externals, &gpu.blocks, Place::Block(block))?;
                Ok(gpu.context.write(buffer, 0, bytes)?)
            }
            Self::Cpu(cpu) => {
                // SAFETY: no plan runs while `self` is borrowed here; see `CpuExecutable::run`.
                unsafe { cpu.memory(Place::Block(block))?.view_mut(0, bytes.len()) }.copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Host seconds spent recording, and steps recorded; zero on a CPU, which records nothing.
    pub fn recording(&self) -> (f64, u64) {
        match self {
            Self::Gpu(gpu) => gpu.recording,
            Self::Cpu(_) => (0.0, 0),
        }
    }

    /// Seconds that the device itself was busy with the last submission, by its own clock; `None` where it has none.
    pub fn device_seconds(&mut self) -> Result<Option<f64>, GraphError> {
        match self {
            Self::Gpu(gpu) => match &mut gpu.clock {
                Some(clock) => Ok(clock.seconds(&gpu.context)?),
                None => Ok(None),
            },
            Self::Cpu(_) => Ok(None),
        }
    }

    /// Waits for all work.
    pub fn wait(&self) -> Result<(), GraphError> {
        match self {
            Self::Gpu(gpu) => Ok(gpu.context.poll(true)?),
            Self::Cpu(_) => Ok(()),
        }
    }

    /// Asks for `view` as it will be after the work submitted so far; [`Self::finish_read`] gives it, in the order of
    /// the requests.
    pub fn begin_read(&mut self, view: View) -> Result<(), GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.begin_read(view),
            Self::Cpu(cpu) => {
                let values = cpu.read(view)?;
                cpu.requested.push_back(values);
                Ok(())
            }
        }
    }

    /// The oldest view asked for and not yet taken; `None` if it has not arrived (never with `wait`) or none is due.
    pub fn finish_read(&mut self, wait: bool) -> Result<Option<Vec<f32>>, GraphError> {
        match self {
            Self::Gpu(gpu) => gpu.finish_read(wait),
            Self::Cpu(cpu) => Ok(cpu.requested.pop_front()),
        }
    }

    /// Dispatches (on a CPU: calls) of one run.
    pub fn dispatches(&self) -> usize {
        match self {
            Self::Gpu(gpu) => gpu.dispatches.len(),
            Self::Cpu(cpu) => cpu.plan.calls.len(),
        }
    }
}

#[derive(Debug)]
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    buffers: wgpu::BindGroup,
    workgroups: [u32; 3],
}

#[derive(Debug)]
pub struct GpuExecutable {
    context: GpuContext,
    externals: Externals,
    blocks: Vec<wgpu::Buffer>,
    dispatches: Vec<Dispatch>,
    states: wgpu::Buffer,
    state_group: wgpu::BindGroup,
    state_stride: usize,
    state_bytes: Vec<u8>,
    /// Free staging buffers, and those whose bytes are on their way, oldest first.
    staging: Vec<Readback>,
    in_flight: VecDeque<Readback>,
    recording: (f64, u64),
    /// Where the device offers timestamps.
    clock: Option<GpuClock>,
}

impl GpuExecutable {
    fn new(context: &GpuContext, plan: &Plan, externals: &Externals) -> Result<Self, GraphError> {
        let target = context.target();
        let limit = target.max_binding_bytes;
        let launches: Vec<_> = plan.calls.iter().map(|call| call.kernel.gpu(target)).collect();
        for (call, launch) in plan.calls.iter().zip(&launches) {
            launch.check(target, &call.label)?;
            if let Some(view) = call.reads.iter().chain(&call.writes).find(|view| view.bytes > limit) {
                return Err(DeviceError::DoesNotFit {
                    what: format!(
                        "{} needs {} MB in one buffer and {} binds {} MB",
                        call.label,
                        view.bytes >> 20,
                        context.info().adapter,
                        limit >> 20
                    ),
                    remedy: "use a smaller batch or layer, or --device cpu".to_owned(),
                }
                .into());
            }
        }

        let blocks: Vec<_> = plan
            .blocks
            .iter()
            .enumerate()
            .map(|(index, &bytes)| context.create_buffer(&format!("activations.{index}"), bytes))
            .collect();
        // All parameter structs in one buffer, each at an offset that a binding may start at.
        let stride = |bytes: usize| context.step_stride(bytes);
        let params_bytes = launches.iter().map(|launch| stride(launch.params.len())).sum();
        let params = context.create_uniform("plan.params", params_bytes);
        let mut params_offset = 0;
        let mut dispatches = Vec::with_capacity(plan.calls.len());
        for (call, launch) in plan.calls.iter().zip(&launches) {
            let writes_from = call.reads.len();
            let bindings: Vec<(u32, bool)> =
                launch.bindings.iter().enumerate().map(|(i, &binding)| (binding, i >= writes_from)).collect();
            let pipeline = context.pipeline(&launch.shader, launch.entry_point, &bindings, launch.uniform)?;
            context.write(&params, params_offset, &launch.params)?;
            let mut entries = Vec::with_capacity(bindings.len() + 1);
            for (view, &(binding, _)) in call.reads.iter().chain(&call.writes).zip(&bindings) {
                let buffer = gpu_buffer(externals, &blocks, view.place)?;
                entries.push(wgpu::BindGroupEntry {
                    binding,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer,
                        offset: view.offset as u64,
                        size: std::num::NonZeroU64::new(view.bytes.next_multiple_of(4) as u64),
                    }),
                });
            }
            entries.push(wgpu::BindGroupEntry {
                binding: launch.uniform,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &params,
                    offset: params_offset as u64,
                    size: std::num::NonZeroU64::new(launch.params.len() as u64),
                }),
            });
            let buffers = context.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(&call.label),
                layout: &pipeline.buffers,
                entries: &entries,
            });
            dispatches.push(Dispatch { pipeline: pipeline.pipeline.clone(), buffers, workgroups: launch.workgroups });
            params_offset += stride(launch.params.len());
        }

        let state_size = size_of::<StepState>();
        let state_stride = context.step_stride(state_size);
        let states = context.create_uniform("step.states", state_stride * MAX_STEPS_PER_SUBMISSION);
        let state_group = context.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("step state"),
            layout: context.step_layout(),
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &states,
                    offset: 0,
                    size: std::num::NonZeroU64::new(state_size as u64),
                }),
            }],
        });
        context.check()?;
        Ok(Self {
            context: context.clone(),
            externals: externals.clone(),
            blocks,
            dispatches,
            states,
            state_group,
            state_stride,
            state_bytes: vec![0; state_stride * MAX_STEPS_PER_SUBMISSION],
            staging: Vec::new(),
            in_flight: VecDeque::new(),
            recording: (0.0, 0),
            clock: GpuClock::new(context),
        })
    }

    fn run(&mut self, states: &[StepState]) -> Result<(), GraphError> {
        for states in states.chunks(MAX_STEPS_PER_SUBMISSION) {
            for (slot, state) in self.state_bytes.chunks_exact_mut(self.state_stride).zip(states) {
                slot[..size_of::<StepState>()].copy_from_slice(bytemuck::bytes_of(state));
            }
            let started = Instant::now();
            let used = states.len() * self.state_stride;
            self.context.write(&self.states, 0, &self.state_bytes[..used])?;
            let mut encoder =
                self.context.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("steps") });
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                    label: Some("steps"),
                    timestamp_writes: self.clock.as_ref().map(GpuClock::pass_writes),
                });
                for index in 0..states.len() {
                    pass.set_bind_group(1, &self.state_group, &[(index * self.state_stride) as u32]);
                    for dispatch in &self.dispatches {
                        pass.set_pipeline(&dispatch.pipeline);
                        pass.set_bind_group(0, &dispatch.buffers, &[]);
                        let [x, y, z] = dispatch.workgroups;
                        pass.dispatch_workgroups(x, y, z);
                    }
                }
            }
            if let Some(clock) = &self.clock {
                clock.resolve(&mut encoder);
            }
            let commands = encoder.finish();
            self.recording.0 += started.elapsed().as_secs_f64();
            self.recording.1 += states.len() as u64;
            self.context.queue().submit([commands]);
        }
        Ok(self.context.check()?)
    }

    fn copy_to_staging(&mut self, view: View) -> Result<Readback, GraphError> {
        let fitting = self.staging.iter().position(|staging| staging.capacity() >= view.bytes);
        let mut staging = match fitting {
            Some(index) => self.staging.swap_remove(index),
            None => Readback::new(&self.context, "plan.readback", view.bytes),
        };
        let mut encoder =
            self.context.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("readback") });
        let buffer = gpu_buffer(&self.externals, &self.blocks, view.place)?;
        staging.copy(&mut encoder, buffer, view.offset, view.bytes);
        self.context.queue().submit([encoder.finish()]);
        staging.request();
        Ok(staging)
    }

    fn begin_read(&mut self, view: View) -> Result<(), GraphError> {
        let staging = self.copy_to_staging(view)?;
        self.in_flight.push_back(staging);
        Ok(())
    }

    fn finish_read(&mut self, wait: bool) -> Result<Option<Vec<f32>>, GraphError> {
        let Some(mut staging) = self.in_flight.pop_front() else { return Ok(None) };
        let values = staging.take(&self.context, wait, bytemuck::pod_collect_to_vec)?;
        if values.is_some() {
            self.staging.push(staging);
        } else {
            self.in_flight.push_front(staging);
        }
        Ok(values)
    }

    fn read(&mut self, view: View) -> Result<Vec<f32>, GraphError> {
        let mut staging = self.copy_to_staging(view)?;
        let values = staging.take(&self.context, true, bytemuck::pod_collect_to_vec)?;
        self.staging.push(staging);
        values.ok_or_else(|| GraphError::Plan("a readback was lost".to_owned()))
    }
}

fn gpu_buffer<'a>(
    externals: &'a Externals,
    blocks: &'a [wgpu::Buffer],
    place: Place,
) -> Result<&'a wgpu::Buffer, GraphError> {
    match place {
        Place::External(external) => match externals.get(external)?.as_ref() {
            Memory::Gpu(buffer) => Ok(buffer),
            Memory::Cpu(_) => Err(GraphError::Plan(format!("{} is not on the GPU", external.label()))),
        },
        Place::Block(index) => blocks.get(index).ok_or_else(|| GraphError::Plan(format!("there is no block {index}"))),
    }
}

#[derive(Debug)]
pub struct CpuExecutable {
    device: CpuDevice,
    plan: Plan,
    externals: Externals,
    blocks: Vec<Memory>,
    requested: VecDeque<Vec<f32>>,
}

impl CpuExecutable {
    fn new(device: &CpuDevice, plan: &Plan, externals: &Externals) -> Result<Self, GraphError> {
        let blocks =
            plan.blocks.iter().map(|&bytes| Memory::Cpu(crate::device::cpu::CpuMemory::zeroed(bytes))).collect();
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

    fn memory(&self, place: Place) -> Result<&crate::device::cpu::CpuMemory, GraphError> {
        let memory = match place {
            Place::External(external) => self.externals.get(external)?.as_ref(),
            Place::Block(index) => {
                self.blocks.get(index).ok_or_else(|| GraphError::Plan(format!("there is no block {index}")))?
            }
        };
        match memory {
            Memory::Cpu(memory) => Ok(memory),
            Memory::Gpu(_) => Err(GraphError::Plan("GPU memory in a plan for the CPU".to_owned())),
        }
    }

    fn run(&mut self, states: &[StepState]) -> Result<(), GraphError> {
        let this = &*self;
        this.device.install(|| {
            for state in states {
                for call in &this.plan.calls {
                    let mut reads = Vec::with_capacity(call.reads.len());
                    for view in &call.reads {
                        // SAFETY: calls run one after another, and the plan checked that no call writes what it also
                        // reads (`check_disjoint`). `&mut self` keeps every other run of this executable away, and
                        // executables that share externals live in one session on one thread.
                        reads.push(unsafe { this.memory(view.place)?.view(view.offset, view.bytes) });
                    }
                    let mut writes = Vec::with_capacity(call.writes.len());
                    for view in &call.writes {
                        // SAFETY: as above; the views that one call writes are disjoint.
                        writes.push(unsafe { this.memory(view.place)?.view_mut(view.offset, view.bytes) });
                    }
                    call.kernel.cpu(&reads, &mut writes, state);
                }
            }
            Ok(())
        })
    }

    fn read(&self, view: View) -> Result<Vec<f32>, GraphError> {
        // SAFETY: no plan runs while `self` is borrowed here; see `run`.
        let bytes = unsafe { self.memory(view.place)?.view(view.offset, view.bytes) };
        Ok(bytemuck::cast_slice(bytes).to_vec())
    }
}
