//! Encoding of a cleaned image in the format of its file, with the metadata that are kept.

use std::path::Path;

use image::codecs::pnm::{GraymapHeader, PixmapHeader, PnmHeader, PnmSubtype, SampleEncoding};
use image::codecs::{bmp, jpeg, png, pnm, webp};
use image::{ExtendedColorType, ImageEncoder, ImageFormat};

use super::image::{Image, bytes_of, malformed};
use super::metadata::{
    BMP_RESOLUTION, KeptMetadata, OTHER_PROFILE, bmp_facts, carry_jpeg, carry_png, has_pnm_comment, is_of_other_colors,
};
use crate::data::{DataError, Samples, read_described};
use crate::model::ModelFileError;
use crate::tasks::TaskError;

/// Quality of JPEG files written: little is lost, and they are no larger than those of cameras.
const JPEG_QUALITY: u8 = 95;

impl Image {
    /// Encodes the image as `made`; metadata of `original` are carried over where it has the same `format`.
    pub fn encoded(&self, original: &Path, format: ImageFormat, made: ImageFormat) -> Result<KeptMetadata, TaskError> {
        let bytes: &[u8] = match &self.stored.samples {
            Samples::Bytes(bytes) => bytes,
            Samples::Words(values) => bytemuck::cast_slice(values),
            Samples::Wide { values, .. } => bytemuck::cast_slice(values),
        };
        let failed = |problem: String| ModelFileError::Unwritable {
            path: original.into(),
            problem: format!("its form cannot be written ({problem}), convert it to PNG first"),
        };
        let is_deep = matches!(self.stored.samples, Samples::Words(_));
        let color = match (self.channels, is_deep) {
            (1, false) => ExtendedColorType::L8,
            (2, false) => ExtendedColorType::La8,
            (3, false) => ExtendedColorType::Rgb8,
            (4, false) => ExtendedColorType::Rgba8,
            (1, true) => ExtendedColorType::L16,
            (2, true) => ExtendedColorType::La16,
            (3, true) => ExtendedColorType::Rgb16,
            (4, true) => ExtendedColorType::Rgba16,
            (channels, _) => return Err(failed(format!("{channels} channels")).into()),
        };
        let failed = |error: image::ImageError| failed(error.to_string());
        let (width, height) = (self.size[1] as u32, self.size[0] as u32);
        let is_gray = self.colors() == 1;
        let mut out = std::io::Cursor::new(Vec::new());
        let plain = |out: std::io::Cursor<Vec<u8>>| KeptMetadata { bytes: out.into_inner(), ..KeptMetadata::default() };
        match made {
            ImageFormat::Png => {
                png::PngEncoder::new(&mut out).write_image(bytes, width, height, color).map_err(failed)?;
                if format != made {
                    return Ok(plain(out));
                }
                Ok(carry_png(&bytes_of(original)?, out.into_inner(), is_gray))
            }
            ImageFormat::Jpeg => {
                jpeg::JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY)
                    .write_image(bytes, width, height, color)
                    .map_err(failed)?;
                if format != made {
                    return Ok(plain(out));
                }
                Ok(carry_jpeg(&bytes_of(original)?, out.into_inner(), is_gray))
            }
            ImageFormat::WebP => {
                let encoder = webp::WebPEncoder::new_lossless(&mut out);
                if format != made {
                    encoder.write_image(bytes, width, height, color).map_err(failed)?;
                    return Ok(plain(out));
                }
                let (encoder, mut carried) = described(encoder, original)?;
                encoder.write_image(bytes, width, height, color).map_err(failed)?;
                carried.bytes = out.into_inner();
                Ok(carried)
            }
            ImageFormat::Bmp => {
                bmp::BmpEncoder::new(&mut out).write_image(bytes, width, height, color).map_err(failed)?;
                let mut carried = plain(out);
                if format == made {
                    let facts = bmp_facts(&bytes_of(original)?);
                    match (facts.bits, is_gray) {
                        (1..8, true) => carried.lost.push(format!("{} bits a pixel (written as 8)", facts.bits)),
                        (1..=8, false) => carried.lost.push("palette (written as RGB)".to_owned()),
                        _ => {}
                    }
                    if let (Some(resolution), Some(place)) = (facts.resolution, carried.bytes.get_mut(BMP_RESOLUTION)) {
                        place.copy_from_slice(&resolution);
                        carried.kept.push("resolution".to_owned());
                    }
                }
                Ok(carried)
            }
            ImageFormat::Pnm if format == made => self.encoded_pnm(original, color).map_err(|error| error.into()),
            ImageFormat::Pnm => {
                pnm::PnmEncoder::new(&mut out).write_image(bytes, width, height, color).map_err(failed)?;
                Ok(plain(out))
            }
            _ => {
                let problem =
                    "its form cannot be written again; name the output .png, .tif or .webp, or give it as PNG";
                Err(malformed(original, problem).into())
            }
        }
    }

    /// Encodes the image as PNM of the kind, the form and the largest value of `original`.
    fn encoded_pnm(&self, original: &Path, color: ExtendedColorType) -> Result<KeptMetadata, DataError> {
        let failed = |error: image::ImageError| malformed(original, format!("its form cannot be written ({error})"));
        let old = bytes_of(original)?;
        let (_, header) = pnm::PnmDecoder::new(&old[..]).map_err(failed)?.into_inner();
        let (width, height) = (self.size[1] as u32, self.size[0] as u32);
        let mut carried = KeptMetadata::default();
        if has_pnm_comment(&old) {
            carried.lost.push("comment".to_owned());
        }
        let own = self.stored.samples.own_range()[1];
        let (encoding, most) = match header.subtype() {
            PnmSubtype::Bitmap(_) => {
                carried.lost.push("1 bit a pixel (written as 8)".to_owned());
                (SampleEncoding::Binary, 255)
            }
            PnmSubtype::ArbitraryMap => (SampleEncoding::Binary, own as u32),
            PnmSubtype::Graymap(encoding) | PnmSubtype::Pixmap(encoding) => (encoding, header.maximal_sample()),
        };
        let is_arbitrary = header.subtype() == PnmSubtype::ArbitraryMap;
        if is_arbitrary && header.maximal_sample() != most {
            let old = header.maximal_sample();
            carried.lost.push(format!("largest value {old} (written on the scale of {most})"));
        }
        let header = match self.channels {
            _ if is_arbitrary => None,
            1 => Some(PnmHeader::from(GraymapHeader { encoding, height, width, maxwhite: most })),
            3 => Some(PnmHeader::from(PixmapHeader { encoding, height, width, maxval: most })),
            _ => None,
        };
        let values = rescaled((0..self.stored.samples.len()).map(|at| self.stored.samples.at(at)), own, most);
        if matches!((header.as_ref().map(PnmHeader::subtype), most), (Some(PnmSubtype::Pixmap(_)), 256..)) {
            carried.bytes = deep_pixmap(&values, [height, width], encoding, most);
            return Ok(carried);
        }
        let mut out = std::io::Cursor::new(Vec::new());
        let encoder = pnm::PnmEncoder::new(&mut out);
        let mut encoder = match header {
            Some(header) => encoder.with_header(header),
            None => encoder.with_dynamic_header(),
        };
        match &self.stored.samples {
            Samples::Bytes(_) => {
                let bytes: Vec<u8> = values.into_iter().map(|value| value.min(255) as u8).collect();
                encoder.encode(&bytes[..], width, height, color).map_err(failed)?;
            }
            _ => encoder.encode(&values[..], width, height, color).map_err(failed)?,
        }
        carried.bytes = out.into_inner();
        Ok(carried)
    }
}

