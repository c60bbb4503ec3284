//! Optimizer update of all parameters, and the norm of their gradients: the CPU reference of `shaders/optimizer.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::pointwise::CPU_CHUNK;
use super::reduce::{REDUCE_LANES, reduce_sum_lanes};
use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::GpuTarget;

/// Parameters that share one factor of weight decay.
pub const DECAY_BLOCK: usize = 64;
/// Gradients whose squares make one partial sum.
const NORM_CHUNK: usize = 1024;

/// Update rule of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UpdateRule {
    /// Adam (Kingma & Ba 2015): decay rates `beta1` and `beta2` of the moments, and `epsilon` in the denominator.
    Adam {
        /// Decay rate of the first moment.
        beta1: f32,
        /// Decay rate of the second moment.
        beta2: f32,
        /// Addend of the denominator, against division by zero.
        epsilon: f32,
    },
    /// Stochastic gradient descent with PyTorch's momentum, which starts at the first gradient; `nesterov` selects
    /// Nesterov's.
    Sgd {
        /// Share of the old momentum; 0 for none.
        momentum: f32,
        /// True for Nesterov momentum.
        nesterov: bool,
    },
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct OptimizerParams {
    quads: u32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    max_norm: f32,
    average: f32,
    partials: u32,
}

/// One update of flat buffers `[count]`. Reads grads, decay mask `[count / 64]`, clip factor (anything where not
/// `clipped`); updates params, moment1, for Adam moment2, and where there is an `average` the averages.
#[derive(Clone, Debug)]
pub struct Update {
    /// Update rule with its constants.
    pub rule: UpdateRule,
    /// Elements of the flat buffers, a multiple of 64.
    pub count: usize,
    /// Strength of weight decay; 0 for none.
    pub weight_decay: f32,
    /// True for p -= learning_rate * decay * p (AdamW), false to add decay * p to the gradient.
    pub decoupled: bool,
    /// True to multiply the gradients by the clip factor.
    pub clipped: bool,
    /// Share of the old average of the weights in the new one; `None` where none is kept.
    pub average: Option<f32>,
}

impl Update {
    /// Returns step_size and inv_sqrt_correction of [`StepState`] for the step numbered `step` from 0.
    pub fn corrections(&self, learning_rate: f64, step: u64) -> (f32, f32) {
        let UpdateRule::Adam { beta1, beta2, .. } = self.rule else { return (learning_rate as f32, 1.0) };
        // Beyond this exponent both corrections are 1 in f64.
        let t = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let first = 1.0 - f64::from(beta1).powi(t);
        let second = 1.0 - f64::from(beta2).powi(t);
        ((learning_rate / first) as f32, (1.0 / second.sqrt()) as f32)
    }
}

