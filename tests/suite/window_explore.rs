//! Explore against a model that was trained and saved: sliders, the map, samples, the walk, sums, and what is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults, TestRenderer};
use hourglass::app::{App, AppOptions, ThemeChoice, Trainer};
use hourglass::monitor::{Moment, PlayState, RunSource, WorkerOptions};
use hourglass::platform::Wait as _;

use crate::support::digits;
use crate::window::{StillTrainer, draw, run_until};

/// A model of so many latent numbers, as it is opened from its file. It is a file of these tests: the bits of a
/// training depend on the processor, and pictures of it would.
fn opened(latent: usize) -> Arc<Moment> {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
    let path = models.join(format!("digits_{latent}.safetensors"));
    Arc::new(hourglass::monitor::open_model(&path).wait().expect("it opens"))
}

fn harness(moment: &Arc<Moment>, folder: &std::path::Path) -> Harness<'static, App> {
    harness_of(moment, folder, [1280.0, 800.0], ThemeChoice::Dark)
}

fn harness_of(
    moment: &Arc<Moment>,
    folder: &std::path::Path,
    size: [f32; 2],
    theme: ThemeChoice,
) -> Harness<'static, App> {
    let moment = Arc::clone(moment);
    let run = WorkerOptions::from_source(RunSource::Open(folder.join("run")));
    let start = Box::new(move |_| Ok(Box::new(StillTrainer(Arc::clone(&moment))) as Box<dyn Trainer>));
    let options = AppOptions { theme, ..AppOptions::new(run, start) };
    let builder = Harness::builder().with_size(egui::Vec2::from(size));
    let builder = if crate::support::gpu().is_some() { builder.wgpu() } else { builder };
    builder.build_ui_state(draw, App::new(options))
}

/// How bright a picture is on average, as the window shows it.
fn brightness(harness: &mut Harness<'static, App>, name: &str) -> f64 {
    let picture_of = |node: &egui_kittest::Node<'_>| node.accesskit_node().role() != Role::Heading;
    let rect = harness.query_all_by_label(name).find(picture_of).expect("a picture").rect();
    let picture = harness.render().expect("it renders");
    let (x0, y0) = (rect.left() as u32, rect.top() as u32);
    let (width, height) = (rect.width() as u32, rect.height() as u32);
    let sum: f64 = (0..width * height).map(|i| f64::from(picture.get_pixel(x0 + i % width, y0 + i / width)[0])).sum();
    sum / f64::from(width * height)
}

fn save_picture(harness: &mut Harness<'static, App>, name: &str) {
    let picture = harness.render().expect("it renders");
    picture.save(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).expect("saved");
}

#[test]
fn explore_matches_its_snapshots() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    let mut results = SnapshotResults::new();
    let folder = tempfile::tempdir().expect("a folder");
    let flat = opened(2);
    let deep = opened(6);
    let of = |moment: &Arc<Moment>, state: PlayState, message: &str| {
        let mut moment = Moment { folder: None, ..Moment::clone(moment) };
        moment.snapshot.progress.change(|progress| (progress.state, progress.message) = (state, message.to_owned()));
        Arc::new(moment)
    };
    let lost = "the GPU was lost, close other programs that use it, or train with --device cpu";
    let (wide, narrow) = ([1280.0, 800.0], [900.0, 600.0]);
    for (name, moment, size, theme) in [
        ("explore-empty", Arc::new(Moment::default()), wide, ThemeChoice::Dark),
        ("explore-running", of(&flat, PlayState::Playing, ""), wide, ThemeChoice::Dark),
        ("explore-finished", of(&deep, PlayState::Finished, ""), wide, ThemeChoice::Light),
        ("explore-failed", of(&deep, PlayState::Failed, lost), wide, ThemeChoice::Dark),
        ("explore-narrow", of(&flat, PlayState::Finished, ""), narrow, ThemeChoice::Dark),
    ] {
        let mut harness = harness_of(&moment, folder.path(), size, theme);
        harness.run_steps(3);
        harness.key_press(egui::Key::Num2);
        if moment.snapshot.model.is_some() {
            let is_there = |harness: &Harness<'static, App>, label: &str| harness.query_by_label(label).is_some();
            // What is decoded can be copied.
            run_until(&mut harness, |harness| is_there(harness, "copy") && is_there(harness, "Nearest train row 1"));
            // Rows that lie near are white on black, once they are drawn.
            let started = std::time::Instant::now();
            while brightness(&mut harness, "Nearest train row 1") < 5.0 {
                assert!(started.elapsed().as_secs() < 30, "no rows that lie near");
                harness.run_steps(3);
            }
        }
        harness.run_steps(5);
        harness.snapshot_options(name, &options);
        results.extend_harness(&mut harness);
    }
}

