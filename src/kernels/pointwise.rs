//! Chains of element-wise stages: the CPU reference of `shaders/pointwise.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::activation::Activation;
use super::shaders::shader;
use super::{GpuLaunch, Kernel, KernelTolerance, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::GpuTarget;
use crate::random::{normal4, philox4x32, poisson_by_inversion, unit_float};

/// Elements that one task of the CPU handles: large enough to hide the cost of handing it out.
pub(crate) const CPU_CHUNK: usize = 16 * 1024;

/// Largest number of stages in a chain.
pub const MAX_STAGES: usize = 4;
/// Largest number of operands that the stages of a chain read.
pub const MAX_OPERANDS: usize = 3;

/// Poisson rate from which counts are rounded normal numbers; the shader explains why.
pub const NORMAL_FROM_RATE: f32 = 30.0;
/// Bound of the light that grows as the strength of shot noise goes to 0.
const MOST_LIGHT: f32 = 1e9;

/// One operation on each element; binary stages read an operand of the same size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointwiseStage {
    /// Activation of the value.
    Activate(Activation),
    /// Gradient through an activation: value * activation'(operand), the operand being what the activation saves.
    ActivateBackward(Activation),
    /// Sum of value and operand.
    Add,
    /// Product of value and the step's strength of corruption.
    CorruptionStrength,
    /// Value where the operand is not zero, else zero.
    KeepWhereNonzero,
    /// Product of value and a constant.
    Scale(f32),
    /// Zero with probability `rate`, else value / (1 - rate); the step may have another rate for all dropouts.
    Dropout {
        /// Probability of zero, in 0..1.
        rate: f32,
        /// Stream of counter-based random numbers.
        stream: u32,
    },
    /// Zero with probability `rate`, times the step's `corruption` as the amounts of the next two.
    Mask {
        /// Probability of zero at corruption 1, in 0..1.
        rate: f32,
        /// Stream of counter-based random numbers.
        stream: u32,
    },
    /// Gaussian noise: value + sigma * normal.
    Gaussian {
        /// Standard deviation at corruption 1.
        sigma: f32,
        /// Stream of counter-based random numbers.
        stream: u32,
    },
    /// Salt and pepper: 0 or 1 with probability rate / 2 each.
    SaltAndPepper {
        /// Probability of a replaced value at corruption 1, in 0..1.
        rate: f32,
        /// Stream of counter-based random numbers.
        stream: u32,
    },
    /// Zero where [`Self::SaltAndPepper`] of the same rate and stream replaced the value.
    SaltAndPepperBackward {
        /// Rate of the forward stage.
        rate: f32,
        /// Stream of the forward stage.
        stream: u32,
    },
    /// Shot noise: Poisson(max(value, 0) * light) / light with light = peak / corruption^2, so that its deviation is
    /// proportional to the corruption.
    ShotNoise {
        /// Mean count of photons of value 1 at corruption 1.
        peak: f32,
        /// Stream of counter-based random numbers.
        stream: u32,
    },
}

impl PointwiseStage {
    /// Returns whether the stage is binary.
    pub fn reads_operand(self) -> bool {
        matches!(self, Self::ActivateBackward(_) | Self::Add | Self::KeepWhereNonzero)
    }

    /// Kind in the shader, activation, amount and stream.
    fn encoded(self) -> (u32, Activation, f32, u32) {
        let none = Activation::Identity;
        match self {
            Self::Activate(activation) => (1, activation, 0.0, 0),
            Self::ActivateBackward(activation) => (2, activation, 0.0, 0),
            Self::Add => (3, none, 0.0, 0),
            Self::CorruptionStrength => (4, none, 0.0, 0),
            Self::Scale(amount) => (5, none, amount, 0),
            Self::Dropout { rate, stream } => (6, none, rate, stream),
            Self::Mask { rate, stream } => (7, none, rate, stream),
            Self::Gaussian { sigma, stream } => (8, none, sigma, stream),
            Self::SaltAndPepper { rate, stream } => (9, none, rate, stream),
            Self::SaltAndPepperBackward { rate, stream } => (10, none, rate, stream),
            Self::KeepWhereNonzero => (11, none, 0.0, 0),
            Self::ShotNoise { peak, stream } => (12, none, peak, stream),
        }
    }

    /// Loops of one invocation, of Philox and of Poisson counts.
    fn iterations(self) -> usize {
        match self {
            Self::ShotNoise { .. } => 20 + 4 * 128,
            _ => 10,
        }
    }

