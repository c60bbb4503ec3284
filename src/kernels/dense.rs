//! Dense layers: the twins of `shaders/dense_forward*.wgsl` and `shaders/dense_backward*.wgsl`.
//!
//! Letters: N rows of the batch, D inputs, K units. Weights are [K, D], as PyTorch has them.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::activation::Activation;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Which form of the matrix product a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DenseVariant {
    /// By the kind of adapter: direct on software, tiled on hardware.
    #[default]
    ByAdapter,
    /// In registers alone.
    Direct,
    /// Through workgroup memory.
    Tiled,
}

impl DenseVariant {
    pub(super) fn tiled(self, target: &GpuTarget) -> bool {
        match self {
            Self::ByAdapter => target.tiled,
            Self::Direct => false,
            Self::Tiled => true,
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct DenseParams {
    batch: u32,
    inputs: u32,
    outputs: u32,
    padding: u32,
}

/// out [N, K] = activation(x [N, D] weight^T [D, K] + bias [K])
#[derive(Clone, Debug)]
pub struct DenseForward {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub activation: Activation,
    pub variant: DenseVariant,
}

/// dst [m, n] = lhs [m, k] rhs [k, n] (+ dst where `accumulate`), each matrix with its (row, column) strides.
///
/// # Safety
/// The three pointers must be valid for the elements that sizes and strides reach, and dst must overlap neither.
#[expect(clippy::too_many_arguments, reason = "the shape of every BLAS")]
pub(super) unsafe fn product(
    (m, n, k): (usize, usize, usize),
    dst: *mut f32,
    dst_strides: (usize, usize),
    accumulate: bool,
    lhs: *const f32,
    lhs_strides: (usize, usize),
    rhs: *const f32,
    rhs_strides: (usize, usize),
) {
    // Strides of real arrays fit isize.
    let signed = |(row, column): (usize, usize)| (row as isize, column as isize);
    let ((dst_rs, dst_cs), (lhs_rs, lhs_cs), (rhs_rs, rhs_cs)) =
        (signed(dst_strides), signed(lhs_strides), signed(rhs_strides));
    // SAFETY: the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst,
            dst_cs,
            dst_rs,
            accumulate,
            lhs,
            lhs_cs,
            lhs_rs,
            rhs,
            rhs_cs,
            rhs_rs,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Rows (or units, or columns) of the result that one task of the CPU computes: a fixed cut, so that results do not
/// depend on the number of threads.
fn rows_per_task(rows: usize) -> usize {
    // Two halves for the usual batch, more tasks for longer ones; small ones are not worth cutting.
    rows.div_ceil(2).clamp(32, 128)
}

impl DenseForward {
    pub(crate) fn shader(&self, tiled: bool) -> ShaderRequest {
        let shader = ShaderRequest::new(if tiled { "dense_forward_tiled" } else { "dense_forward" })
            .constant("ACTIVATION", self.activation.wgsl());
        if self.inputs.is_multiple_of(4) && self.outputs.is_multiple_of(4) {
            shader.swap("lib/dense_forward_scalar", "lib/dense_forward_vec4")
        } else {
            shader
        }
    }
}

impl Kernel for DenseForward {
    fn name(&self) -> &'static str {
        "dense_forward"
    }

    fn flops(&self) -> f64 {
        2.0 * self.batch as f64 * self.inputs as f64 * self.outputs as f64
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params =
            DenseParams { batch: word(self.batch), inputs: word(self.inputs), outputs: word(self.outputs), padding: 0 };
        let tiled = self.variant.tiled(target);
        let (groups, iterations, entry_point) = if tiled {
            (self.batch.div_ceil(64) * self.outputs.div_ceil(64), self.inputs.div_ceil(16) * 17, "dense_forward_tiled")
        } else {
            (self.batch.div_ceil(8) * self.outputs.div_ceil(32), self.inputs.div_ceil(4), "dense_forward")
        };
        GpuLaunch::in_order(self.shader(tiled), entry_point, 4, &params, target.fold(groups), iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let (x, weight, bias) = (f32s(reads[0]), f32s(reads[1]), f32s(reads[2]));
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = rows_per_task(self.batch);
        f32s_mut(writes[0])[..self.batch * outputs]
            .par_chunks_mut(rows * outputs)
            .zip(x[..self.batch * inputs].par_chunks(rows * inputs))
            .for_each(|(out, x)| {
                let m = out.len() / outputs;
                out.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
                assert!(x.len() == m * inputs && weight.len() >= outputs * inputs);
                // SAFETY: out is [m, outputs], x [m, inputs], weight [outputs, inputs], checked above; out is ours.
                unsafe {
                    product(
                        (m, outputs, inputs),
                        out.as_mut_ptr(),
                        (outputs, 1),
                        true,
                        x.as_ptr(),
                        (inputs, 1),
                        weight.as_ptr(),
                        (1, inputs),
                    );
                }
                vectorized(
                    #[inline(always)]
                    || self.activation.apply(out),
                );
            });
    }
}

/// dweight [K, D] = dout^T x, dbias [K] = column sums of dout [N, K], and, where `needs_dinp`,
/// dinp [N, D] = (dout weight) * input_activation'(x).
///
/// reads dout, x, weight (without `needs_dinp`: dout, x); writes dweight, dbias(, dinp).
#[derive(Clone, Debug)]
pub struct DenseBackward {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub needs_dinp: bool,
    /// The activation that made x, whose derivative is folded into dinp; identity for the plain gradient.
    pub input_activation: Activation,
    pub variant: DenseVariant,
}

impl DenseBackward {
    pub(crate) fn shader(&self, tiled: bool) -> ShaderRequest {
        let shader = ShaderRequest::new(if tiled { "dense_backward_tiled" } else { "dense_backward" })
            .constant("INPUT_ACTIVATION", self.input_activation.wgsl());
        if self.inputs.is_multiple_of(4) && self.outputs.is_multiple_of(4) {
            shader.swap("lib/dense_backward_scalar", "lib/dense_backward_vec4")
        } else {
            shader
        }
    }

    fn cpu_dinp(&self, dout: &[f32], x: &[f32], weight: &[f32], dinp: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = rows_per_task(self.batch);
        dinp[..self.batch * inputs]
            .par_chunks_mut(rows * inputs)
            .zip(dout[..self.batch * outputs].par_chunks(rows * outputs))
            .zip(x[..self.batch * inputs].par_chunks(rows * inputs))
            .for_each(|((dinp, dout), x)| {
                let m = dinp.len() / inputs;
                assert!(dout.len() == m * outputs && weight.len() >= outputs * inputs);
                // SAFETY: dinp is [m, inputs], dout [m, outputs], weight [outputs, inputs]; dinp is ours.
                unsafe {
                    product(
                        (m, inputs, outputs),
                        dinp.as_mut_ptr(),
                        (inputs, 1),
                        false,
                        dout.as_ptr(),
                        (outputs, 1),
                        weight.as_ptr(),
                        (inputs, 1),
                    );
                }
                vectorized(
                    #[inline(always)]
                    || self.input_activation.apply_backward(dinp, x),
                );
            });
    }

    fn cpu_dweight(&self, dout: &[f32], x: &[f32], dweight: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let units = rows_per_task(outputs);
        assert!(dout.len() >= self.batch * outputs && x.len() >= self.batch * inputs);
        dweight[..outputs * inputs].par_chunks_mut(units * inputs).enumerate().for_each(|(task, dweight)| {
            let m = dweight.len() / inputs;
            // SAFETY: dweight is [m, inputs] and ours; columns task * units .. + m of dout [batch, outputs] exist,
            // because the chunks cover exactly `outputs` rows; x is [batch, inputs].
            unsafe {
                product(
                    (m, inputs, self.batch),
                    dweight.as_mut_ptr(),
                    (inputs, 1),
                    false,
                    dout.as_ptr().add(task * units),
                    (1, outputs),
                    x.as_ptr(),
                    (inputs, 1),
                );
            }
        });
    }

    fn cpu_dbias(&self, dout: &[f32], dbias: &mut [f32]) {
        let outputs = self.outputs;
        let dbias = &mut dbias[..outputs];
        dbias.fill(0.0);
        vectorized(
            #[inline(always)]
            || {
                for row in dout[..self.batch * outputs].chunks_exact(outputs) {
                    dbias.iter_mut().zip(row).for_each(|(sum, &g)| *sum += g);
                }
            },
        );
    }
}

impl Kernel for DenseBackward {
    fn name(&self) -> &'static str {
        "dense_backward"
    }

    fn flops(&self) -> f64 {
        let one = 2.0 * self.batch as f64 * self.inputs as f64 * self.outputs as f64;
        if self.needs_dinp { 2.0 * one } else { one }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params =
            DenseParams { batch: word(self.batch), inputs: word(self.inputs), outputs: word(self.outputs), padding: 0 };
        let tiled = self.variant.tiled(target);
        let (rows, columns, bias_units, step) = if tiled { (64, 64, 256, 16) } else { (8, 32, 8, 4) };
        let feature_groups = self.inputs.div_ceil(columns);
        let mut groups = self.outputs.div_ceil(rows) * feature_groups + self.outputs.div_ceil(bias_units);
        let mut longest = self.batch;
        if self.needs_dinp {
            groups += self.batch.div_ceil(rows) * feature_groups;
            longest = longest.max(self.outputs);
        }
        let iterations = if tiled { (longest.div_ceil(step) * 17).max(self.batch) } else { longest };
        GpuLaunch {
            shader: self.shader(tiled),
            entry_point: match (self.needs_dinp, tiled) {
                (true, true) => "dense_backward_tiled",
                (true, false) => "dense_backward",
                (false, true) => "dense_backward_weights_tiled",
                (false, false) => "dense_backward_weights",
            },
            bindings: if self.needs_dinp { vec![0, 1, 2, 3, 4, 5] } else { vec![0, 1, 3, 4] },
            uniform: 6,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold(groups),
            iterations: word(iterations),
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let (dout, x) = (f32s(reads[0]), f32s(reads[1]));
        let [dweight, dbias, rest @ ..] = writes else { return };
        let (dweight, dbias) = (f32s_mut(dweight), f32s_mut(dbias));
        let mut weights = || {
            self.cpu_dweight(dout, x, dweight);
            self.cpu_dbias(dout, dbias);
        };
        match rest {
            [dinp] if self.needs_dinp => {
                let (weight, dinp) = (f32s(reads[2]), f32s_mut(dinp));
                rayon::join(weights, || self.cpu_dinp(dout, x, weight, dinp));
            }
            _ => weights(),
        }
    }
}
