//! A plan on a GPU: its dispatches recorded step after step, and read back without waiting.

use std::collections::VecDeque;
use std::time::Duration;

use super::{MAX_STEPS_PER_SUBMISSION, SharedBuffers};
use crate::device::gpu::{GpuClock, GpuContext, Readback};
use crate::device::trace::{self, Track};
use crate::device::{DeviceError, Memory};
use crate::graph::plan::{BufferView, Plan};
use crate::graph::{GraphError, Location};
use crate::kernels::StepState;
use crate::platform::Instant;

#[derive(Debug)]
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    buffers: wgpu::BindGroup,
    workgroups: [u32; 3],
    label: String,
}

impl Dispatch {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.buffers, &[]);
        let [x, y, z] = self.workgroups;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Plan on a GPU: bind groups and pipelines of its dispatches, with staging buffers to read results back.
#[derive(Debug)]
pub struct GpuExecutable {
    context: GpuContext,
    externals: SharedBuffers,
    blocks: Vec<wgpu::Buffer>,
    dispatches: Vec<Dispatch>,
    states: wgpu::Buffer,
    state_group: wgpu::BindGroup,
    state_stride: usize,
    state_bytes: Vec<u8>,
    /// Free staging buffers, and those with bytes in flight, oldest first.
    staging: Vec<Readback>,
    in_flight: VecDeque<Readback>,
    recording: (f64, u64),
    /// Clock of the GPU; `None` where the device offers no timestamps.
    clock: Option<GpuClock>,
}

