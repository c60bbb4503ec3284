//! Scores of cells that no normal row has, and tables that come back as they came.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use hourglass::tasks::{self, DetectorOptions, ScoreInput, ScoreOptions, ScoreOutput, fit_detector, score_rows};

use crate::support::cpu;

const ROWS: usize = 400;
/// Words of a column that has more of them than features.
const WORDS: usize = 50;

fn table(folder: &Path, name: &str, rows: usize, cell: impl Fn(usize) -> (String, String, String)) -> String {
    let mut text = "temp,watts,alarm,mode,town,line,when\n".to_owned();
    for i in 0..rows {
        let x = (i as f64 * 0.37).sin();
        let (alarm, mode, town) = cell(i);
        let day = format!("2024-{:02}-{:02} {:02}:30:00", 1 + i % 12, 1 + i * 5 % 28, i % 24);
        text += &format!(
            "{:.3},{:.2},{alarm},{mode},{town},{},{day}\n",
            20.0 + x,
            1500.0 + 200.0 * x,
            ["A", "B", "C"][i % 3]
        );
    }
    let path = folder.join(name);
    std::fs::write(&path, text).expect("it is written");
    path.display().to_string()
}

fn usual(i: usize) -> (String, String, String) {
    ("0".to_owned(), "auto".to_owned(), format!("town {}", i * 7 % WORDS))
}

fn column(path: &Path, name: &str) -> Vec<String> {
    let mut table = csv::Reader::from_path(path).expect("a table");
    let at = table.headers().expect("names").iter().position(|own| own == name).expect("the column");
    table.records().map(|record| record.expect("a record")[at].to_owned()).collect()
}

fn fitted(folder: &Path) -> PathBuf {
    let path = folder.join("detector.safetensors");
    let options = DetectorOptions::default();
    let source = table(folder, "normal.csv", ROWS, usual);
    let report = fit_detector(&source, &path, &options, &cpu(), &mut |_| ControlFlow::Continue(())).expect("fitted");
    for word in ["\"alarm\"", "\"mode\""] {
        assert!(
            report.notes.iter().any(|note| note.contains(word) && note.contains("flags rows")),
            "{:?}",
            report.notes
        );
    }
    path
}

#[test]
fn cells_that_no_normal_row_has_stand_out_and_are_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let detector = fitted(folder.path());
    let odd = |i: usize| match i {
        5 => ("1".to_owned(), "auto".to_owned(), "town 3".to_owned()),
        10 => ("0".to_owned(), "manual".to_owned(), "town 4".to_owned()),
        15 => ("0".to_owned(), "auto".to_owned(), "Atlantis".to_owned()),
        20 => ("0".to_owned(), String::new(), String::new()),
        i => usual(i),
    };
    let source = table(folder.path(), "odd.csv", 40, odd);
    let output = folder.path().join("scores.csv");
    let (input, written) = (ScoreInput::Path(source), ScoreOutput::File(output.clone()));
    score_rows(&detector, &input, &written, &ScoreOptions::default(), &cpu()).expect("rows are scored");
    let scores: Vec<f64> = column(&output, "score").iter().map(|cell| cell.parse().expect("a score")).collect();
    let reasons = column(&output, "reasons");
    let mut highest: Vec<usize> = (0..scores.len()).collect();
    highest.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut first = highest[..3].to_vec();
    first.sort_unstable();
    assert_eq!(first, [5, 10, 15], "{scores:?}");
    for (row, reason) in
        [(5, "alarm=1 (expected 0)"), (10, "mode=manual (expected auto)"), (15, "town=Atlantis (expected ")]
    {
        assert!(reasons[row].starts_with(reason), "{}", reasons[row]);
        assert_eq!(column(&output, "abnormal")[row], "1");
    }
    // A missing cell is none of these.
    assert!(scores[20] < scores[5] / 2.0, "{scores:?}");
    // Without the constant columns rows are scored all the same, and that is said.
    let text = std::fs::read_to_string(folder.path().join("odd.csv")).expect("text");
    let without: String = text
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            [&cells[..2], &cells[4..]].concat().join(",") + "\n"
        })
        .collect();
    let bare = folder.path().join("bare.csv");
    std::fs::write(&bare, without).expect("written");
    let input = ScoreInput::Path(bare.display().to_string());
    let scores = score_rows(&detector, &input, &written, &ScoreOptions::default(), &cpu()).expect("rows are scored");
    assert!(
        scores.notes.iter().any(|note| note.contains("not checked") && note.contains("alarm, mode")),
        "{:?}",
        scores.notes
    );
}

#[test]
fn words_and_dates_of_a_table_come_back_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = fitted(folder.path());
    let source = folder.path().join("normal.csv").display().to_string();
    let output = folder.path().join("again.csv");
    tasks::reconstruct(&model, &source, &output, &cpu()).expect("rows are written");
    let header = std::fs::read_to_string(&output).expect("text").lines().next().map(str::to_owned);
    assert_eq!(header.as_deref(), Some("temp,watts,alarm,mode,town,line,when"));
    assert!(column(&output, "alarm").iter().all(|cell| cell == "0"));
    assert!(column(&output, "mode").iter().all(|cell| cell == "auto"));
    let lines = column(&output, "line");
    assert!(lines.iter().all(|cell| ["A", "B", "C"].contains(&cell.as_str())), "{lines:?}");
    for cell in column(&output, "when") {
        assert!(cell.len() == 19 && cell.starts_with("2024-"), "{cell}");
    }
}

