//! Changes of resolution by a whole factor: the CPU reference of `shaders/resample.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, elements_of, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;

/// Change of resolution, or the gradient of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResampleMode {
    /// Repetition: scale * the input's element above each place; zero beyond the input.
    Repeat {
        /// Factor of the values.
        scale: f32,
    },
    /// Block sum: scale * the sum of each block.
    BlockSum {
        /// Factor of the sums.
        scale: f32,
    },
    /// Maximum of each block.
    BlockMax,
    /// Gradient of [`Self::BlockMax`]: reads x and dout.
    BlockMaxBackward,
    /// Bilinear interpolation, pixel centers aligned, edges repeated: PyTorch's `align_corners=False`.
    Bilinear,
    /// Gradient of [`Self::Bilinear`]: reads dout.
    BilinearBackward,
    /// Channels to pixels (Shi et al. 2016), in PyTorch's order of channels.
    Shuffle,
    /// Pixels to channels, the inverse of [`Self::Shuffle`].
    Unshuffle,
}

/// Computes out `[N, OH, OW, OC]` from the input `[N, H, W, C]`; sizes must fit `mode` and `factor`.
#[derive(Clone, Debug)]
pub struct ResampleKernel {
    /// Operation to compute.
    pub mode: ResampleMode,
    /// Images in the batch.
    pub batch: usize,
    /// Height and width of the input in pixels.
    pub size: [usize; 2],
    /// Values per pixel of the input.
    pub channels: usize,
    /// Height and width of the output in pixels.
    pub out_size: [usize; 2],
    /// Values per pixel of the output.
    pub out_channels: usize,
    /// Whole factor between the resolutions, on both axes.
    pub factor: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ResampleParams {
    batch: u32,
    size: [u32; 2],
    channels: u32,
    out_size: [u32; 2],
    out_channels: u32,
    factor: u32,
    scale: f32,
    padding: [u32; 3],
}

/// Returns low and high place and the high one's weight, for output place `to`.
fn bilinear(to: usize, factor: usize, count: usize) -> (usize, usize, f32) {
    let center = ((to as f32 + 0.5) / factor as f32 - 0.5).max(0.0);
    let low = center as usize;
    (low, (low + 1).min(count - 1), center - low as f32)
}

impl ResampleKernel {
    /// Channels that an invocation handles on a GPU: four where they stay together.
    fn element_values(&self) -> usize {
        let moves_channels = matches!(self.mode, ResampleMode::Shuffle | ResampleMode::Unshuffle);
        if !moves_channels && self.channels.is_multiple_of(4) { 4 } else { 1 }
    }

