//! Data sets: rows of numbers, their division into parts, and their sources.

mod array_rows;
mod audio;
mod axes;
mod data_set;
mod duplicates;
mod error;
mod fingerprint;
mod folders;
mod formats;
mod images;
mod labels;
mod mnist;
mod own_results;
mod picture_file;
mod preparation;
mod rhythm;
mod source;
mod spec;
mod split;
mod table_stream;
mod tfidf;
mod time_order;
mod windows;

pub use self::audio::mel::{MelSpec, MelTransform};
pub use self::audio::mono::Waveform;
pub use self::audio::resample::resample;
pub use self::audio::sound::{SOUND_EXTENSIONS, read_sound};
pub use self::audio::wav::{read_wav, write_wav};
pub(crate) use self::axes::{PictureAxes, axes_of_pictures};
pub(crate) use self::data_set::LOOK_BYTES;
pub use self::data_set::{
    DataSet, ElementType, FIXED, ImageShape, Part, RowNames, RowReader, SplitManifest, Values, WindowLayout,
};
pub use self::duplicates::{Duplicates, near_duplicates};
pub use self::error::DataError;
pub use self::fingerprint::DataFingerprint;
pub use self::folders::{PICTURE_EXTENSIONS, TABLE_EXTENSIONS};
pub use self::formats::array::{Array, ArrayDType as StoredElement, ArrayInfo, ArrayValues};
pub use self::formats::array_file::ArrayFile;
pub use self::formats::columns::ColumnReading;
pub use self::formats::date_format::DateFormat;
pub use self::formats::idx::{IdxArray, read_idx, read_idx_array};
pub(crate) use self::formats::npy::read_npy_typed;
pub use self::formats::npy::{read_npy, write_npy, write_npy_as};
pub use self::formats::npz::{list_npz, read_npz};
pub use self::formats::number_format::NumberFormat;
pub use self::formats::safetensors::{list_safetensors, read_safetensors};
pub(crate) use self::formats::samples::{AlphaKind, Samples, StoredPicture, value_range};
pub(crate) use self::formats::tiff::encode_tiff;
pub(crate) use self::images::pictures_and_arrays;
pub(crate) use self::own_results::{OWN_KEYWORD, OWN_MARK, OWN_SUFFIX, note_on_own};
pub(crate) use self::picture_file::{read_described, read_pictures};
pub use self::preparation::{CellRemark, Preparation, PreparedColumn};
pub use self::spec::{AudioForm, DataSpec, Fit, PageChoice, Scaling, SourceKind, SplitKind, TextUnit};
pub use self::table_stream::{TableChunk, TableStream, read_labels};
pub use self::tfidf::{Document, TextVectors, read_documents};
