//! Least values of rows, such as the nearest neighbors among distances: the CPU reference of `shaders/least.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;

/// Columns that are named for each row.
pub const LEAST_KEPT: usize = 8;

/// Lanes of the shader, each with a list of its own.
const LANES: usize = 64;
/// Rows of one task.
const ROWS_PER_TASK: usize = 32;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct LeastParams {
    rows: u32,
    columns: u32,
    padding: [u32; 2],
}

/// Columns of the [`LEAST_KEPT`] least values of each row, as numbers `[rows, LEAST_KEPT]`: reads values
/// `[rows, columns]`. The least come first, of equal ones the lower column; rows of fewer columns repeat the last one.
#[derive(Clone, Debug)]
pub struct LeastColumns {
    /// Rows of values.
    pub rows: usize,
    /// Columns of values, 1 to 2^24.
    pub columns: usize,
}

impl Kernel for LeastColumns {
    fn name(&self) -> &'static str {
        "least_columns"
    }

    fn shape(&self) -> String {
        format!("{}x{}", self.rows, self.columns)
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = LeastParams { rows: word(self.rows), columns: word(self.columns), padding: [0; 2] };
        let iterations = LEAST_KEPT * (self.columns.div_ceil(LANES) + 14);
        GpuLaunch::in_order(shader("least"), "least_columns", 2, &params, target.fold(self.rows), iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let values = &f32s(reads[0])[..self.rows * self.columns];
        let out = &mut f32s_mut(writes[0])[..self.rows * LEAST_KEPT];
        let tasks = values.par_chunks(ROWS_PER_TASK * self.columns).zip(out.par_chunks_mut(ROWS_PER_TASK * LEAST_KEPT));
        tasks.for_each(|(values, out)| {
            for (values, out) in values.chunks_exact(self.columns).zip(out.chunks_exact_mut(LEAST_KEPT)) {
                for (slot, column) in out.iter_mut().zip(least(values)) {
                    *slot = column.min(word(self.columns) - 1) as f32;
                }
            }
        });
    }
}

/// Returns the columns of the least of `values`, the least first, of equal ones the lower; `u32::MAX` where there are no
/// more.
///
/// The least value of each block comes first: beyond the eighth of these lies none of the eight least, so that most
/// blocks are passed over.
pub(crate) fn least(values: &[f32]) -> [u32; LEAST_KEPT] {
    const BLOCK: usize = 32;
    const LANES: usize = 8;
    let least_of = |values: &[f32]| {
        let mut lanes = [f32::INFINITY; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            lanes
                .iter_mut()
                .zip(chunk)
                .for_each(|(least, &value)| *least = if value < *least { value } else { *least });
        }
        lanes.iter().chain(rest).fold(f32::INFINITY, |least, &value| if value < least { value } else { least })
    };
    let blocks: Vec<f32> = values.chunks(BLOCK).map(least_of).collect();
    let mut bounds = LeastValues::new();
    blocks.iter().for_each(|&least| bounds.add(least, 0));
    let bound = bounds.values[LEAST_KEPT - 1];
    let mut found = LeastValues::new();
    for (block, _) in blocks.iter().enumerate().filter(|(_, least)| **least <= bound) {
        let first = block * BLOCK;
        let values = &values[first..values.len().min(first + BLOCK)];
        for (at, &value) in values.iter().enumerate().filter(|(_, value)| **value <= bound) {
            found.add(value, word(first + at));
        }
    }
    found.columns
}

/// Least values so far, rising, and their columns.
struct LeastValues {
    values: [f32; LEAST_KEPT],
    columns: [u32; LEAST_KEPT],
}

impl LeastValues {
    fn new() -> Self {
        Self { values: [f32::INFINITY; LEAST_KEPT], columns: [u32::MAX; LEAST_KEPT] }
    }

    fn add(&mut self, value: f32, column: u32) {
        let mut place = LEAST_KEPT - 1;
        if value < self.values[place] {
            while place > 0 && value < self.values[place - 1] {
                (self.values[place], self.columns[place]) = (self.values[place - 1], self.columns[place - 1]);
                place -= 1;
            }
            (self.values[place], self.columns[place]) = (value, column);
        }
    }
}
