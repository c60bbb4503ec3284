//! Losses that compare values one by one, and their gradients: the CPU reference of `shaders/loss.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::activation::{Activation, sigmoid};
use super::reduce::{REDUCE_LANES, reduce_sum_lanes};
use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};
use crate::math::{exp, ln};

/// Neighboring values that make one partial sum.
pub const LOSS_CHUNK: usize = 1024;

/// Difference between the output y and the input x, value by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReconstructionLoss {
    /// Squared error, (y - x)^2.
    #[default]
    Mse,
    /// Binary cross-entropy, from logits z: max(z, 0) - z x + ln(1 + e^-|z|).
    Bce,
    /// Absolute error, |y - x|.
    L1,
    /// Huber loss with delta 1 (Huber 1964): (y - x)^2 / 2 where |y - x| <= 1, else |y - x| - 1/2.
    Huber,
    /// Negative log-likelihood of a Gaussian around y, in nats: (y - x)^2 / (2 variance) + ln(2 pi variance) / 2.
    Gaussian,
}

impl ReconstructionLoss {
    /// All losses, in the order of the shaders' constants.
    pub const ALL: [Self; 5] = [Self::Mse, Self::Bce, Self::L1, Self::Huber, Self::Gaussian];

    /// Returns whether it is the mean squared error, which PCA minimizes too.
    pub fn is_mse(self) -> bool {
        self == Self::Mse
    }

    /// Returns the title of its chart.
    pub fn title(self) -> &'static str {
        match self {
            Self::Mse => "Mean squared error",
            Self::Bce => "Binary cross-entropy",
            Self::L1 => "Mean absolute error",
            Self::Huber => "Huber loss",
            Self::Gaussian => "Gaussian likelihood",
        }
    }

    /// Returns a shorter title, where there is little room.
    pub fn short_title(self) -> &'static str {
        match self {
            Self::Mse => "MSE",
            Self::Bce => "BCE",
            Self::L1 => "MAE",
            Self::Huber => "Huber",
            Self::Gaussian => "Likelihood",
        }
    }

    fn wgsl(self) -> &'static str {
        match self {
            Self::Mse => "0u",
            Self::Bce => "1u",
            Self::L1 => "2u",
            Self::Huber => "3u",
            Self::Gaussian => "4u",
        }
    }
}

/// Loss with its scaling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossTerm {
    /// Loss of a single value.
    pub kind: ReconstructionLoss,
    /// True to sum over the values of a row, false to average them; rows are averaged in either case.
    pub sum_over_values: bool,
    /// Factor of the gradient; the recorded value is not multiplied.
    pub weight: f32,
    /// Variance of the Gaussian likelihood.
    pub variance: f32,
    /// True to compare the values with the target, false to compare them with zero, for penalties.
    pub has_target: bool,
    /// True to multiply the gradient by the step's weight of sparsity too.
    pub is_sparsity: bool,
}

impl LossTerm {
    /// Returns the mean over values, with weight 1.
    pub fn mean(kind: ReconstructionLoss) -> Self {
        Self { kind, sum_over_values: false, weight: 1.0, variance: 1.0, has_target: true, is_sparsity: false }
    }

    fn divisor(&self, features: usize) -> usize {
        if self.sum_over_values { 1 } else { features }
    }

    fn constant(&self) -> f32 {
        0.5 * (std::f32::consts::TAU * self.variance).ln()
    }

    fn params(&self, batch: usize, features: usize) -> LossParams {
        LossParams {
            count: word(batch * features),
            features: word(features),
            divisor: word(self.divisor(features)),
            weight: self.weight,
            variance: self.variance,
            constant: self.constant(),
            padding: [0; 2],
        }
    }

    fn shader(&self) -> ShaderRequest {
        shader("loss")
            .constant("LOSS", self.kind.wgsl())
            .constant("HAS_TARGET", self.has_target)
            .constant("IS_SPARSITY", self.is_sparsity)
    }

