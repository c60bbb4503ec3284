//! Scatter: x from y, the input gradient and the forward pass of a transposed convolution.

use rayon::prelude::*;

use super::direct::Direct;
use super::few_channels::{FewChannelSide, can_scatter, few_values, from_few, scatter_side, to_few};
use super::finish::Finish;
use super::shape::{ConvShape, ScatterBand, with_scratch};
use super::{CPU_PLACES, column_lanes};
use crate::device::cpu::vectorized;
use crate::device::gpu::GpuTarget;
use crate::kernels::dense::matmul;
use crate::kernels::gemm_variant::GemmVariant;
use crate::kernels::shaders::shader;
use crate::kernels::{GpuLaunch, Kernel, StepState, f32s, f32s_mut};

/// Computes x = finish(sum of what reaches each place from y through the weights); reads y, weight, extra, writes x.
#[derive(Clone, Debug)]
pub struct ConvScatter {
    /// Sizes of the convolution.
    pub shape: ConvShape,
    /// Operation on each sum before it is stored.
    pub finish: Finish,
    /// Variant of the matrix product on a GPU.
    pub variant: GemmVariant,
}

impl Kernel for ConvScatter {
    fn name(&self) -> &'static str {
        "conv_scatter"
    }

    fn flops(&self) -> f64 {
        self.shape.flops()
    }

    fn shape(&self) -> String {
        self.shape.to_string()
    }

    fn variants(&self, target: &GpuTarget) -> Vec<&'static str> {
        GemmVariant::conv_variants(target, self.shape.channels, can_scatter(&self.shape))
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let variant = self.variant.resolve(target, self);
        if variant == GemmVariant::Few {
            return self.few_channels(target);
        }
        let grid = shape.batch * shape.size[0].div_ceil(shape.stride[0]) * shape.size[1].div_ceil(shape.stride[1]);
        let phases = shape.stride[0] * shape.stride[1];
        let quads = shape.filters.div_ceil(4);
        let (shader, entry_point, groups, iterations) = if let Some(tile) = variant.tile() {
            let shader = tile.shader("conv/conv_tiled").swap("lib/conv/tiles_gather", "lib/conv/tiles_scatter");
            let groups = phases * tile.groups(grid, shape.channels);
            (shader, "conv_tiled", groups, tile.iterations(shape.taps() * quads * 4))
        } else {
            let lanes = column_lanes(shape.channels);
            let groups = phases * grid.div_ceil(8 * (8 / lanes)) * shape.channels.div_ceil(4 * lanes);
            let shader = shader("conv/conv_scatter").constant("COLUMN_LANES", format!("{lanes}u"));
            (shader, "conv_scatter", groups, shape.taps() * (quads + 1) + 3 * shape.kernel[0] + shape.kernel[1])
        };
        let shader = shape.memory(self.finish.shader(shader));
        GpuLaunch::in_order(shader, entry_point, 4, &shape.params(shape.split()), target.fold(groups), iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let shape = &self.shape;
        let (y, extra) = (f32s(reads[0]), f32s(reads[2]));
        let weight = shape.seen_weights(f32s(reads[1]));
        let (filters, window, channels) = (shape.filters, shape.window(), shape.channels);
        let ([height, width], [out_height, out_width]) = (shape.size, shape.out_size);
        assert!(weight.len() >= filters * window && y.len() >= shape.places() * filters);
        let out = &mut f32s_mut(writes[0])[..shape.batch * shape.image()];
        if shape.is_pointwise() {
            out.par_chunks_mut(CPU_PLACES * channels).enumerate().for_each(|(task, out)| {
                let first = task * CPU_PLACES;
                let places = out.len() / channels;
                let y = &y[first * filters..(first + places) * filters];
                // SAFETY: out is [places, channels] and ours, y [places, filters], weight [filters, channels].
                unsafe {
                    matmul(
                        (places, channels, filters),
                        out.as_mut_ptr(),
                        (channels, 1),
                        false,
                        y.as_ptr(),
                        (filters, 1),
                        weight.as_ptr(),
                        (channels, 1),
                    );
                }
                vectorized(
                    #[inline(always)]
                    || self.finish.apply(out, extra, first * channels, channels),
                );
            });
            return;
        }
        if let Some(direct) = Direct::scatter(shape) {
            let weight = |channel, tap, filter| weight[filter * window + tap * channels + channel];
            direct.run(y, weight, (self.finish, extra), false, f32s_mut(writes[0]));
            return;
        }
        // Bands of lines of x, each of which sums all that reaches it: no two tasks write the same place. Lines of y
        // that reach two bands are multiplied twice.
        let reach = (shape.kernel[0] - 1) * shape.dilation + 1;
        let band = (8 * reach * shape.stride[0]).max(CPU_PLACES.div_ceil(width)).min(height);
        let bands = height.div_ceil(band);
        let mut pieces: Vec<(usize, usize, &mut [f32])> = Vec::with_capacity(shape.batch * bands);
        for (image, values) in out.chunks_exact_mut(shape.image()).enumerate() {
            for (index, piece) in values.chunks_mut(band * width * channels).enumerate() {
                pieces.push((image, index * band, piece));
            }
        }
        pieces.into_par_iter().for_each(|(image, top, out)| {
            out.fill(0.0);
            let lines = out.len() / (width * channels);
            // Lines of y with oy stride - padding + kh dilation in top .. top + lines for some kh.
            let first_line = (top + shape.padding[0]).saturating_sub(reach - 1).div_ceil(shape.stride[0]);
            let last_line = ((top + lines - 1 + shape.padding[0]) / shape.stride[0]).min(out_height.saturating_sub(1));
            let at_once = CPU_PLACES.div_ceil(out_width);
            let mut line = first_line;
            while out_height > 0 && line <= last_line {
                let count = at_once.min(last_line + 1 - line);
                let places = count * out_width;
                let first = (image * out_height + line) * out_width;
                let y = &y[first * filters..(first + places) * filters];
                with_scratch(places * window, |rows| {
                    // SAFETY: rows is [window, places] and ours, y [places, filters], weight [filters, window].
                    unsafe {
                        matmul(
                            (window, places, filters),
                            rows.as_mut_ptr(),
                            (places, 1),
                            false,
                            weight.as_ptr(),
                            (1, window),
                            y.as_ptr(),
                            (1, filters),
                        );
                    }
                    let within = ScatterBand { top, lines, line, count };
                    vectorized(
                        #[inline(always)]
                        || shape.add_windows(rows, within, out),
                    );
                });
                line += count;
            }
            let start = image * shape.image() + top * width * channels;
            vectorized(
                #[inline(always)]
                || self.finish.apply(out, extra, start, channels),
            );
        });
    }
}

impl ConvScatter {
    fn few_channels(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let finished = |shader| self.finish.shader(shader).constant("GATHER", false);
        if scatter_side(shape) != Some(FewChannelSide::Made) {
            let shader = finished(few_values("conv/conv_from_few_channels", shape.filters));
            return from_few(shape, target, shader, (shape.batch * shape.size[0] * shape.size[1], shape.channels));
        }
        let shader = finished(few_values("conv/conv_to_few_channels", shape.channels));
        to_few(shape, target, shader, (shape.filters, shape.size, shape.stride))
    }
}
