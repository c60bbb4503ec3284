//! The list of runs: what it shows of folders on disk, and what can be done with one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use hourglass::app::{App, AppOptions, ThemeChoice, Trainer};
use hourglass::model::preset;
use hourglass::monitor::{RunSource, WorkerOptions};
use hourglass::train::{EpochReport, RunDir, delete_run, saved_runs};

use crate::window::{StillTrainer, draw, run_until, running, spec_of_run};

/// A folder as a run leaves it, with a curve that falls to `best`. The numbers in it are made up.
fn shelve(runs: &Path, name: &str, preset_name: &str, epochs: u32, best: f64, ended: bool) -> PathBuf {
    let path = runs.join(name);
    let dir = RunDir::create(&path).expect("a folder");
    let mut spec = preset(preset_name).expect("a preset").spec;
    spec.train.epochs = 12;
    dir.write_spec(&spec).expect("a spec");
    for epoch in 1..=epochs {
        let loss = best * (1.0 + 1.5 * f64::from(-(epoch as i32) + 1).exp2());
        let report = EpochReport {
            epoch,
            step: u64::from(epoch) * 429,
            seconds: 4.0 * f64::from(epoch),
            train_loss: 0.97 * loss,
            validation_loss: loss,
            learning_rate: 0.001,
            samples_per_second: 30_000.0,
            parts: std::collections::BTreeMap::new(),
        };
        dir.append_metrics(&report).expect("a line");
    }
    std::fs::write(path.join("model.safetensors"), b"").expect("a file");
    std::fs::write(path.join("checkpoint/last.safetensors"), b"").expect("a file");
    if ended {
        let report = format!("{{\"preset\":\"{preset_name}\",\"test\":{{\"mse\":{}}},\"diagnosis\":[]}}", best / 700.0);
        std::fs::write(path.join("report.json"), report).expect("a file");
    }
    path
}

type Started = Arc<Mutex<Vec<WorkerOptions>>>;

fn harness(runs: &Path, size: [f32; 2], theme: ThemeChoice) -> (Harness<'static, App>, Started) {
    let moment = Arc::new(running());
    let started = Started::default();
    let log = Arc::clone(&started);
    let start = Box::new(move |options| {
        log.lock().unwrap().push(options);
        Ok(Box::new(StillTrainer(Arc::clone(&moment))) as Box<dyn Trainer>)
    });
    let run = WorkerOptions::new(preset("map").expect("a preset").spec);
    let options = AppOptions { theme, runs_folder: runs.to_owned(), ..AppOptions::new(run, start) };
    let builder = Harness::builder().with_size(egui::Vec2::from(size));
    let builder = if crate::support::gpu().is_some() { builder.wgpu() } else { builder };
    let mut harness = builder.build_ui_state(draw, App::new(options));
    harness.run_steps(3);
    harness.key_press(egui::Key::Num0);
    harness.run_steps(2);
    (harness, started)
}

fn shelf() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, preset, epochs, best, ended) in [
        ("map-001", "map", 12, 145.2, true),
        ("map-002", "map", 7, 149.8, false),
        ("map-003", "map", 12, 143.9, true),
        ("undercomplete-001", "undercomplete", 12, 0.0071, true),
    ] {
        shelve(folder.path(), name, preset, epochs, best, ended);
    }
    // No run: it must not be listed, nor be deleted.
    std::fs::create_dir(folder.path().join("notes")).expect("a folder");
    folder
}

/// Runs until the list is read. Frames that only come by because time passes are no reason to wait.
fn read(harness: &mut Harness<'static, App>, name: &str) {
    run_until(harness, |harness| harness.query_all_by_label(name).next().is_some());
    harness.run_steps(2);
}

#[test]
fn runs_are_read_from_their_folders() {
    let folder = shelf();
    let runs = saved_runs(folder.path());
    let mut names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["map-001", "map-002", "map-003", "undercomplete-001"]);
    let of = |name: &str| runs.iter().find(|run| run.name == name).expect("it is there");
    assert_eq!((of("map-001").ended, of("map-002").ended), (true, false));
    assert_eq!(of("map-002").best().map(|(epoch, _)| epoch), Some(7));
    // One that stopped goes on as it was; one that ended goes on for as many epochs again.
    assert_eq!(of("map-002").spec_to_resume().expect("a spec").train.epochs, 12);
    assert_eq!(of("map-001").spec_to_resume().expect("a spec").train.epochs, 24);
    assert!(delete_run(&folder.path().join("notes")).is_err(), "what is no run is left alone");
    assert!(folder.path().join("notes").is_dir());
    delete_run(&of("map-001").path).expect("it is deleted");
    assert_eq!(saved_runs(folder.path()).len(), 3);
    assert!(saved_runs(&folder.path().join("nowhere")).is_empty());
}

