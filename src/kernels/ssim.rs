//! Structural similarity as a loss: the CPU reference of `shaders/ssim.wgsl`, which has the formulas.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::loss::LOSS_CHUNK;
use super::reduce::{REDUCE_LANES, reduce_sum_lanes};
use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;

/// Side of the window, in pixels: smaller images have no SSIM.
pub const SSIM_WINDOW: usize = 11;
const C1: f32 = 0.0001;
const C2: f32 = 0.0009;
/// Gaussian of deviation 1.5, normalized.
const GAUSSIAN: [f32; SSIM_WINDOW] = [
    0.001_028_380_1,
    0.007_598_758,
    0.036_000_773,
    0.109_360_69,
    0.213_005_54,
    0.266_011_72,
    0.213_005_54,
    0.109_360_69,
    0.036_000_773,
    0.007_598_758,
    0.001_028_380_1,
];

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SsimParams {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    weight: f32,
    padding: [u32; 3],
}

/// Stage of the SSIM loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SsimStage {
    /// Reads prediction, target; writes maps `[N, H - 10, W - 10, C, 4]`.
    Maps,
    /// Reads maps; writes partial sums of 1 - SSIM over chunks of places.
    Sums,
    /// Reads prediction, target, maps; writes dinp.
    Backward,
}

/// SSIM loss, 1 - mean SSIM, of images `[batch, height, width, channels]` with values in 0..1.
#[derive(Clone, Debug)]
pub struct Ssim {
    /// Stage to compute.
    pub stage: SsimStage,
    /// Images in the batch.
    pub batch: usize,
    /// Height and width in pixels, each at least [`SSIM_WINDOW`].
    pub size: [usize; 2],
    /// Values per pixel.
    pub channels: usize,
    /// Factor of the gradient; the partial sums are not multiplied.
    pub weight: f32,
}

impl Ssim {
    /// Windows over `rows` images.
    fn places(&self, rows: usize) -> usize {
        rows * (self.size[0] + 1 - SSIM_WINDOW) * (self.size[1] + 1 - SSIM_WINDOW) * self.channels
    }
}

impl Kernel for Ssim {
    fn name(&self) -> &'static str {
        match self.stage {
            SsimStage::Maps => "ssim_maps",
            SsimStage::Sums => "ssim_sums",
            SsimStage::Backward => "ssim_backward",
        }
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = SsimParams {
            batch: word(self.batch),
            height: word(self.size[0]),
            width: word(self.size[1]),
            channels: word(self.channels),
            weight: self.weight,
            padding: [0; 3],
        };
        let values = self.batch * self.size[0] * self.size[1] * self.channels;
        let square = SSIM_WINDOW * SSIM_WINDOW;
        let (bindings, groups, iterations) = match self.stage {
            SsimStage::Maps => (vec![0, 1, 3], self.places(self.batch).div_ceil(REDUCE_LANES), 3 * square),
            SsimStage::Sums => {
                (vec![2, 4], self.places(self.batch).div_ceil(LOSS_CHUNK), LOSS_CHUNK / REDUCE_LANES + 6)
            }
            SsimStage::Backward => (vec![0, 1, 2, 4], values.div_ceil(REDUCE_LANES), 2 * square),
        };
        GpuLaunch {
            shader: shader("ssim"),
            entry_point: self.name(),
            bindings,
            uniform: 5,
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: target.fold(groups),
            iterations: word(iterations),
        }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let ([height, width], channels) = (self.size, self.channels);
        let (inner_height, inner_width) = (height + 1 - SSIM_WINDOW, width + 1 - SSIM_WINDOW);
        let rows = (state.rows as usize).min(self.batch);
        let weights =
            || (0..SSIM_WINDOW).flat_map(|i| (0..SSIM_WINDOW).map(move |j| (i, j, GAUSSIAN[i] * GAUSSIAN[j])));
        let out = f32s_mut(writes[0]);
        match self.stage {
            SsimStage::Maps => {
                let (prediction, target) = (f32s(reads[0]), f32s(reads[1]));
                let line = inner_width * channels * 4;
                out[..4 * self.places(self.batch)].par_chunks_mut(line).enumerate().for_each(|(index, out)| {
                    let (image, y0) = (index / inner_height, index % inner_height);
                    for (item, map) in out.chunks_exact_mut(4).enumerate() {
                        let (x0, channel) = (item / channels, item % channels);
                        let at = |i, j| ((image * height + y0 + i) * width + x0 + j) * channels + channel;
                        let (mut mx, mut my) = (0.0, 0.0);
                        for (i, j, weight) in weights() {
                            mx += weight * prediction[at(i, j)];
                            my += weight * target[at(i, j)];
                        }
                        let (mut sx, mut sy, mut sxy) = (0.0, 0.0, 0.0);
                        for (i, j, weight) in weights() {
                            let (dx, dy) = (prediction[at(i, j)] - mx, target[at(i, j)] - my);
                            sx += weight * dx * dx;
                            sy += weight * dy * dy;
                            sxy += weight * dx * dy;
                        }
                        let (a1, a2) = (2.0 * mx * my + C1, 2.0 * sxy + C2);
                        let (b1, b2) = (mx * mx + my * my + C1, sx + sy + C2);
                        let ssim = a1 * a2 / (b1 * b2);
                        let by_mean = 2.0 * my * a2 / (b1 * b2) - 2.0 * mx * ssim / b1;
                        let by_variance = -ssim / b2;
                        let by_covariance = 2.0 * a1 / (b1 * b2);
                        let constant = by_mean - 2.0 * mx * by_variance - my * by_covariance;
                        map.copy_from_slice(&[ssim, constant, 2.0 * by_variance, by_covariance]);
                    }
                });
            }
            SsimStage::Sums => {
                let maps = f32s(reads[0]);
                let valid = self.places(rows);
                for (chunk, partial) in out[..self.places(self.batch).div_ceil(LOSS_CHUNK)].iter_mut().enumerate() {
                    let start = (chunk * LOSS_CHUNK).min(valid);
                    let count = (valid - start).min(LOSS_CHUNK);
                    let sum = reduce_sum_lanes(count, |at| 1.0 - maps[(start + at) * 4]);
                    *partial = sum / valid.max(1) as f32;
                }
            }
            SsimStage::Backward => {
                let (prediction, target, maps) = (f32s(reads[0]), f32s(reads[1]), f32s(reads[2]));
                let line = width * channels;
                let scale = -self.weight / self.places(rows) as f32;
                out[..self.batch * height * line].par_chunks_mut(line).enumerate().for_each(|(index, out)| {
                    let (image, y) = (index / height, index % height);
                    out.fill(0.0);
                    if image >= rows {
                        return;
                    }
                    for (item, out) in out.iter_mut().enumerate() {
                        let (x, channel) = (item / channels, item % channels);
                        let (a, b) = (prediction[index * line + item], target[index * line + item]);
                        for (i, j, weight) in weights() {
                            let (y0, x0) = (y.wrapping_sub(i), x.wrapping_sub(j));
                            if y0 < inner_height && x0 < inner_width {
                                let at = ((image * inner_height + y0) * inner_width + x0) * channels + channel;
                                let map = &maps[at * 4..at * 4 + 4];
                                *out += weight * (map[1] + map[2] * a + map[3] * b);
                            }
                        }
                        *out *= scale;
                    }
                });
            }
        }
    }
}
