//! Kernels, the only place where WGSL and Rust meet: one file per kernel family, named as its shader is. Each kernel
//! describes its launch on a GPU and carries its CPU reference with the same meaning and parameters.

pub mod activation;
pub mod augment;
pub mod blind_spot;
pub mod conv;
pub mod dense;
pub mod depthwise;
pub mod film;
pub mod gather;
pub mod gemm_variant;
pub mod half;
pub mod jpeg;
pub mod latent;
pub mod least;
pub mod loss;
pub mod mmd;
pub mod norm;
pub mod optimizer;
pub mod partial_sums;
pub mod pointwise;
pub mod quantize;
pub mod random;
pub mod reduce;
pub mod resample;
pub mod shaders;
pub mod slice;
pub mod sparse;
pub mod ssim;

use bytemuck::{Pod, Zeroable};

use crate::device::DeviceError;
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// State of one step, the only data uploaded while training. Mirrors `shaders/lib/step.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct StepState {
    /// Philox key of the run.
    pub seed: [u32; 2],
    /// Steps taken before this one.
    pub step: u32,
    /// Rows of the batch that hold data.
    pub rows: u32,
    /// Index of the batch's first row within the part.
    pub first: u32,
    /// First row of the part in the data set.
    pub part_offset: u32,
    /// Number of rows of the part.
    pub part_rows: u32,
    /// Order of the part: 1 for that of the keyed permutation, 0 for its own.
    pub shuffle: u32,
    /// Keys of the epoch's permutation.
    pub permutation_keys: [u32; 4],
    /// Step of Adam with its bias correction, learning_rate / (1 - beta1^t).
    pub step_size: f32,
    /// Bias correction of Adam's second moment, 1 / sqrt(1 - beta2^t).
    pub inv_sqrt_correction: f32,
    /// Learning rate of the step, its schedule applied.
    pub learning_rate: f32,
    /// Slot of the ring of losses that the step writes.
    pub loss_slot: u32,
    /// Weight of the KL divergence, which may change while training.
    pub beta: f32,
    /// Weight of the sparsity penalty, which may change while training.
    pub sparsity: f32,
    /// Factor of the strengths of corruption in the plan.
    pub corruption: f32,
    /// Dropout rate of all layers plus 1; 0 leaves each layer its own rate.
    pub dropout: f32,
}

/// Elements of the buffers that a kernel writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floats.
    F32,
    /// 16-bit floats, two to a word.
    F16,
    /// 32-bit words that are not floats.
    Word,
}

/// Bound on the difference between a kernel on a GPU and its CPU reference, given the same buffers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelTolerance {
    /// Largest difference, over the largest magnitude of the reference's buffer.
    pub relative: f64,
    /// Share of the values that rounding may change to another value: a tie broken the other way.
    pub ambiguous: f64,
    /// True if the second written buffer, a bias's gradient, is compared at the magnitude of the first. Both sum the
    /// same values: before a normalization its terms cancel, and its own magnitude is that of rounding.
    pub bias_cancels: bool,
    /// Elements of the written buffers.
    pub element: Element,
}

impl KernelTolerance {
    /// Sums of f32 in another order: roundings of 6e-8 add up as the square root of their count, to 2e-5 over 100,000
    /// terms of one size. WGSL's exp and log, good to 3 + 2|x| units in the last place, stay within it.
    pub const ROUNDING: Self = Self { relative: 2e-5, ambiguous: 0.0, bias_cancels: false, element: Element::F32 };

    /// Normal deviates, made with a cosine: WGSL allows sine and cosine an absolute error of 2^-11.
    pub const NORMALS: Self = Self { relative: 4.9e-4, ..Self::ROUNDING };

    /// Gradients of weights and of a bias, sums over the same values.
    pub const GRADIENTS: Self = Self { bias_cancels: true, ..Self::ROUNDING };

    /// Results that may depend on a rounding, such as which of two entries is nearer.
    pub const TIES: Self = Self { ambiguous: 1e-3, ..Self::ROUNDING };

    /// Conversions to 16 bits, which WGSL lets round either way: one unit in the last place, 2^-10.
    pub const HALF: Self = Self { relative: 9.8e-4, element: Element::F16, ..Self::ROUNDING };