#[test]
fn a_run_is_opened_gone_on_with_duplicated_and_deleted() {
    let folder = shelf();
    let (mut harness, started) = harness(folder.path(), [1280.0, 800.0], ThemeChoice::Dark);
    read(&mut harness, "map-002, stopped");
    harness.get_by_role_and_label(Role::ListBoxOption, "map-002, stopped").click();
    harness.run_steps(2);
    harness.get_by_label("Resume").click();
    harness.run_steps(2);
    {
        let started = started.lock().unwrap();
        let last = started.last().expect("a run");
        let RunSource::Resume { folder: resumed, spec, .. } = &last.source else { panic!("a run that goes on") };
        assert_eq!((resumed, spec.train.epochs), (&folder.path().join("map-002"), 12));
    }
    // Back to the list: a new run of the same spec.
    harness.key_press(egui::Key::Num0);
    harness.run_steps(2);
    harness.get_by_role_and_label(Role::ListBoxOption, "undercomplete-001, ended").click();
    harness.run_steps(2);
    harness.get_by_label("Duplicate").click();
    harness.run_steps(2);
    {
        let started = started.lock().unwrap();
        let last = started.last().expect("a run");
        assert!(matches!(last.source, RunSource::Train { .. }));
        assert_eq!(last.source.preset(), Some("undercomplete"));
        assert_eq!(spec_of_run(last).model.latent, 32);
    }
    // Ctrl+Z leads back to what was trained before.
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Z);
    harness.run_steps(2);
    assert_eq!(spec_of_run(started.lock().unwrap().last().expect("a run")).model.latent, 2);

    harness.key_press(egui::Key::Num0);
    harness.run_steps(2);
    harness.get_by_role_and_label(Role::ListBoxOption, "map-003, ended").click();
    harness.run_steps(2);
    harness.get_by_label("Delete").click();
    harness.run_steps(2);
    harness.get_by_label("Cancel").click();
    harness.run_steps(2);
    assert!(folder.path().join("map-003").is_dir(), "nothing is deleted unasked");
    harness.get_by_label("Delete").click();
    harness.run_steps(2);
    harness.get_by_label("Delete permanently").click();
    run_until(&mut harness, |harness| harness.query_by_role_and_label(Role::ListBoxOption, "map-003, ended").is_none());
    assert!(!folder.path().join("map-003").exists());
    assert!(folder.path().join("map-001").is_dir());

    harness.get_by_role_and_label(Role::ListBoxOption, "map-001, ended").click();
    harness.run_steps(2);
    harness.get_by_label("Open").click();
    harness.run_steps(2);
    let last = started.lock().unwrap().last().cloned().expect("a run");
    assert_eq!(last.source.opened(), Some(folder.path().join("map-001").join("model.safetensors").as_path()));
}

/// Pictures of the list: full, and empty.
#[test]
fn runs_match_their_snapshots() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    let mut results = SnapshotResults::new();
    // The path is shown: it must be of one length wherever the test runs.
    let folder = PathBuf::from("/tmp/hourglass-runs-of-a-test");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    shelve(&folder, "map-001", "map", 12, 145.2, true);
    shelve(&folder, "map-002", "map", 7, 149.8, false);
    shelve(&folder, "undercomplete-001", "undercomplete", 12, 0.0071, true);
    let minute = std::time::SystemTime::now() - std::time::Duration::from_secs(600);
    for (place, name) in ["map-001", "map-002", "undercomplete-001"].into_iter().enumerate() {
        let written = minute - std::time::Duration::from_secs(7200 * place as u64);
        for file in ["spec.toml", "metrics.jsonl", "report.json", "checkpoint/last.safetensors"] {
            if let Ok(file) = std::fs::File::options().append(true).open(folder.join(name).join(file)) {
                file.set_modified(written).expect("a date");
            }
        }
    }
    for (name, size, theme) in
        [("runs-dark", [1280.0, 800.0], ThemeChoice::Dark), ("runs-light-narrow", [900.0, 600.0], ThemeChoice::Light)]
    {
        let (mut harness, _) = harness(&folder, size, theme);
        read(&mut harness, "map-002, stopped");
        harness.get_by_role_and_label(Role::ListBoxOption, "map-001, ended").click();
        harness.run_steps(3);
        harness.hover_at(egui::pos2(2.0, 2.0));
        harness.run_steps(3);
        harness.snapshot_options(name, &options);
        results.extend_harness(&mut harness);
    }
    let _ = std::fs::remove_dir_all(&folder);
    let (mut harness, _) = harness(&folder, [1280.0, 800.0], ThemeChoice::Dark);
    std::thread::sleep(std::time::Duration::from_millis(300));
    harness.run_steps(3);
    harness.snapshot_options("runs-empty", &options);
    results.extend_harness(&mut harness);
}
