//! Detectors: what they find, how rows reach them, and what they say of rows that cannot be read.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hourglass::data::{DataSet, DataSpec, Fit, Part, TableStream};
use hourglass::device::Device;
use hourglass::inference::LoadedModel;
use hourglass::metrics::{average_precision, operating_points, roc_auc};
use hourglass::model::{Layer, Model, Spec, ThresholdBy, auto_spec, preset};
use hourglass::platform::Wait as _;
use hourglass::tasks::{
    DetectorOptions, ScoreInput, ScoreOptions, ScoreOutput, Scores, TaskError, ThresholdRule, fit_detector, score_rows,
};
use hourglass::train::Evaluator;

use crate::support::{cpu, devices};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data/breast_cancer.csv");

/// PCA at 90% of the variance reaches 0.922 where it is fitted on half of the normal rows; a detector that looks at the
/// rows that it was fitted on too is to be no worse.
const LEAST_AUC: f64 = 0.92;
/// Half of the last digit that scores are printed with, relative.
const PRINTED: f64 = 5e-7;
/// Relative: sums in another order, through a network of some layers.
const BETWEEN_DEVICES: f64 = 1e-3;

fn labeled() -> DetectorOptions {
    DetectorOptions { label: Some("malignant".to_owned()), ..DetectorOptions::default() }
}

fn fit(source: &str, path: &Path, options: &DetectorOptions, device: &Device) -> hourglass::tasks::DetectorReport {
    fit_detector(source, path, options, device, &mut |_| ControlFlow::Continue(())).expect("a detector is fitted")
}

fn score(path: &Path, source: &str, output: &Path, options: &ScoreOptions, device: &Device) -> Scores {
    try_to_score(path, source, output, options, device).expect("rows are scored")
}

fn try_to_score(
    path: &Path,
    source: &str,
    output: &Path,
    options: &ScoreOptions,
    device: &Device,
) -> Result<Scores, TaskError> {
    let (input, output) = (ScoreInput::Path(source.to_owned()), ScoreOutput::File(output.to_owned()));
    score_rows(path, &input, &output, options, device)
}

fn column(path: &Path, name: &str) -> Vec<String> {
    let mut table = csv::Reader::from_path(path).expect("a table");
    let at = table.headers().expect("names").iter().position(|own| own == name).expect("the column");
    table.records().map(|record| record.expect("a record")[at].to_owned()).collect()
}

fn numbers(path: &Path, name: &str) -> Vec<f64> {
    column(path, name).iter().map(|cell| cell.parse().expect("a number")).collect()
}

/// A file in `folder` of the lines of the table, changed by `change`, which sees their numbers (0 is the names).
fn changed(folder: &Path, name: &str, change: impl Fn(usize, &str) -> String) -> String {
    let text = std::fs::read_to_string(TABLE).expect("the table");
    let lines: Vec<String> = text.lines().enumerate().map(|(number, line)| change(number, line)).collect();
    let path = folder.join(name);
    std::fs::write(&path, lines.join("\n")).expect("it is written");
    path.display().to_string()
}

#[test]
fn roc_auc_and_precision_match_known_answers() {
    // By hand: of the six pairs four are in order and one is a tie.
    let (scores, positive) = ([0.1, 0.4, 0.35, 0.8, 0.35], [false, false, true, true, false]);
    assert_eq!(roc_auc(&scores, &positive), Some((1.0 + 0.5 + 3.0) / 6.0));
    assert_eq!(roc_auc(&[3.0, 2.0, 1.0], &[true, false, false]), Some(1.0));
    assert_eq!(roc_auc(&[1.0; 4], &[true, false, true, false]), Some(0.5));
    assert_eq!(roc_auc(&[1.0, 2.0], &[true, true]), None);
    assert_eq!(roc_auc(&[], &[]), None);
    // Precision 1 at the first positive, 1/2 at the second, which comes with one other after one other.
    assert_eq!(operating_points(&scores, &positive), [[1.0, 0.0], [1.0, 1.0], [2.0, 2.0], [2.0, 3.0]]);
    assert_eq!(average_precision(&scores, &positive), Some(0.5 * 1.0 + 0.5 * 0.5));
    assert_eq!(average_precision(&[1.0], &[false]), None);
}

