//! Reconstruction losses and their gradients: the twin of `shaders/loss.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::activation::{Activation, exp, ln, sigmoid};
use super::reduce::{REDUCE_LANES, reduce_sum_lanes};
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Neighbouring values that make one partial sum.
pub const LOSS_CHUNK: usize = 1024;

/// How far the output is from the input; the mean over values, and over the rows that hold data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconstructionLoss {
    /// (y - x)^2
    #[default]
    Mse,
    /// Binary cross-entropy, from logits z: max(z, 0) - z x + ln(1 + e^-|z|)
    Bce,
}

impl ReconstructionLoss {
    /// Whether it is the mean squared error, which PCA minimises too.
    pub fn is_mse(self) -> bool {
        self == Self::Mse
    }

    /// What a chart of it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Mse => "Mean squared error",
            Self::Bce => "Binary cross-entropy",
        }
    }

    fn wgsl(self) -> &'static str {
        match self {
            Self::Mse => "0u",
            Self::Bce => "1u",
        }
    }

    #[inline(always)]
    fn value(self, y: f32, x: f32) -> f32 {
        match self {
            Self::Mse => (y - x) * (y - x),
            Self::Bce => y.max(0.0) - y * x + ln(1.0 + exp(-y.abs())),
        }
    }

    #[inline(always)]
    fn gradient(self, y: f32, x: f32) -> f32 {
        match self {
            Self::Mse => 2.0 * (y - x),
            Self::Bce => sigmoid(y) - x,
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct LossParams {
    count: u32,
    features: u32,
    padding: [u32; 2],
}

/// Values of the rows that hold data.
fn valid(count: usize, features: usize, state: &StepState) -> usize {
    count.min(state.rows as usize * features)
}

/// partials [ceil(count / 1024)]: sums of the loss over chunks of prediction and target [N, D], divided by rows * D.
#[derive(Clone, Debug)]
pub struct LossForward {
    pub loss: ReconstructionLoss,
    pub batch: usize,
    pub features: usize,
}

impl Kernel for LossForward {
    fn name(&self) -> &'static str {
        "loss_forward"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let count = self.batch * self.features;
        let params = LossParams { count: word(count), features: word(self.features), padding: [0; 2] };
        let shader = ShaderRequest::new("loss").constant("LOSS", self.loss.wgsl());
        let workgroups = target.fold(count.div_ceil(LOSS_CHUNK));
        GpuLaunch::in_order(shader, "loss_forward", 3, &params, workgroups, LOSS_CHUNK / REDUCE_LANES + 6)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let (prediction, target) = (f32s(reads[0]), f32s(reads[1]));
        let valid = valid(self.batch * self.features, self.features, state);
        let scale = (state.rows as usize * self.features) as f32;
        f32s_mut(writes[0]).par_iter_mut().enumerate().with_min_len(16).for_each(|(chunk, partial)| {
            let start = (chunk * LOSS_CHUNK).min(valid);
            let end = (start + LOSS_CHUNK).min(valid);
            let (y, x) = (&prediction[start..end], &target[start..end]);
            let sum = vectorized(
                #[inline(always)]
                || match self.loss {
                    ReconstructionLoss::Mse => {
                        reduce_sum_lanes(y.len(), |at| ReconstructionLoss::Mse.value(y[at], x[at]))
                    }
                    ReconstructionLoss::Bce => {
                        reduce_sum_lanes(y.len(), |at| ReconstructionLoss::Bce.value(y[at], x[at]))
                    }
                },
            );
            *partial = sum / scale;
        });
    }
}

/// dinp [N, D]: gradient of the loss by the prediction, times the derivative of the activation that made it.
#[derive(Clone, Debug)]
pub struct LossBackward {
    pub loss: ReconstructionLoss,
    pub batch: usize,
    pub features: usize,
    /// The activation whose derivative is folded in; identity for the plain gradient.
    pub activation: Activation,
}

impl Kernel for LossBackward {
    fn name(&self) -> &'static str {
        "loss_backward"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let count = self.batch * self.features;
        let params = LossParams { count: word(count), features: word(self.features), padding: [0; 2] };
        let shader = ShaderRequest::new("loss")
            .constant("LOSS", self.loss.wgsl())
            .constant("ACTIVATION", self.activation.wgsl());
        let workgroups = target.fold(count.div_ceil(LOSS_CHUNK));
        GpuLaunch::in_order(shader, "loss_backward", 3, &params, workgroups, LOSS_CHUNK / REDUCE_LANES)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let (prediction, target) = (f32s(reads[0]), f32s(reads[1]));
        let valid = valid(self.batch * self.features, self.features, state);
        let scale = 1.0 / (state.rows as usize * self.features) as f32;
        const CHUNK: usize = 16 * LOSS_CHUNK;
        f32s_mut(writes[0]).par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
            let start = chunk * CHUNK;
            let data = valid.saturating_sub(start).min(out.len());
            let (out, empty) = out.split_at_mut(data);
            empty.fill(0.0);
            let (y, x) = (&prediction[start..start + data], &target[start..start + data]);
            vectorized(
                #[inline(always)]
                || {
                    let triples = out.iter_mut().zip(y).zip(x);
                    match self.loss {
                        ReconstructionLoss::Mse => {
                            triples.for_each(|((o, &y), &x)| *o = ReconstructionLoss::Mse.gradient(y, x) * scale);
                        }
                        ReconstructionLoss::Bce => {
                            triples.for_each(|((o, &y), &x)| *o = ReconstructionLoss::Bce.gradient(y, x) * scale);
                        }
                    }
                    self.activation.apply_backward(out, y);
                },
            );
        });
    }
}
