//! Sources that are not there, are empty, or may not be read.

use super::{file, refused, spec_of};

#[test]
fn missing_and_empty_sources_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("empty")).expect("made");
    refused(&spec_of(&at("empty")), &["empty", "give a folder"]);
    refused(&spec_of(&at("nowhere")), &["nowhere", "no such file"]);
    refused(&spec_of(&file(folder.path(), "zero.png", "")), &["zero.png", "empty"]);
}

#[cfg(unix)]
#[test]
fn unreadable_files_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "secret.csv", "a,b\n1,2\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("closed");
    // The superuser reads everything: there is nothing to refuse then.
    if std::fs::File::open(&path).is_err() {
        refused(&spec_of(&path), &["secret.csv", "permission denied", "readable"]);
    }
    let dangling = folder.path().join("gone.csv");
    std::os::unix::fs::symlink(folder.path().join("never"), &dangling).expect("a link");
    refused(&spec_of(&dangling), &["gone.csv", "no such file"]);
}
