//! Convolutions as implicit matrix products: the twins of `shaders/conv_*.wgsl`.
//!
//! Letters: x [N, H, W, C] is the fine side, y [N, OH, OW, K] the coarse one, weights [K, KH, KW, C]. Three products make
//! everything: gather (y from x: the forward pass), scatter (x from y: the gradient by the input, and the forward pass
//! of a transposed convolution), and the gradient by the weights (from both).

mod direct;
mod few;
mod shape;
mod to_few;

use rayon::prelude::*;

pub use self::shape::ConvShape;

use self::direct::Direct;
use self::shape::{Band, with_scratch};
use super::activation::Activation;
use super::dense::product;
use super::form::ProductForm;
use super::slots::sum_rows;
use super::{GpuLaunch, Kernel, StepState, f32s, f32s_mut};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Rows of windows that one task of the CPU unrolls at once: they stay in the cache.
const CPU_PLACES: usize = 512;

/// What happens to a product before it is stored, with the third buffer that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The sum itself; the third buffer is not looked at.
    Plain,
    /// activation(sum + bias [columns])
    Forward(Activation),
    /// sum * activation'(...), given the activation's output in the shape of the result.
    Backward(Activation),
}

impl Finish {
    pub(super) fn shader(self, shader: ShaderRequest) -> ShaderRequest {
        match self {
            Self::Plain => shader,
            Self::Forward(activation) => shader.constant("FINISH", "1u").constant("ACTIVATION", activation.wgsl()),
            Self::Backward(activation) => shader.constant("FINISH", "2u").constant("ACTIVATION", activation.wgsl()),
        }
    }

    /// `start`: place of `values` in the whole result.
    #[inline(always)]
    pub(super) fn apply(self, values: &mut [f32], extra: &[f32], start: usize, columns: usize) {
        match self {
            Self::Plain => {}
            Self::Forward(activation) => {
                for row in values.chunks_exact_mut(columns) {
                    row.iter_mut().zip(extra).for_each(|(value, bias)| *value += bias);
                }
                activation.apply(values);
            }
            Self::Backward(activation) => {
                activation.apply_backward(values, &extra[start..start + values.len()]);
            }
        }
    }
}

fn column_lanes(columns: usize) -> usize {
    columns.div_ceil(4).next_power_of_two().min(8)
}

/// y = finish(x * weight); reads x, weight, extra (bias, the saved output, or anything for a plain sum), writes y.
#[derive(Clone, Debug)]
pub struct ConvGather {
    pub shape: ConvShape,
    pub finish: Finish,
    /// Add to what is in y first.
    pub accumulate: bool,
    pub form: ProductForm,
}

