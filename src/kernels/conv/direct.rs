//! Convolution on the processor without unrolled windows: a few neighboring places times a block of output channels
//! stay in registers while the window passes.
//!
//! Everything is a sum over taps of shifted images: the forward pass reads with the stride; the gradient by the input
//! is one such sum for each phase of the stride, which it writes with. Each output adds its window in one order, so
//! that neither threads nor the place in a block change a bit.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{ConvShape, Finish};
use crate::device::cpu::vectorized;

/// Values of the padded lines that a task reads: they stay in the second cache.
const BAND_VALUES: usize = 128 * 1024;

/// Places of a line that are computed together, at most.
const MOST_PLACES: usize = 8;

/// Output channels below which most of a block would be padding.
const FEWEST_OUTPUTS: usize = 8;

/// Values that lie next to each other in a line: neighboring taps of one line of the kernel.
#[derive(Clone, Copy, Debug)]
struct TapRun {
    down: isize,
    along: isize,
    values: usize,
}

/// The outputs of one phase: each sums the same taps.
#[derive(Debug)]
struct Phase {
    /// Line and column of its first output.
    first: [usize; 2],
    /// Numbers of the taps in the kernel, in the order of the sum.
    taps: Vec<usize>,
    stretches: Vec<TapRun>,
    /// Offset of its packed weights, in values.
    weights: usize,
}

/// A convolution in this variant.
#[derive(Debug)]
pub(super) struct Direct {
    batch: usize,
    size: [usize; 2],
    channels: usize,
    /// Distance between the windows of neighboring outputs.
    step: [usize; 2],
    out_size: [usize; 2],
    outputs: usize,
    /// Distance between neighboring outputs of a phase.
    out_step: [usize; 2],
    phases: Vec<Phase>,
    /// Output channels that are computed together.
    block: usize,
}

