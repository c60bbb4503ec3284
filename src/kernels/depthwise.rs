//! Depthwise convolution, where each channel has its own window: the CPU reference of `shaders/depthwise.wgsl`.

use rayon::prelude::*;

use super::conv::{ConvShape, Finish};
use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::GpuTarget;

/// The three products, as in [`super::conv`]; weights are `[KH, KW, C]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthwiseProduct {
    /// Reads x, weight, extra; writes y.
    Gather(Finish),
    /// Reads y, weight, extra; writes x.
    Scatter(Finish),
    /// Reads x, dy; writes partials `[slots, KH, KW, C]`.
    Weights,
}

/// Depthwise convolution or one of its gradients.
#[derive(Clone, Debug)]
pub struct Depthwise {
    /// Sizes of the convolution; `filters` equals `channels`.
    pub shape: ConvShape,
    /// Product to compute.
    pub product: DepthwiseProduct,
}

impl Kernel for Depthwise {
    fn name(&self) -> &'static str {
        match self.product {
            DepthwiseProduct::Gather(_) => "depthwise_gather",
            DepthwiseProduct::Scatter(_) => "depthwise_scatter",
            DepthwiseProduct::Weights => "depthwise_weights",
        }
    }

    fn flops(&self) -> f64 {
        2.0 * (self.shape.places() * self.shape.channels * self.shape.taps()) as f64
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let split = shape.depthwise_split();
        let (items, finish, iterations) = match self.product {
            DepthwiseProduct::Gather(finish) => (shape.places() * shape.channels, finish, 2 * shape.taps()),
            DepthwiseProduct::Scatter(finish) => {
                let items = shape.batch * shape.size[0] * shape.size[1] * shape.channels;
                (items, finish, 2 * shape.taps() + shape.kernel[0] + shape.kernel[1])
            }
            DepthwiseProduct::Weights => (split.slots * shape.taps() * shape.channels, Finish::Plain, split.slot_rows),
        };
        GpuLaunch {
            shader: finish.shader(shader("depthwise")),
            entry_point: self.name(),
            bindings: if self.product == DepthwiseProduct::Weights { vec![0, 1, 3] } else { vec![0, 1, 2, 3] },
            uniform: 4,
            params: bytemuck::bytes_of(&shape.params(split)).to_vec(),
            workgroups: target.fold(items.div_ceil(64)),
            iterations: word(iterations),
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let shape = &self.shape;
        let channels = shape.channels;
        let ([height, width], [out_height, out_width]) = (shape.size, shape.out_size);
        let (first, second) = (f32s(reads[0]), f32s(reads[1]));
        let out = f32s_mut(writes[0]);
        let multiply_add = |sum: &mut [f32], a: &[f32], b: &[f32]| {
            vectorized(
                #[inline(always)]
                || sum.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b),
            );
        };
        // The pixel of x under a tap of an output place.
        let under = |image: usize, oy: usize, ox: usize, tap: usize| {
            let y = (oy * shape.stride[0] + tap / shape.kernel[1] * shape.dilation).wrapping_sub(shape.padding[0]);
            let x = (ox * shape.stride[1] + tap % shape.kernel[1] * shape.dilation).wrapping_sub(shape.padding[1]);
            (y < height && x < width).then(|| ((image * height + y) * width + x) * channels)
        };
        match self.product {
            DepthwiseProduct::Gather(finish) => {
                let extra = f32s(reads[2]);
                let line = out_width * channels;
                let lines = shape.batch * out_height;
                out[..lines * line].par_chunks_mut(line).enumerate().for_each(|(index, out)| {
                    out.fill(0.0);
                    for (ox, sum) in out.chunks_exact_mut(channels).enumerate() {
                        for tap in 0..shape.taps() {
                            if let Some(at) = under(index / out_height, index % out_height, ox, tap) {
                                multiply_add(sum, &first[at..at + channels], &second[tap * channels..][..channels]);
                            }
                        }
                    }
                    finish.apply(out, extra, index * line, channels);
                });
            }
            DepthwiseProduct::Scatter(finish) => {
                let extra = f32s(reads[2]);
                let line = width * channels;
                out[..shape.batch * height * line].par_chunks_mut(line).enumerate().for_each(|(index, out)| {
                    let (image, y) = (index / height, index % height);
                    out.fill(0.0);
                    for (x, sum) in out.chunks_exact_mut(channels).enumerate() {
                        for tap in 0..shape.taps() {
                            let place = |at: usize, padding: usize, tap: usize, stride: usize, count: usize| {
                                let from = (at + padding).checked_sub(tap * shape.dilation)?;
                                (from % stride == 0 && from / stride < count).then_some(from / stride)
                            };
                            let (kh, kw) = (tap / shape.kernel[1], tap % shape.kernel[1]);
                            let oy = place(y, shape.padding[0], kh, shape.stride[0], out_height);
                            let ox = place(x, shape.padding[1], kw, shape.stride[1], out_width);
                            if let (Some(oy), Some(ox)) = (oy, ox) {
                                let at = ((image * out_height + oy) * out_width + ox) * channels;
                                multiply_add(sum, &first[at..at + channels], &second[tap * channels..][..channels]);
                            }
                        }
                    }
                    finish.apply(out, extra, index * line, channels);
                });
            }
            DepthwiseProduct::Weights => {
                let split = shape.depthwise_split();
                let size = shape.taps() * channels;
                out[..split.slots * size].par_chunks_mut(size).enumerate().for_each(|(slot, out)| {
                    out.fill(0.0);
                    let begin = slot * split.slot_rows;
                    for place in begin..(begin + split.slot_rows).min(shape.places()) {
                        let (line, ox) = (place / out_width, place % out_width);
                        let dy = &second[place * channels..][..channels];
                        for (tap, sum) in out.chunks_exact_mut(channels).enumerate() {
                            if let Some(at) = under(line / out_height, line % out_height, ox, tap) {
                                multiply_add(sum, &first[at..at + channels], dy);
                            }
                        }
                    }
                });
            }
        }
    }
}
