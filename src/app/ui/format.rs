//! Display format of paths.

use std::path::Path;

use crate::platform::folders::home_folder;

/// Returns a path with the home folder as `~`.
pub(crate) fn short_path(path: &Path) -> String {
    match home_folder().as_ref().and_then(|home| path.strip_prefix(home).ok()) {
        Some(inside) => format!("~/{}", inside.display()),
        None => path.display().to_string(),
    }
}
