//! Paths and numbers as the window writes them.

use std::path::Path;

/// A path with the home folder as `~`.
pub(crate) fn short_path(path: &Path) -> String {
    let home = directories::UserDirs::new().map(|folders| folders.home_dir().to_owned());
    match home.as_ref().and_then(|home| path.strip_prefix(home).ok()) {
        Some(inside) => format!("~/{}", inside.display()),
        None => path.display().to_string(),
    }
}
