//! The window's contents against a scripted trainer: what is shown in each state, and what each control sends.

use std::sync::{Arc, Mutex};

use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use hourglass::app::{App, AppOptions, ThemeChoice, Trainer};
use hourglass::data::ImageShape;
use hourglass::device::{DeviceBackend, DeviceChoice, DeviceInfo, DeviceKind};
use hourglass::error::{Advice, Setting};
use hourglass::model::{Edit, Spec, preset};
use hourglass::monitor::{
    Command, DataSummary, Filters, Health, LatentMap, LayerState, LossHistory, Moment, Pairs, PlayState, RunInfo,
    RunProgress, Section, Snapshot, Worker, WorkerOptions,
};
use hourglass::train::{Finding, PcaReport, estimate_cost};

use crate::support::{digits, noise};

/// What a scripted trainer shows, and what it was told.
#[derive(Clone)]
pub struct Script {
    pub moment: Arc<Mutex<Arc<Moment>>>,
    commands: Arc<Mutex<Vec<Command>>>,
    pub started: Arc<Mutex<Vec<WorkerOptions>>>,
}

impl Trainer for Script {
    fn moment(&self) -> Arc<Moment> {
        Arc::clone(&self.moment.lock().unwrap())
    }

    fn send(&self, command: Command) {
        self.commands.lock().unwrap().push(command);
    }
}

/// Shows one snapshot for ever.
pub struct StillTrainer(pub Arc<Moment>);

impl Trainer for StillTrainer {
    fn moment(&self) -> Arc<Moment> {
        Arc::clone(&self.0)
    }

    fn send(&self, _: Command) {}
}

/// A frame as the shell makes it: on the color that the window is cleared to.
pub fn draw(ui: &mut egui::Ui, app: &mut App) {
    let context = ui.ctx().clone();
    let painter = context.layer_painter(egui::LayerId::background());
    painter.rect_filled(context.content_rect(), 0.0, app.clear_color(&context));
    app.ui(ui);
}

impl Script {
    pub fn new(moment: Moment) -> Self {
        Self { moment: Arc::new(Mutex::new(Arc::new(moment))), commands: Arc::default(), started: Arc::default() }
    }

    pub fn harness(&self, size: [f32; 2], theme: ThemeChoice) -> Harness<'static, App> {
        let (script, started) = (self.clone(), Arc::clone(&self.started));
        let start = Box::new(move |options| {
            started.lock().unwrap().push(options);
            Ok(Box::new(script.clone()) as Box<dyn Trainer>)
        });
        let run = WorkerOptions::new(preset("map").expect("a preset").spec);
        let options = AppOptions { theme, ..AppOptions::new(run, start) };
        let builder = Harness::builder().with_size(egui::Vec2::from(size));
        let builder = if crate::support::gpu().is_some() { builder.wgpu() } else { builder };
        builder.build_ui_state(draw, App::new(options))
    }

    pub fn commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.commands.lock().unwrap())
    }
}

