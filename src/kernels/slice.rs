//! Slices of rows, and broadcasts of one row to many pixels: the CPU reference of `shaders/slice.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::pointwise::CPU_CHUNK;
use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, elements_of, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SliceParams {
    rows: u32,
    columns: u32,
    out_columns: u32,
    offset: u32,
    sharing: u32,
    padding: [u32; 3],
}

/// Slice, padding or broadcast of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceKernel {
    /// Slice: out `[rows, out_columns]` = first `[rows, columns]` from column `offset` on; reads first.
    Slice {
        /// Rows of first and out.
        rows: usize,
        /// Columns of first.
        columns: usize,
        /// Columns of out.
        out_columns: usize,
        /// First column of the slice.
        offset: usize,
    },
    /// Padding: first `[rows, columns]` at column `offset` of out `[rows, out_columns]`, zero elsewhere; reads first.
    Pad {
        /// Rows of first and out.
        rows: usize,
        /// Columns of first.
        columns: usize,
        /// Columns of out.
        out_columns: usize,
        /// Column of out where first begins.
        offset: usize,
    },
    /// Broadcast sum: out `[rows, columns]` = first + row r / sharing of second `[rows / sharing, columns]`; reads
    /// first, second.
    AddRows {
        /// Rows of first and out.
        rows: usize,
        /// Columns of first, second and out.
        columns: usize,
        /// Neighboring rows that share one row of second.
        sharing: usize,
    },
    /// Broadcast product: out `[rows, columns]` = first * number r / sharing of second `[rows / sharing]`; reads first,
    /// second.
    ScaleRows {
        /// Rows of first and out.
        rows: usize,
        /// Columns of first and out.
        columns: usize,
        /// Neighboring rows that share one number of second.
        sharing: usize,
    },
}

impl Kernel for SliceKernel {
    fn name(&self) -> &'static str {
        match self {
            Self::Slice { .. } => "slice",
            Self::Pad { .. } => "pad",
            Self::AddRows { .. } => "add_rows",
            Self::ScaleRows { .. } => "scale_rows",
        }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let (rows, columns, out_columns, offset, sharing) = match *self {
            Self::Slice { rows, columns, out_columns, offset } | Self::Pad { rows, columns, out_columns, offset } => {
                (rows, columns, out_columns, offset, 1)
            }
            Self::AddRows { rows, columns, sharing } | Self::ScaleRows { rows, columns, sharing } => {
                (rows, columns, columns, 0, sharing)
            }
        };
        let by_fours = [columns, out_columns, offset].iter().all(|count| count.is_multiple_of(4));
        // The numbers that scale samples stand alone.
        let values = if by_fours && !matches!(self, Self::ScaleRows { .. }) { 4 } else { 1 };
        let params = SliceParams {
            rows: word(rows),
            columns: word(columns / values),
            out_columns: word(out_columns / values),
            offset: word(offset / values),
            sharing: word(sharing),
            padding: [0; 3],
        };
        GpuLaunch {
            shader: elements_of(shader("slice"), values),
            entry_point: self.name(),
            bindings: if matches!(self, Self::Slice { .. } | Self::Pad { .. }) { vec![0, 2] } else { vec![0, 1, 2] },
            uniform: 3,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold((rows * out_columns / values).div_ceil(64)),
            iterations: 0,
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let first = f32s(reads[0]);
        let out = f32s_mut(writes[0]);
        // Whole rows a task, enough of them to be worth handing out.
        let at_once = |columns: usize| (CPU_CHUNK / columns.max(1)).max(1);
        match *self {
            Self::Slice { rows, columns, out_columns, offset } => {
                let task = at_once(out_columns);
                out[..rows * out_columns].par_chunks_mut(task * out_columns).enumerate().for_each(|(index, out)| {
                    for (row, out) in out.chunks_exact_mut(out_columns).enumerate() {
                        out.copy_from_slice(&first[(index * task + row) * columns + offset..][..out_columns]);
                    }
                });
            }
            Self::Pad { rows, columns, out_columns, offset } => {
                let task = at_once(out_columns);
                out[..rows * out_columns].par_chunks_mut(task * out_columns).enumerate().for_each(|(index, out)| {
                    out.fill(0.0);
                    for (row, out) in out.chunks_exact_mut(out_columns).enumerate() {
                        out[offset..offset + columns]
                            .copy_from_slice(&first[(index * task + row) * columns..][..columns]);
                    }
                });
            }
            Self::AddRows { rows, columns, sharing } => {
                let second = f32s(reads[1]);
                let task = at_once(columns);
                out[..rows * columns].par_chunks_mut(task * columns).enumerate().for_each(|(index, out)| {
                    for (row, out) in out.chunks_exact_mut(columns).enumerate() {
                        let row = index * task + row;
                        let added = &second[row / sharing * columns..][..columns];
                        let first = &first[row * columns..][..columns];
                        out.iter_mut().zip(first).zip(added).for_each(|((out, a), b)| *out = a + b);
                    }
                });
            }
            Self::ScaleRows { rows, columns, sharing } => {
                let second = f32s(reads[1]);
                let task = at_once(columns);
                out[..rows * columns].par_chunks_mut(task * columns).enumerate().for_each(|(index, out)| {
                    for (row, out) in out.chunks_exact_mut(columns).enumerate() {
                        let row = index * task + row;
                        let factor = second[row / sharing];
                        let first = &first[row * columns..][..columns];
                        out.iter_mut().zip(first).for_each(|(out, a)| *out = a * factor);
                    }
                });
            }
        }
    }
}
