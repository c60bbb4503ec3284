//! Safetensors: the length of a header, the header (JSON: names, types, shapes, places), the values, little-endian and
//! row-major. Only the header is read here as a whole: the crate's reader wants all of the file in memory.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use safetensors::tensor::{Dtype, TensorInfo};
use serde_json::Value;

use super::array::{Array, ArrayDType, ArrayInfo, Layout, broken, choose, malformed, open};
use crate::data::DataError;
use crate::platform::files::File;

/// Most bytes of a header. The format's own limit is 100 MB; a header of so many names is a mistake or an attack.
const MAX_HEADER: u64 = 16 << 20;

pub(crate) struct SafetensorsFile {
    pub reader: BufReader<File>,
    tensors: Vec<(String, TensorInfo)>,
    /// Offset of the values in the file, and their length, in bytes.
    start: u64,
    held: u64,
    pub place: String,
}

impl SafetensorsFile {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let place = path.display().to_string();
        let (mut reader, length) = open(path)?;
        let no_header = "it does not start like a safetensors file; save it with the safetensors package";
        let mut header_bytes = [0; 8];
        reader.read_exact(&mut header_bytes).map_err(|_| malformed(&place, no_header))?;
        let header_length = u64::from_le_bytes(header_bytes);
        if header_length > MAX_HEADER || header_length > length.saturating_sub(8) {
            return Err(malformed(&place, no_header));
        }
        let mut header = Vec::new();
        (&mut reader).take(header_length).read_to_end(&mut header).map_err(|error| broken(&error, &place))?;
        let damaged =
            |error: serde_json::Error| malformed(&place, format!("its header is damaged ({error}); save it again"));
        let entries: BTreeMap<String, Value> = serde_json::from_slice(&header).map_err(damaged)?;
        let tensors: Vec<(String, TensorInfo)> = entries
            .into_iter()
            .filter(|(name, _)| name != "__metadata__")
            .map(|(name, entry)| serde_json::from_value(entry).map(|info| (name, info)))
            .collect::<Result<_, _>>()
            .map_err(damaged)?;
        if tensors.is_empty() {
            return Err(malformed(&place, "it holds no arrays; give a file with some"));
        }
        let start = 8 + header_length;
        Ok(Self { reader, tensors, start, held: length.saturating_sub(start), place })
    }

    fn names(&self) -> Vec<&str> {
        self.tensors.iter().map(|(name, _)| &name[..]).collect()
    }

    /// Returns the layout of one array and the offset of its values in the file, after a check that the file holds
    /// them.
    pub(crate) fn locate(&self, name: Option<&str>) -> Result<(Layout, u64), DataError> {
        let found = choose(&self.names(), name, &self.place)?;
        let (name, info) = self
            .tensors
            .get(found)
            .ok_or_else(|| malformed(&self.place, "it holds no arrays; give a file with some"))?;
        let place = format!("{}, array {name}", self.place);
        let element = element_of(info.dtype).map_err(|problem| malformed(&place, problem))?;
        let layout = Layout::new(info.shape.clone(), element, false, false, &place)?;
        let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        let claimed =
            to.checked_sub(from).ok_or_else(|| malformed(&place, "it ends before it starts; save it again"))?;
        layout.check_stored(claimed, &place)?;
        if to > self.held {
            return Err(malformed(
                &place,
                format!(
                    "it should end at byte {to} of the values and there are only {}; fetch or save it again",
                    self.held
                ),
            ));
        }
        Ok((layout, self.start + from))
    }

    fn read(&mut self, name: &str, limit_bytes: u64) -> Result<Array, DataError> {
        let (layout, offset) = self.locate(Some(name))?;
        let place = format!("{}, array {name}", self.place);
        self.reader.seek(SeekFrom::Start(offset)).map_err(|error| broken(&error, &place))?;
        let stored = layout.stored_bytes();
        layout.read(&mut (&mut self.reader).take(stored), limit_bytes, &place)
    }
}

/// Names, shapes and kinds of the arrays in a safetensors file, in the order of their names.
pub fn list_safetensors(path: &Path) -> Result<Vec<ArrayInfo>, DataError> {
    let file = SafetensorsFile::open(path)?;
    let info =
        |(name, info): (String, TensorInfo)| ArrayInfo { name, element: element_of(info.dtype), shape: info.shape };
    Ok(file.tensors.into_iter().map(info).collect())
}

/// Reads the array called `name`, or all of them. Together they take at most `limit_bytes` of memory, or are refused.
pub fn read_safetensors(path: &Path, name: Option<&str>, limit_bytes: u64) -> Result<Vec<(String, Array)>, DataError> {
    let mut file = SafetensorsFile::open(path)?;
    let names: Vec<String> = match name {
        Some(name) => vec![name.to_owned()],
        None => file.names().into_iter().map(ToOwned::to_owned).collect(),
    };
    let mut left = limit_bytes;
    names
        .into_iter()
        .map(|name| {
            let array = file.read(&name, left)?;
            left = left.saturating_sub(array.memory_bytes());
            Ok((name, array))
        })
        .collect()
}

fn element_of(dtype: Dtype) -> Result<ArrayDType, String> {
    Ok(match dtype {
        Dtype::BOOL => ArrayDType::Bool,
        Dtype::U8 => ArrayDType::U8,
        Dtype::U16 => ArrayDType::U16,
        Dtype::U32 => ArrayDType::U32,
        Dtype::U64 => ArrayDType::U64,
        Dtype::I8 => ArrayDType::I8,
        Dtype::I16 => ArrayDType::I16,
        Dtype::I32 => ArrayDType::I32,
        Dtype::I64 => ArrayDType::I64,
        Dtype::F16 => ArrayDType::F16,
        Dtype::BF16 => ArrayDType::Bf16,
        Dtype::F32 => ArrayDType::F32,
        Dtype::F64 => ArrayDType::F64,
        other => return Err(format!("its values are {other:?}, which is not read; save them as F32")),
    })
}