/// A run in the middle, from real digits and made-up curves: nothing in it depends on the machine.
pub fn running() -> Moment {
    let data = digits();
    let rows: Vec<usize> = (0..10_u16)
        .map(|label| {
            let labels = data.labels.as_ref().expect("digits have labels");
            data.validation.clone().find(|&row| labels[row] == label).expect("every digit is there")
        })
        .collect();
    let inputs: Vec<f32> = rows.iter().flat_map(|&row| data.rows_f32(row..row + 1).expect("a row")).collect();
    let outputs = inputs.iter().map(|x| 0.8 * x + 0.05).collect();
    let jitter = noise(600, 90);
    let train_curve = (0..600)
        .map(|i| {
            let epoch = i as f32 / 100.0;
            [epoch, 0.035 + 0.05 * (-epoch).exp() + 0.002 * jitter[i]]
        })
        .collect();
    let (angle, radius) = (noise(2000, 91), noise(2000, 92));
    let points = (0..2000)
        .map(|i| {
            let turn = (i % 10) as f32 * 0.628 + 0.2 * angle[i];
            [(2.0 + radius[i]) * turn.cos(), (2.0 + radius[i]) * turn.sin()]
        })
        .collect();
    let edit = Edit { step: 1500, field: "optimizer.learning_rate".to_owned(), value: 0.0005 };
    let mut spec = preset("map").expect("a preset").spec;
    spec.edits.push(edit);
    let layers = [("encoder.0", 512, 3, 0.004), ("encoder.1", 256, 0, 0.006), ("encoder.2", 0, 0, 0.011)];
    let layers = layers.map(|(name, units, dead, gradient)| LayerState {
        name: name.to_owned(),
        units,
        dead,
        saturated: 0,
        gradient,
    });
    let waves = |i: usize| ((i % 28) as f32 * (1 + i / 784) as f32 * 0.1).sin() * ((i / 28 % 28) as f32 * 0.2).cos();
    let filters = Filters { image: data.image, values: (0..24 * 784).map(waves).collect() };
    let message =
        "4 and 9 share a region: 31% of their nearest neighbors are of the other class, 61% and 58% of their own.";
    let info = RunInfo {
        preset: Some("map".to_owned()),
        cost: Some(estimate_cost(&spec, &digits()).expect("a cost")),
        spec: Some(spec),
        device: Some(DeviceInfo {
            device: DeviceKind::Cpu,
            backend: DeviceBackend::Cpu,
            adapter: "2 threads, native".to_owned(),
            software: false,
            driver: String::new(),
            wrong_variants: Vec::new(),
            passed_over: Vec::new(),
        }),
        data: DataSummary::new(&data),
        widths: vec![784, 512, 256, 2, 256, 512, 784],
        parameters: 1_068_306,
        memory_bytes: 74_000_000,
        total_steps: 5148,
        steps_per_epoch: 429,
        ..RunInfo::default()
    };
    let progress = RunProgress {
        state: PlayState::Playing,
        step: 2574,
        seconds: 9.0,
        samples_per_second: 36_600.0,
        learning_rate: 0.0005,
        best: Some((6, 0.035_62)),
        ..RunProgress::default()
    };
    let snapshot = Snapshot {
        run: Section::new(info),
        progress: Section::new(progress),
        curves: Section::new(LossHistory {
            train: train_curve,
            validation: (1..=6).map(|e| [e as f32, 0.0355 + 0.05 * (-(e as f32)).exp()]).collect(),
            pca: Some(PcaReport { components: 2, mse: 0.0556 }),
        }),
        health: Section::new(Health {
            layers: layers.into(),
            filters,
            findings: vec![Finding { code: "shared_region".into(), message: message.to_owned() }],
            remarks: Vec::new(),
        }),
        pairs: Section::new(Pairs {
            seen: Vec::new(),
            image: Some(ImageShape { height: 28, width: 28, channels: 1 }),
            features: 784,
            inputs,
            outputs,
            labels: (0..10).collect(),
            rows,
        }),
        map: Section::new(LatentMap {
            points,
            labels: (0..2000).map(|i| (i % 10) as u16).collect(),
            rows: (55_000..57_000).collect(),
            held_out: 2000,
            step: 2574,
            ..LatentMap::default()
        }),
        ..Snapshot::default()
    };
    Moment { snapshot, rows: Some(data), folder: Some("runs/map-001".into()), live: true }
}

/// A run of another model.
pub fn running_with(spec: Spec) -> Moment {
    let mut moment = running();
    moment.snapshot.run.change(|run| {
        run.cost = Some(estimate_cost(&spec, &digits()).expect("a cost"));
        run.spec = Some(spec);
    });
    moment
}

/// The same run as far as `change` makes it.
pub fn running_but(change: impl FnOnce(&mut RunProgress)) -> Moment {
    let mut moment = running();
    moment.snapshot.progress.change(change);
    moment
}

/// A run of which nothing is known but what it says.
pub fn saying(message: &str) -> Moment {
    let progress = RunProgress { message: message.to_owned(), ..RunProgress::default() };
    Moment::recorded(Snapshot { progress: Section::new(progress), ..Snapshot::default() })
}

