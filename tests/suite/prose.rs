//! Prose of doc comments and decisions: first sentences that a newcomer can read, and numbers that are there once.

use std::collections::BTreeMap;

use crate::support::{files_below, repository};

/// Beginnings that put off what a thing is. A first sentence is a noun phrase, or begins with a verb: Returns, Computes.
const PUT_OFF: [&str; 8] = ["What", "Whether", "How", "Those", "This", "That", "So", "It"];

/// First words of the doc comments of `text`, with their lines.
fn first_words(text: &str) -> Vec<(String, usize)> {
    let comment =
        |line: &str| line.trim_start().strip_prefix("///").or(line.trim_start().strip_prefix("//!")).map(str::to_owned);
    let mut words = Vec::new();
    let mut within = false;
    for (number, line) in text.lines().enumerate() {
        let Some(said) = comment(line) else {
            within = false;
            continue;
        };
        if !within {
            words.push((said.trim().chars().take_while(|c| c.is_alphanumeric()).collect(), number + 1));
        }
        within = true;
    }
    words
}

#[test]
fn doc_comments_say_at_once_what_a_thing_is() {
    let planted = "/// Whether it is.\n/// And what more.\nfn a() {}\n\n/// Returns b.\nfn b() {}\n";
    assert_eq!(first_words(planted), [("Whether".to_owned(), 1), ("Returns".to_owned(), 5)]);
    let mut found = Vec::new();
    for file in files_below("src").into_iter().filter(|file| file.ends_with(".rs")) {
        // Comments of commands and of the window are the program's own words; those of options are its help.
        if file.starts_with("cli/") || file.starts_with("app/") {
            continue;
        }
        let text = std::fs::read_to_string(repository().join("src").join(&file)).expect("a source");
        let faults = first_words(&text).into_iter().filter(|(word, _)| PUT_OFF.contains(&word.as_str()));
        found.extend(faults.map(|(word, line)| format!("src/{file}:{line} begins with {word}")));
    }
    assert!(found.is_empty(), "{} of them: {:#?}", found.len(), &found[..found.len().min(40)]);
}

#[test]
fn decisions_have_numbers_of_their_own() {
    let folder = repository().join("docs/decisions");
    let index = std::fs::read_to_string(folder.join("README.md")).expect("an index");
    let mut numbers: BTreeMap<String, String> = BTreeMap::new();
    for name in files_below("docs/decisions").into_iter().filter(|name| name != "README.md") {
        let (number, _) = name.split_once('-').expect("NNNN-slug.md");
        assert!(number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
        if let Some(other) = numbers.insert(number.to_owned(), name.clone()) {
            panic!("{name} and {other} have one number");
        }
        let text = std::fs::read_to_string(folder.join(&name)).expect("a decision");
        let stated: u32 = number.parse().expect("a number");
        assert!(text.starts_with(&format!("# {stated}. ")), "{name} begins with its number and title");
        for part in ["\nRooms: ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n"] {
            assert!(text.contains(part), "{name} has no {}", part.trim());
        }
        assert!(index.contains(&format!("({name})")), "the index leads to {name}");
    }
    assert!(numbers.len() > 50, "the walk finds the decisions");
}

#[test]
fn documents_name_files_that_are_there() {
    let endings = ["rs", "wgsl", "sh", "py", "md", "toml"];
    let decisions = files_below("docs/decisions").into_iter().map(|name| format!("docs/decisions/{name}"));
    let (mut found, mut seen) = (Vec::new(), 0);
    for document in decisions.chain(["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"].map(str::to_owned)) {
        let text = std::fs::read_to_string(repository().join(&document)).expect("a document");
        for name in text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.contains('/') && !name.contains([' ', '{', '*']) && !name.contains("NAME"))
        {
            if !name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending)) {
                continue;
            }
            seen += 1;
            if !["", "src", "tests/suite"].iter().any(|folder| repository().join(folder).join(name).is_file()) {
                found.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(found.is_empty() && seen > 100, "{seen} names, {found:#?}");
}
