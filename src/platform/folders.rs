//! Platform folders for the program and for its user. A build without them has none.

use std::path::PathBuf;

#[cfg(feature = "cli")]
fn of_program(folder: impl FnOnce(&directories::ProjectDirs) -> PathBuf) -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "hourglass").map(|folders| folder(&folders))
}

/// Returns the folder of files that can be computed again: tuned choices, compiled pipelines.
#[cfg(feature = "cli")]
pub(crate) fn cache_folder() -> Option<PathBuf> {
    of_program(|folders| folders.cache_dir().to_owned())
}

/// Returns the program's data folder, the default place of runs.
#[cfg(feature = "cli")]
pub(crate) fn data_folder() -> Option<PathBuf> {
    of_program(|folders| folders.data_dir().to_owned())
}

/// Returns the folder of the window's settings.
#[cfg(feature = "window")]
pub(crate) fn settings_folder() -> Option<PathBuf> {
    of_program(|folders| folders.config_dir().to_owned())
}

#[cfg(feature = "window")]
pub(crate) fn home_folder() -> Option<PathBuf> {
    directories::UserDirs::new().map(|folders| folders.home_dir().to_owned())
}

/// Returns the user's folder for pictures, or their home folder if there is none.
#[cfg(feature = "window")]
pub(crate) fn pictures_folder() -> Option<PathBuf> {
    let folders = directories::UserDirs::new()?;
    Some(folders.picture_dir().unwrap_or(folders.home_dir()).to_owned())
}

#[cfg(not(feature = "cli"))]
pub(crate) fn cache_folder() -> Option<PathBuf> {
    None
}

#[cfg(not(feature = "cli"))]
pub(crate) fn data_folder() -> Option<PathBuf> {
    None
}
