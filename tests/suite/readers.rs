//! What is read from files of arrays, sounds and text, and what is refused in words.

#[path = "readers/arrays.rs"]
mod arrays;
#[path = "readers/audio.rs"]
mod audio;
#[path = "readers/text.rs"]
mod text;

use std::path::PathBuf;

use hourglass::data::DataError;

/// A folder for one test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).expect("written");
        self.path(name)
    }
}

/// Asserts that `result` is an error which says all of `words`.
#[track_caller]
fn refused<T>(result: Result<T, DataError>, words: &[&str]) {
    let message = result.err().expect("it is refused").to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} in {message:?}");
    }
}
