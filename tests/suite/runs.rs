//! Runs: equal seeds give equal bytes, resumed equals uninterrupted, live edits are recorded, workers always end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hourglass::data::{DataSet, DataSpec};
use hourglass::device::{Device, DeviceChoice};
use hourglass::error::{Advice, ErrorKind, Setting};
use hourglass::model::{LEARNING_RATE, Model, Spec, preset};
use hourglass::monitor::{Command, Event, PlayState, PreviewRequest, Worker, WorkerOptions};
use hourglass::platform::Wait as _;
use hourglass::train::{Run, RunDir, Session};

use crate::support::{devices, digits};

/// Small enough for seconds, with a last epoch that the bound on steps cuts.
fn small_spec(steps: u64) -> Spec {
    let settings = [format!("train.steps={steps}"), "train.batch_size=256".to_owned(), "model.latent=5".to_owned()];
    preset("undercomplete").expect("a preset").spec.with_set(&settings).expect("settings")
}

fn model_bytes(device: &Device, spec: &Spec) -> Vec<u8> {
    let mut session = Session::new(spec.clone(), digits(), device.clone()).expect("a session");
    while session.train(usize::MAX).wait().expect("it trains") > 0 {}
    let weights = session.weights().wait().expect("weights");
    session.model(&weights).to_bytes().expect("bytes")
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_every_device_and_any_threads() {
    let mut spec = small_spec(30);
    for device in devices() {
        assert!(model_bytes(&device, &spec) == model_bytes(&device, &spec), "{}", device.info());
    }
    let threads = |count| Device::open(DeviceChoice::Cpu, Some(count)).expect("threads");
    let one = model_bytes(&threads(1), &spec);
    assert!(one == model_bytes(&threads(2), &spec) && one == model_bytes(&threads(5), &spec), "threads change bits");
    spec.train.seed = 2;
    assert!(one != model_bytes(&threads(2), &spec), "another seed is another model");
}

#[test]
fn the_model_file_has_its_names_and_shapes_and_comes_back() {
    let mut session = Session::new(small_spec(1), digits(), crate::support::cpu()).expect("a session");
    session.train(1).wait().expect("a step");
    let weights = session.weights().wait().expect("weights");
    let model = session.model(&weights);
    let bytes = model.to_bytes().expect("bytes");
    let back = Model::from_bytes(&bytes, Path::new("m")).expect("it reads");
    let shapes: Vec<(String, String)> =
        back.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.to_string())).collect();
    let expected = [
        ("decoder.0.bias", "128"),
        ("decoder.0.weight", "128x5"),
        ("decoder.1.bias", "784"),
        ("decoder.1.weight", "784x128"),
        ("encoder.0.bias", "256"),
        ("encoder.0.weight", "256x784"),
        ("encoder.1.bias", "128"),
        ("encoder.1.weight", "128x256"),
        ("encoder.2.bias", "5"),
        ("encoder.2.weight", "5x128"),
    ];
    assert_eq!(shapes, expected.map(|(name, shape)| (name.to_owned(), shape.to_owned())));
    assert_eq!(back.to_flat(session.network(), Path::new("m")).expect("flat"), weights);
    for damaged in [&bytes[..0], &bytes[..5], &bytes[..bytes.len() / 2], b"not a model at all, but text"] {
        let error = Model::from_bytes(damaged, Path::new("damaged.safetensors")).expect_err("damaged").to_string();
        assert!(error.contains("damaged.safetensors"), "{error}");
    }
}

fn run_in(dir: &Path, spec: &Spec) -> Run {
    let session = Session::new(spec.clone(), digits(), crate::support::cpu()).expect("a session");
    Run::new(session, None, Some(RunDir::create(dir).expect("a folder")), false).wait().expect("a run")
}

