//! Choice of the data and the labels among the arrays of a file, and rows of arrays that do not fit in memory.

use std::path::Path;

use rayon::prelude::*;

use super::error::unreadable;
use super::formats::array::{Array, ArrayDType as Stored, ArrayInfo, ArrayValues};
use super::formats::array_file::ArrayFile;
use super::formats::idx::{labels_beside, read_idx_array};
use super::formats::npy::read_npy;
use super::formats::npz::{list_npz, read_npz};
use super::formats::safetensors::{list_safetensors, read_safetensors};
use super::preparation::Preparation;
use super::spec::DataSpec;
use super::{DataError, ElementType, RowReader};
use crate::error::Setting;
use crate::platform::files;

/// Names of arrays that are taken for labels where the spec names none.
const LABEL_NAMES: [&str; 5] = ["y", "label", "labels", "target", "targets"];

/// Values of an array, in memory or in their file.
#[derive(Debug)]
pub(super) enum ArrayLocation {
    Here(ArrayValues),
    There(ArrayFile),
}

#[derive(Debug)]
pub(super) struct FoundArray {
    pub shape: Vec<usize>,
    pub numbers: ArrayLocation,
    /// Label of each row, as a word.
    pub labels: Option<Vec<String>>,
}

/// Finds the data and its labels at `path`; what takes more than `limit_bytes` is read later, row by row, where its
/// file allows that.
pub(super) fn find(path: &Path, options: &DataSpec, limit_bytes: u64) -> Result<FoundArray, DataError> {
    let wanted = options.labels.as_deref().filter(|labels| *labels != "none");
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let place = path.display().to_string();
    let large = files::metadata(path).map_err(|error| unreadable(path, &error))?.len() > limit_bytes;
    let (array, chosen, mut labels) = if name.ends_with(".npz") {
        let (data, labels) = choose(&list_npz(path)?, options, &place)?;
        let one = |name: &str, left| -> Result<Array, DataError> {
            let mut found = read_npz(path, Some(name), left)?;
            found.pop().map(|(_, array)| array).ok_or_else(|| DataError::malformed(&place, "it holds no array"))
        };
        let array = one(&data, limit_bytes)?;
        let left = limit_bytes.saturating_sub(array.memory_bytes());
        (Some(array), None, labels.map(|name| one(&name, left)).transpose()?)
    } else if name.ends_with(".safetensors") {
        let (data, labels) = choose(&list_safetensors(path)?, options, &place)?;
        let one = |name: &str, left| -> Result<Array, DataError> {
            let mut found = read_safetensors(path, Some(name), left)?;
            found.pop().map(|(_, array)| array).ok_or_else(|| DataError::malformed(&place, "it holds no array"))
        };
        let array = if large { None } else { Some(one(&data, limit_bytes)?) };
        (array, Some(data), labels.map(|name| one(&name, limit_bytes)).transpose()?)
    } else if large && !name.ends_with(".gz") {
        (None, None, None)
    } else if name.ends_with(".npy") || starts_with(path, b"\x93NUMPY")? {
        (Some(read_npy(path, limit_bytes)?), None, None)
    } else {
        (Some(read_idx_array(path, limit_bytes)?), None, None)
    };
    let (shape, numbers) = match array {
        Some(array) => (array.shape, ArrayLocation::Here(array.values)),
        None => {
            let file = ArrayFile::open(path, chosen.as_deref())?;
            (file.shape().to_vec(), ArrayLocation::There(file))
        }
    };
    let rows = shape.first().copied().unwrap_or(0);
    let text = wanted.map(Path::new).filter(|list| list.is_file());
    let words = match (text, labels.take()) {
        (Some(list), _) => {
            let text = files::read_to_string(list).map_err(|error| unreadable(list, &error))?;
            Some(text.lines().map(|line| line.trim().to_owned()).collect())
        }
        (None, Some(array)) => Some(words_of(&array)),
        (None, None) if options.labels.as_deref() == Some("none") => None,
        (None, None) => labels_beside(path, rows)?.map(|labels| labels.iter().map(u16::to_string).collect()),
    };
    if let (Some(wanted), None) = (wanted, &words) {
        let problem =
            format!("{place} has no array {wanted:?} and there is no such file; name a text file with a label a line");
        return Err(DataError::Setting { setting: Setting::DATA_LABELS, problem });
    }
    Ok(FoundArray { shape, numbers, labels: words })
}

