//! Conversion of the sampling rate by band-limited interpolation (J. O. Smith, "Digital Audio Resampling Home Page",
//! CCRMA).
//!
//! With the input's samples x\[k\] and positions t = n·from/to in them, y\[n\] = Σ x\[k\] h(t − k), where h(u) =
//! c·sinc(c u)·w(c u / Z), c = 0.95·min(1, to/from), sinc(v) = sin(πv)/(πv), and w is Kaiser's window over Z = 64
//! zero crossings. β = 9 keeps what would alias 90 dB down; the pass band ends at nine tenths of the lower rate's
//! half.
//!
//! Here and not from a crate: those that are kept are made for streams, with buffers, chunks and delays to manage,
//! where a whole sound is one sum.

use std::f64::consts::PI;
use std::sync::OnceLock;

use crate::data::DataError;

const ZERO_CROSSINGS: usize = 64;
/// Steps of the kernel's table between two zero crossings: interpolated linearly, 1024 are right to 120 dB.
const STEPS: usize = 1024;
const BETA: f64 = 9.0;
const ROLL_OFF: f64 = 0.95;
/// Largest ratio of two rates. A header can claim any rate: a false one must not turn a small file into an endless one.
const MAX_RATIO: u32 = 64;

/// Resamples `samples` from a rate of `from` to `to` samples a second; returns ceil(len·to/from) of them. Beyond its
/// ends the sound is silence.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>, DataError> {
    if from == 0 || to == 0 || from / MAX_RATIO > to || to / MAX_RATIO > from {
        return Err(DataError::Malformed {
            place: "a sampling rate".to_owned(),
            problem: format!("{from} a second cannot become {to}; give rates at most {MAX_RATIO} times apart"),
        });
    }
    if from == to {
        return Ok(samples.to_vec());
    }
    let cutoff = ROLL_OFF * (f64::from(to) / f64::from(from)).min(1.0);
    let reach = ZERO_CROSSINGS as f64 / cutoff;
    let (from, to) = (u128::from(from), u128::from(to));
    let count = (samples.len() as u128 * to).div_ceil(from);
    let value = |n: u128| {
        // Whole numbers as far as they go: rounding would drift over a long sound.
        let whole = (n * from / to) as usize;
        let position = whole as f64 + (n * from % to) as f64 / to as f64;
        let first = (position - reach).ceil().max(0.0) as usize;
        let last = ((position + reach) as usize + 1).min(samples.len());
        let near = samples.get(first..last).unwrap_or_default();
        let sum: f64 =
            near.iter().zip(first..).map(|(&x, k)| f64::from(x) * kernel(cutoff * (position - k as f64).abs())).sum();
        (cutoff * sum) as f32
    };
    Ok((0..count).map(value).collect())
}

/// sinc(v)·w(v/Z) for v of at least 0.
fn kernel(v: f64) -> f64 {
    static TABLE: OnceLock<Vec<f64>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let value = |step: usize| {
            let v = step as f64 / STEPS as f64;
            let inside = (1.0 - (v / ZERO_CROSSINGS as f64).powi(2)).max(0.0);
            let sinc = if step == 0 { 1.0 } else { (PI * v).sin() / (PI * v) };
            sinc * bessel_i0(BETA * inside.sqrt()) / bessel_i0(BETA)
        };
        (0..=ZERO_CROSSINGS * STEPS).map(value).collect()
    });
    let place = v * STEPS as f64;
    match table.get(place as usize..place as usize + 2) {
        Some(&[low, high]) => low + (high - low) * place.fract(),
        _ => 0.0,
    }
}

/// The modified Bessel function of the first kind, order 0: Σ ((x/2)^k / k!)².
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}
