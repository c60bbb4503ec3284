//! Sizes of a convolution, its parameters on a GPU, and windows unrolled in memory.

use std::cell::RefCell;

use bytemuck::{Pod, Zeroable};

use crate::device::gpu::ShaderRequest;
use crate::kernels::partial_sums::SplitK;
use crate::kernels::word;

/// Sizes of a convolution; pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Images in the batch, N.
    pub batch: usize,
    /// Height and width of x.
    pub size: [usize; 2],
    /// Values per pixel of x, C.
    pub channels: usize,
    /// Height and width of y.
    pub out_size: [usize; 2],
    /// Values per pixel of y, K.
    pub filters: usize,
    /// Taps of the window on each axis.
    pub kernel: [usize; 2],
    /// Step between windows, in pixels of x.
    pub stride: [usize; 2],
    /// Zeros on each side of x, in pixels.
    pub padding: [usize; 2],
    /// Distance between taps in pixels of x; 1 for adjacent taps.
    pub dilation: usize,
    /// Channels that the weights have in all; `channels` of them are seen, from `channel_offset` on.
    pub weight_channels: usize,
    /// First channel of the weights that x meets; 0 where x is the only input.
    pub channel_offset: usize,
}

impl ConvShape {
    /// Returns the number of taps of the window.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Places of y, over the batch.
    pub fn places(&self) -> usize {
        self.batch * self.out_size[0] * self.out_size[1]
    }

    /// Values of a window.
    pub(super) fn window(&self) -> usize {
        self.taps() * self.channels
    }