fn in_state(state: PlayState, message: &str) -> Moment {
    running_but(|progress| (progress.state, progress.message) = (state, message.to_owned()))
}

/// Pictures of the panels. Set UPDATE_SNAPSHOTS=1 to accept new ones, after looking at them.
///
/// Text and curves are antialiased by the driver: another version of it may round a few edge pixels differently.
#[test]
fn the_window_matches_its_snapshots() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    // Judged together at the end, so that one run shows all that differ.
    let mut results = SnapshotResults::new();
    let preparing = saying("Loading the data");
    let failed = running_but(|progress| {
        progress.state = PlayState::Failed;
        "training diverged, the loss at step 9 is NaN, lower optimizer.learning_rate (now 1)"
            .clone_into(&mut progress.message);
        progress.advice = Some(Advice::new(Setting::LEARNING_RATE, 0.1));
    });
    for (name, snapshot, size, theme) in [
        ("train-dark", running(), [1280.0, 800.0], ThemeChoice::Dark),
        ("train-light", running(), [1280.0, 800.0], ThemeChoice::Light),
        ("train-narrow", running(), [900.0, 600.0], ThemeChoice::Dark),
        ("train-preparing", preparing, [1280.0, 800.0], ThemeChoice::Dark),
        ("train-failed", failed, [1280.0, 800.0], ThemeChoice::Light),
    ] {
        let mut harness = Script::new(snapshot).harness(size, theme);
        harness.run();
        harness.snapshot_options(name, &options);
        results.extend_harness(&mut harness);
    }
}

