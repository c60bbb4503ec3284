//! Preparation: fitted on the train part alone, undone, kept in the model, applied to other rows.

use std::path::Path;
use std::sync::Arc;

use hourglass::data::{
    CellRemark, ColumnReading, DataSet, DataSpec, Part, Preparation, PreparedColumn, Scaling, SourceKind,
};
use hourglass::model::{Model, auto_spec};
use hourglass::platform::Wait as _;
use hourglass::train::Session;

use super::{file, fixture, open, people, shortened, spec_of};
use crate::support::cpu;

#[test]
fn scaling_follows_its_formulas_and_can_be_undone() {
    let folder = tempfile::tempdir().expect("a folder");
    let text: String = (0..40).map(|i| format!("{},{}\n", i, (i * 7 % 40) * 10)).collect();
    let path = file(folder.path(), "a.csv", format!("a,b\n{text}"));
    for scale in [Scaling::Zscore, Scaling::Minmax, Scaling::Robust] {
        let keep = vec!["a".to_owned()];
        let data = open(&DataSpec { scale: Some(scale), keep, ..spec_of(&path) }).expect("a table");
        let order = data.order.clone().expect("an order");
        let train: Vec<f64> = order[data.train.clone()].iter().map(|&row| f64::from(row)).collect();
        let mut sorted = train.clone();
        sorted.sort_by(f64::total_cmp);
        let mean = train.iter().sum::<f64>() / train.len() as f64;
        let deviation = (train.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / train.len() as f64).sqrt();
        let at = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        let wanted = |x: f64| match scale {
            Scaling::Zscore => (x - mean) / deviation,
            Scaling::Minmax => (x - sorted[0]) / (sorted[sorted.len() - 1] - sorted[0]),
            _ => (x - at(0.5)) / (at(0.75) - at(0.25)),
        };
        let mut rows = data.rows_f32(0..data.rows).expect("rows");
        for (row, values) in rows.chunks_exact(2).enumerate() {
            let difference = (f64::from(values[0]) - wanted(f64::from(order[row]))).abs();
            assert!(difference < 1e-5, "{scale:?}: {difference}");
        }
        data.preparation.undo(&mut rows);
        for (row, values) in rows.chunks_exact(2).enumerate() {
            assert!((values[0] - order[row] as f32).abs() < 1e-4 && values[1] >= -1e-4, "{scale:?}: {values:?}");
        }
    }
}

#[test]
fn held_out_rows_do_not_change_what_is_fitted() {
    let folder = tempfile::tempdir().expect("a folder");
    let base: Vec<Vec<String>> =
        (0..50).map(|i| vec![format!("{}", i % 13), format!("{:.2}", f64::from(i) * 0.3), "red".to_owned()]).collect();
    let text = |rows: &[Vec<String>]| {
        let lines: String = rows.iter().map(|row| format!("{}\n", row.join(","))).collect();
        format!("a,b,c\n{}\n", lines.trim_end())
    };
    let opened = |rows: &[Vec<String>], scale| {
        let path = file(folder.path(), "a.csv", text(rows));
        open(&DataSpec { scale: Some(scale), categorical: vec!["c".to_owned()], ..spec_of(&path) }).expect("a table")
    };
    let mut varied = base.clone();
    varied.iter_mut().step_by(2).for_each(|row| row[2] = "blue".to_owned());
    for scale in [Scaling::Zscore, Scaling::Minmax, Scaling::Robust] {
        let before = opened(&varied, scale);
        let order = before.order.clone().expect("an order");
        let mut planted = varied.clone();
        for &row in &order[before.validation.start..] {
            planted[row as usize] = vec!["9e9".to_owned(), "-9e9".to_owned(), "never seen".to_owned()];
        }
        let after = opened(&planted, scale);
        assert_eq!(after.order, before.order);
        assert_eq!(after.preparation, before.preparation, "{scale:?}");
        let train = |data: &DataSet| data.rows_f32(data.part(Part::Train)).expect("rows");
        assert_eq!(train(&after), train(&before));
        // And the test can tell: planted in train, they are seen.
        let mut seen = varied.clone();
        order[..30].iter().for_each(|&row| seen[row as usize][0] = "9e9".to_owned());
        assert_ne!(opened(&seen, scale).preparation, before.preparation);
    }
}

