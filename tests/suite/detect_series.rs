//! Detectors of series: where a file begins, how long it is and how its rows lie changes no score.

use std::ops::ControlFlow;
use std::path::Path;

use hourglass::data::{DataSet, DataSpec};
use hourglass::model::{Model, auto_spec};
use hourglass::tasks::{DetectorOptions, DetectorReport, make_detector, scan_rows};

use crate::support::{cpu, date};

/// Difference of scores that are computed in windows of another file, relative: the same windows in other batches.
const SAME: f64 = 1e-5;

/// Uniform numbers in -0.5..0.5, twelve of which make a nearly normal one of variance 1.
fn normal(state: &mut u64) -> f64 {
    let mut uniform = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..12).map(|_| uniform()).sum()
}

/// Returns a day of half-hours with two soft peaks, 4% noise, from half-hour `first` on.
fn town(first: usize, steps: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let value = |at: usize| {
        let hour = (at % 48) as f64 / 2.0;
        1000.0 + 900.0 * (-(hour - 8.0).powi(2) / 4.0).exp() + 1200.0 * (-(hour - 18.5).powi(2) / 6.0).exp()
    };
    (first..first + steps).map(|at| value(at) * (1.0 + 0.04 * normal(&mut state))).collect()
}

/// Returns a table of `values` at steps of half an hour from half-hour `first` on.
fn half_hours(first: usize, values: &[f64]) -> String {
    let row = |(at, value): (usize, &f64)| {
        let at = first + at;
        let half = at % 48;
        format!("{} {:02}:{:02}:00,{value:.3}\n", date(at / 48), half / 2, half % 2 * 30)
    };
    "time,load\n".to_owned() + &values.iter().enumerate().map(row).collect::<String>()
}

/// Fits a detector to a table, in few epochs.
fn fit(folder: &Path, text: &str, epochs: u32) -> (Model, DetectorReport) {
    let path = folder.join("fit.csv");
    std::fs::write(&path, text).expect("it is written");
    let source = path.display().to_string();
    let data = DataSet::open(&DataSpec::from_source(source.clone()), 0.1, 1).expect("a series");
    let mut spec = auto_spec(&data).expect("a spec").spec;
    (spec.data, spec.train.epochs) = (DataSpec::from_source(source.clone()), epochs);
    let options = DetectorOptions { spec: Some(spec), ..DetectorOptions::default() };
    make_detector(&source, &options, &cpu(), &mut |_| ControlFlow::Continue(())).expect("a detector")
}

fn score(folder: &Path, model: &Model, text: &str) -> Vec<f64> {
    let path = folder.join("score.csv");
    std::fs::write(&path, text).expect("it is written");
    let scan = scan_rows(model, &path.display().to_string(), &cpu(), &mut |_| ControlFlow::Continue(()));
    scan.expect("rows are scored").scores
}

fn share(scores: &[f64], limit: f64) -> f64 {
    scores.iter().filter(|&&score| score > limit).count() as f64 / scores.len().max(1) as f64
}

#[test]
fn where_a_series_begins_changes_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let months = 28 * 48;
    let (model, report) = fit(home.path(), &half_hours(0, &town(0, 2 * months, 1)), 25);
    let detector = model.detector.as_ref().expect("a detector");
    let limit = detector.threshold;
    // One in a hundred, and what the held-out steps, which share windows, cannot tell.
    assert!(report.false_alarms <= 0.03, "{report:?}");
    let window = model.spec.data.window.expect("a window");
    assert_eq!(window, 48);
    let mut near = Vec::new();
    for first in [0, 1, 5, 26, 47] {
        let values = town(first, months, 7 + first as u64);
        let scores = score(home.path(), &model, &half_hours(3 * months + first, &values));
        assert!(scores.iter().all(|score| score.is_finite()) && scores.len() == months);
        let rate = share(&scores, limit);
        assert!(rate <= 0.025, "{rate} of normal steps from half-hour {first} on");
        near.extend_from_slice(&scores[..window]);
        near.extend_from_slice(&scores[months - window..]);
        // Without its first rows.
        let cut = 17 + first;
        let later = score(home.path(), &model, &half_hours(3 * months + first + cut, &values[cut..]));
        for (at, (a, b)) in scores[cut..].iter().zip(&later).enumerate().skip(window) {
            assert!((a - b).abs() <= SAME * a.abs().max(1.0), "step {at}: {a} and {b}");
        }
    }
    assert!(share(&near, limit) <= 0.03, "{} near the ends", share(&near, limit));
    // What is far off is found, at the very ends too.
    let mut values = town(0, 480, 3);
    for at in [0, 240, 479] {
        values[at] += 1500.0;
    }
    let scores = score(home.path(), &model, &half_hours(0, &values));
    for at in [0, 240, 479] {
        assert!(scores[at] > limit, "step {at}: {} of {limit}", scores[at]);
    }
}