#[test]
fn detectors_find_what_is_abnormal_on_both_devices() {
    let home = tempfile::tempdir().expect("a folder");
    let model = home.path().join("model.safetensors");
    let report = fit(TABLE, &model, &labeled(), &cpu());
    assert_eq!((report.left_out, report.train_rows + report.held_rows), (212, 357));
    assert!(report.latent < report.features && report.threshold_by == ThresholdBy::FalseAlarms);
    let mut before: Option<Vec<f64>> = None;
    for device in devices() {
        let out = home.path().join("scores.csv");
        let found = score(&model, TABLE, &out, &ScoreOptions::default(), &device);
        assert!(found.roc_auc.expect("labels") > LEAST_AUC, "{found:?}");
        assert!(found.roc_auc > found.pca_roc_auc && found.pca_roc_auc > Some(0.9), "{found:?}");
        assert_eq!((found.rows, found.unusable), (569, 0));
        let scores = numbers(&out, "score");
        // The threshold is the score of a row, and that row's printed score may lie on either side of it.
        let above = |least: f64| scores.iter().filter(|&&score| score > least).count() as u64;
        let (most, least) = (above(report.threshold * (1.0 - PRINTED)), above(report.threshold * (1.0 + PRINTED)));
        assert!((least..=most).contains(&found.abnormal) && most - least <= 1, "{least} to {most}, {}", found.abnormal);
        assert_eq!(numbers(&out, "abnormal").iter().sum::<f64>(), found.abnormal as f64);
        if let Some(before) = &before {
            for (a, b) in scores.iter().zip(before) {
                assert!((a - b).abs() <= BETWEEN_DEVICES * b.max(1.0), "{a} and {b} on {}", device.info());
            }
        }
        before = Some(scores);
    }
}

#[test]
fn equal_fits_are_equal_files_and_unequal_seeds_are_an_ensemble() {
    let home = tempfile::tempdir().expect("a folder");
    let [one, again, both] = ["one", "again", "both"].map(|name| home.path().join(name));
    let options = DetectorOptions { spec: Some(small_spec(4, 20)), ..labeled() };
    fit(TABLE, &one, &options, &cpu());
    fit(TABLE, &again, &options, &cpu());
    assert!(std::fs::read(&one).expect("a file") == std::fs::read(&again).expect("a file"), "the bytes differ");
    let report = fit(TABLE, &both, &DetectorOptions { ensemble: 2, ..options }, &cpu());
    assert_eq!(report.members, 2);
    let model = Model::load(&both).expect("a model");
    let detector = model.detector.as_ref().expect("a detector");
    assert_eq!(detector.members.len(), 2);
    // Its first member is the model of the first seed; the mean of the two is between them.
    let first = Model::load(&one).expect("a model");
    assert_eq!(first.tensors, model.tensors);
    // The models alone, without kept rows beside them.
    let alone = |model: &Model, path: &Path| {
        let detector = model.detector.clone().map(|detector| hourglass::model::Detector { near: None, ..detector });
        Model { detector, ..model.clone() }.save(path).expect("it is saved");
    };
    alone(&first, &one);
    alone(&model, &both);
    let second = Model {
        tensors: detector.members[1].weights.clone(),
        detector: Some(hourglass::model::Detector {
            members: vec![hourglass::model::DetectorMember {
                weights: std::collections::BTreeMap::new(),
                ..detector.members[1].clone()
            }],
            ..detector.clone()
        }),
        ..model.clone()
    };
    let two = home.path().join("two");
    alone(&second, &two);
    let scores = [&one, &two, &both].map(|path: &PathBuf| {
        let out = home.path().join("scores.csv");
        score(path, TABLE, &out, &ScoreOptions::default(), &cpu());
        numbers(&out, "score")
    });
    for ((a, b), mean) in scores[0].iter().zip(&scores[1]).zip(&scores[2]) {
        // Six digits are written of each.
        assert!((0.5 * (a + b) - mean).abs() < 2e-6, "{a} and {b} are {mean}");
    }
}

