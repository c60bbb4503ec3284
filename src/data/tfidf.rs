//! Text as rows of numbers: words counted by hash, weighted by how rare they are (TF-IDF); and files of documents.

use std::io::{BufRead as _, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::DataError;
use super::error::reason;
use super::folders::files_under;
use super::formats::array::{in_words, malformed, open};
use crate::platform::files;

/// Most columns of a row: rows are dense, and more columns are megabytes a document.
const MAX_DIMS: usize = 1 << 20;

/// Text and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Path of the file in its folder, with `/` between names, or number of the line from 1.
    pub name: String,
    /// Content of the file, or the line without its end.
    pub text: String,
}

impl Document {
    fn memory_bytes(&self) -> u64 {
        (size_of::<Self>() + self.name.len() + self.text.len()) as u64
    }
}

/// Hashed TF-IDF, the transform of a document to `dims` numbers.
///
/// Words are runs of letters and digits in lower case, of at least two characters. A word belongs to the column that
/// its hash names (FNV-1a of 64 bits: Fowler, Noll & Vo, draft-eastlake-fnv), so there is no vocabulary to keep, and
/// now and then two words share one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct TextVectors {
    dims: usize,
    bigrams: bool,
    signed: bool,
    idf: Vec<f32>,
}

/// Stored form of the vectors before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    dims: usize,
    bigrams: bool,
    signed: bool,
    idf: Vec<f32>,
}

impl TryFrom<Stored> for TextVectors {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { dims, bigrams, signed, idf } = stored;
        if !(1..=MAX_DIMS).contains(&dims) || idf.len() != dims || !idf.iter().all(|weight| weight.is_finite()) {
            return Err(format!("text vectors of {dims} columns cannot have {} weights; fit them again", idf.len()));
        }
        Ok(Self { dims, bigrams, signed, idf })
    }
}

impl From<TextVectors> for Stored {
    fn from(vectors: TextVectors) -> Self {
        let TextVectors { dims, bigrams, signed, idf } = vectors;
        Self { dims, bigrams, signed, idf }
    }
}

