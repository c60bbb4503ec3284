//! Grain, scratches and dust: the CPU reference of `shaders/film.wgsl`, which has the formulas.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::shaders::shader;
use super::{GpuLaunch, Kernel, KernelTolerance, StepState, f32s, f32s_mut, word};
use crate::device::gpu::GpuTarget;
use crate::random::{normal4, philox4x32, poisson_by_inversion, unit_float};

/// Largest number of scratches in one image, and of specks of dust.
pub const MOST_MARKS: usize = 32;

/// Weights of the filter of the grain, (1 2 1) / sqrt(6): their squares add up to 1.
const GRAIN_WEIGHTS: [f32; 3] = [0.408_248_3, 0.816_496_6, 0.408_248_3];

/// Last word of the counters of Philox.
const GRAIN: u32 = 0;
const COUNTS: u32 = 1;
const SCRATCH: u32 = 2;
const SPECK: u32 = 3;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct FilmParams {
    batch: u32,
    size: [u32; 2],
    channels: u32,
    stream: u32,
    grain: f32,
    scratches: f32,
    dust: f32,
}

/// Wear of the film; each amount is multiplied by the step's strength of corruption.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FilmWear {
    /// Standard deviation of the grain at medium brightness.
    pub grain: f32,
    /// Mean count of scratches in an image.
    pub scratches: f32,
    /// Mean count of specks of dust in an image.
    pub dust: f32,
}

/// Reads x `[batch, height, width, channels]`; writes it as if from worn film.
#[derive(Clone, Debug)]
pub struct FilmKernel {
    /// Strength of each kind of wear.
    pub wear: FilmWear,
    /// Images in the batch.
    pub batch: usize,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Values per pixel.
    pub channels: usize,
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

/// A scratch or a speck of dust.
enum FilmMark {
    Scratch { middle: [f32; 2], lean: f32, half_length: f32, half_width: f32, opacity: f32, tone: f32 },
    Speck { middle: [f32; 2], radius: f32, opacity: f32, tone: f32 },
}

impl FilmMark {
    /// Share of the mark at `place`, and its tone.
    #[inline(always)]
    fn at(&self, place: [f32; 2]) -> (f32, f32) {
        match *self {
            Self::Scratch { middle, lean, half_length, half_width, opacity, tone } => {
                let along = place[0] - middle[0];
                let across = place[1] - middle[1] - lean * along;
                let wide = (half_width + 0.5 - across.abs()).clamp(0.0, 1.0);
                let long = (half_length + 0.5 - along.abs()).clamp(0.0, 1.0);
                (wide * long * opacity, tone)
            }
            Self::Speck { middle, radius, opacity, tone } => {
                let away = [place[0] - middle[0], place[1] - middle[1]];
                let inside = (1.0 - (away[0] * away[0] + away[1] * away[1]) / (radius * radius)).max(0.0);
                (inside * inside * opacity, tone)
            }
        }
    }
}

impl FilmKernel {
    fn words(&self, counter: usize, purpose: u32, state: &StepState) -> [u32; 4] {
        philox4x32([word(counter), self.stream, state.step, purpose], state.seed)
    }

    /// Scratches, then dust, in the order in which they are laid over the image.
    fn marks(&self, image: usize, state: &StepState) -> Vec<FilmMark> {
        let size = self.size.map(|side| side as f32);
        let drawn = self.words(image, COUNTS, state);
        let count = |mean: f32, word: u32| {
            let rate = (mean * state.corruption).min(MOST_MARKS as f32);
            (poisson_by_inversion(rate, unit_float(word)) as usize).min(MOST_MARKS)
        };
        let halves = |index: usize, purpose: u32| {
            let words = self.words(image * MOST_MARKS + index, purpose, state);
            (words.map(|word| (word >> 16) as f32 / 65_536.0), words.map(|word| (word & 0xffff) as f32 / 65_536.0))
        };
        let tone = |u: f32| if u >= 0.5 { 1.0 } else { 0.0 };
        let scratches = (0..count(self.wear.scratches, drawn[0])).map(|index| {
            let (a, b) = halves(index, SCRATCH);
            FilmMark::Scratch {
                middle: [a[0] * size[0], a[1] * size[1]],
                lean: 0.08 * (2.0 * a[2] - 1.0),
                half_length: (0.1 + 0.4 * a[3]) * size[0],
                half_width: 0.3 + 0.5 * b[0],
                opacity: 0.4 + 0.6 * b[2],
                tone: tone(b[1]),
            }
        });
        let specks = (0..count(self.wear.dust, drawn[1])).map(|index| {
            let (a, b) = halves(index, SPECK);
            FilmMark::Speck {
                middle: [a[0] * size[0], a[1] * size[1]],
                radius: 1.0 + 0.06 * size[0].min(size[1]) * a[2] * a[2],
                opacity: 0.5 + 0.5 * b[2],
                tone: tone(b[1]),
            }
        });
        scratches.chain(specks).collect()
    }

