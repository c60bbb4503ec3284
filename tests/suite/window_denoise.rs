//! The Denoise workspace: what it shows in each state, and a picture that is dropped, cleaned and saved.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use hourglass::app::{App, AppOptions, Cleaner, Denoising, LocalDenoising, ThemeChoice, Trainer};
use hourglass::device::DeviceChoice;
use hourglass::model::preset;
use hourglass::monitor::WorkerOptions;
use hourglass::tasks::{ItemState, Pixels, QueueCommand, QueueImage, QueueItem, QueueView, Sigma, Strength};

use crate::support::noise;
use crate::window::{StillTrainer, draw, run_until, running};
use crate::window_detect::drop_file;

/// Shows one view, and remembers what it was told.
#[derive(Clone)]
struct Script {
    view: Arc<QueueView>,
    told: Arc<Mutex<Vec<QueueCommand>>>,
}

impl Denoising for Script {
    fn open(&self, _: DeviceChoice, _: egui::Context) -> Result<Box<dyn Cleaner>, String> {
        Ok(Box::new(self.clone()))
    }
}

impl Cleaner for Script {
    fn view(&self) -> Arc<QueueView> {
        Arc::clone(&self.view)
    }

    fn send(&self, command: QueueCommand) {
        self.told.lock().unwrap().push(command);
    }
}

/// A landscape of slopes and a disc, with noise of `amount`: nothing in it depends on the machine.
fn landscape(width: usize, height: usize, amount: f32) -> Arc<Pixels> {
    let grain = noise(width * height, 400);
    let rgba = (0..width * height)
        .flat_map(|index| {
            let (x, y) = ((index % width) as f32 / width as f32, (index / width) as f32 / height as f32);
            let sun = if (x - 0.66).hypot(0.75 * (y - 0.3)) < 0.12 { 0.35 } else { 0.0 };
            let hill = if y > 0.62 + 0.1 * (6.0 * x).sin() { -0.3 } else { 0.0 };
            let shade = |base: f32| {
                let value = base + sun + hill * (1.0 - 0.4 * y) + amount * grain[index];
                (255.0 * value).clamp(0.0, 255.0) as u8
            };
            [shade(0.62 - 0.2 * y), shade(0.6 - 0.1 * y), shade(0.68 - 0.35 * y), 255]
        })
        .collect();
    Arc::new(Pixels { width, height, step: 1, rgba })
}

fn item(name: &str, state: ItemState) -> QueueItem {
    QueueItem { path: PathBuf::from("/pictures").join(name), state }
}

fn shown(state: ItemState) -> QueueView {
    let picture = QueueImage {
        name: "harbor.png".to_owned(),
        width: 640,
        height: 427,
        bits: 8,
        colors: 3,
        before: landscape(640, 427, 0.2),
        after: Some(landscape(640, 427, 0.0)),
        other: None,
        sigma: Some(29.6),
        warning: None,
        unchanged: false,
    };
    QueueView {
        items: vec![
            item("harbor.png", state),
            item("scan_0012.tif", ItemState::Saved("/pictures/scan_0012-denoised.tif".into())),
            item("grandfather.jpg", ItemState::Waiting),
            item("torn.png", ItemState::Failed("not usable as data, /pictures/torn.png, it ends early".to_owned())),
        ],
        picture: Some(Arc::new(picture)),
        strength: Strength { strength: 0.85, ..Strength::default() },
        megapixels_per_second: Some(1.9),
        ..QueueView::default()
    }
}

fn harness(denoising: Arc<dyn Denoising>, size: [f32; 2], theme: ThemeChoice) -> Harness<'static, App> {
    let moment = Arc::new(running());
    let run = WorkerOptions { device: DeviceChoice::Cpu, ..WorkerOptions::new(preset("map").expect("a preset").spec) };
    let start = Box::new(move |_| Ok(Box::new(StillTrainer(Arc::clone(&moment))) as Box<dyn Trainer>));
    let options = AppOptions { theme, denoising, ..AppOptions::new(run, start) };
    let builder = Harness::builder().with_size(egui::Vec2::from(size));
    let builder = if crate::support::gpu().is_some() { builder.wgpu() } else { builder };
    let mut harness = builder.build_ui_state(draw, App::new(options));
    harness.run_steps(3);
    harness.key_press(egui::Key::Num3);
    harness.run_steps(2);
    harness
}

#[test]
fn denoise_matches_its_snapshots() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    let mut results = SnapshotResults::new();
    let (wide, narrow) = ([1280.0, 800.0], [900.0, 600.0]);
    let working =
        QueueView { working: Some("Refining".to_owned()), seconds_left: Some(64.0), ..shown(ItemState::Working(0.62)) };
    let failed = QueueView {
        items: vec![item(
            "torn.png",
            ItemState::Failed("not usable as data, /pictures/torn.png, it ends early".into()),
        )],
        ..QueueView::default()
    };
    let compared = {
        let mut view = shown(ItemState::Done);
        let picture = view.picture.as_mut().map(Arc::make_mut).expect("a picture");
        picture.other = Some(landscape(640, 427, 0.06));
        QueueView { model: Some("/runs/restore-001/model.safetensors".into()), compare: true, ..view }
    };
    for (name, view, size, theme) in [
        ("denoise-empty", None, wide, ThemeChoice::Dark),
        ("denoise-failed", Some(failed), wide, ThemeChoice::Light),
        ("denoise-working", Some(working), wide, ThemeChoice::Light),
        ("denoise-dark", Some(shown(ItemState::Done)), wide, ThemeChoice::Dark),
        ("denoise-compare", Some(compared), wide, ThemeChoice::Dark),
        ("denoise-narrow", Some(shown(ItemState::Done)), narrow, ThemeChoice::Dark),
    ] {
        let script = Script { view: Arc::new(view.clone().unwrap_or_default()), told: Arc::default() };
        let mut harness = harness(Arc::new(script), size, theme);
        if view.is_some() {
            drop_file(&mut harness, "/pictures/harbor.png");
        }
        harness.run_steps(3);
        harness.snapshot_options(name, &options);
        results.extend_harness(&mut harness);
    }
}

