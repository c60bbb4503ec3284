//! Rows of a large array, read from its file on demand.

use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::array::{ArrayDType, Layout, broken, malformed, open};
use super::npy::NpyHeader;
use super::safetensors::SafetensorsFile;
use super::{idx, npy};
use crate::data::DataError;
use crate::platform::files::File;

/// An open file with an array in it that is neither compressed nor in Fortran's order: an NPY file, an IDX file or a
/// tensor of a safetensors file. Rows are slices along the first dimension.
///
/// Reading names the place in the file each time and moves no cursor, so that threads can share it.
#[derive(Debug)]
pub struct ArrayFile {
    file: File,
    path: PathBuf,
    layout: Layout,
    /// Offset of the first row in the file, in bytes.
    offset: u64,
    rows: usize,
}

impl ArrayFile {
    /// Opens `path`, whose format is detected from its first bytes. `name` chooses among a safetensors file's arrays.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self, DataError> {
        let place = path.display().to_string();
        let (mut reader, length) = open(path)?;
        let mut start = Vec::new();
        (&mut reader).take(9).read_to_end(&mut start).map_err(|error| broken(&error, &place))?;
        let (layout, offset) = match start[..] {
            [0x1f, 0x8b, ..] => {
                return Err(malformed(
                    &place,
                    "it is gzipped, and rows are read from plain files alone; unpack it first",
                ));
            }
            [b'P', b'K', ..] => {
                return Err(malformed(
                    &place,
                    "it is an archive, and rows are read from plain files alone; save it as NPY",
                ));
            }
            _ if start.starts_with(npy::MAGIC) => {
                let (mut reader, _) = open(path)?;
                let header = NpyHeader::read(&mut reader, &place)?;
                let offset = header.length;
                let layout = header.layout(&place)?;
                layout.check_stored(length.saturating_sub(offset), &place)?;
                (layout, offset)
            }
            // A header of JSON: the length of IDX's would be larger than any file.
            [_, _, _, _, _, _, _, _, b'{'] => SafetensorsFile::open(path)?.locate(name)?,
            [0, 0, ..] => {
                let (mut reader, _) = open(path)?;
                let (layout, offset) = idx::header(&mut reader, &place)?;
                layout.check_stored(length.saturating_sub(offset), &place)?;
                (layout, offset)
            }
            _ => return Err(malformed(&place, "it starts like no array; give an NPY, IDX or safetensors file")),
        };
        if layout.column_major && layout.shape.iter().filter(|&&extent| extent > 1).count() > 1 {
            let problem = "its rows are not in one piece (Fortran's order); save numpy.ascontiguousarray(array)";
            return Err(malformed(&place, problem));
        }
        let Some(&rows) = layout.shape.first() else {
            return Err(malformed(&place, "it is one number, not rows; give an array of at least one dimension"));
        };
        Ok(Self { file: reader.into_inner(), path: path.into(), layout, offset, rows })
    }

    /// Returns the extents, rows first.
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// Returns the element type in the file.
    pub fn element(&self) -> ArrayDType {
        self.layout.element
    }

    /// Returns the number of rows, the first extent.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of values in a row.
    pub fn row_values(&self) -> usize {
        self.layout.values / self.rows.max(1)
    }

    /// Replaces `out` by the values of `rows`; unsigned bytes are 0 to 255.
    pub fn read_rows(&self, rows: Range<usize>, out: &mut Vec<f32>) -> Result<(), DataError> {
        let mut bytes = Vec::new();
        self.read_stored(rows, &mut bytes)?;
        out.clear();
        self.layout.decode(&bytes, out);
        Ok(())
    }

    /// Replaces `out` by the bytes of `rows`, of an array of unsigned bytes.
    pub fn read_row_bytes(&self, rows: Range<usize>, out: &mut Vec<u8>) -> Result<(), DataError> {
        if self.layout.element != ArrayDType::U8 {
            let problem = format!("its values are {:?}, not unsigned bytes; read them as numbers", self.layout.element);
            return Err(self.malformed(problem));
        }
        self.read_stored(rows, out)
    }

    fn read_stored(&self, rows: Range<usize>, out: &mut Vec<u8>) -> Result<(), DataError> {
        let count = rows.end.checked_sub(rows.start).filter(|_| rows.end <= self.rows).ok_or_else(|| {
            self.malformed(format!("rows {} to {} were asked for and it has {}", rows.start, rows.end, self.rows))
        })?;
        // Both are at most the size of the file: `rows` lies within it.
        let row_bytes = self.row_values() * self.layout.element.size();
        out.clear();
        out.resize(count * row_bytes, 0);
        read_exact_at(&self.file, out, self.offset + (rows.start * row_bytes) as u64).map_err(|error| {
            let reason = match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    "it has become shorter since it was opened; start again".to_owned()
                }
                _ => error.to_string(),
            };
            DataError::Unreadable { path: self.path.clone(), reason }
        })
    }

    fn malformed(&self, problem: String) -> DataError {
        malformed(&self.path.display().to_string(), problem)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, out: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                out = &mut out[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns an error: a platform without files has none to read.
#[cfg(not(any(unix, windows)))]
fn read_exact_at(_: &File, _: &mut [u8], _: u64) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