impl TextVectors {
    /// Learns how rare words are from `documents`, which should be the train part alone: what is measured on others
    /// must not have been seen. `bigrams` counts neighboring words as well; `signed` lets half of the words count
    /// down, so that words that share a column cancel and do not add (Weinberger et al., ICML 2009).
    pub fn fit<'a>(
        documents: impl IntoIterator<Item = &'a str>,
        dims: usize,
        bigrams: bool,
        signed: bool,
    ) -> Result<Self, DataError> {
        let wrong = |problem: String| malformed("text vectors", problem);
        if !(1..=MAX_DIMS).contains(&dims) {
            return Err(wrong(format!("{dims} columns were asked for; give 1 to {MAX_DIMS}")));
        }
        let mut vectors = Self { dims, bigrams, signed, idf: Vec::new() };
        // Documents that have a column's words, and the last one that was counted there.
        let mut found = vec![(0_u64, 0_u64); dims];
        let mut count = 0_u64;
        for document in documents {
            count += 1;
            vectors.each_term(document, |column, _| {
                if let Some((documents, last)) = found.get_mut(column)
                    && *last != count
                {
                    *documents += 1;
                    *last = count;
                }
            });
        }
        if count == 0 {
            return Err(wrong("there are no documents to learn from; give some".to_owned()));
        }
        // scikit-learn's smooth_idf: as if one more document had every word.
        let weight = |documents: u64| (((1 + count) as f64 / (1 + documents) as f64).ln() + 1.0) as f32;
        vectors.idf = found.into_iter().map(|(documents, _)| weight(documents)).collect();
        Ok(vectors)
    }

    /// Returns the number of values in a row.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Returns counts times rarity `[dims]`, scaled to length 1; all zeros for a document without words.
    pub fn transform(&self, document: &str) -> Vec<f32> {
        let mut row = vec![0.0_f32; self.dims];
        self.each_term(document, |column, sign| {
            if let Some(value) = row.get_mut(column) {
                *value += sign;
            }
        });
        row.iter_mut().zip(&self.idf).for_each(|(value, weight)| *value *= weight);
        let length = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
        }
        row
    }

    /// Calls `with` the column and sign of each word and, if asked for, each pair of neighbors.
    fn each_term(&self, document: &str, mut with: impl FnMut(usize, f32)) {
        let mut term = |hash: u64| {
            // The sign is the highest bit, which says next to nothing of the remainder.
            let sign = if self.signed && hash >> 63 == 1 { -1.0 } else { 1.0 };
            with((hash % self.dims as u64) as usize, sign);
        };
        let lower = document.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().nth(1).is_some());
        let mut before = None;
        for word in words {
            term(fnv1a(FNV_OFFSET, word));
            if let Some(before) = before.replace(word).filter(|_| self.bigrams) {
                term(fnv1a(fnv1a(fnv1a(FNV_OFFSET, before), " "), word));
            }
        }
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues the FNV-1a hash of the preceding text with `text`.
fn fnv1a(hash: u64, text: &str) -> u64 {
    text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Reads documents: the lines of a file, or the `.txt` and `.md` files of a folder and those in it, in the order of
/// their paths. Empty documents are kept; bytes that are no UTF-8 become U+FFFD. Together they take at most
/// `limit_bytes` of memory, or are refused. `notes` names what could not be read.
pub fn read_documents(path: &Path, limit_bytes: u64, notes: &mut Vec<String>) -> Result<Vec<Document>, DataError> {
    let unreadable = |error: std::io::Error| DataError::Unreadable { path: path.into(), reason: reason(&error) };
    let place = path.display().to_string();
    let mut left = limit_bytes;
    let mut documents = Vec::new();
    let mut keep = |document: Document| {
        left = left.checked_sub(document.memory_bytes()).ok_or_else(|| too_large(&place, limit_bytes))?;
        documents.push(document);
        Ok(())
    };
    if files::metadata(path).map_err(unreadable)?.is_dir() {
        for file in files_under(path, is_text, notes) {
            let inside = file.strip_prefix(path).unwrap_or(&file);
            let names: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            let bytes = read_text(&file, limit_bytes)?;
            keep(Document { name: names.join("/"), text: String::from_utf8_lossy(&bytes).into_owned() })?;
        }
    } else {
        let bytes = read_text(path, limit_bytes)?;
        for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            keep(Document { name: (index + 1).to_string(), text: String::from_utf8_lossy(line).into_owned() })?;
        }
    }
    if documents.is_empty() {
        return Err(malformed(&place, "it holds no documents; give lines of text, or a folder with .txt or .md files"));
    }
    Ok(documents)
}

/// Reads the bytes of a text file without its byte order mark; refuses one that holds a zero byte.
fn read_text(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, DataError> {
    let place = path.display().to_string();
    let (mut reader, length) = open(path)?;
    if length > limit_bytes {
        return Err(too_large(&place, limit_bytes));
    }
    // A mark that some editors put before UTF-8 is no part of the text.
    let start =
        reader.fill_buf().map_err(|error| DataError::Unreadable { path: path.into(), reason: reason(&error) })?;
    if start.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    let mut bytes = Vec::new();
    reader
        .take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| DataError::Unreadable { path: path.into(), reason: reason(&error) })?;
    if bytes.len() as u64 > limit_bytes {
        return Err(too_large(&place, limit_bytes));
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err(malformed(
            &place,
            format!("it is no text: byte {at} is zero; give UTF-8 text, not UTF-16 or binary"),
        ));
    }
    Ok(bytes)
}

fn too_large(place: &str, limit_bytes: u64) -> DataError {
    malformed(
        place,
        format!(
            "its documents take more memory than the limit of {}; give fewer or a higher limit",
            in_words(limit_bytes)
        ),
    )
}

fn is_text(path: &Path) -> bool {
    let is_one =
        |extension: &std::ffi::OsStr| extension.eq_ignore_ascii_case("txt") || extension.eq_ignore_ascii_case("md");
    path.extension().is_some_and(is_one)
}
