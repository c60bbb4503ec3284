//! Dense layers: the CPU references of `shaders/dense/dense_forward*.wgsl` and `shaders/dense/dense_backward*.wgsl`.
//!
//! Letters: N rows of the batch, D inputs, K units. Weights are `[K, D]`, as PyTorch has them.

mod matmul;
use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

pub(super) use self::matmul::matmul;
pub use self::matmul::matmul_alone;
use self::matmul::{ALL_THREADS, TRANSPOSE_FROM, TRANSPOSED, is_large, matmul_on, rows_per_task, transpose};
use super::activation::Activation;
use super::gemm_variant::GemmVariant;
use super::partial_sums::{SplitK, sum_rows};
use super::shaders::shader;
use super::{GpuLaunch, Kernel, KernelTolerance, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Rows of a tile that an invocation makes in registers.
const DIRECT_ROWS: usize = 8;

/// Columns that a workgroup makes in registers.
fn direct_columns(variant: GemmVariant) -> usize {
    if variant == GemmVariant::Wide { 64 } else { 32 }
}

/// Returns whether every access can be a vec4.
fn is_vec4(inputs: usize, outputs: usize) -> bool {
    inputs.is_multiple_of(4) && outputs.is_multiple_of(4)
}

/// Shader of a product in registers alone, in the requested variant.
fn direct_shader(file: &'static str, variant: GemmVariant) -> ShaderRequest {
    let shader = shader(file);
    if variant == GemmVariant::Wide { shader.constant("WIDE", true) } else { shader }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct DenseParams {
    batch: u32,
    inputs: u32,
    outputs: u32,
    padding: u32,
}

/// Computes out `[N, K]` = activation(x `[N, D]` weight^T `[D, K]` + bias `[K]`).
#[derive(Clone, Debug)]
pub struct DenseForward {
    /// Rows of the batch, N.
    pub batch: usize,
    /// Features of a row of x, D.
    pub inputs: usize,
    /// Units of the layer, K.
    pub outputs: usize,
    /// Activation of the output.
    pub activation: Activation,
    /// Variant of the matrix product on a GPU.
    pub variant: GemmVariant,
}

impl Kernel for DenseForward {
    fn name(&self) -> &'static str {
        "dense_forward"
    }

    fn flops(&self) -> f64 {
        2.0 * self.batch as f64 * self.inputs as f64 * self.outputs as f64
    }

    fn shape(&self) -> String {
        format!("{}x{}x{}", self.batch, self.inputs, self.outputs)
    }

    fn variants(&self, target: &GpuTarget) -> Vec<&'static str> {
        GemmVariant::dense_variants(target, self.batch.div_ceil(64) * self.outputs.div_ceil(64))
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params =
            DenseParams { batch: word(self.batch), inputs: word(self.inputs), outputs: word(self.outputs), padding: 0 };
        let variant = self.variant.resolve(target, self);
        let (shader, entry_point, groups, iterations) = match variant.tile() {
            Some(tile) => (
                tile.shader("dense/dense_forward_tiled"),
                "dense_forward_tiled",
                tile.groups(self.batch, self.outputs),
                tile.iterations(self.inputs),
            ),
            None => (
                direct_shader("dense/dense_forward", variant),
                "dense_forward",
                self.batch.div_ceil(DIRECT_ROWS) * self.outputs.div_ceil(direct_columns(variant)),
                self.inputs.div_ceil(4),
            ),
        };
        let shader = shader.constant("ACTIVATION", self.activation.wgsl());
        let shader = if is_vec4(self.inputs, self.outputs) {
            shader.swap("lib/dense/forward_scalar", "lib/dense/forward_vec4")
        } else {
            shader
        };
        GpuLaunch::in_order(shader, entry_point, 4, &params, target.fold(groups), iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let (x, weight, bias) = (f32s(reads[0]), f32s(reads[1]), f32s(reads[2]));
        let (inputs, outputs) = (self.inputs, self.outputs);
        let out = &mut f32s_mut(writes[0])[..self.batch * outputs];
        if inputs * outputs < TRANSPOSE_FROM {
            self.cpu_rows(x, weight, (1, inputs), bias, out);
            return;
        }
        let mut transposed = TRANSPOSED.take();
        transposed.resize(inputs * outputs, 0.0);
        transpose(weight, outputs, inputs, &mut transposed);
        self.cpu_rows(x, &transposed, (outputs, 1), bias, out);
        TRANSPOSED.set(transposed);
    }
}

impl DenseForward {
    /// Computes the layer on all rows. `strides`: of the weights seen as `[inputs, outputs]`.
    fn cpu_rows(&self, x: &[f32], weight: &[f32], strides: (usize, usize), bias: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let large = is_large(self.batch, outputs, inputs);
        let rows = rows_per_task(self.batch);
        assert!(x.len() >= self.batch * inputs && weight.len() >= outputs * inputs);
        let multiply = |parallelism: gemm::Parallelism, out: &mut [f32], x: &[f32]| {
            let m = out.len() / outputs;
            assert!(x.len() >= m * inputs);
            // SAFETY: out is [m, outputs] and ours, x [m, inputs], and the weights reach as far as checked above.
            unsafe {
                matmul_on(
                    parallelism,
                    (m, outputs, inputs),
                    out.as_mut_ptr(),
                    (outputs, 1),
                    false,
                    x.as_ptr(),
                    (inputs, 1),
                    weight.as_ptr(),
                    strides,
                );
            }
        };
        let finish = |out: &mut [f32]| {
            vectorized(
                #[inline(always)]
                || {
                    for row in out.chunks_exact_mut(outputs) {
                        row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
                    }
                    self.activation.apply(out);
                },
            );
        };
        if large {
            multiply(ALL_THREADS, out, x);
            out.par_chunks_mut(rows * outputs).for_each(finish);
        } else {
            out.par_chunks_mut(rows * outputs).zip(x.par_chunks(rows * inputs)).for_each(|(out, x)| {
                multiply(gemm::Parallelism::None, out, x);
                finish(out);
            });
        }
    }
}

/// Computes dweight `[K, D]` = dout^T x, dbias `[K]` = column sums of dout `[N, K]`, and, where `needs_dinp`, dinp
/// `[N, D]` = (dout weight) * input_activation'(x).
///
/// Reads dout, x, weight (without `needs_dinp`: dout, x); writes dweight, dbias(, dinp). With several slots dweight is
/// `[slots, K, D]` and dbias `[slots, K]`: of each part of the batch its own sums, which
/// [`ReducePartialSums`](super::partial_sums::ReducePartialSums) adds.
#[derive(Clone, Debug)]
pub struct DenseBackward {
    /// Rows of the batch, N.
    pub batch: usize,
    /// Features of a row of x, D.
    pub inputs: usize,
    /// Units of the layer, K.
    pub outputs: usize,
    /// True to compute the gradient of x too.
    pub needs_dinp: bool,
    /// The activation that made x, whose derivative is folded into dinp; identity for the plain gradient.
    pub input_activation: Activation,
    /// Split of the rows of the batch; `slot_rows` is a multiple of 16 where there are several slots.
    pub split: SplitK,
    /// Variant of the matrix product on a GPU.
    pub variant: GemmVariant,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct DenseBackwardParams {
    batch: u32,
    inputs: u32,
    outputs: u32,
    slots: u32,
    slot_rows: u32,
    padding: [u32; 3],
}

/// Returns the split of the sums over a batch for the gradient of `[outputs, inputs]` weights: a single slot where
/// their tiles alone keep a large GPU busy, or where the batch is short.
pub fn dense_split(batch: usize, inputs: usize, outputs: usize) -> SplitK {
    // Workgroups of 64 by 64 that such a GPU runs at once.
    const BUSY: usize = 256;
    const ROWS_AT_LEAST: usize = 512;
    // Slices of every tile are whole, and no loop nears the limit of a software adapter.
    const SLICE: usize = 16;
    const ROWS_AT_MOST: usize = 32 * 1024;
    let tiles = outputs.div_ceil(64) * inputs.div_ceil(64);
    let slots = (BUSY / tiles).min(batch / ROWS_AT_LEAST).max(batch.div_ceil(ROWS_AT_MOST)).max(1);
    let slot_rows = batch.div_ceil(slots).max(1).next_multiple_of(SLICE);
    SplitK { slots: batch.div_ceil(slot_rows).max(1), slot_rows }
}

impl DenseBackward {
    fn cpu_dinp(&self, dout: &[f32], x: &[f32], weight: &[f32], dinp: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = rows_per_task(self.batch);
        let dinp = &mut dinp[..self.batch * inputs];
        assert!(weight.len() >= outputs * inputs && dout.len() >= self.batch * outputs);
        let multiply = |parallelism: gemm::Parallelism, dinp: &mut [f32], dout: &[f32]| {
            let m = dinp.len() / inputs;
            assert!(dout.len() >= m * outputs);
            // SAFETY: dinp is [m, inputs] and ours, dout [m, outputs], weight [outputs, inputs].
            unsafe {
                matmul_on(
                    parallelism,
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
        };
        let finish = |dinp: &mut [f32], x: &[f32]| {
            vectorized(
                #[inline(always)]
                || self.input_activation.apply_backward(dinp, x),
            );
        };
        let x = x[..self.batch * inputs].par_chunks(rows * inputs);
        if is_large(self.batch, inputs, outputs) {
            multiply(ALL_THREADS, dinp, dout);
            dinp.par_chunks_mut(rows * inputs).zip(x).for_each(|(dinp, x)| finish(dinp, x));
        } else {
            let dout = dout[..self.batch * outputs].par_chunks(rows * outputs);
            dinp.par_chunks_mut(rows * inputs).zip(dout).zip(x).for_each(|((dinp, dout), x)| {
                multiply(gemm::Parallelism::None, dinp, dout);
                finish(dinp, x);
            });
        }
    }

    /// Rows of the batch in a slot.
    fn slot(&self, slot: usize) -> std::ops::Range<usize> {
        let begin = slot * self.split.slot_rows;
        begin..(begin + self.split.slot_rows).min(self.batch)
    }

    fn cpu_dweight(&self, dout: &[f32], x: &[f32], dweight: &mut [f32]) {
        let (inputs, outputs, slots) = (self.inputs, self.outputs, self.split.slots);
        let size = outputs * inputs;
        assert!(dout.len() >= self.batch * outputs && x.len() >= self.batch * inputs);
        dweight[..slots * size].par_chunks_mut(size).enumerate().for_each(|(slot, dweight)| {
            let rows = self.slot(slot);
            let units = if is_large(outputs, inputs, rows.len()) { outputs } else { rows_per_task(outputs) };
            let parallelism = if units == outputs { ALL_THREADS } else { gemm::Parallelism::None };
            dweight.par_chunks_mut(units * inputs).enumerate().for_each(|(task, dweight)| {
                let m = dweight.len() / inputs;
                // SAFETY: dweight is [m, inputs] and ours; columns task * units .. + m of dout [batch, outputs] exist,
                // because the chunks cover exactly `outputs` rows; x is [batch, inputs], and the rows are of the batch.
                unsafe {
                    matmul_on(
                        parallelism,
                        (m, inputs, rows.len()),
                        dweight.as_mut_ptr(),
                        (inputs, 1),
                        false,
                        dout.as_ptr().add(rows.start * outputs + task * units),
                        (1, outputs),
                        x.as_ptr().add(rows.start * inputs),
                        (inputs, 1),
                    );
                }
            });
        });
    }

    fn cpu_dbias(&self, dout: &[f32], dbias: &mut [f32]) {
        let (outputs, slots) = (self.outputs, self.split.slots);
        dbias[..slots * outputs].par_chunks_mut(outputs).enumerate().for_each(|(slot, dbias)| {
            let rows = self.slot(slot);
            sum_rows(&dout[rows.start * outputs..rows.end * outputs], dbias);
        });
    }
}

impl Kernel for DenseBackward {
    fn name(&self) -> &'static str {
        if self.needs_dinp { "dense_backward" } else { "dense_backward_weights" }
    }

    fn flops(&self) -> f64 {
        let one = 2.0 * self.batch as f64 * self.inputs as f64 * self.outputs as f64;
        if self.needs_dinp { 2.0 * one } else { one }
    }

    fn shape(&self) -> String {
        format!("{}x{}x{}", self.batch, self.inputs, self.outputs)
    }

    fn variants(&self, target: &GpuTarget) -> Vec<&'static str> {
        let features = self.inputs.div_ceil(64);
        let dinp = if self.needs_dinp { self.batch.div_ceil(64) * features } else { 0 };
        GemmVariant::dense_variants(target, self.split.slots * self.outputs.div_ceil(64) * features + dinp)
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let SplitK { slots, slot_rows } = self.split;
        let params = DenseBackwardParams {
            batch: word(self.batch),
            inputs: word(self.inputs),
            outputs: word(self.outputs),
            slots: word(slots),
            slot_rows: word(slot_rows),
            padding: [0; 3],
        };
        let variant = self.variant.resolve(target, self);
        let dinp_rows = if self.needs_dinp { self.batch } else { 0 };
        let inner = slot_rows.min(self.batch).max(if self.needs_dinp { self.outputs } else { 0 });
        let (shader, entry_point, groups, iterations) = match variant.tile() {
            Some(tile) => (
                tile.shader("dense/dense_backward_tiled"),
                if self.needs_dinp { "dense_backward_tiled" } else { "dense_backward_weights_tiled" },
                slots * tile.groups(self.outputs, self.inputs) + tile.groups(dinp_rows, self.inputs),
                // The first tiles of a row go over each slice once more, for dbias.
                tile.iterations(inner) + inner.next_multiple_of(tile.slice),
            ),
            None => (
                direct_shader("dense/dense_backward", variant),
                if self.needs_dinp { "dense_backward" } else { "dense_backward_weights" },
                (slots * self.outputs.div_ceil(DIRECT_ROWS) + dinp_rows.div_ceil(DIRECT_ROWS))
                    * self.inputs.div_ceil(direct_columns(variant)),
                inner.div_ceil(4),
            ),
        };
        let shader = shader.constant("INPUT_ACTIVATION", self.input_activation.wgsl());
        let shader = if is_vec4(self.inputs, self.outputs) {
            shader.swap("lib/dense/backward_scalar", "lib/dense/backward_vec4")
        } else {
            shader
        };
        GpuLaunch {
            shader,
            entry_point,
            bindings: if self.needs_dinp { vec![0, 1, 2, 3, 4, 5] } else { vec![0, 1, 3, 4] },
            uniform: 6,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold(groups),
            iterations: word(iterations),
        }
    }

    fn tolerance(&self) -> KernelTolerance {
        KernelTolerance::GRADIENTS
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