fn starts_with(path: &Path, magic: &[u8]) -> Result<bool, DataError> {
    use std::io::Read as _;
    let mut start = vec![0; magic.len()];
    let mut file = files::File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(file.read_exact(&mut start).is_ok() && start == magic)
}

/// Names of the data and of the labels among several arrays.
fn choose(arrays: &[ArrayInfo], options: &DataSpec, place: &str) -> Result<(String, Option<String>), DataError> {
    let called = |name: &str| arrays.iter().find(|array| array.name == name);
    let known = || arrays.iter().map(|array| array.name.clone()).collect::<Vec<String>>();
    let labels = match options.labels.as_deref() {
        Some("none") => None,
        Some(name) => called(name),
        None => arrays.iter().find(|array| {
            LABEL_NAMES.contains(&array.name.to_lowercase().as_str())
                && array.shape.iter().filter(|&&n| n > 1).count() <= 1
        }),
    };
    let data = match options.array.as_deref() {
        Some(name) => called(name).ok_or_else(|| DataError::Setting {
            setting: Setting::spec_key("data.array"),
            problem: format!("{place} has no array {name:?}; it has {}", known().join(", ")),
        })?,
        // The largest that has rows.
        None => arrays
            .iter()
            .filter(|array| array.shape.len() >= 2 && labels.is_none_or(|labels| labels.name != array.name))
            .max_by_key(|array| array.shape.iter().fold(1_usize, |all, &extent| all.saturating_mul(extent)))
            .ok_or_else(|| {
                DataError::malformed(
                    place,
                    format!("none of its arrays has rows of values; it has {}", known().join(", ")),
                )
            })?,
    };
    Ok((data.name.clone(), labels.map(|labels| labels.name.clone())))
}

fn words_of(array: &Array) -> Vec<String> {
    match &array.values {
        ArrayValues::Bytes(bytes) => bytes.iter().map(u8::to_string).collect(),
        ArrayValues::Floats(floats) => floats.iter().map(f32::to_string).collect(),
    }
}

/// Rows of a file, prepared as they are read.
#[derive(Debug)]
pub(super) struct FileRows {
    pub file: ArrayFile,
    pub preparation: Preparation,
    /// True if the bytes of the file are rows as they are, without preparation.
    pub packed: bool,
}

impl FileRows {
    pub fn element(&self) -> ElementType {
        if self.packed { ElementType::Byte } else { ElementType::Float }
    }

    /// Returns whether the file holds unsigned bytes.
    pub fn holds_bytes(file: &ArrayFile) -> bool {
        file.element() == Stored::U8
    }

    /// Rows `[rows, values]` as floats, not yet prepared.
    pub fn raw(file: &ArrayFile, rows: &[u32]) -> Result<Vec<f32>, DataError> {
        let read = |&row: &u32| {
            let mut values = Vec::new();
            file.read_rows(row as usize..row as usize + 1, &mut values)?;
            Ok(values)
        };
        Ok(rows.par_iter().map(read).collect::<Result<Vec<_>, DataError>>()?.concat())
    }
}

impl RowReader for FileRows {
    fn read(&self, rows: &[u32], _: u32, out: &mut [u8]) -> Result<(), DataError> {
        let features = self.file.row_values();
        let stride = self.element().stride(features);
        rows.par_iter().zip(out.par_chunks_exact_mut(stride)).try_for_each(|(&row, out)| {
            let range = row as usize..row as usize + 1;
            if self.packed {
                let mut bytes = Vec::new();
                self.file.read_row_bytes(range, &mut bytes)?;
                out[..features].copy_from_slice(&bytes);
                return Ok(());
            }
            let mut values = Vec::new();
            self.file.read_rows(range, &mut values)?;
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(DataError::malformed(
                    format!("row {}", row + 1),
                    format!("value {} is {}; replace what is missing or infinite", at + 1, values[at]),
                ));
            }
            self.preparation.apply(&mut values, features);
            out.copy_from_slice(bytemuck::cast_slice(&values));
            Ok(())
        })
    }
}
