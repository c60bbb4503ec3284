//! Pictures: found in folders, decoded when they are wanted, brought to the size of the model or cut in pieces.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use image::{DynamicImage, ImageDecoder as _, ImageReader};
use rayon::prelude::*;

use super::error::unreadable;
use super::folders::{files_under, is_picture, name_below};
use super::own_results::{note_on_own, without_own_results};
use super::source::{Labels, file_labels};
use super::spec::{DataSpec, Fit, SplitKind};
use super::{DataError, ElementType, FIXED, ImageShape, RowReader};
use crate::error::Setting;
use crate::platform::files;
use crate::random::{key, philox4x32, stream};

/// Most pixels of a picture, 32,768 on a side: larger ones are a mistake or an attack.
const MOST_PIXELS: u64 = 1 << 30;
/// Bytes of a decoded picture above which free memory is checked before decoding.
const LARGE: u64 = 64 << 20;
/// Largest side, in pixels, of pictures of one size that are taken as they are.
const OWN_SIZE: usize = 256;
/// Side, in pixels, of the rows of other pictures, where the spec names none.
const USUAL_SIDE: usize = 64;
/// Least number of large pictures that are taken whole: fewer are cut in pieces, as they are too few to learn from.
const FEW: usize = 200;
/// Pieces of a picture in an epoch, at most, where the spec names none.
const MOST_PIECES: usize = 256;

/// Size and color depth of a picture, from its header.
#[derive(Clone, Copy, Debug)]
struct ImageHeader {
    height: usize,
    width: usize,
    gray: bool,
    sixteen: bool,
}

/// Opens a decoder that allocates no more than the picture needs, after a check of its header.
fn decoder(path: &Path) -> Result<impl image::ImageDecoder + use<>, DataError> {
    let place = path.display().to_string();
    let unreadable = |error: std::io::Error| unreadable(path, &error);
    let length = files::metadata(path).map_err(unreadable)?.len();
    if length == 0 {
        return Err(DataError::malformed(place, "the file is empty; fetch it again"));
    }
    let mut reader = ImageReader::open(path).map_err(unreadable)?.with_guessed_format().map_err(unreadable)?;
    reader.no_limits();
    let decoder = reader.into_decoder().map_err(|error| picture_error(path, &error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(DataError::malformed(
            place,
            format!("its header claims {width}x{height} pixels; give pictures of at most 32,768x32,768"),
        ));
    }
    if width == 0 || height == 0 {
        return Err(DataError::malformed(place, "it has no pixels; give another picture"));
    }
    // Asked for large pictures alone: the answer takes longer than a small picture.
    let large = decoder.total_bytes() > LARGE;
    if let Some(free) = large.then(crate::platform::free_memory).flatten()
        && decoder.total_bytes().saturating_mul(2) > free as u64
    {
        return Err(DataError::malformed(
            place,
            format!(
                "decoding its {width}x{height} pixels takes {} MB twice over and {} MB of memory are free; give a smaller one",
                decoder.total_bytes() >> 20,
                free >> 20
            ),
        ));
    }
    Ok(decoder)
}

fn picture_error(path: &Path, error: &image::ImageError) -> DataError {
    let problem = match error {
        image::ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file ends before the picture does; fetch it again".to_owned()
        }
        image::ImageError::Unsupported(_) => {
            format!("it is of a kind that is not read here ({error}); give PNG, JPEG, WebP, TIFF, BMP, GIF or PNM")
        }
        _ => format!("it is damaged or no picture ({error}); fetch it again"),
    };
    // Decoders break lines.
    let words: Vec<&str> = problem.split_whitespace().collect();
    DataError::malformed(path.display().to_string(), words.join(" "))
}