#[test]
fn an_opened_model_is_explored() {
    let folder = tempfile::tempdir().expect("a folder");
    let moment = opened(2);
    assert_eq!(
        (moment.snapshot.units.len(), moment.snapshot.map.points.len(), moment.snapshot.map.errors.len()),
        (2, 5000, 5000)
    );
    let mut harness = harness(&moment, folder.path());
    run_until(&mut harness, |harness| harness.state().explored_latents().len() == 2);
    assert_eq!(harness.state().explored_latents(), [0.0, 0.0], "it begins in the middle");

    let slider = harness.get_by_label("z1").rect();
    let at = |fraction: f32| egui::pos2(slider.left() + fraction * slider.width(), slider.center().y);
    harness.drag_at(at(0.5));
    harness.run_steps(3);
    harness.hover_at(at(0.75));
    harness.run_steps(3);
    let moved = harness.state().explored_latents()[0];
    assert!(moved > 0.5, "the slider moves it while it is dragged: {moved}");
    harness.drop_at(at(0.75));
    harness.run_steps(3);

    let map = harness.get_by_label("Decode under pointer").rect();
    harness.drag_at(map.center() + egui::vec2(30.0, 40.0));
    harness.run_steps(3);
    harness.drop_at(map.center() + egui::vec2(30.0, 40.0));
    harness.run_steps(3);
    let [x, y] = harness.state().explored_latents()[..] else { panic!("two numbers") };
    assert!(x != moved && y < 0.5, "what lies under the pointer: {x}, {y}");
    harness.get_by_label("Sample").click();
    harness.run_steps(3);
    assert_ne!(harness.state().explored_latents(), [x, y]);
    harness.get_by_label("Center").click();
    harness.run_steps(3);
    assert_eq!(harness.state().explored_latents(), [0.0, 0.0]);
    if crate::support::gpu().is_some() {
        run_until(&mut harness, |harness| harness.query_by_label("Nearest train row 1").is_some());
        let started = std::time::Instant::now();
        for name in ["Decoded", "Decoded plane", "Interpolation", "Sum", "Choose A", "Nearest train row 1"] {
            while brightness(&mut harness, name) < 5.0 {
                assert!(started.elapsed().as_secs() < 30, "nothing is decoded: {name}");
                harness.run_steps(3);
            }
        }
        save_picture(&mut harness, "explore.png");
    }
    // To the other workspace and back, by mouse and by key.
    harness.get_by_label("Train").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("Sample").is_none());
    harness.key_press(egui::Key::Num2);
    harness.run_steps(3);
    assert!(harness.query_by_label("Sample").is_some());
}

/// The ends of the walk are chosen, its steps are taken, and what is seen is kept.
#[test]
fn an_interpolation_is_chosen_decoded_and_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let moment = opened(6);
    let mut harness = harness(&moment, folder.path());
    run_until(&mut harness, |harness| harness.state().explored_latents().len() == 6);
    let click_in = |harness: &mut Harness<'static, App>, name: &str, fraction: f32| {
        let rect = harness.get_by_label(name).rect();
        let at = egui::pos2(egui::lerp(rect.x_range(), fraction), rect.center().y);
        harness.drag_at(at);
        harness.run_steps(3);
        harness.drop_at(at);
        harness.run_steps(3);
    };
    // The end of the walk: what the sliders have.
    harness.get_by_label("Sample").click();
    harness.run_steps(3);
    let sampled = harness.state().explored_latents().to_vec();
    harness.get_by_label("Set B").click();
    harness.run_steps(3);
    harness.get_by_label("Center").click();
    run_until(&mut harness, |harness| harness.state().interpolation_end() == Some(sampled.clone()));
    click_in(&mut harness, "Interpolation", 0.99);
    assert_eq!(harness.state().explored_latents(), sampled, "its last step is its end");
    // Its beginning: another held-out row, which is encoded and decoded again.
    harness.get_by_label("Choose A").click();
    harness.run_steps(3);
    harness.run_steps(3);
    harness.get_by_label("Row 5").click();
    harness.run_steps(3);
    run_until(&mut harness, |harness| harness.state().interpolation_end() == Some(sampled.clone()));
    click_in(&mut harness, "Interpolation", 0.01);
    assert_ne!(harness.state().explored_latents(), sampled);
    // A train row nearby.
    run_until(&mut harness, |harness| harness.query_by_label("Nearest train row 2").is_some());
    let before = harness.state().explored_latents().to_vec();
    harness.get_by_label("Nearest train row 2").click();
    run_until(&mut harness, |harness| harness.state().explored_latents() != before);
    // Two numbers varied, the others held: the middle of the grid is near the point in all others.
    harness.get_by_label("grid").click();
    harness.run_steps(3);
    let point = harness.state().explored_latents().to_vec();
    harness.run_steps(3);
    run_until(&mut harness, |harness| harness.query_by_role_and_label(Role::Image, "Grid").is_some());
    // The grid takes the place of the samples as soon as it is decoded.
    for _ in 0..40 {
        harness.run_steps(1);
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    click_in(&mut harness, "Grid", 0.1);
    let changed = harness.state().explored_latents().iter().zip(&point).filter(|(a, b)| a != b).count();
    assert_eq!(changed, 2, "{:?} and {point:?}", harness.state().explored_latents());

    let kept = folder.path().join("kept");
    std::fs::create_dir(&kept).expect("a folder");
    harness.state_mut().export_pictures_to(kept.clone());
    for (entry, file) in [
        ("Picture, PNG", "decoded-001.png"),
        ("Interpolation, PNG", "interpolation-001.png"),
        ("Interpolation, GIF", "interpolation-001.gif"),
        ("Interpolation with latents, NPY", "interpolation-001.npy"),
        ("Grid, PNG", "grid-001.png"),
        ("Picture, PNG", "decoded-002.png"),
    ] {
        harness.get_by_label("save").click();
        harness.run_steps(3);
        harness.run_steps(3);
        harness.get_by_label(entry).click();
        // A free name is proposed where a path is typed.
        run_until(&mut harness, |harness| harness.query_by_label("Save").is_some());
        harness.get_by_label("Save").click();
        run_until(&mut harness, |harness| harness.state().said().contains(file));
        assert!(kept.join(file).is_file(), "{file}");
        harness.key_press(egui::Key::Escape);
        harness.run_steps(3);
    }
    let strip = image::open(kept.join("interpolation-001.png")).expect("a picture");
    assert!(strip.width() > 12 * strip.height(), "thirteen steps side by side");
    let rows = hourglass::data::read_npy(&kept.join("interpolation-001.npy"), u64::MAX).expect("an array");
    assert_eq!(rows.shape, [13, 28, 28]);
    let latents = hourglass::data::read_npy(&kept.join("interpolation-001.latents.npy"), u64::MAX).expect("an array");
    assert_eq!(latents.shape, [13, 6]);

    // A file that is dropped begins the walk; one that is no picture is refused at the place.
    std::fs::write(folder.path().join("no picture.png"), b"text").expect("written");
    for (file, fits) in [("decoded.png", true), ("no picture.png", false)] {
        let path = folder.path().join(file);
        if fits {
            let digits = digits();
            let bytes: Vec<u8> = digits.rows_f32(0..1).expect("a row").iter().map(|v| (v * 255.0) as u8).collect();
            image::GrayImage::from_raw(28, 28, bytes).expect("a digit").save(&path).expect("saved");
        }
        let before = harness.state().interpolation_begin();
        harness.state_mut().drop_for_explore(path);
        let changed = |harness: &Harness<'static, App>| harness.state().interpolation_begin() != before;
        run_until(&mut harness, |harness| harness.state().interpolation_problem().is_some() || changed(harness));
        let problem = harness.state().interpolation_problem();
        assert_eq!(problem.is_none(), fits, "{file}: {problem:?}");
    }
    if crate::support::gpu().is_some() {
        save_picture(&mut harness, "explore-wide.png");
    }
}

