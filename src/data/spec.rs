//! The `[data]` section of a spec: source of the data and form of its rows.

use serde::{Deserialize, Serialize};

use super::formats::date_format::DateFormat;

/// Kind of a source. It is detected from the files where the spec does not name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SourceKind {
    /// Picture files.
    Images,
    /// Rows of columns: CSV and its relatives, gzipped or not, workbooks, Parquet.
    Table,
    /// Columns of a table over time, cut in windows.
    Series,
    /// Numbers in rows: NPY, NPZ, safetensors, IDX.
    Array,
    /// Recordings: WAV, FLAC, MP3 and OGG files.
    Audio,
    /// Text documents, or their lines.
    Text,
}

impl SourceKind {
    /// Returns the name of the kind in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Table => "table",
            Self::Series => "series",
            Self::Array => "array",
            Self::Audio => "audio",
            Self::Text => "text",
        }
    }
}

/// Scaling of numbers, fitted on the train part alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scaling {
    /// Bytes divided by 255, 16-bit pictures by 65535: already 0..1.
    Unit,
    /// (x - mean) / standard deviation of each column.
    Zscore,
    /// (x - least) / (most - least) of each column.
    Minmax,
    /// (x - median) / (upper quartile - lower quartile) of each column.
    Robust,
    /// Same as z-score, for each window by itself: its level and its size are removed.
    Window,
    /// No scaling.
    None,
}

impl Scaling {
    /// Returns the name of the scaling in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Zscore => "zscore",
            Self::Minmax => "minmax",
            Self::Robust => "robust",
            Self::Window => "window",
            Self::None => "none",
        }
    }
}

/// Method of bringing pictures to the size of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Largest centered crop of the aspect ratio, resized.
    Crop,
    /// Whole picture, resized, padded with black.
    Pad,
    /// Whole picture, height and width resized independently.
    Stretch,
    /// Pieces of that size, not resized, at other places in each epoch.
    Patches,
}

/// Pages and frames of picture files that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PageChoice {
    /// All pages of a file, and all frames of an animation.
    All,
    /// First page or frame of each file.
    First,
}

/// Method of dividing rows into train, validation and test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SplitKind {
    /// Split that the data comes with.
    Given,
    /// Random split.
    Fraction,
    /// Random split within each class.
    Stratified,
    /// Split by time: the first rows are train, the last are test.
    Time,
    /// Split by folders named train, validation (or val, valid) and test.
    Folders,
    /// Split by the files of `lists`.
    Files,
}

impl SplitKind {
    /// Returns the method in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "as the data comes",
            Self::Fraction => "at random",
            Self::Stratified => "at random within each class",
            Self::Time => "by time",
            Self::Folders => "by folders",
            Self::Files => "by lists",
        }
    }
}

/// Form of the rows of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AudioForm {
    /// Pieces of the log-mel spectrogram, as pictures.
    Mel,
    /// Pieces of the waveform.
    Raw,
}

/// Unit of text that becomes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextUnit {
    /// Lines of the files.
    Lines,
    /// Whole files of a folder; of a single file, its lines.
    Documents,
}