#[test]
fn other_rows_are_prepared_like_the_training_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "people.csv", people());
    let options = DataSpec { labels: Some("age".to_owned()), ..spec_of(&path) };
    let data = open(&options).expect("a table");
    let whole = |name: &str, text: String| {
        let other = DataSpec { source: file(folder.path(), name, text).display().to_string(), ..data.options.clone() };
        DataSet::open_whole(&other, &data.preparation).map_err(|error| error.to_string())
    };
    // The same rows in their own order; columns elsewhere, one more, and no labels.
    let same = whole("same.csv", people()).expect("the same");
    assert_eq!((same.test.len(), same.features), (60, data.features));
    let order = data.order.as_ref().expect("an order");
    for row in 0..data.rows {
        let there = order[row] as usize;
        assert_eq!(data.rows_f32(row..row + 1).unwrap(), same.rows_f32(there..there + 1).unwrap());
    }
    let turned: String = people()
        .lines()
        .map(|line| {
            let mut cells = csv_cells(line);
            cells.pop();
            cells.reverse();
            format!("{},9\n", cells.join(","))
        })
        .collect();
    let turned = whole("turned.csv", turned.replacen(",9\n", ",extra\n", 1)).expect("columns are found by name");
    assert_eq!(turned.rows_f32(0..60).unwrap(), same.rows_f32(0..60).unwrap());
    assert!(turned.notes.iter().any(|note| note.contains("extra")), "{:?}", turned.notes);
    let error = whole("less.csv", "name,born\na,2000-01-01\n".to_owned()).expect_err("columns are missing");
    assert!(error.contains("height") && error.contains("no column"), "{error}");
}

/// Returns the cells of a line, quotes kept.
fn csv_cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        quoted ^= c == '"';
        match c {
            ',' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().expect("a cell").push(c),
        }
    }
    cells
}

#[test]
fn a_model_keeps_the_preparation_of_its_data() {
    let table = DataSpec { labels: Some("malignant".to_owned()), ..spec_of(&fixture("breast_cancer.csv")) };
    let data = open(&table).expect("a table");
    let spec = shortened(auto_spec(&data).expect("a suggestion").spec, &data);
    let mut session = Session::new(spec, Arc::new(data.clone()), cpu()).expect("a session");
    let weights = session.weights().wait().expect("weights");
    let model = session.model(&weights);
    let bytes = model.to_bytes().expect("bytes");
    let read = Model::from_bytes(&bytes, Path::new("model")).expect("it reads back");
    assert_eq!(read.preparation, data.preparation);
    assert!(matches!(&read.preparation.columns[0], PreparedColumn::Number { name, .. } if name == "mean_radius"));
    assert_eq!(read.labels.as_deref(), Some(["0".to_owned(), "1".to_owned()].as_slice()));
    let empty = Preparation::new(SourceKind::Table, Scaling::Zscore);
    assert!(empty.check(30).is_ok() && read.preparation.check(31).is_err());
}

#[test]
fn what_notes_promise_of_a_rule_is_corrected_where_it_is_none() {
    let mut preparation = Preparation::new(SourceKind::Table, Scaling::Zscore);
    let (name, value) = ("mode".to_owned(), "auto".to_owned());
    preparation.columns.push(PreparedColumn::Constant { name, value, reading: ColumnReading::Words(false) });
    let promised =
        "column \"mode\" is left out: it is auto in every row for training; a detector flags rows where it is not";
    let mut notes = vec![promised.to_owned(), "another".to_owned()];
    let broken = [CellRemark { row: 3, column: 0, text: "manual".to_owned(), breaks_rule: true }];
    preparation.drop_broken_rules(&broken, 50, &mut notes);
    assert!(preparation.columns.is_empty());
    assert!(notes[0].contains("does not look at it") && !notes[0].contains("flags rows"), "{notes:?}");
    assert_eq!(notes[1], "another");
}

/// Rows that are made have values that the column had.
#[test]
fn other_is_written_where_a_column_has_others_alone() {
    let category = |rare: &[&str]| PreparedColumn::Category {
        name: "verdict".to_owned(),
        values: vec!["good".to_owned(), "bad".to_owned()],
        rare: rare.iter().map(|&word| word.to_owned()).collect(),
        open: false,
    };
    assert_eq!(category(&[]).cell(&[0.1, 0.2, 0.9]), "bad");
    assert_eq!(category(&["odd"]).cell(&[0.1, 0.2, 0.9]), "other");
}
