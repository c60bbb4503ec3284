//! What surrounds the workspaces: keys, opening and dropping, undo, hints, settings.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use hourglass::app::{Answer, App, AppOptions, Dialogs, Question, Settings, ThemeChoice, Trainer};
use hourglass::device::DeviceChoice;
use hourglass::model::preset;
use hourglass::monitor::{Moment, RunSource, WorkerOptions};
use hourglass::platform::Wait as _;
use hourglass::train::{Run, RunDir, Session};

use crate::support::{cpu, digits};
use crate::window::{StillTrainer, draw, run_until, running, running_but, running_with, saying, spec_of_run};

type Started = Arc<Mutex<Vec<WorkerOptions>>>;

struct Bench {
    harness: Harness<'static, App>,
    started: Started,
}

fn bench(moment: Moment, size: [f32; 2], change: impl FnOnce(&mut AppOptions)) -> Bench {
    let moment = Arc::new(moment);
    let started = Started::default();
    let log = Arc::clone(&started);
    let start = Box::new(move |options| {
        log.lock().unwrap().push(options);
        Ok(Box::new(StillTrainer(Arc::clone(&moment))) as Box<dyn Trainer>)
    });
    let run = WorkerOptions { device: DeviceChoice::Cpu, ..WorkerOptions::new(preset("map").expect("a preset").spec) };
    let mut options = AppOptions { theme: ThemeChoice::Dark, ..AppOptions::new(run, start) };
    change(&mut options);
    let builder = Harness::builder().with_size(egui::Vec2::from(size));
    let builder = if crate::support::gpu().is_some() { builder.wgpu() } else { builder };
    let mut harness = builder.build_ui_state(draw, App::new(options));
    harness.run_steps(3);
    Bench { harness, started }
}

const WIDE: [f32; 2] = [1280.0, 800.0];

impl Bench {
    fn key(&mut self, key: egui::Key) {
        self.harness.key_press(key);
        self.harness.run_steps(3);
    }

    fn with_command(&mut self, modifiers: egui::Modifiers, key: egui::Key) {
        self.harness.key_press_modifiers(egui::Modifiers::COMMAND | modifiers, key);
        self.harness.run_steps(3);
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run_steps(3);
    }

    fn has(&self, label: &str) -> bool {
        self.harness.query_by_label(label).is_some()
    }

    fn hover(&mut self, path: &str) {
        let file = egui::HoveredFile { path: Some(path.into()), ..egui::HoveredFile::default() };
        self.harness.input_mut().hovered_files.push(file);
    }

    fn drop_file(&mut self, path: impl Into<PathBuf>) {
        self.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.into())));
        self.harness.run_steps(3);
    }

    fn last(&self) -> WorkerOptions {
        self.started.lock().unwrap().last().cloned().expect("a run")
    }
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

/// Where the slider of the learning rate and the button that puts hints away lie in a window of the usual size.
pub fn places_on_a_first_start() -> (egui::Rect, egui::Rect) {
    let bench = bench(running(), WIDE, |options| options.settings.hints_seen = false);
    (bench.harness.get_by_label("Learning rate").rect(), bench.harness.get_by_label("Got it").rect())
}

#[test]
fn edits_of_the_model_are_taken_back_and_made_again() {
    let mut bench = bench(running(), WIDE, |_| {});
    for name in ["undercomplete", "variational"] {
        bench.click("change");
        // The list is longer than the window.
        bench.harness.get_by_label(name).scroll_to_me();
        bench.harness.run_steps(20);
        bench.click(name);
    }
    assert_eq!(bench.last().source.preset(), Some("variational"));
    let none = egui::Modifiers::NONE;
    bench.with_command(none, egui::Key::Z);
    assert_eq!(bench.last().source.preset(), Some("undercomplete"));
    bench.with_command(none, egui::Key::Z);
    assert_eq!(spec_of_run(&bench.last()).model.latent, 2);
    let count = bench.started.lock().unwrap().len();
    bench.with_command(none, egui::Key::Z);
    assert_eq!(bench.started.lock().unwrap().len(), count, "there is nothing more to take back");
    bench.with_command(egui::Modifiers::SHIFT, egui::Key::Z);
    bench.with_command(egui::Modifiers::SHIFT, egui::Key::Z);
    assert_eq!(bench.last().source.preset(), Some("variational"));
}