    /// Normal numbers of each tile of two by two of an image with one pixel more on all sides; each is made once here,
    /// four times by the shader.
    fn tiles(&self, image: usize, state: &StepState) -> (usize, Vec<[f32; 4]>) {
        let [rows, columns] = self.size.map(|side| (side + 3) / 2);
        let first = image * rows * columns;
        let tile = |index| normal4(self.words(first + index, GRAIN, state));
        (columns, (0..rows * columns).into_par_iter().with_min_len(256).map(tile).collect())
    }
}

impl Kernel for FilmKernel {
    fn name(&self) -> &'static str {
        "film"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let params = FilmParams {
            batch: word(self.batch),
            size: self.size.map(word),
            channels: word(self.channels),
            stream: self.stream,
            grain: self.wear.grain,
            scratches: self.wear.scratches,
            dust: self.wear.dust,
        };
        let pixels = self.batch * self.size[0] * self.size[1];
        // Tiles of grain, the counts, the marks, and the channels twice.
        let iterations = 4 * 11 + 10 + 2 * 128 + 2 * MOST_MARKS * 11 + 2 * self.channels;
        GpuLaunch::in_order(shader("film"), "film", 2, &params, target.fold(pixels.div_ceil(64)), iterations)
    }

    fn tolerance(&self) -> KernelTolerance {
        KernelTolerance::NORMALS
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        let ([height, width], channels) = (self.size, self.channels);
        let x = f32s(reads[0]);
        let line = width * channels;
        f32s_mut(writes[0])[..self.batch * height * line].par_chunks_mut(height * line).enumerate().for_each(
            |(image, out)| {
                let marks = self.marks(image, state);
                let (tile_columns, tiles) =
                    if self.wear.grain > 0.0 { self.tiles(image, state) } else { (0, Vec::new()) };
                let grain = |row: usize, column: usize| {
                    let mut sum = 0.0;
                    for (y, down) in (row..).zip(GRAIN_WEIGHTS) {
                        for (x, along) in (column..).zip(GRAIN_WEIGHTS) {
                            sum += down * along * tiles[y / 2 * tile_columns + x / 2][y % 2 * 2 + x % 2];
                        }
                    }
                    sum
                };
                let x = &x[image * height * line..][..height * line];
                let rows = out.par_chunks_mut(line).zip(x.par_chunks(line)).with_min_len(16);
                rows.enumerate().for_each(|(row, (out, x))| {
                    let pixels = out.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
                    for (column, (out, x)) in pixels.enumerate() {
                        let mut added = 0.0;
                        if self.wear.grain > 0.0 {
                            let mean = (x.iter().sum::<f32>() / channels as f32).clamp(0.0, 1.0);
                            let amount = self.wear.grain * state.corruption * (0.25 + 3.0 * mean * (1.0 - mean));
                            added = amount * grain(row, column);
                        }
                        let place = [row as f32 + 0.5, column as f32 + 0.5];
                        let (mut kept, mut laid) = (1.0, 0.0);
                        for mark in &marks {
                            let (share, tone) = mark.at(place);
                            kept *= 1.0 - share;
                            laid += share * (tone - laid);
                        }
                        out.iter_mut().zip(x).for_each(|(out, x)| *out = (x + added) * kept + laid);
                    }
                });
            },
        );
    }
}
