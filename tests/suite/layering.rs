//! A room uses only rooms below it.

use std::path::Path;

/// From the ground up.
const ROOMS: [&str; 21] = [
    "platform",
    "math",
    "random",
    "style",
    "tensor",
    "plot",
    "device",
    "kernels",
    "graph",
    "nn",
    "metrics",
    "data",
    "model",
    "inference",
    "train",
    "monitor",
    "tasks",
    "report",
    "bench",
    "cli",
    "app",
];

fn rust_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Names of rooms after `crate::` in `text`, comments left out.
fn uses(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

fn violations(room: &str, text: &str) -> Vec<String> {
    let level = |name: &str| ROOMS.iter().position(|room| *room == name);
    let here = level(room).unwrap_or_else(|| panic!("src/{room} is no room; add it to the list and ARCHITECTURE.md"));
    uses(text)
        .into_iter()
        .filter(|used| level(used).is_some_and(|used| used > here))
        .map(|used| format!("{room} uses {used}"))
        .collect()
}

#[test]
fn rooms_use_only_rooms_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 20, "the walk finds the sources");
    let mut found = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&src).expect("under src");
        let room = inside.components().next().expect("a name").as_os_str().to_string_lossy().replace(".rs", "");
        if room == "lib" || room == "main" {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a source is readable");
        found
            .extend(violations(&room, &text).into_iter().map(|violation| format!("{}: {violation}", inside.display())));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_upward_use_is_seen() {
    assert_eq!(violations("graph", "use crate::model::Spec;"), ["graph uses model"]);
    assert!(violations("graph", "use crate::tensor::Shape; // crate::tensor").is_empty());
}

/// The window's shell and egui's must be the same winit, or events are of two types.
#[test]
fn winit_is_there_once() {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("Cargo.lock");
    assert_eq!(lock.matches("name = \"winit\"\n").count(), 1);
}