#[test]
fn labels_choose_thresholds_and_outliers_are_left_out_without_them() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, out) = (home.path().join("model"), home.path().join("scores.csv"));
    let found = |threshold: ThresholdRule| {
        let options = DetectorOptions { threshold, spec: Some(small_spec(6, 40)), ..labeled() };
        fit(TABLE, &model, &options, &cpu());
        score(&model, TABLE, &out, &ScoreOptions::default(), &cpu())
    };
    let (usual, best) = (found(ThresholdRule::FalseAlarms(0.01)), found(ThresholdRule::F1));
    assert!(best.f1 > usual.f1, "{:?} and {:?}", best.f1, usual.f1);
    let careful = found(ThresholdRule::MissCost(50.0));
    assert!(careful.recall > usual.recall && careful.threshold < usual.threshold);
}

#[test]
fn outliers_without_labels_are_left_out_of_the_fit() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, source) = (home.path().join("model"), home.path().join("table.csv"));
    // Four columns that go together in all rows but every twentieth.
    let values = crate::support::noise(400 * 5, 90);
    let line = |(row, values): (usize, &[f32])| {
        let (a, b) = (values[0], values[1]);
        let columns = if row % 20 == 7 { [a, b, values[2], values[3]] } else { [a, b, a + b, a - b] };
        columns.map(|value| format!("{:.4}", value + 0.02 * values[4])).join(",")
    };
    let lines: Vec<String> = values.chunks_exact(5).enumerate().map(line).collect();
    std::fs::write(&source, format!("a,b,sum,difference\n{}\n", lines.join("\n"))).expect("it is written");
    let options = DetectorOptions { outliers: 0.05, ..DetectorOptions::default() };
    let report = fit(&source.display().to_string(), &model, &options, &cpu());
    assert_eq!(report.left_out, 20);
    let omitted = Model::load(&model).expect("a model").spec.data.omit;
    let rows = omitted.iter().flat_map(|&[first, count]| first..first + count);
    let found = rows.filter(|row| row % 20 == 7).count();
    assert!(found >= 16, "{found} of the 20 were left out: {omitted:?}");
}

/// Settings reach the data and the model, whether that is given or chosen, and a fit that is stopped
/// leaves nothing behind.
#[test]
fn a_fit_takes_settings_and_can_be_stopped() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, table) = (home.path().join("model"), home.path().join("steps.csv"));
    let steps: String = (0..300).map(|step| format!("{}\n", (f64::from(step) / 5.0).sin())).collect();
    std::fs::write(&table, format!("level\n{steps}")).expect("written");
    let settings = |settings: &[&str]| settings.iter().map(|&setting| setting.to_owned()).collect::<Vec<_>>();
    let source = table.display().to_string();
    let chosen = settings(&["data.window=16", "model.latent=3", "train.epochs=2"]);
    let report = fit(&source, &model, &DetectorOptions { settings: chosen, ..DetectorOptions::default() }, &cpu());
    assert_eq!((report.features, report.latent, report.epochs), (16, 3, 2));
    let saved = Model::load(&model).expect("a model").spec;
    assert_eq!((saved.data.window, saved.data.source), (Some(16), source.clone()));
    let spec = Some(preset("undercomplete").expect("there").spec);
    let given = settings(&["data.window=16", "train.batch_size=8", "train.epochs=1"]);
    let given = DetectorOptions { spec, settings: given, ..DetectorOptions::default() };
    assert_eq!(fit(&source, &model, &given, &cpu()).epochs, 1);
    let wrong = DetectorOptions { settings: settings(&["data.windw=16"]), ..DetectorOptions::default() };
    let stopped = DetectorOptions { settings: settings(&["data.window=16"]), ..DetectorOptions::default() };
    let fails = |options: &DetectorOptions, path: &Path| {
        fit_detector(&source, path, options, &cpu(), &mut |_| ControlFlow::Break(())).expect_err("no detector")
    };
    assert!(fails(&wrong, &model).to_string().contains("perhaps window"));
    let none = home.path().join("none");
    assert!(matches!(fails(&stopped, &none), TaskError::Canceled));
    assert!(!none.exists());
}

