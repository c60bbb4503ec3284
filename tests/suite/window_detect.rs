//! The Detect workspace: what it shows in each state, and data that is dropped on it.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use hourglass::app::{App, AppOptions, Detection, LocalDetection, SavedScores, ThemeChoice, Trainer};
use hourglass::data::{Preparation, Scaling, SourceKind};
use hourglass::device::DeviceChoice;
use hourglass::model::{Detector, Model, ThresholdBy, preset};
use hourglass::monitor::WorkerOptions;
use hourglass::tasks::{DetectOutcome, DetectRequest, DetectStage, DetectorReport, LabelChoice, ScannedRows, Watch};

use crate::support::noise;
use crate::window::{StillTrainer, draw, run_until, running};

/// What a scripted detection comes to.
#[derive(Clone)]
enum Ending {
    /// It stays here until it is canceled.
    Stays(DetectStage),
    Fails(String),
    Done(Box<DetectOutcome>),
}

struct Script {
    ending: Ending,
    asked: Arc<Mutex<Vec<DetectRequest>>>,
}

impl Detection for Script {
    fn detect(&self, request: &DetectRequest, watch: &mut Watch<'_>) -> Result<DetectOutcome, String> {
        self.asked.lock().unwrap().push(request.clone());
        match &self.ending {
            Ending::Stays(stage) => {
                while watch(*stage) == ControlFlow::Continue(()) {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                Err("canceled, nothing was written".to_owned())
            }
            Ending::Fails(problem) => Err(problem.clone()),
            Ending::Done(outcome) => Ok((**outcome).clone()),
        }
    }

    fn save(&self, outcome: &DetectOutcome, what: SavedScores, _: f64) -> Result<PathBuf, String> {
        assert_eq!(what, SavedScores::Scores);
        Ok(PathBuf::from(&outcome.source).with_file_name("machines-scores.csv"))
    }
}

/// Made-up scores of 3,000 rows, every fiftieth of them abnormal: nothing in it depends on the machine.
fn outcome() -> DetectOutcome {
    let (spread, apart) = (noise(3000, 120), noise(3000, 121));
    let truth: Vec<bool> = (0..3000).map(|row| row % 50 == 11).collect();
    let scores: Vec<f64> = (0..3000)
        .map(|row| {
            let usual = (0.9 * f64::from(spread[row])).exp() * (0.4 * f64::from(apart[row])).exp();
            if truth[row] { usual * (2.2 + 1.6 * f64::from(apart[row])).exp() } else { usual }
        })
        .collect();
    let mut order: Vec<usize> = (0..3000).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let reasons = |row: usize| {
        let columns = ["vibration", "oil temperature", "current", "pressure", "speed"];
        let one = |k: usize| {
            let seen = 40.0 + 9.0 * f64::from(spread[(row + k) % 3000]);
            format!("{}={seen:.1} (expected {:.1})", columns[(row + k) % 5], seen - 12.0 / (k + 1) as f64)
        };
        format!("{}; {}; {}", one(0), one(1), one(2))
    };
    let scan = ScannedRows {
        top: order.iter().map(|&row| (row as u64 + 1, reasons(row))).collect(),
        roc_auc: hourglass::metrics::roc_auc(&scores, &truth),
        average_precision: hourglass::metrics::average_precision(&scores, &truth),
        pca_roc_auc: Some(0.9012),
        scores,
        truth: Some(truth),
        ..ScannedRows::default()
    };
    let detector = Detector {
        label: Some("failed".to_owned()),
        abnormal: Vec::new(),
        threshold: 3.2,
        threshold_by: ThresholdBy::FalseAlarms,
        false_alarms: 0.01,
        members: Vec::new(),
        pca: None,
        cuts: Vec::new(),
        severity: None,
        near: None,
    };
    let model = Model {
        spec: preset("undercomplete").expect("a preset").spec,
        features: 21,
        labels: None,
        preparation: Preparation::new(SourceKind::Table, Scaling::Zscore),
        detector: Some(detector),
        tensors: std::collections::BTreeMap::new(),
    };
    let report = DetectorReport {
        model: String::new(),
        data: String::new(),
        train_rows: 2352,
        held_rows: 588,
        scored_rows: 588,
        further_models: 0,
        left_out: 60,
        kept_rows: 0,
        kept_bytes: 0,
        features: 21,
        latent: 6,
        members: 1,
        threshold: 3.2,
        threshold_by: ThresholdBy::FalseAlarms,
        false_alarms: 0.01,
        epochs: 120,
        seconds: 2.0,
        notes: vec!["12 of the rows that it could keep as neighbors lie far from all others".to_owned()],
    };
    DetectOutcome {
        source: "/data/machines.csv".to_owned(),
        model: Arc::new(model),
        report: Some(report),
        scan,
        label: Some("failed".to_owned()),
        columns: ["vibration", "oil temperature", "current", "failed"].map(str::to_owned).to_vec(),
        device: DeviceChoice::Cpu,
    }
}

fn harness(detection: Arc<dyn Detection>, size: [f32; 2], theme: ThemeChoice) -> Harness<'static, App> {
    let moment = Arc::new(running());
    let run = WorkerOptions { device: DeviceChoice::Cpu, ..WorkerOptions::new(preset("map").expect("a preset").spec) };
    let start = Box::new(move |_| Ok(Box::new(StillTrainer(Arc::clone(&moment))) as Box<dyn Trainer>));
    let options = AppOptions { theme, detection, ..AppOptions::new(run, start) };
    let builder = Harness::builder().with_size(egui::Vec2::from(size));
    let builder = if crate::support::gpu().is_some() { builder.wgpu() } else { builder };
    let mut harness = builder.build_ui_state(draw, App::new(options));
    harness.run_steps(3);
    harness.key_press(egui::Key::Num4);
    harness.run_steps(2);
    harness
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

pub fn drop_file(harness: &mut Harness<'static, App>, path: &str) {
    harness.input_mut().dropped_files.push(Arc::new(Dropped(path.into())));
    harness.step();
}

/// Where scores are saved in a window of the usual size.
pub fn place_of_saving() -> egui::Rect {
    let script = Script { ending: Ending::Done(Box::new(outcome())), asked: Arc::default() };
    let mut harness = harness(Arc::new(script), [1280.0, 800.0], ThemeChoice::Dark);
    drop_file(&mut harness, "/data/machines.csv");
    run_until(&mut harness, |harness| harness.query_by_label("Save scores").is_some());
    harness.get_by_label("Save scores").rect()
}

#[test]
fn detect_matches_its_snapshots() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    let mut results = SnapshotResults::new();
    let done = || Some(Ending::Done(Box::new(outcome())));
    let fails = "not usable as data, /data/machines.csv, line 7 has 20 cells where those before it have 21; correct the \
                 line, or the quotes around cells with delimiters in them";
    let (wide, narrow) = ([1280.0, 800.0], [900.0, 600.0]);
    for (name, ending, size, theme) in [
        ("detect-empty", None, wide, ThemeChoice::Dark),
        ("detect-fitting", Some(Ending::Stays(DetectStage::Fitting(0.42))), wide, ThemeChoice::Light),
        ("detect-failed", Some(Ending::Fails(fails.to_owned())), wide, ThemeChoice::Dark),
        ("detect-dark", done(), wide, ThemeChoice::Dark),
        ("detect-light", done(), wide, ThemeChoice::Light),
        ("detect-narrow", done(), narrow, ThemeChoice::Dark),
    ] {
        let shown = match &ending {
            None => "Open",
            Some(Ending::Stays(_)) => "Cancel",
            Some(Ending::Fails(_)) => "Open",
            Some(Ending::Done(_)) => "Save scores",
        };
        let asked: Arc<Mutex<Vec<DetectRequest>>> = Arc::default();
        let script =
            Script { ending: ending.clone().unwrap_or(Ending::Fails(String::new())), asked: Arc::clone(&asked) };
        let mut harness = harness(Arc::new(script), size, theme);
        if ending.is_some() {
            drop_file(&mut harness, "/data/machines.csv");
            let started = std::time::Instant::now();
            // Asked, and answered by its thread.
            loop {
                std::thread::sleep(std::time::Duration::from_millis(60));
                harness.run_steps(2);
                if !asked.lock().unwrap().is_empty() && harness.query_by_label(shown).is_some() {
                    break;
                }
                assert!(started.elapsed().as_secs() < 30, "{name}: waited in vain for {shown}");
            }
        }
        harness.run_steps(2);
        harness.snapshot_options(name, &options);
        results.extend_harness(&mut harness);
    }
}

