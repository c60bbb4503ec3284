//! Counter-based randomness. A number depends on its key (the run's seed) and its counter (element, stream, step)
//! alone: no state, so that any number can be made again anywhere, in any order.

mod permutation;
mod philox;
mod sampler;

pub use self::permutation::{permutation_half_bits, permutation_keys, permute};
pub use self::philox::{key, normal4, philox4x32, poisson_by_inversion, unit_float};
pub use self::sampler::Sampler;

/// Streams of one run never share counters.
pub mod stream {
    /// Initial weights: the counter's third word is the parameter's number.
    pub const INITIAL_WEIGHTS: u32 = 1;
    /// Keys of the epoch's permutation.
    pub const PERMUTATION: u32 = 2;
    /// Order of the rows of a set that comes without a split of its own.
    pub const SPLIT: u32 = 3;
    /// Directions that a randomized PCA starts from.
    pub const PCA: u32 = 4;
    /// Where the components of a mixture start, and draws from it: the counter's third word is 0 or 1.
    pub const MIXTURE: u32 = 5;
    /// Latent numbers that are drawn from a prior, or added to those of rows.
    pub const LATENTS: u32 = 6;
    /// Corruptions with numbers of their own: taken from the graph's, they would renumber every op after them, and
    /// with that change the bits of every run there is.
    pub const FILM: u32 = 256;
    pub const SHOT_NOISE: u32 = 257;
    pub const JPEG: u32 = 258;
    pub const BLIND_SPOT: u32 = 259;
    /// Random ops of a graph take this and the numbers after it, in their order.
    pub const OPS: u32 = 1024;
}