/// Draws nothing, and counts what is sent to each texture.
struct UploadCounter(Arc<Mutex<HashMap<egui::TextureId, usize>>>);

impl TestRenderer for UploadCounter {
    fn handle_delta(&mut self, delta: &mut egui::TexturesDelta) {
        let mut uploads = self.0.lock().unwrap();
        delta.set.iter().for_each(|(id, _)| *uploads.entry(*id).or_default() += 1);
        delta.clear();
    }

    fn render(&mut self, _: &egui::Context, _: &egui::FullOutput) -> Result<image::RgbaImage, String> {
        Err("nothing is drawn".to_owned())
    }
}

/// A slider's move sends one picture: what it does not change keeps its texture.
#[test]
fn a_slider_moves_one_texture() {
    let folder = tempfile::tempdir().expect("a folder");
    let moment = opened(6);
    let run = WorkerOptions::from_source(RunSource::Open(folder.path().join("run")));
    let start = Box::new(move |_| Ok(Box::new(StillTrainer(Arc::clone(&moment))) as Box<dyn Trainer>));
    let uploads = Arc::new(Mutex::new(HashMap::new()));
    let builder = Harness::builder().with_size([1280.0, 800.0]).renderer(UploadCounter(Arc::clone(&uploads)));
    let mut harness = builder.build_ui_state(draw, App::new(AppOptions::new(run, start)));
    let textures = |harness: &Harness<'static, App>| -> Vec<egui::TextureId> {
        let manager = harness.ctx.tex_manager();
        let manager = manager.read();
        manager.allocated().filter(|(_, meta)| meta.name == "decoded").map(|(id, _)| *id).collect()
    };
    run_until(&mut harness, |harness| harness.state().explored_latents().len() == 6);
    // The point, the samples, the walk and its slots; a sum has no terms yet.
    run_until(&mut harness, |harness| textures(harness).len() >= 4);
    harness.run_steps(20);
    let decoded = textures(&harness);
    uploads.lock().unwrap().clear();
    let slider = harness.get_by_label("z1").rect();
    let at = egui::pos2(slider.left() + 0.8 * slider.width(), slider.center().y);
    harness.drag_at(at);
    let counted =
        || -> Vec<usize> { decoded.iter().filter_map(|id| uploads.lock().unwrap().get(id).copied()).collect() };
    run_until(&mut harness, |_| !counted().is_empty());
    // What else comes of it would come now.
    for _ in 0..10 {
        harness.run_steps(2);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(counted(), [1], "uploads to the textures of what is decoded");
}
