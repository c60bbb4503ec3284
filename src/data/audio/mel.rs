//! Log-mel spectrograms, and sounds made from them.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use crate::data::DataError;
use crate::random::{key, philox4x32, unit_float};

/// Least power, for which smaller ones are taken: 94 dB below a full sine, about the noise of 16 bits.
const FLOOR: f32 = 1e-10;
/// Largest log power that is turned into sound: no sound within -1 to 1 is near it, and its exponential is finite.
const CEILING: f32 = 20.0;
/// Momentum of the fast Griffin-Lim algorithm; the authors recommend it.
const MOMENTUM: f32 = 0.99;
const SPREAD_ITERATIONS: usize = 50;
const MAX_WINDOW: usize = 1 << 16;
const MAX_BANDS: usize = 1024;

/// Parameters of a log-mel spectrogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MelSpec {
    /// Samples a second.
    pub rate: u32,
    /// Samples of a window, an even number.
    pub window: usize,
    /// Samples from one window to the next.
    pub hop: usize,
    /// Mel bands of a frame, 1 to 1024.
    pub bands: usize,
    /// Lower edge of the lowest band in hertz, at least 0.
    pub low_hz: f64,
    /// Upper edge of the highest band in hertz, at most half of `rate`.
    pub high_hz: f64,
}

/// A triangle over neighboring bins of the spectrum.
#[derive(Debug)]
struct MelBand {
    first: usize,
    weights: Vec<f32>,
}

/// Prepared [`MelSpec`]: window, bands and plans of transforms.
pub struct MelTransform {
    spec: MelSpec,
    /// Periodic Hann window.
    window: Vec<f32>,
    /// The window's sum: a full sine's power is a quarter whatever the window.
    window_sum: f32,
    bands: Vec<MelBand>,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
}