#[test]
fn detection_can_be_canceled_and_asked_again_with_other_labels() {
    let asked: Arc<Mutex<Vec<DetectRequest>>> = Arc::default();
    let script = Script { ending: Ending::Stays(DetectStage::Reading), asked: Arc::clone(&asked) };
    let mut waiting = harness(Arc::new(script), [1280.0, 800.0], ThemeChoice::Dark);
    drop_file(&mut waiting, "/data/machines.csv");
    waiting.get_by_label("Cancel").click();
    waiting.run_steps(2);
    assert!(waiting.query_by_label("Cancel").is_none() && waiting.query_by_label("Open").is_some());

    let script = Script { ending: Ending::Done(Box::new(outcome())), asked: Arc::clone(&asked) };
    let mut harness = harness(Arc::new(script), [1280.0, 800.0], ThemeChoice::Dark);
    drop_file(&mut harness, "/data/machines.csv");
    run_until(&mut harness, |harness| harness.state().flagged() > 0);
    harness.get_by_label("failed").click();
    harness.run_steps(3);
    harness.get_by_label("current").click();
    harness.run_steps(3);
    let wanted = LabelChoice::Column("current".to_owned());
    run_until(&mut harness, |_| asked.lock().unwrap().last().is_some_and(|request| request.label == wanted));
}