thread_local! {
    /// Weights of a call in the order of the kernel; taken out while in use, because a thread may meet another call
    /// while it waits.
    static PACKED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    /// Padded lines of a task.
    static BAND: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// Output channels of a block on this processor; 0 where its vectors hold fewer than four.
fn block_for(outputs: usize) -> usize {
    match Arch::new().dispatch(Lanes) {
        0..4 => 0,
        4..16 => 16,
        // The fewest channels of padding, then the larger block.
        _ => [64, 48, 32, 16].into_iter().min_by_key(|block| outputs.next_multiple_of(*block)).unwrap_or(16),
    }
}

impl Direct {
    /// Returns the product y from x; `None` where another variant is better.
    pub fn gather(shape: &ConvShape) -> Option<Self> {
        let taps = (0..shape.taps()).map(|tap| {
            let [down, along] = [tap / shape.kernel[1], tap % shape.kernel[1]].map(|at| (at * shape.dilation) as isize);
            ([down - shape.padding[0] as isize, along - shape.padding[1] as isize], tap)
        });
        Self {
            batch: shape.batch,
            size: shape.size,
            channels: shape.channels,
            step: shape.stride,
            out_size: shape.out_size,
            outputs: shape.filters,
            out_step: [1, 1],
            phases: Vec::new(),
            block: block_for(shape.filters),
        }
        .with_phases([([0, 0], taps.collect())])
    }

    /// Returns the product x from y; `None` where another variant is better.
    pub fn scatter(shape: &ConvShape) -> Option<Self> {
        // What reaches line `phase` of a stride through line `tap` of the kernel, and from how many lines on.
        let reach = |axis: usize, phase: usize| -> Vec<(usize, isize)> {
            let shift = |tap: usize| (phase + shape.padding[axis]) as isize - (tap * shape.dilation) as isize;
            let stride = shape.stride[axis] as isize;
            let taps = (0..shape.kernel[axis]).filter(|&tap| shift(tap) % stride == 0);
            taps.map(|tap| (tap, shift(tap) / stride)).collect()
        };
        let mut phases = Vec::new();
        for down in 0..shape.stride[0].min(shape.size[0]) {
            for along in 0..shape.stride[1].min(shape.size[1]) {
                let mut taps = Vec::new();
                for (kh, down) in reach(0, down) {
                    let line = reach(1, along).into_iter();
                    taps.extend(line.map(|(kw, along)| ([down, along], kh * shape.kernel[1] + kw)));
                }
                phases.push(([down, along], taps));
            }
        }
        Self {
            batch: shape.batch,
            size: shape.out_size,
            channels: shape.filters,
            step: [1, 1],
            out_size: shape.size,
            outputs: shape.channels,
            out_step: shape.stride,
            phases: Vec::new(),
            block: block_for(shape.channels),
        }
        .with_phases(phases)
    }

    /// Adds the phases, each as its first output and its taps as (shift, number in the kernel); `None` where another
    /// variant is better.
    fn with_phases(mut self, phases: impl IntoIterator<Item = ([usize; 2], Vec<([isize; 2], usize)>)>) -> Option<Self> {
        if self.outputs < FEWEST_OUTPUTS || self.block == 0 || self.size.contains(&0) {
            return None;
        }
        let mut seen = 0;
        for (first, mut taps) in phases {
            taps.sort_unstable();
            let mut stretches: Vec<TapRun> = Vec::new();
            for &([down, along], _) in &taps {
                match stretches.last_mut() {
                    Some(last) if last.down == down && last.along + (last.values / self.channels) as isize == along => {
                        last.values += self.channels;
                    }
                    _ => stretches.push(TapRun { down, along, values: self.channels }),
                }
            }
            let weights = seen * self.channels * self.blocks() * self.block;
            seen += taps.len();
            let taps = taps.into_iter().map(|(_, tap)| tap).collect();
            self.phases.push(Phase { first, taps, stretches, weights });
        }
        Some(self)
    }

    fn blocks(&self) -> usize {
        self.outputs.div_ceil(self.block)
    }

    /// Writes finish(sum), or finish(out + sum) where `accumulate`. `weight` returns a weight by output channel, number
    /// of the tap, and input channel.
    pub fn run(
        &self,
        x: &[f32],
        weight: impl Fn(usize, usize, usize) -> f32,
        (finish, extra): (Finish, &[f32]),
        accumulate: bool,
        out: &mut [f32],
    ) {
        let mut packed = PACKED.take();
        self.pack(weight, &mut packed);
        let line = self.out_size[1] * self.outputs;
        // Whole periods of the stride, as many as fit the band.
        let padded_line = self.padded_width() * self.channels * self.step[0];
        let periods = (BAND_VALUES / padded_line.max(1)).clamp(1, 64);
        let lines = periods * self.out_step[0];
        let image = self.out_size[0] * line;
        let mut pieces: Vec<(usize, usize, &mut [f32])> = Vec::new();
        for (index, out) in out[..self.batch * image].chunks_exact_mut(image).enumerate() {
            pieces.extend(out.chunks_mut(lines * line).enumerate().map(|(band, out)| (index, band * lines, out)));
        }
        pieces.into_par_iter().for_each(|(index, top, out)| {
            let x = &x[index * self.size[0] * self.size[1] * self.channels..];
            BAND.with_borrow_mut(|band| {
                let task = DirectTask { direct: self, weights: &packed, x, top, accumulate, band, out };
                Arch::new().dispatch(task);
            });
            let start = index * image + top * line;
            vectorized(
                #[inline(always)]
                || finish.apply(out, extra, start, self.outputs),
            );
        });
        PACKED.set(packed);
    }

    /// Packs the weights: for each phase and block of output channels those of each value of the window, zero beyond
    /// the last channel.
    fn pack(&self, weight: impl Fn(usize, usize, usize) -> f32, packed: &mut Vec<f32>) {
        packed.clear();
        for phase in &self.phases {
            for block in 0..self.blocks() {
                let outputs = block * self.block..(block + 1) * self.block;
                for &tap in &phase.taps {
                    for channel in 0..self.channels {
                        let value = |output| if output < self.outputs { weight(output, tap, channel) } else { 0.0 };
                        packed.extend(outputs.clone().map(value));
                    }
                }
            }
        }
    }

    /// Smallest and largest shift of any tap along `axis`.
    fn shifts(&self, axis: usize) -> [isize; 2] {
        let stretches = || self.phases.iter().flat_map(|phase| &phase.stretches);
        let least = |s: &TapRun| if axis == 0 { s.down } else { s.along };
        let most = |s: &TapRun| if axis == 0 { s.down } else { s.along + (s.values / self.channels) as isize - 1 };
        [stretches().map(least).min().unwrap_or(0), stretches().map(most).max().unwrap_or(0)]
    }

    /// Outputs of a line of a phase, at most.
    fn columns(&self) -> usize {
        self.out_size[1].div_ceil(self.out_step[1])
    }

    /// Places of a padded line: those in the windows of all outputs, and of the outputs that fill the last block.
    fn padded_width(&self) -> usize {
        let [least, most] = self.shifts(1);
        (self.columns().max(MOST_PLACES) - 1) * self.step[1] + (most - least) as usize + 1
    }
}

/// A band of lines of one image.
struct DirectTask<'a> {
    direct: &'a Direct,
    weights: &'a [f32],
    /// The image.
    x: &'a [f32],
    /// First output line of the band, a whole number of periods of the stride.
    top: usize,
    accumulate: bool,
    band: &'a mut Vec<f32>,
    out: &'a mut [f32],
}

