//! Counter-based randomness. A number depends on its key (the run's seed) and its counter (element, stream, step)
//! alone: no state, so that any number can be made again anywhere, in any order.

mod permutation;
mod philox;
mod sampler;

pub use self::permutation::{permutation_half_bits, permutation_keys, permute};
pub use self::philox::{key, normal4, philox4x32, poisson_by_inversion, unit_float};
pub use self::sampler::Sampler;

/// Numbers of the streams of a run, which never share counters.
pub mod stream {
    /// Initial weights: the counter's third word is the parameter's number.
    pub const INITIAL_WEIGHTS: u32 = 1;
    /// Keys of the epoch's permutation.
    pub const PERMUTATION: u32 = 2;
    /// Order of the rows of a set that comes without a split of its own.
    pub const SPLIT: u32 = 3;
    /// Directions that a randomized PCA starts from.
    pub const PCA: u32 = 4;
    /// Initial components of a mixture, and draws from it: the counter's third word is 0 or 1.
    pub const MIXTURE: u32 = 5;
    /// Latent values that are drawn from a prior, or added to those of rows.
    pub const LATENTS: u32 = 6;
    /// Choice of the normal rows that a detector keeps.
    pub const NEIGHBORS: u32 = 7;
    /// Corruption by film wear. Corruptions have streams of their own: taken from the graph's, they would renumber
    /// every op after them and change the bits of every existing run.
    pub const FILM: u32 = 256;
    /// Corruption by shot noise, Poisson counts of photons.
    pub const SHOT_NOISE: u32 = 257;
    /// Quality of each picture in the corruption by JPEG compression.
    pub const JPEG: u32 = 258;
    /// Values that blind spots replace, and their replacements.
    pub const BLIND_SPOT: u32 = 259;
    /// First stream of the random ops of a graph; each takes the next number, in their order.
    pub const OPS: u32 = 1024;
}
