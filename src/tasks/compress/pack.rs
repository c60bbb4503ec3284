//! Format of a file of compressed rows.
//!
//! ```text
//! "HGLZ"  version (1 byte)  fingerprint of the model (8)
//! count of rows, bytes of the side section, bytes of the payload (each a LEB128 number)
//! side section, deflated: steps, tables, names of rows
//! payload: the range coder's words, little-endian
//! CRC-32 of everything before it (4)
//! ```

use std::io::{Read as _, Write as _};

use super::codec::Codec;
use super::varint::{ByteReader, put_number};

const MAGIC: &[u8; 4] = b"HGLZ";
const VERSION: u8 = 1;
/// Largest unpacked side section in bytes; files of this program have none that is larger.
const MOST_SIDE: u64 = 256 << 20;

/// Contents of a file of compressed rows.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub fingerprint: u64,
    pub rows: usize,
    pub codec: Codec,
    /// Names of the rows, where they are named after files.
    pub names: Option<Vec<String>>,
    pub payload: Vec<u8>,
}

impl Packed {
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let mut side = Vec::new();
        self.codec.put(&mut side);
        match &self.names {
            Some(names) => {
                side.push(1);
                for name in names {
                    put_number(&mut side, name.len() as u64);
                    side.extend_from_slice(name.as_bytes());
                }
            }
            None => side.push(0),
        }
        let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        let deflated = deflater.write_all(&side).and_then(|()| deflater.finish()).map_err(|error| error.to_string())?;
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        for number in [self.rows, deflated.len(), self.payload.len()] {
            put_number(&mut out, number as u64);
        }
        out.extend_from_slice(&deflated);
        out.extend_from_slice(&self.payload);
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        Ok(out)
    }

    /// Parses the bytes of a file and verifies its checksum.
    ///
    /// # Errors
    /// Returns the problem with the bytes, in words.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        const DAMAGED: &str = "its checksum is wrong: it is damaged or cut off, fetch it again";
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err("it was not written by `hourglass compress`".to_owned());
        };
        let Some((rest, checksum)) = rest.split_last_chunk::<4>() else { return Err(DAMAGED.to_owned()) };
        if crc32fast::hash(&bytes[..bytes.len() - 4]) != u32::from_le_bytes(*checksum) {
            return Err(DAMAGED.to_owned());
        }
        let mut from = ByteReader(rest);
        let version = from.byte()?;
        if version != VERSION {
            return Err(format!("its version is {version}, this program reads {VERSION}"));
        }
        let fingerprint = from.bytes(8)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let rows = from.count(u32::MAX as usize)?;
        let (side, payload) = (from.count(rest.len())?, from.count(rest.len())?);
        let deflated = from.bytes(side)?;
        let payload = from.bytes(payload)?.to_vec();
        let mut unpacked = Vec::new();
        flate2::read::DeflateDecoder::new(deflated)
            .take(MOST_SIDE)
            .read_to_end(&mut unpacked)
            .map_err(|error| format!("its side section cannot be unpacked ({error})"))?;
        let mut side = ByteReader(&unpacked);
        let codec = Codec::take(&mut side)?;
        let mut names = None;
        if side.byte()? == 1 {
            let mut read = Vec::new();
            for _ in 0..rows {
                let length = side.count(1 << 16)?;
                read.push(String::from_utf8_lossy(side.bytes(length)?).into_owned());
            }
            names = Some(read);
        }
        Ok(Self { fingerprint, rows, codec, names, payload })
    }
}