fn finish(run: &mut Run) {
    while !run.is_done() {
        run.advance(7).wait().expect("it advances");
    }
    run.report(false).wait().expect("it saves");
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = small_spec(300);
    let whole = folder.path().join("whole");
    finish(&mut run_in(&whole, &spec));

    let cut = folder.path().join("cut");
    let stopped_at = {
        let mut run = run_in(&cut, &spec);
        while run.session().step() < 230 {
            run.advance(3).wait().expect("it advances");
        }
        run.save().wait().expect("it saves");
        run.session().step()
    };
    assert!(stopped_at % 214 != 0, "in the middle of an epoch");
    let dir = RunDir::open(&cut).expect("the run is there");
    let session = Session::new(dir.read_spec().expect("its spec"), digits(), crate::support::cpu()).expect("a session");
    let mut resumed = Run::resume(session, None, dir, false).wait().expect("it resumes");
    assert_eq!(resumed.session().step(), stopped_at);
    finish(&mut resumed);

    for file in ["model.safetensors", "checkpoint/best.safetensors", "spec.toml"] {
        let read = |root: &Path| std::fs::read(root.join(file)).expect(file);
        // Seconds differ, so checkpoints are compared by their tensors.
        if file.starts_with("checkpoint") {
            let tensors = |root: &Path| RunDir::open(root).unwrap().read_checkpoint("best").expect("best").1;
            assert!(tensors(&whole) == tensors(&cut), "{file}");
        } else {
            assert!(read(&whole) == read(&cut), "{file} differs");
        }
    }
    let losses = |root: &Path| -> Vec<(u32, f64, f64)> {
        let reports = RunDir::open(root).unwrap().read_metrics();
        reports.iter().map(|report| (report.epoch, report.train_loss, report.validation_loss)).collect()
    };
    assert_eq!(losses(&whole), losses(&cut));
    assert_eq!(losses(&whole).len(), 2, "an epoch of 214 steps and the rest");
}

/// Data that changes under a run: one value, a row more, and rows in other parts are noticed, each in words.
#[test]
fn a_run_notices_that_its_data_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("table.csv");
    let write = |rows: usize, changed: Option<usize>| {
        let mut text = "a,b,c,d\n".to_owned();
        for row in 0..rows {
            let x = row as f64;
            let d = if changed == Some(row) { 0.25 } else { (x * 0.9).cos() };
            text.push_str(&format!("{},{},{},{d}\n", x.sin(), (x * 1.7).sin(), (x * 0.3).cos()));
        }
        std::fs::write(&table, text).expect("written");
    };
    write(60, None);
    let opened = |spec: &Spec| {
        let data = Arc::new(spec.open_data().expect("a table"));
        Session::new(spec.clone(), data, crate::support::cpu()).expect("a session")
    };
    let options = DataSpec::from_source(table.display().to_string());
    let data = DataSet::open(&options, 0.1, 1).expect("a table");
    let mut spec = hourglass::model::auto_spec(&data).expect("a spec").spec;
    spec.take_options(&data);
    (spec.train.epochs, spec.train.early_stopping) = (2, None);
    let path = folder.path().join("run");
    let dir = RunDir::create(&path).expect("a folder");
    let mut run = Run::new(opened(&spec), None, Some(dir), false).wait().expect("a run");
    run.advance(1).wait().expect("it advances");
    run.save().wait().expect("it saves");
    drop(run);
    let dir = || RunDir::open(&path).expect("the run is there");
    let resume = |spec: &Spec| Run::resume(opened(spec), None, dir(), false).wait();
    resume(&spec).expect("nothing changed");
    let refused = |spec: &Spec, words: &str| {
        let error = resume(spec).expect_err("the data changed");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("table.csv") && error.to_string().contains(words), "{error}");
    };
    write(60, Some(17));
    refused(&spec, "other values");
    write(61, None);
    refused(&spec, "it has 61 rows and had 60");
    write(60, None);
    let divided = spec.with_set(&["data.test_fraction=0.3".to_owned()]).expect("a setting");
    refused(&divided, "part than were");
    // A run of before fingerprints were kept: what its division tells.
    std::fs::remove_file(path.join("data.json")).expect("removed");
    refused(&divided, "part than were");
    resume(&spec).expect("nothing is known to have changed");
    // Gone on with on purpose, the changed data is that of the run.
    write(60, Some(17));
    refused(&spec, "other values");
    Run::resume_on_any_data(opened(&spec), None, dir(), false).wait().expect("on purpose");
    resume(&spec).expect("it is as it was left");
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run");
    finish(&mut run_in(&path, &small_spec(2)));
    let dir = RunDir::open(&path).expect("there");
    let other = small_spec(2).with_set(&["model.latent=6".to_owned()]).expect("a setting");
    let session = Session::new(other, digits(), crate::support::cpu()).expect("a session");
    let error = Run::resume(session, None, dir, false).wait().expect_err("another model");
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("last.safetensors"), "{error}");
}

