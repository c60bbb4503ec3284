//! Detectors of tables: distances to kept normal rows, severity, reasons, and rows that people judge.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use hourglass::device::Device;
use hourglass::model::{Model, ThresholdBy};
use hourglass::random::{normal4, philox4x32, unit_float};
use hourglass::tasks::{
    DetectorOptions, DetectorReport, ScoreInput, ScoreOptions, ScoreOutput, ThresholdRule, fit_detector, list_judged,
    refine, score_rows,
};

use crate::support::{cpu, gpu};

const COLUMNS: usize = 6;

/// Returns normal rows: two clouds of unlike density, in which six columns go together.
fn normal_rows(count: usize, seed: u32) -> Vec<[f64; COLUMNS]> {
    let row = |at: usize| {
        let draw = |part: u32| normal4(philox4x32([at as u32, seed, part, 0], [1, 2])).map(f64::from);
        let ([a, b, c, d], [e, f, g, h]) = (draw(0), draw(1));
        let is_wide = unit_float(philox4x32([at as u32, seed, 2, 0], [1, 2])[0]) < 0.3;
        let (place, spread) = if is_wide { (8.0, 2.0) } else { (0.0, 0.5) };
        let (x, y) = (place + spread * a, spread * b);
        [x + 0.3 * c, 2.0 * y + 0.3 * d, x - y + 0.3 * e, 0.5 * x + 0.2 * f, x + y + 0.3 * g, y + 0.2 * h]
    };
    (0..count).map(row).collect()
}

fn write(folder: &Path, name: &str, rows: &[[f64; COLUMNS]], more: (&str, &dyn Fn(usize) -> String)) -> String {
    let mut text = format!("a,b,c,d,e,f{}\n", more.0);
    for (at, row) in rows.iter().enumerate() {
        text += &format!("{}{}\n", row.map(|value| format!("{value:.4}")).join(","), more.1(at));
    }
    let path = folder.join(name);
    std::fs::write(&path, text).expect("it is written");
    path.display().to_string()
}

fn plain(folder: &Path, name: &str, rows: &[[f64; COLUMNS]]) -> String {
    write(folder, name, rows, ("", &|_| String::new()))
}

fn fit(source: &str, path: &Path, options: &DetectorOptions) -> DetectorReport {
    fit_detector(source, path, options, &cpu(), &mut |_| ControlFlow::Continue(())).expect("it is fitted")
}

/// Scored row: score, abnormal, reasons and severity.
type ScoredRow = (f64, bool, String, f64);

fn scored(detector: &Path, source: &str, device: &Device) -> Vec<ScoredRow> {
    let output = PathBuf::from(format!("{source}.scores"));
    let (input, written) = (ScoreInput::Path(source.to_owned()), ScoreOutput::File(output.clone()));
    score_rows(detector, &input, &written, &ScoreOptions::default(), device).expect("rows are scored");
    let mut table = csv::Reader::from_path(output).expect("a table");
    assert_eq!(table.headers().expect("names"), vec!["row", "score", "abnormal", "reasons", "severity"]);
    let of = |record: csv::StringRecord| {
        let number = |at: usize| record[at].parse::<f64>().expect("a number");
        (number(1), &record[2] == "1", record[3].to_owned(), number(4))
    };
    table.records().map(|record| of(record.expect("a record"))).collect()
}

#[test]
fn a_shift_in_one_column_is_named_first_and_severity_is_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let detector = folder.path().join("detector.safetensors");
    let source = plain(folder.path(), "fit.csv", &normal_rows(1500, 1));
    let report = fit(&source, &detector, &DetectorOptions::default());
    assert_eq!(report.scored_rows, 1500, "all rows set the threshold");

    let fresh = normal_rows(3000, 2);
    let usual = scored(&detector, &plain(folder.path(), "fresh.csv", &fresh), &cpu());
    let share = |is: &dyn Fn(&ScoredRow) -> bool| usual.iter().filter(|row| is(row)).count() as f64 / 3000.0;
    // One in a hundred of 3,000 rows, by 1,500: within 3.3 deviations of both draws.
    for (name, found) in [("severity", share(&|row| row.3 >= 100.0)), ("threshold", share(&|row| row.1))] {
        assert!((0.0015..0.0205).contains(&found), "{name}: {found}");
    }
    // Whole numbers: 2 is 1.5 and more, two thirds of the rows.
    let common = share(&|row| row.3 >= 2.0);
    assert!((0.62..0.72).contains(&common), "{common}");

    // Six deviations of the column.
    let shifted: Vec<[f64; COLUMNS]> = (fresh[..200].iter().enumerate())
        .map(|(at, row)| {
            let mut row = *row;
            row[at % COLUMNS] +=
                6.0 * [4.0, 2.6, 4.3, 2.0, 4.3, 1.3][at % COLUMNS] * if at % 4 < 2 { 1.0 } else { -1.0 };
            row
        })
        .collect();
    let strange = scored(&detector, &plain(folder.path(), "shifted.csv", &shifted), &cpu());
    let name = |at: usize| ["a=", "b=", "c=", "d=", "e=", "f="][at % COLUMNS];
    let right = strange.iter().enumerate().filter(|(at, row)| row.2.starts_with(name(*at))).count();
    assert!(right >= 190, "{right} of 200 name the column first");
    assert!(strange.iter().all(|row| row.1 && row.3 > 100.0), "all of them are abnormal");
}