    /// Integer arithmetic.
    pub const EXACT_WORDS: Self = Self { relative: 0.0, element: Element::Word, ..Self::ROUNDING };
}

/// Launch of a kernel on a GPU.
#[derive(Clone, Debug)]
pub struct GpuLaunch {
    /// Shader file with its imports and constants.
    pub shader: ShaderRequest,
    /// Compute function of the shader.
    pub entry_point: &'static str,
    /// Binding numbers of the reads, then of the writes.
    pub bindings: Vec<u32>,
    /// Binding number of the parameters.
    pub uniform: u32,
    /// The parameter struct's bytes, a multiple of 16.
    pub params: Vec<u8>,
    /// Workgroups dispatched along x, y and z.
    pub workgroups: [u32; 3],
    /// Iterations of all loops of one invocation, at most.
    pub iterations: u32,
}

/// One computation with fixed sizes, on either device.
///
/// Buffers come in the order reads, then writes; a buffer that is both is among the writes. All are f32 unless the
/// kernel says otherwise.
pub trait Kernel: std::fmt::Debug + Send + Sync {
    /// Returns the name of the kernel in messages, benchmarks and recorded choices.
    fn name(&self) -> &'static str;

    /// Returns the launch on `target`.
    fn gpu(&self, target: &GpuTarget) -> GpuLaunch;

    /// Computes the CPU reference, inside the CPU device's thread pool.
    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState);

    /// Returns the variants that `target` may choose among, the default first; none where there is only one.
    fn variants(&self, target: &GpuTarget) -> Vec<&'static str> {
        let _ = target;
        Vec::new()
    }

    /// Floating-point operations, for rates in the benchmark; 0 where they are not counted.
    fn flops(&self) -> f64 {
        0.0
    }

    /// Bound on the difference of its results on a GPU from those of the CPU reference.
    fn tolerance(&self) -> KernelTolerance {
        KernelTolerance::ROUNDING
    }

    /// Returns its sizes in a few characters, where the sizes of its buffers do not determine them; else an empty
    /// string.
    fn shape(&self) -> String {
        String::new()
    }
}

/// Returns the key that a choice among the variants of `kernel` is recorded under.
pub fn choice_key(kernel: &dyn Kernel) -> String {
    format!("{} {}", kernel.name(), kernel.shape())
}

impl GpuLaunch {
    /// Returns a launch with bindings 0.. in order: reads, writes, parameters.
    pub(crate) fn in_order(
        shader: ShaderRequest,
        entry_point: &'static str,
        buffers: u32,
        params: &impl Pod,
        workgroups: [u32; 3],
        iterations: usize,
    ) -> Self {
        Self {
            shader,
            entry_point,
            bindings: (0..buffers).collect(),
            uniform: buffers,
            params: bytemuck::bytes_of(params).to_vec(),
            workgroups,
            iterations: word(iterations),
        }
    }

    /// Checks the launch against the limits of the device, before anything runs.
    pub fn check(&self, target: &GpuTarget, label: &str) -> Result<(), DeviceError> {
        if let Some(limit) = target.max_iterations
            && self.iterations > limit
        {
            return Err(DeviceError::DoesNotFit {
                what: format!("{label} loops {} times and this software GPU stops at {limit}", self.iterations),
                remedy: "use a smaller layer or batch".to_owned(),
            });
        }
        if self.workgroups.iter().any(|&count| count > target.max_workgroups) {
            return Err(DeviceError::DoesNotFit {
                what: format!("{label} needs {:?} workgroups", self.workgroups),
                remedy: "use a smaller batch".to_owned(),
            });
        }
        Ok(())
    }
}

/// Returns `shader` with elements of `values` values, one or four.
pub(crate) fn elements_of(shader: ShaderRequest, values: usize) -> ShaderRequest {
    if values == 4 { shader.swap("lib/element_scalar", "lib/element_vec4") } else { shader }
}

/// Returns a size as the shaders count it. Plans refuse sizes that do not fit 32 bits long before this.
pub(crate) fn word(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

pub(crate) fn f32s(bytes: &[u8]) -> &[f32] {
    bytemuck::cast_slice(bytes)
}

pub(crate) fn f32s_mut(bytes: &mut [u8]) -> &mut [f32] {
    bytemuck::cast_slice_mut(bytes)
}
