//! NPZ: a zip archive of NPY files, stored or deflated, as `numpy.savez` and `numpy.savez_compressed` write it.
//!
//! An archive can expand to a thousand times its size. Nothing of a member is expanded but its header before its shape
//! has been compared with the size that the archive declares and with the limit, and then no more than the shape needs.

use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::array::{Array, ArrayInfo, choose, malformed, open};
use super::npy::NpyHeader;
use crate::data::DataError;
use crate::platform::files::File;

struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// Names of the arrays, without `.npy`, each with its place in the archive.
    names: Vec<(usize, String)>,
    place: String,
}

impl Archive {
    fn open(path: &Path) -> Result<Self, DataError> {
        let place = path.display().to_string();
        let (reader, _) = open(path)?;
        let zip = ZipArchive::new(reader).map_err(|error| unusable(&error, &place))?;
        let names: Vec<(usize, String)> = (0..zip.len())
            .filter_map(|index| {
                let name = zip.name_for_index(index)?.ok()?;
                Some((index, name.strip_suffix(".npy")?.to_owned()))
            })
            .collect();
        if names.is_empty() {
            return Err(malformed(&place, "it is an archive without arrays (.npy); save it with numpy.savez"));
        }
        Ok(Self { zip, names, place })
    }

    /// Shape and kind of one array, of which nothing but the header is expanded.
    fn header(&mut self, index: usize, name: &str) -> Result<NpyHeader, DataError> {
        let place = format!("{}, array {name}", self.place);
        let mut member = self.zip.by_index(index).map_err(|error| unusable(&error, &place))?;
        NpyHeader::read(&mut member, &place)
    }

    fn read(&mut self, index: usize, name: &str, limit_bytes: u64) -> Result<Array, DataError> {
        let place = format!("{}, array {name}", self.place);
        let mut member = self.zip.by_index(index).map_err(|error| unusable(&error, &place))?;
        let header = NpyHeader::read(&mut member, &place)?;
        let held = member.size().saturating_sub(header.length);
        let layout = header.layout(&place)?;
        layout.check_stored(held, &place)?;
        layout.read(&mut member, limit_bytes, &place)
    }
}

/// Names, shapes and kinds of the arrays in an NPZ file; reads their headers alone.
pub fn list_npz(path: &Path) -> Result<Vec<ArrayInfo>, DataError> {
    let mut archive = Archive::open(path)?;
    let names = archive.names.clone();
    names
        .into_iter()
        .map(|(index, name)| {
            let header = archive.header(index, &name)?;
            Ok(ArrayInfo { name, shape: header.shape, element: header.element.map(|(element, _)| element) })
        })
        .collect()
}

/// Reads the array called `name`, or all of them. Together they take at most `limit_bytes` of memory, or are refused.
pub fn read_npz(path: &Path, name: Option<&str>, limit_bytes: u64) -> Result<Vec<(String, Array)>, DataError> {
    let mut archive = Archive::open(path)?;
    let mut wanted = archive.names.clone();
    if name.is_some() {
        let names: Vec<&str> = archive.names.iter().map(|(_, name)| &name[..]).collect();
        let place = choose(&names, name, &archive.place)?;
        wanted = wanted.into_iter().skip(place).take(1).collect();
    }
    let mut left = limit_bytes;
    wanted
        .into_iter()
        .map(|(index, name)| {
            let array = archive.read(index, &name, left)?;
            left = left.saturating_sub(array.memory_bytes());
            Ok((name, array))
        })
        .collect()
}

fn unusable(error: &ZipError, place: &str) -> DataError {
    malformed(place, format!("it is no NPZ archive that can be read ({error}); save it with numpy.savez"))
}
