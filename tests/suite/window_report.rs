//! The Report workspace against a scripted engine: while the run goes on, while it measures, what it tells, what it
//! writes, and what went wrong.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use hourglass::app::{App, AppOptions, Evaluated, Export, Exported, ReportSubject, Reporting, ThemeChoice, Trainer};
use hourglass::data::Part;
use hourglass::model::preset;
use hourglass::monitor::{Command, Moment, PlayState, WorkerOptions};
use hourglass::plot::RowView;
use hourglass::style::DARK;
use hourglass::tasks::{
    Evaluation, EvaluationWatch, ExtremeRow, Extremes, ImportanceWeighted, Measured, PcaBeside, Representation,
};
use hourglass::train::{Diagnosis, Finding, PcaReport, TestMetrics};

use crate::support::digits;
use crate::window::{draw, run_until, running, running_but};

/// What the engine comes to.
#[derive(Clone)]
enum Ending {
    /// It stays here until it is canceled.
    Stays(&'static str),
    Fails(String),
    Done(Box<Evaluated>),
}

struct Script {
    ending: Ending,
    asked: Mutex<Vec<ReportSubject>>,
    written: Mutex<Vec<(Export, PathBuf)>>,
}

impl Reporting for Script {
    fn evaluate(&self, subject: &ReportSubject, watch: &mut EvaluationWatch<'_>) -> Result<Evaluated, String> {
        // Whoever sees that it was asked sees its stage too.
        if let Ending::Stays(stage) = &self.ending {
            let _ = watch(stage);
        }
        self.asked.lock().unwrap().push(subject.clone());
        match &self.ending {
            Ending::Stays(stage) => {
                while watch(stage) == ControlFlow::Continue(()) {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                Err("canceled".to_owned())
            }
            Ending::Fails(problem) => Err(problem.clone()),
            Ending::Done(told) => Ok((**told).clone()),
        }
    }

    fn export(&self, _: &ReportSubject, _: &Evaluated, what: Export, path: &Path) -> Result<Exported, String> {
        self.written.lock().unwrap().push((what, path.to_owned()));
        match what {
            Export::Compressed => Err("no space is left on the disk, free some".to_owned()),
            _ => Ok(Exported { path: path.to_owned(), words: format!("It is in {}", path.display()) }),
        }
    }
}

/// Made-up figures and real digits: nothing in it depends on the machine.
fn told() -> Evaluated {
    let data = digits();
    let part = data.part(Part::Test);
    let view = RowView::new(Some([28, 28, 1]), &[0.0, 1.0]);
    let ink = DARK.ink(DARK.second);
    let rows = |from: usize, strength: f32, mse: f64| -> Vec<ExtremeRow> {
        (0..8)
            .map(|i| {
                let clean = data.rows_f32(part.start + from + i..part.start + from + i + 1).expect("a row");
                let output: Vec<f32> = clean.iter().map(|x| strength * x + 0.1 * (1.0 - strength)).collect();
                ExtremeRow {
                    row: from + i + 1,
                    mse: mse * (1.0 + 0.02 * i as f64),
                    seen: view.draw(&clean, None, ink),
                    output: view.draw(&output, None, ink),
                    error: view.error(&output, &clean, ink),
                }
            })
            .collect()
    };
    let test = TestMetrics {
        rows: 10_000,
        mse: 0.0391,
        bce: Some(0.1853),
        bce_excess: Some(0.1217),
        psnr: 14.08,
        ssim: Some(0.6241),
        negative_elbo: Some(145.01),
        reconstruction: Some(138.6),
        kl: Some(6.41),
        active_units: Some(2),
        clean_mse: None,
        corrupted_psnr: None,
        dead_units: None,
        codebook_used: None,
        codebook_perplexity: None,
    };
    let worth = |shift: f64| Representation {
        silhouette: Some(0.182 - shift),
        knn_accuracy: Some(0.7614 - shift),
        probe_accuracy: Some(0.5893 - shift / 2.0),
        trustworthiness: Some(0.9412 - shift),
        train_rows: 10_000,
        rows: 10_000,
        mutual_rows: 2000,
        intervals: [].into(),
    };
    let evaluation = Evaluation {
        model: "runs/map-001/model.safetensors".to_owned(),
        data: "mnist".to_owned(),
        test,
        intervals: [("mse", [0.0388, 0.0394]), ("psnr", [14.05, 14.11]), ("ssim", [0.6212, 0.627])].into(),
        iwae: Some(ImportanceWeighted {
            k: 50,
            rows: 1000,
            negative_log_likelihood: 143.2,
            interval: Some([141.8, 144.6]),
        }),
        pca: Some(PcaBeside {
            report: PcaReport { components: 2, mse: 0.0557 },
            intervals: [].into(),
            representation: worth(0.24),
        }),
        representation: worth(0.0),
        pictures: Vec::new(),
        notes: Vec::new(),
    };
    let extremes = Extremes { best: rows(0, 0.95, 0.0021), worst: rows(40, 0.4, 0.113) };
    let finding = |code: &'static str, message: &str| Finding { code: code.into(), message: message.to_owned() };
    let diagnosis = Diagnosis {
        findings: vec![finding(
            "learning_rate_too_low",
            "not converged: validation loss still falls by 9% per epoch at the end. Train longer, or raise the rate.",
        )],
        remarks: vec![finding(
            "beside_pca",
            "beside PCA with 2 components: MSE 0.03910 against 0.05570 on 10,000 test rows. No verdict: the model also \
             keeps its latents near a prior.",
        )],
    };
    Evaluated { measured: Measured { evaluation, extremes, diagnosis } }
}

/// A run in some state, and what it was told.
#[derive(Clone)]
struct Run {
    moment: Arc<Mutex<Arc<Moment>>>,
    commands: Arc<Mutex<Vec<Command>>>,
}

impl Trainer for Run {
    fn moment(&self) -> Arc<Moment> {
        Arc::clone(&self.moment.lock().unwrap())
    }

