//! Maximum mean discrepancy between codes and the prior: the CPU reference of `shaders/mmd.wgsl`, which has the
//! formula.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;

const SCALES: [f32; 7] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct MmdParams {
    batch: u32,
    latent: u32,
    weight: f32,
    padding: u32,
}

/// Reads z, prior `[batch, latent]`; writes partials `[batch]`, or dz where `backward`.
#[derive(Clone, Debug)]
pub struct MmdKernel {
    /// True to write the gradient, false to write the contribution of each row.
    pub backward: bool,
    /// Rows of the batch.
    pub batch: usize,
    /// Latent units per row.
    pub latent: usize,
    /// Factor of the gradient; the contributions are not multiplied.
    pub weight: f32,
}

impl MmdKernel {
    fn similarity(&self, distance: f32) -> f32 {
        SCALES.iter().map(|scale| 2.0 * self.latent as f32 * scale).map(|c| c / (c + distance)).sum()
    }

    /// Derivative of the similarity with respect to the squared distance.
    fn slope(&self, distance: f32) -> f32 {
        let slopes = SCALES.iter().map(|scale| 2.0 * self.latent as f32 * scale);
        -slopes.map(|c| c / ((c + distance) * (c + distance))).sum::<f32>()
    }
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

impl Kernel for MmdKernel {
    fn name(&self) -> &'static str {
        if self.backward { "mmd_backward" } else { "mmd_forward" }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = MmdParams { batch: word(self.batch), latent: word(self.latent), weight: self.weight, padding: 0 };
        let items = if self.backward { self.batch * self.latent } else { self.batch };
        let iterations = self.batch * (1 + self.latent + 3 * SCALES.len());
        let workgroups = target.fold(items.div_ceil(64));
        GpuLaunch::in_order(shader("mmd"), self.name(), 3, &params, workgroups, iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let latent = self.latent;
        let rows = self.batch.min(state.rows as usize);
        let (z, prior) = (f32s(reads[0]), f32s(reads[1]));
        let n = rows.max(2) as f32;
        let at = |values, row: usize| -> &[f32] { &<[f32]>::as_ref(values)[row * latent..(row + 1) * latent] };
        if self.backward {
            f32s_mut(writes[0])[..self.batch * latent].par_chunks_mut(latent).enumerate().for_each(|(row, out)| {
                out.fill(0.0);
                if row >= rows {
                    return;
                }
                let mine = at(z, row);
                for other in 0..rows {
                    let (code, sample) = (at(z, other), at(prior, other));
                    let within = 2.0 * self.slope(squared_distance(mine, code)) * 2.0 / (n * (n - 1.0));
                    let across = 2.0 * self.slope(squared_distance(mine, sample)) * 2.0 / (n * n);
                    for (d, out) in out.iter_mut().enumerate() {
                        *out += self.weight * (within * (mine[d] - code[d]) - across * (mine[d] - sample[d]));
                    }
                }
            });
        } else {
            f32s_mut(writes[0])[..self.batch].par_iter_mut().enumerate().for_each(|(row, out)| {
                let (mut within, mut across) = (0.0, 0.0);
                for other in if row < rows { 0..rows } else { 0..0 } {
                    if other != row {
                        within += self.similarity(squared_distance(at(z, row), at(z, other)))
                            + self.similarity(squared_distance(at(prior, row), at(prior, other)));
                    }
                    across += self.similarity(squared_distance(at(z, row), at(prior, other)));
                }
                *out = within / (n * (n - 1.0)) - 2.0 * across / (n * n);
            });
        }
    }
}