#[test]
fn a_torn_last_line_of_metrics_is_ignored() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = run_in(&folder.path().join("run"), &small_spec(2));
    finish(&mut run);
    let dir = RunDir::open(&folder.path().join("run")).expect("there");
    let path = dir.path().join("metrics.jsonl");
    let text = std::fs::read_to_string(&path).expect("metrics");
    std::fs::write(&path, format!("{text}{{\"epoch\":2,\"st")).expect("torn");
    assert_eq!(dir.read_metrics().len(), 1);
}

fn worker(out: &Path, steps: u64, paused: bool) -> Worker {
    let mut options = WorkerOptions::new(small_spec(steps));
    options.device = DeviceChoice::Cpu;
    options.threads = Some(2);
    options.out = Some(out.to_owned());
    options.watched = true;
    options.start_paused = paused;
    Worker::spawn(options, || {}).expect("a worker")
}

/// Waits for a moment that satisfies `wanted`, at most a minute.
fn wait_for(worker: &Worker, wanted: impl Fn(&hourglass::monitor::Moment) -> bool) -> Arc<hourglass::monitor::Moment> {
    let started = std::time::Instant::now();
    loop {
        while worker.events().try_recv().is_ok() {}
        let moment = worker.moment();
        if wanted(&moment) {
            return moment;
        }
        assert!(
            started.elapsed().as_secs() < 60,
            "waited in vain at {:?} {}",
            moment.snapshot.progress.state,
            moment.snapshot.progress.message
        );
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn a_worker_obeys_and_records_live_edits() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let worker = worker(&out, 100_000, true);
    let first = wait_for(&worker, |moment| moment.snapshot.progress.state == PlayState::Paused);
    assert_eq!(first.snapshot.progress.step, 0);
    let data = &first.snapshot.run.data;
    assert_eq!((data.train, data.validation, data.test), (55_000, 5_000, 10_000));
    assert_eq!(first.snapshot.pairs.labels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(first.snapshot.map.points.len(), 5000);
    assert!(first.snapshot.map.projected);
    worker.send(Command::Step);
    wait_for(&worker, |moment| {
        moment.snapshot.progress.step == 1 && moment.snapshot.progress.state == PlayState::Paused
    });
    worker.send(Command::Edit { field: LEARNING_RATE, value: 0.0005 });
    wait_for(&worker, |moment| moment.snapshot.progress.learning_rate == 0.0005);
    worker.send(Command::Edit { field: LEARNING_RATE, value: -1.0 });
    worker.send(Command::Play);
    wait_for(&worker, |moment| moment.snapshot.progress.step > 3 && !moment.snapshot.curves.train.is_empty());
    worker.send(Command::Pause);
    wait_for(&worker, |moment| moment.snapshot.progress.state == PlayState::Paused);
    worker.send(Command::Stop);
    let last = wait_for(&worker, |moment| moment.snapshot.progress.state == PlayState::Finished);
    drop(worker);
    let picture = folder.path().join("picture.png");
    hourglass::report::draw_run(&last.snapshot, &picture).expect("it draws");
    let drawn = image::open(&picture).expect("a PNG").into_rgb8();
    let colors: std::collections::BTreeSet<[u8; 3]> = drawn.pixels().map(|pixel| pixel.0).collect();
    assert!(colors.len() > 500, "curves, digits and a map are in it: {} colors", colors.len());
    let spec = RunDir::open(&out).expect("the run").read_spec().expect("its spec");
    assert_eq!(spec.edits.len(), 1);
    assert_eq!((spec.edits[0].step, spec.edits[0].value), (1, 0.0005));
    assert!(out.join("model.safetensors").is_file());
}

#[test]
fn an_edited_run_is_reproduced_by_its_spec() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = run_in(&folder.path().join("first"), &small_spec(40));
    first.advance(11).wait().expect("it advances");
    first.session_mut().edit(LEARNING_RATE, 0.01).expect("an edit");
    finish(&mut first);
    let spec = RunDir::open(&folder.path().join("first")).unwrap().read_spec().expect("its spec");
    finish(&mut run_in(&folder.path().join("second"), &spec));
    let model = |name: &str| std::fs::read(folder.path().join(name).join("model.safetensors")).expect("a model");
    assert!(model("first") == model("second"));
}

/// Every live field, changed in the middle, on both devices: it changes what is learned, and the spec alone tells all of it.
#[test]
fn every_live_field_acts_and_is_reproduced_by_the_spec() {
    use hourglass::model::{BETA, CORRUPTION, DROPOUT, SPARSITY};
    let folder = tempfile::tempdir().expect("a folder");
    for (number, device) in devices().into_iter().enumerate() {
        for (field, value, name, settings) in [
            (LEARNING_RATE, 0.01, "undercomplete", &[][..]),
            (BETA, 4.0, "variational", &[]),
            (CORRUPTION, 0.0, "denoising-gaussian", &[]),
            (SPARSITY, 0.02, "undercomplete", &["objective.sparsity=0.0001"]),
            (DROPOUT, 0.0, "undercomplete", &["model.encoder=[\"dense 64 relu\", \"dropout 0.3\", \"latent\"]"]),
            (DROPOUT, 0.7, "undercomplete", &["model.encoder=[\"dense 64 relu\", \"dropout 0.3\", \"latent\"]"]),
        ] {
            let usual = ["train.steps=12", "train.batch_size=64", "model.latent=5", "data.rows=640", "train.epochs=2"];
            let settings: Vec<String> = usual.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
            let spec = preset(name).expect("a preset").spec.with_set(&settings).expect("settings");
            let session = Session::new(spec.clone(), digits(), device.clone()).expect("a session");
            let dir = folder.path().join(format!("{number} {field} {value}"));
            let mut run =
                Run::new(session, None, Some(RunDir::create(&dir).expect("a folder")), true).wait().expect("a run");
            run.advance(5).wait().expect("it advances");
            run.session_mut().edit(field, value).expect("an edit");
            finish(&mut run);
            let edited = RunDir::open(&dir).expect("the run").read_spec().expect("its spec");
            assert_eq!(edited.edits.len(), 1, "{field}");
            let bytes = |spec: &Spec| {
                let mut session = Session::new(spec.clone(), digits(), device.clone()).expect("a session");
                while session.train(usize::MAX).wait().expect("it trains") > 0 {}
                session.weights().wait().expect("weights").parameters
            };
            let made = run.session_mut().weights().wait().expect("weights").parameters;
            assert!(made == bytes(&edited), "{field} on {}: the spec tells another story", device.info());
            assert!(made != bytes(&spec), "{field} on {}: the edit did nothing", device.info());
        }
    }
}

#[test]
fn an_edit_of_what_a_model_has_not_is_refused_in_words() {
    let mut session = Session::new(small_spec(10), digits(), crate::support::cpu()).expect("a session");
    for (field, value) in [
        (hourglass::model::BETA, 1.0),
        (hourglass::model::SPARSITY, 1.0),
        (hourglass::model::CORRUPTION, 1.0),
        (hourglass::model::DROPOUT, 0.5),
    ] {
        let error = session.edit(field, value).expect_err("it has none").to_string();
        assert!(error.contains(field), "{error}");
    }
    assert!(session.spec().edits.is_empty());
}

/// What a watcher is shown on wish: pinned rows stay, train rows and errors are on the map, layers tell of themselves; and
/// after the end somebody still answers.
#[test]
fn a_worker_publishes_the_previews_requested() {
    let folder = tempfile::tempdir().expect("a folder");
    let worker = worker(&folder.path().join("run"), 3, true);
    let first = wait_for(&worker, |moment| moment.snapshot.progress.state == PlayState::Paused && moment.live);
    let kept = first.snapshot.pairs.rows[3];
    let mut wish = PreviewRequest { turn: 1, train_rows: true, errors: true, ..PreviewRequest::default() };
    wish.pinned[3] = Some(kept);
    worker.send(Command::SetPreview(wish.clone()));
    let second = wait_for(&worker, |moment| moment.snapshot.map.points.len() == 60_000);
    assert_eq!(second.snapshot.pairs.rows[3], kept);
    let others = first.snapshot.pairs.rows.iter().zip(&second.snapshot.pairs.rows).filter(|(a, b)| a != b).count();
    assert_eq!(others, 9, "all others change");
    assert_eq!(second.snapshot.pairs.labels, first.snapshot.pairs.labels, "one of each class again");
    let map = &second.snapshot.map;
    assert_eq!((map.held_out, map.errors.len(), map.depth.len(), map.rows.len()), (5000, 60_000, 60_000, 60_000));
    let digits = digits();
    assert!(
        map.rows
            .iter()
            .zip(&map.labels)
            .all(|(&row, &label)| { digits.labels.as_ref().expect("labels")[row as usize] == label })
    );
    assert!(map.errors.iter().all(|error| (0.0..1.0).contains(error)));
    worker.send(Command::Play);
    let last = wait_for(&worker, |moment| moment.snapshot.progress.state == PlayState::Finished);
    let health = &last.snapshot.health;
    assert_eq!((health.filters.count(), health.layers.len()), (64, 5));
    assert!(health.layers.iter().all(|layer| layer.gradient > 0.0 && layer.gradient < 10.0), "{:?}", health.layers);
    assert_eq!(health.layers[0].name, "encoder.0");
    worker.send(Command::SetPreview(PreviewRequest { turn: 2, ..wish }));
    let after = wait_for(&worker, |moment| moment.snapshot.pairs.rows != second.snapshot.pairs.rows);
    assert_eq!((after.snapshot.progress.state, after.snapshot.pairs.rows[3]), (PlayState::Finished, kept));
    assert!(after.snapshot.report.is_some());
}

/// The weight of the divergence, changed where an epoch ends: validation before the change must not know of it when the
/// spec is trained again, or another epoch would be the best.
#[test]
fn an_edit_of_beta_is_not_known_before_its_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = ["data.rows=2560", "train.epochs=3", "model.latent=4", "objective.beta=0.1"].map(str::to_owned);
    let spec = preset("variational").expect("a preset").spec.with_set(&settings).expect("settings");
    let mut first = run_in(&folder.path().join("first"), &spec);
    while first.epochs().is_empty() {
        first.advance(7).wait().expect("it advances");
    }
    first.session_mut().edit(hourglass::model::BETA, 3.0).expect("an edit");
    finish(&mut first);
    let spec = RunDir::open(&folder.path().join("first")).unwrap().read_spec().expect("its spec");
    let mut second = run_in(&folder.path().join("second"), &spec);
    finish(&mut second);
    let losses = |run: &Run| run.epochs().iter().map(|epoch| epoch.validation_loss).collect::<Vec<f64>>();
    assert_eq!(losses(&first), losses(&second));
    let model = |name: &str| std::fs::read(folder.path().join(name).join("model.safetensors")).expect("a model");
    assert!(model("first") == model("second"));
}

