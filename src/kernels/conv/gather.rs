//! Gather: y from x, the forward pass of a convolution.

use rayon::prelude::*;

use super::direct::Direct;
use super::few_channels::{FewChannelSide, can_gather, few_values, from_few, gather_side, to_few};
use super::finish::Finish;
use super::shape::{ConvShape, with_scratch};
use super::{CPU_PLACES, column_lanes};
use crate::device::cpu::vectorized;
use crate::device::gpu::GpuTarget;
use crate::kernels::dense::matmul;
use crate::kernels::gemm_variant::GemmVariant;
use crate::kernels::shaders::shader;
use crate::kernels::{GpuLaunch, Kernel, StepState, f32s, f32s_mut};

/// Computes y = finish(x * weight); reads x, weight, extra (bias, the saved output, or anything for a plain sum),
/// writes y.
#[derive(Clone, Debug)]
pub struct ConvGather {
    /// Sizes of the convolution.
    pub shape: ConvShape,
    /// Operation on each sum before it is stored.
    pub finish: Finish,
    /// True to add the sum to the contents of y first.
    pub accumulate: bool,
    /// Variant of the matrix product on a GPU.
    pub variant: GemmVariant,
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

    fn variants(&self, target: &GpuTarget) -> Vec<&'static str> {
        GemmVariant::conv_variants(target, self.shape.filters, can_gather(&self.shape))
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let variant = self.variant.resolve(target, self);
        if variant == GemmVariant::Few {
            return self.few_channels(target);
        }
        let quads = shape.channels.div_ceil(4);
        let (shader, entry_point, groups, iterations) = if let Some(tile) = variant.tile() {
            let inner = shape.taps() * quads * 4;
            let groups = tile.groups(shape.places(), shape.filters);
            (tile.shader("conv/conv_tiled"), "conv_tiled", groups, tile.iterations(inner))
        } else {
            let lanes = column_lanes(shape.filters);
            let groups = shape.places().div_ceil(8 * (8 / lanes)) * shape.filters.div_ceil(4 * lanes);
            let shader = shader("conv/conv_gather").constant("COLUMN_LANES", format!("{lanes}u"));
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
                        matmul(
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

impl ConvGather {
    fn few_channels(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let finished =
            |shader| self.finish.shader(shader).constant("ACCUMULATE", self.accumulate).constant("GATHER", true);
        if gather_side(shape) != Some(FewChannelSide::Made) {
            let shader = finished(few_values("conv/conv_from_few_channels", shape.channels));
            return from_few(shape, target, shader, (shape.places(), shape.filters));
        }
        let shader = finished(few_values("conv/conv_to_few_channels", shape.filters));
        let widths = [shape.channels, shape.weight_channels, shape.channel_offset];
        let wide = widths.iter().all(|width| width.is_multiple_of(4));
        let shader = if wide { shader.swap("lib/matmul/right_scalar", "lib/matmul/right_vec4") } else { shader };
        to_few(shape, target, shader, (shape.channels, shape.out_size, [1; 2]))
    }
}
