//! Text of a table: unpacked and decoded.

use std::borrow::Cow;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::data::DataError;
use crate::data::error::unreadable;
use crate::platform::files;

/// Bytes from which the form of a file is detected.
const HEAD: u64 = 1 << 16;

/// Text of which the start has been read, in UTF-8 but for single cells, which [`cell_text`] decodes.
pub(crate) struct TextHead {
    pub place: String,
    pub head: Vec<u8>,
    pub rest: Box<dyn Read + Send>,
    /// Name of the encoding where it is not UTF-8.
    pub encoding: Option<&'static str>,
    /// Doubt about the encoding, in words.
    pub doubt: Option<String>,
}

impl TextHead {
    pub fn open(path: &Path) -> Result<Self, DataError> {
        if path.is_dir() {
            return Err(DataError::malformed(path.display().to_string(), "it is a folder; give a table as CSV or TSV"));
        }
        let file = files::File::open(path).map_err(|error| unreadable(path, &error))?;
        Self::new(Box::new(file), path.display().to_string())
    }

    /// Opens the text of `source`, unpacked where it is gzipped; `place` is its name in errors.
    pub fn new(source: Box<dyn Read + Send>, place: String) -> Result<Self, DataError> {
        let damaged = |error: std::io::Error| {
            DataError::malformed(&place, format!("it ends within its rows or is damaged ({error}); fetch it again"))
        };
        let mut source = BufReader::with_capacity(1 << 16, source);
        let mut magic = Vec::new();
        source.by_ref().take(2).read_to_end(&mut magic).map_err(damaged)?;
        if magic.is_empty() {
            return Err(DataError::malformed(place, "it is empty; give a table with rows"));
        }
        let packed = magic == [0x1f, 0x8b];
        let whole = Cursor::new(magic).chain(source);
        let mut rest: Box<dyn Read + Send> =
            if packed { Box::new(flate2::read::MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        let mut head = Vec::new();
        rest.by_ref().take(HEAD).read_to_end(&mut head).map_err(damaged)?;
        let encoding = encoding_of(&head);
        if encoding == UTF_8 {
            // A byte order mark is no part of the first name.
            if head.starts_with(b"\xef\xbb\xbf") {
                head.drain(..3);
            }
            if head.contains(&0) {
                let problem = "it holds bytes that no text has; give a table as CSV, TSV or XLSX";
                return Err(DataError::malformed(place, problem));
            }
            return Ok(Self { place, head, rest, encoding: None, doubt: None });
        }
        let doubt = doubt_of(&head, encoding);
        let source = Cursor::new(head).chain(rest);
        let mut rest: Box<dyn Read + Send> =
            Box::new(DecodeReaderBytesBuilder::new().encoding(Some(encoding)).bom_override(true).build(source));
        let mut head = Vec::new();
        rest.by_ref().take(HEAD).read_to_end(&mut head).map_err(damaged)?;
        Ok(Self { place, head, rest, encoding: Some(encoding.name()), doubt })
    }
}

/// Encoding of a text that begins with `head`.
fn encoding_of(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    // Of Latin letters in two bytes one is zero.
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    if head.len() >= 4 && first.max(second) * 4 > head.len() && first.min(second) * 20 < first.max(second) {
        return if first > second { UTF_16BE } else { UTF_16LE };
    }
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The head may end within a letter.
        Err(error) => error.error_len().is_none() && head.len() as u64 >= HEAD,
    };
    if is_utf8 || head.contains(&0) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(head, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Returns the remark that a text which begins with `head`, read as `encoding`, may be written in a code page of DOS: its
/// letters are marks there, which stand between letters nowhere else.
fn doubt_of(head: &[u8], encoding: &'static Encoding) -> Option<String> {
    /// Letters of CP437 and CP850 that are marks or nothing at all in the code pages of Windows: ü, é, ä, ç, ê, ë, ö,
    /// ò and Ö.
    const LETTERS: [u8; 9] = [0x81, 0x82, 0x84, 0x87, 0x88, 0x89, 0x94, 0x95, 0x99];
    if !encoding.is_single_byte() {
        return None;
    }
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0xc0;
    let at = head.windows(3).position(|of| LETTERS.contains(&of[1]) && is_letter(&of[0]) && is_letter(&of[2]))? + 1;
    let is_end = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphabetic();
    let start = head[..at].iter().rposition(is_end).map_or(0, |place| place + 1);
    let end = head[at..].iter().position(is_end).map_or(head.len(), |place| at + place);
    let (word, _) = encoding.decode_without_bom_handling(&head[start..end]);
    Some(format!(
        "words such as {:?} look as if they were written in a code page of DOS (CP437 or CP850), and are read as {}; save \
         the file as UTF-8",
        word.replace(char::is_control, "?"),
        encoding.name()
    ))
}

/// Text of a cell as a spreadsheet program shows it: of `="003"`, by which programs keep zeros, what is quoted.
fn shown(text: &str) -> &str {
    let quoted = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    quoted.filter(|inner| !inner.contains('"')).unwrap_or(text)
}

/// Text of a cell. Bytes that are no UTF-8 are those of Windows-1252: the head of the file had none of them. Letters and
/// accents apart, as macOS writes them, are the letters with their accents: the same words are the same.
pub(crate) fn cell_text(bytes: &[u8]) -> Cow<'_, str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(shown(text)),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    };
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return text;
    }
    Cow::Owned(text.nfc().collect())
}