#[test]
fn a_diverged_run_says_so_and_saves_no_wrong_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let settings = ["optimizer.learning_rate=1e30", "train.epochs=1", "model.decoder=[\"output\"]"];
    let mut options = WorkerOptions::new(small_spec(50).with_set(&settings.map(str::to_owned)).expect("settings"));
    options.device = DeviceChoice::Cpu;
    options.out = Some(out.clone());
    let worker = Worker::spawn(options, || {}).expect("a worker");
    let (message, kind, advice) = worker
        .events()
        .iter()
        .find_map(|event| match event {
            Event::Failed { message, kind, advice } => Some((message, kind, advice)),
            _ => None,
        })
        .expect("it fails");
    assert!(message.contains("diverged") && message.contains("learning_rate"), "{message}");
    assert_eq!((kind, advice), (ErrorKind::Work, Some(Advice::new(Setting::LEARNING_RATE, 1e29))));
    drop(worker);
    assert!(!out.join("model.safetensors").exists(), "nothing was learned, so nothing is saved");
}

#[test]
fn a_stop_is_final() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = WorkerOptions::new(small_spec(1_000_000));
    (options.device, options.out, options.watched) = (DeviceChoice::Cpu, Some(folder.path().join("run")), true);
    let worker = Worker::spawn(options, || {}).expect("a worker");
    wait_for(&worker, |moment| moment.snapshot.progress.step > 3);
    for command in [Command::Stop, Command::Play, Command::Step, Command::Pause] {
        worker.send(command);
    }
    let ended = wait_for(&worker, |moment| moment.snapshot.progress.state == PlayState::Finished);
    assert!(!ended.live && ended.snapshot.report.is_some(), "it is saved, and nobody answers any more");
    drop(worker);
    assert!(folder.path().join("run/model.safetensors").is_file());
}