#[test]
fn the_keyboard_map_is_shown_and_put_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = folder.path().to_owned();
    let mut bench = bench(running(), WIDE, |options| options.runs_folder = runs);
    bench.harness.event(egui::Event::Text("?".to_owned()));
    bench.harness.run_steps(3);
    assert!(bench.has("F11: full screen"));
    // What lies over the workspace has the keyboard.
    bench.key(egui::Key::R);
    assert_eq!(bench.started.lock().unwrap().len(), 1);
    bench.key(egui::Key::Escape);
    assert!(!bench.has("F11: full screen"));
    bench.click("Keyboard shortcuts");
    bench.click("Close");
    assert!(!bench.has("F11: full screen"));
    // Each place has its key, and the list of runs leads back to where it was left for.
    bench.key(egui::Key::Num4);
    assert!(!bench.has("Learning rate"));
    bench.key(egui::Key::Num1);
    assert!(bench.has("Learning rate"));
    bench.key(egui::Key::Num0);
    assert!(!bench.has("Learning rate"));
    bench.key(egui::Key::Escape);
    assert!(bench.has("Learning rate"));
}

/// A bare letter does not end a run of some length; in the first seconds nothing is lost by it.
#[test]
fn an_unfinished_run_is_not_restarted_without_a_question() {
    let long = || running_but(|progress| progress.seconds = 252.0);
    let mut bench = bench(long(), WIDE, |_| {});
    let count = |bench: &Bench| bench.started.lock().unwrap().len();
    for restart in ["key", "button"] {
        let before = count(&bench);
        let ask = |bench: &mut Bench| match restart {
            "key" => bench.key(egui::Key::R),
            _ => bench.click("Restart"),
        };
        ask(&mut bench);
        assert_eq!(count(&bench), before, "{restart}");
        let words = bench.harness.query_by_label_contains("at 50% after 4:12");
        assert!(words.is_some(), "the question says what would be cut short");
        bench.key(egui::Key::Escape);
        assert!(!bench.has("Stop and restart"));
        ask(&mut bench);
        bench.click("Cancel");
        assert_eq!(count(&bench), before, "{restart}");
        ask(&mut bench);
        bench.click("Stop and restart");
        assert_eq!(count(&bench), before + 1, "{restart}");
    }
    let mut bench = self::bench(running_but(|progress| progress.seconds = 3.0), WIDE, |_| {});
    bench.key(egui::Key::R);
    assert_eq!(bench.started.lock().unwrap().len(), 2);
}

/// Ctrl+Z after a restart goes on with the run that was cut short.
#[test]
fn a_restart_is_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("short");
    let settings = ["data.rows=640".to_owned(), "train.batch_size=64".to_owned()];
    let spec = preset("undercomplete").expect("a preset").spec.with_set(&settings).expect("settings");
    let session = Session::new(spec.clone(), digits(), cpu()).expect("a session");
    let mut run = Run::new(session, None, Some(RunDir::create(&path).expect("a folder")), false).wait().expect("a run");
    run.advance(5).wait().expect("it advances");
    run.save().wait().expect("it is saved");
    let mut moment = running_with(spec);
    moment.folder = Some(path.clone());
    let mut bench = bench(moment, WIDE, |_| {});
    bench.key(egui::Key::R);
    assert!(bench.last().source.spec().is_some(), "a new run of the same spec");
    bench.with_command(egui::Modifiers::NONE, egui::Key::Z);
    let started = Arc::clone(&bench.started);
    run_until(&mut bench.harness, |_| started.lock().unwrap().len() == 3);
    let RunSource::Resume { folder: resumed, .. } = bench.last().source else { panic!("it is resumed") };
    assert_eq!(resumed, path);
}

