//! NPY, NumPy's format of one array: a magic string, a version, the length of a header that is a Python dictionary, and
//! the values. (NEP 1 and the documentation of `numpy.lib.format` describe it.)
//!
//! The header is read here and not by a crate: it is three keys, errors should be in our words, rows are read at the
//! place where it ends, and the crates that read NPY bring a grammar for all of Python's literals.

use std::io::{Read, Write as _};
use std::path::Path;

use super::array::{Array, ArrayDType, Layout, broken, malformed, open};
use crate::data::DataError;
use crate::platform::files::write_whole;

pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Most bytes of a header. Those of arrays of numbers take about a hundred; structured types may take more, and are not
/// read.
const MAX_HEADER: u64 = 1 << 20;

pub(crate) struct NpyHeader {
    pub shape: Vec<usize>,
    /// Element type and whether its bytes are big-endian, or the reason why the values cannot be read.
    pub element: Result<(ArrayDType, bool), String>,
    column_major: bool,
    /// Offset of the values in the file, in bytes.
    pub length: u64,
}

impl NpyHeader {
    pub(crate) fn read(reader: &mut dyn Read, place: &str) -> Result<Self, DataError> {
        let mut take = |count: u64| {
            let mut bytes = Vec::new();
            reader.take(count).read_to_end(&mut bytes).map_err(|error| broken(&error, place))?;
            if (bytes.len() as u64) < count {
                return Err(malformed(place, "it ends within its NPY header; fetch or save it again"));
            }
            Ok(bytes)
        };
        let start = take(10)?;
        let [magic @ .., major, _, low, high] = &start[..] else {
            return Err(malformed(place, "it ends within its NPY header; fetch or save it again"));
        };
        if magic != MAGIC {
            return Err(malformed(place, "it does not start like an NPY file; save it with numpy.save"));
        }
        let (before, length) = match major {
            1 => (10, u64::from(u16::from_le_bytes([*low, *high]))),
            2 | 3 => {
                let rest = take(2)?;
                let high_half = rest.iter().rev().fold(0, |half, &byte| half << 8 | u64::from(byte));
                (12, u64::from(u16::from_le_bytes([*low, *high])) | high_half << 16)
            }
            other => {
                return Err(malformed(place, format!("it is NPY version {other}; versions 1, 2 and 3 are read")));
            }
        };
        if length > MAX_HEADER {
            return Err(malformed(
                place,
                format!("its NPY header claims {length} bytes; an array of numbers has at most {MAX_HEADER}"),
            ));
        }
        let text = take(length)?;
        let (shape, element, column_major) = parse(&text).ok_or_else(|| {
            malformed(
                place,
                "its NPY header is not a dictionary of descr, fortran_order and shape; save it with numpy.save",
            )
        })?;
        Ok(Self { shape, element, column_major, length: before + length })
    }

    pub(crate) fn layout(self, place: &str) -> Result<Layout, DataError> {
        let (element, big_endian) = self.element.map_err(|problem| malformed(place, problem))?;
        Layout::new(self.shape, element, big_endian, self.column_major, place)
    }
}

/// Reads an NPY file of numbers. Reading takes at most `limit_bytes` of memory, or is refused.
pub fn read_npy(path: &Path, limit_bytes: u64) -> Result<Array, DataError> {
    Ok(read_npy_typed(path, limit_bytes)?.0)
}

/// Same as [`read_npy`], with the element type of the file.
pub(crate) fn read_npy_typed(path: &Path, limit_bytes: u64) -> Result<(Array, ArrayDType), DataError> {
    let place = path.display().to_string();
    let (mut reader, length) = open(path)?;
    let header = NpyHeader::read(&mut reader, &place)?;
    let held = length.saturating_sub(header.length);
    let layout = header.layout(&place)?;
    layout.check_stored(held, &place)?;
    let element = layout.element;
    Ok((layout.read(&mut reader, limit_bytes, &place)?, element))
}

/// Writes `values` as an NPY file (version 1.0, `<f4`, row-major), whole or not at all.
pub fn write_npy(path: &Path, shape: &[usize], values: &[f32]) -> Result<(), DataError> {
    write_npy_as(path, shape, values, ArrayDType::F32)
}

