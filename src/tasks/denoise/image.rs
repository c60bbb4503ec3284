//! Image or array in memory: its planes as floats, and its encoding in the format of its file.

use std::ops::Range;
use std::path::Path;

use image::codecs::{bmp, jpeg, png, pnm, tiff, webp};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat};

use super::metadata::{KeptMetadata, carry_jpeg, carry_png};
use crate::data::{ArrayValues, DataError, read_described, read_npy, read_stored, write_npy};
use crate::model::{ModelFileError, write_whole};
use crate::platform::{files, free_memory};
use crate::tasks::TaskError;

/// Quality of JPEG files written: little is lost, and they are no larger than those of cameras.
const JPEG_QUALITY: u8 = 95;
/// Largest magnitude of the values of an array, which are in 0..1 but for noise; larger ones are on another scale.
const FARTHEST: f32 = 16.0;

#[derive(Clone, Debug)]
enum PixelValues {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
    /// Samples of an array, not clipped.
    Floats(Vec<f32>),
}

#[derive(Clone, Debug)]
enum StoredForm {
    Picture { format: ImageFormat, color: ExtendedColorType },
    Array { shape: Vec<usize> },
}

/// Image or array of a file: `channels` interleaved samples per pixel, the last of them alpha where `alpha` is set.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub size: [usize; 2],
    pub channels: usize,
    pub alpha: bool,
    samples: PixelValues,
    form: StoredForm,
}

/// Returns whether `path` is read as an array.
pub(super) fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

fn malformed(path: &Path, problem: impl Into<String>) -> DataError {
    DataError::Malformed { place: path.display().to_string(), problem: problem.into() }
}

impl Image {
    #[tracing::instrument(level = "debug", name = "read_picture", skip_all, fields(path = %path.display()))]
    pub fn read(path: &Path) -> Result<Self, DataError> {
        if is_array(path) { Self::read_array(path) } else { Self::read_picture(path) }
    }

    fn read_array(path: &Path) -> Result<Self, DataError> {
        let array = read_npy(path, free_memory().map_or(u64::MAX, |free| free as u64 / 4))?;
        let (height, width, channels) = match array.shape[..] {
            [height, width] => (height, width, 1),
            [height, width, channels] => (height, width, channels),
            _ => return Err(malformed(path, format!("its shape is {:?}; give HxW or HxWxC", array.shape))),
        };
        let ArrayValues::Floats(values) = array.values else {
            return Err(malformed(path, "its values are bytes; give floats in 0..1, for example array / 255"));
        };
        if let Some(value) = values.iter().find(|value| !value.is_finite() || value.abs() > FARTHEST) {
            return Err(malformed(path, format!("it holds {value}; give finite values in 0..1, noise aside")));
        }
        let form = StoredForm::Array { shape: array.shape };
        Ok(Self { size: [height, width], channels, alpha: false, samples: PixelValues::Floats(values), form })
    }