#[test]
fn every_control_says_what_it_is_asked_for() {
    let script = Script { view: Arc::new(shown(ItemState::Done)), told: Arc::default() };
    let told = Arc::clone(&script.told);
    let mut harness = harness(Arc::new(script), [1280.0, 800.0], ThemeChoice::Dark);
    drop_file(&mut harness, "/pictures/harbor.png");
    harness.run_steps(2);
    assert_eq!(told.lock().unwrap().drain(..).next(), Some(QueueCommand::Add(vec!["/pictures/harbor.png".into()])));
    for (label, command) in [
        ("Save beside original", QueueCommand::Save),
        ("Save all", QueueCommand::SaveAll),
        ("Clear", QueueCommand::Clear),
        ("grandfather.jpg", QueueCommand::Select(2)),
        ("auto", QueueCommand::Amount(Strength { sigma: Sigma::Given(30.0), strength: 0.85 })),
    ] {
        harness.get_by_label(label).click();
        harness.run_steps(2);
        assert_eq!(told.lock().unwrap().drain(..).next_back(), Some(command), "{label}");
    }
    let line = harness.get_by_label("Strength").rect();
    let at = egui::pos2(line.left() + 0.25 * line.width(), line.center().y);
    harness.drag_at(at);
    harness.run_steps(2);
    harness.drop_at(at);
    harness.run_steps(2);
    let strength = told.lock().unwrap().drain(..).find_map(|command| match command {
        QueueCommand::Amount(amount) => Some(amount.strength),
        _ => None,
    });
    assert!(strength.is_some_and(|strength| (strength - 0.25).abs() < 0.02), "{strength:?}");
}

/// A real picture is dropped on another workspace: it is cleaned by the model that ships, and saved beside itself.
#[test]
fn a_dropped_picture_is_cleaned_and_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let pixels = landscape(96, 72, 0.2);
    let path = folder.path().join("harbor.png");
    image::RgbaImage::from_raw(96, 72, pixels.rgba.clone()).expect("it fits").save(&path).expect("written");
    let before = std::fs::read(&path).expect("read");
    let mut harness = harness(Arc::new(LocalDenoising), [1280.0, 800.0], ThemeChoice::Dark);
    harness.key_press(egui::Key::Num1);
    harness.run_steps(2);
    drop_file(&mut harness, &path.display().to_string());
    let is_clean = |harness: &Harness<'static, App>| {
        let desk = harness.state().denoise_queue();
        desk.working.is_none() && desk.picture.as_ref().is_some_and(|picture| picture.after.is_some())
    };
    run_until(&mut harness, is_clean);
    let desk = harness.state().denoise_queue();
    let picture = desk.picture.as_ref().expect("a picture");
    assert!(picture.sigma.is_some_and(|sigma| sigma > 10.0), "{:?}", picture.sigma);
    let far = |pixels: &Pixels| {
        let clean = landscape(96, 72, 0.0);
        let squares: f64 =
            pixels.rgba.iter().zip(&clean.rgba).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        (squares / pixels.rgba.len() as f64).sqrt()
    };
    let (noisy, clean) = (far(&picture.before), far(picture.after.as_ref().expect("cleaned")));
    assert!(clean < 0.5 * noisy, "{clean} away from clean, {noisy} before");
    harness.get_by_label("Save beside original").click();
    harness.run_steps(2);
    let saved = folder.path().join("harbor-denoised.png");
    run_until(&mut harness, |_| saved.exists());
    assert_eq!(std::fs::read(&path).expect("read"), before, "the original is as it was");
    // A second time under another name.
    run_until(&mut harness, |harness| harness.state().denoise_queue().saved.is_some());
    harness.get_by_label("Save beside original").click();
    run_until(&mut harness, |_| folder.path().join("harbor-denoised-2.png").exists());
}

/// A picture on the clipboard becomes a file, and goes to where a file of its kind would.
#[test]
fn a_pasted_picture_is_cleaned() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = Script { view: Arc::default(), told: Arc::default() };
    let told = Arc::clone(&script.told);
    let mut harness = harness(Arc::new(script), [1280.0, 800.0], ThemeChoice::Dark);
    harness.state_mut().export_pictures_to(folder.path().join("kept"));
    harness.key_press(egui::Key::Num1);
    harness.run_steps(2);
    let pixels = landscape(96, 72, 0.2);
    let picture = egui::ColorImage::from_rgba_unmultiplied([96, 72], &pixels.rgba);
    let path = folder.path().join("kept/pasted-001.png");
    harness.event(egui::Event::PasteImage(Arc::new(picture)));
    run_until(&mut harness, |_| !told.lock().unwrap().is_empty());
    assert_eq!(told.lock().unwrap()[..], [QueueCommand::Add(vec![path.clone()])]);
    let written = image::open(&path).expect("a picture");
    assert_eq!(written.color(), image::ColorType::Rgb8);
    assert_eq!(written.into_rgba8().into_raw(), pixels.rgba);
    // Nothing is written over, and what holds no picture says so.
    harness.event(egui::Event::PasteImage(Arc::new(egui::ColorImage::filled([2, 2], egui::Color32::WHITE))));
    run_until(&mut harness, |_| folder.path().join("kept/pasted-002.png").exists());
    harness.event(egui::Event::PasteImage(Arc::new(egui::ColorImage::default())));
    run_until(&mut harness, |harness| harness.state().said().contains("has no pixels"));
}