/// Returns the window after a real table was dropped on another workspace, and a search of abnormal rows chosen.
fn searched(table: &std::path::Path) -> Harness<'static, App> {
    let mut harness = harness(Arc::new(LocalDetection), [1280.0, 800.0], ThemeChoice::Dark);
    harness.key_press(egui::Key::Num1);
    harness.run_steps(2);
    drop_file(&mut harness, &table.display().to_string());
    // It could be trained on as well: what is to be done is asked.
    harness.run_steps(2);
    harness.get_by_label("Find abnormal rows").click();
    harness
}

/// A real table is dropped on another workspace: a detector is fitted, the threshold moved, the scores saved.
#[test]
fn a_dropped_table_is_searched_for_abnormal_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("cells.csv");
    let text = include_str!("../fixtures/data/breast_cancer.csv");
    std::fs::write(&table, text.replacen("malignant", "label", 1)).expect("it is written");
    let mut harness = searched(&table);
    run_until(&mut harness, |harness| harness.state().flagged() > 0);
    let before = harness.state().flagged();
    assert!((50..212).contains(&before), "{before} of 569, 212 of them abnormal");
    let line = harness.get_by_label("Threshold").rect();
    let at = |fraction: f32| egui::pos2(line.left() + fraction * line.width(), line.center().y);
    harness.drag_at(at(0.8));
    harness.run_steps(2);
    harness.drop_at(at(0.8));
    harness.run_steps(2);
    let after = harness.state().flagged();
    assert!(after < before, "{after} above the higher threshold, {before} before");
    harness.get_by_label("Save scores").click();
    harness.run_steps(2);
    let saved = folder.path().join("cells-scores.csv");
    run_until(&mut harness, |_| saved.exists());
    let written = std::fs::read_to_string(&saved).expect("scores");
    assert_eq!(written.lines().count(), 570);
    assert_eq!(written.lines().filter(|line| line.split(',').nth(2) == Some("1")).count(), after);
    harness.get_by_label("Save detector").click();
    run_until(&mut harness, |_| folder.path().join("cells-detector.safetensors").exists());
}

/// What is guessed of a table is said beside its scores.
#[test]
fn notes_on_the_data_are_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("cells.csv");
    std::fs::write(&table, include_str!("../fixtures/data/breast_cancer.csv")).expect("it is written");
    let mut harness = searched(&table);
    run_until(&mut harness, |harness| harness.query_by_label("Notes on the data").is_some());
    harness.get_by_label_contains("malignant");
}
