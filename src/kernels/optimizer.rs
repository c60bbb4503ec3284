//! One sweep over all parameters: the twin of `shaders/optimizer.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::pointwise::CPU_CHUNK;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct AdamParams {
    quads: u32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    padding: [u32; 3],
}

/// Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019), over flat buffers [count]:
/// reads grads, updates params, moment1, moment2.
#[derive(Clone, Debug)]
pub struct Adam {
    /// A multiple of 4.
    pub count: usize,
    pub beta1: f32,
    pub beta2: f32,
    pub epsilon: f32,
    pub weight_decay: f32,
}

impl Adam {
    /// step_size and inv_sqrt_correction of [`StepState`] for the step numbered `step` from 0.
    pub fn corrections(&self, learning_rate: f64, step: u64) -> (f32, f32) {
        // Beyond this exponent both corrections are 1 in f64.
        let t = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let first = 1.0 - f64::from(self.beta1).powi(t);
        let second = 1.0 - f64::from(self.beta2).powi(t);
        ((learning_rate / first) as f32, (1.0 / second.sqrt()) as f32)
    }
}

impl Kernel for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = AdamParams {
            quads: word(self.count / 4),
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            padding: [0; 3],
        };
        let workgroups = target.fold(self.count.div_ceil(4 * 64));
        GpuLaunch::in_order(ShaderRequest::new("optimizer"), "adam", 4, &params, workgroups, 0)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let [params, moment1, moment2] = writes else { return };
        let (params, moment1, moment2) = (f32s_mut(params), f32s_mut(moment1), f32s_mut(moment2));
        let decay = state.learning_rate * self.weight_decay;
        params
            .par_chunks_mut(CPU_CHUNK)
            .zip(moment1.par_chunks_mut(CPU_CHUNK))
            .zip(moment2.par_chunks_mut(CPU_CHUNK))
            .zip(f32s(reads[0]).par_chunks(CPU_CHUNK))
            .for_each(|(((params, moment1), moment2), grads)| {
                vectorized(
                    #[inline(always)]
                    || {
                        for (((p, m), v), &g) in params.iter_mut().zip(moment1).zip(moment2).zip(grads) {
                            *m = self.beta1 * *m + (1.0 - self.beta1) * g;
                            *v = self.beta2 * *v + (1.0 - self.beta2) * g * g;
                            *p = *p
                                - decay * *p
                                - state.step_size * *m / (v.sqrt() * state.inv_sqrt_correction + self.epsilon);
                        }
                    },
                );
            });
    }
}