fn header(path: &Path) -> Result<ImageHeader, DataError> {
    use image::ExtendedColorType as Color;
    let mut decoder = decoder(path)?;
    let (width, height) = decoder.dimensions();
    let turned = decoder.orientation().is_ok_and(|orientation| orientation.to_exif() >= 5);
    let (height, width) = if turned { (width, height) } else { (height, width) };
    let original = decoder.original_color_type();
    let gray = matches!(
        original,
        Color::L1
            | Color::L2
            | Color::L4
            | Color::L8
            | Color::L16
            | Color::La8
            | Color::La16
            | Color::La1
            | Color::La2
            | Color::La4
    );
    let sixteen = decoder.color_type().bytes_per_pixel() / decoder.color_type().channel_count() > 1;
    Ok(ImageHeader { height: height as usize, width: width as usize, gray, sixteen })
}

/// Decodes a whole picture, turned upright by its orientation tag.
fn decode(path: &Path) -> Result<DynamicImage, DataError> {
    let mut decoder = decoder(path)?;
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| picture_error(path, &error))?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Metadata of a picture.
#[derive(Debug)]
pub(crate) struct ImageMetadata {
    /// Color type of its pixels in the file, before they are decoded to bytes or words.
    pub original: image::ExtendedColorType,
    pub exif: Option<Vec<u8>>,
    pub icc: Option<Vec<u8>>,
    /// True if its orientation tag asks for it to be turned.
    pub turned: bool,
}

/// Reads the metadata of the picture at `path`; metadata that cannot be read count as none.
pub(crate) fn read_described(path: &Path) -> Result<ImageMetadata, DataError> {
    let mut decoder = decoder(path)?;
    let upright = image::metadata::Orientation::NoTransforms;
    Ok(ImageMetadata {
        original: decoder.original_color_type(),
        exif: decoder.exif_metadata().unwrap_or_default(),
        icc: decoder.icc_profile().unwrap_or_default(),
        turned: decoder.orientation().is_ok_and(|orientation| orientation != upright),
    })
}

/// Decodes the picture at `path` as its file has it: not turned by its orientation tag.
pub(crate) fn read_stored(path: &Path) -> Result<DynamicImage, DataError> {
    DynamicImage::from_decoder(decoder(path)?).map_err(|error| picture_error(path, &error))
}

/// Returns whether `path` is named as a picture or an `.npy` file.
fn is_picture_or_array(path: &Path) -> bool {
    is_picture(path) || path.extension().is_some_and(|extension| extension == "npy")
}

/// Pictures and `.npy` files under `folder`, sorted by name, without those that `denoise` wrote; `notes` names what could
/// not be read and what is left out.
pub(crate) fn pictures_and_arrays(folder: &Path, notes: &mut Vec<String>) -> Vec<PathBuf> {
    without_own_results(files_under(folder, is_picture_or_array, notes), notes)
}

