//! IDX arrays, MNIST's own format: two zero bytes, a type byte, the count of dimensions, big-endian extents, values.
//! (Described on the MNIST page by LeCun, Cortes and Burges.) Plain or gzipped.

use std::io::Read as _;
use std::path::Path;

use super::{DataError, ImageShape, reason};

/// What the type byte says of unsigned bytes, the only kind of value read here.
const UNSIGNED_BYTES: u8 = 0x08;
/// No array of digits is larger; a file that claims to be is a mistake or an attack.
const MAX_BYTES: u64 = 8 << 30;

/// An array of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxArray {
    pub extents: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// Parses an IDX array of unsigned bytes, gzipped or not. `place` names it in errors.
pub fn read_idx(content: &[u8], place: &str) -> Result<IdxArray, DataError> {
    let malformed = |problem: String| DataError::Malformed { place: place.to_owned(), problem };
    let mut unpacked = Vec::new();
    let content = if content.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(content)
            .take(MAX_BYTES + 1)
            .read_to_end(&mut unpacked)
            .map_err(|error| malformed(format!("the gzip stream is damaged ({error}); fetch the file again")))?;
        if unpacked.len() as u64 > MAX_BYTES {
            return Err(malformed("it unpacks to more than 8 GiB; give a smaller file".to_owned()));
        }
        &unpacked[..]
    } else {
        content
    };
    let [0, 0, kind, dimensions, rest @ ..] = content else {
        return Err(malformed("it does not start like an IDX file; give an IDX file of images".to_owned()));
    };
    if *kind != UNSIGNED_BYTES {
        return Err(malformed(format!("its values have IDX type 0x{kind:02x}; only unsigned bytes (0x08) are read")));
    }
    let dimensions = usize::from(*dimensions);
    let (header, values) = rest
        .split_at_checked(dimensions * 4)
        .ok_or_else(|| malformed("it ends within its header; fetch the file again".to_owned()))?;
    let extents: Vec<usize> =
        header.chunks_exact(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]]) as usize).collect();
    let expected = extents.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    if expected != Some(values.len()) || dimensions == 0 {
        let claimed: Vec<String> = extents.iter().map(ToString::to_string).collect();
        return Err(malformed(format!(
            "its header claims {} values and it holds {}; fetch the file again",
            claimed.join("x"),
            values.len()
        )));
    }
    Ok(IdxArray { extents, bytes: values.to_vec() })
}

pub(super) struct Images {
    pub rows: usize,
    pub shape: ImageShape,
    pub bytes: Vec<u8>,
}

pub(super) fn images_from(content: &[u8], place: &str) -> Result<Images, DataError> {
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

pub(super) fn labels_from(content: &[u8], place: &str, rows: usize) -> Result<Vec<u8>, DataError> {
    let array = read_idx(content, place)?;
    if array.extents != [rows] {
        return Err(DataError::Malformed {
            place: place.to_owned(),
            problem: format!("it has not one label for each of {rows} images; give the file that belongs to them"),
        });
    }
    Ok(array.bytes)
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    std::fs::read(path).map_err(|error| DataError::Unreadable { path: path.into(), reason: reason(&error) })
}

pub(super) fn images(path: &Path) -> Result<Images, DataError> {
    images_from(&read_file(path)?, &path.display().to_string())
}

/// Labels from `...-labels-idx1...` beside `...-images-idx3...`, where there is such a file.
pub(super) fn labels_beside(path: &Path, rows: usize) -> Result<Option<Vec<u8>>, DataError> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let labels = path.with_file_name(name.replace("images-idx3", "labels-idx1"));
    if labels == path || !labels.is_file() {
        return Ok(None);
    }
    labels_from(&read_file(&labels)?, &labels.display().to_string(), rows).map(Some)
}
