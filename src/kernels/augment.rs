//! Random shift, rotation, scale and mirroring of images: the CPU reference of `shaders/augment.wgsl`.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, KernelTolerance, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;
use crate::math::cos_sin_of_turn;
use crate::random::{philox4x32, unit_float};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct AugmentParams {
    batch: u32,
    size: [u32; 2],
    channels: u32,
    stream: u32,
    mirror: u32,
    shift: f32,
    rotate: f32,
    scale: f32,
    padding: [u32; 3],
}

/// Bounds of a random warp; each draw is uniform within them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarpBounds {
    /// Largest shift on either axis, in pixels.
    pub shift: f32,
    /// Largest rotation either way, in turns.
    pub rotate: f32,
    /// Largest relative change of scale: 0.1 is from 0.9 to 1.1.
    pub scale: f32,
    /// True to mirror with probability 1/2: left and right, top and bottom.
    pub mirror: [bool; 2],
}

/// Reads x `[batch, height, width, channels]`; writes it warped, zero beyond the edges.
#[derive(Clone, Debug)]
pub struct WarpKernel {
    /// Bounds of the random draws.
    pub bounds: WarpBounds,
    /// Images in the batch.
    pub batch: usize,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Values per pixel.
    pub channels: usize,
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

impl Kernel for WarpKernel {
    fn name(&self) -> &'static str {
        "warp"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let [horizontal, vertical] = self.bounds.mirror;
        let params = AugmentParams {
            batch: word(self.batch),
            size: self.size.map(word),
            channels: word(self.channels),
            stream: self.stream,
            mirror: u32::from(horizontal) + 2 * u32::from(vertical),
            shift: self.bounds.shift,
            rotate: self.bounds.rotate,
            scale: self.bounds.scale,
            padding: [0; 3],
        };
        let count = self.batch * self.size[0] * self.size[1] * self.channels;
        GpuLaunch::in_order(shader("augment"), "warp", 2, &params, target.fold(count.div_ceil(64)), 20)
    }

    fn tolerance(&self) -> KernelTolerance {
        // A turn by an angle that is off moves the corners, half a side away, by so many pixels.
        let half = self.size.into_iter().max().unwrap_or(1) as f64 / 2.0;
        KernelTolerance { relative: KernelTolerance::NORMALS.relative * half.max(1.0), ..KernelTolerance::NORMALS }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let ([height, width], channels) = (self.size, self.channels);
        let x = f32s(reads[0]);
        let image = height * width * channels;
        f32s_mut(writes[0])[..self.batch * image].par_chunks_mut(image).enumerate().for_each(|(index, out)| {
            let x = &x[index * image..(index + 1) * image];
            let draw = philox4x32([word(index), self.stream, state.step, 0], state.seed)
                .map(|word| 2.0 * unit_float(word) - 1.0);
            let coins = philox4x32([word(index), self.stream, state.step, 1], state.seed);
            // A turn between 0 and 1 for the polynomial.
            let turn = self.bounds.rotate * draw[2];
            let (cos, sin) = cos_sin_of_turn(turn - turn.floor());
            let factor = 1.0 / (1.0 + self.bounds.scale * draw[3]);
            let (center_y, center_x) = (0.5 * (height as f32 - 1.0), 0.5 * (width as f32 - 1.0));
            let pixel = |row: i64, column: i64, channel: usize| {
                if row < 0 || column < 0 || row >= height as i64 || column >= width as i64 {
                    0.0
                } else {
                    x[(row as usize * width + column as usize) * channels + channel]
                }
            };
            for (place, out) in out.chunks_exact_mut(channels).enumerate() {
                let mut dy = (place / width) as f32 - center_y;
                let mut dx = (place % width) as f32 - center_x;
                if self.bounds.mirror[1] && coins[0] & 1 != 0 {
                    dy = -dy;
                }
                if self.bounds.mirror[0] && coins[1] & 1 != 0 {
                    dx = -dx;
                }
                let from_y = factor * (cos * dy - sin * dx) + center_y + self.bounds.shift * draw[0];
                let from_x = factor * (sin * dy + cos * dx) + center_x + self.bounds.shift * draw[1];
                let (share_y, share_x) = (from_y - from_y.floor(), from_x - from_x.floor());
                let (r, c) = (from_y.floor() as i64, from_x.floor() as i64);
                for (channel, out) in out.iter_mut().enumerate() {
                    let top = (1.0 - share_x) * pixel(r, c, channel) + share_x * pixel(r, c + 1, channel);
                    let bottom = (1.0 - share_x) * pixel(r + 1, c, channel) + share_x * pixel(r + 1, c + 1, channel);
                    *out = (1.0 - share_y) * top + share_y * bottom;
                }
            }
        });
    }
}
