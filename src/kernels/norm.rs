//! Batch, layer and group normalization: the CPU reference of `shaders/norm/norm.wgsl` and `norm_apply.wgsl`, which
//! explain the stages.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::activation::Activation;
use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::cpu::vectorized;
use crate::device::gpu::GpuTarget;

/// Pixels that an invocation handles, as in `shaders/norm/norm_apply.wgsl`.
const PIXELS: usize = 8;

/// Sizes of x `[images, pixels, channels]`; statistics are of each image and group of neighboring channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormShape {
    /// Images with statistics of their own; 1 for batch normalization.
    pub images: usize,
    /// Pixels per image; those of the whole batch for batch normalization.
    pub pixels: usize,
    /// Values per pixel.
    pub channels: usize,
    /// Groups of neighboring channels that share statistics; as many as channels for batch normalization.
    pub groups: usize,
    /// Addend of the variance, against division by zero.
    pub epsilon: f32,
}

impl NormShape {
    fn slot_pixels(&self) -> usize {
        // Slots busy all lanes of a device; a single image of a million pixels gets a thousand.
        (self.images * self.pixels).div_ceil(64).clamp(256, 4096).min(self.pixels.max(1))
    }

    fn slots_per_image(&self) -> usize {
        self.pixels.div_ceil(self.slot_pixels())
    }

    /// Returns the number of slots of pixels, each with partial sums of its own.
    pub fn slots(&self) -> usize {
        self.images * self.slots_per_image()
    }

    /// Returns the number of values of x.
    pub fn elements(&self) -> usize {
        self.images * self.pixels * self.channels
    }

