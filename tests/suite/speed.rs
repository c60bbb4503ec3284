//! What makes it fast changes no result: forms of kernels that are chosen and recorded, the timeline, activations made
//! twice, memory as it was predicted.

use std::path::Path;

use hourglass::device::Device;
use hourglass::graph::{Executable, SharedBuffers};
use hourglass::model::{KernelChoices, Network, RowSource, Spec, preset};
use hourglass::platform::Wait as _;
use hourglass::train::{RunDir, Session};

use crate::command_line::{error_line, hourglass, json};
use crate::support::{devices, digit_shape, digits, gpu};

fn train(arguments: &[&str], out: &Path, home: &Path) -> std::process::Output {
    let out = out.display().to_string();
    let fixed = ["train", "--preset", "undercomplete", "--epochs", "1", "--set", "train.steps=20", "--json", "--quiet"];
    let all: Vec<&str> = fixed.into_iter().chain(["--out", &out]).chain(arguments.iter().copied()).collect();
    let output = hourglass(&all, home);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn kernels_of(run: &Path) -> Option<KernelChoices> {
    RunDir::open(run).expect("a run").read_spec().expect("its spec").engine.kernels
}

/// Measured once, remembered, recorded; with `off` nothing is; a spec that records a form runs in it wherever what is
/// remembered says otherwise, and gives the same bits.
#[test]
fn kernel_variants_are_chosen_once_and_recorded() {
    if gpu().is_none() {
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &str| home.path().join(name);
    train(&["--device", "gpu", "--tune", "off"], &at("off"), home.path());
    assert_eq!(kernels_of(&at("off")), None);
    train(&["--device", "gpu"], &at("first"), home.path());
    let first = kernels_of(&at("first")).expect("a GPU has forms to choose among");
    assert!(!first.variants.is_empty() && !first.adapter.is_empty());
    let state = RunDir::open(&at("first")).expect("a run").read_checkpoint("last").expect("a checkpoint").0;
    assert_eq!(state.kernels.as_ref(), Some(&first), "the checkpoint records them too");
    let model = std::fs::read(at("first").join("model.safetensors")).expect("a model");
    let text = String::from_utf8_lossy(&model[..4096.min(model.len())]).into_owned();
    assert!(!text.contains(&first.adapter), "a model file says nothing of the host");

    // What is remembered now claims the opposite of what was chosen.
    let cache = home.path().join(".cache").join("hourglass").join("kernels.json");
    let remembered = std::fs::read_to_string(&cache).expect("the choices are remembered");
    let other =
        remembered.replace("\"direct\"", "\"?\"").replace("\"wide\"", "\"direct\"").replace("\"?\"", "\"wide\"");
    assert_ne!(other, remembered);
    std::fs::write(&cache, &other).expect("written");
    train(&["--device", "gpu"], &at("remembered"), home.path());
    assert_ne!(kernels_of(&at("remembered")), Some(first.clone()), "what is remembered is used");
    let spec = at("first").join("spec.toml").display().to_string();
    let again = at("again").display().to_string();
    let output = hourglass(&["train", &spec, "--device", "gpu", "--json", "--quiet", "--out", &again], home.path());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(kernels_of(&at("again")), Some(first), "what a spec records holds");
    assert_eq!(std::fs::read(at("again").join("model.safetensors")).expect("a model"), model);
    let verified = hourglass(&["verify", &again, "--device", "gpu", "--json"], home.path());
    assert_eq!(json(&verified)["result"], "exact");
}

/// A run goes on in the forms that it began with.
#[test]
fn kernel_variants_never_change_within_a_run() {
    if gpu().is_none() {
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let run = home.path().join("run");
    train(&["--device", "gpu"], &run, home.path());
    let spec = std::fs::read_to_string(run.join("spec.toml")).expect("a spec");
    let changed = spec.replace("= \"direct\"", "= \"wide\"");
    let changed = if changed == spec { spec.replace("= \"wide\"", "= \"direct\"") } else { changed };
    std::fs::write(run.join("spec.toml"), changed).expect("written");
    let refused = hourglass(&["resume", &run.display().to_string(), "--epochs", "2", "--device", "gpu"], home.path());
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(error_line(&refused).contains("engine.kernels"), "{}", error_line(&refused));
}

#[test]
fn an_unknown_kernel_variant_is_refused_and_the_cpu_records_none() {
    let mut spec = preset("undercomplete").expect("a preset").spec;
    let variants = [("dense_forward 128x784x256".to_owned(), "fastest".to_owned())].into();
    spec.engine.kernels = Some(KernelChoices { adapter: "any".to_owned(), variants });
    let error = spec.check().expect_err("no such variant").to_string();
    assert!(error.contains("engine.kernels") && error.contains("fastest"), "{error}");
    let home = tempfile::tempdir().expect("a folder");
    let run = home.path().join("run");
    train(&["--device", "cpu"], &run, home.path());
    assert_eq!(kernels_of(&run), None);
    assert!(!home.path().join(".cache").exists(), "nothing is written unasked");
}

/// A timeline names every call of a step, and opens: spans have names, tracks, starts and lengths.
#[test]
fn a_timeline_shows_each_call() {
    let home = tempfile::tempdir().expect("a folder");
    let mut devices = vec!["cpu"];
    devices.extend(gpu().map(|_| "gpu"));
    for device in devices {
        let file = home.path().join(format!("{device}.json"));
        let path = file.display().to_string();
        let out = home.path().join(device);
        train(&["--device", device, "--tune", "off", "--trace", &path], &out, home.path());
        let text = std::fs::read(&file).expect("a timeline");
        let timeline: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let events = timeline["traceEvents"].as_array().expect("events");
        let spans = |name: &str| events.iter().filter(|e| e["ph"] == "X" && e["name"] == name).count();
        // 20 steps, each with one forward pass of the first layer, one update.
        for name in ["encoder.0 (dense_forward)", "optimizer (adam)", "gradient of encoder.0 (dense_backward_weights)"]
        {
            assert!(spans(name) >= 20, "{device}: {name} is there {} times", spans(name));
        }
        if device == "gpu" {
            assert!(spans("record step") >= 20 && spans("read losses") > 0);
        }
        for event in events.iter().filter(|event| event["ph"] == "X") {
            assert!(event["ts"].as_f64() >= Some(0.0) && event["dur"].as_f64() >= Some(0.0), "{event}");
        }
    }
    let nowhere = home.path().join("no").join("such.json").display().to_string();
    let refused = hourglass(&["train", "--trace", &nowhere], home.path());
    assert_eq!(refused.status.code(), Some(2));
    assert!(error_line(&refused).contains("cannot write the timeline"), "{}", error_line(&refused));
}

fn images(recompute: bool) -> Spec {
    let text = format!(
        r#"
        version = 1
        [corruption]
        gaussian = 0.2
        [model]
        kind = "denoiser"
        latent = 0
        residual = true
        encoder = ["conv 8 3x3", "batchnorm relu", "save a", "conv 8 3x3 relu", "conv 8 3x3 silu", "dropout 0.1",
                   "conv 8 3x3 tanh", "conv 8 3x3 relu", "conv 8 3x3 relu", "groupnorm 2 relu"]
        decoder = ["conv 8 3x3 relu", "conv 8 3x3 with a relu", "conv 8 3x3 relu", "output conv 3x3"]
        [train]
        batch_size = 16
        [engine]
        recompute = {recompute}
        "#
    );
    Spec::from_toml(&text, "test").expect("the spec is right")
}

#[test]
fn activation_checkpointing_takes_less_memory_and_gives_the_same_bits() {
    let bytes = |recompute| {
        let network = Network::new(&images(recompute), digit_shape()).expect("it fits");
        network.training_pass(16, RowSource::Input).expect("a plan").bytes().activations
    };
    assert!(bytes(true) * 4 < bytes(false) * 3, "{} of {}", bytes(true), bytes(false));
    for device in devices() {
        let run = |recompute| {
            let mut session = Session::new(images(recompute), digits(), device.clone()).expect("a session");
            session.train(6).wait().expect("it trains");
            (session.take_losses(true).wait().expect("losses"), session.weights().wait().expect("weights"))
        };
        assert_eq!(run(true), run(false), "{}", device.info());
    }
}

/// What a plan says it takes is what is allocated for it, to the byte.
#[test]
fn memory_is_as_it_was_predicted() {
    for name in ["undercomplete", "convolutional", "map", "vq", "unet", "convolutional-deep"] {
        let network = Network::new(&preset(name).expect("a preset").spec, digit_shape()).expect("it fits");
        let plan = network.training_pass(32, RowSource::Input).expect("a plan");
        for device in devices() {
            let mut externals = SharedBuffers::default();
            externals.allocate_for(&device, &plan);
            let executable = Executable::new(&device, &plan, &externals).expect("it fits");
            let predicted = plan.bytes();
            assert_eq!(executable.block_bytes(), predicted.activations, "{name}: activations, {}", device.info());
            assert_eq!(externals.bytes(), predicted.external, "{name}: external, {}", device.info());
        }
    }
}

/// The same bits whatever the threads, in products large enough to be shared out and in convolutions of each form.
#[test]
fn the_count_of_threads_changes_no_bit() {
    let layers = [
        r#"encoder = ["dense 1024 relu", "latent"]"#,
        r#"encoder = ["conv 16 3x3 stride 2 relu", "conv 24 3x3 relu", "conv 3 3x3", "latent"]"#,
    ];
    for layers in layers {
        let text = format!("version = 1\n[model]\nlatent = 16\n{layers}\n[train]\nbatch_size = 200\n");
        let losses = |threads| {
            let spec = Spec::from_toml(&text, "test").expect("the spec is right");
            let device = Device::Cpu(hourglass::device::cpu::CpuDevice::new(Some(threads)).expect("threads"));
            let mut session = Session::new(spec, digits(), device).expect("a session");
            session.train(4).wait().expect("it trains");
            (session.take_losses(true).wait().expect("losses"), session.weights().wait().expect("weights"))
        };
        let one = losses(1);
        assert!(one == losses(2) && one == losses(5), "{layers}");
    }
}