impl Kernel for ConvGather {
    fn name(&self) -> &'static str {
        "conv_gather"
    }

    fn flops(&self) -> f64 {
        self.shape.flops()
    }

    fn shape(&self) -> String {
        self.shape.to_string()
    }

    fn forms(&self, target: &GpuTarget) -> Vec<&'static str> {
        ProductForm::conv_forms(target, self.shape.filters, few::can_gather(&self.shape))
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let form = self.form.resolve(target, self);
        if form == ProductForm::Few {
            return self.few(target);
        }
        let quads = shape.channels.div_ceil(4);
        let (shader, entry_point, groups, iterations) = if let Some(tile) = form.tile() {
            let inner = shape.taps() * quads * 4;
            let groups = tile.groups(shape.places(), shape.filters);
            (tile.shader("conv_tiled"), "conv_tiled", groups, tile.iterations(inner))
        } else {
            let lanes = column_lanes(shape.filters);
            let groups = shape.places().div_ceil(8 * (8 / lanes)) * shape.filters.div_ceil(4 * lanes);
            let shader = ShaderRequest::new("conv_gather").constant("COLUMN_LANES", format!("{lanes}u"));
            (shader, "conv_gather", groups, shape.taps() * (quads + 1) + shape.kernel[0])
        };
        let shader = shape.memory(self.finish.shader(shader)).constant("ACCUMULATE", self.accumulate);
        GpuLaunch::in_order(shader, entry_point, 4, &shape.params(shape.split()), target.fold(groups), iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let shape = &self.shape;
        let (x, extra) = (f32s(reads[0]), f32s(reads[2]));
        let weight = shape.seen_weights(f32s(reads[1]));
        let (filters, window) = (shape.filters, shape.window());
        assert!(weight.len() >= filters * window && x.len() >= shape.batch * shape.image());
        if !shape.is_pointwise()
            && let Some(direct) = Direct::gather(shape)
        {
            let weight = |filter, tap, channel| weight[filter * window + tap * shape.channels + channel];
            direct.run(x, weight, (self.finish, extra), self.accumulate, f32s_mut(writes[0]));
            return;
        }
        f32s_mut(writes[0])[..shape.places() * filters].par_chunks_mut(CPU_PLACES * filters).enumerate().for_each(
            |(task, out)| {
                let first = task * CPU_PLACES;
                let places = out.len() / filters;
                let mut multiply = |rows: &[f32]| {
                    assert!(rows.len() >= places * window);
                    // SAFETY: out is [places, filters] and ours, rows [places, window], weight [filters, window].
                    unsafe {
                        product(
                            (places, filters, window),
                            out.as_mut_ptr(),
                            (filters, 1),
                            self.accumulate,
                            rows.as_ptr(),
                            (window, 1),
                            weight.as_ptr(),
                            (1, window),
                        );
                    }
                };
                if shape.is_pointwise() {
                    multiply(&x[first * window..(first + places) * window]);
                } else {
                    with_scratch(places * window, |rows| {
                        shape.unroll(x, first, rows);
                        multiply(rows);
                    });
                }
                vectorized(
                    #[inline(always)]
                    || self.finish.apply(out, extra, first * filters, filters),
                );
            },
        );
    }
}

/// x = finish(what reaches each place from y through the weights); reads y, weight, extra, writes x.
#[derive(Clone, Debug)]
pub struct ConvScatter {
    pub shape: ConvShape,
    pub finish: Finish,
    pub form: ProductForm,
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

