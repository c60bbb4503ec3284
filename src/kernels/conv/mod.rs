//! Convolutions as implicit matrix products: the CPU references of `shaders/conv/*.wgsl`.
//!
//! Letters: x `[N, H, W, C]` is the fine side, y `[N, OH, OW, K]` the coarse one, weights `[K, KH, KW, C]`. Three
//! products make everything: gather (y from x: the forward pass), scatter (x from y: the gradient by the input, and the
//! forward pass of a transposed convolution), and the gradient by the weights (from both).

mod direct;
mod few_channels;
mod finish;
mod gather;
mod scatter;
mod shape;
mod weights;
mod weights_few_channels;

pub use self::finish::Finish;
pub use self::gather::ConvGather;
pub use self::scatter::ConvScatter;
pub use self::shape::ConvShape;
pub use self::weights::ConvWeights;

/// Rows of windows that one task of the CPU unrolls at once: they stay in the cache.
const CPU_PLACES: usize = 512;

fn column_lanes(columns: usize) -> usize {
    columns.div_ceil(4).next_power_of_two().min(8)
}
