//! Numeric arrays from NPY, NPZ, IDX and safetensors files, whole or some rows at a time.
//!
//! A file is a claim until its bytes have been counted: what a header declares is compared with what the file holds and
//! with the caller's limit before any memory is taken for it, and values are decoded as they are read, so that reading
//! takes what the array takes and no more.

use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use crate::data::DataError;
use crate::data::error::reason;
use crate::platform::files::File;

/// Values decoded at once.
const CHUNK_VALUES: usize = 16 * 1024;
/// Most dimensions of an array, the limit of NumPy itself.
const MAX_RANK: usize = 64;

/// Array in host memory, row-major: the last dimension is contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// Values, as many as the product of the extents, at least one.
    pub values: ArrayValues,
}

/// Values of an array in memory.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrayValues {
    /// Unsigned bytes, 0 to 255.
    Bytes(Vec<u8>),
    /// All other numbers, rounded to f32; truth values are 0 and 1. What lies beyond f32 becomes infinite, and NaN
    /// stays.
    Floats(Vec<f32>),
}

impl Array {
    /// Returns the bytes that the values take in memory.
    pub fn memory_bytes(&self) -> u64 {
        match &self.values {
            ArrayValues::Bytes(bytes) => bytes.len() as u64,
            ArrayValues::Floats(floats) => size_of_val(&floats[..]) as u64,
        }
    }
}

/// Element type of an array in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrayDType {
    /// Truth value of one byte; all but 0 are true.
    Bool,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// 8-bit signed integer.
    I8,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 16-bit float of IEEE 754.
    F16,
    /// 16-bit float with the exponent of a 32-bit one (bfloat16).
    Bf16,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
}

impl ArrayDType {
    /// Bytes of a value in a file.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Returns the type in words, such as `16-bit whole numbers`.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Bool => "truth values",
            Self::U8 | Self::I8 => "8-bit whole numbers",
            Self::U16 | Self::I16 => "16-bit whole numbers",
            Self::U32 | Self::I32 => "32-bit whole numbers",
            Self::U64 | Self::I64 => "64-bit whole numbers",
            Self::F16 | Self::Bf16 => "16-bit floats",
            Self::F32 => "32-bit floats",
            Self::F64 => "64-bit floats",
        }
    }

    /// Bytes of a value in an [`Array`].
    fn size_in_memory(self) -> usize {
        if self == Self::U8 { 1 } else { size_of::<f32>() }
    }
}

/// Description of one array in a file of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayInfo {
    /// Name in the file; in an NPZ archive without `.npy`.
    pub name: String,
    /// Extents, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// Element type, or the reason why the values cannot be read.
    pub element: Result<ArrayDType, String>,
}

/// Layout of an array in a file. The count of its values fits in memory's addresses, and is not 0.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub shape: Vec<usize>,
    pub element: ArrayDType,
    pub big_endian: bool,
    /// True if the first dimension is contiguous (Fortran's order).
    pub column_major: bool,
    pub values: usize,
}

impl Layout {
    pub(crate) fn new(
        shape: Vec<usize>,
        element: ArrayDType,
        big_endian: bool,
        column_major: bool,
        place: &str,
    ) -> Result<Self, DataError> {
        let values = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
        let countable =
            values.filter(|values| values.checked_mul(8).is_some_and(|bytes| isize::try_from(bytes).is_ok()));
        match countable {
            Some(0) => Err(malformed(place, format!("its shape is {}: it holds no values; give some", by(&shape)))),
            Some(values) if shape.len() <= MAX_RANK => Ok(Self { shape, element, big_endian, column_major, values }),
            Some(_) => {
                Err(malformed(place, format!("{} dimensions are no array; give at most {MAX_RANK}", shape.len())))
            }
            None => Err(malformed(
                place,
                format!("its header claims {} values, more than memory can address; save it again", by(&shape)),
            )),
        }
    }

    pub(crate) fn stored_bytes(&self) -> u64 {
        (self.values * self.element.size()) as u64
    }

    fn memory_bytes(&self) -> u64 {
        (self.values * self.element.size_in_memory()) as u64
    }