    /// Returns the values to compare with, and their factor: zero without a target.
    #[inline(always)]
    fn target<'v>(&self, y: &'v [f32], x: &'v [f32]) -> (&'v [f32], f32) {
        if self.has_target { (&x[..y.len()], 1.0) } else { (y, 0.0) }
    }

    /// Sum of the loss over values, in the shader's order.
    #[inline(always)]
    fn sum(&self, y: &[f32], x: &[f32]) -> f32 {
        let (x, keep) = self.target(y, x);
        let count = y.len();
        let difference = |at: usize| y[at] - keep * x[at];
        // A match outside the loop, so that each arm is a loop of vector instructions.
        match self.kind {
            ReconstructionLoss::Mse => reduce_sum_lanes(count, |at| difference(at) * difference(at)),
            ReconstructionLoss::Bce => {
                reduce_sum_lanes(count, |at| y[at].max(0.0) - y[at] * keep * x[at] + ln(1.0 + exp(-y[at].abs())))
            }
            ReconstructionLoss::L1 => reduce_sum_lanes(count, |at| difference(at).abs()),
            ReconstructionLoss::Huber => reduce_sum_lanes(count, |at| {
                let distance = difference(at).abs();
                if distance <= 1.0 { 0.5 * distance * distance } else { distance - 0.5 }
            }),
            ReconstructionLoss::Gaussian => {
                let constant = self.constant();
                reduce_sum_lanes(count, |at| 0.5 * difference(at) * difference(at) / self.variance + constant)
            }
        }
    }

    /// Writes the gradient times `scale` to `out`.
    #[inline(always)]
    fn gradient(&self, out: &mut [f32], y: &[f32], x: &[f32], scale: f32) {
        let (x, keep) = self.target(y, x);
        let triples = out.iter_mut().zip(y).zip(x).map(|((out, &y), &x)| (out, y, keep * x));
        match self.kind {
            ReconstructionLoss::Mse => triples.for_each(|(out, y, x)| *out = 2.0 * (y - x) * scale),
            ReconstructionLoss::Bce => triples.for_each(|(out, y, x)| *out = (sigmoid(y) - x) * scale),
            ReconstructionLoss::L1 => triples.for_each(|(out, y, x)| {
                let difference = y - x;
                *out = if difference == 0.0 { 0.0 } else { scale.copysign(scale * difference) };
            }),
            ReconstructionLoss::Huber => {
                triples.for_each(|(out, y, x)| *out = (y - x).clamp(-1.0, 1.0) * scale);
            }
            ReconstructionLoss::Gaussian => triples.for_each(|(out, y, x)| *out = (y - x) / self.variance * scale),
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct LossParams {
    count: u32,
    features: u32,
    divisor: u32,
    weight: f32,
    variance: f32,
    constant: f32,
    padding: [u32; 2],
}

/// Values of the rows that hold data.
fn valid(count: usize, features: usize, state: &StepState) -> usize {
    count.min(state.rows as usize * features)
}

/// Computes partials `[ceil(count / 1024)]`: sums of the loss over chunks of prediction and target `[N, D]`, divided by
/// the rows and, for a mean over values, by D. Where `gradient` names the activation that made the prediction (identity
/// for the plain gradient), also dinp `[N, D]`: the gradient by what went into that activation.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Loss with its scaling.
    pub term: LossTerm,
    /// Rows of the batch, N.
    pub batch: usize,
    /// Values per row, D.
    pub features: usize,
    /// Activation that made the prediction, to write the gradient too; `None` for the loss alone.
    pub gradient: Option<Activation>,
}

/// Chunks that one task of the CPU covers.
const CHUNKS_PER_TASK: usize = 16;

impl Loss {
    /// Computes `partials` of neighboring chunks from value `start` on, and `dinp` of all their values where there is
    /// one.
    fn cpu_chunks(
        &self,
        y: &[f32],
        x: &[f32],
        start: usize,
        state: &StepState,
        partials: &mut [f32],
        dinp: &mut [f32],
    ) {
        let valid = valid(self.batch * self.features, self.features, state);
        let divisor = state.rows as f32 * self.term.divisor(self.features) as f32;
        let mut scale = self.term.weight / divisor;
        if self.term.is_sparsity {
            scale *= state.sparsity;
        }
        let mut dinp = dinp.chunks_mut(LOSS_CHUNK);
        for (chunk, partial) in partials.iter_mut().enumerate() {
            let begin = (start + chunk * LOSS_CHUNK).min(valid);
            let end = (begin + LOSS_CHUNK).min(valid);
            let (y, x) = (&y[begin..end], &x[begin..end]);
            vectorized(
                #[inline(always)]
                || {
                    *partial = self.term.sum(y, x) / divisor;
                    if let (Some(activation), Some(dinp)) = (self.gradient, dinp.next()) {
                        let (dinp, empty) = dinp.split_at_mut(y.len());
                        empty.fill(0.0);
                        self.term.gradient(dinp, y, x, scale);
                        activation.apply_backward(dinp, y);
                    }
                },
            );
        }
    }
}

impl Kernel for Loss {
    fn name(&self) -> &'static str {
        if self.gradient.is_some() { "loss_with_gradient" } else { "loss" }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shader = self.term.shader();
        GpuLaunch {
            shader: match self.gradient {
                Some(activation) => shader.constant("ACTIVATION", activation.wgsl()),
                None => shader,
            },
            entry_point: self.name(),
            bindings: if self.gradient.is_some() { vec![0, 1, 2, 3] } else { vec![0, 1, 2] },
            uniform: 4,
            params: bytemuck::bytes_of(&self.term.params(self.batch, self.features)).to_vec(),
            workgroups: target.fold((self.batch * self.features).div_ceil(LOSS_CHUNK)),
            iterations: word(LOSS_CHUNK / REDUCE_LANES + 6),
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let (y, x) = (f32s(reads[0]), f32s(reads[1]));
        let count = self.batch * self.features;
        let [partials, rest @ ..] = writes else { return };
        let partials = f32s_mut(partials)[..count.div_ceil(LOSS_CHUNK)].par_chunks_mut(CHUNKS_PER_TASK).enumerate();
        match rest {
            [dinp] if self.gradient.is_some() => {
                let dinp = f32s_mut(dinp)[..count].par_chunks_mut(CHUNKS_PER_TASK * LOSS_CHUNK);
                partials.zip(dinp).for_each(|((task, partials), dinp)| {
                    self.cpu_chunks(y, x, task * CHUNKS_PER_TASK * LOSS_CHUNK, state, partials, dinp);
                });
            }
            _ => partials.for_each(|(task, partials)| {
                self.cpu_chunks(y, x, task * CHUNKS_PER_TASK * LOSS_CHUNK, state, partials, &mut []);
            }),
        }
    }
}
