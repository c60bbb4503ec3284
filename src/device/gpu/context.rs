//! One opened GPU: device, queue, limits, and the pipelines compiled so far.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::adapters::{describe, open_first, sorted_adapters};
use super::composer::{ShaderRequest, compose};
use super::error_scopes::catch_errors;
use super::pipelines::PipelineStore;
use super::probe::probe;
use super::wrong_variants::{self, WrongVariant};
use crate::device::{DeviceError, DeviceInfo};

/// Properties of a GPU by which kernels choose their variants and refuse what cannot run.
#[derive(Clone, Debug)]
pub struct GpuTarget {
    /// True if matrix products go through workgroup memory; where the driver runs on the processor, that and its
    /// barriers cost more than they save.
    pub tiled: bool,
    /// Upper bound of the bytes of one storage binding.
    pub max_binding_bytes: usize,
    /// Upper bound of the workgroups in one dimension of a dispatch.
    pub max_workgroups: u32,
    /// Upper bound of the iterations of all loops of one invocation; lavapipe silently stops at 65,535. `None` for
    /// hardware.
    pub max_iterations: Option<u32>,
    /// Variants chosen for this device, by kernel and shape.
    pub choices: Arc<BTreeMap<String, String>>,
    /// Variants of kernels that computed wrong on this device.
    pub wrong: Arc<[WrongVariant]>,
}

impl GpuTarget {
    /// Returns the variant chosen under this key, if any.
    pub fn choice(&self, key: impl FnOnce() -> String) -> Option<&str> {
        if self.choices.is_empty() { None } else { self.choices.get(&key()).map(String::as_str) }
    }

    /// Returns whether `variant` of `kernel` computed wrong here.
    pub fn is_wrong(&self, kernel: &str, variant: &str) -> bool {
        self.wrong.iter().any(|wrong| wrong.kernel == kernel && wrong.variant == variant)
    }

    /// Returns a grid of `count` workgroups, folded over two dimensions where one cannot hold them; it may have a few
    /// more.
    pub fn fold(&self, count: usize) -> [u32; 3] {
        let limit = self.max_workgroups as usize;
        if count <= limit {
            [u32::try_from(count).unwrap_or(u32::MAX), 1, 1]
        } else {
            let rows = count.div_ceil(limit);
            let columns = count.div_ceil(rows);
            [u32::try_from(columns).unwrap_or(u32::MAX), u32::try_from(rows).unwrap_or(u32::MAX), 1]
        }
    }
}

/// A compute pipeline with the layout of its buffers (group 0).
#[derive(Debug)]
pub struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub buffers: wgpu::BindGroupLayout,
}

/// Key of a pipeline: shader, entry point, and the binding numbers of its group 0, each with "may write".
type PipelineKey = (ShaderRequest, &'static str, Vec<(u32, bool)>);

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    step_layout: wgpu::BindGroupLayout,
    pipelines: Mutex<HashMap<PipelineKey, Arc<Pipeline>>>,
    /// Pipelines of earlier starts, where the backend keeps them.
    store: Option<PipelineStore>,
    /// First error that the driver reported outside any call: validation, out of memory, device lost.
    fault: Arc<Mutex<Option<String>>>,
}

/// Shared handle to an opened GPU.
#[derive(Clone)]
pub struct GpuContext {
    inner: Arc<Inner>,
    target: GpuTarget,
    info: Arc<DeviceInfo>,
}

impl fmt::Debug for GpuContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GpuContext({})", self.info)
    }
}

impl GpuContext {
    /// Opens the best adapter that can compute; software ones only where `software_too`. Those that come before it and
    /// cannot are named in its [`DeviceInfo::passed_over`].
    pub fn open_best(software_too: bool) -> Result<Self, DeviceError> {
        Self::open_first_of(software_too, |context| {
            let wrong = context.info().wrong_variants.iter().find(|wrong| !wrong.avoidable);
            wrong
                .map_or(Ok(()), |wrong| Err(format!("it computes {wrong} wrong (`hourglass selftest` tests it again)")))
        })
    }

    /// Same as [`Self::open_best`], but accepts an adapter that is remembered to compute wrong, to test it again.
    pub fn open_best_to_test(software_too: bool) -> Result<Self, DeviceError> {
        Self::open_first_of(software_too, |_| Ok(()))
    }

