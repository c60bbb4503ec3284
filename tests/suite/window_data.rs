//! Data and model as two choices: each keeps the other, by menus, drops and undo, with real workers and scripted ones.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use hourglass::app::{Answer, App, AppOptions, Dialogs, Question, Settings, ThemeChoice, Trainer};
use hourglass::data::{DataSet, DataSpec, Fit};
use hourglass::device::DeviceChoice;
use hourglass::model::{ModelSize, Preset, preset, presets};
use hourglass::monitor::{DataSummary, Moment, PlayState, RunSource, Snapshot, Worker, WorkerOptions};

use crate::window::{Script, StillTrainer, draw, run_until, running, saying, spec_of_run};

const WIDE: [f32; 2] = [1280.0, 800.0];
const TABLE: &str = "breast_cancer.csv";

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data").join(TABLE)
}

/// A window over workers that train, each in a folder of its own.
struct Bench {
    harness: Harness<'static, App>,
    started: Arc<Mutex<Vec<WorkerOptions>>>,
    _runs: tempfile::TempDir,
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

impl Bench {
    /// Begins with `source`; the settings are changed by `change`.
    fn new(source: RunSource, change: impl FnOnce(&mut AppOptions)) -> Self {
        let runs = tempfile::tempdir().expect("a folder");
        let (folder, started) = (runs.path().to_owned(), Arc::<Mutex<Vec<WorkerOptions>>>::default());
        let log = Arc::clone(&started);
        let start = Box::new(move |mut options: WorkerOptions| {
            let mut log = log.lock().unwrap();
            log.push(options.clone());
            options.out = Some(folder.join(log.len().to_string()));
            Ok(Box::new(Worker::spawn(options, || {})?) as Box<dyn Trainer>)
        });
        let mut run = WorkerOptions::from_source(source);
        (run.device, run.threads, run.watched) = (DeviceChoice::Cpu, Some(2), true);
        let mut options = AppOptions { theme: ThemeChoice::Dark, ..AppOptions::new(run, start) };
        options.runs_folder = runs.path().to_owned();
        change(&mut options);
        let harness = Harness::builder().with_size(egui::Vec2::from(WIDE)).build_ui_state(draw, App::new(options));
        let mut bench = Self { harness, started, _runs: runs };
        bench.wait();
        bench
    }

    /// On the table, with a model of its own.
    fn on_table(name: Option<&str>) -> Self {
        let data = Box::new(DataSpec::from_source(table().display().to_string()));
        let (preset, size) = (name.map(str::to_owned), ModelSize::default());
        Self::new(RunSource::Suggest { data, open: None, seed: 1, preset, size, or_suggested: false }, |_| {})
    }

    /// Waits until the present run trains, or is over.
    fn wait(&mut self) {
        run_until(&mut self.harness, |harness| {
            let moment = harness.state().moment();
            moment.snapshot.progress.state != PlayState::Preparing && moment.rows.is_some()
        });
        self.harness.run_steps(2);
    }

    fn choose(&mut self, button: &str, entry: &str) {
        self.harness.get_by_label(button).click();
        self.harness.run_steps(3);
        self.harness.get_by_label(entry).scroll_to_me();
        self.harness.run_steps(20);
        self.harness.get_by_label(entry).click();
        self.harness.run_steps(3);
    }

    fn drop_and_train(&mut self, path: &Path) {
        self.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.to_owned())));
        self.harness.run_steps(3);
        self.harness.get_by_label("Train on it").click();
        self.harness.run_steps(3);
    }

    fn undo(&mut self, modifiers: egui::Modifiers) {
        self.harness.key_press_modifiers(egui::Modifiers::COMMAND | modifiers, egui::Key::Z);
        self.harness.run_steps(3);
        self.wait();
    }

    /// Name of the data, and the preset of the model.
    fn present(&self) -> (String, Option<String>) {
        let run = &self.harness.state().moment().snapshot.run;
        (run.data.name.clone(), run.preset.clone())
    }

    fn data(&self) -> DataSpec {
        self.harness.state().moment().snapshot.run.spec.as_ref().expect("a spec").data.clone()
    }

    fn said(&self) -> String {
        self.harness.state().said()
    }

    fn close(mut self) {
        self.harness.state_mut().close();
    }
}

