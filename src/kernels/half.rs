//! Conversion of 32-bit floats to pairs of 16-bit ones and back: the CPU reference of `shaders/half.wgsl`.

use bytemuck::{Pod, Zeroable};
use half::f16;
use rayon::prelude::*;

use super::pointwise::CPU_CHUNK;
use super::shaders::shader;
use super::{GpuLaunch, Kernel, KernelTolerance, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct HalfParams {
    count: u32,
    padding: [u32; 3],
}

/// Reads `[count]` f32 and writes as many f16, or the reverse.
#[derive(Clone, Debug)]
pub struct HalfConversion {
    /// True for f16 to f32, false for f32 to f16.
    pub to_whole: bool,
    /// Number of values.
    pub count: usize,
}

impl Kernel for HalfConversion {
    fn name(&self) -> &'static str {
        if self.to_whole { "unhalve" } else { "halve" }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = HalfParams { count: word(self.count), padding: [0; 3] };
        GpuLaunch {
            shader: shader("half"),
            entry_point: self.name(),
            bindings: if self.to_whole { vec![2, 3] } else { vec![0, 1] },
            uniform: 4,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold(self.count.div_ceil(128)),
            iterations: 0,
        }
    }

    fn tolerance(&self) -> KernelTolerance {
        if self.to_whole { KernelTolerance::ROUNDING } else { KernelTolerance::HALF }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        if self.to_whole {
            let halves: &[u16] = bytemuck::cast_slice(reads[0]);
            f32s_mut(writes[0])[..self.count].par_chunks_mut(CPU_CHUNK).zip(halves.par_chunks(CPU_CHUNK)).for_each(
                |(whole, halves)| {
                    whole.iter_mut().zip(halves).for_each(|(whole, &half)| *whole = f16::from_bits(half).to_f32());
                },
            );
        } else {
            let whole = &f32s(reads[0])[..self.count];
            let halves: &mut [u16] = bytemuck::cast_slice_mut(writes[0]);
            halves[..self.count].par_chunks_mut(CPU_CHUNK).zip(whole.par_chunks(CPU_CHUNK)).for_each(
                |(halves, whole)| {
                    halves.iter_mut().zip(whole).for_each(|(half, &value)| {
                        *half = f16::from_f32(value.clamp(-65504.0, 65504.0)).to_bits();
                    });
                },
            );
            // The padding of an odd count repeats the last value, as the shader has it.
            if !self.count.is_multiple_of(2) {
                halves[self.count] = halves[self.count - 1];
            }
        }
    }
}