#[test]
fn devices_find_the_same_neighbors() {
    let Some(gpu) = gpu() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let detector = folder.path().join("detector.safetensors");
    // Counts: many rows are equal, and many distances.
    let mut rows = normal_rows(700, 3);
    rows.iter_mut().flatten().for_each(|value| *value = value.round());
    let source = plain(folder.path(), "fit.csv", &rows);
    fit(&source, &detector, &DetectorOptions::default());
    let other = plain(folder.path(), "other.csv", &normal_rows(300, 4));
    for source in [source, other] {
        let on_cpu = scored(&detector, &source, &cpu());
        let on_gpu = scored(&detector, &source, &gpu);
        for (a, b) in on_cpu.iter().zip(&on_gpu) {
            // The models' own scores differ by rounding; a neighbor more or less would change more.
            assert!((a.0 / b.0 - 1.0).abs() < 1e-3, "{a:?} and {b:?}");
        }
    }
}

#[test]
fn judged_rows_count_without_a_fit_and_are_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let detector = folder.path().join("detector.safetensors");
    let source = plain(folder.path(), "fit.csv", &normal_rows(800, 5));
    fit(&source, &detector, &DetectorOptions::default());
    // Between the clouds, where no normal row is; and in the middle of one.
    let far = [4.0, 6.0, -2.0, 2.0, 10.0, 3.0];
    let middle = [0.1, 0.1, 0.0, 0.05, 0.1, 0.0];
    let rows =
        [far, far.map(|value| value + 0.05), middle, middle.map(|value| value + 0.02), [8.0, 0.0, 8.0, 4.0, 8.0, 0.0]];
    let asked = plain(folder.path(), "asked.csv", &rows);
    let before = scored(&detector, &asked, &cpu());
    assert_eq!(before.iter().map(|row| row.1).collect::<Vec<_>>(), [true, true, false, false, false]);

    let judgments = ["0", "", "failure", "", ""];
    let judged = write(folder.path(), "judged.csv", &rows, (",said", &|at| format!(",{}", judgments[at])));
    let mut model = Model::load(&detector).expect("a detector");
    let report = refine(&mut model, &detector, Path::new(&judged), "said", &[]).expect("it is told");
    assert_eq!((report.read, report.skipped, report.normal, report.abnormal), (2, 3, 1, 1));
    let told = folder.path().join("told.safetensors");
    model.save(&told).expect("it is written");
    let after = scored(&told, &asked, &cpu());
    // What is near a judged row is as that row is; what is far from all of them stays.
    assert_eq!(after.iter().map(|row| row.1).collect::<Vec<_>>(), [false, false, true, true, false]);
    assert_eq!(after[4].0, before[4].0);
    assert!(after[3].2.starts_with("near a row judged abnormal"), "{}", after[3].2);
    assert_eq!(scored(&detector, &asked, &cpu()), before, "the first detector is as it was");

    let mut again = Model::load(&told).expect("a detector");
    let listed = list_judged(&again, &told).expect("listed");
    assert!(!listed.judged[0].abnormal && listed.judged[0].cells.starts_with("a=4; b=6;"), "{listed:?}");
    let judged = write(folder.path(), "again.csv", &rows[..1], (",said", &|_| ",failure".to_owned()));
    let report = refine(&mut again, &told, Path::new(&judged), "said", &[]).expect("it is told");
    assert_eq!((report.normal, report.abnormal), (0, 2), "the last judgment holds");
    let problem = refine(&mut again, &told, Path::new(&judged), "verdict", &[]).expect_err("no such column");
    assert!(problem.to_string().contains("has no column \"verdict\""), "{problem}");

    // Judgments in words: none is taken for abnormal by chance, and what contradicts itself is said.
    let words = |name: &str, rows: &[[f64; COLUMNS]], words: &[&str]| {
        write(folder.path(), name, rows, (",said", &|at| format!(",{}", words[at])))
    };
    let tell = |source: &str, abnormal: &[&str]| {
        let mut model = Model::load(&detector).expect("a detector");
        let abnormal: Vec<String> = abnormal.iter().map(|&word| word.to_owned()).collect();
        refine(&mut model, &detector, Path::new(source), "said", &abnormal)
    };
    let german = words("german.csv", &rows[..4], &["gut", "schlecht", "gut", "gut"]);
    let problem = tell(&german, &[]).expect_err("no word of normal rows").to_string();
    assert!(problem.contains("gut, schlecht all mark rows as abnormal"), "{problem}");
    let problem = tell(&german, &["Schlecht"]).expect_err("no such word").to_string();
    assert!(problem.contains("there are gut, schlecht"), "{problem}");
    let report = tell(&german, &["schlecht"]).expect("it is told");
    assert_eq!((report.normal, report.abnormal), (3, 1));
    assert!(report.notes.iter().any(|note| note.contains("abnormal rows: schlecht; of normal ones: gut")));
    let report = tell(&words("twice.csv", &[far, far], &["1", "0"]), &[]).expect("it is told");
    assert!(report.notes.iter().any(|note| note.starts_with("1 row judged once more")), "{:?}", report.notes);
}

