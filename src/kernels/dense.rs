//! Dense layers: the twins of `shaders/dense_forward*.wgsl` and `shaders/dense_backward*.wgsl`.
//!
//! Letters: N rows of the batch, D inputs, K units. Weights are [K, D], as PyTorch has them.

mod product;

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

pub(super) use self::product::product;
pub use self::product::product_alone;

use self::product::{ALL_THREADS, TRANSPOSE_FROM, TRANSPOSED, is_large, product_on, rows_per_task, transpose};
use super::activation::Activation;
use super::{GpuLaunch, Kernel, StepState, choice_key, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Which form of the matrix product a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DenseVariant {
    /// As was chosen for the device, else by the kind of adapter: direct on software, through workgroup memory on hardware.
    #[default]
    ByAdapter,
    /// In registers alone.
    Direct,
    /// In registers alone, twice as many columns an invocation.
    Wide,
    /// Through workgroup memory, tiles of 64 by 64.
    Tiled,
    /// Through workgroup memory, tiles of 32 by 32: more workgroups where results are small.
    Small,
    /// Of convolutions with one to three values a pixel on one side: a value at a time.
    Few,
}

/// Tiles below which a GPU of many processors would be left with too few workgroups.
const TILES_FOR_LARGE: usize = 128;

/// Tiles from which there are enough wide workgroups for the threads of a software adapter.
const TILES_FOR_WIDE: usize = 4;

impl DenseVariant {
    /// Those that a device may choose among, by the names that specs record.
    const NAMED: [(Self, &'static str); 5] = [
        (Self::Direct, "direct"),
        (Self::Wide, "wide"),
        (Self::Tiled, "tiled"),
        (Self::Small, "small"),
        (Self::Few, "few"),
    ];

    /// Whether specs may name it.
    pub fn is_name(name: &str) -> bool {
        Self::NAMED.iter().any(|(_, known)| *known == name)
    }

    pub(super) fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(variant, _)| *variant == self).map_or("", |(_, name)| name)
    }

    /// The form that `kernel` runs in on `target`.
    pub(super) fn resolve(self, target: &GpuTarget, kernel: &dyn Kernel) -> Self {
        if self != Self::ByAdapter {
            return self;
        }
        let forms = kernel.forms(target);
        let chosen = target.choice(|| choice_key(kernel)).filter(|chosen| forms.contains(chosen));
        let name = chosen.or(forms.first().copied()).unwrap_or_default();
        Self::NAMED.iter().find(|(_, known)| *known == name).map_or(Self::Direct, |(variant, _)| *variant)
    }

    /// Rows and columns of a workgroup's tile.
    fn tile(self) -> (usize, usize) {
        match self {
            Self::Tiled => (64, 64),
            Self::Small => (32, 32),
            Self::Wide => (8, 64),
            Self::Direct | Self::Few | Self::ByAdapter => (8, 32),
        }
    }

    /// The forms of a dense layer's product, the usual first, given the tiles of 64 by 64 that its result has.
    fn dense_forms(target: &GpuTarget, tiles: usize) -> Vec<&'static str> {
        let forms: &[Self] = match target.tiled {
            false if tiles >= TILES_FOR_WIDE => &[Self::Wide, Self::Direct],
            false => &[Self::Direct, Self::Wide],
            true if tiles >= TILES_FOR_LARGE => &[Self::Tiled, Self::Small],
            true => &[Self::Small, Self::Tiled],
        };
        forms.iter().map(|form| form.name()).collect()
    }

    /// The shader `file` of this form, or its counterpart through workgroup memory.
    fn shader(self, (direct, tiled): (&'static str, &'static str)) -> ShaderRequest {
        match self {
            Self::Tiled => ShaderRequest::new(tiled),
            Self::Small => ShaderRequest::new(tiled).constant("TILE", "32u"),
            Self::Wide => ShaderRequest::new(direct).constant("WIDE", true),
            Self::Direct | Self::Few | Self::ByAdapter => ShaderRequest::new(direct),
        }
    }

    fn is_direct(self) -> bool {
        matches!(self, Self::Direct | Self::Wide | Self::Few | Self::ByAdapter)
    }

    /// Loops of an invocation for each slice of 16 of the inner dimension.
    fn slice_loops(self) -> usize {
        17 + 2 * if self == Self::Small { 2 } else { 1 }
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

impl DenseForward {
    fn shader(&self, form: DenseVariant) -> ShaderRequest {
        let shader =
            form.shader(("dense_forward", "dense_forward_tiled")).constant("ACTIVATION", self.activation.wgsl());
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

    fn shape(&self) -> String {
        format!("{}x{}x{}", self.batch, self.inputs, self.outputs)
    }

    fn forms(&self, target: &GpuTarget) -> Vec<&'static str> {
        DenseVariant::dense_forms(target, self.batch.div_ceil(64) * self.outputs.div_ceil(64))
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params =
            DenseParams { batch: word(self.batch), inputs: word(self.inputs), outputs: word(self.outputs), padding: 0 };
        let form = self.variant.resolve(target, self);
        let (rows, columns) = form.tile();
        let groups = self.batch.div_ceil(rows) * self.outputs.div_ceil(columns);
        let (iterations, entry_point) = if form.is_direct() {
            (self.inputs.div_ceil(4), "dense_forward")
        } else {
            (self.inputs.div_ceil(16) * form.slice_loops(), "dense_forward_tiled")
        };
        GpuLaunch::in_order(self.shader(form), entry_point, 4, &params, target.fold(groups), iterations)
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
    /// `strides`: of the weights seen as [inputs, outputs].
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
                product_on(
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
    fn shader(&self, form: DenseVariant) -> ShaderRequest {
        let shader = form
            .shader(("dense_backward", "dense_backward_tiled"))
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
        let dinp = &mut dinp[..self.batch * inputs];
        assert!(weight.len() >= outputs * inputs && dout.len() >= self.batch * outputs);
        let multiply = |parallelism: gemm::Parallelism, dinp: &mut [f32], dout: &[f32]| {
            let m = dinp.len() / inputs;
            assert!(dout.len() >= m * outputs);
            // SAFETY: dinp is [m, inputs] and ours, dout [m, outputs], weight [outputs, inputs].
            unsafe {
                product_on(
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

    fn cpu_dweight(&self, dout: &[f32], x: &[f32], dweight: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let units = if is_large(outputs, inputs, self.batch) { outputs } else { rows_per_task(outputs) };
        let parallelism = if units == outputs { ALL_THREADS } else { gemm::Parallelism::None };
        assert!(dout.len() >= self.batch * outputs && x.len() >= self.batch * inputs);
        dweight[..outputs * inputs].par_chunks_mut(units * inputs).enumerate().for_each(|(task, dweight)| {
            let m = dweight.len() / inputs;
            // SAFETY: dweight is [m, inputs] and ours; columns task * units .. + m of dout [batch, outputs] exist,
            // because the chunks cover exactly `outputs` rows; x is [batch, inputs].
            unsafe {
                product_on(
                    parallelism,
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
        if self.needs_dinp { "dense_backward" } else { "dense_backward_weights" }
    }

    fn flops(&self) -> f64 {
        let one = 2.0 * self.batch as f64 * self.inputs as f64 * self.outputs as f64;
        if self.needs_dinp { 2.0 * one } else { one }
    }

    fn shape(&self) -> String {
        format!("{}x{}x{}", self.batch, self.inputs, self.outputs)
    }

    fn forms(&self, target: &GpuTarget) -> Vec<&'static str> {
        let features = self.inputs.div_ceil(64);
        let dinp = if self.needs_dinp { self.batch.div_ceil(64) * features } else { 0 };
        DenseVariant::dense_forms(target, self.outputs.div_ceil(64) * features + dinp)
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params =
            DenseParams { batch: word(self.batch), inputs: word(self.inputs), outputs: word(self.outputs), padding: 0 };
        let form = self.variant.resolve(target, self);
        let (rows, columns) = form.tile();
        let feature_groups = self.inputs.div_ceil(columns);
        let mut groups = self.outputs.div_ceil(rows) * feature_groups;
        let mut longest = self.batch;
        if self.needs_dinp {
            groups += self.batch.div_ceil(rows) * feature_groups;
            longest = longest.max(self.outputs);
        }
        // The first tiles of a row go over each slice once more, for dbias.
        let iterations =
            if form.is_direct() { longest.div_ceil(4) } else { longest.div_ceil(16) * (16 + form.slice_loops()) };
        GpuLaunch {
            shader: self.shader(form),
            entry_point: match (self.needs_dinp, !form.is_direct()) {
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
