//! The end of a matrix product: bias and activation, or the derivative of one.

use crate::device::gpu::ShaderRequest;
use crate::kernels::activation::Activation;

/// Operation on a sum before it is stored, with the third buffer that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The sum itself; the third buffer is ignored.
    Plain,
    /// Output of a layer: activation(sum + bias `[columns]`).
    Forward(Activation),
    /// Gradient through an activation: sum * activation'(...), given the activation's output in the shape of the
    /// result.
    Backward(Activation),
}

impl Finish {
    pub(in crate::kernels) fn shader(self, shader: ShaderRequest) -> ShaderRequest {
        match self {
            Self::Plain => shader,
            Self::Forward(activation) => shader.constant("FINISH", "1u").constant("ACTIVATION", activation.wgsl()),
            Self::Backward(activation) => shader.constant("FINISH", "2u").constant("ACTIVATION", activation.wgsl()),
        }
    }

    /// Applies the operation in place. `start`: place of `values` in the whole result.
    #[inline(always)]
    pub(in crate::kernels) fn apply(self, values: &mut [f32], extra: &[f32], start: usize, columns: usize) {
        match self {
            Self::Plain => {}
            Self::Forward(activation) => {
                for row in values.chunks_exact_mut(columns) {
                    row.iter_mut().zip(extra).for_each(|(value, bias)| *value += bias);
                }
                activation.apply(values);
            }
            Self::Backward(activation) => {
                activation.apply_backward(values, &extra[start..start + values.len()]);
            }
        }
    }
}