    /// Returns whether channels are handled by fours.
    fn vec4(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    /// Invocations of the stages that touch every value.
    fn runs(&self) -> usize {
        let elements = if self.vec4() { self.channels / 4 } else { self.channels };
        self.images * self.pixels.div_ceil(PIXELS) * elements
    }

    fn members(&self) -> usize {
        self.channels / self.groups
    }

    fn params(&self, momentum: f32) -> NormParams {
        NormParams {
            images: word(self.images),
            pixels: word(self.pixels),
            channels: word(self.channels),
            groups: word(self.groups),
            slots_per_image: word(self.slots_per_image()),
            slot_pixels: word(self.slot_pixels()),
            epsilon: self.epsilon,
            momentum,
        }
    }

    /// First pixel (over all images) and count of pixels of a slot.
    fn slot(&self, slot: usize) -> (usize, usize) {
        let (image, inside) = (slot / self.slots_per_image(), slot % self.slots_per_image() * self.slot_pixels());
        (image * self.pixels + inside, self.slot_pixels().min(self.pixels - inside))
    }

    /// Mean and 1 / sqrt(variance + epsilon) for each channel of `image`.
    fn channel_statistics(&self, statistics: &[f32], image: usize) -> (Vec<f32>, Vec<f32>) {
        let set = |channel: usize| 2 * (image * self.groups + channel / self.members());
        let means = (0..self.channels).map(|channel| statistics[set(channel)]).collect();
        let inverse = |channel: usize| 1.0 / (statistics[set(channel) + 1] + self.epsilon).sqrt();
        (means, (0..self.channels).map(inverse).collect())
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct NormParams {
    images: u32,
    pixels: u32,
    channels: u32,
    groups: u32,
    slots_per_image: u32,
    slot_pixels: u32,
    epsilon: f32,
    momentum: f32,
}

/// One stage of a normalization; see the shader for the buffers of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NormStage {
    /// Reads x; writes partials `[slots, C, 2]`.
    Partials,
    /// Reads partials; writes statistics `[images, G, 2]`.
    Statistics,
    /// Reads statistics; moves running statistics `[C, 2]` toward them by the share `momentum`.
    Running {
        /// Share by which running statistics move, in 0..1.
        momentum: f32,
    },
    /// Reads x, statistics, scale, shift; writes out.
    Apply(Activation),
    /// Reads x, statistics, dout; writes partials of the gradients `[slots, C, 2]`.
    BackwardPartials,
    /// Reads partials of the gradients; writes dshift `[C]`, dscale `[C]`.
    BackwardParameters,
    /// Reads partials of the gradients, scale; writes sums `[images, G, 2]`.
    BackwardSums,
    /// Reads x, statistics, scale, sums, dout; writes dx.
    BackwardApply,
}

/// Kernel of one stage of a normalization.
#[derive(Clone, Debug)]
pub struct Norm {
    /// Sizes of x.
    pub shape: NormShape,
    /// Stage to compute.
    pub stage: NormStage,
}

impl Kernel for Norm {
    fn name(&self) -> &'static str {
        match self.stage {
            NormStage::Partials => "norm_partials",
            NormStage::Statistics => "norm_statistics",
            NormStage::Running { .. } => "norm_running",
            NormStage::Apply(_) => "norm_apply",
            NormStage::BackwardPartials => "norm_backward_partials",
            NormStage::BackwardParameters => "norm_backward_parameters",
            NormStage::BackwardSums => "norm_backward_sums",
            NormStage::BackwardApply => "norm_backward_apply",
        }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let per_set = shape.slots_per_image() * shape.members();
        let (bindings, items, iterations): (&[u32], usize, usize) = match self.stage {
            NormStage::Partials => (&[0, 5], shape.slots() * shape.channels, 2 * shape.slot_pixels()),
            NormStage::Statistics => (&[1, 5], shape.images * shape.groups, 2 * per_set),
            NormStage::Running { .. } => (&[1, 5], shape.channels, 0),
            NormStage::Apply(_) => (&[0, 1, 2, 3, 5], shape.runs(), PIXELS),
            NormStage::BackwardPartials => (&[0, 1, 4, 5], shape.slots() * shape.channels, shape.slot_pixels()),
            NormStage::BackwardParameters => (&[1, 5, 6], shape.channels, shape.slots()),
            NormStage::BackwardSums => (&[1, 2, 5], shape.images * shape.groups, per_set),
            NormStage::BackwardApply => (&[0, 1, 2, 6, 4, 5], shape.runs(), PIXELS),
        };
        let of_every_value = || {
            let shader = shader("norm/norm_apply");
            if shape.vec4() { shader.swap("lib/norm/pair_scalar", "lib/norm/pair_vec4") } else { shader }
        };
        let (shader, momentum) = match self.stage {
            NormStage::Apply(activation) => (of_every_value().constant("ACTIVATION", activation.wgsl()), 0.0),
            NormStage::BackwardApply => (of_every_value(), 0.0),
            NormStage::Running { momentum } => (shader("norm/norm"), momentum),
            _ => (shader("norm/norm"), 0.0),
        };
        GpuLaunch {
            shader,
            entry_point: self.name(),
            bindings: bindings.to_vec(),
            uniform: 7,
            params: bytemuck::bytes_of(&shape.params(momentum)).to_vec(),
            workgroups: target.fold(items.div_ceil(64)),
            iterations: word(iterations),
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let shape = &self.shape;
        let channels = shape.channels;
        let first = f32s(reads[0]);
        match self.stage {
            NormStage::Partials => {
                f32s_mut(writes[0]).par_chunks_mut(2 * channels).enumerate().take(shape.slots()).for_each(
                    |(slot, out)| {
                        let (begin, count) = shape.slot(slot);
                        let x = &first[begin * channels..(begin + count) * channels];
                        let (mut means, mut squares) = (vec![0.0_f32; channels], vec![0.0_f32; channels]);
                        vectorized(
                            #[inline(always)]
                            || {
                                for row in x.chunks_exact(channels) {
                                    means.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
                                }
                                means.iter_mut().for_each(|mean| *mean /= count as f32);
                                for row in x.chunks_exact(channels) {
                                    squares
                                        .iter_mut()
                                        .zip(&means)
                                        .zip(row)
                                        .for_each(|((sum, mean), x)| *sum += (x - mean) * (x - mean));
                                }
                            },
                        );
                        for (pair, (mean, sum)) in out.chunks_exact_mut(2).zip(means.iter().zip(&squares)) {
                            pair.copy_from_slice(&[*mean, *sum]);
                        }
                    },
                );
            }
            NormStage::Statistics => {
                let members = shape.members();
                let total = (shape.pixels * members) as f32;
                let sets = f32s_mut(writes[0]).chunks_exact_mut(2).take(shape.images * shape.groups);
                for (item, set) in sets.enumerate() {
                    let (image, channel) = (item / shape.groups, item % shape.groups * members);
                    let slots = image * shape.slots_per_image()..(image + 1) * shape.slots_per_image();
                    let (mut mean, mut squares) = (0.0, 0.0);
                    for slot in slots.clone() {
                        let weight = shape.slot(slot).1 as f32 / total;
                        for c in channel..channel + members {
                            mean += weight * first[(slot * channels + c) * 2];
                        }
                    }
                    for slot in slots {
                        let count = shape.slot(slot).1 as f32;
                        for c in channel..channel + members {
                            let at = (slot * channels + c) * 2;
                            squares += first[at + 1] + count * (first[at] - mean) * (first[at] - mean);
                        }
                    }
                    set.copy_from_slice(&[mean, squares / total]);
                }
            }
            NormStage::Running { momentum } => {
                let count = shape.pixels as f32;
                let unbiased = count / (count - 1.0).max(1.0);
                let sets = f32s_mut(writes[0]).chunks_exact_mut(2).zip(first.chunks_exact(2)).take(channels);
                for (running, batch) in sets {
                    running[0] += momentum * (batch[0] - running[0]);
                    running[1] += momentum * (batch[1] * unbiased - running[1]);
                }
            }
            NormStage::Apply(activation) => {
                let (statistics, scale, shift) = (f32s(reads[1]), f32s(reads[2]), f32s(reads[3]));
                let out = &mut f32s_mut(writes[0])[..shape.elements()];
                for_slots(shape, out, |slot, out| {
                    let (begin, count) = shape.slot(slot);
                    let x = &first[begin * channels..(begin + count) * channels];
                    let (means, inverses) = shape.channel_statistics(statistics, slot / shape.slots_per_image());
                    vectorized(
                        #[inline(always)]
                        || {
                            for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                                for c in 0..channels {
                                    out[c] = (x[c] - means[c]) * inverses[c] * scale[c] + shift[c];
                                }
                            }
                            activation.apply(out);
                        },
                    );
                });
            }
            NormStage::BackwardPartials => {
                let (statistics, dout) = (f32s(reads[1]), f32s(reads[2]));
                f32s_mut(writes[0]).par_chunks_mut(2 * channels).enumerate().take(shape.slots()).for_each(
                    |(slot, out)| {
                        let (begin, count) = shape.slot(slot);
                        let range = begin * channels..(begin + count) * channels;
                        let (x, dout) = (&first[range.clone()], &dout[range]);
                        let (means, inverses) = shape.channel_statistics(statistics, slot / shape.slots_per_image());
                        let (mut sums, mut weighted) = (vec![0.0_f32; channels], vec![0.0_f32; channels]);
                        vectorized(
                            #[inline(always)]
                            || {
                                for (x, dout) in x.chunks_exact(channels).zip(dout.chunks_exact(channels)) {
                                    for c in 0..channels {
                                        sums[c] += dout[c];
                                        weighted[c] += dout[c] * (x[c] - means[c]) * inverses[c];
                                    }
                                }
                            },
                        );
                        for (pair, (sum, weighted)) in out.chunks_exact_mut(2).zip(sums.iter().zip(&weighted)) {
                            pair.copy_from_slice(&[*sum, *weighted]);
                        }
                    },
                );
            }
            NormStage::BackwardParameters => {
                let [dshift, dscale] = writes else { return };
                let (dshift, dscale) = (f32s_mut(dshift), f32s_mut(dscale));
                dshift.fill(0.0);
                dscale.fill(0.0);
                for slot in first[..shape.slots() * channels * 2].chunks_exact(2 * channels) {
                    for (c, pair) in slot.chunks_exact(2).enumerate() {
                        dshift[c] += pair[0];
                        dscale[c] += pair[1];
                    }
                }
            }
            NormStage::BackwardSums => {
                let scale = f32s(reads[1]);
                let members = shape.members();
                let total = (shape.pixels * members) as f32;
                let sets = f32s_mut(writes[0]).chunks_exact_mut(2).take(shape.images * shape.groups);
                for (item, set) in sets.enumerate() {
                    let (image, channel) = (item / shape.groups, item % shape.groups * members);
                    let (mut sum, mut weighted) = (0.0, 0.0);
                    for slot in image * shape.slots_per_image()..(image + 1) * shape.slots_per_image() {
                        for (c, scale) in scale.iter().enumerate().skip(channel).take(members) {
                            let at = (slot * channels + c) * 2;
                            sum += scale * first[at];
                            weighted += scale * first[at + 1];
                        }
                    }
                    set.copy_from_slice(&[sum / total, weighted / total]);
                }
            }
            NormStage::BackwardApply => {
                let (statistics, scale) = (f32s(reads[1]), f32s(reads[2]));
                let (sums, dout) = (f32s(reads[3]), f32s(reads[4]));
                let out = &mut f32s_mut(writes[0])[..shape.elements()];
                for_slots(shape, out, |slot, out| {
                    let (begin, count) = shape.slot(slot);
                    let range = begin * channels..(begin + count) * channels;
                    let (x, dout) = (&first[range.clone()], &dout[range]);
                    let image = slot / shape.slots_per_image();
                    let (means, inverses) = shape.channel_statistics(statistics, image);
                    let set = |c: usize| 2 * (image * shape.groups + c / shape.members());
                    let plain: Vec<f32> = (0..channels).map(|c| sums[set(c)]).collect();
                    let weighted: Vec<f32> = (0..channels).map(|c| sums[set(c) + 1]).collect();
                    vectorized(
                        #[inline(always)]
                        || {
                            let rows = x.chunks_exact(channels).zip(dout.chunks_exact(channels));
                            for (out, (x, dout)) in out.chunks_exact_mut(channels).zip(rows) {
                                for c in 0..channels {
                                    let normal = (x[c] - means[c]) * inverses[c];
                                    out[c] = inverses[c] * (scale[c] * dout[c] - plain[c] - normal * weighted[c]);
                                }
                            }
                        },
                    );
                });
            }
        }
    }
}

/// Runs `work` for each slot with its part of `out`, in parallel.
fn for_slots(shape: &NormShape, out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    out.par_chunks_mut(shape.pixels * shape.channels).enumerate().for_each(|(image, values)| {
        values.par_chunks_mut(shape.slot_pixels() * shape.channels).enumerate().for_each(|(slot, out)| {
            work(image * shape.slots_per_image() + slot, out);
        });
    });
}