    fn line(&self, first: &[f32], second: &[f32], n: usize, y: usize, out: &mut [f32]) {
        let ([height, width], channels, s) = (self.size, self.channels, self.factor);
        let at = |y: usize, x: usize, c: usize| first[((n * height + y) * width + x) * channels + c];
        let pixels = out.chunks_exact_mut(self.out_channels).enumerate();
        match self.mode {
            ResampleMode::Repeat { scale } => pixels.for_each(|(x, out)| {
                if y / s < height && x / s < width {
                    out.iter_mut().enumerate().for_each(|(c, out)| *out = scale * at(y / s, x / s, c));
                } else {
                    out.fill(0.0);
                }
            }),
            ResampleMode::BlockSum { scale } => pixels.for_each(|(x, out)| {
                for (c, out) in out.iter_mut().enumerate() {
                    let sum: f32 = (0..s * s).map(|i| at(y * s + i / s, x * s + i % s, c)).sum();
                    *out = scale * sum;
                }
            }),
            ResampleMode::BlockMax => pixels.for_each(|(x, out)| {
                for (c, out) in out.iter_mut().enumerate() {
                    let first = at(y * s, x * s, c);
                    *out = (1..s * s).map(|i| at(y * s + i / s, x * s + i % s, c)).fold(first, f32::max);
                }
            }),
            ResampleMode::BlockMaxBackward => pixels.for_each(|(x, out)| {
                let (by, bx) = (y / s, x / s);
                if (by + 1) * s > height || (bx + 1) * s > width {
                    out.fill(0.0);
                    return;
                }
                let place = (y - by * s) * s + (x - bx * s);
                for (c, out) in out.iter_mut().enumerate() {
                    let mine = at(y, x, c);
                    let beaten = (0..s * s).any(|i| {
                        let other = at(by * s + i / s, bx * s + i % s, c);
                        other > mine || (other == mine && i < place)
                    });
                    let dout = second[((n * (height / s) + by) * (width / s) + bx) * channels + c];
                    *out = if beaten { 0.0 } else { dout };
                }
            }),
            ResampleMode::Bilinear => {
                let (y0, y1, fy) = bilinear(y, s, height);
                pixels.for_each(|(x, out)| {
                    let (x0, x1, fx) = bilinear(x, s, width);
                    for (c, out) in out.iter_mut().enumerate() {
                        let top = (1.0 - fx) * at(y0, x0, c) + fx * at(y0, x1, c);
                        let bottom = (1.0 - fx) * at(y1, x0, c) + fx * at(y1, x1, c);
                        *out = (1.0 - fy) * top + fy * bottom;
                    }
                });
            }
            ResampleMode::BilinearBackward => {
                let weight = |to: usize, from: usize, count: usize| {
                    let (low, high, fraction) = bilinear(to, s, count);
                    (if from == low { 1.0 - fraction } else { 0.0 }) + (if from == high { fraction } else { 0.0 })
                };
                let [out_height, out_width] = self.out_size;
                pixels.for_each(|(x, out)| {
                    out.fill(0.0);
                    for i in (y * s).saturating_sub(s)..((y + 2) * s).min(height) {
                        let weight_y = weight(i, y, out_height);
                        for j in (x * s).saturating_sub(s)..((x + 2) * s).min(width) {
                            let weight = weight_y * weight(j, x, out_width);
                            out.iter_mut().enumerate().for_each(|(c, out)| *out += weight * at(i, j, c));
                        }
                    }
                });
            }
            ResampleMode::Shuffle => pixels.for_each(|(x, out)| {
                for (c, out) in out.iter_mut().enumerate() {
                    *out = at(y / s, x / s, (c * s + y % s) * s + x % s);
                }
            }),
            ResampleMode::Unshuffle => pixels.for_each(|(x, out)| {
                for (c, out) in out.iter_mut().enumerate() {
                    let within = c % (s * s);
                    *out = at(y * s + within / s, x * s + within % s, c / (s * s));
                }
            }),
        }
    }
}

impl Kernel for ResampleKernel {
    fn name(&self) -> &'static str {
        match self.mode {
            ResampleMode::Repeat { .. } => "repeat",
            ResampleMode::BlockSum { .. } => "block_sum",
            ResampleMode::BlockMax => "block_max",
            ResampleMode::BlockMaxBackward => "block_max_backward",
            ResampleMode::Bilinear => "bilinear",
            ResampleMode::BilinearBackward => "bilinear_backward",
            ResampleMode::Shuffle => "pixel_shuffle",
            ResampleMode::Unshuffle => "pixel_unshuffle",
        }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let (mode, scale) = match self.mode {
            ResampleMode::Repeat { scale } => ("0u", scale),
            ResampleMode::BlockSum { scale } => ("1u", scale),
            ResampleMode::BlockMax => ("2u", 1.0),
            ResampleMode::BlockMaxBackward => ("3u", 1.0),
            ResampleMode::Bilinear => ("4u", 1.0),
            ResampleMode::BilinearBackward => ("5u", 1.0),
            ResampleMode::Shuffle => ("6u", 1.0),
            ResampleMode::Unshuffle => ("7u", 1.0),
        };
        let values = self.element_values();
        let params = ResampleParams {
            batch: word(self.batch),
            size: self.size.map(word),
            channels: word(self.channels / values),
            out_size: self.out_size.map(word),
            out_channels: word(self.out_channels / values),
            factor: word(self.factor),
            scale,
            padding: [0; 3],
        };
        let count = self.batch * self.out_size[0] * self.out_size[1] * self.out_channels / values;
        let iterations = 9 * self.factor * self.factor + 3 * self.factor;
        let shader = elements_of(shader("resample").constant("MODE", mode), values);
        GpuLaunch::in_order(shader, "resample", 3, &params, target.fold(count.div_ceil(64)), iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let (first, second) = (f32s(reads[0]), f32s(reads[1]));
        let line = self.out_size[1] * self.out_channels;
        let lines = self.batch * self.out_size[0];
        f32s_mut(writes[0])[..lines * line].par_chunks_mut(line).enumerate().with_min_len(8).for_each(
            |(index, out)| {
                self.line(first, second, index / self.out_size[0], index % self.out_size[0], out);
            },
        );
    }
}
