//! Division in train, validation and test, and rows that are in two of them.

use std::ops::Range;

use hourglass::data::{DataSet, DataSpec, Part, SplitKind, near_duplicates};

use super::{file, open, refused, spec_of};
use crate::support::noise;

#[test]
fn splits_are_seeded_and_stratified() {
    let folder = tempfile::tempdir().expect("a folder");
    let text: String = (0..200).map(|i| format!("{},{}\n", i, ["rare", "common", "common", "common"][i % 4])).collect();
    let path = file(folder.path(), "a.csv", format!("x,label\n{text}"));
    let opened = |seed, split| {
        let options = DataSpec { split, ..spec_of(&path) };
        DataSet::open(&options, 0.1, seed).expect("a table")
    };
    let data = opened(1, None);
    assert_eq!(data.options.split, Some(SplitKind::Stratified));
    for part in [Part::Train, Part::Validation, Part::Test] {
        let rows = data.part(part);
        let labels = &data.labels.as_ref().expect("labels")[rows.clone()];
        let rare = labels.iter().filter(|&&label| data.classes[usize::from(label)] == "rare").count();
        assert!((rare as f64 - rows.len() as f64 / 4.0).abs() <= 1.0, "{rare} of {}", rows.len());
    }
    assert_eq!(opened(1, None).order, data.order);
    assert_ne!(opened(2, None).order, data.order);
    let fraction = opened(1, Some(SplitKind::Fraction));
    assert_eq!((fraction.train.len(), fraction.validation.len(), fraction.test.len()), (162, 18, 20));
    let mut order = fraction.order.as_ref().expect("an order").to_vec();
    order.sort_unstable();
    assert_eq!(order, (0..200).collect::<Vec<u32>>(), "each row is in one part");
}

#[test]
fn splits_follow_lists_of_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let text: String = (0..200).map(|i| format!("{},{}\n", i, ["rare", "common", "common", "common"][i % 4])).collect();
    let path = file(folder.path(), "a.csv", format!("x,label\n{text}"));
    let list = |name: &str, rows: Range<usize>| {
        let lines: String = rows.map(|row| format!("{row}\n")).collect();
        file(folder.path(), name, lines).display().to_string()
    };
    let lists = [list("train.txt", 1..101), list("validation.txt", 101..151), list("test.txt", 151..201)];
    let listed = open(&DataSpec { lists: Some(lists), ..spec_of(&path) }).expect("a table");
    assert_eq!(listed.options.split, Some(SplitKind::Files));
    assert_eq!((listed.train.len(), listed.validation.len(), listed.test.len()), (100, 50, 50));
    assert!(listed.order.as_ref().expect("an order")[..100].iter().all(|&row| row < 100));
    let wrong = [list("train.txt", 1..101), list("validation.txt", 101..151), list("test.txt", 151..300)];
    refused(&DataSpec { lists: Some(wrong), ..spec_of(&path) }, &["test.txt", "line 51", "201", "number from 1"]);
}

#[test]
fn near_duplicates_across_the_split_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let values = noise(200 * 40, 3);
    let line = |row: usize, shift: f32| {
        let cells: Vec<String> =
            values[row * 40..(row + 1) * 40].iter().map(|value| format!("{}", value + shift)).collect();
        format!("{}\n", cells.join(","))
    };
    let clean: String = (0..200).map(|row| line(row, 0.0)).collect();
    let found = |text: &str| {
        let path = file(folder.path(), "a.csv", text);
        near_duplicates(&open(&spec_of(&path)).expect("a table")).expect("compared")
    };
    let none = found(&clean);
    assert_eq!((none.equal, none.near), (0, 0));
    // Every row twice, and every row again but for a little.
    let twice = found(&format!("{clean}{clean}"));
    assert!(twice.equal > twice.compared / 2, "{twice:?}");
    let nearly: String = (0..200).map(|row| line(row, 0.003)).collect();
    let nearly = found(&format!("{clean}{nearly}"));
    assert!(nearly.equal == 0 && nearly.near > nearly.compared / 2, "{nearly:?}");
    assert_eq!(nearly.examples.len(), 3);
}