/// Writes `values` as an NPY file of numbers of type `element`, whole or not at all: whole numbers rounded and kept
/// within what the type holds, truth values true from one half on.
pub fn write_npy_as(path: &Path, shape: &[usize], values: &[f32], element: ArrayDType) -> Result<(), DataError> {
    let unwritable = |reason: String| DataError::Unwritable { path: path.into(), reason };
    if shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent)) != Some(values.len()) {
        return Err(unwritable(format!("{} values do not fill the shape {shape:?}", values.len())));
    }
    let mut extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    if shape.len() != 1 {
        extents.truncate(extents.len().saturating_sub(2));
    }
    let mut header =
        format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", code_of(element), extents.trim_end())
            .into_bytes();
    // Values start at a multiple of 64, as the format asks.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.resize(padded - 1, b' ');
    header.push(b'\n');
    let length = u16::try_from(padded).map_err(|_| unwritable(format!("{} dimensions are too many", shape.len())))?;
    write_whole(path, |file| {
        file.write_all(MAGIC)?;
        file.write_all(&[1, 0])?;
        file.write_all(&length.to_le_bytes())?;
        file.write_all(&header)?;
        values.iter().try_for_each(|&value| {
            let (whole, wide) = (value.round(), f64::from(value).round());
            match element {
                ArrayDType::Bool => file.write_all(&[u8::from(value >= 0.5)]),
                ArrayDType::U8 => file.write_all(&[whole as u8]),
                ArrayDType::I8 => file.write_all(&(whole as i8).to_le_bytes()),
                ArrayDType::U16 => file.write_all(&(whole as u16).to_le_bytes()),
                ArrayDType::I16 => file.write_all(&(whole as i16).to_le_bytes()),
                ArrayDType::U32 => file.write_all(&(wide as u32).to_le_bytes()),
                ArrayDType::I32 => file.write_all(&(wide as i32).to_le_bytes()),
                ArrayDType::U64 => file.write_all(&(wide as u64).to_le_bytes()),
                ArrayDType::I64 => file.write_all(&(wide as i64).to_le_bytes()),
                ArrayDType::F16 => file.write_all(&half::f16::from_f32(value).to_le_bytes()),
                ArrayDType::F64 => file.write_all(&f64::from(value).to_le_bytes()),
                ArrayDType::Bf16 | ArrayDType::F32 => file.write_all(&value.to_le_bytes()),
            }
        })
    })
    .map_err(|error| unwritable(error.to_string()))
}

/// Returns NumPy's code of an element type; bfloat16, which it has none for, is written as 32 bits.
fn code_of(element: ArrayDType) -> &'static str {
    match element {
        ArrayDType::Bool => "|b1",
        ArrayDType::U8 => "|u1",
        ArrayDType::I8 => "|i1",
        ArrayDType::U16 => "<u2",
        ArrayDType::U32 => "<u4",
        ArrayDType::U64 => "<u8",
        ArrayDType::I16 => "<i2",
        ArrayDType::I32 => "<i4",
        ArrayDType::I64 => "<i8",
        ArrayDType::F16 => "<f2",
        ArrayDType::Bf16 | ArrayDType::F32 => "<f4",
        ArrayDType::F64 => "<f8",
    }
}

type Parsed = (Vec<usize>, Result<(ArrayDType, bool), String>, bool);