impl GpuExecutable {
    pub(super) fn new(context: &GpuContext, plan: &Plan, externals: &SharedBuffers) -> Result<Self, GraphError> {
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
                    remedy: "use a smaller batch or layer".to_owned(),
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
            dispatches.push(Dispatch {
                pipeline: pipeline.pipeline.clone(),
                buffers,
                workgroups: launch.workgroups,
                label: call.label.clone(),
            });
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
        let clocked = if trace::is_on() { dispatches.len() } else { 1 };
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
            clock: GpuClock::new(context, clocked),
        })
    }

    pub(super) fn run(&mut self, states: &[StepState]) -> Result<(), GraphError> {
        if trace::is_on() {
            return states.iter().try_for_each(|state| self.run_traced(state));
        }
        for states in states.chunks(MAX_STEPS_PER_SUBMISSION) {
            let started = Instant::now();
            self.upload(states)?;
            let mut encoder =
                self.context.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("steps") });
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                    label: Some("steps"),
                    timestamp_writes: self.clock.as_ref().and_then(|clock| clock.pass_writes(0)),
                });
                for index in 0..states.len() {
                    pass.set_bind_group(1, &self.state_group, &[(index * self.state_stride) as u32]);
                    self.dispatches.iter().for_each(|dispatch| dispatch.record(&mut pass));
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

    fn upload(&mut self, states: &[StepState]) -> Result<(), GraphError> {
        for (slot, state) in self.state_bytes.chunks_exact_mut(self.state_stride).zip(states) {
            slot[..size_of::<StepState>()].copy_from_slice(bytemuck::bytes_of(state));
        }
        let used = states.len() * self.state_stride;
        Ok(self.context.write(&self.states, 0, &self.state_bytes[..used])?)
    }

    /// Runs one step with a pass for each dispatch and waits for it, so that the timeline has each by the GPU's clock.
    fn run_traced(&mut self, state: &StepState) -> Result<(), GraphError> {
        let started = Instant::now();
        self.upload(std::slice::from_ref(state))?;
        let mut encoder =
            self.context.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("step") });
        for (index, dispatch) in self.dispatches.iter().enumerate() {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some(&dispatch.label),
                timestamp_writes: self.clock.as_ref().and_then(|clock| clock.pass_writes(index)),
            });
            pass.set_bind_group(1, &self.state_group, &[0]);
            dispatch.record(&mut pass);
        }
        if let Some(clock) = &self.clock {
            clock.resolve(&mut encoder);
        }
        let commands = encoder.finish();
        let elapsed = started.elapsed();
        trace::note(Track::Host, "record step", started, elapsed);
        self.recording.0 += elapsed.as_secs_f64();
        self.recording.1 += 1;
        trace::span(Track::Host, "submit", || self.context.queue().submit([commands]));
        let context = &self.context;
        trace::span(Track::Host, "wait", || context.poll(true))?;
        let ended = Instant::now();
        if let Some(clock) = &mut self.clock {
            let spans = clock.spans(context)?;
            // The two clocks have no common origin: the end of the last dispatch is when waiting ended, or a little
            // before.
            let used = &spans[..spans.len().min(self.dispatches.len())];
            let last = used.last().map_or(0.0, |[_, end]| *end);
            for (dispatch, [begin, end]) in self.dispatches.iter().zip(used) {
                let duration = |secs: f64| Duration::try_from_secs_f64(secs).unwrap_or_default();
                let start = ended.checked_sub(duration(last - begin)).unwrap_or(ended);
                trace::note(Track::Device, &dispatch.label, start, duration(end - begin));
            }
        }
        Ok(self.context.check()?)
    }

    pub(super) fn write(&self, place: Location, bytes: &[u8]) -> Result<(), GraphError> {
        let buffer = gpu_buffer(&self.externals, &self.blocks, place)?;
        Ok(self.context.write(buffer, 0, bytes)?)
    }

    pub(super) fn recording(&self) -> (f64, u64) {
        self.recording
    }

    pub(super) fn device_seconds(&mut self) -> Result<Option<f64>, GraphError> {
        match &mut self.clock {
            Some(clock) => Ok(clock.seconds(&self.context)?),
            None => Ok(None),
        }
    }

    pub(super) fn wait(&self) -> Result<(), GraphError> {
        Ok(self.context.poll(true)?)
    }

    pub(super) fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    pub(super) fn block_bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.size() as usize).sum()
    }

    fn copy_to_staging(&mut self, view: BufferView) -> Result<Readback, GraphError> {
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

    pub(super) fn begin_read(&mut self, view: BufferView) -> Result<(), GraphError> {
        let staging = self.copy_to_staging(view)?;
        self.in_flight.push_back(staging);
        Ok(())
    }

    pub(super) fn take_arrived(&mut self) -> Result<Option<Vec<f32>>, GraphError> {
        let Some(mut staging) = self.in_flight.pop_front() else { return Ok(None) };
        let started = trace::is_on().then(Instant::now);
        let values = staging.take_arrived(&self.context, bytemuck::pod_collect_to_vec)?;
        if let (Some(started), true) = (started, values.is_some()) {
            trace::note(Track::Host, "read losses", started, started.elapsed());
        }
        if values.is_some() {
            self.staging.push(staging);
        } else {
            self.in_flight.push_front(staging);
        }
        Ok(values)
    }

    pub(super) async fn finish_read(&mut self) -> Result<Option<Vec<f32>>, GraphError> {
        match self.in_flight.pop_front() {
            Some(staging) => self.take(staging, "read losses").await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn read(&mut self, view: BufferView) -> Result<Vec<f32>, GraphError> {
        let staging = self.copy_to_staging(view)?;
        self.take(staging, "read back").await
    }

    async fn take(&mut self, mut staging: Readback, name: &str) -> Result<Vec<f32>, GraphError> {
        let started = trace::is_on().then(Instant::now);
        let values = staging.take(&self.context, bytemuck::pod_collect_to_vec).await?;
        if let Some(started) = started {
            trace::note(Track::Host, name, started, started.elapsed());
        }
        self.staging.push(staging);
        Ok(values)
    }
}

fn gpu_buffer<'a>(
    externals: &'a SharedBuffers,
    blocks: &'a [wgpu::Buffer],
    place: Location,
) -> Result<&'a wgpu::Buffer, GraphError> {
    match place {
        Location::External(external) => match externals.get(external)?.as_ref() {
            Memory::Gpu(buffer) => Ok(buffer),
            Memory::Cpu(_) => Err(GraphError::Plan(format!("{} is not on the GPU", external.label()))),
        },
        Location::Block(index) => {
            blocks.get(index).ok_or_else(|| GraphError::Plan(format!("there is no block {index}")))
        }
    }
}
