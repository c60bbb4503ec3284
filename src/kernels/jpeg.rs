//! JPEG as a corruption: the CPU reference of `shaders/jpeg.wgsl`, which has the rules.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;
use crate::random::{philox4x32, unit_float};

/// Side of a block, in pixels.
const SIDE: usize = 8;

/// Cosine of k pi / 16, here and below with k in the name.
const C1: f32 = 0.980_785_3;
const C2: f32 = 0.923_879_5;
const C3: f32 = 0.831_469_6;
const C5: f32 = 0.555_570_24;
const C6: f32 = 0.382_683_43;
const C7: f32 = 0.195_090_32;

/// Quantization steps of luminance (T.81, table K.1).
const LUMINANCE: [[u32; SIDE]; SIDE] = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
];

/// Quantization steps of chrominance (T.81, table K.2).
const CHROMINANCE: [[u32; SIDE]; SIDE] = [
    [17, 18, 24, 47, 99, 99, 99, 99],
    [18, 21, 26, 66, 99, 99, 99, 99],
    [24, 26, 56, 99, 99, 99, 99, 99],
    [47, 66, 99, 99, 99, 99, 99, 99],
    [99, 99, 99, 99, 99, 99, 99, 99],
    [99, 99, 99, 99, 99, 99, 99, 99],
    [99, 99, 99, 99, 99, 99, 99, 99],
    [99, 99, 99, 99, 99, 99, 99, 99],
];

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct JpegParams {
    batch: u32,
    size: [u32; 2],
    channels: u32,
    stream: u32,
    quality: [u32; 2],
    padding: u32,
}

/// Reads x `[batch, height, width, channels]` with values in 0..1; writes it coded and decoded.
#[derive(Clone, Debug)]
pub struct JpegKernel {
    /// Lowest and highest quality, in 1 to 100; drawn for each image.
    pub quality: [u32; 2],
    /// Images in the batch.
    pub batch: usize,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Values per pixel; three are coded as luminance and chrominance, others each as luminance.
    pub channels: usize,
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

type Block = [[f32; SIDE]; SIDE];

fn level(value: f32) -> i32 {
    (value.clamp(0.0, 1.0) * 255.0 + 0.5).floor() as i32
}

/// Value of one component of a pixel, centered on 0.
fn component_of(pixel: &[f32], component: usize) -> f32 {
    let &[r, g, b] = pixel else { return (level(pixel[component]) - 128) as f32 };
    let [r, g, b] = [r, g, b].map(level);
    let whole = match component {
        0 => ((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) - 128,
        1 => (32_768 * b - 11_058 * r - 21_710 * g + 32_767) >> 16,
        _ => (32_768 * r - 27_439 * g - 5_329 * b + 32_767) >> 16,
    };
    whole as f32
}

/// Cosine transform of one line, without its norms.
fn transform(x: [f32; SIDE]) -> [f32; SIDE] {
    let [a0, a1, a2, a3] = [x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4]];
    let [b0, b1, b2, b3] = [x[0] - x[7], x[1] - x[6], x[2] - x[5], x[3] - x[4]];
    [
        (a0 + a3) + (a1 + a2),
        C1 * b0 + C3 * b1 + C5 * b2 + C7 * b3,
        C2 * (a0 - a3) + C6 * (a1 - a2),
        C3 * b0 - C7 * b1 - C1 * b2 - C5 * b3,
        (a0 + a3) - (a1 + a2),
        C5 * b0 - C1 * b1 + C7 * b2 + C3 * b3,
        C6 * (a0 - a3) - C2 * (a1 - a2),
        C7 * b0 - C5 * b1 + C3 * b2 - C1 * b3,
    ]
}

/// Inverse of [`transform`], the sum of its cosines, without norms.
fn restore(h: [f32; SIDE]) -> [f32; SIDE] {
    let (h0, h4) = (h[0] + h[4], h[0] - h[4]);
    let (far, near) = (C2 * h[2] + C6 * h[6], C6 * h[2] - C2 * h[6]);
    let [e0, e1, e2, e3] = [h0 + far, h4 + near, h4 - near, h0 - far];
    let o0 = C1 * h[1] + C3 * h[3] + C5 * h[5] + C7 * h[7];
    let o1 = C3 * h[1] - C7 * h[3] - C1 * h[5] - C5 * h[7];
    let o2 = C5 * h[1] - C1 * h[3] + C7 * h[5] + C3 * h[7];
    let o3 = C7 * h[1] - C5 * h[3] + C3 * h[5] - C1 * h[7];
    [e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0]
}

fn transposed(block: &Block) -> Block {
    std::array::from_fn(|row| std::array::from_fn(|column| block[column][row]))
}

/// The nearest multiple of `q`, halves away from 0.
fn quantized(value: f32, q: f32) -> f32 {
    let shifted = value.abs() + 0.5 * q;
    let mut count = (shifted / q).floor();
    if (count + 1.0) * q <= shifted {
        count += 1.0;
    }
    if count * q > shifted {
        count -= 1.0;
    }
    if value < 0.0 { -count * q } else { count * q }
}

/// Quantization steps of a table of Annex K at another quality.
fn steps_of(table: [[u32; SIDE]; SIDE], quality: u32) -> Block {
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|row| row.map(|step| ((step * percent + 50) / 100).clamp(1, 255) as f32))
}

