//! Vector quantization: the CPU reference of `shaders/quantize.wgsl`, which explains the buffers.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, KernelTolerance, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;
use crate::random::philox4x32;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct QuantizeParams {
    rows: u32,
    rows_per_sample: u32,
    width: u32,
    entries: u32,
    decay: f32,
    restart_below: f32,
    stream: u32,
    padding: u32,
}

/// Stage of vector quantization or of its codebook's update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QuantizeStage {
    /// Reads z, codebook; writes codes, quantized.
    Assign,
    /// Reads z, codes; writes members `[M, D + 1]`: sums and counts.
    Members,
    /// Reads z, members; moves codebook, counts, sums. `decay` is the share of the old averages; entries with fewer
    /// than `restart_below` rows per step restart at a row drawn from `stream`.
    Update {
        /// Share of the old averages, in 0..1.
        decay: f32,
        /// Mean count of rows per step below which an entry restarts.
        restart_below: f32,
        /// Stream of counter-based random numbers.
        stream: u32,
    },
}

/// One stage on rows z `[rows, width]` with a codebook `[entries, width]`.
#[derive(Clone, Debug)]
pub struct Quantize {
    /// Stage to compute.
    pub stage: QuantizeStage,
    /// Rows of z in the batch.
    pub rows: usize,
    /// Rows of z that one row of the batch makes.
    pub rows_per_sample: usize,
    /// Values per row and entry, D.
    pub width: usize,
    /// Entries of the codebook, M.
    pub entries: usize,
}

impl Kernel for Quantize {
    fn name(&self) -> &'static str {
        match self.stage {
            QuantizeStage::Assign => "quantize_assign",
            QuantizeStage::Members => "quantize_members",
            QuantizeStage::Update { .. } => "quantize_update",
        }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let mut params = QuantizeParams {
            rows: word(self.rows),
            rows_per_sample: word(self.rows_per_sample),
            width: word(self.width),
            entries: word(self.entries),
            decay: 0.0,
            restart_below: 0.0,
            stream: 0,
            padding: 0,
        };
        let (bindings, items, iterations) = match self.stage {
            QuantizeStage::Assign => (vec![0, 1, 4, 5], self.rows, self.entries * (1 + self.width / 4) + self.width),
            QuantizeStage::Members => (vec![0, 2, 4], self.entries * (self.width + 1), self.rows),
            QuantizeStage::Update { decay, restart_below, stream } => {
                (params.decay, params.restart_below, params.stream) = (decay, restart_below, stream);
                (vec![0, 3, 4, 6, 7], self.entries, self.width + 10)
            }
        };
        GpuLaunch {
            shader: shader("quantize"),
            entry_point: self.name(),
            bindings,
            uniform: 8,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold(items.div_ceil(64)),
            iterations: word(iterations),
        }
    }

    fn tolerance(&self) -> KernelTolerance {
        if self.stage == QuantizeStage::Assign { KernelTolerance::TIES } else { KernelTolerance::ROUNDING }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let width = self.width;
        let z = &f32s(reads[0])[..self.rows * width];
        let valid = self.rows.min(state.rows as usize * self.rows_per_sample);
        match (self.stage, writes) {
            (QuantizeStage::Assign, [codes, quantized]) => {
                let codebook = &f32s(reads[1])[..self.entries * width];
                let (codes, quantized) = (f32s_mut(codes), f32s_mut(quantized));
                codes.par_iter_mut().zip(quantized.par_chunks_mut(width)).zip(z.par_chunks(width)).for_each(
                    |((code, quantized), z)| {
                        let (mut best, mut nearest) = (0, f32::INFINITY);
                        for (entry, values) in codebook.chunks_exact(width).enumerate() {
                            let distance: f32 = z.iter().zip(values).map(|(a, b)| (a - b) * (a - b)).sum();
                            if distance < nearest {
                                (best, nearest) = (entry, distance);
                            }
                        }
                        *code = best as f32;
                        quantized.copy_from_slice(&codebook[best * width..(best + 1) * width]);
                    },
                );
            }
            (QuantizeStage::Members, [members]) => {
                let codes = f32s(reads[1]);
                let members = f32s_mut(members);
                members.fill(0.0);
                for (z, &code) in z.chunks_exact(width).zip(codes).take(valid) {
                    let member = &mut members[code as usize * (width + 1)..][..width + 1];
                    member.iter_mut().zip(z).for_each(|(sum, value)| *sum += value);
                    member[width] += 1.0;
                }
            }
            (QuantizeStage::Update { decay, restart_below, stream }, [codebook, counts, sums]) => {
                let members = f32s(reads[1]);
                let (codebook, counts, sums) = (f32s_mut(codebook), f32s_mut(counts), f32s_mut(sums));
                for entry in 0..self.entries {
                    let member = &members[entry * (width + 1)..][..width + 1];
                    let count = decay * counts[entry] + (1.0 - decay) * member[width];
                    let restart = count < restart_below;
                    let words = philox4x32([word(entry), stream, state.step, 0], state.seed);
                    let row = words[0] as usize % valid.max(1);
                    for d in 0..width {
                        let at = entry * width + d;
                        sums[at] =
                            if restart { z[row * width + d] } else { decay * sums[at] + (1.0 - decay) * member[d] };
                        codebook[at] = if restart { sums[at] } else { sums[at] / count };
                    }
                    counts[entry] = if restart { 1.0 } else { count };
                }
            }
            _ => {}
        }
    }
}
