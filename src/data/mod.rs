//! Data sets: rows of numbers with their parts, and where they come from.

mod array;
mod audio;
mod idx;
mod mnist;
mod text;
mod whole;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub use array::{
    Array, ArrayFile, ArrayInfo, ArrayValues, Element, list_npz, list_safetensors, read_npy, read_npz,
    read_safetensors, write_npy,
};
pub use audio::{MelSpec, MelTransform, Sound, read_wav, resample, write_wav};
pub use idx::{IdxArray, read_idx, read_idx_array};
pub use text::{Document, TextVectors, read_documents};
pub(crate) use whole::write_whole;

use crate::kernels::random::{permutation_keys, permute, stream};

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("cannot read the data, {}, {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("not usable as data, {place}, {problem}")]
    Malformed { place: String, problem: String },
    #[error("cannot write, {}, {reason}", path.display())]
    Unwritable { path: PathBuf, reason: String },
    #[error("the data does not fit the model, {place}, it has {found} values a row and the model takes {expected}")]
    WrongWidth { place: String, found: usize, expected: usize },
}

/// Height, width and channels of the pictures that rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl ImageShape {
    pub fn values(self) -> usize {
        self.height * self.width * self.channels
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Rows of bytes, meaning 0..1, in one block: the train part first, then validation, then test.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// What it is, for people.
    pub name: String,
    /// [rows, features], each row padded to a multiple of four bytes.
    pub packed: Vec<u8>,
    pub rows: usize,
    pub features: usize,
    pub image: Option<ImageShape>,
    /// A class for each row, where known.
    pub labels: Option<Vec<u8>>,
    pub train: Range<usize>,
    pub validation: Range<usize>,
    pub test: Range<usize>,
}

impl DataSet {
    pub fn part(&self, part: Part) -> Range<usize> {
        match part {
            Part::Train => self.train.clone(),
            Part::Validation => self.validation.clone(),
            Part::Test => self.test.clone(),
        }
    }

    /// Classes of the labels; 0 without labels.
    pub fn classes(&self) -> usize {
        self.labels.as_ref().and_then(|labels| labels.iter().max()).map_or(0, |&highest| usize::from(highest) + 1)
    }

    /// The classes one hot, as rows of bytes packed like the data; `classes` columns.
    pub fn one_hot(&self, classes: usize) -> Vec<u8> {
        let stride = classes.next_multiple_of(4);
        let mut packed = vec![0; self.rows * stride];
        for (row, &label) in self.labels.iter().flatten().enumerate() {
            if usize::from(label) < classes {
                packed[row * stride + usize::from(label)] = 255;
            }
        }
        packed
    }

    /// Uses the first `rows` rows of the train part alone.
    pub fn limit_train(&mut self, rows: usize) {
        self.train.end = self.train.end.min(self.train.start + rows);
    }

    pub fn row_bytes(&self, row: usize) -> &[u8] {
        let stride = self.features.next_multiple_of(4);
        &self.packed[row * stride..row * stride + self.features]
    }

    /// Rows as f32 in 0..1.
    pub fn rows_f32(&self, rows: Range<usize>) -> Vec<f32> {
        rows.flat_map(|row| self.row_bytes(row).iter().map(|&byte| f32::from(byte) / 255.0)).collect()
    }

    /// The embedded digits or what lies at `source`, split.
    ///
    /// MNIST comes with its split: the last 5,000 of the 60,000 are validation, the 10,000 are test. Other rows are
    /// put in an order that `seed` decides; the last tenth is test and `validation_fraction` of the rest validation.
    pub fn load(source: &str, validation_fraction: f64, seed: u64) -> Result<Self, DataError> {
        if source == "mnist" {
            return mnist::embedded();
        }
        let path = Path::new(source);
        let metadata = std::fs::metadata(path)
            .map_err(|error| DataError::Unreadable { path: path.into(), reason: reason(&error) })?;
        if metadata.is_dir() {
            return mnist::from_folder(path, validation_fraction, seed);
        }
        let images = idx::images(path)?;
        let labels = idx::labels_beside(path, images.rows)?;
        let name = path.file_name().map_or_else(|| source.to_owned(), |name| name.to_string_lossy().into_owned());
        Self::from_rows(name, images, labels, validation_fraction, seed)
    }

    fn from_rows(
        name: String,
        images: idx::Images,
        labels: Option<Vec<u8>>,
        validation_fraction: f64,
        seed: u64,
    ) -> Result<Self, DataError> {
        let rows = images.rows;
        let test = rows / 10;
        let validation = (((rows - test) as f64 * validation_fraction) as usize).max(1);
        if rows < 10 || rows - test <= validation {
            return Err(DataError::Malformed {
                place: name,
                problem: format!("{rows} rows cannot be split in train, validation and test; give at least 10"),
            });
        }
        let keys = permutation_keys(seed, 0, stream::SPLIT);
        let count = u32::try_from(rows).map_err(|_| DataError::Malformed {
            place: name.clone(),
            problem: format!("{rows} rows are more than this version counts; give at most 4 billion"),
        })?;
        let order: Vec<usize> = (0..count).map(|place| permute(place, count, keys) as usize).collect();
        let features = images.shape.values();
        let packed = pack(order.iter().map(|&row| &images.bytes[row * features..(row + 1) * features]), features);
        Ok(Self {
            name,
            packed,
            rows,
            features,
            image: Some(images.shape),
            labels: labels.map(|labels| order.iter().map(|&row| labels[row]).collect()),
            train: 0..rows - test - validation,
            validation: rows - test - validation..rows - test,
            test: rows - test..rows,
        })
    }

    /// The whole of `source` as one part, in its own order: what `--data` means for evaluation.
    pub fn load_whole(source: &str) -> Result<Self, DataError> {
        if source == "mnist" {
            return mnist::embedded().map(|mut set| {
                set.test = 0..set.rows;
                set
            });
        }
        let path = Path::new(source);
        let metadata = std::fs::metadata(path)
            .map_err(|error| DataError::Unreadable { path: path.into(), reason: reason(&error) })?;
        if metadata.is_dir() {
            return Err(DataError::Malformed {
                place: source.to_owned(),
                problem: "it is a folder; name the IDX file of images to evaluate".to_owned(),
            });
        }
        let images = idx::images(path)?;
        let labels = idx::labels_beside(path, images.rows)?;
        let features = images.shape.values();
        Ok(Self {
            name: source.to_owned(),
            packed: pack(images.bytes.chunks_exact(features), features),
            rows: images.rows,
            features,
            image: Some(images.shape),
            labels,
            train: 0..0,
            validation: 0..0,
            test: 0..images.rows,
        })
    }
}

fn pack<'a>(rows: impl Iterator<Item = &'a [u8]>, features: usize) -> Vec<u8> {
    let padding = features.next_multiple_of(4) - features;
    let mut packed = Vec::new();
    for row in rows {
        packed.extend_from_slice(row);
        packed.extend(std::iter::repeat_n(0, padding));
    }
    packed
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied; make it readable".to_owned(),
        _ => error.to_string(),
    }
}