/// Codes and decodes a block, without the level shift; along columns first, as the shader does.
fn coded(block: &Block, steps: &Block) -> Block {
    let down = transposed(block).map(transform);
    let mut both = transposed(&down).map(transform);
    for (v, (row, steps)) in both.iter_mut().zip(steps).enumerate() {
        for (u, (value, &step)) in row.iter_mut().zip(steps).enumerate() {
            // Products of the two directions' norms: 1 / sqrt(8) of frequencies 0 and 4, 1/2 of the others.
            let norm = match [u, v].iter().filter(|&&frequency| frequency % 4 == 0).count() {
                2 => 0.125,
                1 => 0.176_776_7,
                _ => 0.25,
            };
            *value = norm * quantized(norm * *value, step);
        }
    }
    let down = transposed(&both).map(restore);
    transposed(&down).map(restore)
}

impl Kernel for JpegKernel {
    fn name(&self) -> &'static str {
        "jpeg"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = JpegParams {
            batch: word(self.batch),
            size: self.size.map(word),
            channels: word(self.channels),
            stream: self.stream,
            quality: self.quality,
            padding: 0,
        };
        // As many blocks a workgroup as the shader has memory for.
        let blocks = self.batch * self.size[0].div_ceil(SIDE) * self.size[1].div_ceil(SIDE);
        // Loading, four transforms, quantization and storing, for each channel; then the colors.
        let iterations = 10 + self.channels * (24 + 4 * 2 + 16 + 72) + 72;
        GpuLaunch::in_order(shader("jpeg"), "jpeg", 2, &params, target.fold(blocks.div_ceil(32)), iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let ([height, width], channels) = (self.size, self.channels);
        let x = f32s(reads[0]);
        let line = width * channels;
        let [low, high] = self.quality;
        f32s_mut(writes[0])[..self.batch * height * line].par_chunks_mut(height * line).enumerate().for_each(
            |(image, out)| {
                let drawn = philox4x32([word(image), self.stream, state.step, 0], state.seed);
                let choices = high - low + 1;
                let quality = low + ((unit_float(drawn[0]) * choices as f32) as u32).min(choices - 1);
                let tables = [steps_of(LUMINANCE, quality), steps_of(CHROMINANCE, quality)];
                let x = &x[image * height * line..][..height * line];
                out.par_chunks_mut(SIDE * line).enumerate().for_each(|(strip, out)| {
                    for left in (0..width).step_by(SIDE) {
                        for component in 0..channels {
                            let block: Block = std::array::from_fn(|row| {
                                std::array::from_fn(|column| {
                                    let row = (strip * SIDE + row).min(height - 1);
                                    let column = (left + column).min(width - 1);
                                    component_of(&x[row * line + column * channels..][..channels], component)
                                })
                            });
                            let block = coded(&block, &tables[usize::from(channels == 3 && component > 0)]);
                            for (out, values) in out.chunks_exact_mut(line).zip(block) {
                                let pixels = out[left * channels..].chunks_exact_mut(channels);
                                pixels.zip(values).for_each(|(pixel, value)| pixel[component] = value);
                            }
                        }
                    }
                    let of_level = |value: f32| (value / 255.0).clamp(0.0, 1.0);
                    if channels == 3 {
                        for pixel in out.chunks_exact_mut(3) {
                            let (y, cb, cr) = (pixel[0] + 128.0, pixel[1], pixel[2]);
                            pixel[0] = of_level(y + 1.402 * cr);
                            pixel[1] = of_level(y - 0.344_136 * cb - 0.714_136 * cr);
                            pixel[2] = of_level(y + 1.772 * cb);
                        }
                    } else {
                        out.iter_mut().for_each(|value| *value = of_level(*value + 128.0));
                    }
                });
            },
        );
    }
}
