//! Arrays: form of their rows by shape, labels beside them, pictures with channels first.

use std::path::Path;

use super::raw::{RawRows, RawValues, limit};
use crate::data::array_rows::{ArrayLocation, FileRows, FoundArray};
use crate::data::axes::{PictureAxes, axes_of_rows};
use crate::data::formats::array::{ArrayDType, ArrayValues};
use crate::data::formats::samples::note_on_rounding;
use crate::data::images::smaller_pieces;
use crate::data::labels::classes_of;
use crate::data::spec::{DataSpec, Scaling, SplitKind};
use crate::data::{DataError, ImageShape, array_rows};
use crate::error::Setting;

/// Side in pixels above which pictures that are taken whole take long.
const LARGE_SIDE: usize = 128;

#[tracing::instrument(level = "debug", name = "read_array", skip_all)]
pub(super) fn read_array(path: &Path, options: &mut DataSpec, notes: &mut Vec<String>) -> Result<RawRows, DataError> {
    let place = path.display().to_string();
    let FoundArray { mut shape, mut numbers, element, labels, mut given, notes: found } =
        array_rows::find(path, options, limit())?;
    notes.extend(found);
    let stored = shape.clone();
    let is_set = options.axes.is_some() || options.size.is_some();
    let mut names = None;
    if let Some(arranged) = arranged(&shape, &mut numbers, options, given.is_some(), &place, notes)? {
        shape = arranged.shape;
        if let Some(parts) = arranged.parts {
            names = Some((1..=parts.len()).map(|piece| format!("{}, piece {piece}", name_of(path))).collect());
            given = Some(parts);
        }
    }
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
    if !is_set && stored == shape {
        notes.extend(note_on_dimensions(&shape, image, channels_first));
    }
    let row_shape = match image {
        _ if options.axes.is_some() || inner.len() < 2 => Vec::new(),
        Some(_) if !channels_first && inner.len() == 2 => Vec::new(),
        Some(image) if !channels_first && image.channels > 1 => Vec::new(),
        _ => inner.to_vec(),
    };
    if let (Some(image), true) = (image, options.whole)
        && image.height.max(image.width) > LARGE_SIDE
    {
        notes.push(format!(
            "its pictures of {}x{} are taken at their own size, while files are brought to 64x64 as a whole: it takes \
             long, so save them as files or smaller where their faults are not lost",
            image.height, image.width
        ));
    }
    let element = element.filter(|element| *element != ArrayDType::F32);
    let period = image.map(|image| image.channels);
    let mut body = match numbers {
        ArrayLocation::Here(ArrayValues::Bytes(bytes)) => RawValues::Bytes(bytes),
        ArrayLocation::Here(ArrayValues::Floats(floats)) => {
            check_finite(&floats, features, &place)?;
            notes.extend(element.and_then(|element| note_on_rounding(&floats, element)));
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
    let range = match (&body, image) {
        (RawValues::Floats(floats), Some(_)) if !matches!(element, Some(ArrayDType::U8 | ArrayDType::U16)) => {
            let limits = [f32::INFINITY, f32::NEG_INFINITY];
            let [low, high] = floats.iter().fold(limits, |[low, high], &value| [low.min(value), high.max(value)]);
            (low < 0.0 || high > 1.0).then(|| [f64::from(low), f64::from(high)])
        }
        _ => None,
    };
    let given = given.map(|given| (given, SplitKind::Given));
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
            let problem = format!(
                "there are {} labels for {count} rows; give one for each, or none of them: setting `data.labels=none`",
                words.len()
            );
            return Err(DataError::malformed(place, problem));
        }
        None => None,
    };
    let body = RawRows::new(count, features, body);
    Ok(RawRows { image, labels, period, element, row_shape, range, given, names, ..body })
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Rows of pictures made of an array whose dimensions mean something else than rows of values.
struct ArrangedRows {
    shape: Vec<usize>,
    /// Part of each piece of a single picture.
    parts: Option<Vec<u8>>,
}

/// Largest sides of pieces that a single picture is cut in, the largest first.
const PIECE_SIDES: [usize; 4] = [64, 32, 16, 8];
/// Shares of the lines of a single picture at which its train and its validation part end.
const PIECE_PARTS: [f64; 2] = [0.7, 0.85];

/// Rearranges `numbers` by `data.axes`, or by a shape that is one picture in color: pictures become rows with channels
/// last, a single one is cut in pieces that overlap by half. `None` where each of the first dimension is a row.
fn arranged(
    shape: &[usize],
    numbers: &mut ArrayLocation,
    options: &mut DataSpec,
    has_parts: bool,
    place: &str,
    notes: &mut Vec<String>,
) -> Result<Option<ArrangedRows>, DataError> {
    let key = Setting::spec_key("data.axes");
    let wrong = |problem: String| DataError::Setting { setting: key, problem };
    let usual = axes_of_rows(shape).filter(|_| !has_parts).filter(|letters| match (&*numbers, *letters, shape) {
        // Three numbers a step are as common as three colors a pixel: a picture has neighbors that are alike.
        (ArrayLocation::Here(values), "YXC", &[height, width, channels]) => {
            looks_like_picture(values, height, width, channels)
        }
        (ArrayLocation::Here(_), _, _) => true,
        _ => false,
    });
    let Some(letters) = options.axes.clone().or_else(|| usual.map(str::to_owned)) else {
        if let (&[height, width], ArrayLocation::Here(values)) = (shape, &*numbers)
            && looks_like_picture(values, height, width, 1)
        {
            notes.push(format!("its {height} lines are taken for rows; {key} = \"YX\" takes them for one picture"));
        }
        if let &[height, width, last] = shape
            && last > 1
            && (height == width && last != width || may_be_channels(shape))
        {
            let (letter, otherwise) = match last {
                3 | 4 => ('C', format!("one picture of {height}x{width} and {last} channels")),
                _ => ('T', format!("{last} pictures of {height}x{width}")),
            };
            notes.push(format!(
                "its {height} parts are taken for pictures of {width}x{last}; setting `data.axes=YX{letter}` takes it \
                 for {otherwise}"
            ));
        }
        return Ok(None);
    };
    let Some(axes) = PictureAxes::new(shape, &letters).map_err(wrong)? else { return Ok(None) };
    if !matches!(axes.channels, 1 | 3 | 4) {
        return Err(wrong(format!(
            "{letters:?} makes {} channels of {shape:?}; pictures have 1, 3 or 4",
            axes.channels
        )));
    }
    let [height, width] = axes.size;
    let ArrayLocation::Here(values) = &*numbers else {
        return Err(DataError::malformed(place, "it is larger than memory and cannot be arranged; save it as NYXC"));
    };
    let is_stack = letters.chars().any(|letter| matches!(letter.to_ascii_uppercase(), 'N' | 'T' | 'Z'));
    if is_stack {
        let of = |picture: usize| axes.places(picture);
        let made = rearranged(values, (0..axes.pictures).flat_map(of));
        *numbers = ArrayLocation::Here(made);
        return Ok(Some(ArrangedRows { shape: vec![axes.pictures, height, width, axes.channels], parts: None }));
    }
    let least_band = ((1.0 - PIECE_PARTS[1]) * height as f64) as usize;
    let side = match options.size {
        Some(size) => size,
        None => {
            let side = PIECE_SIDES.into_iter().find(|&side| side <= least_band && side <= width);
            [side.ok_or_else(|| wrong(format!("one picture of {height}x{width} is too small to learn from")))?; 2]
        }
    };
    if side[0] > least_band || side[1] > width {
        let problem = format!(
            "one picture of {height}x{width} has no room to hold out pieces of {}x{}; {}",
            side[0],
            side[1],
            smaller_pieces(least_band as f64, width)
        );
        return Err(DataError::Setting { setting: Setting::spec_key("data.size"), problem });
    }
    let ends = PIECE_PARTS.map(|share| (share * height as f64) as usize);
    let bands = [(0_u8, 0, ends[0]), (1, ends[0], ends[1]), (2, ends[1], height)];
    let grid: Vec<usize> = axes.places(0).collect();
    let (mut wanted, mut parts) = (Vec::new(), Vec::new());
    for (part, from, to) in bands {
        for top in (from..=to.saturating_sub(side[0])).step_by((side[0] / 2).max(1)) {
            for left in (0..=width - side[1]).step_by((side[1] / 2).max(1)) {
                parts.push(part);
                for y in top..top + side[0] {
                    let line = (y * width + left) * axes.channels;
                    wanted.extend(grid.get(line..line + side[1] * axes.channels).unwrap_or_default());
                }
            }
        }
    }
    let made = rearranged(values, wanted.into_iter());
    *numbers = ArrayLocation::Here(made);
    notes.push(format!(
        "its shape {shape:?} is taken for one picture of {height}x{width} and {} channels ({letters}), cut in {} pieces \
         of {}x{}; {key} says otherwise",
        axes.channels,
        parts.len(),
        side[0],
        side[1]
    ));
    options.axes = Some(letters);
    Ok(Some(ArrangedRows { shape: vec![parts.len(), side[0], side[1], axes.channels], parts: Some(parts) }))
}

/// Returns whether the last of three dimensions is so much shorter than the others that it may count channels.
fn may_be_channels(shape: &[usize]) -> bool {
    /// Least side of a picture, and how many times longer its sides are than it has channels.
    const LEAST: usize = 16;
    const TIMES: usize = 4;
    matches!(*shape, [height, width, last] if height.min(width) >= LEAST.max(TIMES * last))
}

/// Returns the remark on how the dimensions of an array were read, where its shape leaves it in doubt.
fn note_on_dimensions(shape: &[usize], image: Option<ImageShape>, channels_first: bool) -> Option<String> {
    let (count, inner) = shape.split_first()?;
    let read = match image {
        Some(image) if channels_first => format!(
            "{count} pictures of {}x{} and {} channels, which come first",
            image.height, image.width, image.channels
        ),
        None if inner.len() > 1 => {
            format!("{count} rows of {} values each, without neighbors", inner.iter().product::<usize>())
        }
        _ => return None,
    };
    let letters = "N".repeat(shape.len().saturating_sub(3));
    Some(format!(
        "its shape {shape:?} is taken for {read}; a letter for each dimension says otherwise, such as setting \
         `data.axes={letters}ZYX`"
    ))
}

fn rearranged(values: &ArrayValues, places: impl Iterator<Item = usize>) -> ArrayValues {
    match values {
        ArrayValues::Bytes(bytes) => ArrayValues::Bytes(places.filter_map(|at| bytes.get(at).copied()).collect()),
        ArrayValues::Floats(floats) => ArrayValues::Floats(places.filter_map(|at| floats.get(at).copied()).collect()),
    }
}

/// Returns whether neighbors in both directions, of the first of `channels`, are so alike as only those in a picture
/// are.
fn looks_like_picture(values: &ArrayValues, height: usize, width: usize, channels: usize) -> bool {
    /// Mean square of neighbors' differences, relative to that of any two values, up to which they are alike.
    const ALIKE: f64 = 0.35;
    /// Least side in pixels.
    const LEAST: usize = 16;
    if height.min(width) < LEAST {
        return false;
    }
    let at = |place: usize| match values {
        ArrayValues::Bytes(bytes) => bytes.get(place * channels).map_or(0.0, |&byte| f64::from(byte)),
        ArrayValues::Floats(floats) => floats.get(place * channels).map_or(0.0, |&value| f64::from(value)),
    };
    let (mut sum, mut squares, mut down, mut across, mut count) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for y in 0..height - 1 {
        for x in 0..width - 1 {
            let value = at(y * width + x);
            (sum, squares, count) = (sum + value, squares + value * value, count + 1.0);
            down += (at((y + 1) * width + x) - value).powi(2);
            across += (at(y * width + x + 1) - value).powi(2);
        }
    }
    let variance = squares / count - (sum / count).powi(2);
    variance > 0.0 && down.max(across) / count < ALIKE * 2.0 * variance
}

/// Refuses values that are missing or infinite.
pub(super) fn check_finite(values: &[f32], features: usize, place: &str) -> Result<(), DataError> {
    let Some(at) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let (row, value, seen) = (at / features + 1, at % features + 1, values[at]);
    // Numbers of 64 bits are rounded to the nearest that is read.
    let why = if seen.is_infinite() { " or beyond 3.4e38, the largest number that is read" } else { "" };
    let problem = format!("row {row}, value {value} is {seen}{why}; replace what is missing or infinite");
    Err(DataError::malformed(place, problem))
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
