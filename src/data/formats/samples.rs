//! Samples of a picture as its file has them, of any number type, and the values that stand for black and white.

use std::ops::Range;

use super::array::ArrayDType;

/// Least span of whole numbers between black and white: below it rounding would pass for noise.
const LEAST_COUNTS: f32 = 255.0;
/// Highest value of a 16-bit picture from which on it is taken to use all 16 bits.
const WHOLE_WORD: f32 = 32_768.0;
/// Shares of the samples below black and above white, so that single broken pixels do not decide.
const BEYOND: f64 = 0.001;
/// Samples that are looked at; more do not change the choice.
const LOOKED_AT: usize = 1 << 20;
/// Largest magnitude of floats that are in 0..1 but for noise.
const FARTHEST_UNIT: f32 = 16.0;

/// Values of samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Samples {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
    /// Numbers of any other type, rounded to f32.
    Wide {
        values: Vec<f32>,
        element: ArrayDType,
    },
}

/// Relation of colors to the last channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AlphaKind {
    /// There is no alpha.
    #[default]
    None,
    /// Colors are as they would be without alpha.
    Straight,
    /// Colors are multiplied by alpha.
    Premultiplied,
}

/// A decoded picture: `channels` interleaved samples a pixel, the last of them alpha where there is one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredPicture {
    /// Height and width in pixels.
    pub size: [usize; 2],
    pub channels: usize,
    pub alpha: AlphaKind,
    /// Channels between red, green and blue and alpha, such as near infrared.
    pub extra: usize,
    /// Values that stand for no data.
    pub no_data: Vec<f64>,
    pub samples: Samples,
}

impl StoredPicture {
    /// Returns the number of channels, alpha left out.
    pub fn colors(&self) -> usize {
        self.channels - usize::from(self.alpha != AlphaKind::None)
    }

    /// Returns the picture without the channels beside red, green, blue and alpha.
    pub fn without_extra(self) -> Self {
        fn kept<T: Copy>(values: &[T], channels: usize, left_out: &Range<usize>) -> Vec<T> {
            let is_kept = |at: usize| !left_out.contains(&(at % channels));
            values.iter().enumerate().filter(|(at, _)| is_kept(*at)).map(|(_, value)| *value).collect()
        }
        if self.extra == 0 {
            return self;
        }
        let left_out = self.colors() - self.extra..self.colors();
        let samples = match &self.samples {
            Samples::Bytes(values) => Samples::Bytes(kept(values, self.channels, &left_out)),
            Samples::Words(values) => Samples::Words(kept(values, self.channels, &left_out)),
            Samples::Wide { values, element } => {
                Samples::Wide { values: kept(values, self.channels, &left_out), element: *element }
            }
        };
        Self { channels: self.channels - self.extra, extra: 0, samples, ..self }
    }
}

impl Samples {
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Words(values) => values.len(),
            Self::Wide { values, .. } => values.len(),
        }
    }

    pub fn element(&self) -> ArrayDType {
        match self {
            Self::Bytes(_) => ArrayDType::U8,
            Self::Words(_) => ArrayDType::U16,
            Self::Wide { element, .. } => *element,
        }
    }

    /// Returns the number at `index`; 0 beyond the end.
    pub fn at(&self, index: usize) -> f32 {
        match self {
            Self::Bytes(values) => values.get(index).map_or(0.0, |&value| f32::from(value)),
            Self::Words(values) => values.get(index).map_or(0.0, |&value| f32::from(value)),
            Self::Wide { values, .. } => values.get(index).copied().unwrap_or(0.0),
        }
    }

    /// Returns the values of black and white that the type itself has: 0 and the largest of 8 and 16 bits.
    pub fn own_range(&self) -> [f32; 2] {
        match self {
            Self::Bytes(_) => [0.0, 255.0],
            Self::Words(_) => [0.0, 65_535.0],
            Self::Wide { .. } => [0.0, 1.0],
        }
    }
}

/// Returns the values that stand for black and white in `pictures`, alpha left out: those of the number type where
/// they use its range, else by what they hold. Counts of 10, 12 or 14 bits in 16, and numbers of any unit, then fill
/// 0..1 as a photograph of 8 bits does.
pub(crate) fn value_range(pictures: &[&StoredPicture]) -> [f32; 2] {
    let Some(first) = pictures.first() else { return [0.0, 1.0] };
    let own = first.samples.own_range();
    if matches!(first.samples, Samples::Bytes(_)) {
        return own;
    }
    range_of(&mut looked_at(pictures), first.samples.element())
}

/// Returns the values that nearly all samples of `picture` lie between, alpha left out; `None` without any.
pub(crate) fn held_range(picture: &StoredPicture) -> Option<[f32; 2]> {
    let mut values = looked_at(&[picture]);
    values.sort_unstable_by(f32::total_cmp);
    let place = |share: f64| values.get((share * values.len().saturating_sub(1) as f64).round() as usize).copied();
    Some([place(BEYOND)?, place(1.0 - BEYOND)?])
}

/// Returns numbers of `pictures`, alpha and what stands for no data left out, at most about [`LOOKED_AT`] pixels.
fn looked_at(pictures: &[&StoredPicture]) -> Vec<f32> {
    let total: usize = pictures.iter().map(|picture| picture.samples.len() / picture.channels.max(1)).sum();
    let step = (total / LOOKED_AT).max(1);
    let mut values: Vec<f32> = Vec::new();
    for picture in pictures {
        let pixels = picture.samples.len() / picture.channels.max(1);
        let lacking = picture.lacking();
        let has_data = |pixel: &usize| lacking.as_ref().and_then(|lacking| lacking.get(*pixel)) != Some(&true);
        for pixel in (0..pixels).step_by(step).filter(has_data) {
            values.extend((0..picture.colors()).map(|color| picture.samples.at(pixel * picture.channels + color)));
        }
    }
    values.retain(|value| value.is_finite());
    values
}