    fn read_picture(path: &Path) -> Result<Self, DataError> {
        let picture = read_stored(path)?;
        let format = format_of(path)?;
        let size = [picture.height() as usize, picture.width() as usize];
        let color = picture.color();
        let samples = match picture {
            DynamicImage::ImageLuma16(pixels) => PixelValues::Words(pixels.into_raw()),
            DynamicImage::ImageLumaA16(pixels) => PixelValues::Words(pixels.into_raw()),
            DynamicImage::ImageRgb16(pixels) => PixelValues::Words(pixels.into_raw()),
            DynamicImage::ImageRgba16(pixels) => PixelValues::Words(pixels.into_raw()),
            DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
                return Err(malformed(path, "its values are floats; give 8 or 16 bits a channel, or an .npy file"));
            }
            bytes => PixelValues::Bytes(bytes.into_bytes()),
        };
        let channels = usize::from(color.channel_count());
        let form = StoredForm::Picture { format, color: color.into() };
        Ok(Self { size, channels, alpha: color.has_alpha(), samples, form })
    }

    /// Returns the bits of a sample.
    pub fn bits(&self) -> usize {
        match self.samples {
            PixelValues::Bytes(_) => 8,
            PixelValues::Words(_) => 16,
            PixelValues::Floats(_) => 32,
        }
    }

    /// Returns the number of channels, alpha left out.
    pub fn colors(&self) -> usize {
        self.channels - usize::from(self.alpha)
    }

    /// Returns channel `channel` `[height, width]`, in 0..1 but for arrays.
    pub fn plane(&self, channel: usize) -> Vec<f32> {
        let step = self.channels;
        match &self.samples {
            PixelValues::Bytes(values) => {
                values[channel..].iter().step_by(step).map(|&value| f32::from(value) / 255.0).collect()
            }
            PixelValues::Words(values) => {
                values[channel..].iter().step_by(step).map(|&value| f32::from(value) / 65_535.0).collect()
            }
            PixelValues::Floats(values) => values[channel..].iter().step_by(step).copied().collect(),
        }
    }

    /// Replaces channel `channel` by `plane`, rounded and clipped as the samples are.
    pub fn set_plane(&mut self, channel: usize, plane: &[f32]) {
        let step = self.channels;
        match &mut self.samples {
            PixelValues::Bytes(values) => {
                let places = values[channel..].iter_mut().step_by(step);
                places.zip(plane).for_each(|(place, value)| *place = (value * 255.0).round() as u8);
            }
            PixelValues::Words(values) => {
                let places = values[channel..].iter_mut().step_by(step);
                places.zip(plane).for_each(|(place, value)| *place = (value * 65_535.0).round() as u16);
            }
            PixelValues::Floats(values) => {
                values[channel..].iter_mut().step_by(step).zip(plane).for_each(|(place, value)| *place = *value);
            }
        }
    }

    /// Returns the part in `rows` and `columns`, which lie within the image.
    pub fn crop(&self, rows: Range<usize>, columns: Range<usize>) -> Self {
        fn cut<T: Copy>(values: &[T], line: usize, rows: &Range<usize>, columns: &Range<usize>) -> Vec<T> {
            rows.clone().flat_map(|row| values[row * line..][columns.clone()].iter().copied()).collect()
        }
        let line = self.size[1] * self.channels;
        let within = columns.start * self.channels..columns.end * self.channels;
        let samples = match &self.samples {
            PixelValues::Bytes(values) => PixelValues::Bytes(cut(values, line, &rows, &within)),
            PixelValues::Words(values) => PixelValues::Words(cut(values, line, &rows, &within)),
            PixelValues::Floats(values) => PixelValues::Floats(cut(values, line, &rows, &within)),
        };
        Self { size: [rows.len(), columns.len()], samples, form: self.form.clone(), ..*self }
    }

    /// Writes `part` over the image, its upper left corner at `(top, left)`.
    pub fn paste(&mut self, part: &Self, top: usize, left: usize) {
        for channel in 0..self.channels {
            let (mut whole, piece) = (self.plane(channel), part.plane(channel));
            for (row, line) in piece.chunks_exact(part.size[1]).enumerate() {
                whole[(top + row) * self.size[1] + left..][..line.len()].copy_from_slice(line);
            }
            self.set_plane(channel, &whole);
        }
    }

    /// Writes the image to `output` in the format of `original`, with its metadata; returns the names of the metadata
    /// kept, and of those lost.
    #[tracing::instrument(level = "debug", name = "write_picture", skip_all, fields(path = %output.display()))]
    pub fn write(&self, original: &Path, output: &Path) -> Result<(Vec<String>, Vec<String>), TaskError> {
        let (format, color) = match &self.form {
            StoredForm::Array { shape } => {
                let PixelValues::Floats(values) = &self.samples else { return Ok(Default::default()) };
                write_npy(output, shape, values)?;
                return Ok(Default::default());
            }
            StoredForm::Picture { format, color } => (*format, *color),
        };
        let carried = self.encoded(original, format, color)?;
        write_whole(output, &carried.bytes)?;
        Ok((carried.kept, carried.lost))
    }

    fn encoded(
        &self,
        original: &Path,
        format: ImageFormat,
        color: ExtendedColorType,
    ) -> Result<KeptMetadata, TaskError> {
        let bytes: &[u8] = match &self.samples {
            PixelValues::Bytes(bytes) => bytes,
            PixelValues::Words(values) => bytemuck::cast_slice(values),
            PixelValues::Floats(values) => bytemuck::cast_slice(values),
        };
        let (width, height) = (self.size[1] as u32, self.size[0] as u32);
        let failed = |error: image::ImageError| ModelFileError::Unwritable {
            path: original.into(),
            problem: format!("its format cannot be written ({error}), convert it to PNG first"),
        };
        let unreadable = |error: std::io::Error| malformed(original, error.to_string());
        let mut made = std::io::Cursor::new(Vec::new());
        match format {
            ImageFormat::Png | ImageFormat::Jpeg => {
                let source = files::read(original).map_err(unreadable)?;
                if format == ImageFormat::Png {
                    png::PngEncoder::new(&mut made).write_image(bytes, width, height, color).map_err(failed)?;
                    return Ok(carry_png(&source, made.into_inner()));
                }
                let inks = read_described(original)?.original == ExtendedColorType::Cmyk8;
                jpeg::JpegEncoder::new_with_quality(&mut made, JPEG_QUALITY)
                    .write_image(bytes, width, height, color)
                    .map_err(failed)?;
                Ok(carry_jpeg(&source, made.into_inner(), inks))
            }
            ImageFormat::WebP => {
                let encoder = webp::WebPEncoder::new_lossless(&mut made);
                let (encoder, mut carried) = described(encoder, original)?;
                encoder.write_image(bytes, width, height, color).map_err(failed)?;
                carried.bytes = made.into_inner();
                Ok(carried)
            }
            ImageFormat::Tiff => {
                let (encoder, mut carried) = described(tiff::TiffEncoder::new(&mut made), original)?;
                encoder.write_image(bytes, width, height, color).map_err(failed)?;
                carried.bytes = made.into_inner();
                Ok(carried)
            }
            ImageFormat::Bmp => {
                bmp::BmpEncoder::new(&mut made).write_image(bytes, width, height, color).map_err(failed)?;
                Ok(KeptMetadata { bytes: made.into_inner(), ..KeptMetadata::default() })
            }
            _ => {
                pnm::PnmEncoder::new(&mut made).write_image(bytes, width, height, color).map_err(failed)?;
                Ok(KeptMetadata { bytes: made.into_inner(), ..KeptMetadata::default() })
            }
        }
    }
}

/// Returns the format of the file at `path`, by its first bytes; one of those that can be written again.
fn format_of(path: &Path) -> Result<ImageFormat, DataError> {
    let reader = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
    let format = reader.ok().and_then(|reader| reader.format());
    let written = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Bmp];
    format
        .filter(|format| written.contains(format) || *format == ImageFormat::Pnm)
        .ok_or_else(|| malformed(path, "its format cannot be written; give PNG, JPEG, WebP, TIFF, BMP, PNM or .npy"))
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
    if let Some(icc) = header.icc {
        note("ICC profile", encoder.set_icc_profile(icc).is_ok());
    }
    if turns && exif != Some(true) {
        note("orientation tag (pixels are as stored: turn it yourself)", false);
    }
    Ok((encoder, carried))
}
