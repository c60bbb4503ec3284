//! Diagonal Gaussians in latent space: the CPU reference of `shaders/latent.wgsl`, which explains the buffers.

use bytemuck::{Pod, Zeroable};

use super::shaders::shader;
use super::{GpuLaunch, Kernel, KernelTolerance, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;
use crate::math::exp;
use crate::random::{normal4, philox4x32};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct LatentParams {
    batch: u32,
    latent: u32,
    stream: u32,
    padding1: u32,
    low: f32,
    high: f32,
    free_bits: f32,
    padding2: f32,
}

/// Sampling or KL divergence of a diagonal Gaussian, forward or backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatentStage {
    /// Reads moments; writes z `[N, L]` = mean + deviation * noise (Kingma & Welling 2014).
    Sample,
    /// Reads moments, dz; writes dmoments.
    SampleBackward,
    /// Reads moments; writes divergences `[2, L]`: no less than `free_bits`, then as they are.
    Divergence,
    /// Reads moments, divergences; writes dmoments, times the step's beta.
    DivergenceBackward,
}

/// One stage on moments `[batch, 2 * latent]`: means, then logarithms of variances, clamped to `clamp` wherever they
/// are used.
#[derive(Clone, Debug)]
pub struct Latent {
    /// Stage to compute.
    pub stage: LatentStage,
    /// Rows of the batch.
    pub batch: usize,
    /// Latent units L.
    pub latent: usize,
    /// Stream of counter-based random numbers.
    pub stream: u32,
    /// Bounds of the logarithm of the variance.
    pub clamp: [f32; 2],
    /// Nats of divergence that each unit may have without penalty (Kingma et al. 2016).
    pub free_bits: f32,
}

impl Latent {
    fn noise(&self, block: usize, state: &StepState) -> [f32; 4] {
        normal4(philox4x32([word(block), self.stream, state.step, 0], state.seed))
    }
}

impl Kernel for Latent {
    fn name(&self) -> &'static str {
        match self.stage {
            LatentStage::Sample => "sample_forward",
            LatentStage::SampleBackward => "sample_backward",
            LatentStage::Divergence => "kl_forward",
            LatentStage::DivergenceBackward => "kl_backward",
        }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = LatentParams {
            batch: word(self.batch),
            latent: word(self.latent),
            stream: self.stream,
            padding1: 0,
            low: self.clamp[0],
            high: self.clamp[1],
            free_bits: self.free_bits,
            padding2: 0.0,
        };
        let one_input = matches!(self.stage, LatentStage::Sample | LatentStage::Divergence);
        let (items, iterations) = match self.stage {
            LatentStage::Divergence => (self.latent, self.batch),
            _ => (self.batch * self.latent, 10),
        };
        GpuLaunch {
            shader: shader("latent"),
            entry_point: self.name(),
            bindings: if one_input { vec![0, 2] } else { vec![0, 1, 2] },
            uniform: 3,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold(items.div_ceil(64)),
            iterations: word(iterations),
        }
    }

    fn tolerance(&self) -> KernelTolerance {
        // Latents are drawn with normal deviates, and the way back makes the same again.
        KernelTolerance::NORMALS
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let latent = self.latent;
        let moments = &f32s(reads[0])[..self.batch * 2 * latent];
        let out = f32s_mut(writes[0]);
        let [low, high] = self.clamp;
        let rows = (state.rows as usize).min(self.batch);
        match self.stage {
            LatentStage::Sample => {
                for (block, z) in out[..self.batch * latent].chunks_mut(4).enumerate() {
                    for (i, (z, noise)) in z.iter_mut().zip(self.noise(block, state)).enumerate() {
                        let (row, unit) = ((block * 4 + i) / latent, (block * 4 + i) % latent);
                        let log_variance = moments[(row * 2 + 1) * latent + unit].clamp(low, high);
                        *z = moments[row * 2 * latent + unit] + exp(0.5 * log_variance) * noise;
                    }
                }
            }
            LatentStage::SampleBackward => {
                let dz = &f32s(reads[1])[..self.batch * latent];
                for (block, dz) in dz.chunks(4).enumerate() {
                    for (i, (dz, noise)) in dz.iter().zip(self.noise(block, state)).enumerate() {
                        let (row, unit) = ((block * 4 + i) / latent, (block * 4 + i) % latent);
                        let raw = moments[(row * 2 + 1) * latent + unit];
                        let dlog = 0.5 * dz * exp(0.5 * raw.clamp(low, high)) * noise;
                        out[row * 2 * latent + unit] = *dz;
                        out[(row * 2 + 1) * latent + unit] = if raw > low && raw < high { dlog } else { 0.0 };
                    }
                }
            }
            LatentStage::Divergence => {
                for unit in 0..latent {
                    let mut sum = 0.0;
                    for row in moments.chunks_exact(2 * latent).take(rows) {
                        let (mean, log_variance) = (row[unit], row[latent + unit].clamp(low, high));
                        sum += 0.5 * (mean * mean + exp(log_variance) - 1.0 - log_variance);
                    }
                    let divergence = sum / rows.max(1) as f32;
                    out[unit] = divergence.max(self.free_bits);
                    out[latent + unit] = divergence;
                }
            }
            LatentStage::DivergenceBackward => {
                let divergences = &f32s(reads[1])[latent..2 * latent];
                let gradients = out[..self.batch * 2 * latent].chunks_exact_mut(2 * latent);
                for (row, (out, moments)) in gradients.zip(moments.chunks_exact(2 * latent)).enumerate() {
                    for unit in 0..latent {
                        let counts = row < rows && divergences[unit] > self.free_bits;
                        let weight = if counts { state.beta / rows as f32 } else { 0.0 };
                        let raw = moments[latent + unit];
                        out[unit] = weight * moments[unit];
                        let inside = raw > low && raw < high;
                        out[latent + unit] = if inside { 0.5 * weight * (exp(raw) - 1.0) } else { 0.0 };
                    }
                }
            }
        }
    }
}