#[test]
fn variational_models_score_by_their_elbo() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, out) = (home.path().join("model"), home.path().join("scores.csv"));
    let spec = "version = 1\n[model]\nkind = \"variational\"\nlatent = 4\nencoder = [\"dense 32 silu\", \"latent\"]\n\
                decoder = [\"dense 32 silu\", \"dense 30\", \"output same\"]\n[objective]\nloss = \"gaussian\"\n[train]\nepochs = 60\n\
                batch_size = 32\n";
    let spec = Spec::from_toml(spec, "spec").expect("a spec");
    fit(TABLE, &model, &DetectorOptions { spec: Some(spec), ..labeled() }, &cpu());
    let found = score(&model, TABLE, &out, &ScoreOptions::default(), &cpu());
    assert!(found.roc_auc.expect("labels") > 0.85, "{found:?}");
    let mut saved = Model::load(&model).expect("a model");
    // The model alone, without kept rows beside it.
    saved.detector.as_mut().expect("a detector").near = None;
    saved.save(&model).expect("it is saved");
    score(&model, TABLE, &out, &ScoreOptions::default(), &cpu());
    let member = &saved.detector.as_ref().expect("a detector").members[0];
    assert!(member.usual_divergence > 0.0);
    // By hand: the score of the first row from its parts.
    let data = Arc::new(saved.spec.open_other_data(TABLE, &saved.preparation).expect("the table"));
    let loaded = LoadedModel::new(&saved, &model, &cpu()).expect("a model");
    let mut evaluator = Evaluator::over(&loaded, &data).expect("an evaluator");
    let outputs = evaluator.outputs(0..1, true, false).wait().expect("outputs");
    let seen = data.rows_f32(0..1).expect("a row");
    let errors: f64 = (0..seen.len())
        .map(|i| f64::from(seen[i] - outputs.outputs[i]).powi(2) / f64::from(member.usual_errors[i]))
        .sum();
    let divergence: f64 = (0..4)
        .map(|i| (f64::from(outputs.moments[i]), f64::from(outputs.moments[4 + i])))
        .map(|(mean, log)| 0.5 * (mean * mean + log.exp() - 1.0 - log))
        .sum();
    let expected = (errors + 2.0 * divergence) / (seen.len() as f64 + 2.0 * f64::from(member.usual_divergence));
    let first = numbers(&out, "score")[0];
    assert!((first - expected).abs() < 1e-5 * expected, "{first} and {expected}");
}

#[test]
fn columns_are_found_by_name_and_broken_rows_by_number() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, out) = (home.path().join("model"), home.path().join("scores.csv"));
    fit(TABLE, &model, &labeled(), &cpu());
    let usual = ScoreOptions::default();
    score(&model, TABLE, &out, &usual, &cpu());
    let expected = column(&out, "score");
    // The last column first, another one beside.
    let turned = changed(home.path(), "turned.csv", |number, line| {
        let (rest, label) = line.rsplit_once(',').expect("columns");
        let (first, rest) = rest.split_once(',').expect("columns");
        format!("{label},{},{rest},{first}", if number == 0 { "spare".to_owned() } else { "x".to_owned() })
    });
    let found = score(&model, &turned, &out, &usual, &cpu());
    assert_eq!(column(&out, "score"), expected);
    assert!(found.notes.iter().any(|note| note.contains("spare")), "{:?}", found.notes);
    // Without its labels, nothing is said of how good it is.
    let bare = changed(home.path(), "bare.csv", |_, line| line.rsplit_once(',').expect("columns").0.to_owned());
    assert_eq!(score(&model, &bare, &out, &usual, &cpu()).roc_auc, None);
    assert_eq!(column(&out, "score"), expected);
    let lacking = changed(home.path(), "lacking.csv", |_, line| line.split_once(',').expect("columns").1.to_owned());
    let error = try_to_score(&model, &lacking, &out, &usual, &cpu()).expect_err("a column is missing").to_string();
    assert!(error.contains("mean_radius"), "{error}");
    assert_eq!(column(&out, "score"), expected, "what was there before is whole");

    let broken = changed(home.path(), "broken.csv", |number, line| match number {
        3 => line.rsplit_once(',').expect("columns").0.to_owned(),
        7 => line.replacen(line.split(',').next().expect("a cell"), "wide", 1),
        _ => line.to_owned(),
    });
    let error = try_to_score(&model, &broken, &out, &usual, &cpu()).expect_err("a row is short").to_string();
    assert!(error.contains("row 3") && error.contains("line 4"), "{error}");
    let found = score(&model, &broken, &out, &ScoreOptions { keep_going: true, ..usual }, &cpu());
    assert_eq!((found.rows, found.unusable), (567, 2));
    assert!(found.notes.iter().any(|note| note.contains("row 7") && note.contains("\"wide\"")), "{:?}", found.notes);
    let scores = column(&out, "score");
    assert_eq!(column(&out, "row"), (1..=569).map(|row| row.to_string()).collect::<Vec<_>>());
    for (row, (score, expected)) in scores.iter().zip(&expected).enumerate() {
        assert_eq!(score, if [2, 6].contains(&row) { "" } else { expected.as_str() });
    }
}