#[test]
fn detectors_are_fitted_to_sixty_days() {
    let home = tempfile::tempdir().expect("a folder");
    let mut state = 5;
    let mut day = |at: usize| 100.0 + 10.0 * (at as f64 * std::f64::consts::TAU / 7.0).sin() + normal(&mut state);
    let values: Vec<f64> = (0..150).map(&mut day).collect();
    let days = |values: &[f64]| {
        let row = |(at, value): (usize, &f64)| format!("{},{value:.3}\n", date(at));
        "time,value\n".to_owned() + &values.iter().enumerate().map(row).collect::<String>()
    };
    let (model, report) = fit(home.path(), &days(&values[..60]), 200);
    assert!(report.held_rows > 0 && report.train_rows >= 20, "{report:?}");
    let limit = model.detector.as_ref().expect("a detector").threshold;
    let scores = score(home.path(), &model, &days(&values[60..150]));
    assert!(scores.iter().all(|score| score.is_finite()));
    assert!(share(&scores, limit) <= 0.1, "{} of 90 normal days", share(&scores, limit));
    let mut odd = values[60..150].to_vec();
    odd[40] += 60.0;
    assert!(score(home.path(), &model, &days(&odd))[40] > limit);
}

#[test]
fn rows_are_scored_in_their_own_order() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, _) = fit(home.path(), &half_hours(0, &town(0, 28 * 48, 1)), 10);
    let (text, steps) = (half_hours(0, &town(0, 480, 9)), 480);
    let scores = score(home.path(), &model, &text);
    let lines: Vec<&str> = text.lines().collect();
    let newest = format!("{}\n{}\n", lines[0], lines[1..].iter().rev().copied().collect::<Vec<_>>().join("\n"));
    let backwards = score(home.path(), &model, &newest);
    assert_eq!(backwards.iter().rev().copied().collect::<Vec<f64>>(), scores);
    // A row that is there twice, and one without a value: neither changes those around them by much.
    let mut faulty: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    faulty.insert(200, faulty[200].clone());
    let blank = faulty[300].split(',').next().expect("a time").to_owned();
    faulty[300] = format!("{blank},");
    let found = score(home.path(), &model, &(faulty.join("\n") + "\n"));
    assert_eq!(found.len(), steps + 1);
    assert_eq!(found[199], found[200], "both rows of a step have its score");
    assert!(found[299].is_nan() && found.iter().filter(|score| score.is_nan()).count() == 1);
}

/// Returns hours of a day's wave and noise from hour `first` on, with further columns.
fn hours(first: usize, steps: usize, seed: u64, head: &str, more: impl Fn(usize) -> String) -> String {
    let mut state = seed;
    let mut row = |at: usize| {
        let value = 200.0 + 40.0 * (at as f64 * std::f64::consts::TAU / 24.0).sin() + 6.0 * normal(&mut state);
        format!("{} {:02}:00:00,{value:.3}{}\n", date(at / 24), at % 24, more(at))
    };
    format!("time,load{head}\n{}", (first..first + steps).map(&mut row).collect::<String>())
}

fn plain(_: usize) -> String {
    String::new()
}

#[test]
fn few_steps_are_judged_with_care() {
    let home = tempfile::tempdir().expect("a folder");
    let (mut flagged, mut scored) = (0.0, 0.0);
    for seed in 0..4 {
        let (model, report) = fit(home.path(), &hours(0, 300, 11 + seed, "", plain), 60);
        assert!(report.notes.iter().any(|note| note.contains("do not overlap")), "{:?}", report.notes);
        assert!(report.false_alarms > 0.02, "so few steps cannot tell less: {report:?}");
        let limit = model.detector.as_ref().expect("a detector").threshold;
        let text = hours(400, 600, 91 + seed, "", plain);
        let scores = score(home.path(), &model, &text);
        flagged += share(&scores, limit) * scores.len() as f64;
        scored += scores.len() as f64;
        let mut odd: Vec<String> = text.lines().map(str::to_owned).collect();
        let time = odd[300].split(',').next().expect("a time").to_owned();
        odd[300] = format!("{time},600");
        assert!(score(home.path(), &model, &(odd.join("\n") + "\n"))[299] > limit);
    }
    assert!(flagged / scored <= 0.03, "{} of new normal steps", flagged / scored);
}