    /// Compares what the header claims with the bytes that follow it.
    pub(crate) fn check_stored(&self, held: u64, place: &str) -> Result<(), DataError> {
        let claimed = self.stored_bytes();
        if held == claimed {
            return Ok(());
        }
        let (shape, less) = (by(&self.shape), if held < claimed { "only " } else { "" });
        Err(malformed(
            place,
            format!(
                "its header claims {shape} values in {claimed} bytes and {less}{held} bytes follow; save or fetch it again"
            ),
        ))
    }

    fn check_limit(&self, limit_bytes: u64, place: &str) -> Result<(), DataError> {
        let needed = self.memory_bytes();
        if needed <= limit_bytes {
            return Ok(());
        }
        Err(malformed(
            place,
            format!(
                "its {} values take {} of memory and the limit is {}; give a smaller array or a higher limit",
                by(&self.shape),
                in_words(needed),
                in_words(limit_bytes)
            ),
        ))
    }

    /// Reads the values, after which `reader` must end.
    pub(crate) fn read(mut self, reader: &mut dyn Read, limit_bytes: u64, place: &str) -> Result<Array, DataError> {
        self.check_limit(limit_bytes, place)?;
        let values = if self.element == ArrayDType::U8 {
            ArrayValues::Bytes(self.collect(reader, place, |bytes, out| out.extend_from_slice(bytes))?)
        } else {
            ArrayValues::Floats(self.collect(reader, place, |bytes, out| self.decode(bytes, out))?)
        };
        let mut beyond = Vec::new();
        reader.take(1).read_to_end(&mut beyond).map_err(|error| broken(&error, place))?;
        if !beyond.is_empty() {
            let shape = by(&self.shape);
            return Err(malformed(
                place,
                format!("it goes on after the {shape} values that its header claims; save or fetch it again"),
            ));
        }
        Ok(Array { shape: std::mem::take(&mut self.shape), values })
    }

    fn collect<T: Copy + Default>(
        &self,
        reader: &mut dyn Read,
        place: &str,
        decode: impl Fn(&[u8], &mut Vec<T>),
    ) -> Result<Vec<T>, DataError> {
        let mut out: Vec<T> = Vec::new();
        out.try_reserve_exact(self.values).map_err(|_| {
            malformed(
                place,
                format!("there is no memory for its {} values; give a smaller array or a lower limit", by(&self.shape)),
            )
        })?;
        let mut bytes = vec![0; CHUNK_VALUES.min(self.values) * self.element.size()];
        let mut order = ColumnOrder::new(&self.shape);
        let mut decoded = Vec::new();
        if self.column_major {
            out.resize(self.values, T::default());
        }
        let mut left = self.values;
        while left > 0 {
            let count = left.min(CHUNK_VALUES);
            let bytes = &mut bytes[..count * self.element.size()];
            reader.read_exact(bytes).map_err(|error| broken(&error, place))?;
            if self.column_major {
                decoded.clear();
                decode(bytes, &mut decoded);
                // In this order: a place that is taken is used.
                for (&value, place) in decoded.iter().zip(order.by_ref()) {
                    if let Some(slot) = out.get_mut(place) {
                        *slot = value;
                    }
                }
            } else {
                decode(bytes, &mut out);
            }
            left -= count;
        }
        Ok(out)
    }