/// Numbers that look like fields: what is typed at them starts, stops and opens nothing.
#[test]
fn text_typed_at_a_value_fires_no_shortcut() {
    let mut bench = bench(running(), WIDE, |_| {});
    let type_there = |bench: &mut Bench, at: egui::Pos2| {
        bench.harness.drag_at(at);
        bench.harness.run_steps(2);
        bench.harness.drop_at(at);
        bench.harness.run_steps(2);
        for (key, text) in [(egui::Key::Num4, "4"), (egui::Key::R, "r"), (egui::Key::Num0, "0"), (egui::Key::S, "s")] {
            bench.harness.key_press(key);
            bench.harness.event(egui::Event::Text(text.to_owned()));
            bench.harness.run_steps(3);
        }
        assert_eq!(bench.started.lock().unwrap().len(), 1);
        assert!(bench.has("Learning rate"), "it is still the same workspace");
    };
    let batch = bench.harness.get_by_label_contains("Batch: 128").rect();
    type_there(&mut bench, batch.right_center() - egui::vec2(10.0, 0.0));
    assert!(bench.harness.state().said().contains("Batch takes no typed text"), "{}", bench.harness.state().said());
    bench.key(egui::Key::Escape);
    // The number at the right of a slider.
    let slider = bench.harness.get_by_label("Learning rate").rect();
    type_there(&mut bench, slider.right_center() + egui::vec2(40.0, 0.0));
    // Esc, or a click elsewhere, gives the keys back.
    bench.key(egui::Key::Escape);
    bench.key(egui::Key::Num4);
    assert!(!bench.has("Learning rate"));
}

/// Descriptions of a file tell what will be done with it.
#[test]
fn a_model_over_denoise_is_offered_as_a_model() {
    let mut bench = bench(running(), WIDE, |_| {});
    bench.key(egui::Key::Num3);
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model.safetensors");
    std::fs::write(&model, b"").expect("a file");
    assert_eq!(bench.harness.state().offered(&model), ["Denoise with this model in place of the built-in one"]);
    let picture = folder.path().join("harbor.png");
    assert_eq!(bench.harness.state().offered(&picture), ["Remove the noise; the original is not changed"]);
}

#[test]
fn what_is_dropped_goes_where_it_belongs() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = preset("undercomplete").expect("a preset").spec;
    let toml = folder.path().join("mine.toml");
    std::fs::write(&toml, spec.to_toml().expect("a spec")).expect("a file");
    let mut bench = bench(running(), WIDE, |_| {});
    bench.drop_file(&toml);
    assert_eq!(spec_of_run(&bench.last()).model.latent, 32);
    // A table could be looked through or be trained on: it is asked.
    let table = folder.path().join("cells.csv");
    std::fs::write(&table, "a,b,c\n1,2,3\n").expect("a file");
    bench.drop_file(&table);
    bench.click("Train on it");
    let RunSource::Suggest { data, .. } = bench.last().source else { panic!("a suggestion") };
    assert_eq!(data.source, table.display().to_string());
    bench.drop_file(&table);
    bench.click("Cancel");
    assert!(!bench.has("Train on it"));
    // A model is explored.
    let model = folder.path().join("model.safetensors");
    std::fs::write(&model, b"").expect("a file");
    bench.drop_file(&model);
    assert_eq!(bench.last().source.opened(), Some(model.as_path()));
    // What nobody knows is said so, in words.
    let count = bench.started.lock().unwrap().len();
    bench.drop_file(folder.path().join("nothing.xyz"));
    assert_eq!(bench.started.lock().unwrap().len(), count);
}

/// The desktop answers.
struct Chooses(Answer);

impl Dialogs for Chooses {
    fn ask(&self, _: &Question) -> Answer {
        self.0.clone()
    }
}

#[test]
fn open_asks_the_desktop_or_for_a_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = folder.path().join("mine.toml");
    std::fs::write(&toml, preset("undercomplete").expect("a preset").spec.to_toml().expect("a spec")).expect("a file");
    let chosen = toml.clone();
    let mut answered = bench(running(), WIDE, |options| options.dialogs = Arc::new(Chooses(Answer::Chosen(chosen))));
    answered.with_command(egui::Modifiers::NONE, egui::Key::O);
    run_until(&mut answered.harness, |_| answered.started.lock().unwrap().len() == 2);
    assert_eq!(spec_of_run(&answered.last()).model.latent, 32);

    let mut typed = bench(running(), WIDE, |_| {});
    typed.click("Open a file");
    run_until(&mut typed.harness, |harness| harness.query_by_label("Path").is_some());
    typed.harness.run_steps(2);
    typed.harness.get_by_label("Path").type_text(&toml.display().to_string());
    typed.harness.run_steps(2);
    typed.click("Open");
    assert_eq!(spec_of_run(&typed.last()).model.latent, 32);
    assert!(!typed.has("Path"));
}

