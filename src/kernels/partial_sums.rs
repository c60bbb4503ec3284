//! Long sums in two stages with a fixed order: the CPU reference of `shaders/partial_sums.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::GpuTarget;

/// Split of a sum over rows into slots; it depends on sizes alone, so the order of additions never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitK {
    /// Number of partial sums.
    pub slots: usize,
    /// Rows that a slot sums; the last may have fewer.
    pub slot_rows: usize,
}

impl SplitK {
    /// Splits `rows` into slots, each with a sum of `result` values: enough to keep a device busy, none so long that a
    /// software adapter's limit on loops is near, and together at most 64 MiB if possible.
    pub fn new(rows: usize, result: usize) -> Self {
        const ROWS_AT_LEAST: usize = 512;
        const ROWS_AT_MOST: usize = 16 * 1024;
        const VALUES_AT_MOST: usize = 16 << 20;
        let busy = rows.div_ceil(ROWS_AT_LEAST).min(64).min((VALUES_AT_MOST / result.max(1)).max(1));
        let slots = busy.max(rows.div_ceil(ROWS_AT_MOST)).max(1);
        let slot_rows = rows.div_ceil(slots).max(1).next_multiple_of(4);
        Self { slots: rows.div_ceil(slot_rows).max(1), slot_rows }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct PartialSumParams {
    rows: u32,
    columns: u32,
    slots: u32,
    slot_rows: u32,
    run: u32,
    pitch: u32,
    offset: u32,
    bias_columns: u32,
    bias_slots: u32,
    padding: [u32; 3],
}

/// Computes out `[columns]` = sum of the rows of values `[.., columns]`.
pub(super) fn sum_rows(values: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    vectorized(
        #[inline(always)]
        || {
            for row in values.chunks_exact(out.len()) {
                out.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        },
    );
}

/// Computes out `[slots, columns]`, the sums over the rows of each slot of values `[rows, columns]`.
#[derive(Clone, Debug)]
pub struct ColumnSums {
    /// Rows of the values.
    pub rows: usize,
    /// Values per row.
    pub columns: usize,
    /// Split of the rows into slots.
    pub split: SplitK,
}

impl Kernel for ColumnSums {
    fn name(&self) -> &'static str {
        "column_sums"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = PartialSumParams {
            rows: word(self.rows),
            columns: word(self.columns),
            slots: word(self.split.slots),
            slot_rows: word(self.split.slot_rows),
            run: 1,
            pitch: 1,
            offset: 0,
            bias_columns: 0,
            bias_slots: 0,
            padding: [0; 3],
        };
        let workgroups = target.fold((self.split.slots * self.columns).div_ceil(64));
        let iterations = self.split.slot_rows;
        GpuLaunch::in_order(shader("partial_sums"), "column_sums", 2, &params, workgroups, iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let values = &f32s(reads[0])[..self.rows * self.columns];
        let rows = values.par_chunks(self.split.slot_rows * self.columns);
        let out = f32s_mut(writes[0]).par_chunks_mut(self.columns);
        out.zip(rows).for_each(|(out, values)| sum_rows(values, out));
    }
}

/// Computes `out[i / run * pitch + offset + i % run]` = sum over slots, in order, of values `[slots, count]`; with a
/// bias the same of its values `[slots, count]`, to place i.
///
/// Reads values(, bias values); writes out(, bias out).
#[derive(Clone, Debug)]
pub struct ReducePartialSums {
    /// Elements of a slot.
    pub count: usize,
    /// Number of partial sums of each element.
    pub slots: usize,
    /// Neighboring elements that stay together in the result.
    pub run: usize,
    /// Distance between the starts of runs in the result, in elements.
    pub pitch: usize,
    /// Start of the first run in the result, in elements.
    pub offset: usize,
    /// Elements and slots of a second sum, so that a layer's weights and bias take one dispatch; `None` for a single
    /// sum.
    pub bias: Option<(usize, usize)>,
}

impl ReducePartialSums {
    /// Returns the sum that puts element i at place i, without a bias.
    pub fn plain(count: usize, slots: usize) -> Self {
        Self { count, slots, run: count.max(1), pitch: 0, offset: 0, bias: None }
    }
}

/// Elements that a task of the CPU sums.
const CPU_ELEMENTS: usize = 32 * 1024;

/// Computes out `[count]` = sum over slots of values `[slots, total]` from `first` on.
fn add_slots(values: &[f32], (slots, total, first): (usize, usize, usize), out: &mut [f32]) {
    out.par_chunks_mut(CPU_ELEMENTS).enumerate().for_each(|(task, out)| {
        let first = first + task * CPU_ELEMENTS;
        out.fill(0.0);
        vectorized(
            #[inline(always)]
            || {
                for slot in 0..slots {
                    let values = &values[slot * total + first..][..out.len()];
                    out.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
            },
        );
    });
}

impl Kernel for ReducePartialSums {
    fn name(&self) -> &'static str {
        "reduce_slots"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let (bias_columns, bias_slots) = self.bias.unwrap_or_default();
        let params = PartialSumParams {
            rows: 0,
            columns: word(self.count),
            slots: word(self.slots),
            slot_rows: 0,
            run: word(self.run),
            pitch: word(self.pitch),
            offset: word(self.offset),
            bias_columns: word(bias_columns),
            bias_slots: word(bias_slots),
            padding: [0; 3],
        };
        let workgroups = target.fold((self.count + bias_columns).div_ceil(64));
        let (entry_point, bindings) = match self.bias {
            Some(_) => ("reduce_slots_and_bias", vec![0, 3, 1, 4]),
            None => ("reduce_slots", vec![0, 1]),
        };
        let iterations = self.slots.max(bias_slots);
        GpuLaunch {
            bindings,
            ..GpuLaunch::in_order(shader("partial_sums"), entry_point, 2, &params, workgroups, iterations)
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let values = f32s(reads[0]);
        let out = f32s_mut(writes[0]);
        // Runs that follow each other are one.
        let run_length = if self.pitch == self.run && self.offset == 0 { self.count } else { self.run };
        for (index, run) in (0..self.count).step_by(run_length.max(1)).enumerate() {
            let length = run_length.min(self.count - run);
            let out = &mut out[index * self.pitch + self.offset..][..length];
            add_slots(values, (self.slots, self.count, run), out);
        }
        if let (Some((count, slots)), [_, values], [_, out]) = (self.bias, reads, writes) {
            add_slots(f32s(values), (slots, count, 0), &mut f32s_mut(out)[..count]);
        }
    }
}