/// Section `[data]` of a spec. Keys that are left out are chosen by the data; the choices are recorded in the run's
/// spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSpec {
    /// `mnist` (embedded), or the path of a file or folder.
    pub source: String,
    /// Kind of the source; `None` to detect it from the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<SourceKind>,
    /// Scaling of the values; `None` to choose it by the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scaling>,
    /// Rows of the train part to use; all where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Height and width of the rows of pictures, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// Channels of the pictures: 1 gray, 3 color, 4 with alpha.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Classes of the labels, filled in from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Source of the labels: `none`, `folders`, `prefix` (of file names, up to the first `_`), `last`, a column by its
    /// name or number from 1, the name of an array, or a text file with a label on each line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Rows of the source (steps of a series) that are in no part, as sorted runs: the number of the first, from 0, and
    /// how many follow each other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omit: Vec<[u32; 2]>,
    /// Method of the split; `None` to choose it by the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitKind>,
    /// Share of the rows for the test part, 0 to 0.8, by default 0.1; `train.validation_fraction` is of what is left.
    #[serde(skip_serializing_if = "is_tenth")]
    pub test_fraction: f64,
    /// Text files for train, validation and test: names of files, or numbers of rows from 1, one on each line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lists: Option<[String; 3]>,
    /// Most megabytes of data on the device at a time; more is brought there in shards while training goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_megabytes: Option<usize>,

    /// Method of bringing pictures to `size`; `None` to choose it by their number and sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// Pieces of a picture in an epoch, for `fit = "patches"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patches: Option<usize>,

    /// Pages and frames of picture files that are used, `all` or `first`; `None` for all pages of a TIFF file and the
    /// first frame of an animation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<PageChoice>,
    /// Values of black and white in pictures of more than 8 bits; `None` for those of their number type, or, where they
    /// do not use its range, for what they hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// Meaning of an array's dimensions, a letter for each: `N` or `T` counts pictures, `Y` lines, `X` columns, `C`
    /// channels, such as `TYX`, `NYXC`, `CYX` or `YX`; `NC` for plain rows. `None` to choose it by the shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axes: Option<String>,

    /// True if the first line of a table names its columns; `None` to detect it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Delimiter between the columns of a table, one ASCII character; `None` to detect it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Decimal mark of the numbers in a table, `.` or `,`; `None` to detect it, column by column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// Mark between groups of three digits: `,`, `.`, a blank or an apostrophe; `None` to detect it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// Writing of the dates in a table; `None` to detect it, column by column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dates: Option<DateFormat>,
    /// Codes for a missing value, beside an empty cell; where none are given, NA, N/A, NaN, null, none, ?, -, #N/A and
    /// missing. A single one needs no list.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "codes")]
    pub missing: Vec<String>,
    /// Sheet of a workbook; `None` for the one with most cells in rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Columns that are used although they look like running numbers, identifiers or counters, or hold a value far from
    /// all others, and as numbers although they look like codes or times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// Columns that are not used, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Columns whose values are names, even if they look like numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categorical: Vec<String>,

    /// Value columns of a series; empty for all columns of numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Time column of a series; `None` for the first column of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Steps of a window (of a series), frames (of a spectrogram) or samples (of a waveform).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// Steps, frames or samples from the start of one window to the start of the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,

    /// Name of the array in an NPZ or safetensors file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,

    /// Form of the rows of recordings; `None` for mel spectrograms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioForm>,
    /// Samples a second that recordings are brought to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Bands of the mel spectrogram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bands: Option<usize>,

    /// Unit of text that becomes a row; `None` for lines of a file and documents of a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextUnit>,
    /// Features that words are hashed to; `None` for 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<usize>,
    /// True if the output of the model lies in 0..1, which decides the scaling of numbers where it is not given.
    #[serde(skip)]
    pub bounded: bool,
    /// True if files may lack the labels that `labels` names, as those for a trained model may.
    #[serde(skip)]
    pub labels_optional: bool,

    /// True if pictures are rows as a whole: they are resized where they must be, and never cut in pieces unless `fit`
    /// says so.
    #[serde(skip)]
    pub whole: bool,

    /// True if rows of a series that cannot be read count as missing ones.
    #[serde(skip)]
    pub lenient: bool,

    /// True if pairs of neighboring words are counted beside the words.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bigrams: bool,
}

/// Reads codes from a list of words or numbers, or from a single one.
fn codes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Codes;

    impl<'de> serde::de::Visitor<'de> for Codes {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a code, or a list of codes such as [\"-999\", \"NA\"]")
        }

        fn visit_str<E>(self, code: &str) -> Result<Self::Value, E> {
            Ok(vec![code.to_owned()])
        }

        fn visit_i64<E>(self, code: i64) -> Result<Self::Value, E> {
            Ok(vec![code.to_string()])
        }

        fn visit_u64<E>(self, code: u64) -> Result<Self::Value, E> {
            Ok(vec![code.to_string()])
        }

        fn visit_f64<E>(self, code: f64) -> Result<Self::Value, E> {
            Ok(vec![code.to_string()])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut codes = Vec::new();
            while let Some(Code(code)) = list.next_element()? {
                codes.push(code);
            }
            Ok(codes)
        }
    }

    /// One code of a list.
    struct Code(String);

    impl<'de> Deserialize<'de> for Code {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let mut codes = deserializer.deserialize_any(Codes)?;
            match (codes.pop(), codes.is_empty()) {
                (Some(code), true) => Ok(Self(code)),
                _ => Err(serde::de::Error::custom("a code is a word or a number, not a list")),
            }
        }
    }

    deserializer.deserialize_any(Codes)
}

/// Returns whether `row` is in one of the runs, which are sorted.
pub(super) fn is_omitted(omitted: &[[u32; 2]], row: u32) -> bool {
    let after = omitted.partition_point(|&[first, _]| first <= row);
    after.checked_sub(1).is_some_and(|run| row - omitted[run][0] < omitted[run][1])
}

fn is_tenth(value: &f64) -> bool {
    *value == 0.1
}