    /// Applies the stage in place. `first`: index of the first value within the whole, a multiple of 4.
    #[inline(always)]
    fn apply(self, values: &mut [f32], operand: &[f32], first: usize, state: &StepState) {
        let random = |values: &mut [f32], stream: u32, change: &dyn Fn(f32, f32) -> f32| {
            for (block, quad) in values.chunks_mut(4).enumerate() {
                let words = philox4x32([word(first / 4 + block), stream, state.step, 0], state.seed);
                quad.iter_mut().zip(words).for_each(|(value, word)| *value = change(*value, unit_float(word)));
            }
        };
        match self {
            Self::Activate(activation) => activation.apply(values),
            Self::ActivateBackward(activation) => activation.apply_backward(values, operand),
            Self::Add => values.iter_mut().zip(operand).for_each(|(value, other)| *value += other),
            Self::CorruptionStrength => values.iter_mut().for_each(|value| *value *= state.corruption),
            Self::KeepWhereNonzero => values
                .iter_mut()
                .zip(operand)
                .for_each(|(value, &other)| *value = if other == 0.0 { 0.0 } else { *value }),
            Self::Scale(amount) => values.iter_mut().for_each(|value| *value *= amount),
            Self::Dropout { rate, stream } => {
                let rate = if state.dropout >= 1.0 { state.dropout - 1.0 } else { rate };
                random(values, stream, &|value, u| if u < rate { 0.0 } else { value / (1.0 - rate) });
            }
            Self::Mask { rate, stream } => {
                let rate = rate * state.corruption;
                random(values, stream, &|value, u| if u < rate { 0.0 } else { value });
            }
            Self::Gaussian { sigma, stream } => {
                let sigma = sigma * state.corruption;
                for (block, quad) in values.chunks_mut(4).enumerate() {
                    let words = philox4x32([word(first / 4 + block), stream, state.step, 0], state.seed);
                    quad.iter_mut().zip(normal4(words)).for_each(|(value, normal)| *value += sigma * normal);
                }
            }
            Self::SaltAndPepper { rate, stream } => {
                let half = 0.5 * rate * state.corruption;
                random(values, stream, &|value, u| {
                    if u < half {
                        0.0
                    } else if u >= 1.0 - half {
                        1.0
                    } else {
                        value
                    }
                });
            }
            Self::SaltAndPepperBackward { rate, stream } => {
                let half = 0.5 * rate * state.corruption;
                random(values, stream, &|value, u| if u < half || u >= 1.0 - half { 0.0 } else { value });
            }
            Self::ShotNoise { .. } if state.corruption <= 0.0 => {}
            Self::ShotNoise { peak, stream } => {
                let light = peak / (state.corruption * state.corruption).max(peak / MOST_LIGHT);
                for (block, quad) in values.chunks_mut(4).enumerate() {
                    let words = |last| philox4x32([word(first / 4 + block), stream, state.step, last], state.seed);
                    let (uniform, normal) = (words(0).map(unit_float), normal4(words(1)));
                    for (lane, value) in quad.iter_mut().enumerate() {
                        let rate = value.max(0.0) * light;
                        let count = if rate < NORMAL_FROM_RATE {
                            poisson_by_inversion(rate, uniform[lane])
                        } else {
                            (rate + rate.sqrt() * normal[lane] + 0.5).floor().max(0.0)
                        };
                        *value = count / light;
                    }
                }
            }
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct PointwiseParams {
    count: u32,
    padding: [u32; 3],
    amounts: [f32; 4],
    streams: [u32; 4],
}

/// Computes out = stages applied to first, in order; reads first, the operands of the binary stages in their order, and
/// unused buffers up to four; buffers `[count]`.
#[derive(Clone, Debug)]
pub struct PointwiseKernel {
    /// Stages in order, at most [`MAX_STAGES`].
    pub stages: Vec<PointwiseStage>,
    /// Number of elements.
    pub count: usize,
}

impl PointwiseKernel {
    /// Returns the kernel of a single stage.
    pub fn one(stage: PointwiseStage, count: usize) -> Self {
        Self { stages: vec![stage], count }
    }
}

impl Kernel for PointwiseKernel {
    fn name(&self) -> &'static str {
        "pointwise"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        const NAMES: [[&str; 3]; MAX_STAGES] = [
            ["STAGE_0", "ACTIVATION_0", "OPERAND_0"],
            ["STAGE_1", "ACTIVATION_1", "OPERAND_1"],
            ["STAGE_2", "ACTIVATION_2", "OPERAND_2"],
            ["STAGE_3", "ACTIVATION_3", "OPERAND_3"],
        ];
        let mut params =
            PointwiseParams { count: word(self.count), padding: [0; 3], amounts: [0.0; 4], streams: [0; 4] };
        let mut shader = shader("pointwise");
        let mut operand = 0;
        for (index, (stage, [kind_name, activation_name, operand_name])) in self.stages.iter().zip(NAMES).enumerate() {
            let (kind, activation, amount, stream) = stage.encoded();
            shader = shader.constant(kind_name, format!("{kind}u")).constant(activation_name, activation.wgsl());
            if stage.reads_operand() {
                shader = shader.constant(operand_name, format!("{operand}u"));
                operand += 1;
            }
            params.amounts[index] = amount;
            params.streams[index] = stream;
        }
        let workgroups = target.fold(self.count.div_ceil(4 * 64));
        let iterations = self.stages.iter().map(|stage| stage.iterations()).sum();
        GpuLaunch::in_order(shader, "pointwise", 5, &params, workgroups, iterations)
    }

    fn tolerance(&self) -> KernelTolerance {
        // A count of photons is one more or less where rounding crosses a threshold.
        let has = |wanted: fn(&PointwiseStage) -> bool| self.stages.iter().any(wanted);
        let ambiguous = if has(|stage| matches!(stage, PointwiseStage::ShotNoise { .. })) {
            KernelTolerance::TIES.ambiguous
        } else {
            0.0
        };
        let normal = has(|stage| matches!(stage, PointwiseStage::Gaussian { .. } | PointwiseStage::ShotNoise { .. }));
        let usual = if normal { KernelTolerance::NORMALS } else { KernelTolerance::ROUNDING };
        KernelTolerance { ambiguous, ..usual }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let first = &f32s(reads[0])[..self.count];
        let operands: Vec<&[f32]> = reads[1..].iter().map(|read| f32s(read)).collect();
        f32s_mut(writes[0])[..self.count].par_chunks_mut(CPU_CHUNK).enumerate().for_each(|(chunk, out)| {
            let start = chunk * CPU_CHUNK;
            out.copy_from_slice(&first[start..start + out.len()]);
            let mut operands = operands.iter();
            for &stage in &self.stages {
                let operand = if stage.reads_operand() { operands.next().copied() } else { None };
                let operand = operand.map_or(&[][..], |values| &values[start..start + out.len()]);
                vectorized(
                    #[inline(always)]
                    || stage.apply(out, operand, start, state),
                );
            }
        });
    }
}