#[test]
fn settings_are_kept_whole_and_survive_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep").join("window.json");
    assert_eq!(Settings::load(&path), Settings::default(), "a first start");
    let settings = Settings {
        size: [1440.0, 900.0],
        theme: ThemeChoice::Light,
        device: "cpu".to_owned(),
        zoom: 1.25,
        hints_seen: true,
        ..Settings::default()
    };
    settings.save(&path).expect("it is written");
    assert_eq!(Settings::load(&path), settings);
    let devices = [("CPU, native".to_owned(), DeviceChoice::Cpu)];
    assert_eq!(settings.device_among(&devices), Some(DeviceChoice::Cpu));
    assert_eq!(Settings { device: "gpu:3".to_owned(), ..settings }.device_among(&devices), None);
    std::fs::write(&path, b"{\"size\": [1e9, -4], \"zoom\": 400, \"theme\": \"light\"}").expect("a file");
    let mended = Settings::load(&path);
    assert_eq!((mended.size, mended.zoom, mended.theme), ([1280.0, 800.0], 1.0, ThemeChoice::Light));
    std::fs::write(&path, b"{\"size\": [12").expect("a file");
    assert_eq!(Settings::load(&path), Settings::default());
}

#[test]
fn what_is_chosen_is_remembered_and_hints_go_for_good() {
    let mut bench = bench(running(), WIDE, |options| options.settings.hints_seen = false);
    assert!(bench.has("Drag the learning rate to see its effect on the loss"));
    bench.click("Got it");
    assert!(!bench.has("Got it"));
    assert!(bench.harness.state().settings().hints_seen);
    bench.click("Theme");
    bench.click("Light");
    assert_eq!(bench.harness.state().settings().theme, ThemeChoice::Light);
    bench.click("Device");
    bench.click("CPU, native");
    assert_eq!(bench.harness.state().settings().device, "cpu");
}

/// Pictures of what lies over and around the workspaces.
#[test]
fn the_shell_matches_its_snapshots() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    let mut results = SnapshotResults::new();
    let mut accept = |bench: &mut Bench, name: &str| {
        bench.harness.run_steps(3);
        bench.harness.snapshot_options(name, &options);
        results.extend_harness(&mut bench.harness);
    };
    let mut keys = bench(running(), WIDE, |_| {});
    keys.click("Keyboard shortcuts");
    accept(&mut keys, "shell-keys");
    let mut drop = bench(running(), WIDE, |_| {});
    drop.hover("/data/machines.csv");
    accept(&mut drop, "shell-drop");
    let mut choice = bench(running(), [900.0, 600.0], |options| options.theme = ThemeChoice::Light);
    choice.drop_file("/data/machines.csv");
    accept(&mut choice, "shell-choice");
    let mut path = bench(running(), WIDE, |_| {});
    path.click("Open a file");
    run_until(&mut path.harness, |harness| harness.query_by_label("Path").is_some());
    path.harness.run_steps(2);
    path.harness.get_by_label("Path").type_text("/nowhere/model.safetensors");
    path.harness.run_steps(2);
    path.click("Open");
    accept(&mut path, "shell-path");
    let mut hints = bench(running(), WIDE, |options| options.settings.hints_seen = false);
    accept(&mut hints, "shell-hints");
    let mut narrow = bench(running(), [900.0, 600.0], |options| options.settings.hints_seen = false);
    accept(&mut narrow, "shell-hints-narrow");
    let opening = saying("Opening model.safetensors");
    let mut opening = bench(opening, WIDE, |options| options.run.source = RunSource::Open("model.safetensors".into()));
    accept(&mut opening, "shell-opening");
}
