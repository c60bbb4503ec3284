//! Rows of pictures: decoded when they are wanted, brought to the size of the model or cut in pieces.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use image::DynamicImage;
use rayon::prelude::*;

use super::picture_file::decode;
use super::spec::Fit;
use super::{DataError, ElementType, FIXED, ImageShape, RowReader};
use crate::random::{key, philox4x32, stream};

/// Blends transparent pixels with white: a drawing without a background is meant for paper. Returns whether there are
/// any, too.
fn without_alpha(picture: DynamicImage) -> (DynamicImage, bool) {
    if !picture.color().has_alpha() {
        return (picture, false);
    }
    let mut pixels = picture.into_rgba16();
    let mut blended = false;
    for pixel in pixels.pixels_mut() {
        let alpha = u64::from(pixel.0[3]);
        blended |= alpha < 65_535;
        for value in &mut pixel.0[..3] {
            *value = ((u64::from(*value) * alpha + 65_535 * (65_535 - alpha)) / 65_535) as u16;
        }
        pixel.0[3] = 65_535;
    }
    (DynamicImage::ImageRgba16(pixels), blended)
}

/// Interleaved values of a picture of `channels`, as bytes of an element.
fn values_of(picture: DynamicImage, channels: usize, element: ElementType) -> Vec<u8> {
    let sixteen = |values: Vec<u16>| {
        values.into_iter().flat_map(|value| (f32::from(value) / 65_535.0).to_le_bytes()).collect::<Vec<u8>>()
    };
    match (element, channels) {
        (ElementType::Byte, 1) => picture.into_luma8().into_raw(),
        (ElementType::Byte, 3) => picture.into_rgb8().into_raw(),
        (ElementType::Byte, _) => picture.into_rgba8().into_raw(),
        (ElementType::Float, 1) => sixteen(picture.into_luma16().into_raw()),
        (ElementType::Float, 3) => sixteen(picture.into_rgb16().into_raw()),
        (ElementType::Float, _) => sixteen(picture.into_rgba16().into_raw()),
    }
}

/// A row: a picture, or pieces of its lines from `lines.0` to `lines.1` (shares of its height).
#[derive(Clone, Copy, Debug)]
pub(super) struct ImageCrop {
    pub file: u32,
    pub lines: [f32; 2],
}

/// Bytes of one decoded picture at its own size.
#[derive(Debug)]
pub(super) struct DecodedImage {
    height: usize,
    width: usize,
    bytes: Vec<u8>,
}

/// A picture in a file: page or frame `page`, from 0.
#[derive(Clone, Debug)]
pub(super) struct PicturePlace {
    pub path: PathBuf,
    pub page: usize,
}

#[derive(Debug)]
pub(super) struct ImageRows {
    pub files: Vec<PicturePlace>,
    /// Values of black and white in pictures of more than 8 bits; those of their number type where `None`.
    pub range: Option<[f64; 2]>,
    pub units: Vec<ImageCrop>,
    pub shape: ImageShape,
    pub element: ElementType,
    pub fit: Fit,
    pub seed: u64,
    /// Decoded pictures, where all of them have room in memory: resized, or whole for pieces.
    pub cache: Option<Vec<OnceLock<Arc<DecodedImage>>>>,
    /// Count of decoded pictures whose transparent parts were blended with white.
    pub blended: AtomicUsize,
    /// Flaws of decoded pictures, each with the first of the files that has it and their number.
    pub flaws: Mutex<Vec<(&'static str, PathBuf, usize)>>,
}

impl ImageRows {
    /// Decodes all pictures, so that damaged files are known before training; returns their numbers and errors.
    pub fn damaged(&self) -> Vec<(usize, DataError)> {
        let check = |file: usize| self.picture(file).err().map(|error| (file, self.with_page(file, error)));
        (0..self.files.len()).into_par_iter().filter_map(check).collect()
    }

    /// Adds its page to the error of a picture that is one of several in its file.
    fn with_page(&self, file: usize, error: DataError) -> DataError {
        let page = self.files.get(file).map_or(0, |place| place.page);
        let is_alone = page == 0 && self.files.get(file + 1).is_none_or(|next| next.page == 0);
        match error {
            DataError::Malformed { place, problem } if !is_alone && !problem.starts_with("page ") => {
                DataError::Malformed { place, problem: format!("page {}: {problem}", page + 1) }
            }
            other => other,
        }
    }

    /// Count of the pictures decoded so far whose transparent parts were blended with white.
    pub fn blended(&self) -> usize {
        self.blended.load(Ordering::Relaxed)
    }

    /// Bytes of all decoded pictures.
    pub fn decoded_bytes(&self) -> usize {
        self.files.len() * self.element.stride(self.shape.values())
    }

