//! IDX arrays, MNIST's own format: two zero bytes, a type byte, the count of dimensions, big-endian extents, values.
//! (Described on the MNIST page by LeCun, Cortes and Burges.) Plain or gzipped.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::array::{Array, ArrayDType, ArrayValues, Layout, broken, malformed, open};
use crate::data::error::reason;
use crate::data::{DataError, ImageShape};
use crate::platform::files;

/// Most bytes of an array of digits; a file that claims more is a mistake or an attack.
const MAX_BYTES: u64 = 8 << 30;

/// Array of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxArray {
    /// Extents, outermost first.
    pub extents: Vec<usize>,
    /// Values in row-major order.
    pub bytes: Vec<u8>,
}

/// Parses an IDX array of unsigned bytes, gzipped or not. `place` names it in errors.
pub fn read_idx(content: &[u8], place: &str) -> Result<IdxArray, DataError> {
    let array = read(content, content.len() as u64, MAX_BYTES, place, |element| element == ArrayDType::U8)?;
    match array.values {
        ArrayValues::Bytes(bytes) => Ok(IdxArray { extents: array.shape, bytes }),
        ArrayValues::Floats(_) => Err(malformed(place, "its values are no unsigned bytes; give IDX type 0x08")),
    }
}

/// Reads an IDX file of any kind of values, gzipped or not. Reading takes at most `limit_bytes` of memory, or is
/// refused.
pub fn read_idx_array(path: &Path, limit_bytes: u64) -> Result<Array, DataError> {
    let (reader, length) = open(path)?;
    read(reader, length, limit_bytes, &path.display().to_string(), |_| true)
}

/// Reads `content`, `length` bytes. A gzip stream is expanded no further than its IDX header claims.
fn read(
    mut content: impl BufRead,
    length: u64,
    limit_bytes: u64,
    place: &str,
    wanted: impl Fn(ArrayDType) -> bool,
) -> Result<Array, DataError> {
    let start = content.fill_buf().map_err(|error| broken(&error, place))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = BufReader::new(flate2::bufread::MultiGzDecoder::new(content));
        let (layout, _) = header_of(&mut unpacked, place, wanted)?;
        return layout.read(&mut unpacked, limit_bytes, place);
    }
    let (layout, offset) = header_of(&mut content, place, wanted)?;
    layout.check_stored(length.saturating_sub(offset), place)?;
    layout.read(&mut content, limit_bytes, place)
}

/// Reads a header; returns the layout of the values and their offset in bytes.
pub(crate) fn header(reader: &mut dyn Read, place: &str) -> Result<(Layout, u64), DataError> {
    header_of(reader, place, |_| true)
}

fn header_of(
    reader: &mut dyn Read,
    place: &str,
    wanted: impl Fn(ArrayDType) -> bool,
) -> Result<(Layout, u64), DataError> {
    let mut start = Vec::new();
    reader.take(4).read_to_end(&mut start).map_err(|error| broken(&error, place))?;
    let [0, 0, kind, rank] = start[..] else {
        return Err(malformed(place, "it does not start like an IDX file; give an IDX file of images or other arrays"));
    };
    let element = match kind {
        0x08 => Some(ArrayDType::U8),
        0x09 => Some(ArrayDType::I8),
        0x0b => Some(ArrayDType::I16),
        0x0c => Some(ArrayDType::I32),
        0x0d => Some(ArrayDType::F32),
        0x0e => Some(ArrayDType::F64),
        _ => None,
    };
    let Some(element) = element else {
        return Err(malformed(
            place,
            format!("its values have IDX type 0x{kind:02x}; 0x08, 0x09, 0x0b, 0x0c, 0x0d and 0x0e are read"),
        ));
    };
    if !wanted(element) {
        return Err(malformed(
            place,
            format!("its values have IDX type 0x{kind:02x}; only unsigned bytes (0x08) are read here"),
        ));
    }
    let header_bytes = u64::from(rank) * 4;
    let mut extents = Vec::new();
    reader.take(header_bytes).read_to_end(&mut extents).map_err(|error| broken(&error, place))?;
    if (extents.len() as u64) < header_bytes || rank == 0 {
        return Err(malformed(place, "it ends within its IDX header; fetch the file again"));
    }
    let (extents, _) = extents.as_chunks::<4>();
    let shape = extents.iter().map(|&extent| u32::from_be_bytes(extent) as usize).collect();
    Ok((Layout::new(shape, element, true, false, place)?, 4 + header_bytes))
}

pub(crate) struct Images {
    pub rows: usize,
    pub shape: ImageShape,
    pub bytes: Vec<u8>,
}

pub(crate) fn images_from(content: &[u8], place: &str) -> Result<Images, DataError> {
    let array = read_idx(content, place)?;
    let shape = match array.extents[..] {
        [_, height, width] => ImageShape { height, width, channels: 1 },
        [_, height, width, channels] => ImageShape { height, width, channels },
        _ => {
            return Err(DataError::Malformed {
                place: place.to_owned(),
                problem: format!("{} dimensions are no images; give rows x height x width", array.extents.len()),
            });
        }
    };
    if shape.values() == 0 || array.extents[0] == 0 {
        return Err(DataError::Malformed {
            place: place.to_owned(),
            problem: "it holds no images; give a file with some".to_owned(),
        });
    }
    Ok(Images { rows: array.extents[0], shape, bytes: array.bytes })
}

pub(crate) fn labels_from(content: &[u8], place: &str, rows: usize) -> Result<Vec<u16>, DataError> {
    let array = read_idx(content, place)?;
    if array.extents != [rows] {
        return Err(DataError::Malformed {
            place: place.to_owned(),
            problem: format!("it has not one label for each of {rows} images; give the file that belongs to them"),
        });
    }
    Ok(array.bytes.into_iter().map(u16::from).collect())
}

pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    files::read(path).map_err(|error| DataError::Unreadable { path: path.into(), reason: reason(&error) })
}

pub(crate) fn images(path: &Path) -> Result<Images, DataError> {
    images_from(&read_file(path)?, &path.display().to_string())
}

/// Labels from `...-labels-idx1...` beside `...-images-idx3...`, where there is such a file.
pub(crate) fn labels_beside(path: &Path, rows: usize) -> Result<Option<Vec<u16>>, DataError> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let labels = path.with_file_name(name.replace("images-idx3", "labels-idx1"));
    if labels == path || !labels.is_file() {
        return Ok(None);
    }
    labels_from(&read_file(&labels)?, &labels.display().to_string(), rows).map(Some)
}