impl std::fmt::Debug for MelTransform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MelTransform").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// HTK's mel scale, 2595·log10(1 + f/700) (Young et al., The HTK Book; O'Shaughnessy 1987).
fn mel(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

fn hz(mel: f64) -> f64 {
    700.0 * (10_f64.powf(mel / 2595.0) - 1.0)
}

impl MelSpec {
    /// Windows of a sound of `samples`: the first is centered on its start, and what lies outside is silence.
    pub fn frames(&self, samples: usize) -> usize {
        1 + samples / self.hop.max(1)
    }

    /// Computes window and bands.
    ///
    /// # Errors
    /// If a parameter is out of its range, or a band is narrower than the frequency resolution of the window.
    pub fn prepare(&self) -> Result<MelTransform, DataError> {
        let wrong = |problem: String| Err(DataError::Malformed { place: "a mel spectrogram".to_owned(), problem });
        if self.rate == 0 {
            return wrong("its rate is 0; give samples a second, for example 16000".to_owned());
        }
        if !(4..=MAX_WINDOW).contains(&self.window) || !self.window.is_multiple_of(2) {
            return wrong(format!("its window is {} samples; give an even number of 4 to {MAX_WINDOW}", self.window));
        }
        if !(1..=self.window).contains(&self.hop) {
            return wrong(format!("its hop is {} samples; give 1 to the window's {}", self.hop, self.window));
        }
        if !(1..=MAX_BANDS).contains(&self.bands) {
            return wrong(format!("it has {} bands; give 1 to {MAX_BANDS}", self.bands));
        }
        let half = f64::from(self.rate) / 2.0;
        if !(self.low_hz >= 0.0 && self.low_hz < self.high_hz && self.high_hz <= half) {
            return wrong(format!(
                "it covers {} to {} Hz; give two frequencies in order, of 0 to half the rate ({half})",
                self.low_hz, self.high_hz
            ));
        }
        let (low, high) = (mel(self.low_hz), mel(self.high_hz));
        let corner = |index: usize| hz(low + (high - low) * index as f64 / (self.bands + 1) as f64);
        let bin_hz = f64::from(self.rate) / self.window as f64;
        let bands: Vec<MelBand> = (0..self.bands)
            .map(|band| {
                let (start, peak, end) = (corner(band), corner(band + 1), corner(band + 2));
                let weight = |bin: usize| {
                    let here = bin as f64 * bin_hz;
                    ((here - start) / (peak - start)).min((end - here) / (end - peak)) as f32
                };
                let inside: Vec<usize> = (0..=self.window / 2).filter(|&bin| weight(bin) > 0.0).collect();
                MelBand {
                    first: inside.first().copied().unwrap_or_default(),
                    weights: inside.into_iter().map(weight).collect(),
                }
            })
            .collect();
        if let Some(empty) = bands.iter().position(|band| band.weights.is_empty()) {
            return wrong(format!(
                "band {} of {} is narrower than the {bin_hz:.1} Hz that a window of {} samples tells apart; \
                 give fewer bands or a longer window",
                empty + 1,
                self.bands,
                self.window
            ));
        }
        let hann = |place: usize| (0.5 - 0.5 * (2.0 * PI * place as f64 / self.window as f64).cos()) as f32;
        let window: Vec<f32> = (0..self.window).map(hann).collect();
        let mut planner = RealFftPlanner::new();
        Ok(MelTransform {
            spec: self.clone(),
            window_sum: window.iter().sum(),
            window,
            bands,
            forward: planner.plan_fft_forward(self.window),
            backward: planner.plan_fft_inverse(self.window),
        })
    }
}

impl MelTransform {
    /// Returns the parameters that it was prepared from.
    pub fn spec(&self) -> &MelSpec {
        &self.spec
    }

    /// Natural logarithms of the bands' powers, `[frames, bands]`; -23.03 (ln 1e-10) is the least.
    ///
    /// A bin's power is |X|² / (Σ window)², a band's the sum of its triangle of height 1 over them.
    pub fn log_mel(&self, samples: &[f32]) -> Vec<f32> {
        let scale = (self.window_sum * self.window_sum).recip();
        self.spectra(samples)
            .chunks_exact(self.bins())
            .flat_map(|spectrum| {
                self.bands.iter().map(move |band| {
                    let near = spectrum.iter().skip(band.first).zip(&band.weights);
                    let power: f32 = near.map(|(bin, weight)| weight * bin.norm_sqr()).sum();
                    (power * scale).max(FLOOR).ln()
                })
            })
            .collect()
    }

    /// A sound whose log-mel spectrogram is near `log_mel` `[frames, bands]`; (frames − 1)·hop samples.
    ///
    /// Powers of bins are the non-negative ones that explain the bands' (see `spread`); phases come from `iterations`
    /// of the fast Griffin-Lim algorithm (Perraudin, Balazs & Søndergaard, WASPAA 2013), which starts from the same
    /// numbers each time.
    pub fn griffin_lim(&self, log_mel: &[f32], iterations: usize) -> Vec<f32> {
        let magnitudes: Vec<f32> =
            log_mel.chunks_exact(self.bands.len()).flat_map(|frame| self.spread(frame)).collect();
        let frames = magnitudes.len() / self.bins();
        let length = frames.saturating_sub(1) * self.spec.hop;
        let mut estimate: Vec<Complex32> = (0_u32..)
            .map(|place| {
                let [word, ..] = philox4x32([place, 0, 0, 0], key(0));
                Complex32::from_polar(1.0, 2.0 * std::f32::consts::PI * unit_float(word))
            })
            .take(magnitudes.len())
            .collect();
        let mut previous: Vec<Complex32> = Vec::new();
        for _ in 0..iterations {
            let consistent = self.spectra(&self.sound(&magnitudes, &estimate, length));
            for (place, (estimate, &now)) in estimate.iter_mut().zip(&consistent).enumerate() {
                let before = previous.get(place).copied().unwrap_or(now);
                *estimate = now + (now - before) * MOMENTUM;
            }
            previous = consistent;
        }
        self.sound(&magnitudes, &estimate, length)
    }

    fn bins(&self) -> usize {
        self.spec.window / 2 + 1
    }

    /// The short-time Fourier transform, `[frames, bins]`.
    fn spectra(&self, samples: &[f32]) -> Vec<Complex32> {
        let (window, bins) = (self.spec.window, self.bins());
        let frames = self.spec.frames(samples.len());
        let mut spectra = vec![Complex32::default(); frames * bins];
        let mut frame = vec![0.0; window];
        let mut scratch = self.forward.make_scratch_vec();
        for (index, spectrum) in spectra.chunks_exact_mut(bins).enumerate() {
            for (place, (value, weight)) in frame.iter_mut().zip(&self.window).enumerate() {
                let sample = (index * self.spec.hop + place).checked_sub(window / 2);
                *value = weight * sample.and_then(|sample| samples.get(sample)).copied().unwrap_or_default();
            }
            let made = self.forward.process_with_scratch(&mut frame, spectrum, &mut scratch);
            debug_assert!(made.is_ok(), "buffers are as long as planned");
        }
        spectra
    }

    /// The sound, in the sense of least squares, whose spectra have these magnitudes and the phases of `phases`.
    fn sound(&self, magnitudes: &[f32], phases: &[Complex32], length: usize) -> Vec<f32> {
        let (window, bins) = (self.spec.window, self.bins());
        let (mut sum, mut weights) = (vec![0.0_f32; length], vec![0.0_f32; length]);
        let mut spectrum = vec![Complex32::default(); bins];
        let mut frame = vec![0.0; window];
        let mut scratch = self.backward.make_scratch_vec();
        let each = magnitudes.chunks_exact(bins).zip(phases.chunks_exact(bins));
        for (index, (magnitudes, phases)) in each.enumerate() {
            for ((value, &magnitude), phase) in spectrum.iter_mut().zip(magnitudes).zip(phases) {
                *value = *phase * (magnitude / phase.norm().max(f32::MIN_POSITIVE));
            }
            // Real by what they are: the transform insists.
            if let [lowest, .., highest] = &mut spectrum[..] {
                (lowest.im, highest.im) = (0.0, 0.0);
            }
            let made = self.backward.process_with_scratch(&mut spectrum, &mut frame, &mut scratch);
            debug_assert!(made.is_ok(), "buffers are as long as planned");
            for (place, (value, weight)) in frame.iter().zip(&self.window).enumerate() {
                let Some(sample) = (index * self.spec.hop + place).checked_sub(window / 2) else { continue };
                if let (Some(sum), Some(weights)) = (sum.get_mut(sample), weights.get_mut(sample)) {
                    *sum += value * weight / window as f32;
                    *weights += weight * weight;
                }
            }
        }
        // Where windows hardly reach, dividing by what they weigh would make noise of rounding.
        sum.iter().zip(&weights).map(|(sum, &weight)| sum / weight.max(1e-3)).collect()
    }

    /// Magnitudes of bins whose bands have the powers exp(`frame`).
    ///
    /// Bands are fewer than bins, so many powers explain them; these are non-negative and minimize the Kullback-Leibler
    /// divergence by multiplicative updates (Lee & Seung, NIPS 2000). Least squares would fit the loud bands alone,
    /// and what is heard and compared are logarithms.
    fn spread(&self, frame: &[f32]) -> Vec<f32> {
        let targets: Vec<f32> = frame
            .iter()
            // What is no number, from a model gone astray, is silence.
            .map(|&log| if log.is_nan() { 0.0 } else { log.clamp(FLOOR.ln(), CEILING).exp() })
            .collect();
        let mut covered = vec![0.0_f32; self.bins()];
        self.scatter(&mut covered, |_| 1.0);
        let mut powers: Vec<f32> = covered.iter().map(|&weight| if weight > 0.0 { 1.0 } else { 0.0 }).collect();
        for _ in 0..SPREAD_ITERATIONS {
            let mut gains = vec![0.0_f32; self.bins()];
            self.scatter(&mut gains, |band| {
                let explained: f32 = self
                    .bands
                    .get(band)
                    .map(|band| powers.iter().skip(band.first).zip(&band.weights).map(|(power, w)| power * w).sum())
                    .unwrap_or_default();
                targets.get(band).copied().unwrap_or_default() / explained.max(f32::MIN_POSITIVE)
            });
            for ((power, gain), &weight) in powers.iter_mut().zip(&gains).zip(&covered) {
                if weight > 0.0 {
                    *power *= gain / weight;
                }
            }
        }
        powers.into_iter().map(|power| power.sqrt() * self.window_sum).collect()
    }

    /// Adds each band's `value` to its bins, by their weights.
    fn scatter(&self, bins: &mut [f32], value: impl Fn(usize) -> f32) {
        for (index, band) in self.bands.iter().enumerate() {
            let value = value(index);
            for (bin, weight) in bins.iter_mut().skip(band.first).zip(&band.weights) {
                *bin += weight * value;
            }
        }
    }
}