impl WithSimd for DirectTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.fill_band();
        let places = self.places(S::F32_LANES);
        match (self.direct.block / S::F32_LANES, places) {
            (1, 4) => self.multiply::<S, 4, 1>(simd),
            (1, 6) => self.multiply::<S, 6, 1>(simd),
            (1, _) => self.multiply::<S, 8, 1>(simd),
            (2, 4) => self.multiply::<S, 4, 2>(simd),
            (2, 6) => self.multiply::<S, 6, 2>(simd),
            (2, _) => self.multiply::<S, 8, 2>(simd),
            (3, 4) => self.multiply::<S, 4, 3>(simd),
            (3, _) => self.multiply::<S, 6, 3>(simd),
            (4, 4) => self.multiply::<S, 4, 4>(simd),
            (4, 5) => self.multiply::<S, 5, 4>(simd),
            (_, _) => self.multiply::<S, 6, 4>(simd),
        }
    }
}

impl DirectTask<'_> {
    /// Returns the number of places computed together: as the registers allow, and so that the last block of a line is
    /// not mostly repeated.
    fn places(&self, lanes: usize) -> usize {
        let allowed: &[usize] = match (lanes, self.direct.block / lanes) {
            (16, 1 | 2) => &[8, 6, 4],
            (16, 3) | (8, _) => &[6, 4],
            _ => &[6, 5, 4],
        };
        let columns = self.direct.columns();
        // Half a place for what every block costs besides.
        let cost = |places: &&usize| columns.div_ceil(**places) * (2 * **places + 1);
        allowed.iter().min_by_key(cost).copied().unwrap_or(4)
    }

    /// Fills the band with the lines in its windows, with zeros beyond the image.
    fn fill_band(&mut self) {
        let direct = self.direct;
        let channels = direct.channels;
        let [least_down, _] = direct.shifts(0);
        let [least_along, _] = direct.shifts(1);
        let (width, lines) = (direct.padded_width(), self.padded_lines());
        self.band.clear();
        self.band.resize(lines * width * channels, 0.0);
        let first = (self.top / direct.out_step[0] * direct.step[0]) as isize + least_down;
        let [image_lines, image_columns] = direct.size;
        // The part of a padded line that lies within the image.
        let begin = (-least_along).clamp(0, width as isize) as usize;
        let end = (image_columns as isize - least_along).clamp(begin as isize, width as isize) as usize;
        let from = begin as isize + least_along;
        for (line, padded) in self.band.chunks_exact_mut(width * channels).enumerate() {
            let y = first + line as isize;
            if (0..image_lines as isize).contains(&y) && begin < end {
                let start = (y as usize * image_columns + from as usize) * channels;
                let values = (end - begin) * channels;
                padded[begin * channels..][..values].copy_from_slice(&self.x[start..start + values]);
            }
        }
    }

    fn padded_lines(&self) -> usize {
        let direct = self.direct;
        let lines = self.out.len() / (direct.out_size[1] * direct.outputs);
        let [least, most] = direct.shifts(0);
        (lines.div_ceil(direct.out_step[0]) - 1) * direct.step[0] + (most - least) as usize + 1
    }

    #[inline(always)]
    fn multiply<S: Simd, const PLACES: usize, const VECTORS: usize>(&mut self, simd: S) {
        let direct = self.direct;
        let [least_down, _] = direct.shifts(0);
        let [least_along, _] = direct.shifts(1);
        let channels = direct.channels;
        let line_values = direct.padded_width() * channels;
        let place_values = direct.step[1] * channels;
        let [_, out_columns] = direct.out_size;
        let out_lines = self.out.len() / (out_columns * direct.outputs);
        let (weights, _) = S::as_simd_f32s(self.weights);
        for phase in &direct.phases {
            let window: usize = phase.stretches.iter().map(|stretch| stretch.values).sum();
            let columns = out_columns.saturating_sub(phase.first[1]).div_ceil(direct.out_step[1]);
            let starts = phase.stretches.iter().map(|stretch| {
                let line = (stretch.down - least_down) as usize;
                (line * line_values + (stretch.along - least_along) as usize * channels, stretch.values)
            });
            for (index, y) in (phase.first[0]..out_lines).step_by(direct.out_step[0]).enumerate() {
                let line = index * direct.step[0] * line_values;
                for block in 0..direct.blocks() {
                    let weights =
                        &weights[phase.weights / S::F32_LANES + block * window * VECTORS..][..window * VECTORS];
                    let first_output = block * direct.block;
                    let outputs = direct.block.min(direct.outputs - first_output);
                    for block_start in (0..columns).step_by(PLACES) {
                        // The last block is moved back to end with the line.
                        let start = block_start.min(columns.saturating_sub(PLACES));
                        let at = line + start * place_values;
                        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; PLACES];
                        let mut weights = weights;
                        for (stretch, values) in starts.clone() {
                            let (now, later) = weights.split_at(values * VECTORS);
                            weights = later;
                            let at = at + stretch;
                            sums = add_stretch(simd, &self.band[at..], place_values, values, now, sums);
                        }
                        for (place, sums) in
                            sums.iter().enumerate().skip(block_start - start).take(columns - block_start)
                        {
                            let x = phase.first[1] + (start + place) * direct.out_step[1];
                            let out = &mut self.out[(y * out_columns + x) * direct.outputs + first_output..][..outputs];
                            let sums: &[f32] = bytemuck::cast_slice(sums);
                            if self.accumulate {
                                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
                            } else {
                                out.copy_from_slice(&sums[..outputs]);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Adds `values` values of the window of each place times their weights.
#[inline(always)]
fn add_stretch<S: Simd, const PLACES: usize, const VECTORS: usize>(
    simd: S,
    x: &[f32],
    place_values: usize,
    values: usize,
    weights: &[S::f32s],
    mut sums: [[S::f32s; VECTORS]; PLACES],
) -> [[S::f32s; VECTORS]; PLACES] {
    let windows: [&[f32]; PLACES] = std::array::from_fn(|place| &x[place * place_values..][..values]);
    for (at, weights) in weights.chunks_exact(VECTORS).enumerate().take(values) {
        for place in 0..PLACES {
            let x = simd.splat_f32s(windows[place][at]);
            for vector in 0..VECTORS {
                sums[place][vector] = simd.mul_add_e_f32s(x, weights[vector], sums[place][vector]);
            }
        }
    }
    sums
}
