//! Sparse codes: the CPU reference of `shaders/sparse.wgsl`, which explains the buffers.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;
use crate::math::ln;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SparseParams {
    batch: u32,
    units: u32,
    keep: u32,
    dead_after: f32,
    rate: f32,
    padding: [u32; 3],
}

/// Selection of units, count of silent steps, or sparsity penalty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SparseStage {
    /// Reads h, anything; writes the `keep` largest of each row (Makhzani & Frey 2014).
    TopK {
        /// Units kept in each row.
        keep: usize,
    },
    /// Reads h, silent steps `[D]`; writes the `keep` largest of each row among units silent for more than `dead_after`
    /// steps (Gao et al. 2024).
    TopDead {
        /// Units kept in each row.
        keep: usize,
        /// Steps of silence beyond which a unit is dead.
        dead_after: f32,
    },
    /// Reads h; counts silent steps `[D]`.
    SilentSteps,
    /// Reads sums of activations `[D]`; writes KL(rate || mean activation) `[D]`.
    KlTarget {
        /// Target mean activation, between 0 and 1.
        rate: f32,
    },
    /// Reads sums of activations `[D]`; writes the gradient by h, times the step's sparsity.
    KlTargetBackward {
        /// Target mean activation, between 0 and 1.
        rate: f32,
    },
}

/// One stage on codes `[batch, units]`.
#[derive(Clone, Debug)]
pub struct Sparse {
    /// Stage to compute.
    pub stage: SparseStage,
    /// Rows of the batch.
    pub batch: usize,
    /// Units of the code, D.
    pub units: usize,
}

fn mean_activation(sum: f32, state: &StepState) -> f32 {
    (sum / state.rows.max(1) as f32).clamp(0.0001, 0.9999)
}

impl Kernel for Sparse {
    fn name(&self) -> &'static str {
        match self.stage {
            SparseStage::TopK { .. } => "top_k",
            SparseStage::TopDead { .. } => "top_dead",
            SparseStage::SilentSteps => "silent_steps",
            SparseStage::KlTarget { .. } => "kl_target_forward",
            SparseStage::KlTargetBackward { .. } => "kl_target_backward",
        }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let mut params = SparseParams {
            batch: word(self.batch),
            units: word(self.units),
            keep: 0,
            dead_after: 0.0,
            rate: 0.0,
            padding: [0; 3],
        };
        let mut shader = shader("sparse");
        let all = self.batch * self.units;
        let (entry_point, bindings, items, iterations) = match self.stage {
            SparseStage::TopK { keep } => {
                params.keep = word(keep);
                ("top_k", vec![0, 1, 2], all, self.units)
            }
            SparseStage::TopDead { keep, dead_after } => {
                params.keep = word(keep);
                params.dead_after = dead_after;
                shader = shader.constant("DEAD_ONLY", true);
                ("top_k", vec![0, 1, 2], all, self.units)
            }
            SparseStage::SilentSteps => ("silent_steps", vec![0, 2], self.units, self.batch),
            SparseStage::KlTarget { rate } => {
                params.rate = rate;
                ("kl_target_forward", vec![1, 2], self.units, 0)
            }
            SparseStage::KlTargetBackward { rate } => {
                params.rate = rate;
                ("kl_target_backward", vec![1, 2], all, 0)
            }
        };
        GpuLaunch {
            shader,
            entry_point,
            bindings,
            uniform: 3,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold(items.div_ceil(64)),
            iterations: word(iterations),
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let units = self.units;
        let first = f32s(reads[0]);
        let out = f32s_mut(writes[0]);
        let rows = self.batch.min(state.rows as usize);
        match self.stage {
            SparseStage::TopK { keep } => {
                top(first, &mut out[..self.batch * units], units, keep, |_| true);
            }
            SparseStage::TopDead { keep, dead_after } => {
                let silent = f32s(reads[1]);
                top(first, &mut out[..self.batch * units], units, keep, |unit| silent[unit] > dead_after);
            }
            SparseStage::SilentSteps => {
                for (unit, steps) in out[..units].iter_mut().enumerate() {
                    let active = (0..rows).any(|row| first[row * units + unit] != 0.0);
                    *steps = if active { 0.0 } else { *steps + 1.0 };
                }
            }
            SparseStage::KlTarget { rate } => {
                for (out, &sum) in out[..units].iter_mut().zip(first) {
                    let mean = mean_activation(sum, state);
                    *out = rate * ln(rate / mean) + (1.0 - rate) * ln((1.0 - rate) / (1.0 - mean));
                }
            }
            SparseStage::KlTargetBackward { rate } => {
                for (row, out) in out[..self.batch * units].chunks_exact_mut(units).enumerate() {
                    for (out, &sum) in out.iter_mut().zip(first) {
                        let mean = mean_activation(sum, state);
                        let gradient = ((1.0 - rate) / (1.0 - mean) - rate / mean) / state.rows.max(1) as f32;
                        *out = if row < rows { state.sparsity * gradient } else { 0.0 };
                    }
                }
            }
        }
    }
}

/// The `keep` largest eligible values of each row, the first of equals; zero elsewhere.
fn top(h: &[f32], out: &mut [f32], units: usize, keep: usize, eligible: impl Fn(usize) -> bool + Sync) {
    out.par_chunks_mut(units).zip(h.par_chunks(units)).for_each(|(out, h)| {
        let mut order: Vec<usize> = (0..units).filter(|&unit| eligible(unit)).collect();
        let ahead =
            |a: &usize, b: &usize| h[*b].partial_cmp(&h[*a]).unwrap_or(std::cmp::Ordering::Equal).then(a.cmp(b));
        if keep < order.len() {
            order.select_nth_unstable_by(keep, ahead);
            order.truncate(keep);
        }
        out.fill(0.0);
        for unit in order {
            out[unit] = h[unit];
        }
    });
}