    /// Appends the values that `bytes` hold as the file has them.
    pub(crate) fn decode(&self, bytes: &[u8], out: &mut Vec<f32>) {
        match self.element {
            ArrayDType::Bool => self.each(bytes, out, |[byte]| f32::from(u8::from(byte != 0))),
            ArrayDType::U8 => self.each(bytes, out, |[byte]| f32::from(byte)),
            ArrayDType::I8 => self.each(bytes, out, |byte| f32::from(i8::from_le_bytes(byte))),
            ArrayDType::U16 => self.each(bytes, out, |bytes| f32::from(u16::from_le_bytes(bytes))),
            ArrayDType::I16 => self.each(bytes, out, |bytes| f32::from(i16::from_le_bytes(bytes))),
            ArrayDType::F16 => self.each(bytes, out, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
            ArrayDType::Bf16 => self.each(bytes, out, |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
            ArrayDType::U32 => self.each(bytes, out, |bytes| u32::from_le_bytes(bytes) as f32),
            ArrayDType::I32 => self.each(bytes, out, |bytes| i32::from_le_bytes(bytes) as f32),
            ArrayDType::F32 => self.each(bytes, out, f32::from_le_bytes),
            ArrayDType::U64 => self.each(bytes, out, |bytes| u64::from_le_bytes(bytes) as f32),
            ArrayDType::I64 => self.each(bytes, out, |bytes| i64::from_le_bytes(bytes) as f32),
            ArrayDType::F64 => self.each(bytes, out, |bytes| f64::from_le_bytes(bytes) as f32),
        }
    }

    fn each<const SIZE: usize>(&self, bytes: &[u8], out: &mut Vec<f32>, value: impl Fn([u8; SIZE]) -> f32) {
        let (values, _) = bytes.as_chunks::<SIZE>();
        out.extend(values.iter().map(|&little| {
            let mut little = little;
            if self.big_endian {
                little.reverse();
            }
            value(little)
        }));
    }
}

/// Row-major places of the values of a file in Fortran's order: walks the extents with the first one fastest.
struct ColumnOrder<'a> {
    shape: &'a [usize],
    strides: Vec<usize>,
    index: Vec<usize>,
    place: usize,
}

impl<'a> ColumnOrder<'a> {
    fn new(shape: &'a [usize]) -> Self {
        let mut strides = vec![1; shape.len()];
        let mut product = 1;
        for (stride, extent) in strides.iter_mut().zip(shape).rev() {
            *stride = product;
            product *= extent;
        }
        Self { shape, strides, index: vec![0; shape.len()], place: 0 }
    }
}

impl Iterator for ColumnOrder<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let here = self.place;
        for ((index, &extent), &stride) in self.index.iter_mut().zip(self.shape).zip(&self.strides) {
            *index += 1;
            self.place += stride;
            if *index < extent {
                break;
            }
            *index = 0;
            self.place -= extent * stride;
        }
        Some(here)
    }
}

pub(crate) fn malformed(place: &str, problem: impl Into<String>) -> DataError {
    DataError::Malformed { place: place.to_owned(), problem: problem.into() }
}

/// The error for a stream that could not be read to its end.
pub(crate) fn broken(error: &std::io::Error, place: &str) -> DataError {
    malformed(
        place,
        match error.kind() {
            ErrorKind::UnexpectedEof => "it ends before its last value; fetch or save it again".to_owned(),
            _ => format!("it is damaged ({error}); fetch or save it again"),
        },
    )
}

/// Opens a file; returns a reader and the length in bytes.
pub(crate) fn open(path: &Path) -> Result<(BufReader<File>, u64), DataError> {
    let unreadable = |error: std::io::Error| DataError::Unreadable { path: path.into(), reason: reason(&error) };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        let reason = "it is a folder; name a file in it".to_owned();
        return Err(DataError::Unreadable { path: path.into(), reason });
    }
    Ok((BufReader::new(file), metadata.len()))
}

/// Chooses the array called `name`, or the only one there is.
pub(crate) fn choose(names: &[&str], name: Option<&str>, place: &str) -> Result<usize, DataError> {
    let found = match name {
        Some(name) => names.iter().position(|&there| there == name),
        None => (names.len() == 1).then_some(0),
    };
    found.ok_or_else(|| {
        let wanted = name.map_or_else(|| "several arrays".to_owned(), |name| format!("no array {name}"));
        // A hostile file may hold millions.
        let some: Vec<&str> = names.iter().take(20).copied().collect();
        let more = if some.len() < names.len() { ", ..." } else { "" };
        malformed(place, format!("it holds {wanted}; name one of {}{more}", some.join(", ")))
    })
}

/// A shape as `60000x28x28`.
fn by(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "1".to_owned();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}

/// Count of bytes with a unit, such as `1.5 MiB`.
pub(crate) fn in_words(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..0x400 => return format!("{bytes} bytes"),
        0x400..0x10_0000 => (0x400, "KiB"),
        0x10_0000..0x4000_0000 => (0x10_0000, "MiB"),
        _ => (0x4000_0000, "GiB"),
    };
    format!("{:.1} {name}", bytes as f64 / f64::from(unit))
}
