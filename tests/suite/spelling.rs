//! American spelling everywhere: code, comments, documents, messages.

use crate::support::{files_below, repository};

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
    "fulfilment",
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

/// Texts of the project, as paths from its root; data, locks and this list are none.
fn texts() -> Vec<String> {
    let folders = ["src", "tests", "shaders", "assets", "benches", "docs", "examples"];
    let below =
        folders.iter().flat_map(|folder| files_below(folder).into_iter().map(move |file| format!("{folder}/{file}")));
    let is_text = |file: &String| {
        let ending = file.rsplit('.').next().unwrap_or_default();
        let is_data = ["/target/", "/fixtures/data/", "/fonts/", "/spelling.rs"].iter().any(|part| file.contains(part));
        ["rs", "wgsl", "md", "toml", "py", "sh", "css", "js", "txt"].contains(&ending) && !is_data
    };
    let alone =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "Cargo.toml", "test"];
    let alone = alone.map(str::to_owned);
    below.filter(is_text).chain(alone).collect()
}

fn faults(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let lower = words.map(str::to_lowercase).filter(|word| !RIGHT.iter().any(|right| word.contains(right)));
    lower.filter(|word| BRITISH.iter().any(|british| word.contains(british))).collect()
}

#[test]
fn texts_are_spelled_as_in_america() {
    let texts = texts();
    assert!(texts.len() > 300, "the walk finds the texts");
    let mut found = Vec::new();
    for path in texts {
        let text = std::fs::read_to_string(repository().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        found.extend(faults(&text).into_iter().map(|word| format!("{path}: {word}")));
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
