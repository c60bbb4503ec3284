//! Kind of the data that a path holds.

use std::path::Path;

use crate::data::DataError;
use crate::data::audio::sound::{is_other_sound, is_sound, is_sound_start};
use crate::data::error::unreadable;
use crate::data::folders::{TABLE_EXTENSIONS, files_under, is_picture, note_skipped};
use crate::data::picture_file::foreign;
use crate::data::spec::SourceKind;
use crate::platform::files;

/// Returns the kind of the data that a path holds, by file names first and by the first bytes where names are unknown.
pub(super) fn kind_of(path: &Path, is_folder: bool, notes: &mut Vec<String>) -> Result<SourceKind, DataError> {
    let by_name = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if is_picture(path) {
            Some(SourceKind::Images)
        } else if TABLE_EXTENSIONS
            .iter()
            .any(|ending| name.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.')))
        {
            Some(SourceKind::Table)
        } else if ends(&[".npy", ".npz", ".safetensors", ".idx"]) || name.contains("-idx") || name.contains(".idx") {
            Some(SourceKind::Array)
        } else if is_sound(path) || is_other_sound(path) {
            Some(SourceKind::Audio)
        } else if ends(&[".txt", ".md"]) {
            Some(SourceKind::Text)
        } else {
            None
        }
    };
    let place = path.display().to_string();
    if is_folder {
        let mut ignored = Vec::new();
        let files = files_under(path, |_| true, &mut ignored);
        let mut counts = [SourceKind::Images, SourceKind::Audio, SourceKind::Text].map(|kind| (0_usize, kind));
        for file in &files {
            let found = by_name(file);
            counts.iter_mut().filter(|(_, kind)| found == Some(*kind)).for_each(|(count, _)| *count += 1);
        }
        let most = counts.into_iter().max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0);
        if most.is_none() {
            note_skipped(path, is_picture, &mut ignored);
        }
        return most.map(|(_, kind)| kind).ok_or_else(|| {
            let why = if ignored.is_empty() { String::new() } else { format!(" ({})", ignored.join("; ")) };
            let what = if files.is_empty() {
                "the folder is empty".to_owned()
            } else {
                format!("none of its {} files", files.len())
            };
            let what = if files.is_empty() { what } else { format!("{what} is a picture, a recording or a text") };
            DataError::malformed(
                &place,
                format!("{what}{why}; give a folder of pictures, recordings (WAV, FLAC, MP3, OGG) or text files, or name one table or array in it"),
            )
        });
    }
    if path.extension().is_some_and(|own| own.eq_ignore_ascii_case("xls") || own.eq_ignore_ascii_case("xlsb")) {
        let problem = "workbooks of this older form are not read; save it as XLSX, ODS or CSV";
        return Err(DataError::malformed(place, problem));
    }
    if let Some(kind) = by_name(path) {
        return Ok(kind);
    }
    if let Some(problem) = foreign(path) {
        return Err(DataError::malformed(place, problem));
    }
    let mut start = [0_u8; 16];
    let read = {
        use std::io::Read as _;
        let mut file = files::File::open(path).map_err(|error| unreadable(path, &error))?;
        file.read(&mut start).map_err(|error| unreadable(path, &error))?
    };
    let start = &start[..read];
    let kind = if start.starts_with(b"\x93NUMPY") || start.starts_with(b"PK\x03\x04") || start.starts_with(&[0, 0, 8]) {
        SourceKind::Array
    } else if is_sound_start(start) {
        SourceKind::Audio
    } else if image::guess_format(start).is_ok() {
        SourceKind::Images
    } else {
        return Err(DataError::malformed(
            place,
            "its name and its first bytes say nothing known here; give pictures, CSV, TSV, XLSX, ODS, NPY, NPZ, safetensors, \
             IDX, WAV, FLAC, MP3, OGG or text, or name what it is: setting `data.kind=table`",
        ));
    };
    notes.push(format!("taken for {} by its first bytes", kind.name()));
    Ok(kind)
}