#[test]
fn streamed_rows_are_those_of_whole_tables() {
    let spec = DataSpec { labels: Some("malignant".to_owned()), ..DataSpec::from_source(TABLE) };
    let fitted = DataSet::open(&spec, 0.1, 1).expect("a table").preparation;
    let whole = DataSet::open_whole(&spec, &fitted).expect("a table");
    let expected = whole.rows_f32(whole.part(Part::Test)).expect("rows");
    for most in [1, 7, 64, 10_000] {
        let mut stream = TableStream::open(Path::new(TABLE), &spec, &fitted, Some("malignant")).expect("a table");
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        while let Some(chunk) = stream.next(most, false).expect("rows") {
            assert!(chunk.rows <= most);
            values.extend(chunk.values);
            labels.extend(chunk.labels);
        }
        assert_eq!(values, expected);
        assert_eq!(labels.len(), 569);
        assert_eq!(labels.iter().filter(|label| label.as_deref() == Some("1")).count(), 212);
    }
}

#[test]
fn steps_of_series_have_scores_of_their_own() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, out) = (home.path().join("model"), home.path().join("scores.csv"));
    let text = |fault: std::ops::Range<usize>| {
        let step = |at: usize| {
            let wave = (at as f64 * std::f64::consts::TAU / 24.0).sin() + 0.01 * ((at * 7919) % 101) as f64 / 101.0;
            let value = if fault.contains(&at) { wave + 3.0 } else { wave };
            let (day, hour) = (at / 24, at % 24);
            format!("2024-01-{:02} {hour:02}:00:00,{value:.4},{}", day + 1, u8::from(fault.contains(&at)))
        };
        let lines: Vec<String> = (0..24 * 28).map(step).collect();
        format!("time,load,fault\n{}\n", lines.join("\n"))
    };
    let (clean, faulty) = (home.path().join("clean.csv"), home.path().join("faulty.csv"));
    std::fs::write(&clean, text(0..0)).expect("it is written");
    std::fs::write(&faulty, text(300..306)).expect("it is written");
    let options = DetectorOptions { label: Some("fault".to_owned()), ..DetectorOptions::default() };
    fit(&clean.display().to_string(), &model, &options, &cpu());
    let found = score(&model, &faulty.display().to_string(), &out, &ScoreOptions::default(), &cpu());
    assert_eq!((found.rows, found.unusable), (24 * 28, 0), "every step is in some window");
    assert!(found.roc_auc.expect("labels") > 0.99, "{found:?}");
    let scores = numbers(&out, "score");
    let worst = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).expect("scores");
    assert!((300..306).contains(&worst), "the highest score is at step {worst}");
    assert!(column(&out, "reasons")[worst].starts_with("load="), "{}", column(&out, "reasons")[worst]);
}

