//! Gather of a batch on the device: the CPU reference of `shaders/gather.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::GpuTarget;
use crate::random::{permutation_half_bits, permute};

/// Factor from bytes to 0..1: the f32 nearest 1/255.
const BYTE_TO_UNIT: f32 = 0.003_921_569;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct GatherParams {
    batch: u32,
    features: u32,
    row_words: u32,
    half_bits: u32,
}

/// Computes out `[batch, features]` = the chosen rows of data; rows without data are zero.
///
/// data: `[rows, features]`, floats taken as they are, or [`crate::tensor::DType::PackedU8`] scaled to 0..1.
#[derive(Clone, Debug)]
pub struct GatherRows {
    /// Rows of the batch.
    pub batch: usize,
    /// Values per row.
    pub features: usize,
    /// Rows of the part that is visited in permuted order.
    pub part_rows: usize,
    /// True for data of four bytes to a word, false for floats.
    pub packed: bool,
}

impl Kernel for GatherRows {
    fn name(&self) -> &'static str {
        "gather_rows"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let row_words = if self.packed { self.features.div_ceil(4) } else { self.features };
        let params = GatherParams {
            batch: word(self.batch),
            features: word(self.features),
            row_words: word(row_words),
            half_bits: permutation_half_bits(self.part_rows),
        };
        let workgroups = target.fold((self.batch * row_words).div_ceil(64));
        // The walk leaves a domain at most four times too large: 200 rounds of walking have odds of 1e-25.
        let entry = if self.packed { "gather_rows" } else { "gather_floats" };
        GpuLaunch::in_order(shader("gather"), entry, 2, &params, workgroups, 8 * 200)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let row_bytes = if self.packed { self.features.next_multiple_of(4) } else { self.features * 4 };
        let data = reads[0];
        // Eight rows a task: a fraction of a microsecond a row.
        f32s_mut(writes[0]).par_chunks_mut(self.features * 8).enumerate().for_each(|(block, rows)| {
            for (row, out) in rows.chunks_mut(self.features).enumerate() {
                let row = word(block * 8 + row);
                if row >= state.rows {
                    out.fill(0.0);
                    continue;
                }
                let mut place = state.first + row;
                if state.shuffle == 1 {
                    place = permute(place, state.part_rows, state.permutation_keys);
                }
                let start = (state.part_offset + place) as usize * row_bytes;
                if !self.packed {
                    out.copy_from_slice(f32s(&data[start..start + row_bytes]));
                    continue;
                }
                let bytes = &data[start..start + self.features];
                vectorized(|| out.iter_mut().zip(bytes).for_each(|(o, &b)| *o = f32::from(b) * BYTE_TO_UNIT));
            }
        });
    }
}