    fn open_first_of(software_too: bool, accept: impl Fn(&Self) -> Result<(), String>) -> Result<Self, DeviceError> {
        let candidates = sorted_adapters()
            .into_iter()
            .map(|adapter| (describe(&adapter.get_info()), adapter))
            .filter(|(info, _)| software_too || !info.software)
            .map(|(info, adapter)| (format!("{} ({})", info.adapter, info.backend), adapter));
        let open = |adapter: wgpu::Adapter| {
            let context = Self::open(&adapter).map_err(|error| error.reason())?;
            accept(&context).map(|()| context)
        };
        match open_first(candidates, open) {
            Ok((context, passed_over)) => Ok(context.having_passed_over(passed_over)),
            Err(passed_over) if passed_over.is_empty() => Err(DeviceError::NoAdapter),
            Err(passed_over) => Err(DeviceError::NoneWorks { passed_over }),
        }
    }

    /// Opens the adapter at `index` of [`adapters`](fn@super::adapters).
    pub fn open_index(index: usize) -> Result<Self, DeviceError> {
        let adapters = sorted_adapters();
        let available = adapters.len();
        if available == 0 {
            return Err(DeviceError::NoAdapter);
        }
        Self::open(adapters.get(index).ok_or(DeviceError::IndexOutOfRange { asked: index, available })?)
    }

    fn having_passed_over(mut self, passed_over: Vec<String>) -> Self {
        Arc::make_mut(&mut self.info).passed_over = passed_over;
        self
    }

