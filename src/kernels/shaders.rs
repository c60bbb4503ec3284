//! The table of WGSL files, embedded in the program.

use crate::device::gpu::{ShaderLibrary, ShaderRequest};

macro_rules! shader_table {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../shaders/", $name, ".wgsl")))),*]
    };
}

/// Every WGSL file of the kernels.
pub static LIBRARY: ShaderLibrary = ShaderLibrary(shader_table![
    "augment",
    "blind_spot",
    "conv/conv_from_few_channels",
    "conv/conv_gather",
    "conv/conv_scatter",
    "conv/conv_tiled",
    "conv/conv_to_few_channels",
    "conv/conv_weights",
    "conv/conv_weights_few_channels",
    "conv/conv_weights_to_few_channels",
    "dense/dense_backward",
    "dense/dense_backward_tiled",
    "dense/dense_forward",
    "dense/dense_forward_tiled",
    "depthwise",
    "film",
    "gather",
    "half",
    "jpeg",
    "latent",
    "least",
    "loss",
    "mmd",
    "norm/norm",
    "norm/norm_apply",
    "optimizer",
    "pointwise",
    "quantize",
    "random",
    "reduce",
    "resample",
    "partial_sums",
    "sparse",
    "ssim",
    "slice",
    "lib/activation",
    "lib/matmul/bias_absent",
    "lib/matmul/bias_summed",
    "lib/conv/params",
    "lib/counted",
    "lib/dense/backward_params",
    "lib/dense/backward_scalar",
    "lib/dense/backward_vec4",
    "lib/dense/forward_scalar",
    "lib/dense/forward_vec4",
    "lib/element_scalar",
    "lib/element_vec4",
    "lib/matmul/finish",
    "lib/index",
    "lib/matmul/left_scalar",
    "lib/matmul/left_vec4",
    "lib/matmul/memory_scalar",
    "lib/matmul/memory_vec4",
    "lib/norm/pair_scalar",
    "lib/norm/pair_vec4",
    "lib/norm/params",
    "lib/random/normal",
    "lib/matmul/out_scalar",
    "lib/matmul/out_vec4",
    "lib/random/permutation",
    "lib/random/philox",
    "lib/random/poisson",
    "lib/reduce_tree",
    "lib/matmul/right_scalar",
    "lib/matmul/right_vec4",
    "lib/step",
    "lib/store_values",
    "lib/store_values_and_average",
    "lib/matmul/tile_shared",
    "lib/matmul/tile8x4",
    "lib/conv/tiles_gather",
    "lib/conv/tiles_scatter",
    "lib/conv/tiles_weights",
    "lib/conv/window_walker",
]);

/// Returns a request for `file`, with its imports and constants as they stand in the file.
pub fn shader(file: &'static str) -> ShaderRequest {
    ShaderRequest::new(LIBRARY, file)
}
