//! Layers, losses and their initial values: functions that add to a graph.

mod layers;
mod objective;

pub use self::layers::{
    ConvGeometry, activate, conv, conv_transpose, dense, dense_tied, depthwise, flatten, normalize,
};
pub use self::objective::{LOSS_PARTS, LOSS_SLOTS, ObjectivePart, clip_and_update, element_loss, record, ring};
use crate::graph::{Init, Parameter};
use crate::random::{key, philox4x32, stream, unit_float};

/// Returns the initial flat buffer for `seed`: the same on every device. `first_number` keeps parameters and statistics
/// apart.
fn initial(arrays: &[Parameter], flat_elements: usize, seed: u64, first_number: u32) -> Vec<f32> {
    let mut flat = vec![0.0; flat_elements];
    for (number, parameter) in (first_number..).zip(arrays) {
        let values = &mut flat[parameter.offset..parameter.offset + parameter.shape.elements()];
        match parameter.initial {
            Init::Constant(value) => values.fill(value),
            // Normalization's running statistics: mean 0, variance 1 by turns.
            Init::Pairs(pair) => values.chunks_exact_mut(2).for_each(|values| values.copy_from_slice(&pair)),
            Init::Gaussian(deviation) => {
                let extents = parameter.shape.extents();
                let (height, width) = (extents[0] as f64, extents[1] as f64);
                let at = |i: usize, count: f64| {
                    let distance = (i as f64 - (count - 1.0) / 2.0) / f64::from(deviation);
                    (-0.5 * distance * distance).exp()
                };
                let sum = |count: f64| (0..count as usize).map(|i| at(i, count)).sum::<f64>();
                let whole = sum(height) * sum(width);
                let channels = extents[2..].iter().product::<usize>();
                for (place, value) in values.iter_mut().enumerate() {
                    let pixel = place / channels;
                    *value = (at(pixel / extents[1], height) * at(pixel % extents[1], width) / whole) as f32;
                }
            }
            Init::Uniform(bound) => {
                for (block, quad) in (0_u32..).zip(values.chunks_mut(4)) {
                    let words = philox4x32([block, stream::INITIAL_WEIGHTS, number, 0], key(seed));
                    for (value, word) in quad.iter_mut().zip(words) {
                        *value = bound * (2.0 * unit_float(word) - 1.0);
                    }
                }
            }
        }
    }
    flat
}

/// Returns the initial flat buffer of parameters for `seed`.
pub fn initial_parameters(parameters: &[Parameter], flat_elements: usize, seed: u64) -> Vec<f32> {
    initial(parameters, flat_elements, seed, 0)
}

/// Returns the initial flat buffer of statistics for `seed`.
pub fn initial_statistics(statistics: &[Parameter], flat_elements: usize, seed: u64) -> Vec<f32> {
    initial(statistics, flat_elements, seed, 1 << 16)
}