fn of(data: &str, preset: &str) -> (String, Option<String>) {
    (data.to_owned(), Some(preset.to_owned()))
}

/// Pictures of 72x72 in a folder: blobs that differ from one to the next.
fn pictures(folder: &Path) -> PathBuf {
    let folder = folder.join("blobs");
    std::fs::create_dir(&folder).expect("a folder");
    for i in 0..24_u32 {
        let picture = image::GrayImage::from_fn(72, 72, |x, y| {
            let (dx, dy) = (x as f32 - 20.0 - i as f32, y as f32 - 50.0 + i as f32);
            image::Luma([(255.0 * (-(dx * dx + dy * dy) / 300.0).exp()) as u8])
        });
        picture.save(folder.join(format!("{i:02}.png"))).expect("a picture");
    }
    folder
}

/// One preset of each kind of model that applies to a table.
const FLAVORS: [&str; 8] =
    ["undercomplete", "map", "sparse", "denoising", "variational", "convolutional", "vq", "wasserstein"];

#[test]
fn a_model_is_chosen_and_the_data_stays() {
    let mut bench = Bench::on_table(None);
    assert_eq!(bench.present(), (TABLE.to_owned(), None));
    let data = bench.data();
    assert!(bench.harness.query_by_label_contains("Suggested").is_some(), "the card says what it is");
    for name in FLAVORS {
        bench.choose("change", name);
        bench.wait();
        assert_eq!(bench.present(), of(TABLE, name));
        assert_eq!(bench.data(), data, "{name}");
    }
    {
        let started = bench.started.lock().unwrap();
        let reopened = |options: &WorkerOptions| matches!(options.source, RunSource::Suggest { open: None, .. });
        assert_eq!(started.iter().filter(|run| reopened(run)).count(), 1, "the file is read once");
    }
    bench.choose("change", "Suggested");
    bench.wait();
    assert_eq!(bench.present(), (TABLE.to_owned(), None));
    assert!(bench.harness.query_by_label_contains("Suggested").is_some());
    // Data and model come back together.
    bench.undo(egui::Modifiers::NONE);
    assert_eq!(bench.present(), of(TABLE, "wasserstein"));
    bench.choose("change data", "Handwritten digits (built in)");
    bench.wait();
    assert_eq!(bench.present(), of("digits", "wasserstein"));
    bench.undo(egui::Modifiers::NONE);
    assert_eq!(bench.present(), of(TABLE, "wasserstein"));
    bench.undo(egui::Modifiers::SHIFT);
    assert_eq!(bench.present(), of("digits", "wasserstein"));
    bench.close();
}

#[test]
fn other_data_keeps_the_flavor_where_it_applies() {
    let mut bench = Bench::on_table(Some("sparse"));
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = pictures(folder.path());
    bench.drop_and_train(&blobs);
    bench.wait();
    assert_eq!(bench.present(), of("blobs", "sparse"));
    // What was opened is in the menu, the newest first.
    let recent = bench.harness.state().settings().recent.clone();
    assert_eq!(recent, [blobs.display().to_string(), table().display().to_string()]);
    bench.choose("change data", TABLE);
    bench.wait();
    assert_eq!(bench.present(), of(TABLE, "sparse"));
    // On digits there are labels; a table without them takes the suggested model, and it is said.
    bench.choose("change data", "Handwritten digits (built in)");
    bench.wait();
    bench.choose("change", "conditional");
    bench.wait();
    bench.choose("change data", TABLE);
    bench.wait();
    assert_eq!(bench.present(), (TABLE.to_owned(), None));
    assert!(bench.said().contains("no labels"), "{}", bench.said());
    assert!(bench.said().contains("suggested model"), "{}", bench.said());
    bench.close();
}