/// Columns of very different sizes count alike, and reasons give the values that the file has.
#[test]
fn series_of_several_columns_are_scaled_and_told_in_their_own_units() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, out) = (home.path().join("model"), home.path().join("scores.csv"));
    let step = |at: usize, fault: f64| {
        let turn = at as f64 * std::f64::consts::TAU / 24.0;
        let load =
            turn.sin() + 0.01 * ((at * 7919) % 101) as f64 / 101.0 + if (300..306).contains(&at) { fault } else { 0.0 };
        let pressure = 1000.0 + 20.0 * turn.cos();
        format!("2024-01-{:02} {:02}:00:00,{load:.3},{pressure:.1}", at / 24 + 1, at % 24)
    };
    let lines: Vec<String> = (0..24 * 28).map(|at| step(at, 3.0)).collect();
    let clean: Vec<String> = (0..24 * 28).map(|at| step(at, 0.0)).collect();
    let (path, normal) = (home.path().join("two.csv"), home.path().join("normal.csv"));
    std::fs::write(&path, format!("time,load,pressure\n{}\n", lines.join("\n"))).expect("it is written");
    std::fs::write(&normal, format!("time,load,pressure\n{}\n", clean.join("\n"))).expect("it is written");
    let data = DataSet::open(&DataSpec::from_source(path.display().to_string()), 0.1, 1).expect("a series");
    let values = data.rows_f32(data.train.clone()).expect("rows");
    assert!(values.iter().all(|value| value.abs() < 10.0), "in standard deviations");
    fit(&normal.display().to_string(), &model, &DetectorOptions::default(), &cpu());
    score(&model, &path.display().to_string(), &out, &ScoreOptions::default(), &cpu());
    let scores = numbers(&out, "score");
    let worst = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).expect("scores");
    let reason = &column(&out, "reasons")[worst];
    let seen: Vec<&str> = lines[worst].split(',').collect();
    let told = |name: &str| {
        let rest = reason.split(&format!("{name}=")).nth(1)?;
        rest.split(' ').next()?.parse::<f64>().ok()
    };
    assert!((300..306).contains(&worst), "{worst}: {reason}");
    let load: f64 = seen[1].parse().expect("a number");
    assert!(told("load").is_some_and(|told| (told - load).abs() < 0.01), "{reason} of {}", lines[worst]);
}

/// A column that is named as labels are is no feature, asked for or not.
#[test]
fn a_column_of_labels_is_never_a_feature() {
    let home = tempfile::tempdir().expect("a folder");
    let (path, model) = (home.path().join("table.csv"), home.path().join("model"));
    let lines: Vec<String> = (0..200).map(|i| format!("{},{},{}", i % 17, (i * i) % 23, i % 2)).collect();
    std::fs::write(&path, format!("a,b,label\n{}\n", lines.join("\n"))).expect("it is written");
    let report = fit(&path.display().to_string(), &model, &DetectorOptions::default(), &cpu());
    assert_eq!(report.features, 2);
}

#[test]
fn pictures_are_told_apart_by_their_folders() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, out) = (home.path().join("model"), home.path().join("scores.csv"));
    for (class, count) in [("good", 60_u32), ("scratched", 6)] {
        let folder = home.path().join("pictures").join(class);
        std::fs::create_dir_all(&folder).expect("a folder");
        for number in 0..count {
            let picture = image::GrayImage::from_fn(12, 12, |x, y| {
                let scratch = class == "scratched" && x == (number + 3) % 12;
                image::Luma([if scratch { 255 } else { (x * 10 + y * 5 + number % 7) as u8 }])
            });
            picture.save(folder.join(format!("{number}.png"))).expect("a picture");
        }
    }
    let options = DetectorOptions {
        label: Some("folders".to_owned()),
        abnormal: vec!["scratched".to_owned()],
        ..DetectorOptions::default()
    };
    let pictures = home.path().join("pictures").display().to_string();
    let report = fit(&pictures, &model, &options, &cpu());
    assert_eq!((report.left_out, report.features), (6, 144));
    let found = score(&model, &pictures, &out, &ScoreOptions::default(), &cpu());
    assert_eq!(found.roc_auc, Some(1.0), "{found:?}");
    assert!(column(&out, "reasons").iter().all(|reason| reason.starts_with("pixel ")));
    // Rows are known by their files, whatever is left out among them.
    let broken = home.path().join("pictures/good/3.png");
    let whole = std::fs::read(&broken).expect("a picture");
    std::fs::write(&broken, &whole[..whole.len() / 2]).expect("written");
    let found = score(&model, &pictures, &out, &ScoreOptions::default(), &cpu());
    assert_eq!((found.rows, column(&out, "row").last().map(String::as_str)), (65, Some("65")));
    assert!(found.notes.iter().any(|note| note.contains("3.png") && note.contains("left out")), "{:?}", found.notes);
    let files = column(&out, "file");
    assert!(!files.contains(&"good/3.png".replace('/', std::path::MAIN_SEPARATOR_STR)), "{files:?}");
    for (file, flag) in files.iter().zip(column(&out, "abnormal")) {
        assert!(file.starts_with("scratched") == (flag == "1"), "{file}: {flag}");
    }
    let head = std::fs::read_to_string(&out).expect("scores");
    assert!(head.starts_with("row,score,abnormal,reasons,file,severity\n"), "{}", &head[..60]);
}

