//! Counter-based randomness: Philox4x32-10, the CPU reference of `shaders/lib/random/philox.wgsl` and
//! `shaders/random.wgsl`, and the keyed permutation of `shaders/lib/random/permutation.wgsl`.
//!
//! A number depends on its key (the run's seed) and its counter (element, stream, step) alone: no state, so that any
//! number can be made again anywhere, in any order.

use bytemuck::{Pod, Zeroable};

use super::shaders::shader;
use super::{GpuLaunch, Kernel, KernelTolerance, StepState, word};
use crate::device::gpu::GpuTarget;
use crate::random::{normal4, philox4x32, unit_float};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RandomParams {
    count: u32,
    stream: u32,
    low: f32,
    width: f32,
}

/// Distribution of random numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Distribution {
    /// Raw 32-bit words.
    Bits,
    /// Uniform in [low, low + width).
    Uniform {
        /// Lower bound, included.
        low: f32,
        /// Distance of the upper bound, excluded, from the lower.
        width: f32,
    },
    /// Normal with mean 0 and standard deviation 1.
    Normal,
}

/// Fills `[count]` values from the step's seed and number.
#[derive(Clone, Debug)]
pub struct RandomFill {
    /// Number of values.
    pub count: usize,
    /// Stream of the counter, one for each op.
    pub stream: u32,
    /// Raw bits, uniform or normal.
    pub distribution: Distribution,
}

impl RandomFill {
    /// The four words of `block`.
    fn block(&self, block: u32, state: &StepState) -> [u32; 4] {
        let words = philox4x32([block, self.stream, state.step, 0], state.seed);
        match self.distribution {
            Distribution::Bits => words,
            Distribution::Uniform { low, width } => words.map(|word| (low + width * unit_float(word)).to_bits()),
            Distribution::Normal => normal4(words).map(f32::to_bits),
        }
    }
}

impl Kernel for RandomFill {
    fn name(&self) -> &'static str {
        "random_fill"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let (kind, low, width) = match self.distribution {
            Distribution::Bits => ("0u", 0.0, 0.0),
            Distribution::Uniform { low, width } => ("1u", low, width),
            Distribution::Normal => ("2u", 0.0, 0.0),
        };
        let params = RandomParams { count: word(self.count), stream: self.stream, low, width };
        let shader = shader("random").constant("DISTRIBUTION", kind);
        GpuLaunch::in_order(shader, "random_fill", 1, &params, target.fold(self.count.div_ceil(4 * 64)), 10)
    }

    fn tolerance(&self) -> KernelTolerance {
        match self.distribution {
            Distribution::Bits => KernelTolerance::EXACT_WORDS,
            Distribution::Normal => KernelTolerance::NORMALS,
            Distribution::Uniform { .. } => KernelTolerance::ROUNDING,
        }
    }

    fn cpu(&self, _: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let out: &mut [u32] = bytemuck::cast_slice_mut(writes[0]);
        for (block, quad) in out.chunks_mut(4).enumerate() {
            quad.copy_from_slice(&self.block(word(block), state)[..quad.len()]);
        }
    }
}
