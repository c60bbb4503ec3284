//! JPEG: pictures that are whole. `image` fills in gray for what is missing or damaged, and says nothing of it.

use image::{DynamicImage, ImageBuffer, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::jpeg_chroma::with_chroma;
use super::jpeg_scan::{CUT, WalkedJpeg, damaged, walk};

/// A decoded JPEG file, and what is to be said of it.
#[derive(Debug)]
pub(crate) struct DecodedJpeg {
    pub picture: DynamicImage,
    pub note: Option<&'static str>,
}

/// Decodes `bytes`, a JPEG file, and refuses what is cut off or damaged, in words.
pub(crate) fn decode_jpeg(bytes: &[u8]) -> Result<DecodedJpeg, String> {
    let walked = walk(bytes)?;
    let mut ended = Vec::new();
    let bytes = match walked.is_ended {
        true => bytes,
        false => {
            ended.extend_from_slice(bytes);
            ended.extend([0xff, 0xd9]);
            &ended
        }
    };
    let picture = match subsampled(bytes, &walked)? {
        Some(picture) => DynamicImage::ImageRgb8(picture),
        None => decoded(bytes, false)?,
    };
    Ok(DecodedJpeg { picture, note: walked.note() })
}

/// Decodes a picture whose colors have fewer samples than its brightness. The decoder interpolates them with halves
/// rounded up everywhere, which shifts colors; here they are interpolated as libjpeg does it, which most programs read
/// JPEG by. `None` for any other picture.
fn subsampled(bytes: &[u8], walked: &WalkedJpeg) -> Result<Option<RgbImage>, String> {
    let [blue, red] = &walked.planes[..] else { return Ok(None) };
    let options = DecoderOptions::default().set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    if decoder.decode_headers().is_err() || decoder.input_colorspace() != Some(ColorSpace::YCbCr) {
        return Ok(None);
    }
    let plane = |bytes: &[u8]| decoded(bytes, true).map(DynamicImage::into_luma8);
    let (Ok(blue), Ok(red)) = (plane(blue), plane(red)) else { return Ok(None) };
    Ok(with_chroma(decoded(bytes, true)?.into_rgb8(), [&blue, &red], walked.ratio))
}

/// Decodes the picture; where `as_stored`, its colors are left as brightness and differences of blue and red.
fn decoded(bytes: &[u8], as_stored: bool) -> Result<DynamicImage, String> {
    match decoded_strictly(bytes, as_stored, true) {
        // Bytes between two headers are passed over: nothing of the picture is missing.
        Err(problem) if problem.contains("Extra bytes") => decoded_strictly(bytes, as_stored, false),
        other => other,
    }
    .map_err(|problem| {
        let problem = if problem.contains("Exhausted") { CUT.to_owned() } else { damaged(&problem) };
        problem.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

fn decoded_strictly(bytes: &[u8], as_stored: bool, strict: bool) -> Result<DynamicImage, String> {
    let options =
        DecoderOptions::default().set_strict_mode(strict).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let in_words = |error: zune_jpeg::errors::DecodeErrors| error.to_string();
    decoder.decode_headers().map_err(in_words)?;
    let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let color = match gray {
        true => ColorSpace::Luma,
        false if as_stored => ColorSpace::YCbCr,
        false => ColorSpace::RGB,
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(color));
    let (width, height) = decoder.dimensions().ok_or_else(|| "it names no size".to_owned())?;
    let pixels = decoder.decode().map_err(in_words)?;
    let [width, height] = [width, height].map(|side| u32::try_from(side).unwrap_or(0));
    let made = match gray {
        true => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        false => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
    };
    made.ok_or_else(|| "its pixels are not those of its size".to_owned())
}
