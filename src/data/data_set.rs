//! A data set: rows of numbers with their parts, names, labels and preparation.

use core::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CellRemark, DataError, DataSpec, Preparation, SourceKind, SplitKind};

/// Height, width and channels of rows that are pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// Values of a pixel, side by side: 1 for gray, 3 for color, 4 with alpha.
    pub channels: usize,
}

impl ImageShape {
    /// Returns the number of values in a picture.
    pub fn values(self) -> usize {
        self.height * self.width * self.channels
    }
}

/// Part of a data set by its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Rows that the model learns from.
    Train,
    /// Rows held out to measure the model during training.
    Validation,
    /// Rows held out to measure the finished model.
    Test,
}

impl Part {
    /// Returns the name of the part in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Storage type of a row's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// Byte that stands for its value / 255; rows are padded to whole 32-bit words.
    Byte,
    /// 32-bit float.
    Float,
}

impl ElementType {
    /// Bytes that a row of `features` takes.
    pub fn stride(self, features: usize) -> usize {
        match self {
            Self::Byte => features.next_multiple_of(4),
            Self::Float => features * 4,
        }
    }
}

/// Rows that are not all in memory: files decoded when they are wanted, pieces that change with the epoch.
pub trait RowReader: std::fmt::Debug + Send + Sync {
    /// Writes rows one after the other to `out`, each as [`ElementType::stride`] has it. `epoch` counts passes of
    /// training; [`FIXED`] stands for what is always the same.
    fn read(&self, rows: &[u32], epoch: u32, out: &mut [u8]) -> Result<(), DataError>;
}

/// Epoch number of rows that are evaluated rather than trained on.
pub const FIXED: u32 = u32::MAX;

/// Storage of the values of rows.
#[derive(Clone, Debug)]
pub enum Values {
    /// Bytes `[rows, stride]`, as [`ElementType::Byte`] has it.
    Bytes(Arc<Vec<u8>>),
    /// Floats `[rows, features]`.
    Floats(Arc<Vec<f32>>),
    /// Rows of a reader: row `i` is row `order[i]` of `source`, with values of type `element`.
    Source {
        /// Reader of the rows.
        source: Arc<dyn RowReader>,
        /// Storage type of its values.
        element: ElementType,
        /// Number in the source of each row, from 0.
        order: Arc<Vec<u32>>,
    },
}

/// Names of rows for reports: files, times, documents.
pub type RowNames = Arc<Vec<String>>;

/// Places of the windows in a series: each is a row of `window` steps of all columns, step after step.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowLayout {
    /// First step of each window, by the window's number in the source.
    pub starts: Vec<u32>,
    /// Steps of a window.
    pub window: usize,
    /// Value columns of a step.
    pub columns: usize,
    /// Steps of the series.
    pub steps: usize,
    /// Step of each row of the source, from 0: rows are sorted by time, and those of one time share a step. Beyond the
    /// steps for a row without a time or any value.
    pub step_of_row: Vec<u32>,
    /// Cells that break one of [`Preparation::rules`], by rows of the source.
    pub remarks: Vec<CellRemark>,
}

/// Rows of the source in each part, as runs: the number of the first from 0, and the count of rows.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SplitManifest {
    /// Source of the data as `data.source` names it.
    pub source: String,
    /// Split method in words, as [`SplitKind::name`] returns it.
    pub method: &'static str,
    /// Seed of the run that divided the rows.
    pub seed: u64,
    /// Runs of train rows in rising order.
    pub train: Vec<[u32; 2]>,
    /// Runs of validation rows in rising order.
    pub validation: Vec<[u32; 2]>,
    /// Runs of test rows in rising order.
    pub test: Vec<[u32; 2]>,
}

/// Most bytes of rows that are read for a statistic; more would hardly change it.
pub(crate) const LOOK_BYTES: usize = 1 << 30;

