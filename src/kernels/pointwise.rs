//! Element by element: the twin of `shaders/pointwise.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::activation::Activation;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Elements that one task of the CPU handles: large enough to hide the cost of handing it out.
pub(crate) const CPU_CHUNK: usize = 16 * 1024;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct PointwiseParams {
    count: u32,
    padding: [u32; 3],
}

fn launch(
    shader: ShaderRequest,
    entry_point: &'static str,
    buffers: &[u32],
    count: usize,
    target: &GpuTarget,
) -> GpuLaunch {
    let params = PointwiseParams { count: word(count), padding: [0; 3] };
    GpuLaunch {
        shader,
        entry_point,
        bindings: buffers.to_vec(),
        uniform: 3,
        params: bytemuck::bytes_of(&params).to_vec(),
        workgroups: target.fold(count.div_ceil(4 * 64)),
        iterations: 0,
    }
}

/// out = activation(first); buffers [count].
#[derive(Clone, Debug)]
pub struct ActivationForward {
    pub activation: Activation,
    pub count: usize,
}

impl Kernel for ActivationForward {
    fn name(&self) -> &'static str {
        "activation_forward"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shader = ShaderRequest::new("pointwise").constant("ACTIVATION", self.activation.wgsl());
        launch(shader, "activation_forward", &[0, 2], self.count, target)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let (first, out) = (f32s(reads[0]), f32s_mut(writes[0]));
        out.par_chunks_mut(CPU_CHUNK).zip(first.par_chunks(CPU_CHUNK)).for_each(|(out, first)| {
            out.copy_from_slice(first);
            vectorized(|| self.activation.apply(out));
        });
    }
}

/// out = first * activation'(x), where second = activation(x); buffers [count].
#[derive(Clone, Debug)]
pub struct ActivationBackward {
    pub activation: Activation,
    pub count: usize,
}

impl Kernel for ActivationBackward {
    fn name(&self) -> &'static str {
        "activation_backward"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shader = ShaderRequest::new("pointwise").constant("ACTIVATION", self.activation.wgsl());
        launch(shader, "activation_backward", &[0, 1, 2], self.count, target)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let (first, second, out) = (f32s(reads[0]), f32s(reads[1]), f32s_mut(writes[0]));
        out.par_chunks_mut(CPU_CHUNK).zip(first.par_chunks(CPU_CHUNK)).zip(second.par_chunks(CPU_CHUNK)).for_each(
            |((out, first), second)| {
                out.copy_from_slice(first);
                vectorized(|| self.activation.apply_backward(out, second));
            },
        );
    }
}

/// out = first + second; buffers [count].
#[derive(Clone, Debug)]
pub struct Add {
    pub count: usize,
}

impl Kernel for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        launch(ShaderRequest::new("pointwise"), "add", &[0, 1, 2], self.count, target)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let (first, second, out) = (f32s(reads[0]), f32s(reads[1]), f32s_mut(writes[0]));
        out.par_chunks_mut(CPU_CHUNK).zip(first.par_chunks(CPU_CHUNK)).zip(second.par_chunks(CPU_CHUNK)).for_each(
            |((out, first), second)| out.iter_mut().zip(first).zip(second).for_each(|((o, a), b)| *o = a + b),
        );
    }
}