    fn forms(&self, target: &GpuTarget) -> Vec<&'static str> {
        ProductForm::conv_forms(target, self.shape.channels, few::can_scatter(&self.shape))
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let form = self.form.resolve(target, self);
        if form == ProductForm::Few {
            return self.few(target);
        }
        let grid = shape.batch * shape.size[0].div_ceil(shape.stride[0]) * shape.size[1].div_ceil(shape.stride[1]);
        let phases = shape.stride[0] * shape.stride[1];
        let quads = shape.filters.div_ceil(4);
        let (shader, entry_point, groups, iterations) = if let Some(tile) = form.tile() {
            let shader = tile.shader("conv_tiled").swap("lib/tiles_gather", "lib/tiles_scatter");
            let groups = phases * tile.groups(grid, shape.channels);
            (shader, "conv_tiled", groups, tile.iterations(shape.taps() * quads * 4))
        } else {
            let lanes = column_lanes(shape.channels);
            let groups = phases * grid.div_ceil(8 * (8 / lanes)) * shape.channels.div_ceil(4 * lanes);
            let shader = ShaderRequest::new("conv_scatter").constant("COLUMN_LANES", format!("{lanes}u"));
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
                    product(
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
                        product(
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
                    let within = Band { top, lines, line, count };
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

/// partials [slots, K, taps, C]: for each slot of places, the sum of dy^T x, and with `sums_bias` that of dy itself, [slots,
/// K]; reads x, dy.
#[derive(Clone, Debug)]
pub struct ConvWeights {
    pub shape: ConvShape,
    pub sums_bias: bool,
    pub form: ProductForm,
}

impl ConvWeights {
    fn launch(
        &self,
        target: &GpuTarget,
        shader: ShaderRequest,
        entry_point: &'static str,
        groups: usize,
        iterations: usize,
    ) -> GpuLaunch {
        let (shader, bindings) = match self.sums_bias {
            true => (shader.swap("lib/bias_absent", "lib/bias_summed"), vec![0, 1, 3, 5]),
            false => (shader, vec![0, 1, 3]),
        };
        let params = self.shape.params(self.shape.split());
        GpuLaunch { bindings, ..GpuLaunch::in_order(shader, entry_point, 4, &params, target.fold(groups), iterations) }
    }
}

impl Kernel for ConvWeights {
    fn name(&self) -> &'static str {
        "conv_weights"
    }

    fn flops(&self) -> f64 {
        self.shape.flops()
    }

    fn shape(&self) -> String {
        self.shape.to_string()
    }

    fn forms(&self, target: &GpuTarget) -> Vec<&'static str> {
        ProductForm::conv_forms(target, self.shape.filters, few::can_make_weights(&self.shape))
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let split = shape.split();
        let form = self.form.resolve(target, self);
        if form == ProductForm::Few {
            return self.few(target);
        }
        let quads = shape.taps() * shape.channels.div_ceil(4);
        let (shader, entry_point, groups, iterations) = if let Some(tile) = form.tile() {
            // Its rows are the filters, which may be few.
            let tile = tile.transposed();
            let shader = tile.shader("conv_tiled").swap("lib/tiles_gather", "lib/tiles_weights");
            (
                shader,
                "conv_tiled",
                split.slots * tile.groups(shape.filters, quads * 4),
                // The first tiles go over each slice once more, for the bias.
                tile.iterations(split.slot_rows) + split.slot_rows.next_multiple_of(tile.slice),
            )
        } else {
            let groups = split.slots * shape.filters.div_ceil(8) * quads.div_ceil(8);
            (ShaderRequest::new("conv_weights"), "conv_weights", groups, split.slot_rows.div_ceil(4))
        };
        self.launch(target, shape.memory(shader), entry_point, groups, iterations)
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], _: &StepState) {
        let shape = &self.shape;
        let (x, dy) = (f32s(reads[0]), f32s(reads[1]));
        let (filters, window, places) = (shape.filters, shape.window(), shape.places());
        let split = shape.split();
        let size = filters * window;
        let (sums, biases) = writes.split_at_mut(1);
        if let [biases] = biases {
            f32s_mut(biases)[..split.slots * filters].par_chunks_mut(filters).enumerate().for_each(|(slot, out)| {
                let begin = slot * split.slot_rows;
                sum_rows(&dy[begin * filters..(begin + split.slot_rows).min(places) * filters], out);
            });
        }
        f32s_mut(sums[0])[..split.slots * size].par_chunks_mut(size).enumerate().for_each(|(slot, out)| {
            let begin = slot * split.slot_rows;
            let end = (begin + split.slot_rows).min(places);
            out.fill(0.0);
            if to_few::can_sum(shape) {
                vectorized(
                    #[inline(always)]
                    || to_few::add_weights(shape, x, dy, begin..end, out),
                );
                return;
            }
            for first in (begin..end).step_by(CPU_PLACES) {
                let count = CPU_PLACES.min(end - first);
                let dy = &dy[first * filters..(first + count) * filters];
                let mut multiply = |rows: &[f32]| {
                    assert!(rows.len() >= count * window && out.len() == size);
                    // SAFETY: out is [filters, window] and ours, dy [count, filters], rows [count, window].
                    unsafe {
                        product(
                            (filters, window, count),
                            out.as_mut_ptr(),
                            (window, 1),
                            true,
                            dy.as_ptr(),
                            (1, filters),
                            rows.as_ptr(),
                            (window, 1),
                        );
                    }
                };
                if shape.is_pointwise() {
                    multiply(&x[first * window..(first + count) * window]);
                } else {
                    with_scratch(count * window, |rows| {
                        shape.unroll(x, first, rows);
                        multiply(rows);
                    });
                }
            }
        });
    }
}