/// Runs frames until `done`, at most half a minute: another thread decodes.
pub fn run_until(harness: &mut Harness<'static, App>, done: impl Fn(&Harness<'static, App>) -> bool) {
    let started = std::time::Instant::now();
    loop {
        harness.run_steps(2);
        if done(harness) {
            return;
        }
        assert!(started.elapsed().as_secs() < 30, "waited in vain");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Returns the spec that a run was started with.
pub fn spec_of_run(options: &WorkerOptions) -> &Spec {
    options.source.spec().expect("a spec")
}

fn seed(options: &WorkerOptions) -> u64 {
    spec_of_run(options).train.seed
}

#[test]
fn buttons_and_keys_send_their_commands() {
    let script = Script::new(running());
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    harness.get_by_label("Pause").click();
    harness.run();
    assert_eq!(script.commands(), [Command::Pause]);
    harness.get_by_label("Step").click();
    harness.run();
    assert_eq!(script.commands(), [Command::Step]);
    *script.moment.lock().unwrap() = Arc::new(in_state(PlayState::Paused, ""));
    harness.run();
    harness.get_by_label("Play").click();
    harness.run();
    assert_eq!(script.commands(), [Command::Play]);

    // The keyboard does the same, unless a control has it.
    harness.key_press(egui::Key::Escape);
    harness.run();
    harness.key_press(egui::Key::S);
    harness.run();
    assert_eq!(script.commands(), [Command::Step]);
    assert_eq!(script.started.lock().unwrap().len(), 1);
    harness.key_press(egui::Key::R);
    harness.run();
    let started = script.started.lock().unwrap();
    assert_eq!(started.len(), 2);
    assert_eq!(seed(&started[0]), seed(&started[1]), "the same seed again");
}

#[test]
fn another_preset_and_device_start_another_run() {
    let script = Script::new(running());
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    harness.get_by_label("change").click();
    harness.run();
    harness.get_by_label("undercomplete").click();
    harness.run();
    harness.get_by_label("Device").click();
    harness.run();
    harness.get_by_label("CPU, native").click();
    harness.run();
    let started = script.started.lock().unwrap();
    assert_eq!(started.len(), 3);
    assert_eq!(started[1].source.preset(), Some("undercomplete"));
    assert_eq!(spec_of_run(&started[1]).model.latent, 32);
    assert_eq!(started[2].device, DeviceChoice::Cpu);
}

#[test]
fn every_control_has_a_name_and_a_failure_is_said() {
    let lost = running_but(|progress| {
        progress.state = PlayState::Failed;
        progress.message = "the GPU failed, working on X, device lost".to_owned();
    });
    let script = Script::new(lost);
    let mut harness = script.harness([900.0, 600.0], ThemeChoice::Dark);
    harness.run();
    for name in ["Model", "Train again", "Step", "Restart", "Theme", "log", "Device", "Latent map", "Input", "Output"] {
        harness.get_by_label(name);
    }
    harness.get_by_label("Train again").click();
    harness.run();
    assert_eq!(script.started.lock().unwrap().len(), 2, "a failed run can be started again");
    // The drawer holds what the left column holds in a wide window.
    harness.get_by_label("Model").click();
    harness.run();
    harness.get_by_label("Learning rate");
    harness.key_press(egui::Key::Escape);
    harness.run();
    assert!(harness.query_by_label("Learning rate").is_none());
}

#[test]
fn advice_is_a_button() {
    let lost = running_but(|progress| {
        progress.state = PlayState::Failed;
        progress.advice = Some(Advice::new(Setting::DEVICE, "cpu"));
    });
    let script = Script::new(lost);
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    harness.get_by_label("Train on the CPU").click();
    harness.run();
    assert_eq!(script.started.lock().unwrap().last().map(|run| run.device), Some(DeviceChoice::Cpu));
    let diverged = running_but(|progress| {
        progress.state = PlayState::Failed;
        progress.advice = Some(Advice::new(Setting::LEARNING_RATE, 0.0001));
    });
    let script = Script::new(diverged);
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    harness.get_by_label("Train with optimizer.learning_rate = 0.0001").click();
    harness.run();
    let started = script.started.lock().unwrap();
    let spec = spec_of_run(started.last().expect("another run"));
    assert_eq!((spec.optimizer.learning_rate, spec.edits.len()), (0.0001, 0));
}

/// Real workers behind the window's own handling: started, stopped, restarted, switched and closed in any order.
#[test]
fn a_hundred_starts_and_stops_lose_no_run_and_never_hang() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = folder.path().to_owned();
    let started = Arc::new(Mutex::new(0_usize));
    let counter = Arc::clone(&started);
    let settings = ["train.batch_size=256".to_owned(), "model.latent=4".to_owned()];
    let spec = preset("undercomplete").expect("a preset").spec.with_set(&settings).expect("settings");
    let mut run = WorkerOptions::new(spec);
    run.device = DeviceChoice::Cpu;
    run.threads = Some(2);
    let start = Box::new(move |mut options: WorkerOptions| {
        let mut count = counter.lock().unwrap();
        options.out = Some(runs.join(count.to_string()));
        options.watched = count.is_multiple_of(4);
        *count += 1;
        Ok(Box::new(Worker::spawn(options, || {})?) as Box<dyn Trainer>)
    });
    let options = AppOptions { theme: ThemeChoice::Dark, ..AppOptions::new(run, start) };
    let mut harness = Harness::builder().with_size(egui::vec2(1280.0, 800.0)).build_ui_state(draw, App::new(options));
    for (i, dice) in noise(100, 99).into_iter().enumerate() {
        harness.step();
        match ((dice + 1.0) * 4.0) as u32 {
            0 | 1 => harness.key_press(egui::Key::R),
            2 | 3 => harness.key_press(egui::Key::Space),
            4 | 5 => harness.key_press(egui::Key::S),
            _ if i % 10 == 0 => {
                harness.get_by_label("change").click();
                harness.step();
                harness.step();
                if let Some(button) = harness.query_by_label("map") {
                    button.click();
                }
            }
            _ => std::thread::sleep(std::time::Duration::from_millis(40)),
        }
        harness.step();
    }
    harness.state_mut().close();
    let count = *started.lock().unwrap();
    assert!(count >= 15, "{count} runs");
    for i in 0..count {
        assert!(folder.path().join(i.to_string()).join("model.safetensors").is_file(), "run {i} of {count} was lost");
    }
}