/// Rows of numbers, the train part first, then validation, then test.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Name for display.
    pub name: String,
    /// Kind of the source.
    pub kind: SourceKind,
    /// Values of the rows, prepared.
    pub values: Values,
    /// Number of rows in all parts.
    pub rows: usize,
    /// Values of a row.
    pub features: usize,
    /// Shape of the pictures; `None` where rows are no pictures.
    pub image: Option<ImageShape>,
    /// A class for each row, where known.
    pub labels: Option<Vec<u16>>,
    /// Names of the classes, by class number.
    pub classes: Vec<String>,
    /// Rows of the train part.
    pub train: Range<usize>,
    /// Rows of the validation part.
    pub validation: Range<usize>,
    /// Rows of the test part.
    pub test: Range<usize>,
    /// Number of each row in the source, from 0; `None` where they lie as they came.
    pub order: Option<Arc<Vec<u32>>>,
    /// Names of the source's rows, by their numbers there.
    pub names: Option<RowNames>,
    /// Group of each row, such as the file that it is a piece of; `None` where rows stand alone.
    pub groups: Option<Arc<Vec<u32>>>,
    /// Places of the windows in a series; `None` for other sources.
    pub windows: Option<Arc<WindowLayout>>,
    /// Preparation of the source's values, applied to other data for the same model too.
    pub preparation: Preparation,
    /// The section of the spec with everything that was left open filled in.
    pub options: DataSpec,
    /// Cells of a table that held no value.
    pub missing: usize,
    /// Cells of a table that its features do not show, by rows; of data for training, those of held-out rows that break a
    /// rule alone.
    pub remarks: Arc<Vec<CellRemark>>,
    /// Form of the source in words, such as the marks and the encoding of a table; `None` where its name says all of it.
    pub form: Option<String>,
    /// Notes for the user, in words.
    pub notes: Vec<String>,
}

impl DataSet {
    /// Returns the range of rows of a part.
    pub fn part(&self, part: Part) -> Range<usize> {
        match part {
            Part::Train => self.train.clone(),
            Part::Validation => self.validation.clone(),
            Part::Test => self.test.clone(),
        }
    }

    /// Classes of the labels; 0 without labels.
    pub fn classes(&self) -> usize {
        let highest = self.labels.as_ref().and_then(|labels| labels.iter().max());
        highest.map_or(0, |&highest| (usize::from(highest) + 1).max(self.classes.len()))
    }

    /// Returns the values of a row in words: the shape of a picture, the columns of a table, the steps of a window.
    pub fn row_words(&self) -> String {
        let values = crate::style::counted(self.features, "value");
        let columns = |count| crate::style::counted(count, "column");
        if let Some(image) = self.image {
            let color = match image.channels {
                1 => "gray".to_owned(),
                3 => "color".to_owned(),
                4 => "color with alpha".to_owned(),
                channels => crate::style::counted(channels, "channel"),
            };
            return format!("{}\u{d7}{} {color}", image.width, image.height);
        }
        if let Some(windows) = &self.windows {
            return format!(
                "windows of {} of {}",
                crate::style::counted(windows.window, "step"),
                columns(windows.columns)
            );
        }
        match self.preparation.columns.len() {
            0 => values,
            count if count == self.features => columns(count),
            count => format!("{} as {values}", columns(count)),
        }
    }

