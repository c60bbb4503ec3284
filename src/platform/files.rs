//! File operations of the system in use by the program, and atomic writes.

// Whoever opens a path does so here: a browser has no paths.
pub(crate) use std::fs::{
    File, Metadata, OpenOptions, create_dir, create_dir_all, metadata, read, read_dir, read_to_string, remove_dir_all,
    remove_file, rename, write,
};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::folders::cache_folder;

/// Reads a value from the file `name` in the cache folder; returns the default if the file is missing or unreadable, as
/// the value can be computed again.
pub(crate) fn load_cached<T: serde::de::DeserializeOwned + Default>(name: &str) -> T {
    let bytes = cache_folder().and_then(|folder| read(folder.join(name)).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Writes a value as JSON to the file `name` in the cache folder. Failures are ignored: the value is computed again the
/// next time.
pub(crate) fn save_cached<T: serde::Serialize>(name: &str, value: &T) {
    let Some(folder) = cache_folder() else { return };
    if create_dir_all(&folder).is_ok() {
        let _ = write_whole(&folder.join(name), |file| Ok(serde_json::to_writer_pretty(file, value)?));
    }
}

/// Lets `write` fill a temporary file beside `path`, flushes it to the disk and renames it: a reader of `path` finds
/// either the old contents or all of the new. The target of a symbolic link is written, and the link stays; devices and
/// pipes are written to directly; a replaced file keeps its permissions.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let linked = path.is_symlink().then(|| path.canonicalize()).transpose()?;
    let path = linked.as_deref().unwrap_or(path);
    let there = metadata(path).ok();
    if there.as_ref().is_some_and(|there| !there.is_file() && !there.is_dir()) {
        let file = File::options().write(true).open(path)?;
        let mut writer = BufWriter::new(&file);
        write(&mut writer)?;
        return writer.flush();
    }
    let (file, beside) = TemporaryFile::beside(path)?;
    if let Some(there) = there.filter(Metadata::is_file) {
        file.set_permissions(there.permissions())?;
    }
    let mut writer = BufWriter::new(&file);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.sync_all()?;
    drop(file);
    beside.rename_to(path)
}

/// A file that is removed unless it is renamed first. By hand, because the library alone has no crate for it.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// Creates a file in the folder of `path`, under an unused name.
    fn beside(path: &Path) -> std::io::Result<(File, Self)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let candidate = folder.join(format!(".hourglass-{}-{number}.tmp", std::process::id()));
            match File::options().write(true).create_new(true).open(&candidate) {
                Ok(file) => return Ok((file, Self(candidate))),
                // Of a process of the same number that was killed.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn rename_to(mut self, path: &Path) -> std::io::Result<()> {
        rename(&self.0, path)?;
        self.0 = PathBuf::new();
        Ok(())
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // Nothing more can be done where it stays.
            let _ = remove_file(&self.0);
        }
    }
}