impl Kernel for Update {
    fn name(&self) -> &'static str {
        match self.rule {
            UpdateRule::Adam { .. } => "adam",
            UpdateRule::Sgd { .. } => "sgd",
        }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let (beta1, beta2, epsilon, nesterov) = match self.rule {
            UpdateRule::Adam { beta1, beta2, epsilon } => (beta1, beta2, epsilon, false),
            UpdateRule::Sgd { momentum, nesterov } => (momentum, 0.0, 0.0, nesterov),
        };
        let params = OptimizerParams {
            quads: word(self.count / 4),
            beta1,
            beta2,
            epsilon,
            weight_decay: self.weight_decay,
            max_norm: 0.0,
            average: self.average.unwrap_or(0.0),
            partials: 0,
        };
        let mut bindings = vec![0, 4, 5, 1, 2];
        bindings.extend(matches!(self.rule, UpdateRule::Adam { .. }).then_some(3));
        bindings.extend(self.average.map(|_| 6));
        let mut shader = shader("optimizer")
            .constant("CLIP", self.clipped)
            .constant("DECOUPLED", self.decoupled)
            .constant("NESTEROV", nesterov);
        if self.average.is_some() {
            shader = shader.swap("lib/store_values", "lib/store_values_and_average");
        }
        GpuLaunch {
            shader,
            entry_point: self.name(),
            bindings,
            uniform: 9,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold(self.count.div_ceil(4 * 64)),
            iterations: 0,
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let (grads, mask) = (&f32s(reads[0])[..self.count], f32s(reads[1]));
        let clip = if self.clipped { f32s(reads[2])[0] } else { 1.0 };
        let (decay, coupled_decay) =
            if self.decoupled { (state.learning_rate * self.weight_decay, 0.0) } else { (0.0, self.weight_decay) };
        let mut writes = writes.iter_mut();
        // Chunks of the next buffer, or empty ones where there is none.
        let mut chunks = |there: bool| -> Vec<&mut [f32]> {
            let buffer = if there { writes.next().map(|bytes| f32s_mut(bytes)) } else { None };
            match buffer {
                Some(values) => values[..self.count].chunks_mut(CPU_CHUNK).collect(),
                None => (0..self.count.div_ceil(CPU_CHUNK)).map(|_| Default::default()).collect(),
            }
        };
        let (params, moments1) = (chunks(true), chunks(true));
        let moments2 = chunks(matches!(self.rule, UpdateRule::Adam { .. }));
        let averages = chunks(self.average.is_some());
        params
            .into_par_iter()
            .zip(moments1)
            .zip(moments2)
            .zip(averages)
            .zip(grads.par_chunks(CPU_CHUNK))
            .zip(mask.par_chunks(CPU_CHUNK / DECAY_BLOCK))
            .for_each(|(((((params, moment1), moment2), average), grads), mask)| {
                vectorized(
                    #[inline(always)]
                    || {
                        for (block, &mask) in mask.iter().enumerate() {
                            let range = block * DECAY_BLOCK..((block + 1) * DECAY_BLOCK).min(params.len());
                            let (p, g) = (&mut params[range.clone()], &grads[range.clone()]);
                            let m = &mut moment1[range.clone()];
                            let gradient = |p: f32, g: f32| clip * g + coupled_decay * mask * p;
                            let decayed = |p: f32| p - decay * mask * p;
                            match self.rule {
                                UpdateRule::Adam { beta1, beta2, epsilon } => {
                                    let v = &mut moment2[range.clone()];
                                    for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(g) {
                                        let g = gradient(*p, g);
                                        *m = beta1 * *m + (1.0 - beta1) * g;
                                        *v = beta2 * *v + (1.0 - beta2) * g * g;
                                        *p = decayed(*p)
                                            - state.step_size * *m / (v.sqrt() * state.inv_sqrt_correction + epsilon);
                                    }
                                }
                                UpdateRule::Sgd { momentum, nesterov } => {
                                    for ((p, m), &g) in p.iter_mut().zip(m).zip(g) {
                                        let g = gradient(*p, g);
                                        *m = momentum * *m + g;
                                        let by = if nesterov { g + momentum * *m } else { *m };
                                        *p = decayed(*p) - state.learning_rate * by;
                                    }
                                }
                            }
                        }
                        if let Some(share) = self.average {
                            for (average, p) in average.iter_mut().zip(params.iter()) {
                                *average += (1.0 - share) * (p - *average);
                            }
                        }
                    },
                );
            });
    }
}

/// Reads grads `[count]`; writes sums of their squares over chunks.
#[derive(Clone, Debug)]
pub struct GradientSquares {
    /// Number of gradients.
    pub count: usize,
}

impl GradientSquares {
    /// Returns the number of partial sums.
    pub fn partials(&self) -> usize {
        self.count.div_ceil(NORM_CHUNK)
    }
}

fn norm_params(count: usize, partials: usize, max_norm: f32) -> OptimizerParams {
    OptimizerParams { quads: word(count / 4), max_norm, partials: word(partials), ..OptimizerParams::zeroed() }
}

impl Kernel for GradientSquares {
    fn name(&self) -> &'static str {
        "gradient_squares"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        GpuLaunch {
            shader: shader("optimizer"),
            entry_point: "gradient_squares",
            bindings: vec![0, 8],
            uniform: 9,
            params: bytemuck::bytes_of(&norm_params(self.count, self.partials(), 0.0)).to_vec(),
            workgroups: target.fold(self.partials()),
            iterations: 10,
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let grads = &f32s(reads[0])[..self.count];
        f32s_mut(writes[0]).par_iter_mut().zip(grads.par_chunks(NORM_CHUNK)).with_min_len(16).for_each(
            |(partial, grads)| {
                *partial = vectorized(
                    #[inline(always)]
                    || reduce_sum_lanes(grads.len(), |at| grads[at] * grads[at]),
                );
            },
        );
    }
}

/// Reads partial sums of squares; writes `[min(1, max_norm / norm), norm]`, as in PyTorch's `clip_grad_norm_`.
#[derive(Clone, Debug)]
pub struct ClipFactor {
    /// Number of partial sums.
    pub partials: usize,
    /// Largest norm of all gradients together.
    pub max_norm: f32,
}

impl Kernel for ClipFactor {
    fn name(&self) -> &'static str {
        "clip_factor"
    }

    fn gpu(&self, _: &GpuTarget) -> GpuLaunch {
        GpuLaunch {
            shader: shader("optimizer"),
            entry_point: "clip_factor",
            bindings: vec![7, 8],
            uniform: 9,
            params: bytemuck::bytes_of(&norm_params(0, self.partials, self.max_norm)).to_vec(),
            workgroups: [1, 1, 1],
            iterations: word(self.partials.div_ceil(REDUCE_LANES) + 6),
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let partials = f32s(reads[0]);
        let norm = reduce_sum_lanes(self.partials, |at| partials[at]).sqrt();
        f32s_mut(writes[0])[..2].copy_from_slice(&[(self.max_norm / (norm + 1e-6)).min(1.0), norm]);
    }
}