    fn open(adapter: &wgpu::Adapter) -> Result<Self, DeviceError> {
        let adapter_info = adapter.get_info();
        let limits = adapter.limits();
        let info = describe(&adapter_info);
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("hourglass"),
            required_features: adapter.features() & (wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::PIPELINE_CACHE),
            required_limits: limits.clone(),
            ..wgpu::DeviceDescriptor::default()
        }))
        .map_err(|error| DeviceError::Refused { adapter: info.adapter.clone(), reason: error.to_string() })?;

        probe(&device, &queue)
            .map_err(|reason| DeviceError::Failed { during: format!("starting on {}", info.adapter), reason })?;
        let fault = Arc::new(Mutex::new(None));
        let note = |fault: &Arc<Mutex<Option<String>>>, message: String| {
            fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
        };
        let uncaptured = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note(&uncaptured, error.to_string())));
        let lost = Arc::clone(&fault);
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                note(&lost, format!("the device was lost: {message}"));
            }
        });

        let step_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("step state"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: None,
                },
                count: None,
            }],
        });
        let software = info.software;
        let target = GpuTarget {
            tiled: !software,
            max_binding_bytes: usize::try_from(limits.max_storage_buffer_binding_size).unwrap_or(usize::MAX),
            max_workgroups: limits.max_compute_workgroups_per_dimension,
            max_iterations: software.then_some(60_000),
            choices: Arc::default(),
            wrong: info.wrong_variants.clone().into(),
        };
        let store = PipelineStore::open(&device, &adapter_info);
        let inner = Inner { device, queue, step_layout, pipelines: Mutex::new(HashMap::new()), store, fault };
        Ok(Self { inner: Arc::new(inner), target, info: Arc::new(info) })
    }

    /// Returns the device of wgpu.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// Returns the queue that takes the work of this GPU.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// Returns the description of the adapter.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Returns the properties by which kernels choose their variants.
    pub fn target(&self) -> &GpuTarget {
        &self.target
    }

    /// Returns the same GPU with matrix products through workgroup memory if `tiled`, else without, to test and to
    /// measure both.
    pub fn with_tiles(mut self, tiled: bool) -> Self {
        self.target.tiled = tiled;
        self
    }

    /// Returns the same GPU with these variants of kernels, by kernel and shape.
    pub fn with_choices(mut self, choices: BTreeMap<String, String>) -> Self {
        self.target.choices = Arc::new(choices);
        self
    }

    /// Returns the same GPU as if nothing were known to be wrong on it, to test it anew.
    pub fn forgetting_wrong(mut self) -> Self {
        self.target.wrong = Arc::default();
        self
    }

    /// Returns the same GPU without this variant of a kernel.
    pub fn without_variant(mut self, wrong: WrongVariant) -> Self {
        let info = Arc::make_mut(&mut self.info);
        info.wrong_variants.push(wrong);
        self.target.wrong = info.wrong_variants.clone().into();
        self
    }

    /// Remembers the variants that computed wrong for later starts, and forgets all that were `tested` and are not
    /// among them.
    pub fn remember_wrong(&self, wrong: Vec<WrongVariant>, tested: impl Fn(&str, &str) -> bool) {
        wrong_variants::remember(&self.info.identity(), wrong, tested);
    }

    /// Returns the layout of group 1: the step's state, at a dynamic offset.
    pub fn step_layout(&self) -> &wgpu::BindGroupLayout {
        &self.inner.step_layout
    }

    /// Returns the distance in bytes between two step states of `state_bytes` bytes in a buffer.
    pub fn step_stride(&self, state_bytes: usize) -> usize {
        state_bytes.next_multiple_of(self.inner.device.limits().min_uniform_buffer_offset_alignment as usize)
    }

    /// Creates a storage buffer of zeros that can be copied from and to; `bytes` is rounded up to a multiple of 4.
    pub fn create_buffer(&self, label: &str, bytes: usize) -> wgpu::Buffer {
        self.inner.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.next_multiple_of(4).max(4) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// Creates a uniform buffer that holds `bytes` bytes.
    pub fn create_uniform(&self, label: &str, bytes: usize) -> wgpu::Buffer {
        self.inner.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.max(16) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// Returns the pipeline for a shader and entry point, compiled once.
    ///
    /// `bindings`: the storage bindings of group 0 with "may write"; `uniform`: the number of the parameters.
    pub fn pipeline(
        &self,
        request: &ShaderRequest,
        entry_point: &'static str,
        bindings: &[(u32, bool)],
        uniform: u32,
    ) -> Result<Arc<Pipeline>, DeviceError> {
        let key = (request.clone(), entry_point, bindings.to_vec());
        let mut pipelines = self.inner.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(&key) {
            return Ok(Arc::clone(pipeline));
        }
        let source = compose(request).map_err(|reason| self.failure("composing a shader", reason))?;
        let compile = || self.compile(request.file, source, entry_point, bindings, uniform);
        let pipeline = catch_errors(&self.inner.device, compile)
            .map_err(|reason| self.failure("compiling a shader", format!("{}: {reason}", request.file)))?;
        let pipeline = Arc::new(pipeline);
        pipelines.insert(key, Arc::clone(&pipeline));
        Ok(pipeline)
    }

    fn compile(
        &self,
        file: &'static str,
        source: String,
        entry_point: &'static str,
        bindings: &[(u32, bool)],
        uniform: u32,
    ) -> Pipeline {
        let device = &self.inner.device;
        // SAFETY: these are our own shaders. A test validates each of them; every access is bounded by the sizes in
        // the parameters, which the plan derives from the shapes it allocated; loops end by those sizes.
        let module = unsafe {
            device.create_shader_module_trusted(
                wgpu::ShaderModuleDescriptor { label: Some(file), source: wgpu::ShaderSource::Wgsl(source.into()) },
                wgpu::ShaderRuntimeChecks::unchecked(),
            )
        };
        let storage = |&(binding, writes): &(u32, bool)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: !writes },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let mut entries: Vec<_> = bindings.iter().map(storage).collect();
        entries.push(wgpu::BindGroupLayoutEntry {
            binding: uniform,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        });
        let buffers = device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(entry_point), entries: &entries });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(entry_point),
            bind_group_layouts: &[Some(&buffers), Some(&self.inner.step_layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry_point),
            layout: Some(&layout),
            module: &module,
            entry_point: Some(entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: self.inner.store.as_ref().map(PipelineStore::cache),
        });
        Pipeline { pipeline, buffers }
    }

    /// Stores the pipelines compiled so far for later starts, where the backend can.
    pub fn save_pipelines(&self) {
        if let Some(store) = &self.inner.store {
            store.save();
        }
    }

    /// Lets callbacks run; waits for all submitted work where `wait`. Returns an error if the driver has reported one.
    pub fn poll(&self, wait: bool) -> Result<(), DeviceError> {
        let poll_type = if wait { wgpu::PollType::wait_indefinitely() } else { wgpu::PollType::Poll };
        self.inner.device.poll(poll_type).map_err(|error| self.failure("waiting", error.to_string()))?;
        self.check()
    }

    /// Returns an error if the driver has reported one.
    pub fn check(&self) -> Result<(), DeviceError> {
        match &*self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(self.failure("working", reason.clone())),
        }
    }

    pub(crate) fn failure(&self, during: &str, reason: String) -> DeviceError {
        // One line, whatever the driver wrote.
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        DeviceError::Failed { during: format!("{during} on {}", self.info.adapter), reason }
    }

    /// Writes `bytes` at `offset`, behind the work submitted so far; a last word that is not full ends in zeros.
    pub fn write(&self, buffer: &wgpu::Buffer, offset: usize, bytes: &[u8]) -> Result<(), DeviceError> {
        if bytes.len().is_multiple_of(4) {
            self.inner.queue.write_buffer(buffer, offset as u64, bytes);
        } else {
            let mut padded = bytes.to_vec();
            padded.resize(bytes.len().next_multiple_of(4), 0);
            self.inner.queue.write_buffer(buffer, offset as u64, &padded);
        }
        self.check()
    }
}
