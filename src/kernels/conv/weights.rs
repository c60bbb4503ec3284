//! Weight gradient, from both sides.

use rayon::prelude::*;

use super::CPU_PLACES;
use super::few_channels::{COLUMNS_AT_ONCE, FewChannelSide, can_make_weights, few_values, lanes, weights_side};
use super::shape::{ConvShape, with_scratch};
use super::weights_few_channels::{add_weights, can_sum};
use crate::device::cpu::vectorized;
use crate::device::gpu::{GpuTarget, ShaderRequest};
use crate::kernels::dense::matmul;
use crate::kernels::gemm_variant::GemmVariant;
use crate::kernels::partial_sums::sum_rows;
use crate::kernels::shaders::shader;
use crate::kernels::{GpuLaunch, Kernel, KernelTolerance, StepState, f32s, f32s_mut};

/// Computes partials `[slots, K, taps, C]`: for each slot of places, the sum of dy^T x, and with `sums_bias` that of dy
/// itself, `[slots, K]`; reads x, dy.
#[derive(Clone, Debug)]
pub struct ConvWeights {
    /// Sizes of the convolution.
    pub shape: ConvShape,
    /// True to sum dy too, for the gradient of the bias.
    pub sums_bias: bool,
    /// Variant of the matrix product on a GPU.
    pub variant: GemmVariant,
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
            true => (shader.swap("lib/matmul/bias_absent", "lib/matmul/bias_summed"), vec![0, 1, 3, 5]),
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

    fn variants(&self, target: &GpuTarget) -> Vec<&'static str> {
        GemmVariant::conv_variants(target, self.shape.filters, can_make_weights(&self.shape))
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let shape = &self.shape;
        let split = shape.split();
        let variant = self.variant.resolve(target, self);
        if variant == GemmVariant::Few {
            return self.few_channels(target);
        }
        let quads = shape.taps() * shape.channels.div_ceil(4);
        let (shader, entry_point, groups, iterations) = if let Some(tile) = variant.tile() {
            // Its rows are the filters, which may be few.
            let tile = tile.transposed();
            let shader = tile.shader("conv/conv_tiled").swap("lib/conv/tiles_gather", "lib/conv/tiles_weights");
            (
                shader,
                "conv_tiled",
                split.slots * tile.groups(shape.filters, quads * 4),
                // The first tiles go over each slice once more, for the bias.
                tile.iterations(split.slot_rows) + split.slot_rows.next_multiple_of(tile.slice),
            )
        } else {
            let groups = split.slots * shape.filters.div_ceil(8) * quads.div_ceil(8);
            (shader("conv/conv_weights"), "conv_weights", groups, split.slot_rows.div_ceil(4))
        };
        self.launch(target, shape.memory(shader), entry_point, groups, iterations)
    }

    fn tolerance(&self) -> KernelTolerance {
        KernelTolerance::GRADIENTS
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
            if can_sum(shape) {
                vectorized(
                    #[inline(always)]
                    || add_weights(shape, x, dy, begin..end, out),
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
                        matmul(
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

impl ConvWeights {
    fn few_channels(&self, target: &GpuTarget) -> GpuLaunch {
        let (shape, split, lanes) = (&self.shape, self.shape.split(), lanes(target));
        if weights_side(shape) == Some(FewChannelSide::Made) {
            return self.to_few(target);
        }
        let shader =
            few_values("conv/conv_weights_few_channels", shape.channels).constant("LANES", format!("{lanes}u"));
        let shader = if shape.filters.is_multiple_of(4) {
            shader.swap("lib/matmul/right_scalar", "lib/matmul/right_vec4")
        } else {
            shader
        };
        let groups = split.slots * shape.filters.div_ceil(COLUMNS_AT_ONCE) * shape.window().div_ceil(2 * lanes);
        self.launch(target, shader, "conv_weights_few_channels", groups, split.slot_rows)
    }

    fn to_few(&self, target: &GpuTarget) -> GpuLaunch {
        let (shape, split, lanes) = (&self.shape, self.shape.split(), lanes(target));
        let shader = shader("conv/conv_weights_to_few_channels").constant("LANES", format!("{lanes}u"));
        let shader = if shape.channels.is_multiple_of(4) {
            shader
                .swap("lib/matmul/left_scalar", "lib/matmul/left_vec4")
                .swap("lib/matmul/out_scalar", "lib/matmul/out_vec4")
        } else {
            shader
        };
        // Of 3 by 3 taps.
        let blocks = shape.kernel[0].div_ceil(3) * shape.kernel[1].div_ceil(3);
        let items = shape.filters * blocks * split.slots * shape.channels.div_ceil(4);
        // Places, and the lines that they begin.
        let iterations = split.slot_rows + split.slot_rows.div_ceil(shape.out_size[1]) + 1;
        self.launch(target, shader, "conv_weights_to_few_channels", items.div_ceil(lanes), iterations)
    }
}