    fn send(&self, command: Command) {
        self.commands.lock().unwrap().push(command);
    }
}

fn finished() -> Moment {
    running_but(|progress| {
        (progress.state, progress.step, progress.saved_step) = (PlayState::Finished, 5148, Some(5148));
    })
}

fn harness(
    ending: Ending,
    moment: Moment,
    size: [f32; 2],
    theme: ThemeChoice,
) -> (Harness<'static, App>, Arc<Script>, Run) {
    let script = Arc::new(Script { ending, asked: Mutex::default(), written: Mutex::default() });
    let run = Run { moment: Arc::new(Mutex::new(Arc::new(moment))), commands: Arc::default() };
    let trainer = run.clone();
    let start = Box::new(move |_| Ok(Box::new(trainer.clone()) as Box<dyn Trainer>));
    let worker = WorkerOptions::new(preset("map").expect("a preset").spec);
    let reporting: Arc<dyn Reporting> = Arc::clone(&script) as Arc<dyn Reporting>;
    let options = AppOptions { theme, reporting, ..AppOptions::new(worker, start) };
    let builder = Harness::builder().with_size(egui::Vec2::from(size));
    let builder = if crate::support::gpu().is_some() { builder.wgpu() } else { builder };
    let mut harness = builder.build_ui_state(draw, App::new(options));
    harness.run_steps(3);
    harness.key_press(egui::Key::Num5);
    harness.run_steps(2);
    (harness, script, run)
}

#[test]
fn a_run_that_goes_on_is_measured_when_that_is_asked_for() {
    let (mut harness, script, run) =
        harness(Ending::Done(Box::new(told())), running(), [1280.0, 800.0], ThemeChoice::Dark);
    harness.run_steps(2);
    assert!(script.asked.lock().unwrap().is_empty(), "the test part is not read unasked");
    harness.get_by_label("Evaluate now").click();
    harness.run_steps(2);
    assert_eq!(run.commands.lock().unwrap().last(), Some(&Command::SaveModel));
    assert!(script.asked.lock().unwrap().is_empty(), "not before the model is written");
    *run.moment.lock().unwrap() = Arc::new(running_but(|progress| progress.saved_step = Some(2574)));
    run_until(&mut harness, |harness| harness.query_by_label("Open the report").is_some());
    let subject = script.asked.lock().unwrap()[0].clone();
    assert_eq!(subject.model, Path::new("runs/map-001/model.safetensors"));
    assert_eq!(subject.threads, Some(1), "the run keeps the other threads");
    harness.get_by_label("MSE 0.03910");
    harness.get_by_label("k-NN accuracy 0.7614");
}

#[test]
fn what_came_of_a_run_is_taken_along() {
    let (mut harness, script, _) =
        harness(Ending::Done(Box::new(told())), finished(), [1280.0, 800.0], ThemeChoice::Dark);
    run_until(&mut harness, |harness| harness.query_by_label("Open the report").is_some());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("metrics.json");
    harness.get_by_label("Metrics, JSON").click();
    // No desktop here: the path is typed.
    run_until(&mut harness, |harness| harness.query_by_label("Path").is_some());
    harness.run_steps(2);
    harness.get_by_label("Path").focus();
    harness.run_steps(2);
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.run_steps(2);
    harness.get_by_label("Path").type_text(&path.display().to_string());
    harness.run_steps(2);
    harness.get_by_label("Save").click();
    run_until(&mut harness, |_| !script.written.lock().unwrap().is_empty());
    assert_eq!(*script.written.lock().unwrap(), [(Export::MetricsJson, path)]);

    // Data to compress must be there.
    harness.run_steps(3);
    harness.get_by_label("Compress data").click();
    run_until(&mut harness, |harness| harness.query_by_label("Path").is_some());
    harness.run_steps(2);
    harness.get_by_label("Path").type_text("/nowhere/at-all.csv");
    harness.run_steps(2);
    // The window has an Open of its own.
    harness.key_press(egui::Key::Enter);
    harness.run_steps(3);
    assert_eq!(script.written.lock().unwrap().len(), 1, "what is not there is not taken");
    harness.get_by_label("Cancel").click();
    harness.run_steps(2);
    assert!(harness.query_by_label("Path").is_none());
    harness.get_by_label("Explore model").click();
}

/// The findings are those of the diagnosis, and where there is none nothing is called fine.
#[test]
fn report_says_what_the_diagnosis_says() {
    let (mut harness, ..) = harness(Ending::Done(Box::new(told())), finished(), [1920.0, 1080.0], ThemeChoice::Dark);
    run_until(&mut harness, |harness| harness.query_by_label("Open the report").is_some());
    harness.get_by_label("Not converged.");
    harness.get_by_label("Beside PCA with 2 components.");
    assert!(harness.query_by_label_contains("beat").is_none(), "a variational model is in no contest");
    let mut unlooked = told();
    unlooked.measured.diagnosis = Diagnosis::default();
    let (mut harness, ..) =
        self::harness(Ending::Done(Box::new(unlooked)), finished(), [1920.0, 1080.0], ThemeChoice::Dark);
    run_until(&mut harness, |harness| harness.query_by_label("Open the report").is_some());
    harness.get_by_label("Not checked.");
    assert!(harness.query_by_label_contains("No findings").is_none());
}

#[test]
fn measuring_is_canceled_and_failures_are_said() {
    let (mut harness, ..) =
        harness(Ending::Stays("Fitting PCA of the same size"), finished(), [900.0, 600.0], ThemeChoice::Dark);
    run_until(&mut harness, |harness| harness.query_by_label("Cancel").is_some());
    harness.get_by_label("Cancel").click();
    harness.run_steps(2);
    harness.get_by_label("Evaluate");

    let problem = "data/photos is not there any more; give other data with --data".to_owned();
    let (mut harness, script, _) = self::harness(Ending::Fails(problem), finished(), [900.0, 600.0], ThemeChoice::Dark);
    run_until(&mut harness, |harness| harness.query_by_label("Evaluate").is_some());
    harness.get_by_label("Evaluate").click();
    run_until(&mut harness, |_| script.asked.lock().unwrap().len() == 2);
}

/// Pictures of the workspace in each state.
#[test]
fn report_matches_its_snapshots() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    let mut results = SnapshotResults::new();
    let done = || Ending::Done(Box::new(told()));
    let failed = || Ending::Fails("data/photos is not there any more; give other data with --data".to_owned());
    let (dark, light) = (ThemeChoice::Dark, ThemeChoice::Light);
    for (name, ending, moment, size, theme, shown) in [
        ("report-dark", done(), finished(), [1280.0, 800.0], dark, "Open the report"),
        ("report-light", done(), finished(), [1280.0, 800.0], light, "Open the report"),
        ("report-large", done(), finished(), [1920.0, 1080.0], dark, "Open the report"),
        ("report-narrow", done(), finished(), [900.0, 600.0], dark, "Open the report"),
        ("report-running", done(), running(), [1280.0, 800.0], dark, "Evaluate now"),
        (
            "report-measuring",
            Ending::Stays("Fitting PCA of the same size"),
            finished(),
            [1280.0, 800.0],
            light,
            "Cancel",
        ),
        ("report-failed", failed(), finished(), [1280.0, 800.0], dark, "Evaluate"),
    ] {
        let stays = matches!(ending, Ending::Stays(_));
        let (mut harness, script, _) = harness(ending, moment, size, theme);
        run_until(&mut harness, |harness| {
            harness.query_by_label(shown).is_some() && (!stays || !script.asked.lock().unwrap().is_empty())
        });
        harness.run_steps(3);
        harness.snapshot_options(name, &options);
        results.extend_harness(&mut harness);
    }
}