    /// Returns the split method in words.
    pub fn split_method(&self) -> &'static str {
        self.options.split.unwrap_or(SplitKind::Given).name()
    }

    /// Returns the rows of each part by their numbers in the source, from 0.
    pub fn split_manifest(&self, seed: u64) -> SplitManifest {
        let numbers = |part: Range<usize>| {
            let mut numbers: Vec<u32> = match &self.order {
                Some(order) => order[part].to_vec(),
                None => part.map(|row| row as u32).collect(),
            };
            numbers.sort_unstable();
            numbers.chunk_by(|a, b| a + 1 == *b).map(|run| [run[0], run.len() as u32]).collect()
        };
        SplitManifest {
            source: self.options.source.clone(),
            method: self.split_method(),
            seed,
            train: numbers(self.train.clone()),
            validation: numbers(self.validation.clone()),
            test: numbers(self.test.clone()),
        }
    }

    /// Returns the class of each row one-hot, as bytes packed like the data; `classes` columns.
    pub fn one_hot(&self, rows: impl IntoIterator<Item = usize>, classes: usize) -> Vec<u8> {
        let stride = classes.next_multiple_of(4);
        let labels = self.labels.as_deref().unwrap_or_default();
        let mut packed = Vec::new();
        for row in rows {
            let start = packed.len();
            packed.resize(start + stride, 0);
            if let Some(&label) = labels.get(row)
                && usize::from(label) < classes
            {
                packed[start + usize::from(label)] = 255;
            }
        }
        packed
    }

    /// Uses the first `rows` rows of the train part alone.
    pub fn limit_train(&mut self, rows: usize) {
        self.train.end = self.train.end.min(self.train.start.saturating_add(rows));
    }

    /// Returns the storage type of the values.
    pub fn element(&self) -> ElementType {
        match &self.values {
            Values::Bytes(_) => ElementType::Byte,
            Values::Floats(_) => ElementType::Float,
            Values::Source { element, .. } => *element,
        }
    }

    /// Bytes of a row.
    pub fn stride(&self) -> usize {
        self.element().stride(self.features)
    }

    /// Bytes of all rows.
    pub fn bytes(&self) -> usize {
        self.rows * self.stride()
    }

    /// Returns all rows as they go to a device; `None` where they are not in memory.
    pub fn resident(&self) -> Option<&[u8]> {
        match &self.values {
            Values::Bytes(bytes) => Some(bytes),
            Values::Floats(floats) => Some(bytemuck::cast_slice(floats)),
            Values::Source { .. } => None,
        }
    }

    /// Reads rows one after the other, as they go to a device; those of training are those of `epoch`.
    pub fn read(&self, rows: &[usize], epoch: u32) -> Result<Vec<u8>, DataError> {
        let stride = self.stride();
        let mut out = vec![0; rows.len() * stride];
        match (&self.values, self.resident()) {
            (Values::Source { source, order, .. }, _) => {
                let wanted: Vec<u32> = rows.iter().map(|&row| order[row]).collect();
                source.read(&wanted, epoch, &mut out)?;
            }
            (_, all) => {
                let all = all.unwrap_or_default();
                for (out, &row) in out.chunks_exact_mut(stride).zip(rows) {
                    out.copy_from_slice(&all[row * stride..(row + 1) * stride]);
                }
            }
        }
        Ok(out)
    }

    /// Rows `[rows, features]` as the network takes them.
    pub fn rows_f32(&self, rows: Range<usize>) -> Result<Vec<f32>, DataError> {
        match &self.values {
            Values::Floats(floats) => Ok(floats[rows.start * self.features..rows.end * self.features].to_vec()),
            Values::Bytes(bytes) => {
                let stride = self.stride();
                Ok(self.unpacked(&bytes[rows.start * stride..rows.end * stride]))
            }
            Values::Source { .. } => {
                let wanted: Vec<usize> = rows.collect();
                Ok(self.unpacked(&self.read(&wanted, FIXED)?))
            }
        }
    }

    /// Same as [`Self::rows_f32`], for any rows in any order.
    pub fn chosen_f32(&self, rows: &[usize]) -> Result<Vec<f32>, DataError> {
        Ok(self.unpacked(&self.read(rows, FIXED)?))
    }

    /// Same as [`Self::rows_f32`], for no more rows of a part than statistics need.
    pub fn some_f32(&self, part: Part) -> Result<Vec<f32>, DataError> {
        let rows = self.part(part);
        let most = (LOOK_BYTES / (self.features * 4)).max(1);
        self.rows_f32(rows.start..rows.end.min(rows.start + most))
    }

    /// Returns the same rows in other parts: those of `train`, then those of `held` as validation, and no test part.
    ///
    /// Numbers that are scaled by what the train part holds are scaled again by this one, so that no row of `held` has
    /// a say in it; [`Self::preparation`] stays that of the source.
    ///
    /// # Errors
    /// If rows cannot be read.
    pub(crate) fn with_parts(&self, train: &[usize], held: &[usize]) -> Result<Self, DataError> {
        let rows: Vec<usize> = train.iter().chain(held).copied().collect();
        let values = match &self.values {
            Values::Bytes(_) => Values::Bytes(Arc::new(self.read(&rows, FIXED)?)),
            Values::Floats(_) => {
                let mut values = self.chosen_f32(&rows)?;
                self.preparation.scale_again(&mut values, train.len(), self.features);
                Values::Floats(Arc::new(values))
            }
            Values::Source { source, element, order } => Values::Source {
                source: Arc::clone(source),
                element: *element,
                order: Arc::new(rows.iter().map(|&row| order[row]).collect()),
            },
        };
        let places = |row: &usize| self.order.as_ref().map_or(*row as u32, |order| order[*row]);
        Ok(Self {
            values,
            rows: rows.len(),
            labels: self.labels.as_ref().map(|labels| rows.iter().map(|&row| labels[row]).collect()),
            train: 0..train.len(),
            validation: train.len()..rows.len(),
            test: rows.len()..rows.len(),
            order: Some(Arc::new(rows.iter().map(places).collect())),
            groups: self.groups.as_ref().map(|groups| Arc::new(rows.iter().map(|&row| groups[row]).collect())),
            windows: None,
            ..self.clone()
        })
    }

    /// Rows of [`Self::read`] as floats.
    fn unpacked(&self, bytes: &[u8]) -> Vec<f32> {
        match self.element() {
            ElementType::Byte => bytes
                .chunks_exact(self.stride())
                .flat_map(|row| row[..self.features].iter().map(|&byte| f32::from(byte) / 255.0))
                .collect(),
            ElementType::Float => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        }
    }

    /// Returns whether rows have names of their own, such as those of files.
    pub fn has_row_names(&self) -> bool {
        self.names.is_some()
    }

    /// Returns a row's name in reports: its own, or its number in the source from 1.
    pub fn row_name(&self, row: usize) -> String {
        let place = self.order.as_ref().map_or(row, |order| order[row] as usize);
        match self.names.as_ref().and_then(|names| names.get(place)) {
            Some(name) => name.clone(),
            None => format!("row {}", place + 1),
        }
    }

    /// Builds a data set of prepared rows `[rows, features]` as one part, the test part.
    pub fn from_rows(values: Vec<f32>, features: usize, preparation: &Preparation) -> Self {
        let rows = values.len() / features.max(1);
        Self {
            name: String::new(),
            kind: preparation.source,
            values: Values::Floats(Arc::new(values)),
            rows,
            features,
            image: None,
            labels: None,
            classes: Vec::new(),
            train: 0..0,
            validation: 0..0,
            test: 0..rows,
            order: None,
            names: None,
            groups: None,
            windows: None,
            preparation: preparation.clone(),
            options: DataSpec::default(),
            missing: 0,
            remarks: Arc::default(),
            form: None,
            notes: Vec::new(),
        }
    }
}

/// Rows of bytes padded to whole words.
pub(crate) fn pack<'a>(rows: impl Iterator<Item = &'a [u8]>, features: usize) -> Vec<u8> {
    let padding = features.next_multiple_of(4) - features;
    let mut packed = Vec::new();
    for row in rows {
        packed.extend_from_slice(row);
        packed.extend(std::iter::repeat_n(0, padding));
    }
    packed
}
