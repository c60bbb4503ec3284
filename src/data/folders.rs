//! Files under a folder, and their names in reports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::reason;
use super::picture_file::foreign_extension;

/// Kinds of files that a note names; what is left is counted together.
const KINDS_NAMED: usize = 6;

/// Extensions of the tables that can be read, without the dot.
pub const TABLE_EXTENSIONS: [&str; 7] = ["csv", "tsv", "tab", "parquet", "xlsx", "xlsm", "ods"];

/// Files under `folder` that `wanted` takes, sorted by name; hidden ones and loops of links are left out.
pub(super) fn files_under(folder: &Path, wanted: fn(&Path) -> bool, notes: &mut Vec<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let visible =
        |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
    for entry in walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible)
    {
        match entry {
            Ok(entry) if entry.file_type().is_file() && wanted(entry.path()) => found.push(entry.into_path()),
            Ok(_) => {}
            Err(error) => {
                let place = error.path().unwrap_or(folder).display().to_string();
                let why = match error.loop_ancestor() {
                    Some(_) => "it is a link back to a folder that it lies in".to_owned(),
                    None => error.io_error().map_or_else(|| error.to_string(), reason),
                };
                notes.push(format!("{place} is left out: {why}"));
            }
        }
    }
    found
}

/// Counts the files under `folder` that `wanted` does not take, by kind, in a note of their own: pictures of kinds that
/// are not read would be missed otherwise.
pub(super) fn note_skipped(folder: &Path, wanted: fn(&Path) -> bool, notes: &mut Vec<String>) {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for file in files_under(folder, |_| true, &mut Vec::new()).iter().filter(|file| !wanted(file)) {
        let extension = file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        *kinds.entry(extension.unwrap_or_default()).or_default() += 1;
    }
    if kinds.is_empty() {
        return;
    }
    // Pictures first, then the most frequent.
    let mut kinds: Vec<(String, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(kind, count)| (foreign_extension(kind).is_none(), std::cmp::Reverse(*count)));
    let mut remedies: Vec<&str> = Vec::new();
    let named = kinds.iter().take(KINDS_NAMED).map(|(kind, count)| {
        if let Some(remedy) = foreign_extension(kind).filter(|remedy| !remedies.contains(remedy)) {
            remedies.push(remedy);
        }
        let kind = if kind.is_empty() { "without extension".to_owned() } else { format!(".{kind}") };
        format!("{count} {kind}")
    });
    let mut words = named.collect::<Vec<_>>().join(", ");
    let rest: usize = kinds.iter().skip(KINDS_NAMED).map(|(_, count)| count).sum();
    if rest > 0 {
        words.push_str(&format!(", {rest} of other kinds"));
    }
    let remedy = if remedies.is_empty() { String::new() } else { format!("; {}", remedies.join(", or ")) };
    notes.push(format!("files not read in {}: {words}{remedy}", folder.display()));
}

/// The name of a file below the folder that was given; of a file that was given by itself, its own.
pub(super) fn name_below(file: &Path, given: &Path) -> String {
    let inside = file.strip_prefix(given).ok().filter(|inside| !inside.as_os_str().is_empty());
    inside.or_else(|| file.file_name().map(Path::new)).unwrap_or(file).to_string_lossy().into_owned()
}

pub(super) fn is_picture(path: &Path) -> bool {
    extension_of(path).is_some_and(|extension| PICTURE_EXTENSIONS.contains(&extension.as_str()))
}

/// The extension of a file's name, in lower case.
pub(super) fn extension_of(path: &Path) -> Option<String> {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase())
}

/// Extensions of files that are tried as pictures, in lower case.
pub const PICTURE_EXTENSIONS: [&str; 13] =
    ["png", "jpg", "jpeg", "jpe", "webp", "tif", "tiff", "bmp", "gif", "pbm", "pgm", "ppm", "pnm"];
