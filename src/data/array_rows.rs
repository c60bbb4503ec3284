//! Choice of the data and the labels among the arrays of a file, and rows of arrays that do not fit in memory.

use std::path::Path;

use rayon::prelude::*;

use super::error::unreadable;
use super::formats::array::{Array, ArrayDType as Stored, ArrayInfo, ArrayValues};
use super::formats::array_file::ArrayFile;
use super::formats::idx::{labels_beside, read_idx_array};
use super::formats::npy::read_npy_typed;
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
    /// Element type in the file; `None` for IDX, whose bytes stand for 0..1.
    pub element: Option<Stored>,
    /// Label of each row, as a word.
    pub labels: Option<Vec<String>>,
    /// Part of each row, where arrays are named after parts: 0 train, 1 validation, 2 test.
    pub given: Option<Vec<u8>>,
    /// Decisions about the arrays, in words.
    pub notes: Vec<String>,
}

/// Beginnings and ends of the names of arrays that are parts of one set, and the part.
const PARTS: [(&str, u8); 7] =
    [("train", 0), ("training", 0), ("val", 1), ("valid", 1), ("validation", 1), ("test", 2), ("testing", 2)];
/// Rests of the names of a part's data, and of its labels.
const DATA_OF_PART: [&str; 6] = ["x", "data", "images", "features", "inputs", ""];
const LABELS_OF_PART: [&str; 5] = ["y", "label", "labels", "target", "targets"];

/// Part that an array is named after, as `x_train` is, and the rest of its name.
fn part_of(name: &str) -> Option<(u8, String)> {
    let lower = name.to_lowercase();
    PARTS.iter().find_map(|(word, part)| {
        let rest = lower.strip_suffix(word).or_else(|| lower.strip_prefix(word))?;
        let cut = rest.trim_matches(['_', '-', '.']);
        // "contest" is no part.
        (cut.len() < rest.len() || rest.is_empty()).then(|| (*part, cut.to_owned()))
    })
}

/// Data and labels of the parts of a file, train first; empty unless its arrays are named after train and others.
fn parts_of(arrays: &[ArrayInfo]) -> Vec<(u8, &ArrayInfo, Option<&ArrayInfo>)> {
    let named: Vec<(u8, String, &ArrayInfo)> =
        arrays.iter().filter_map(|array| part_of(&array.name).map(|(part, rest)| (part, rest, array))).collect();
    let find = |part: u8, words: &[&str]| {
        named.iter().find(|(of, rest, _)| *of == part && words.contains(&rest.as_str())).map(|(_, _, array)| *array)
    };
    let mut parts = Vec::new();
    for part in 0..3 {
        let Some(data) = find(part, &DATA_OF_PART).filter(|array| array.shape.len() >= 2) else { continue };
        let labels = find(part, &LABELS_OF_PART).filter(|array| array.shape.first() == data.shape.first());
        parts.push((part, data, labels));
    }
    let inner = |array: &ArrayInfo| array.shape.get(1..).map(<[usize]>::to_vec);
    let alike = parts.iter().all(|(_, data, _)| parts.first().is_some_and(|(_, first, _)| inner(first) == inner(data)));
    let is_split = parts.len() > 1 && parts.first().is_some_and(|(part, _, _)| *part == 0);
    if alike && is_split { parts } else { Vec::new() }
}

/// Reads the parts of a file as one array, one after the other.
fn read_parts(
    parts: &[(u8, &ArrayInfo, Option<&ArrayInfo>)],
    options: &DataSpec,
    limit_bytes: u64,
    mut one: impl FnMut(&str, u64) -> Result<Array, DataError>,
) -> Result<FoundArray, DataError> {
    let (mut left, mut shape, mut given) = (limit_bytes, Vec::new(), Vec::new());
    let mut all: Vec<ArrayValues> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let takes_labels = options.labels.as_deref() != Some("none") && parts.iter().all(|(_, _, labels)| labels.is_some());
    for (part, data, labels) in parts {
        let array = one(&data.name, left)?;
        left = left.saturating_sub(array.memory_bytes());
        let rows = array.shape.first().copied().unwrap_or(0);
        given.resize(given.len() + rows, *part);
        if shape.is_empty() {
            shape.clone_from(&array.shape);
        }
        all.push(array.values);
        if let Some(labels) = labels.filter(|_| takes_labels) {
            words.extend(words_of(&one(&labels.name, left)?));
        }
    }
    if let Some(count) = shape.first_mut() {
        *count = given.len();
    }
    let is_bytes = all.iter().all(|values| matches!(values, ArrayValues::Bytes(_)));
    let numbers = match is_bytes {
        true => ArrayValues::Bytes(
            all.into_iter()
                .flat_map(|values| if let ArrayValues::Bytes(bytes) = values { bytes } else { Vec::new() })
                .collect(),
        ),
        false => ArrayValues::Floats(
            all.into_iter()
                .flat_map(|values| match values {
                    ArrayValues::Bytes(bytes) => bytes.into_iter().map(f32::from).collect(),
                    ArrayValues::Floats(floats) => floats,
                })
                .collect(),
        ),
    };
    let names: Vec<String> = parts
        .iter()
        .map(|(part, data, labels)| {
            let kind = ["train", "validation", "test"].get(usize::from(*part)).copied().unwrap_or("test");
            let labels = labels
                .filter(|_| takes_labels)
                .map_or_else(String::new, |labels| format!(" with labels {}", labels.name));
            format!("{} is the {kind} part{labels}", data.name)
        })
        .collect();
    let key = Setting::spec_key("data.array");
    let element = parts.first().and_then(|(_, data, _)| data.element.clone().ok());
    let mut notes = vec![format!("{}; {key} takes one of them alone", names.join(", "))];
    let types: Vec<Option<Stored>> = parts.iter().map(|(_, data, _)| data.element.clone().ok()).collect();
    if types.iter().any(|of| *of != element) {
        let named = |(_, data, _): &(u8, &ArrayInfo, Option<&ArrayInfo>)| {
            let words = data.element.as_ref().map_or("another type", |element| element.words());
            format!("{} holds {words}", data.name)
        };
        let named: Vec<String> = parts.iter().map(named).collect();
        notes.push(format!(
            "{}: their values are taken as they are, so save them as one type if their scales differ",
            named.join(", ")
        ));
    }
    Ok(FoundArray {
        shape,
        numbers: ArrayLocation::Here(numbers),
        element,
        labels: takes_labels.then_some(words),
        given: Some(given),
        notes,
    })
}

