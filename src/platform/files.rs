//! Files whole or not at all, and where the platform wants them.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Where what can be made again is kept: tuned choices, compiled pipelines. `None` where the platform names no place.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "hourglass").map(|folders| folders.cache_dir().to_owned())
}

/// Reads the value kept under this file name in the cache folder; the default where there is nothing, or nothing that
/// can be read: it can be made again.
pub(crate) fn load_cached<T: serde::de::DeserializeOwned + Default>(name: &str) -> T {
    let bytes = cache_folder().and_then(|folder| std::fs::read(folder.join(name)).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Writes a value as JSON under this file name in the cache folder. Where nothing can be kept, it is made again the
/// next time.
pub(crate) fn save_cached<T: serde::Serialize>(name: &str, value: &T) {
    let Some(folder) = cache_folder() else { return };
    if std::fs::create_dir_all(&folder).is_ok() {
        let _ = write_whole(&folder.join(name), |file| Ok(serde_json::to_writer_pretty(file, value)?));
    }
}

/// Lets `write` fill a temporary file beside `path`, flushes it to the disk and renames it: whoever opens `path` finds
/// what was there before or all of what is new. What a link points to is written, and the link stays; devices and pipes
/// are written to as they are; a file that is replaced keeps its permissions.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let linked = path.is_symlink().then(|| path.canonicalize()).transpose()?;
    let path = linked.as_deref().unwrap_or(path);
    let there = std::fs::metadata(path).ok();
    if there.as_ref().is_some_and(|there| !there.is_file() && !there.is_dir()) {
        let file = File::options().write(true).open(path)?;
        let mut writer = BufWriter::new(&file);
        write(&mut writer)?;
        return writer.flush();
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Temporary files are private; a new file should be as readable as any other of the user's.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    if let Some(there) = there.filter(std::fs::Metadata::is_file) {
        file.as_file().set_permissions(there.permissions())?;
    }
    let mut writer = BufWriter::new(file.as_file());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether writing `output` would destroy `input`: it is the same, or a file that lies in the folder `input`.
pub(crate) fn would_replace(output: &Path, input: &Path) -> bool {
    match (output.canonicalize(), input.canonicalize()) {
        (Ok(output), Ok(input)) => {
            (output == input && !is_stream(&output)) || output.is_file() && input.is_dir() && output.starts_with(&input)
        }
        _ => false,
    }
}

/// Devices and pipes hold nothing that could be lost.
fn is_stream(path: &Path) -> bool {
    !path.is_file() && !path.is_dir()
}
