//! Scalar quantization of latents, with a step for each unit.
//!
//! Each unit has a step of its own. Rounding to a step of d adds s d^2 / 12 to the mean squared error, where s is how
//! much the output moves with the unit (squared, mean over values and rows). At a given rate the error is least where
//! all units add alike (Gersho & Gray 1992, chapter 8), so that d is in proportion to 1 / sqrt(s); a unit that the
//! decoder ignores gets a step that covers all of its values, and costs nothing.

use super::coder::{Counts, REACH};
use crate::inference::LoadedModel;
use crate::platform::Wait as _;
use crate::tasks::TaskError;
use crate::tasks::generate::moments;

/// Resolution of offsets, in parts of a step.
const OFFSET_PARTS: f64 = 16.0;
/// Resolution of steps, in parts of an octave; steps range from 2^-100 to 2^100.
const PARTS: i32 = 32;
const LEAST_EXPONENT: i32 = -100 * PARTS;
const MOST_EXPONENT: i32 = 100 * PARTS;
/// Rows from which a step is searched, at most.
const SEARCH_ROWS: usize = 8192;
/// Largest magnitude of a symbol, well within 32 bits.
const MOST_SYMBOL: f64 = (1 << 30) as f64;

/// Steps and centers of all units, as integers that are the same on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quantizer {
    /// Exponents of the steps 2^(exponent / 32).
    pub exponents: Vec<i32>,
    /// Positions of symbol 0, in sixteenths of a step.
    pub offsets: Vec<i32>,
}

impl Quantizer {
    /// Fits the finest quantizer that takes no more than `bits` bits per row of `latents` `[rows, units]` by their
    /// entropy; `sensitivities` are the s of each unit.
    pub fn fit(latents: &[f32], sensitivities: &[f64], bits: f64) -> Self {
        let units = sensitivities.len().max(1);
        let every = (latents.len() / units).div_ceil(SEARCH_ROWS).max(1);
        let some: Vec<f32> = latents.chunks_exact(units).step_by(every).flatten().copied().collect();
        let moments = moments(latents, units);
        let (mut fine, mut coarse) = (LEAST_EXPONENT, MOST_EXPONENT);
        while coarse - fine > 1 {
            let middle = (fine + coarse).div_euclid(2);
            let rate = Self::at(middle, sensitivities, &moments).bits(&some);
            if rate > bits { fine = middle } else { coarse = middle }
        }
        Self::at(coarse, sensitivities, &moments)
    }

    /// Builds a quantizer with steps of 2^(exponent / 32) / sqrt(s).
    fn at(exponent: i32, sensitivities: &[f64], moments: &[(f64, f64)]) -> Self {
        let per_octave = f64::from(PARTS);
        let parts = |value: f64| (per_octave * value.log2()).round();
        let of_unit = |(&sensitivity, &(mean, deviation)): (&f64, &(f64, f64))| {
            // A unit that does not vary has one symbol, whatever its step.
            if !(deviation > 0.0 && deviation.is_finite()) {
                return (0, mean);
            }
            let wanted = f64::from(exponent) - 0.5 * parts(sensitivity.max(f64::MIN_POSITIVE));
            // All within one step at the one end, within the reach of a table at the other.
            let widest = parts(deviation) + per_octave * 6.0;
            let finest = parts(deviation) - per_octave * (f64::from(REACH).log2() - 3.0);
            (wanted.clamp(finest, widest).clamp(LEAST_EXPONENT.into(), MOST_EXPONENT.into()) as i32, mean)
        };
        let (exponents, means): (Vec<i32>, Vec<f64>) = sensitivities.iter().zip(moments).map(of_unit).unzip();
        let offset = |(&exponent, mean): (&i32, f64)| {
            (mean / step(exponent) * OFFSET_PARTS).round().clamp(-MOST_SYMBOL, MOST_SYMBOL) as i32
        };
        let offsets = exponents.iter().zip(means).map(offset).collect();
        Self { exponents, offsets }
    }

    pub fn units(&self) -> usize {
        self.exponents.len()
    }