#[test]
fn constants_of_a_series_are_rules() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, report) = fit(home.path(), &hours(0, 700, 3, ",alarm,state", |_| ",0,on".to_owned()), 40);
    assert_eq!(model.preparation.rules.len(), 2, "{:?}", report.notes);
    assert_eq!(model.spec.data.columns, ["load"]);
    let odd = |at: usize| if at == 900 { ",1,on" } else { ",0,on" }.to_owned();
    let text = hours(800, 200, 5, ",alarm,state", odd);
    let path = home.path().join("rows.csv");
    std::fs::write(&path, &text).expect("written");
    let scan = scan_rows(&model, &path.display().to_string(), &cpu(), &mut |_| ControlFlow::Continue(()));
    let scan = scan.expect("rows are scored");
    let limit = model.detector.as_ref().expect("a detector").threshold;
    assert!(scan.scores[100] > limit && scan.top[0].0 == 101, "{:?}", scan.top.first());
    assert!(scan.top[0].1.starts_with("alarm=1 (expected 0)"), "{:?}", scan.top[0]);
    assert!(share(&scan.scores, limit) <= 0.06, "{}", share(&scan.scores, limit));
}

#[test]
fn one_huge_value_in_the_fit_leaves_a_detector_that_sees() {
    let home = tempfile::tempdir().expect("a folder");
    let mut lines: Vec<String> = hours(0, 900, 3, "", plain).lines().map(str::to_owned).collect();
    let time = lines[701].split(',').next().expect("a time").to_owned();
    lines[701] = format!("{time},1000000");
    let (model, report) = fit(home.path(), &(lines.join("\n") + "\n"), 40);
    let told = |note: &String| note.contains("row 701 holds 1000000") && note.contains("taken for missing");
    assert!(report.notes.iter().any(told), "{:?}", report.notes);
    let limit = model.detector.as_ref().expect("a detector").threshold;
    let mut odd: Vec<String> = hours(1000, 400, 9, "", plain).lines().map(str::to_owned).collect();
    let time = odd[100].split(',').next().expect("a time").to_owned();
    odd[100] = format!("{time},500");
    let scores = score(home.path(), &model, &(odd.join("\n") + "\n"));
    assert!(scores[99] > limit && share(&scores, limit) < 0.2, "{} of {limit}", scores[99]);
    // A table's row is left out of the fit.
    let mut state = 5;
    let mut row = |at: usize| {
        let (a, b) = (normal(&mut state), normal(&mut state));
        format!("{a:.4},{},{:.4}\n", if at == 412 { "10000000".to_owned() } else { format!("{b:.4}") }, a + b)
    };
    let text = format!("a,b,sum\n{}", (0..600).map(&mut row).collect::<String>());
    let (model, report) = fit(home.path(), &text, 40);
    assert_eq!(report.left_out, 1, "{:?}", report.notes);
    let limit = model.detector.as_ref().expect("a detector").threshold;
    let scores = score(home.path(), &model, "a,b,sum\n0.5,0.5,1.0\n0.1,9.0,0.2\n");
    assert!(scores[0] < limit && scores[1] > limit, "{scores:?} of {limit}");
}

#[test]
fn broken_cells_of_a_series_are_passed_over_where_asked() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, _) = fit(home.path(), &hours(0, 500, 3, "", plain), 20);
    let mut lines: Vec<String> = hours(600, 200, 9, "", plain).lines().map(str::to_owned).collect();
    let time = lines[50].split(',').next().expect("a time").to_owned();
    lines[50] = format!("{time},12x3");
    // The scan of the window keeps going.
    let scores = score(home.path(), &model, &(lines.join("\n") + "\n"));
    assert!(scores[49].is_nan() && scores.iter().filter(|score| score.is_nan()).count() == 1, "{scores:?}");
}
