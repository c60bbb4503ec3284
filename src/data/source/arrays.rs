//! Arrays: form of their rows by shape, labels beside them, pictures with channels first.

use std::path::Path;

use super::raw::{RawRows, RawValues, limit};
use crate::data::array_rows::{ArrayLocation, FileRows, FoundArray};
use crate::data::formats::array::ArrayValues;
use crate::data::labels::classes_of;
use crate::data::spec::{DataSpec, Scaling};
use crate::data::{DataError, ImageShape, array_rows};
use crate::error::Setting;

#[tracing::instrument(level = "debug", name = "read_array", skip_all)]
pub(super) fn read_array(path: &Path, options: &mut DataSpec, notes: &mut Vec<String>) -> Result<RawRows, DataError> {
    let place = path.display().to_string();
    let FoundArray { shape, numbers, labels } = array_rows::find(path, options, limit())?;
    let (&count, inner) = shape.split_first().filter(|(_, inner)| !inner.is_empty()).ok_or_else(|| {
        DataError::malformed(
            &place,
            format!("it has shape {shape:?}; give rows x values, or pictures x height x width"),
        )
    })?;
    let features: usize = inner.iter().product();
    if count == 0 || features == 0 {
        return Err(DataError::malformed(place, format!("it has shape {shape:?} and so no values; give some")));
    }
    let (image, channels_first) = pictures_of(inner, features, options, &place)?;
    let period = image.map(|image| image.channels);
    let mut body = match numbers {
        ArrayLocation::Here(ArrayValues::Bytes(bytes)) => RawValues::Bytes(bytes),
        ArrayLocation::Here(ArrayValues::Floats(floats)) => {
            check_finite(&floats, features, &place)?;
            RawValues::Floats(floats)
        }
        ArrayLocation::There(_) if channels_first => {
            return Err(DataError::malformed(
                place,
                "it is larger than memory and has its channels first; save it with channels last (N, H, W, C)",
            ));
        }
        ArrayLocation::There(file) => {
            notes.push("larger than half of the free memory: rows are read from the file while training".to_owned());
            RawValues::File(file)
        }
    };
    if let (true, Some(image)) = (channels_first, image) {
        body = match body {
            RawValues::Bytes(bytes) => RawValues::Bytes(channels_last(&bytes, image)),
            RawValues::Floats(floats) => RawValues::Floats(channels_last(&floats, image)),
            other => other,
        };
    }
    let bytes =
        matches!(&body, RawValues::Bytes(_)) || matches!(&body, RawValues::File(file) if FileRows::holds_bytes(file));
    let in_unit = |floats: &[f32]| period.is_some() && floats.iter().all(|value| (0.0..=1.0).contains(value));
    options.scale.get_or_insert(match &body {
        _ if bytes => Scaling::Unit,
        RawValues::Floats(floats) if in_unit(floats) => Scaling::None,
        _ => options.usual_scaling(),
    });
    if let (RawValues::Bytes(bytes), false) = (&body, options.scale == Some(Scaling::Unit)) {
        body = RawValues::Floats(bytes.iter().map(|&byte| f32::from(byte)).collect());
    }
    let labels = match labels {
        Some(words) if words.len() == count => {
            // An array that is only called like labels may be what a regression would learn.
            let found = classes_of(&words).filter(|labels| options.labels.is_some() || labels.are_likely_classes());
            if found.is_none() {
                let problem = "the labels have too many or too few different values to be classes: not used; name \
                               their array with data.labels where they are";
                notes.push(problem.to_owned());
            }
            found
        }
        Some(words) => {
            let problem = format!("there are {} labels for {count} rows; give one for each", words.len());
            return Err(DataError::malformed(place, problem));
        }
        None => None,
    };
    Ok(RawRows { image, labels, period, ..RawRows::new(count, features, body) })
}

/// Refuses values that are missing or infinite.
pub(super) fn check_finite(values: &[f32], features: usize, place: &str) -> Result<(), DataError> {
    let Some(at) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let (row, value, seen) = (at / features + 1, at % features + 1, values[at]);
    Err(DataError::malformed(place, format!("row {row}, value {value} is {seen}; replace what is missing or infinite")))
}

/// Returns the shape of the pictures that the rows of an array are, by its shape or by the spec, and whether channels
/// come before pixels.
fn pictures_of(
    inner: &[usize],
    features: usize,
    options: &DataSpec,
    place: &str,
) -> Result<(Option<ImageShape>, bool), DataError> {
    let shape = |height, width, channels| Some(ImageShape { height, width, channels });
    let channels = |count: usize| matches!(count, 1 | 3 | 4);
    Ok(match (inner, options.size) {
        (&[height, width], _) => (shape(height, width, 1), false),
        (&[height, width, last], _) if channels(last) => (shape(height, width, last), false),
        (&[first, height, width], _) if channels(first) => (shape(height, width, first), first > 1),
        // Rows that are pictures because the spec says so.
        (_, Some([height, width])) => {
            let image = ImageShape { height, width, channels: options.channels.unwrap_or(1) };
            if image.values() != features {
                let problem =
                    format!("{height}x{width}x{} is not the {features} values of a row of {place}", image.channels);
                return Err(DataError::Setting { setting: Setting::spec_key("data.size"), problem });
            }
            (Some(image), false)
        }
        _ => (None, false),
    })
}

/// `[rows, C, H, W]` as `[rows, H, W, C]`.
fn channels_last<T: Copy>(values: &[T], image: ImageShape) -> Vec<T> {
    let (pixels, channels) = (image.height * image.width, image.channels);
    values
        .chunks_exact(pixels * channels)
        .flat_map(|row| (0..pixels * channels).map(move |i| row[i % channels * pixels + i / channels]))
        .collect()
}