/// Returns the remark that `values`, numbers of a file's type `element`, were rounded when they became 32-bit floats:
/// whole numbers by more than 1, or floats by a visible share of what they span.
pub(crate) fn note_on_rounding(values: &[f32], element: ArrayDType) -> Option<String> {
    /// Steps between the least and the largest value below which they are seen.
    const VISIBLE: f32 = 4096.0;
    let limits = [f32::INFINITY, f32::NEG_INFINITY];
    let [low, high] = values.iter().fold(limits, |[low, high], &value| [low.min(value), high.max(value)]);
    let most = low.abs().max(high.abs());
    let step = most.is_finite().then(|| f32::from_bits(most.to_bits() + 1) - most)?;
    let is_lost = match element {
        ArrayDType::U32 | ArrayDType::I32 | ArrayDType::U64 | ArrayDType::I64 => step > 1.0,
        ArrayDType::F64 => step * VISIBLE > high - low && most > 0.0,
        _ => false,
    };
    is_lost.then(|| {
        // An offset that leaves numbers as large as before is none.
        let advice = match high - low < 0.5 * most {
            true => format!("; subtract an offset such as {low} first to keep it"),
            false => String::new(),
        };
        format!(
            "its values of {} up to {most} are read in steps of {step}, and what is finer is lost{advice}",
            element.words()
        )
    })
}

/// Returns the values that stand for black and white among `values`, numbers of a file's type `element`.
pub(crate) fn range_of(values: &mut [f32], element: ArrayDType) -> [f32; 2] {
    values.sort_unstable_by(f32::total_cmp);
    let (Some(&least), Some(&most)) = (values.first(), values.last()) else { return [0.0, 1.0] };
    let place = |share: f64| values.get((share * (values.len() - 1) as f64).round() as usize).copied();
    let (low, high) = (place(BEYOND).unwrap_or(least), place(1.0 - BEYOND).unwrap_or(most));
    let whole = match element {
        ArrayDType::Bool => return [0.0, 1.0],
        ArrayDType::U8 => return [0.0, 255.0],
        ArrayDType::U16 if high >= WHOLE_WORD => return [0.0, 65_535.0],
        ArrayDType::F16 | ArrayDType::Bf16 | ArrayDType::F32 | ArrayDType::F64 => {
            let below = values.partition_point(|&value| value < 0.0);
            let above = values.len() - values.partition_point(|&value| value <= 1.0);
            // Noise leads a picture in 0..1 beyond it, but not the larger part of it.
            let mostly_within = below * 3 <= values.len() && above * 3 <= values.len();
            // A few broken pixels beyond all others do not decide.
            if mostly_within && low >= -FARTHEST_UNIT && high <= FARTHEST_UNIT && high > 1.0 / FARTHEST_UNIT {
                return [0.0, 1.0];
            }
            false
        }
        _ => true,
    };
    // A single bright star is no reason for darkness, nor a broken pixel.
    let reach = (high - low).max(f32::MIN_POSITIVE);
    let top = if most - low > 2.0 * reach { high + 0.25 * reach } else { most };
    let bottom = if high - least > 2.0 * reach { low - 0.25 * reach } else { least };
    // Zero is black, unless the values lie far from it.
    let bottom = if bottom > 0.0 && bottom < 0.1 * top { 0.0 } else { bottom };
    let span = (top - bottom).max(if whole { LEAST_COUNTS } else { f32::MIN_POSITIVE });
    let span = if top > bottom || whole { span } else { 1.0 };
    [bottom, bottom + span]
}

#[cfg(test)]
mod tests {
    use super::{ArrayDType, range_of};

    #[test]
    fn black_and_white_are_those_that_the_values_reach() {
        let ramp = |low: f32, high: f32| (0..=1000).map(|i| low + (high - low) * i as f32 / 1000.0).collect::<Vec<_>>();
        let range = |low, high, element| range_of(&mut ramp(low, high), element);
        assert_eq!(range(0.0, 65_535.0, ArrayDType::U16), [0.0, 65_535.0]);
        assert_eq!(range(20.0, 4000.0, ArrayDType::U16), [0.0, 4000.0]);
        assert_eq!(range(1000.0, 1600.0, ArrayDType::U16), [1000.0, 1600.0]);
        // Ten counts are no photograph: rounding would be noise.
        assert_eq!(range(1000.0, 1010.0, ArrayDType::U16), [1000.0, 1255.0]);
        assert_eq!(range(-0.2, 1.2, ArrayDType::F32), [0.0, 1.0]);
        assert_eq!(range(-1.0, 1.0, ArrayDType::F32), [-1.0, 1.0]);
        assert_eq!(range(100.0, 3000.0, ArrayDType::F64), [0.0, 3000.0]);
        assert_eq!(range(5.0, 5.0, ArrayDType::F32), [5.0, 6.0]);
        let mut with_broken = ramp(0.0, 1000.0);
        with_broken.push(65_535.0);
        let top = range_of(&mut with_broken, ArrayDType::U16)[1];
        assert!((1200.0..1300.0).contains(&top), "{top}");
        let mut with_broken = ramp(0.0, 1.0);
        with_broken.push(300.0);
        assert_eq!(range_of(&mut with_broken, ArrayDType::F32), [0.0, 1.0]);
    }
}