/// Scores `rows` with a detector that is fitted on `normal`; returns the notes of both and the reasons.
fn scored(normal: &str, rows: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("normal.csv"), normal).expect("it is written");
    std::fs::write(place("rows.csv"), rows).expect("it is written");
    let (source, detector) = (place("normal.csv").display().to_string(), place("detector.safetensors"));
    let options = DetectorOptions::default();
    let fitted =
        fit_detector(&source, &detector, &options, &cpu(), &mut |_| ControlFlow::Continue(())).expect("fitted");
    let input = ScoreInput::Path(place("rows.csv").display().to_string());
    let written = ScoreOutput::File(place("scores.csv"));
    let scores = score_rows(&detector, &input, &written, &ScoreOptions::default(), &cpu()).expect("rows are scored");
    (fitted.notes, scores.notes, column(&place("scores.csv"), "reasons"))
}

#[test]
fn missing_numbers_and_broken_constants_are_told_as_they_are() {
    let x = |i: usize| (i as f64 * 0.37).sin();
    let row = |i: usize, watts: String, fixed: &str, day: &str, empty: &str| {
        format!("{:.3},{watts},{:.2},{fixed},{day},{empty}\n", 20.0 + x(i), 5.0 * x(i),)
    };
    let names = "temp,watts,volts,fixed,day,empty\n";
    let usual = |i: usize| row(i, format!("{:.2}", 30.0 + 9.0 * x(i)), "7", "2024-01-31", "");
    let normal = names.to_owned() + &(0..ROWS).map(usual).collect::<String>();
    let rows = [
        usual(0),
        row(3, String::new(), "7", "2024-01-31", ""),
        row(4, "33.1".to_owned(), "broken", "2024-01-31", ""),
        row(5, "33.9".to_owned(), "7.0", "2024-02-01", ""),
        row(6, "33.9".to_owned(), "7", "2024-01-31", "5"),
    ];
    let (fitted, notes, reasons) = scored(&normal, &(names.to_owned() + &rows.concat()));
    for word in ["\"fixed\"", "\"day\"", "\"empty\""] {
        assert!(fitted.iter().any(|note| note.contains(word) && note.contains("flags rows")), "{fitted:?}");
    }
    assert!(notes.iter().any(|note| note.contains("\"watts\": 1 cell holds no value")), "{notes:?}");
    assert!(reasons[1].contains("watts=missing (expected "), "{reasons:?}");
    assert!(reasons[2].starts_with("fixed=broken (expected 7)"), "{reasons:?}");
    assert!(reasons[3].starts_with("day=2024-02-01 (expected 2024-01-31)"), "{reasons:?}");
    assert!(reasons[4].starts_with("empty=5 (expected nothing)"), "{reasons:?}");
    assert!(!reasons[0].contains("fixed") && !reasons[3].contains("fixed"), "{reasons:?}");
}

#[test]
fn labels_that_leave_out_no_row_are_told() {
    let row = |i: usize| {
        format!("{:.3},{:.2},{}\n", (i as f64 * 0.37).sin(), i % 7, ["good", "bad"][usize::from(i % 9 == 4)])
    };
    let body: String = (0..200).map(row).collect();
    let (fitted, _, _) = scored(&format!("a,b,class\n{body}"), &format!("a,b,class\n{body}"));
    let told = |words: &[&str]| fitted.iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(told(&["all rows count as normal", "`data.labels=\"class\"`", "`abnormal=\"bad\"`"]), "{fitted:?}");
    let (fitted, _, _) = scored(&format!("a,b,verdict\n{body}"), &format!("a,b,verdict\n{body}"));
    let told = |words: &[&str]| fitted.iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(told(&["is a feature", "`data.labels=\"verdict\"`", "`abnormal=\"bad\"`"]), "{fitted:?}");
}

#[test]
fn numbers_and_dates_come_back_in_the_form_of_their_source() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "when;flag;share;price;count\n".to_owned();
    for i in 0..ROWS {
        let x = (i as f64 * 0.37).sin();
        text += &format!(
            "{:02}.{:02}.2024 {:02}:00;{};{}%;{};{}\n",
            1 + i * 5 % 28,
            1 + i % 12,
            i % 24,
            i % 2,
            40 + i * 7 % 19,
            format!("{:.2}", 30.0 + 5.0 * x).replace('.', ","),
            (1500.0 + 200.0 * x) as i64
        );
    }
    let source = folder.path().join("normal.csv");
    std::fs::write(&source, text).expect("written");
    let source = source.display().to_string();
    let (model, output) = (folder.path().join("detector.safetensors"), folder.path().join("again.csv"));
    let options = DetectorOptions::default();
    fit_detector(&source, &model, &options, &cpu(), &mut |_| ControlFlow::Continue(())).expect("fitted");
    tasks::reconstruct(&model, &source, &output, &cpu()).expect("rows are written");
    let is_whole = |cell: &String| cell.parse::<i64>().is_ok();
    assert!(["flag", "count"].iter().all(|name| column(&output, name).iter().all(is_whole)));
    assert!(column(&output, "price").iter().all(|cell| cell.split(',').nth(1).is_some_and(|cents| cents.len() == 2)));
    assert!(column(&output, "share").iter().all(|cell| cell.ends_with('%')));
    for cell in column(&output, "when") {
        assert!(cell.len() == 16 && cell.as_bytes()[2] == b'.' && cell.as_bytes()[13] == b':', "{cell}");
    }
}