#[test]
fn pieces_of_pictures_are_whole_pictures_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = pictures(folder.path());
    let data = Box::new(DataSpec { size: Some([24, 24]), ..DataSpec::from_source(blobs.display().to_string()) });
    let (preset, size) = (Some("convolutional".to_owned()), ModelSize::default());
    let source = RunSource::Suggest { data, open: None, seed: 1, preset, size, or_suggested: false };
    let mut bench = Bench::new(source, |_| {});
    let before = bench.data();
    bench.choose("change", "self-restore");
    bench.wait();
    assert_eq!(bench.present(), of("blobs", "self-restore"));
    assert_eq!(bench.data().fit, Some(Fit::Patches));
    bench.choose("change", "undercomplete");
    bench.wait();
    assert_eq!(bench.present(), of("blobs", "undercomplete"));
    assert_eq!(bench.data(), before);
    bench.undo(egui::Modifiers::NONE);
    assert_eq!(bench.present(), of("blobs", "self-restore"));
    // Another folder is cut in pieces too; a table is not.
    bench.drop_and_train(&table());
    bench.wait();
    assert_eq!(bench.present(), (TABLE.to_owned(), None));
    assert!(bench.said().contains("suggested model"), "{}", bench.said());
    bench.close();
}

/// What cannot be opened leaves the former run where it was.
#[test]
fn data_that_cannot_be_used_leaves_the_run_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("broken.csv");
    std::fs::write(&broken, "").expect("a file");
    let mut bench = Bench::on_table(Some("undercomplete"));
    let run = bench.harness.state().moment().snapshot.run.id;
    bench.drop_and_train(&broken);
    run_until(&mut bench.harness, |harness| harness.state().said().contains("run before is back"));
    assert!(bench.said().contains("the file is empty"), "{}", bench.said());
    assert_eq!(bench.harness.state().moment().snapshot.run.id, run);
    assert_eq!(bench.present(), of(TABLE, "undercomplete"));
    assert!(!bench.harness.state().settings().recent.contains(&broken.display().to_string()));
    let step = bench.harness.state().moment().snapshot.progress.step;
    run_until(&mut bench.harness, |harness| {
        let progress = &harness.state().moment().snapshot.progress;
        progress.step > step || progress.state == PlayState::Finished
    });
    // It is no step of the undo history.
    bench.choose("change", "variational");
    bench.wait();
    bench.undo(egui::Modifiers::NONE);
    assert_eq!(bench.present(), of(TABLE, "undercomplete"));
    bench.close();
}

#[test]
fn presets_that_do_not_apply_say_why_and_start_nothing() {
    let mut bench = Bench::on_table(Some("undercomplete"));
    for (name, reason) in [("conditional", "no labels"), ("unet", "pictures"), ("restore", "pieces of picture files")] {
        bench.harness.get_by_label("change").click();
        bench.harness.run_steps(3);
        let entry = bench.harness.get_by_label(name);
        assert!(entry.accesskit_node().is_disabled(), "{name}");
        let description = entry.accesskit_node().description().expect("the reason");
        assert!(description.contains(reason), "{name}: {description}");
        entry.click();
        bench.harness.run_steps(3);
        bench.harness.key_press(egui::Key::Escape);
        bench.harness.run_steps(3);
    }
    assert_eq!(bench.started.lock().unwrap().len(), 1);
    bench.close();
}

/// Every preset either applies to each kind of data, or says in one line why not; words of digits are for digits.
#[test]
fn presets_are_described_in_the_words_of_the_data() {
    let rows = Arc::new(DataSet::open(&DataSpec::from_source(table().display().to_string()), 0.1, 1).expect("a table"));
    let mut moment = running();
    moment.snapshot = Snapshot { run: moment.snapshot.run.clone(), ..Snapshot::default() };
    moment.snapshot.run.change(|run| run.data = DataSummary::new(&rows));
    moment.rows = Some(rows);
    let mut harness = Script::new(moment).harness([1280.0, 3000.0], ThemeChoice::Dark);
    harness.run();
    harness.get_by_label("change").click();
    harness.run();
    let all: Vec<Preset> = presets().expect("presets");
    for preset in &all {
        let node = harness.get_by_label(preset.name);
        let words = node.accesskit_node().description().expect("a description");
        for wrong in ["digit", "784", "--data"] {
            assert!(!words.contains(wrong), "{}: {words}", preset.name);
        }
    }
}

struct Chooses(Answer, Arc<Mutex<Vec<Question>>>);

impl Dialogs for Chooses {
    fn ask(&self, question: &Question) -> Answer {
        self.1.lock().unwrap().push(question.clone());
        self.0.clone()
    }
}

