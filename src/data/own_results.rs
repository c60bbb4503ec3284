//! Results of `denoise` among pictures: known by their names or by a mark in the file, and left out of folders, so that
//! no result is taken for an original.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::platform::files;

/// Ending of the stem of a file that the window saves beside its original; a number may follow.
pub(crate) const OWN_SUFFIX: &str = "-denoised";
/// Text of the mark: a `Software` entry of a PNG, a comment of a JPEG. Other formats have none.
pub(crate) const OWN_MARK: &str = "Hourglass denoise";
/// Keyword of the PNG chunk that holds the mark.
pub(crate) const OWN_KEYWORD: &str = "Software";
/// Segments or chunks of a header that are looked at; the mark stands among the first.
const MOST_PARTS: usize = 64;

/// Returns whether the program has written `path`, by its name or by the mark in it.
pub(crate) fn is_own_result(path: &Path) -> bool {
    has_own_name(path) || has_mark(path)
}

fn has_own_name(path: &Path) -> bool {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unnumbered = match stem.rsplit_once('-') {
        Some((before, number)) if is_number(number) => before,
        _ => &stem,
    };
    // A name that is nothing else is no result of something.
    unnumbered.strip_suffix(OWN_SUFFIX).is_some_and(|original| !original.is_empty())
}

/// Returns whether the header of a PNG or JPEG holds the mark; a file that cannot be read has none.
fn has_mark(path: &Path) -> bool {
    let Ok(file) = files::File::open(path) else { return false };
    let mut file = BufReader::new(file);
    let mut start = [0; 8];
    if file.read_exact(&mut start).is_err() {
        return false;
    }
    match start {
        [0x89, b'P', b'N', b'G', ..] => png_has_mark(&mut file).unwrap_or(false),
        [0xff, 0xd8, ..] => file.seek(SeekFrom::Start(2)).and_then(|_| jpeg_has_mark(&mut file)).unwrap_or(false),
        _ => false,
    }
}

fn png_has_mark(file: &mut (impl Read + Seek)) -> std::io::Result<bool> {
    let wanted = [OWN_KEYWORD.as_bytes(), &[0], OWN_MARK.as_bytes()].concat();
    for _ in 0..MOST_PARTS {
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let [a, b, c, d, kind @ ..] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        if &kind == b"IDAT" || &kind == b"IEND" {
            return Ok(false);
        }
        if &kind == b"tEXt" && length as usize == wanted.len() {
            let mut text = vec![0; wanted.len()];
            file.read_exact(&mut text)?;
            if text == wanted {
                return Ok(true);
            }
            file.seek(SeekFrom::Current(4))?;
        } else {
            // The contents and their checksum.
            file.seek(SeekFrom::Current(i64::from(length) + 4))?;
        }
    }
    Ok(false)
}

fn jpeg_has_mark(file: &mut (impl Read + Seek)) -> std::io::Result<bool> {
    const COMMENT: u8 = 0xfe;
    const SCAN: u8 = 0xda;
    for _ in 0..MOST_PARTS {
        let mut head = [0; 4];
        file.read_exact(&mut head)?;
        let [0xff, marker, high, low] = head else { return Ok(false) };
        let length = usize::from(u16::from_be_bytes([high, low]).saturating_sub(2));
        if marker == SCAN {
            return Ok(false);
        }
        if marker == COMMENT && length == OWN_MARK.len() {
            let mut text = vec![0; length];
            file.read_exact(&mut text)?;
            if text == OWN_MARK.as_bytes() {
                return Ok(true);
            }
        } else {
            file.seek(SeekFrom::Current(length as i64))?;
        }
    }
    Ok(false)
}

/// Removes results of `denoise` from the files of a folder, and says so in `notes`. A folder of nothing else holds what
/// was asked for.
pub(crate) fn without_own_results(found: Vec<PathBuf>, notes: &mut Vec<String>) -> Vec<PathBuf> {
    use rayon::prelude::*;
    let is_own: Vec<bool> = found.par_iter().map(|path| is_own_result(path)).collect();
    let own = is_own.iter().filter(|own| **own).count();
    if own == 0 {
        return found;
    }
    if own == found.len() {
        notes.push(match own {
            1 => "the one picture of this folder was written by denoise and is no original".to_owned(),
            _ => format!("all {own} pictures of this folder were written by denoise and are no originals"),
        });
        return found;
    }
    let first = found.iter().zip(&is_own).find(|(_, own)| **own).and_then(|(path, _)| path.file_name());
    let first = first.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    notes.push(match own {
        1 => format!("{first} is left out: denoise wrote it; name the file itself to take it"),
        _ => format!(
            "{first} and {} more are left out: denoise wrote them; name the files themselves to take them",
            crate::style::grouped(own as u64 - 1)
        ),
    });
    found.into_iter().zip(is_own).filter(|(_, own)| !own).map(|(path, _)| path).collect()
}

/// Returns the note on a file that was named itself and is a result of `denoise`; `None` for others.
pub(crate) fn note_on_own(path: &Path) -> Option<String> {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    is_own_result(path)
        .then(|| format!("{name} was written by denoise and is no original; it is taken as it was named"))
}
