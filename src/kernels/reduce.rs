//! Sums in a fixed order: the CPU reference of `shaders/reduce.wgsl` and `shaders/lib/reduce_tree.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;

/// Lanes of the tree; on the CPU they are the lanes of the vectorized loop.
pub(crate) const REDUCE_LANES: usize = 64;

/// Sum of `count` values as the shader adds them: lane i takes i, i + 64, ..., and a binary tree adds the lanes.
#[inline(always)]
pub(crate) fn reduce_sum_lanes(count: usize, value: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0_f32; REDUCE_LANES];
    let whole = count - count % REDUCE_LANES;
    for start in (0..whole).step_by(REDUCE_LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += value(start + lane);
        }
    }
    for at in whole..count {
        lanes[at - whole] += value(at);
    }
    let mut width = REDUCE_LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ReduceParams {
    count: u32,
    parts: u32,
    part: u32,
    padding: u32,
}

/// Writes the sum of partials `[count]` to ring `[slots, parts]` at (state.loss_slot, part).
#[derive(Clone, Debug)]
pub struct ReduceSum {
    /// Number of partial sums.
    pub count: usize,
    /// Parts of a slot.
    pub parts: usize,
    /// Index of the written part within a slot.
    pub part: usize,
}

impl Kernel for ReduceSum {
    fn name(&self) -> &'static str {
        "reduce_sum"
    }

    fn gpu(&self, _: &GpuTarget) -> GpuLaunch {
        let params =
            ReduceParams { count: word(self.count), parts: word(self.parts), part: word(self.part), padding: 0 };
        let iterations = self.count.div_ceil(REDUCE_LANES) + 6;
        GpuLaunch::in_order(shader("reduce"), "reduce_sum", 2, &params, [1, 1, 1], iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let partials = f32s(reads[0]);
        f32s_mut(writes[0])[state.loss_slot as usize * self.parts + self.part] =
            reduce_sum_lanes(self.count, |at| partials[at]);
    }
}