/// Returns the remark that arrays of a file are not used, where the spec does not name the one that is.
fn unused(arrays: &[ArrayInfo], used: &[&str], options: &DataSpec) -> Option<String> {
    const SHOWN: usize = 4;
    let has_rows = arrays.iter().filter(|array| array.shape.len() >= 2).map(|array| array.name.as_str());
    let rest: Vec<&str> = has_rows.filter(|name| !used.contains(name)).collect();
    let first = rest.first().filter(|_| options.array.is_none())?;
    let quoted = |names: &[&str]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    let more = if rest.len() > SHOWN { format!(" and {} more", rest.len() - SHOWN) } else { String::new() };
    let (named, are) = (quoted(rest.get(..SHOWN).unwrap_or(&rest)), if rest.len() > 1 { "are" } else { "is" });
    Some(format!("takes {}; {named}{more} {are} not used; setting `data.array={first}` takes it", quoted(used)))
}

/// Finds the data and its labels at `path`; what takes more than `limit_bytes` is read later, row by row, where its
/// file allows that.
pub(super) fn find(path: &Path, options: &DataSpec, limit_bytes: u64) -> Result<FoundArray, DataError> {
    let wanted = options.labels.as_deref().filter(|labels| *labels != "none");
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let place = path.display().to_string();
    let large = files::metadata(path).map_err(|error| unreadable(path, &error))?.len() > limit_bytes;
    let (mut element, mut notes) = (None, Vec::new());
    let (array, chosen, mut labels) = if name.ends_with(".npz") {
        let there = list_npz(path)?;
        let parts = parts_of(&there);
        let leaves_open = options.array.is_none() && wanted.is_none();
        if leaves_open && !parts.is_empty() {
            let mut found = read_parts(&parts, options, limit_bytes, |name, left| {
                let mut found = read_npz(path, Some(name), left)?;
                found.pop().map(|(_, array)| array).ok_or_else(|| DataError::malformed(&place, "it holds no array"))
            })?;
            let used: Vec<&str> = parts
                .iter()
                .flat_map(|(_, data, labels)| [Some(*data), *labels])
                .flatten()
                .map(|array| array.name.as_str())
                .collect();
            found.notes.extend(unused(&there, &used, options));
            return Ok(found);
        }
        let (data, labels) = choose(&there, options, &place)?;
        element = element_of(&there, &data);
        let used: Vec<&str> = std::iter::once(&data).chain(&labels).map(String::as_str).collect();
        notes.extend(unused(&there, &used, options));
        let one = |name: &str, left| -> Result<Array, DataError> {
            let mut found = read_npz(path, Some(name), left)?;
            found.pop().map(|(_, array)| array).ok_or_else(|| DataError::malformed(&place, "it holds no array"))
        };
        let array = one(&data, limit_bytes)?;
        let left = limit_bytes.saturating_sub(array.memory_bytes());
        (Some(array), None, labels.map(|name| one(&name, left)).transpose()?)
    } else if name.ends_with(".safetensors") {
        let there = list_safetensors(path)?;
        let (data, labels) = choose(&there, options, &place)?;
        element = element_of(&there, &data);
        let used: Vec<&str> = std::iter::once(&data).chain(&labels).map(String::as_str).collect();
        notes.extend(unused(&there, &used, options));
        let one = |name: &str, left| -> Result<Array, DataError> {
            let mut found = read_safetensors(path, Some(name), left)?;
            found.pop().map(|(_, array)| array).ok_or_else(|| DataError::malformed(&place, "it holds no array"))
        };
        let array = if large { None } else { Some(one(&data, limit_bytes)?) };
        (array, Some(data), labels.map(|name| one(&name, limit_bytes)).transpose()?)
    } else if large && !name.ends_with(".gz") {
        (None, None, None)
    } else if name.ends_with(".npy") || starts_with(path, b"\x93NUMPY")? {
        let (array, stored) = read_npy_typed(path, limit_bytes)?;
        element = Some(stored);
        (Some(array), None, None)
    } else {
        (Some(read_idx_array(path, limit_bytes)?), None, None)
    };
    let (shape, numbers) = match array {
        Some(array) => (array.shape, ArrayLocation::Here(array.values)),
        None => {
            let file = ArrayFile::open(path, chosen.as_deref())?;
            let is_idx = !name.ends_with(".safetensors") && !starts_with(path, b"\x93NUMPY")?;
            element = Some(file.element()).filter(|_| !is_idx);
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
    Ok(FoundArray { shape, numbers, element, labels: words, given: None, notes })
}

fn element_of(arrays: &[ArrayInfo], name: &str) -> Option<Stored> {
    arrays.iter().find(|array| array.name == name).and_then(|array| array.element.clone().ok())
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