#[test]
fn starting_and_dropping_workers_never_hangs() {
    let folder = tempfile::tempdir().expect("a folder");
    let wakes = Arc::new(AtomicUsize::new(0));
    for i in 0..12_u64 {
        let mut options = WorkerOptions::new(small_spec(2000));
        options.device = DeviceChoice::Cpu;
        options.out = Some(folder.path().join(i.to_string()));
        options.watched = i % 2 == 0;
        options.start_paused = i % 3 == 0;
        let counter = Arc::clone(&wakes);
        let wake = move || {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        let worker = Worker::spawn(options, wake).expect("a worker");
        for command in [Command::Step, Command::Play, Command::Pause, Command::Play].into_iter().take(i as usize % 5) {
            worker.send(command);
        }
        std::thread::sleep(std::time::Duration::from_millis(i * 29));
        drop(worker);
        let saved = folder.path().join(i.to_string()).join("model.safetensors");
        assert!(saved.is_file(), "run {i} was lost");
    }
    assert!(wakes.load(Ordering::Relaxed) > 0);
}

/// What is predicted of a spec is what its session then holds.
#[test]
fn cost_estimates_match_sessions() {
    use hourglass::model::LayerLocation;
    for name in ["undercomplete", "map", "convolutional", "sparse"] {
        let spec = preset(name).expect("a preset").spec;
        let prediction = hourglass::train::estimate_cost(&spec, &digits()).expect("it plans");
        let session = Session::new(spec, digits(), crate::support::cpu()).expect("a session");
        assert_eq!(prediction.parameters, session.network().parameter_count(), "{name}");
        let bytes = session.bytes();
        assert_eq!(prediction.memory_bytes, bytes.activations + bytes.external, "{name}");
        let mut widths: Vec<usize> = prediction.outline.iter().map(|(_, width)| *width).collect();
        widths.dedup();
        assert_eq!(widths, session.network().widths(), "{name}");
        let latent = prediction.outline.iter().find(|(place, _)| *place == LayerLocation::Latent);
        assert_eq!(latent.map(|(_, width)| *width), Some(session.network().latent()), "{name}");
    }
    let wrong = preset("undercomplete").expect("a preset").spec.with_set(&["model.latent=0".to_owned()]);
    assert!(wrong.is_err());
}