/// Numbers that differ in their fifth digit are told apart in the reasons.
#[test]
fn reasons_have_the_digits_that_differ() {
    let folder = tempfile::tempdir().expect("a folder");
    let detector = folder.path().join("detector.safetensors");
    let pressures = |rows: Vec<[f64; COLUMNS]>| -> Vec<[f64; COLUMNS]> {
        rows.into_iter().map(|[a, b, ..]| [1013.25 + 0.02 * b, a, b, a - b, 0.5 * a, a + b]).collect()
    };
    let source = plain(folder.path(), "fit.csv", &pressures(normal_rows(400, 9)));
    fit(&source, &detector, &DetectorOptions::default());
    let mut rows = pressures(normal_rows(1, 10));
    rows[0][0] = 1014.05;
    let found = scored(&detector, &plain(folder.path(), "new.csv", &rows), &cpu());
    assert!(found[0].1 && found[0].2.starts_with("a=1014"), "{}", found[0].2);
    rows[0][0] = 1013.41;
    let found = scored(&detector, &plain(folder.path(), "near.csv", &rows), &cpu());
    assert!(found[0].2.starts_with("a=1013.4 (expected 1013."), "{}", found[0].2);
}

#[test]
fn outliers_without_labels_are_no_neighbors() {
    let folder = tempfile::tempdir().expect("a folder");
    let detector = folder.path().join("detector.safetensors");
    let mut rows = normal_rows(1500, 6);
    // Those of one cloud.
    rows.retain(|row| row[0] < 4.0);
    rows.truncate(950);
    rows.extend((0..50).map(|at| {
        let angle = f64::from(at) * 0.7;
        [30.0 + angle.sin(), 30.0 * angle.cos(), -30.0, 25.0 * angle.sin(), 40.0, f64::from(at) - 25.0]
    }));
    let source = plain(folder.path(), "fit.csv", &rows);
    let report = fit(&source, &detector, &DetectorOptions::default());
    assert!(report.notes.iter().any(|note| note.contains("lie far from all others")), "{:?}", report.notes);
    let scores = scored(&detector, &source, &cpu());
    let highest_normal = scores[..950].iter().map(|row| row.0).fold(0.0, f64::max);
    let above = scores[950..].iter().filter(|row| row.0 > highest_normal).count();
    assert!(above >= 48, "{above} of 50 stand above all normal rows");
}

#[test]
fn thresholds_are_set_by_alarms_a_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let detector = folder.path().join("detector.safetensors");
    // Irregular times, 100 rows a day on average: a table, not a series.
    let time = |at: usize| {
        let minute = at * 14 + at * at * 7 % 11;
        format!(
            ",2024-01-{:02} {:02}:{:02}:00,{}",
            1 + minute / 1440,
            minute / 60 % 24,
            minute % 60,
            ["x", "y"][at % 2]
        )
    };
    let source = write(folder.path(), "fit.csv", &normal_rows(2000, 7), (",at,unit", &time));
    let alarms =
        |number: f64| DetectorOptions { threshold: ThresholdRule::AlarmsADay(number), ..DetectorOptions::default() };
    let settings = vec!["data.kind=table".to_owned()];
    let report = fit(&source, &detector, &DetectorOptions { settings: settings.clone(), ..alarms(2.0) });
    assert_eq!(report.threshold_by, ThresholdBy::AlarmsADay);
    // Two of 102 rows a day.
    assert!((0.017..0.022).contains(&report.false_alarms), "{report:?}");
    let plain = plain(folder.path(), "plain.csv", &normal_rows(100, 8));
    let fit = |source: &str, options: &DetectorOptions| {
        fit_detector(source, &detector, options, &cpu(), &mut |_| ControlFlow::Continue(()))
            .expect_err("refused")
            .to_string()
    };
    let problem = fit(&plain, &alarms(1.0));
    assert!(problem.contains("alarms-a-day") && problem.contains("column of times"), "{problem}");
    let problem = fit(&source, &DetectorOptions { settings, ..alarms(500.0) });
    assert!(problem.contains("rows a day"), "{problem}");
}