/// Encodes red, green and blue `[height, width, 3]` of 0 to `most` as PPM of 16 bits, which `image` does not write.
fn deep_pixmap(values: &[u16], [height, width]: [u32; 2], encoding: SampleEncoding, most: u32) -> Vec<u8> {
    let is_text = encoding == SampleEncoding::Ascii;
    let mut bytes = format!("P{}\n{width} {height}\n{most}\n", if is_text { 3 } else { 6 }).into_bytes();
    if is_text {
        let lines = values.as_chunks::<3>().0.iter().map(|[red, green, blue]| format!("{red} {green} {blue}\n"));
        bytes.extend(lines.flat_map(String::into_bytes));
    } else {
        bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    }
    bytes
}

/// Returns `values` of 0 to `own` on the scale of 0 to `most`.
fn rescaled(values: impl Iterator<Item = f32>, own: f32, most: u32) -> Vec<u16> {
    values.map(|value| (value * most as f32 / own).round() as u16).collect()
}

/// Adds the metadata of `original` to `encoder`, where it can write them, and lists those kept and lost.
fn described<E: ImageEncoder>(mut encoder: E, original: &Path) -> Result<(E, KeptMetadata), DataError> {
    let header = read_described(original)?;
    let mut carried = KeptMetadata::default();
    let mut note = |name: &str, is_kept: bool| match is_kept {
        true => carried.kept.push(name.to_owned()),
        false => carried.lost.push(name.to_owned()),
    };
    let turns = header.turned;
    let exif = header.exif.map(|exif| encoder.set_exif_metadata(exif).is_ok());
    if let Some(is_kept) = exif {
        note("EXIF", is_kept);
    }
    match header.icc {
        Some(icc) if is_of_other_colors(&icc, false) => note(OTHER_PROFILE, false),
        Some(icc) => note("ICC profile", encoder.set_icc_profile(icc).is_ok()),
        None => {}
    }
    if header.xmp.is_some() {
        note("XMP", false);
    }
    if turns && exif != Some(true) {
        note("orientation tag (pixels are as stored: turn it yourself)", false);
    }
    Ok((encoder, carried))
}