/// A window over a scripted trainer, with its options changed.
fn scripted(moment: Moment, size: [f32; 2], change: impl FnOnce(&mut AppOptions)) -> (Script, Harness<'static, App>) {
    let script = Script::new(moment);
    let (trainer, started) = (script.clone(), Arc::clone(&script.started));
    let start = Box::new(move |options| {
        started.lock().unwrap().push(options);
        Ok(Box::new(trainer.clone()) as Box<dyn Trainer>)
    });
    let (spec, name) = (Box::new(preset("map").expect("a preset").spec), Some("map".to_owned()));
    let run = WorkerOptions::from_source(RunSource::Train { spec, preset: name, data: None });
    let mut options = AppOptions { theme: ThemeChoice::Dark, ..AppOptions::new(run, start) };
    change(&mut options);
    let builder = Harness::builder().with_size(egui::Vec2::from(size));
    let builder = if crate::support::gpu().is_some() { builder.wgpu() } else { builder };
    let mut harness = builder.build_ui_state(draw, App::new(options));
    harness.run_steps(3);
    (script, harness)
}

#[test]
fn the_menu_of_data_has_what_was_opened_and_asks_for_more() {
    let (missing, asked) = ("/nowhere/at/all.csv".to_owned(), Arc::default());
    let dialogs = Chooses(Answer::Chosen(table()), Arc::clone(&asked));
    let recent = vec![missing, table().display().to_string()];
    let (script, mut harness) = scripted(running(), WIDE, |options| {
        (options.settings.recent, options.dialogs) = (recent, Arc::new(dialogs));
    });
    harness.get_by_label("change data").click();
    run_until(&mut harness, |harness| {
        harness.query_by_label("all.csv").is_some_and(|entry| entry.accesskit_node().is_disabled())
    });
    assert!(!harness.get_by_label(TABLE).accesskit_node().is_disabled());
    assert!(harness.query_by_label("Or drop a file or a folder anywhere in the window").is_some());
    harness.get_by_label(TABLE).click();
    harness.run_steps(3);
    let source = |script: &Script| script.started.lock().unwrap().last().expect("a run").source.clone();
    let RunSource::Suggest { data, preset, or_suggested: true, .. } = source(&script) else { panic!("other data") };
    assert_eq!((data.source, preset.as_deref()), (table().display().to_string(), Some("map")));
    for (entry, is_folder) in [("Open a file \u{2026}", false), ("Open a folder \u{2026}", true)] {
        harness.get_by_label("change data").click();
        harness.run_steps(3);
        let before = script.started.lock().unwrap().len();
        harness.get_by_label(entry).click();
        run_until(&mut harness, |_| script.started.lock().unwrap().len() > before);
        let asked = asked.lock().unwrap();
        assert_eq!(matches!(asked.last(), Some(Question::Folder { .. })), is_folder);
    }
    // The digits are there at once, as the preset has them.
    harness.get_by_label("change data").click();
    harness.run_steps(3);
    harness.get_by_label("Handwritten digits (built in)").click();
    harness.run_steps(3);
    let started = script.started.lock().unwrap();
    assert_eq!(spec_of_run(started.last().expect("a run")).data.source, "mnist");
}

#[test]
fn the_newest_eight_are_remembered() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("window.json");
    let recent: Vec<String> = (0..12).map(|i| format!("/data/{i}.csv")).collect();
    Settings { recent: recent.clone(), ..Settings::default() }.save(&path).expect("it is written");
    assert_eq!(Settings::load(&path).recent, recent[..8]);
    // Settings of an earlier version have none.
    std::fs::write(&path, b"{\"zoom\": 1.5}").expect("a file");
    assert!(Settings::load(&path).recent.is_empty());
}