impl Default for DataSpec {
    fn default() -> Self {
        Self {
            source: "mnist".to_owned(),
            kind: None,
            scale: None,
            rows: None,
            size: None,
            channels: None,
            classes: None,
            labels: None,
            omit: Vec::new(),
            split: None,
            test_fraction: 0.1,
            lists: None,
            device_megabytes: None,
            fit: None,
            patches: None,
            pages: None,
            range: None,
            axes: None,
            header: None,
            delimiter: None,
            decimal: None,
            thousands: None,
            dates: None,
            missing: Vec::new(),
            sheet: None,
            keep: Vec::new(),
            exclude: Vec::new(),
            categorical: Vec::new(),
            columns: Vec::new(),
            time: None,
            window: None,
            stride: None,
            array: None,
            audio: None,
            rate: None,
            bands: None,
            text: None,
            dimensions: None,
            bounded: false,
            labels_optional: false,
            whole: false,
            lenient: false,
            bigrams: false,
        }
    }
}

impl DataSpec {
    /// Builds the section for the data at `source`, all else left open.
    pub fn from_source(source: impl Into<String>) -> Self {
        Self { source: source.into(), ..Self::default() }
    }

    /// The scaling of numbers that have no scale of their own.
    pub(super) fn usual_scaling(&self) -> Scaling {
        if self.bounded { Scaling::Minmax } else { Scaling::Zscore }
    }

    /// Checks the values; the error is the first invalid field and its problem.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let within = |field, value: Option<usize>, least: usize, most: usize| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err((field, format!("it is {value}, use a number from {least} to {most}")))
            }
            _ => Ok(()),
        };
        if self.source.is_empty() {
            return Err(("data.source", "it is empty, name a file or folder, or \"mnist\"".to_owned()));
        }
        if !(0.0..=0.8).contains(&self.test_fraction) {
            return Err(("data.test_fraction", format!("it is {}, use a share from 0 to 0.8", self.test_fraction)));
        }
        if let Some([height, width]) = self.size {
            within("data.size", Some(height.min(width)), 1, 16_384)?;
            within("data.size", Some(height.max(width)), 1, 16_384)?;
        }
        if self.channels.is_some_and(|channels| channels == 0 || channels > 1024) {
            return Err(("data.channels", "use 1 (gray), 3 (color) or 4 (with alpha)".to_owned()));
        }
        if self.range.is_some_and(|[low, high]| !(low.is_finite() && high.is_finite() && low < high)) {
            return Err(("data.range", "use two finite numbers, black and white, such as [0, 4095]".to_owned()));
        }
        if let Some(problem) = self.axes.as_deref().and_then(|axes| super::axes::check_axes(axes).err()) {
            return Err(("data.axes", problem));
        }
        if self.split == Some(SplitKind::Files) && self.lists.is_none() {
            let problem =
                "it is \"files\", name the three of them: lists = [\"train.txt\", \"validation.txt\", \"test.txt\"]";
            return Err(("data.split", problem.to_owned()));
        }
        if self.delimiter.is_some_and(|delimiter| !delimiter.is_ascii()) {
            return Err(("data.delimiter", "use one ASCII character, such as \",\"".to_owned()));
        }
        if self.decimal.is_some_and(|mark| mark != '.' && mark != ',') {
            return Err(("data.decimal", "use \".\" or \",\"".to_owned()));
        }
        if self.thousands.is_some_and(|mark| !matches!(mark, ',' | '.' | ' ' | '\'') || self.decimal == Some(mark)) {
            let problem = "use \",\", \".\", \" \" or \"'\", another one than data.decimal".to_owned();
            return Err(("data.thousands", problem));
        }
        let apart = |pair: &[[u32; 2]]| pair[0][0].checked_add(pair[0][1]).is_some_and(|end| end <= pair[1][0]);
        if !self.omit.windows(2).all(apart) {
            let problem = "its runs of [first row, rows] overlap or are not in order, sort them".to_owned();
            return Err(("data.omit", problem));
        }
        within("data.rows", self.rows, 1, usize::MAX)?;
        within("data.patches", self.patches, 1, 100_000)?;
        within("data.window", self.window, 2, 1 << 24)?;
        within("data.stride", self.stride, 1, 1 << 24)?;
        within("data.bands", self.bands, 4, 512)?;
        within("data.dimensions", self.dimensions, 8, 1 << 20)?;
        within("data.rate", self.rate.map(|rate| rate as usize), 1000, 384_000)?;
        within("data.device_megabytes", self.device_megabytes, 1, 1 << 24)
    }
}
