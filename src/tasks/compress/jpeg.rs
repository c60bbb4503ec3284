//! JPEG baseline on the same images, in bytes of whole files: each image by itself, and all together on one sheet, so
//! that the size of the headers does not decide.

use rayon::prelude::*;

use crate::data::ImageShape;
use crate::metrics;

/// JPEG qualities at which images are measured.
pub(super) const QUALITIES: [u8; 8] = [1, 5, 10, 20, 35, 50, 75, 90];
/// Side of a block of JPEG, in pixels.
const SQUARE: usize = 8;
/// Largest side of a JPEG file, in pixels.
const MOST_SIDE: usize = 65_535;

/// Bytes of all files, and mean squared error over all values.
pub(super) type JpegSize = (usize, f64);

/// Returns whether JPEG can hold the images: gray or color, values in 0..1.
pub(super) fn fits(image: ImageShape, rows: &[f32]) -> bool {
    matches!(image.channels, 1 | 3) && rows.iter().all(|value| (0.0..=1.0).contains(value))
}

/// Encodes each of `rows` `[rows, features]` to a file of its own.
pub(super) fn each(rows: &[f32], image: ImageShape, quality: u8) -> Result<JpegSize, String> {
    let outcomes: Vec<Result<JpegSize, String>> = rows
        .par_chunks_exact(image.values())
        .map(|row| {
            let (bytes, made) = through(row, image, quality)?;
            Ok((bytes, metrics::mse(&made, row)))
        })
        .collect();
    let count = outcomes.len().max(1) as f64;
    outcomes
        .into_iter()
        .try_fold((0, 0.0), |sum, outcome| outcome.map(|(bytes, mse)| (sum.0 + bytes, sum.1 + mse / count)))
}

/// Encodes all rows on one sheet, each in whole blocks of its own, its edge repeated to fill them; `None` where the
/// sheet is larger than JPEG allows.
pub(super) fn sheet(rows: &[f32], image: ImageShape, quality: u8) -> Result<Option<JpegSize>, String> {
    let count = rows.len() / image.values();
    let across = (1..=count).find(|side| side * side >= count).unwrap_or(1);
    let (height, width) = (image.height.next_multiple_of(SQUARE), image.width.next_multiple_of(SQUARE));
    let whole = ImageShape { height: height * count.div_ceil(across), width: width * across, ..image };
    if whole.height.max(whole.width) > MOST_SIDE {
        return Ok(None);
    }
    // Where the pixel of the sheet comes from, and whether it is more than filling.
    let source = |x: usize, y: usize| {
        let row = y / height * across + x / width;
        let (inner_x, inner_y) = (x % width, y % height);
        let at = inner_y.min(image.height - 1) * image.width + inner_x.min(image.width - 1);
        (row < count)
            .then_some((row * image.values() + at * image.channels, inner_x < image.width && inner_y < image.height))
    };
    let mut values = Vec::with_capacity(whole.values());
    for y in 0..whole.height {
        for x in 0..whole.width {
            match source(x, y) {
                Some((at, _)) => values.extend_from_slice(&rows[at..at + image.channels]),
                None => values.extend(std::iter::repeat_n(0.0, image.channels)),
            }
        }
    }
    let (bytes, made) = through(&values, whole, quality)?;
    let (mut sum, mut place) = (0.0, 0);
    for y in 0..whole.height {
        for x in 0..whole.width {
            if let Some((at, true)) = source(x, y) {
                let pairs = made[place..place + image.channels].iter().zip(&rows[at..at + image.channels]);
                sum += pairs.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>();
            }
            place += image.channels;
        }
    }
    Ok(Some((bytes, sum / rows.len() as f64)))
}

/// Encodes an image to JPEG and decodes it; returns the bytes of the file and the decoded values.
fn through(values: &[f32], image: ImageShape, quality: u8) -> Result<(usize, Vec<f32>), String> {
    let bytes: Vec<u8> = values.iter().map(|value| (value * 255.0).round() as u8).collect();
    let color = if image.channels == 1 { image::ExtendedColorType::L8 } else { image::ExtendedColorType::Rgb8 };
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, quality)
        .encode(&bytes, image.width as u32, image.height as u32, color)
        .map_err(|error| error.to_string())?;
    let made =
        image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg).map_err(|error| error.to_string())?;
    let made = if image.channels == 1 { made.into_luma8().into_raw() } else { made.into_rgb8().into_raw() };
    Ok((file.len(), made.iter().map(|&byte| f32::from(byte) / 255.0).collect()))
}