/// While data are being opened the cards say so, and the run before can be had back.
#[test]
fn an_opening_is_shown_and_can_be_canceled() {
    let mut opening = saying("Opening machines.csv");
    opening.snapshot.run.change(|run| run.data.name = "machines.csv".to_owned());
    let (before, next) = (Arc::new(running()), Arc::new(opening));
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    let start = Box::new(move |_| {
        let mut count = counted.lock().unwrap();
        *count += 1;
        let moment = if *count == 1 { &before } else { &next };
        Ok(Box::new(StillTrainer(Arc::clone(moment))) as Box<dyn Trainer>)
    });
    let run = WorkerOptions::new(preset("map").expect("a preset").spec);
    let options = AppOptions { theme: ThemeChoice::Dark, ..AppOptions::new(run, start) };
    let mut harness = Harness::builder().with_size(egui::Vec2::from(WIDE)).build_ui_state(draw, App::new(options));
    harness.run_steps(3);
    harness.get_by_label("change").click();
    harness.run_steps(3);
    harness.get_by_label("undercomplete").click();
    harness.run_steps(3);
    assert!(harness.query_all_by_label("Opening machines.csv").next().is_some());
    assert!(harness.query_by_label("Data, machines.csv").is_some());
    harness.get_by_label("cancel").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("cancel").is_none());
    assert_eq!(harness.state().moment().snapshot.run.data.name, "digits");
    assert_eq!(*count.lock().unwrap(), 2, "nothing is started anew");
}

/// A file name of 80 characters, the longest name of a preset, the longest name of a run.
fn with_long_names() -> Moment {
    let mut moment = running();
    moment.folder = Some("runs/denoising-salt-and-pepper-on-machines-of-the-second-hall-and-the-third-041".into());
    let name = "measurements-of-the-machines-in-the-second-hall-2024-01-01-to-2024-12-31-v2b.csv";
    assert_eq!(name.len(), 80);
    moment.snapshot.run.change(|run| {
        run.preset = Some("denoising-salt-and-pepper".to_owned());
        (run.data.name, run.data.noun) = (name.to_owned(), "spectrograms".to_owned());
        run.data.row = "1,024 columns as 12,288 values".to_owned();
        run.data.rows = 12_345_678;
    });
    moment
}

#[test]
fn long_names_leave_the_buttons_alone() {
    for size in [WIDE, [1920.0, 1200.0]] {
        let (_, harness) = scripted(with_long_names(), size, |_| {});
        for (button, title) in [("change", "Denoising-salt-and-pepper"), ("change data", "Data, measurements")] {
            let button = harness.get_by_label(button).rect();
            let title = harness.get_by_label_contains(title).rect();
            assert!(title.right() < button.left(), "{title:?} lies under {button:?} at {size:?}");
        }
    }
}

#[test]
fn data_and_names_match_their_snapshots() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    let mut results = SnapshotResults::new();
    let recent = ["/data/a/machines.csv", "/data/measurements-of-the-machines-in-the-second-hall-2024-01-01.csv"];
    let with = |theme| {
        move |options: &mut AppOptions| {
            (options.theme, options.settings.recent) = (theme, recent.map(str::to_owned).to_vec());
        }
    };
    for (name, size, theme) in
        [("train-long-names", WIDE, ThemeChoice::Dark), ("train-long-names-narrow", [900.0, 600.0], ThemeChoice::Light)]
    {
        let (_, mut harness) = scripted(with_long_names(), size, with(theme));
        if size != WIDE {
            harness.get_by_label("Model").click();
            harness.run_steps(3);
        }
        harness.snapshot_options(name, &options);
        results.extend_harness(&mut harness);
    }
    let (_, mut harness) = scripted(running(), WIDE, with(ThemeChoice::Dark));
    harness.get_by_label("change data").click();
    run_until(&mut harness, |harness| {
        harness.query_by_label("machines.csv").is_some_and(|entry| entry.accesskit_node().is_disabled())
    });
    harness.snapshot_options("train-data-menu", &options);
    results.extend_harness(&mut harness);
    let rows = Arc::new(DataSet::open(&DataSpec::from_source(table().display().to_string()), 0.1, 1).expect("a table"));
    let mut moment = running();
    moment.snapshot = Snapshot { run: moment.snapshot.run.clone(), ..Snapshot::default() };
    moment.snapshot.run.change(|run| run.data = DataSummary::new(&rows));
    moment.rows = Some(rows);
    let (_, mut harness) = scripted(moment, WIDE, with(ThemeChoice::Light));
    harness.get_by_label("change").click();
    harness.run_steps(3);
    harness.snapshot_options("train-model-menu", &options);
    results.extend_harness(&mut harness);
}
