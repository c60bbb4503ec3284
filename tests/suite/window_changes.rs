//! Every workspace through every change of data and model: nothing panics, and nothing of what was before is shown.

use std::path::Path;
use std::sync::{Arc, Mutex};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use hourglass::app::{App, AppOptions, Trainer};
use hourglass::data::{DataSet, DataSpec};
use hourglass::model::{Spec, auto_spec, preset};
use hourglass::monitor::{Command, Moment, PlayState, RunId, RunSource, Snapshot, WorkerOptions, open_model};
use hourglass::platform::Wait as _;
use hourglass::train::{Run, RunDir, Session};

use crate::support::{cpu, digits};
use crate::window::{draw, run_until};

/// Shows what it is told to, and takes every command.
#[derive(Clone, Default)]
struct Switch(Arc<Mutex<Arc<Moment>>>);

impl Switch {
    fn set(&self, moment: &Arc<Moment>) {
        *self.0.lock().unwrap() = Arc::clone(moment);
    }
}

impl Trainer for Switch {
    fn moment(&self) -> Arc<Moment> {
        Arc::clone(&self.0.lock().unwrap())
    }

    fn send(&self, _: Command) {}
}

/// A model after a few steps on `data`, as it is opened from its file.
fn opened(spec: Spec, data: Arc<DataSet>, folder: &Path) -> Arc<Moment> {
    let dir = RunDir::create(folder).expect("a folder");
    let path = dir.model_path();
    let mut run =
        Run::new(Session::new(spec, data, cpu()).expect("a session"), None, Some(dir), false).wait().expect("a run");
    while !run.is_done() {
        run.advance(50).wait().expect("it advances");
    }
    run.save().wait().expect("it saves");
    Arc::new(open_model(&path).wait().expect("it opens"))
}

/// The same as another run of the program shows it.
fn of_run(mut moment: Moment) -> Moment {
    moment.snapshot.run.change(|run| run.id = RunId::next());
    moment
}

/// A snapshot as a file brings it back.
fn written_and_read(snapshot: &Snapshot) -> Snapshot {
    let written = serde_json::to_vec(snapshot).expect("it is written");
    let read: Snapshot = serde_json::from_slice(&written).expect("it is read");
    let weights = |snapshot: &Snapshot| snapshot.model.as_ref().map(|model| model.weights.clone());
    assert_ne!(read.run.id, snapshot.run.id, "what was recorded is no run of this program");
    assert_eq!(weights(&read), weights(snapshot));
    assert_eq!(read.map.points, snapshot.map.points);
    assert_eq!(read.run.spec, snapshot.run.spec);
    read
}

/// Digits at two latent numbers and at six, and with classes; a table, live and recorded; nothing yet.
fn subjects(folder: &Path) -> Vec<(&'static str, Arc<Moment>)> {
    let digits_at = |name: &str, settings: &[&str]| {
        let usual = ["train.steps=20", "data.rows=1280", "train.batch_size=64"];
        let settings: Vec<String> = usual.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
        preset(name).expect("a preset").spec.with_set(&settings).expect("settings")
    };
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data/breast_cancer.csv");
    let table = DataSpec { labels: Some("malignant".to_owned()), ..DataSpec::from_source(table.display().to_string()) };
    let table = Arc::new(DataSet::open(&table, 0.1, 1).expect("a table"));
    let mut of_table = auto_spec(&table).expect("a spec").spec;
    of_table.train.epochs = 3;
    let table = opened(of_table, table, &folder.join("table"));
    let recorded = Arc::new(Moment::recorded(written_and_read(&table.snapshot)));
    vec![
        ("two numbers", opened(digits_at("map", &[]), digits(), &folder.join("two"))),
        ("six numbers", opened(digits_at("map", &["model.latent=6"]), digits(), &folder.join("six"))),
        ("classes", opened(digits_at("conditional", &["model.latent=6"]), digits(), &folder.join("classes"))),
        ("a table", table),
        ("a recorded table", recorded),
        ("nothing yet", Arc::new(of_run(Moment::default()))),
    ]
}

fn visit_all(harness: &mut Harness<'static, App>) {
    for key in [egui::Key::Num1, egui::Key::Num3, egui::Key::Num4, egui::Key::Num5, egui::Key::Num0, egui::Key::Num2] {
        harness.key_press(key);
        harness.run_steps(2);
    }
}

#[test]
fn no_workspace_shows_what_was_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let subjects = subjects(folder.path());
    let switch = Switch::default();
    let trainer = switch.clone();
    let start = Box::new(move |_| Ok(Box::new(trainer.clone()) as Box<dyn Trainer>));
    let run = WorkerOptions::from_source(RunSource::Open(folder.path().join("two")));
    let options = AppOptions { runs_folder: folder.path().to_owned(), ..AppOptions::new(run, start) };
    let mut harness = Harness::builder().with_size([1280.0, 800.0]).build_ui_state(draw, App::new(options));
    for (_, before) in &subjects {
        for (name, after) in &subjects {
            switch.set(before);
            visit_all(&mut harness);
            if before.snapshot.model.is_some() {
                let latent = before.snapshot.units.len();
                run_until(&mut harness, |harness| harness.state().explored_latents().len() == latent);
                harness.get_by_label("Sample").click();
                harness.run_steps(2);
            }
            if before.rows.is_some() {
                run_until(&mut harness, |harness| harness.query_by_label("Nearest train row 1").is_some());
                harness.get_by_label("Nearest train row 1").click();
                harness.run_steps(2);
            }
            switch.set(after);
            // In the very next frame.
            harness.run_steps(1);
            if before.snapshot.run.id != after.snapshot.run.id {
                // Without a model nothing new can have come yet: whatever is shown would be of what was before.
                let is_shown = |label| after.snapshot.model.is_none() && harness.query_by_label(label).is_some();
                assert!(!is_shown("Nearest train row 1"), "rows near a point of what was before {name}");
                assert!(!is_shown("copy"), "pictures of what was before {name}");
                let sliders = if after.snapshot.model.is_some() { after.snapshot.units.len() } else { 0 };
                assert_eq!(harness.state().explored_latents().len(), sliders, "{name}");
            }
            visit_all(&mut harness);
            if after.snapshot.model.is_some() {
                run_until(&mut harness, |harness| harness.query_by_label("copy").is_some());
            }
            if after.rows.is_some() {
                run_until(&mut harness, |harness| harness.query_by_label("Nearest train row 1").is_some());
            }
            // A run of the same data in training, whose weights are not shared yet.
            let mut training = of_run(Moment::clone(after));
            training.snapshot.progress.change(|progress| progress.state = PlayState::Playing);
            training.snapshot.model = None;
            switch.set(&Arc::new(training));
            harness.run_steps(1);
            assert!(harness.query_by_label("copy").is_none(), "a picture of {name} beside another run");
            assert!(
                harness.query_by_label("Nearest train row 1").is_none(),
                "rows near a point of {name} beside another run"
            );
            visit_all(&mut harness);
        }
    }
}