/// A table of `rows` rows of `columns` columns that five hidden numbers and some noise make; `stream` draws other rows
/// of the same process.
fn drawn_table(path: &Path, rows: usize, columns: usize, stream: u32) {
    let load = crate::support::noise(5 * columns, 700);
    let hidden = crate::support::noise(5 * rows, 701 + stream);
    let rest = crate::support::noise(rows * columns, 801 + stream);
    let names: Vec<String> = (0..columns).map(|column| format!("f{column}")).collect();
    let cell = |row: usize, column: usize| {
        let sum: f32 = (0..5).map(|at| hidden[5 * row + at] * load[at * columns + column]).sum();
        format!("{:.4}", sum + 0.3 * rest[row * columns + column])
    };
    let line = |row: usize| (0..columns).map(|column| cell(row, column)).collect::<Vec<_>>().join(",");
    let lines: Vec<String> = (0..rows).map(line).collect();
    std::fs::write(path, format!("{}\n{}\n", names.join(","), lines.join("\n"))).expect("it is written");
}

/// A small model, soon trained: what is measured is the threshold, whatever the model.
fn small_spec(latent: usize, epochs: usize) -> Spec {
    let spec = format!(
        "version = 1\n[model]\nkind = \"autoencoder\"\nlatent = {latent}\nencoder = [\"dense 16 silu\", \"latent\"]\n\
         decoder = [\"dense 16 silu\", \"output\"]\n[objective]\nloss = \"mse\"\n[train]\nepochs = {epochs}\nbatch_size = 16\n"
    );
    Spec::from_toml(&spec, "spec").expect("a spec")
}

/// Of new rows of the same process few more than asked for are flagged, and the fit says about as many as there are.
#[test]
fn few_rows_flag_no_more_new_ones_than_asked_for() {
    /// Most that may be flagged where 1% was asked for.
    const MOST: f64 = 0.03;
    let home = tempfile::tempdir().expect("a folder");
    let [model, out, train, new] = ["model", "scores.csv", "train.csv", "new.csv"].map(|name| home.path().join(name));
    for (rows, columns, further) in [(100, 20, 4), (100, 150, 4), (700, 20, 0)] {
        drawn_table(&train, rows, columns, 0);
        drawn_table(&new, 1500, columns, 1);
        let options = DetectorOptions { spec: Some(small_spec(4, 40)), ..DetectorOptions::default() };
        let report = fit(&train.display().to_string(), &model, &options, &cpu());
        assert_eq!(report.further_models, further);
        assert_eq!((report.scored_rows, report.train_rows + report.held_rows), (rows, rows));
        // A row more is above the threshold with a probability of 1 / (n + 1) at least.
        let least = 1.0 / (rows + 1) as f64;
        assert!((least..MOST).contains(&report.false_alarms), "{report:?}");
        let found = score(&model, &new.display().to_string(), &out, &ScoreOptions::default(), &cpu());
        let flagged = found.abnormal as f64 / found.rows as f64;
        assert!(flagged <= MOST, "{flagged} of new rows, {report:?}");
        let scores = numbers(&out, "score");
        // Their logarithms are 0 on average.
        let mean = (scores.iter().map(|score| score.ln()).sum::<f64>() / scores.len() as f64).exp();
        assert!((0.8..1.25).contains(&mean), "new normal rows score {mean} on average");
        assert!(report.notes.iter().all(|note| !note.contains("cannot tell")), "{:?}", report.notes);
    }
    let more = |of: &[PathBuf]| of.iter().map(|path| std::fs::read(path).expect("a file")).collect::<Vec<_>>();
    let again = home.path().join("again");
    drawn_table(&train, 40, 6, 0);
    let options = DetectorOptions { spec: Some(small_spec(2, 5)), ..DetectorOptions::default() };
    let report = fit(&train.display().to_string(), &model, &options, &cpu());
    fit(&train.display().to_string(), &again, &options, &cpu());
    let bytes = more(&[model, again]);
    assert!(bytes[0] == bytes[1], "equal fits are equal files");
    assert!(report.false_alarms >= 1.0 / 41.0, "40 rows cannot tell less: {report:?}");
    let note = report.notes.iter().find(|note| note.contains("cannot tell")).expect("a note");
    assert!(note.contains("40 normal rows") && note.contains("99") && note.contains("2.4%"), "{note}");
}