/// Shape, kind of values and order from a header's text; `None` for anything that is no such header.
fn parse(text: &[u8]) -> Option<Parsed> {
    let mut reader = Literals { text };
    let (mut shape, mut element, mut column_major) = (None, None, None);
    reader.expect(b'{')?;
    while !reader.skip(b'}') {
        let Literal::Text(key) = reader.value(0)? else { return None };
        reader.expect(b':')?;
        match (&key[..], reader.value(0)?) {
            ("descr", Literal::Text(code)) => element = Some(element_of(&code)),
            ("descr", _) => {
                let problem = "its values are records of several fields; save one field as an array of numbers";
                element = Some(Err(problem.to_owned()));
            }
            ("fortran_order", Literal::Word(word)) => {
                column_major = Some(match &word[..] {
                    "True" => true,
                    "False" => false,
                    _ => return None,
                });
            }
            ("shape", Literal::Sequence(extents)) => {
                let extents = extents.into_iter().map(|extent| match extent {
                    // Python 2 wrote long integers with an L.
                    Literal::Word(word) => word.trim_end_matches('L').parse().ok(),
                    _ => None,
                });
                shape = Some(extents.collect::<Option<Vec<usize>>>()?);
            }
            _ => return None,
        }
        if !reader.skip(b',') {
            reader.expect(b'}')?;
            break;
        }
    }
    (reader.peek().is_none()).then_some((shape?, element?, column_major?))
}

/// Returns the element type of `code`, such as `<f4`, and whether its bytes are big-endian.
fn element_of(code: &str) -> Result<(ArrayDType, bool), String> {
    let (big_endian, kind) = match code.as_bytes().first() {
        Some(b'>') => (true, code.get(1..)),
        Some(b'<' | b'|' | b'=') => (false, code.get(1..)),
        _ => (false, Some(code)),
    };
    let kind = kind.unwrap_or_default();
    let element = match kind {
        "b1" | "?" => ArrayDType::Bool,
        "u1" => ArrayDType::U8,
        "u2" => ArrayDType::U16,
        "u4" => ArrayDType::U32,
        "u8" => ArrayDType::U64,
        "i1" => ArrayDType::I8,
        "i2" => ArrayDType::I16,
        "i4" => ArrayDType::I32,
        "i8" => ArrayDType::I64,
        "f2" => ArrayDType::F16,
        "f4" => ArrayDType::F32,
        "f8" => ArrayDType::F64,
        _ => {
            let what = match kind.bytes().next() {
                Some(b'O') => "Python objects",
                Some(b'c') => "complex numbers",
                Some(b'S' | b'U' | b'a') => "strings",
                Some(b'V') => "records or raw bytes",
                Some(b'M' | b'm') => "dates or times",
                Some(b'f') => "floats of a width that is not read",
                _ => "of a kind that is not read",
            };
            // A hostile header may hold a million characters here.
            let code: String = code.chars().take(20).collect();
            return Err(format!(
                "its values are {what} ({code}); save real numbers, for example array.astype('float32')"
            ));
        }
    };
    Ok((element, big_endian))
}

enum Literal {
    Text(String),
    /// A number or a name.
    Word(String),
    /// A tuple or a list.
    Sequence(Vec<Self>),
}

/// Reads the Python literals that a header is made of.
struct Literals<'a> {
    text: &'a [u8],
}

impl Literals<'_> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        self.text = self.text.trim_ascii_start();
        self.text.first().copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.advance(1);
        }
        there
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip(byte).then_some(())
    }

    fn advance(&mut self, count: usize) {
        self.text = self.text.get(count..).unwrap_or_default();
    }

    /// Reads a literal. Headers nest three deep at most: `depth` keeps a hostile one from filling the stack.
    fn value(&mut self, depth: u32) -> Option<Literal> {
        match self.peek()? {
            quote @ (b'\'' | b'"') => {
                self.advance(1);
                let end = self.text.iter().position(|&byte| byte == quote)?;
                let text = String::from_utf8_lossy(self.text.get(..end)?).into_owned();
                self.advance(end + 1);
                Some(Literal::Text(text))
            }
            open @ (b'(' | b'[') if depth < 8 => {
                let close = if open == b'(' { b')' } else { b']' };
                self.advance(1);
                let mut values = Vec::new();
                while !self.skip(close) {
                    values.push(self.value(depth + 1)?);
                    if !self.skip(b',') {
                        self.expect(close)?;
                        break;
                    }
                }
                Some(Literal::Sequence(values))
            }
            _ => {
                let length = self.text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                let word = String::from_utf8_lossy(self.text.get(..length)?).into_owned();
                self.advance(length);
                (!word.is_empty()).then_some(Literal::Word(word))
            }
        }
    }
}
