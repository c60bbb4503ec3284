//! Files under a folder, and their names in reports.

use std::path::{Path, PathBuf};

use super::error::reason;

/// Extensions of the tables that can be read, without the dot.
pub const TABLE_EXTENSIONS: [&str; 9] = ["csv", "tsv", "tab", "parquet", "xlsx", "xlsm", "xlsb", "xls", "ods"];

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

/// The name of a file below the folder that was given; of a file that was given by itself, its own.
pub(super) fn name_below(file: &Path, given: &Path) -> String {
    let inside = file.strip_prefix(given).ok().filter(|inside| !inside.as_os_str().is_empty());
    inside.or_else(|| file.file_name().map(Path::new)).unwrap_or(file).to_string_lossy().into_owned()
}

pub(super) fn is_picture(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| PICTURE_EXTENSIONS.contains(&extension.as_str()))
}

/// Extensions of files that are tried as pictures, in lower case.
pub const PICTURE_EXTENSIONS: [&str; 13] =
    ["png", "jpg", "jpeg", "jpe", "webp", "tif", "tiff", "bmp", "gif", "pbm", "pgm", "ppm", "pnm"];