    pub(super) fn image(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    pub(super) fn flops(&self) -> f64 {
        2.0 * self.places() as f64 * self.filters as f64 * self.window() as f64
    }

    /// Split of the places for the weight gradient.
    pub fn split(&self) -> SplitK {
        SplitK::new(self.places(), self.filters * self.window())
    }

    pub(super) fn vec4(&self) -> bool {
        [self.channels, self.filters, self.weight_channels, self.channel_offset].iter().all(|n| n.is_multiple_of(4))
    }

    /// Split of the places for the weight gradient of a depthwise convolution, where each filter sees its own channel
    /// alone.
    pub fn depthwise_split(&self) -> SplitK {
        SplitK::new(self.places(), self.window())
    }

    pub(in crate::kernels) fn params(&self, split: SplitK) -> ConvParams {
        ConvParams {
            batch: word(self.batch),
            size: self.size.map(word),
            channels: word(self.channels),
            out_size: self.out_size.map(word),
            filters: word(self.filters),
            kernel: self.kernel.map(word),
            stride: self.stride.map(word),
            padding: self.padding.map(word),
            dilation: word(self.dilation),
            weight_channels: word(self.weight_channels),
            channel_offset: word(self.channel_offset),
            slots: word(split.slots),
            slot_rows: word(split.slot_rows),
            rest: [0; 2],
        }
    }

    pub(super) fn memory(&self, shader: ShaderRequest) -> ShaderRequest {
        if self.vec4() { shader.swap("lib/matmul/memory_scalar", "lib/matmul/memory_vec4") } else { shader }
    }

    /// Writes the windows of places `first..` as rows of `window` values, zero outside the image.
    pub(super) fn unroll(&self, x: &[f32], first: usize, rows: &mut [f32]) {
        let [height, width] = self.size;
        let channels = self.channels;
        let [out_height, out_width] = self.out_size;
        let line_values = self.kernel[1] * channels;
        // Counted along rather than divided out for each place.
        let mut image = first / (out_height * out_width);
        let [mut oy, mut ox] = [first / out_width % out_height, first % out_width];
        for window in rows.chunks_exact_mut(self.window()) {
            let top = (oy * self.stride[0]) as isize - self.padding[0] as isize;
            let left = (ox * self.stride[1]) as isize - self.padding[1] as isize;
            let x = &x[image * self.image()..(image + 1) * self.image()];
            for (kh, line) in window.chunks_exact_mut(line_values).enumerate() {
                let y = top + (kh * self.dilation) as isize;
                if y < 0 || y >= height as isize {
                    line.fill(0.0);
                    continue;
                }
                let source = &x[y as usize * width * channels..(y as usize + 1) * width * channels];
                if self.dilation == 1 && left >= 0 && left as usize + self.kernel[1] <= width {
                    copy_short(line, &source[left as usize * channels..][..line_values]);
                    continue;
                }
                for (kw, values) in line.chunks_exact_mut(channels).enumerate() {
                    let column = left + (kw * self.dilation) as isize;
                    if column < 0 || column >= width as isize {
                        values.fill(0.0);
                    } else {
                        copy_short(values, &source[column as usize * channels..][..channels]);
                    }
                }
            }
            ox += 1;
            if ox == out_width {
                (oy, ox) = (oy + 1, 0);
            }
            if oy == out_height {
                (image, oy) = (image + 1, 0);
            }
        }
    }

    /// Adds the windows `[window, lines, out width]` of some lines of y to a band of lines of x, tap by tap.
    #[inline(always)]
    pub(super) fn add_windows(&self, windows: &[f32], band: ScatterBand, out: &mut [f32]) {
        let ([_, width], [_, out_width], channels) = (self.size, self.out_size, self.channels);
        let (stride, padding) = (self.stride[1], self.padding[1]);
        for (row, values) in windows.chunks_exact(band.count * out_width).enumerate() {
            let (tap, channel) = (row / channels, row % channels);
            let [down, along] = [tap / self.kernel[1], tap % self.kernel[1]].map(|at| at * self.dilation);
            // Places of y whose window lies within the line of x at this tap.
            let first = padding.saturating_sub(along).div_ceil(stride);
            let end = (width + padding).saturating_sub(along).div_ceil(stride).min(out_width);
            for (index, values) in values.chunks_exact(out_width).enumerate() {
                let y = ((band.line + index) * self.stride[0] + down).wrapping_sub(self.padding[0]);
                if y < band.top || y >= band.top + band.lines || first >= end {
                    continue;
                }
                let start = ((y - band.top) * width + first * stride + along - padding) * channels + channel;
                let line = out[start..].iter_mut().step_by(stride * channels);
                line.zip(&values[first..end]).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// Returns whether a window is one pixel of x, and place p is pixel p: nothing needs unrolling.
    pub(super) fn is_pointwise(&self) -> bool {
        self.taps() == 1 && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// The weights' seen channels, contiguous: `[K, taps, C]`.
    pub(super) fn seen_weights<'w>(&self, weight: &'w [f32]) -> std::borrow::Cow<'w, [f32]> {
        if self.channels == self.weight_channels {
            return weight.into();
        }
        weight
            .chunks_exact(self.weight_channels)
            .flat_map(|channels| &channels[self.channel_offset..self.channel_offset + self.channels])
            .copied()
            .collect()
    }
}

impl std::fmt::Display for ConvShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([height, width], [kernel, _], [stride, _]) = (self.size, self.kernel, self.stride);
        write!(f, "{}x{height}x{width}x{}>{} {kernel}/{stride}", self.batch, self.channels, self.filters)
    }
}

/// Lines of x that a task sums, and lines of y whose windows it holds.
#[derive(Clone, Copy)]
pub(super) struct ScatterBand {
    pub top: usize,
    pub lines: usize,
    pub line: usize,
    pub count: usize,
}

/// Copies `values`, without a call where they are few.
#[inline(always)]
fn copy_short(out: &mut [f32], values: &[f32]) {
    if out.len() <= 8 {
        out.iter_mut().zip(values).for_each(|(out, value)| *out = *value);
    } else {
        out.copy_from_slice(values);
    }
}

thread_local! {
    /// Unrolled windows of the task at hand: kept, so that no step allocates them anew.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn with_scratch<R>(values: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < values {
            scratch.resize(values, 0.0);
        }
        work(&mut scratch[..values])
    })
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(in crate::kernels) struct ConvParams {
    batch: u32,
    size: [u32; 2],
    channels: u32,
    out_size: [u32; 2],
    filters: u32,
    kernel: [u32; 2],
    stride: [u32; 2],
    padding: [u32; 2],
    dilation: u32,
    weight_channels: u32,
    channel_offset: u32,
    slots: u32,
    slot_rows: u32,
    rest: [u32; 2],
}
