//! Blind spots: the CPU reference of `shaders/blind_spot.wgsl`, which defines them.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;
use crate::random::{philox4x32, unit_float};

/// Side of the window that a spot is filled from, in pixels.
const WINDOW: usize = 5;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct BlindSpotParams {
    batch: u32,
    size: [u32; 2],
    channels: u32,
    stream: u32,
    rate: f32,
    padding: [u32; 2],
}

/// Reads x `[batch, height, width, channels]`; writes it with spots filled by neighbors, and a mask of the spots (1,
/// else 0).
#[derive(Clone, Debug)]
pub struct BlindSpotKernel {
    /// Probability of a value to be a spot, in 0..1.
    pub rate: f32,
    /// Images in the batch.
    pub batch: usize,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Values per pixel.
    pub channels: usize,
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

impl BlindSpotKernel {
    /// Returns the pixel of the image that fills the spot at `place`, chosen by the word drawn for it; `None` in an
    /// image of one pixel.
    #[inline(always)]
    fn source(&self, place: [usize; 2], drawn: u32) -> Option<usize> {
        let window = self.size.map(|side| side.min(WINDOW));
        let start = [0, 1].map(|axis| (place[axis].max(WINDOW / 2) - WINDOW / 2).min(self.size[axis] - window[axis]));
        let own = (place[0] - start[0]) * window[1] + place[1] - start[1];
        let others = window[0] * window[1] - 1;
        if others == 0 {
            return None;
        }
        let drawn = ((drawn >> 16) as usize * others) >> 16;
        let chosen = drawn + usize::from(drawn >= own);
        Some((start[0] + chosen / window[1]) * self.size[1] + start[1] + chosen % window[1])
    }
}

impl Kernel for BlindSpotKernel {
    fn name(&self) -> &'static str {
        "blind spots"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = BlindSpotParams {
            batch: word(self.batch),
            size: self.size.map(word),
            channels: word(self.channels),
            stream: self.stream,
            rate: self.rate,
            padding: [0; 2],
        };
        let values = self.batch * self.size[0] * self.size[1] * self.channels;
        let workgroups = target.fold(values.div_ceil(64));
        GpuLaunch::in_order(shader("blind_spot"), "blind_spot", 3, &params, workgroups, 10)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let ([height, width], channels) = (self.size, self.channels);
        let line = width * channels;
        let x = f32s(reads[0]);
        let [out, spots] = writes else { return };
        let values = self.batch * height * line;
        let lines = f32s_mut(out)[..values].par_chunks_mut(line).zip(f32s_mut(spots)[..values].par_chunks_mut(line));
        lines.enumerate().with_min_len(16).for_each(|(index, (out, spots))| {
            let first = index * line;
            out.copy_from_slice(&x[first..first + line]);
            spots.fill(0.0);
            let (image, row) = (index / height * height * line, index % height);
            for (at, (out, spot)) in out.iter_mut().zip(spots).enumerate() {
                let words = philox4x32([word(first + at), self.stream, state.step, 0], state.seed);
                if unit_float(words[0]) < self.rate
                    && let Some(source) = self.source([row, at / channels], words[1])
                {
                    *out = x[image + source * channels + at % channels];
                    *spot = 1.0;
                }
            }
        });
    }
}
