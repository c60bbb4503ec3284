//! Pixels without data: not a number, or a value that stands for it, such as rasters of maps and heights hold.

use super::samples::{Samples, StoredPicture};

/// Values that programs write where a raster has no data, beside those that its file names.
const USUAL: [f64; 6] = [-999.0, -9999.0, -32_767.0, -32_768.0, -99_999.0, -999_999.0];
/// Magnitude from which on a float is no measurement.
const BEYOND_ALL: f32 = 1e30;
/// Samples that are looked at for such values.
const LOOKED_AT: usize = 1 << 20;

impl StoredPicture {
    /// Adds to the values that stand for no data those usual for it that nothing else comes near; of 8 and 16 bits
    /// without a sign there are none.
    pub fn find_no_data(&mut self) {
        let Samples::Wide { values, .. } = &self.samples else { return };
        let (channels, colors) = (self.channels.max(1), self.colors());
        let step = (values.len() / channels / LOOKED_AT).max(1);
        let looked: Vec<f64> = values
            .chunks_exact(channels)
            .step_by(step)
            .flat_map(|pixel| pixel.iter().take(colors))
            .filter(|value| value.is_finite() && value.abs() < BEYOND_ALL)
            .map(|&value| f64::from(value))
            .collect();
        let is_code = |value: &f64| USUAL.contains(value) || self.no_data.contains(value);
        let least = looked.iter().copied().filter(|value| !is_code(value)).fold(f64::INFINITY, f64::min);
        let is_there = |code: f64| looked.iter().filter(|&&value| value == code).take(2).count() == 2;
        let found = USUAL.into_iter().filter(|&code| least.is_finite() && least > code / 2.0 && is_there(code));
        let found: Vec<f64> = found.filter(|code| !self.no_data.contains(code)).collect();
        self.no_data.extend(found);
    }

    /// Returns which pixels lack data; `None` if none does.
    pub fn lacking(&self) -> Option<Vec<bool>> {
        let codes: Vec<f32> = self.no_data.iter().map(|&code| code as f32).collect();
        let (channels, colors) = (self.channels.max(1), self.colors());
        let lacking: Vec<bool> = match &self.samples {
            Samples::Wide { values, .. } => {
                let lacks = |value: &f32| value.is_nan() || value.abs() >= BEYOND_ALL || codes.contains(value);
                values.chunks_exact(channels).map(|pixel| pixel.iter().take(colors).any(lacks)).collect()
            }
            _ if codes.is_empty() => return None,
            // A color may have one channel at the lowest value.
            samples => {
                let lacks =
                    |pixel: usize| (0..colors).all(|color| codes.contains(&samples.at(pixel * channels + color)));
                (0..samples.len() / channels).map(lacks).collect()
            }
        };
        lacking.contains(&true).then_some(lacking)
    }

    /// Returns the picture with `black` for the colors of pixels without data. Those that are no number stay so, unless
    /// the file says that this means no data.
    pub fn without_gaps(mut self, black: f32) -> Self {
        let Some(lacking) = self.lacking() else { return self };
        let (channels, colors) = (self.channels.max(1), self.colors());
        let codes: Vec<f32> = self.no_data.iter().map(|&code| code as f32).collect();
        let is_named = |value: f32| codes.iter().any(|code| *code == value || code.is_nan() && value.is_nan());
        for pixel in lacking.iter().enumerate().filter(|(_, lacks)| **lacks).map(|(pixel, _)| pixel) {
            let places = pixel * channels..pixel * channels + colors;
            match &mut self.samples {
                Samples::Bytes(values) => values.get_mut(places).into_iter().flatten().for_each(|value| *value = 0),
                Samples::Words(values) => {
                    values.get_mut(places).into_iter().flatten().for_each(|value| *value = black as u16);
                }
                Samples::Wide { values, .. } => {
                    let held = values.get_mut(places).into_iter().flatten();
                    held.filter(|value| value.is_finite() || is_named(**value)).for_each(|value| *value = black);
                }
            }
        }
        self
    }

    /// Returns the remark on the pixels that lack data; `None` if none does.
    pub fn note_on_no_data(&self) -> Option<String> {
        let lacking = self.lacking()?;
        let count = lacking.iter().filter(|lacks| **lacks).count();
        let mut held: Vec<f32> = Vec::new();
        for pixel in lacking.iter().enumerate().filter(|(_, lacks)| **lacks).map(|(pixel, _)| pixel) {
            for color in 0..self.colors() {
                let value = self.samples.at(pixel * self.channels + color);
                let is_new = |known: &f32| !(known == &value || known.is_nan() && value.is_nan());
                let is_code = value.is_nan() || value.abs() >= BEYOND_ALL || self.no_data.contains(&f64::from(value));
                if held.len() < 4 && is_code && held.iter().all(is_new) {
                    held.push(value);
                }
            }
        }
        let words: Vec<String> = held.iter().map(|&value| in_words(value)).collect();
        Some(format!(
            "{count} of {} pixels hold no data ({}): they are left as they are, and say nothing of the others",
            lacking.len(),
            words.join(", ")
        ))
    }

    /// Returns a sample as its file has it, where it was rounded: a value that stands for no data stays what it is.
    pub fn exact(&self, value: f32) -> f64 {
        let code = self.no_data.iter().copied().find(|&code| (code as f32).to_bits() == value.to_bits());
        code.unwrap_or_else(|| f64::from(value))
    }
}

fn in_words(value: f32) -> String {
    match value.abs() {
        magnitude if magnitude.is_finite() && magnitude >= 1e7 => format!("{value:e}"),
        _ => value.to_string(),
    }
}

/// Returns the numbers among `values` that are finite and beyond 32-bit floats: no measurement.
pub(super) fn beyond_floats(values: &[f64]) -> Vec<f64> {
    let mut found: Vec<f64> = Vec::new();
    for &value in values.iter().filter(|value| value.is_finite() && !(**value as f32).is_finite()) {
        if found.len() < 4 && !found.contains(&value) {
            found.push(value);
        }
    }
    found
}