    /// Rounds latents to whole steps from the center of each unit.
    pub fn quantize(&self, latents: &[f32]) -> Vec<i32> {
        let units = self.units().max(1);
        let steps: Vec<f64> = self.exponents.iter().map(|&exponent| step(exponent)).collect();
        let symbol = |(i, &z): (usize, &f32)| {
            let unit = i % units;
            let place = f64::from(z) / steps[unit] - f64::from(self.offsets[unit]) / OFFSET_PARTS;
            place.round().clamp(-MOST_SYMBOL, MOST_SYMBOL) as i32
        };
        latents.iter().enumerate().map(symbol).collect()
    }

    /// Returns the latents that symbols stand for. One exact sum and one product each: the same bits on any machine.
    pub fn restore(&self, symbols: &[i32]) -> Vec<f32> {
        let units = self.units().max(1);
        let steps: Vec<f64> = self.exponents.iter().map(|&exponent| step(exponent)).collect();
        let place = |(i, &symbol): (usize, &i32)| {
            let unit = i % units;
            ((f64::from(symbol) + f64::from(self.offsets[unit]) / OFFSET_PARTS) * steps[unit]) as f32
        };
        symbols.iter().enumerate().map(place).collect()
    }

    /// Computes the bits per row of `latents` by the entropy of each unit.
    fn bits(&self, latents: &[f32]) -> f64 {
        let (symbols, units) = (self.quantize(latents), self.units());
        (0..units).map(|unit| Counts::count(symbols.iter().skip(unit).step_by(units).copied()).entropy()).sum()
    }
}

/// Computes 2^(exponent / 32) from constants, by one product and a shift: the same bits on any machine.
fn step(exponent: i32) -> f64 {
    const EIGHTHS: [f64; 8] = [
        1.0,
        1.090_507_732_665_257_7,
        1.189_207_115_002_721,
        1.296_839_554_651_009_7,
        std::f64::consts::SQRT_2,
        1.542_210_825_407_940_7,
        1.681_792_830_507_429,
        1.834_008_086_409_342_4,
    ];
    const FINE: [f64; 4] = [1.0, 1.021_897_148_654_116_7, 1.044_273_782_427_413_8, 1.067_140_400_676_823_7];
    let exponent = exponent.clamp(LEAST_EXPONENT, MOST_EXPONENT);
    let (octave, part) = (exponent.div_euclid(PARTS), exponent.rem_euclid(PARTS) as usize);
    let power = f64::from_bits(u64::from((1023 + octave).cast_unsigned()) << 52);
    EIGHTHS[part / 4] * FINE[part % 4] * power
}

/// Computes the s of each unit: the squared change of the output when the unit moves, by the square of the move, as the
/// mean over values and over some of the rows `latents` `[rows, units]`.
pub(super) fn sensitivities(model: &mut LoadedModel, latents: &[f32], labels: &[usize]) -> Result<Vec<f64>, TaskError> {
    /// Rows decoded in all, and of one unit.
    const ALL_ROWS: usize = 16_384;
    const MOST_ROWS: usize = 128;
    const LEAST_ROWS: usize = 4;
    /// Move of a unit, as a share of its standard deviation: about as much as rounding moves it.
    const MOVE: f64 = 0.25;
    let units = model.latent().max(1);
    let rows = latents.len() / units;
    let wanted = (ALL_ROWS / units).clamp(LEAST_ROWS, MOST_ROWS);
    let every = (rows / wanted).max(1);
    let chosen: Vec<usize> = (0..rows).step_by(every).take(wanted).collect();
    let some: Vec<f32> = chosen.iter().flat_map(|&row| &latents[row * units..(row + 1) * units]).copied().collect();
    let labels: Vec<usize> = chosen.iter().filter_map(|&row| labels.get(row)).copied().collect();
    let still = model.decode_rows(&some, &labels).wait()?;
    let moments = moments(latents, units);
    let mut found = Vec::with_capacity(units);
    for (unit, &(_, deviation)) in moments.iter().enumerate() {
        let by = (MOVE * deviation) as f32;
        if by.is_nan() || by <= 0.0 {
            found.push(0.0);
            continue;
        }
        let mut moved = some.clone();
        moved.iter_mut().skip(unit).step_by(units).for_each(|z| *z += by);
        let made = model.decode_rows(&moved, &labels).wait()?;
        found.push(crate::metrics::mse(&made, &still) / f64::from(by).powi(2));
    }
    Ok(found)
}
