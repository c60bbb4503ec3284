//! American spelling everywhere: code, comments, documents, messages.

use std::path::{Path, PathBuf};

/// British spellings, as beginnings or middles of words: each stands for its whole family.
const BRITISH: [&str; 40] = [
    "analyse",
    "analysing",
    "artefact",
    "behaviour",
    "cancell",
    "catalogue",
    "centre",
    "centring",
    "colour",
    "defence",
    "favour",
    "flavour",
    "fulfil ",
    "grey",
    "harbour",
    "honour",
    "initialis",
    "judgement",
    "labell",
    "licence",
    "minimis",
    "maximis",
    "modelling",
    "neighbour",
    "normalis",
    "optimis",
    "organis",
    "parameteris",
    "quantis",
    "randomis",
    "realis",
    "recognis",
    "regularis",
    "serialis",
    "specialis",
    "standardis",
    "summaris",
    "towards",
    "vectoris",
    "visualis",
];

/// Words that hold one of them and are right.
const RIGHT: [&str; 2] = ["cancellation", "optimistic"];

/// Texts of the project; data, locks and this list are none.
fn texts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "Cargo.toml", "test"].iter().map(|name| root.join(name)).collect();
    let mut folders: Vec<PathBuf> =
        ["src", "tests", "shaders", "assets", "benches"].iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if entry.is_dir() && !["target", "data", "fonts"].contains(&name.as_str()) {
                folders.push(entry);
                continue;
            }
            let ending = entry.extension().unwrap_or_default().to_string_lossy().into_owned();
            let is_text = ["rs", "wgsl", "md", "toml", "py", "sh", "css", "js", "txt"].contains(&ending.as_str());
            if is_text && name != "spelling.rs" {
                found.push(entry);
            }
        }
    }
    found
}

fn faults(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let lower = words.map(str::to_lowercase).filter(|word| !RIGHT.iter().any(|right| word.contains(right)));
    lower.filter(|word| BRITISH.iter().any(|british| word.contains(british.trim()))).collect()
}

#[test]
fn texts_are_spelled_as_in_america() {
    let texts = texts();
    assert!(texts.len() > 300, "the walk finds the texts");
    let mut found = Vec::new();
    for path in texts {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        found.extend(faults(&text).into_iter().map(|word| format!("{}: {word}", path.display())));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn british_words_are_seen() {
    assert_eq!(
        faults("let background_colour = Normalisation::new(); // an optimistic cancellation"),
        ["colour", "normalisation"]
    );
}