/// Blends transparent pixels with white: a drawing without a background is meant for paper.
fn without_alpha(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let mut pixels = picture.into_rgba16();
    for pixel in pixels.pixels_mut() {
        let alpha = u64::from(pixel.0[3]);
        for value in &mut pixel.0[..3] {
            *value = ((u64::from(*value) * alpha + 65_535 * (65_535 - alpha)) / 65_535) as u16;
        }
        pixel.0[3] = 65_535;
    }
    DynamicImage::ImageRgba16(pixels)
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
struct ImageCrop {
    file: u32,
    lines: [f32; 2],
}

/// Bytes of one decoded picture at its own size.
#[derive(Debug)]
struct DecodedImage {
    height: usize,
    width: usize,
    bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct ImageRows {
    files: Vec<PathBuf>,
    units: Vec<ImageCrop>,
    shape: ImageShape,
    element: ElementType,
    fit: Fit,
    seed: u64,
    /// Decoded pictures, where all of them have room in memory: resized, or whole for pieces.
    cache: Option<Vec<OnceLock<Arc<DecodedImage>>>>,
}

/// Set of pictures after their headers were read.
#[derive(Debug)]
pub(super) struct ImageSet {
    pub source: ImageRows,
    /// Names of the rows.
    pub names: Vec<String>,
    pub labels: Option<Labels>,
    /// Part of each row, where folders are named after parts.
    pub given: Option<(Vec<u8>, SplitKind)>,
    /// The picture that each row belongs to, where rows are pieces.
    pub groups: Option<Vec<u32>>,
}

impl ImageSet {
    pub fn rows(&self) -> usize {
        self.source.units.len()
    }

    /// Removes the rows of files that cannot be decoded.
    ///
    /// # Errors
    /// The error of the first of these files, where no row is left.
    pub fn without(mut self, damaged: Vec<(usize, DataError)>, notes: &mut Vec<String>) -> Result<Self, DataError> {
        if damaged.is_empty() {
            return Ok(self);
        }
        let bad: std::collections::HashSet<u32> = damaged.iter().map(|(file, _)| *file as u32).collect();
        let keeps: Vec<bool> = self.source.units.iter().map(|unit| !bad.contains(&unit.file)).collect();
        leave_out(damaged.into_iter().map(|(_, error)| error).collect(), !keeps.contains(&true), notes)?;
        keep(&mut self.source.units, &keeps);
        keep(&mut self.names, &keeps);
        if let Some(labels) = &mut self.labels {
            keep(&mut labels.of_rows, &keeps);
        }
        if let Some((given, _)) = &mut self.given {
            keep(given, &keeps);
        }
        if let Some(groups) = &mut self.groups {
            keep(groups, &keeps);
            // Groups are counted by the highest of them.
            let mut left = groups.clone();
            left.dedup();
            groups.iter_mut().for_each(|group| *group = left.binary_search(group).unwrap_or(0) as u32);
        }
        Ok(self)
    }

    pub fn shape(&self) -> ImageShape {
        self.source.shape
    }

    pub fn element(&self) -> ElementType {
        self.source.element
    }
}

/// Removes the values that `keeps` does not keep.
fn keep<T>(values: &mut Vec<T>, keeps: &[bool]) {
    let mut keeps = keeps.iter();
    values.retain(|_| keeps.next().is_some_and(|keep| *keep));
}

fn part_named(name: &str) -> Option<u8> {
    match name.to_lowercase().as_str() {
        "train" | "training" => Some(0),
        "val" | "valid" | "validation" => Some(1),
        "test" | "testing" => Some(2),
        _ => None,
    }
}

/// Reads headers and chooses a size; fills in what `options` leave open.
pub(super) fn open(
    path: &Path,
    options: &mut DataSpec,
    seed: u64,
    notes: &mut Vec<String>,
) -> Result<ImageSet, DataError> {
    let place = path.display().to_string();
    let single = path.is_file();
    let files = if single {
        notes.extend(note_on_own(path));
        vec![path.to_owned()]
    } else {
        without_own_results(files_under(path, is_picture, notes), notes)
    };
    if files.is_empty() {
        let why = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        return Err(DataError::malformed(
            place,
            format!("no pictures are in this folder{why}; give one with PNG, JPEG, WebP, TIFF, BMP, GIF or PNM files"),
        ));
    }
    let looked: Vec<Result<ImageHeader, DataError>> = files.par_iter().map(|file| header(file)).collect();
    let (mut good, mut headers, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for (file, looked) in files.into_iter().zip(looked) {
        match looked {
            Ok(header) => {
                good.push(file);
                headers.push(header);
            }
            Err(error) => bad.push(error),
        }
    }
    leave_out(bad, good.is_empty(), notes)?;
    let gray = headers.iter().all(|header| header.gray);
    let channels = *options.channels.get_or_insert(if gray { 1 } else { 3 });
    if !matches!(channels, 1 | 3 | 4) {
        let problem = format!("it is {channels}, pictures have 1 (gray), 3 (color) or 4 (with alpha)");
        return Err(DataError::Setting { setting: Setting::spec_key("data.channels"), problem });
    }
    let element = if headers.iter().all(|header| header.sixteen) { ElementType::Float } else { ElementType::Byte };
    let first = headers[0];
    let alike = headers.iter().all(|header| (header.height, header.width) == (first.height, first.width));
    let small = first.height <= OWN_SIZE && first.width <= OWN_SIZE;
    let least = headers.iter().map(|header| header.height.min(header.width)).min().unwrap_or(1);
    let own = alike && small && (headers.len() >= FEW || first.height.max(first.width) <= 2 * USUAL_SIDE);
    let fit = *options.fit.get_or_insert(match options.size {
        // Nothing of a whole picture is cut away.
        Some(size) if options.whole && headers.iter().any(|header| [header.height, header.width] != size) => {
            Fit::Stretch
        }
        None if options.whole && !own => Fit::Stretch,
        _ if options.whole => Fit::Crop,
        Some(_) if headers.len() >= FEW => Fit::Crop,
        None if own || headers.len() >= FEW => Fit::Crop,
        _ => Fit::Patches,
    });
    if let (Fit::Crop, Some([height, width])) = (fit, options.size) {
        let others = headers.iter().filter(|header| [header.height, header.width] != [height, width]).count();
        if others > 0 {
            notes.push(format!("{others} of {} pictures are brought to {height}x{width}", headers.len()));
        }
    }
    let usual = match fit {
        Fit::Patches => USUAL_SIDE.min(least),
        _ => USUAL_SIDE,
    };
    let [height, width] = *options.size.get_or_insert(match fit {
        Fit::Crop | Fit::Pad | Fit::Stretch if own => [first.height, first.width],
        Fit::Stretch if options.whole && alike => within_side(first.height, first.width, usual),
        _ => [usual; 2],
    });
    if options.whole && fit == Fit::Stretch {
        let others = headers.iter().filter(|header| [header.height, header.width] != [height, width]).count();
        if others > 0 {
            let shrink = (first.height as f64 / height as f64).max(first.width as f64 / width as f64);
            let lost = if shrink > 1.5 {
                format!(", and faults of fewer than {} pixels may be lost; data.size sets another size", shrink.ceil())
            } else {
                String::new()
            };
            notes.push(format!(
                "{others} of {} pictures are brought to {height}x{width} as a whole{lost}",
                headers.len()
            ));
        }
    }
    let shape = ImageShape { height, width, channels };
    if fit == Fit::Patches
        && let Some(at) = headers.iter().position(|header| header.height < height || header.width < width)
    {
        let problem = format!(
            "{} is {}x{}, smaller than pieces of {height}x{width}; use a smaller data.size or fit = \"crop\"",
            good[at].display(),
            headers[at].height,
            headers[at].width
        );
        return Err(DataError::Setting { setting: Setting::spec_key("data.size"), problem });
    }

    let relative: Vec<String> = good.iter().map(|file| name_below(file, path)).collect();
    let given = parts_of(&relative);
    let labels = file_labels(&relative, given.is_some(), options)?;
    // Too few to keep some apart: the lower part of each is held out instead.
    let by_lines = fit == Fit::Patches && good.len() < 3 && given.is_none();
    let mut units = Vec::new();
    let (mut groups, mut unit_parts) = (Vec::new(), Vec::new());
    for (file, header) in headers.iter().enumerate() {
        if fit != Fit::Patches {
            units.push(ImageCrop { file: file as u32, lines: [0.0, 1.0] });
            unit_parts.extend(given.as_ref().map(|given| given[file]));
            continue;
        }
        let area = (header.height * header.width).div_ceil(height * width).min(MOST_PIECES);
        let pieces = options.patches.unwrap_or(area).max(1);
        let bands: &[(u8, [f32; 2], usize)] = match by_lines {
            // Of ten lines of pieces, eight are for training.
            true => &[(0, [0.0, 0.7], 8), (1, [0.7, 0.85], 1), (2, [0.85, 1.0], 1)],
            false => &[(0, [0.0, 1.0], 10)],
        };
        for &(part, lines, tenths) in bands {
            if (lines[1] - lines[0]) * (header.height as f32) < height as f32 {
                let problem = format!(
                    "a single picture of {}x{} has no room to hold out pieces of {height}x{width}; use smaller ones",
                    header.height, header.width
                );
                return Err(DataError::Setting { setting: Setting::spec_key("data.size"), problem });
            }
            for _ in 0..(pieces * tenths).div_ceil(10) {
                units.push(ImageCrop { file: file as u32, lines });
                groups.push(file as u32);
                unit_parts.extend(match (by_lines, &given) {
                    (true, _) => Some(part),
                    (false, given) => given.as_ref().map(|given| given[file]),
                });
            }
        }
    }
    let mut piece_of: HashMap<u32, usize> = HashMap::new();
    let names = units
        .iter()
        .map(|unit| {
            let piece = piece_of.entry(unit.file).or_default();
            *piece += 1;
            let name = &relative[unit.file as usize];
            if fit == Fit::Patches { format!("{name}, piece {piece}") } else { name.clone() }
        })
        .collect();
    if by_lines {
        notes.push("too few pictures to hold some out: the lower 30% of each are validation and test".to_owned());
    }
    let labels = labels.map(|labels| labels.of_files(units.iter().map(|unit| unit.file)));
    let whole: usize = headers
        .iter()
        .map(|header| match fit {
            Fit::Patches => header.height * header.width * channels * element.stride(4) / 4,
            _ => element.stride(shape.values()),
        })
        .sum();
    let room = crate::platform::free_memory().is_none_or(|free| whole < free / 3);
    let cache = room.then(|| good.iter().map(|_| OnceLock::new()).collect());
    let given_kind = if by_lines { SplitKind::Given } else { SplitKind::Folders };
    Ok(ImageSet {
        given: (!unit_parts.is_empty()).then_some((unit_parts, given_kind)),
        groups: (fit == Fit::Patches && !by_lines).then_some(groups),
        source: ImageRows { files: good, units, shape, element, fit, seed, cache },
        names,
        labels,
    })
}

/// Returns a size of the same aspect ratio whose longer side is `side`; the shorter is at least a quarter of it, so that
/// convolutions have room.
fn within_side(height: usize, width: usize, side: usize) -> [usize; 2] {
    let longer = height.max(width).max(1);
    // Whole multiples of four: convolutions halve it twice and more.
    let scaled = |of: usize| ((of * side).div_ceil(longer)).next_multiple_of(4).clamp(side / 4, side);
    [scaled(height), scaled(width)]
}

/// Adds the files that were left out to `notes`; where nothing is left, the first of them is the error.
fn leave_out(bad: Vec<DataError>, none_left: bool, notes: &mut Vec<String>) -> Result<(), DataError> {
    const SHOWN: usize = 5;
    let count = bad.len();
    let mut bad = bad.into_iter();
    if none_left && let Some(error) = bad.next() {
        return Err(error);
    }
    notes.extend(bad.take(SHOWN).map(|error| format!("left out: {error}")));
    if count > SHOWN {
        notes.push(format!("and {} other files are left out", count - SHOWN));
    }
    Ok(())
}

/// The part of each file, where the folders at the top are named after parts and train is among them.
fn parts_of(relative: &[String]) -> Option<Vec<u8>> {
    let part = |name: &String| {
        let (top, _) = name.split_once(['/', '\\'])?;
        part_named(top)
    };
    let parts: Option<Vec<u8>> = relative.iter().map(part).collect();
    parts.filter(|parts| parts.contains(&0) && parts.iter().any(|&part| part > 0))
}

impl ImageRows {
    /// Decodes all pictures, so that damaged files are known before training; returns their numbers and errors.
    pub fn damaged(&self) -> Vec<(usize, DataError)> {
        let check = |file: usize| self.picture(file).err().map(|error| (file, error));
        (0..self.files.len()).into_par_iter().filter_map(check).collect()
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
        let mut picture = decode(&self.files[file])?;
        if self.shape.channels < 4 {
            picture = without_alpha(picture);
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