    /// The picture of `file`, resized unless it is for pieces.
    fn picture(&self, file: usize) -> Result<Arc<DecodedImage>, DataError> {
        if let Some(known) = self.cache.as_ref().and_then(|cache| cache[file].get()) {
            return Ok(Arc::clone(known));
        }
        let PicturePlace { path, page } = &self.files[file];
        let (mut picture, flaw) = decode(path, *page, self.range)?;
        if let Some(flaw) = flaw {
            self.note_flaw(flaw, path);
        }
        if self.shape.channels < 4 {
            let blended;
            (picture, blended) = without_alpha(picture);
            self.blended.fetch_add(usize::from(blended), Ordering::Relaxed);
        }
        let (height, width) = (self.shape.height as u32, self.shape.width as u32);
        let filter = image::imageops::FilterType::CatmullRom;
        if (picture.height(), picture.width()) != (height, width) {
            picture = match self.fit {
                Fit::Patches => picture,
                Fit::Stretch => picture.resize_exact(width, height, filter),
                Fit::Crop => picture.resize_to_fill(width, height, filter),
                Fit::Pad => {
                    let inside = picture.resize(width, height, filter);
                    let mut canvas = DynamicImage::new(width, height, inside.color());
                    let at = |outer: u32, inner: u32| i64::from(outer.saturating_sub(inner) / 2);
                    let (x, y) = (at(width, inside.width()), at(height, inside.height()));
                    image::imageops::overlay(&mut canvas, &inside, x, y);
                    canvas
                }
            };
        }
        let (height, width) = (picture.height() as usize, picture.width() as usize);
        let bytes = values_of(picture, self.shape.channels, self.element);
        let decoded = Arc::new(DecodedImage { height, width, bytes });
        if let Some(cache) = &self.cache {
            // Another thread may have been there first; both decoded the same.
            let _ = cache[file].set(Arc::clone(&decoded));
        }
        Ok(decoded)
    }

    fn note_flaw(&self, flaw: &'static str, path: &Path) {
        let mut flaws = self.flaws.lock().unwrap_or_else(PoisonError::into_inner);
        match flaws.iter_mut().find(|(known, _, _)| *known == flaw) {
            Some((_, first, count)) => {
                *count += 1;
                // The same one for any number of threads.
                if path < &**first {
                    path.clone_into(first);
                }
            }
            None => flaws.push((flaw, path.to_owned(), 1)),
        }
    }

    /// Returns the flaws of the pictures decoded so far, in words.
    pub fn flaws_in_words(&self) -> Vec<String> {
        let mut flaws = self.flaws.lock().unwrap_or_else(PoisonError::into_inner).clone();
        flaws.sort_unstable();
        let words = |(flaw, path, count): &(&str, PathBuf, usize)| match count {
            1 => format!("{}: {flaw}", path.display()),
            count => format!("{count} pictures, such as {}: {flaw}", path.display()),
        };
        flaws.iter().map(words).collect()
    }

    /// Upper left corner of the piece that row `row` is in `epoch`.
    fn corner(&self, row: u32, epoch: u32, picture: &DecodedImage) -> (usize, usize) {
        let unit = self.units[row as usize];
        let words = philox4x32([row, epoch, stream::SPLIT, 7], key(self.seed));
        let line = |share: f32| (share * picture.height as f32) as usize;
        let (top, bottom) = (line(unit.lines[0]), line(unit.lines[1]).max(line(unit.lines[0]) + self.shape.height));
        let place = |word: u32, room: usize| ((u64::from(word) * (room as u64 + 1)) >> 32) as usize;
        let bottom = bottom.min(picture.height);
        let y = top + place(words[0], bottom.saturating_sub(top + self.shape.height));
        (y.min(picture.height - self.shape.height), place(words[1], picture.width - self.shape.width))
    }

    fn write_row(&self, picture: &DecodedImage, row: u32, epoch: u32, out: &mut [u8]) {
        let value_bytes = match self.element {
            ElementType::Byte => 1,
            ElementType::Float => 4,
        };
        let pixel = self.shape.channels * value_bytes;
        let (y, x) = match self.fit {
            Fit::Patches => self.corner(row, epoch, picture),
            _ => (0, 0),
        };
        let line = self.shape.width * pixel;
        for (index, out) in out.chunks_exact_mut(line).take(self.shape.height).enumerate() {
            let start = ((y + index) * picture.width + x) * pixel;
            out.copy_from_slice(&picture.bytes[start..start + line]);
        }
    }
}

impl RowReader for ImageRows {
    fn read(&self, rows: &[u32], epoch: u32, out: &mut [u8]) -> Result<(), DataError> {
        let stride = self.element.stride(self.shape.values());
        // Pieces of a picture are cut from one decoding of it.
        let mut wanted: Vec<(u32, u32, &mut [u8])> = rows
            .iter()
            .zip(out.chunks_exact_mut(stride))
            .map(|(&row, out)| (self.units[row as usize].file, row, out))
            .collect();
        wanted.sort_by_key(|&(file, row, _)| (file, row));
        let epoch = if self.fit == Fit::Patches { epoch } else { FIXED };
        wanted.par_chunk_by_mut(|a, b| a.0 == b.0).try_for_each(|pieces| {
            let picture = self.picture(pieces[0].0 as usize)?;
            for (_, row, out) in pieces {
                self.write_row(&picture, *row, epoch, out);
            }
            Ok(())
        })
    }
}