#[test]
fn pictures_of_any_size_are_rows_of_a_model_with_a_bottleneck() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, out, folder) = (home.path().join("model"), home.path().join("scores.csv"), home.path().join("belt"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let values = crate::support::noise(30 * 160 * 120, 91);
    for (number, noise) in values.chunks_exact(160 * 120).enumerate() {
        let picture = image::GrayImage::from_fn(160, 120, |x, y| {
            let light = 128.0 + 50.0 * (x as f32 / 5.0).sin() + 10.0 * noise[(y * 160 + x) as usize];
            image::Luma([light as u8])
        });
        picture.save(folder.join(format!("{number:02}.png"))).expect("a picture");
    }
    let source = folder.display().to_string();
    let data = DataSet::open(&DataSpec { whole: true, ..DataSpec::from_source(&source) }, 0.1, 1).expect("pictures");
    assert_eq!((data.rows, data.options.fit, data.options.size), (30, Some(Fit::Stretch), Some([48, 64])));
    assert!(data.notes.iter().any(|note| note.contains("48x64") && note.contains("data.size")), "{:?}", data.notes);
    let spec = auto_spec(&data).expect("a model").spec;
    assert!(spec.model.encoder.iter().any(|layer| matches!(layer, Layer::Latent { .. })));
    assert!((1..=512).contains(&spec.model.latent), "{}", spec.model.latent);
    // Through a fit, with smaller pictures and a model that is soon trained.
    let mut spec = small_spec(4, 10);
    spec.data.size = Some([12, 16]);
    let report = fit(&source, &model, &DetectorOptions { spec: Some(spec), ..DetectorOptions::default() }, &cpu());
    assert_eq!((report.features, report.scored_rows), (12 * 16, 30));
    let found = score(&model, &source, &out, &ScoreOptions::default(), &cpu());
    assert_eq!(found.rows, 30, "a row a picture");
}

#[test]
fn models_without_a_bottleneck_are_refused_and_many_latents_left_out() {
    let home = tempfile::tempdir().expect("a folder");
    let (model, out, table) =
        (home.path().join("model"), home.path().join("scores.csv"), home.path().join("table.csv"));
    drawn_table(&table, 30, 8, 0);
    let source = table.display().to_string();
    let mut spec = small_spec(4, 2);
    spec.model.encoder = ["save row", "dense 8 silu", "latent"].map(|layer| layer.parse().expect("a layer")).to_vec();
    spec.model.decoder = ["dense 8", "add row", "output same"].map(|layer| layer.parse().expect("a layer")).to_vec();
    let wide = spec.clone();
    let around = DetectorOptions { spec: Some(spec), ..DetectorOptions::default() };
    let refused = fit_detector(&source, &model, &around, &cpu(), &mut |_| ControlFlow::Continue(()));
    let error = refused.expect_err("the input goes around the latents").to_string();
    assert!(error.contains("no bottleneck") && error.contains("model.latent") && !model.exists(), "{error}");
    let unet = DetectorOptions { spec: Some(preset("unet").expect("a preset").spec), ..DetectorOptions::default() };
    let refused = fit_detector("mnist", &model, &unet, &cpu(), &mut |_| ControlFlow::Break(()));
    assert!(refused.expect_err("a U-Net").to_string().contains("no bottleneck"));
    let mut wide = Spec { model: small_spec(1100, 1).model, ..wide };
    wide.train.epochs = 1;
    let report = fit(&source, &model, &DetectorOptions { spec: Some(wide), ..DetectorOptions::default() }, &cpu());
    assert_eq!(report.latent, 1100);
    assert!(report.notes.iter().any(|note| note.contains("1100 latents")), "{:?}", report.notes);
    let detector = Model::load(&model).expect("a model").detector.expect("a detector");
    assert!(detector.members[0].latent_whitening.is_empty());
    assert_eq!(score(&model, &source, &out, &ScoreOptions::default(), &cpu()).rows, 30);
}
