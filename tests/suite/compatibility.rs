//! Files of earlier versions open and reproduce; help, JSON keys and exit codes are as recorded.
//!
//! `tests/fixtures/make_compatibility.sh` made the files once. `HOURGLASS_ACCEPT=1` writes the recorded texts anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::command_line::{hourglass, json};
use crate::support::{files_below, repository};

/// Results recorded on one processor and computed on another: gemm chooses its vector width by processor, which changes
/// the order of sums, and training for tens of steps carries the difference on.
const ACROSS_PROCESSORS: f64 = 2e-3;

fn fixtures() -> PathBuf {
    repository().join("tests/fixtures/compatibility")
}

fn fixture(name: &str) -> String {
    fixtures().join(name).display().to_string()
}

/// Runs a command that must succeed.
fn succeed(arguments: &[&str], home: &Path) -> std::process::Output {
    let output = hourglass(arguments, home);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Compares `actual` with the recorded text, or records it.
fn check_recorded(name: &str, actual: &str) {
    let path = fixtures().join(name);
    if std::env::var_os("HOURGLASS_ACCEPT").is_some() {
        std::fs::write(&path, actual).expect("the record is written");
    }
    let recorded = std::fs::read_to_string(&path).expect("a record");
    for (line, (was, is)) in recorded.lines().zip(actual.lines()).enumerate() {
        assert_eq!(is, was, "{name}, line {}", line + 1);
    }
    assert_eq!(actual.lines().count(), recorded.lines().count(), "{name} has another length");
}

/// Cells that are numbers agree within the tolerance, others to the letter.
fn check_tables(actual: &Path, recorded: &Path) {
    let read =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (actual, recorded_text) = (read(actual), read(recorded));
    assert_eq!(actual.lines().count(), recorded_text.lines().count(), "{}", recorded.display());
    for (row, (is, was)) in actual.lines().zip(recorded_text.lines()).enumerate() {
        assert_eq!(is.split(',').count(), was.split(',').count(), "{}, row {row}", recorded.display());
        for (is, was) in is.split(',').zip(was.split(',')) {
            match (is.parse::<f64>(), was.parse::<f64>()) {
                (Ok(a), Ok(b)) => {
                    assert!(
                        (a - b).abs() <= ACROSS_PROCESSORS * b.abs().max(1e-3),
                        "{}, row {row}: {a} for {b}",
                        recorded.display()
                    );
                }
                // Reasons of detectors hold numbers of their own: names and order count.
                _ => assert_eq!(letters(is), letters(was), "{}, row {row}", recorded.display()),
            }
        }
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic() || *c == '_').collect()
}

/// Tensors of two model files agree by name and shape, and in value within the tolerance.
fn check_models(actual: &Path, recorded: &Path) {
    let load = |path: &Path| hourglass::model::Model::load(path).unwrap_or_else(|error| panic!("{error}"));
    let (actual, was) = (load(actual), load(recorded));
    assert_eq!(actual.tensors.keys().collect::<Vec<_>>(), was.tensors.keys().collect::<Vec<_>>());
    for (name, tensor) in &was.tensors {
        let (is, was) = (&actual.tensors[name].data, &tensor.data);
        assert_eq!(is.len(), was.len(), "{name}");
        let scale = was.iter().fold(0.0_f64, |most, value| most.max(f64::from(value.abs())));
        for (a, b) in is.iter().zip(was) {
            assert!(f64::from((a - b).abs()) <= ACROSS_PROCESSORS * scale.max(1e-3), "{name}: {a} for {b}");
        }
    }
}

#[test]
fn models_of_every_kind_reconstruct_as_recorded() {
    let home = tempfile::tempdir().expect("a folder");
    let rows = fixture("rows.csv");
    for kind in ["autoencoder", "variational", "wasserstein", "vector_quantized"] {
        let model = fixture(&format!("{kind}.safetensors"));
        let out = home.path().join(format!("{kind}.csv"));
        let arguments = ["reconstruct", &model, "--data", &rows, "-o", &out.display().to_string(), "--device", "cpu"];
        succeed(&arguments, home.path());
        check_tables(&out, &fixtures().join(format!("{kind}.reconstructed.csv")));
    }
    let latents = home.path().join("z.csv");
    let model = fixture("variational.safetensors");
    let out = latents.display().to_string();
    succeed(&["encode", &model, "--data", &rows, "-o", &out, "--device", "cpu"], home.path());
    check_tables(&latents, &fixtures().join("variational.encoded.csv"));
}

#[test]
fn an_interrupted_run_goes_on_as_if_it_had_not_been() {
    let home = tempfile::tempdir().expect("a folder");
    let run = home.path().join("half-run");
    copy_half_run(&run);
    let epochs = std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics").lines().count() + 2;
    let folder = run.display().to_string();
    succeed(&["resume", &folder, "--epochs", &epochs.to_string(), "--quiet"], home.path());
    check_models(&run.join("model.safetensors"), &fixtures().join("half-run.finished.safetensors"));
    succeed(&["verify", &folder, "--quiet"], home.path());
}

/// Copies the interrupted run to `to`.
fn copy_half_run(to: &Path) {
    let folder = "tests/fixtures/compatibility/half-run";
    for file in files_below(folder) {
        let target = to.join(&file);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        std::fs::copy(repository().join(folder).join(&file), target).expect("copied");
    }
}

#[test]
fn a_detector_scores_as_recorded() {
    let home = tempfile::tempdir().expect("a folder");
    let scores = home.path().join("scores.csv");
    let (detector, rows, out) = (fixture("detector.safetensors"), fixture("rows.csv"), scores.display().to_string());
    succeed(&["detect", "score", &detector, &rows, "-o", &out, "--device", "cpu"], home.path());
    check_tables(&scores, &fixtures().join("detector.scores.csv"));
    // One of a series that was fitted on windows at an eighth of the places, and is scored so.
    let (detector, rows) = (fixture("series_detector.safetensors"), fixture("series.csv"));
    succeed(&["detect", "score", &detector, &rows, "-o", &out, "--device", "cpu"], home.path());
    check_tables(&scores, &fixtures().join("series_detector.scores.csv"));
}

#[test]
fn a_compressed_file_comes_back() {
    let home = tempfile::tempdir().expect("a folder");
    let out = home.path().join("rows.csv");
    let (file, model, path) = (fixture("rows.hg"), fixture("autoencoder.safetensors"), out.display().to_string());
    succeed(&["decompress", &file, "--model", &model, "-o", &path, "--device", "cpu"], home.path());
    check_tables(&out, &fixtures().join("rows.decompressed.csv"));
    // A fingerprint of the model, the spec's text included, follows the magic number and the version.
    let again = home.path().join("rows.hg").display().to_string();
    succeed(&["compress", &model, &fixture("rows.csv"), "-o", &again, "--bits", "4", "--device", "cpu"], home.path());
    let head = |path: &str| std::fs::read(path).expect("a file")[..13].to_vec();
    assert_eq!(head(&again), head(&file));
}

#[test]
fn a_spec_with_edits_and_kernel_choices_trains_as_recorded() {
    let home = tempfile::tempdir().expect("a folder");
    let run = home.path().join("run");
    let (spec, out) = (fixture("edited.toml"), run.display().to_string());
    succeed(&["train", &spec, "--device", "cpu", "--quiet", "--out", &out], home.path());
    check_models(&run.join("model.safetensors"), &fixtures().join("edited.safetensors"));
    let written = std::fs::read_to_string(run.join("spec.toml")).expect("a spec");
    assert_eq!(written, std::fs::read_to_string(fixture("edited.written.toml")).expect("a record"));
    // Choices of kernels are dropped on the CPU; elsewhere they are kept to the letter.
    let text = std::fs::read_to_string(&spec).expect("a spec");
    let parsed = hourglass::model::Spec::from_toml(&text, "spec.toml").expect("it parses");
    let choices = parsed.engine.kernels.expect("choices");
    let back = toml::to_string(&choices).expect("text");
    assert_eq!(
        back,
        "adapter = \"An adapter that is not here, driver 1\"\n\n[forms]\n\"dense_forward 128x49x8\" = \"wide\"\n"
    );
}

#[test]
fn remembered_kernels_are_used_and_settings_are_read() {
    let Some(hourglass::device::Device::Gpu(context)) = crate::support::gpu() else { return };
    let home = tempfile::tempdir().expect("a folder");
    let info = context.info();
    let adapter = format!("{}, {}", info.adapter, info.driver).trim_end_matches([',', ' ']).to_owned();
    let remembered = std::fs::read_to_string(fixture("kernels.json")).expect("a record").replace("ADAPTER", &adapter);
    let remembered = remembered.replace("VERSION", env!("CARGO_PKG_VERSION"));
    let cache = home.path().join(".cache/hourglass");
    std::fs::create_dir_all(&cache).expect("a folder");
    std::fs::write(cache.join("kernels.json"), &remembered).expect("written");
    let run = home.path().join("run").display().to_string();
    let table =
        ["train", "--data", "tests/fixtures/data/digits8x8.csv.gz", "--device", "gpu", "--quiet", "--out", &run];
    let sizes = ["model.encoder=[\"dense 256 relu\",\"dense 128 relu\",\"latent\"]", "model.latent=16"];
    let settings =
        sizes.into_iter().chain(["train.batch_size=128", "train.steps=2"]).flat_map(|value| ["--set", value]);
    succeed(&table.into_iter().chain(settings).collect::<Vec<_>>(), home.path());
    let text = std::fs::read_to_string(Path::new(&run).join("spec.toml")).expect("a spec");
    let choices = hourglass::model::Spec::from_toml(&text, "spec.toml")
        .expect("it parses")
        .engine
        .kernels
        .expect("choices")
        .variants;
    let remembered: serde_json::Value = serde_json::from_str(&remembered).expect("JSON");
    let (_, known) = remembered.as_object().and_then(|all| all.iter().next()).expect("one adapter");
    let known = known.as_object().expect("choices");
    assert!(choices.len() > 3 && choices.iter().all(|(key, form)| known[key] == **form), "{choices:?} {known:?}");
    assert_eq!(std::fs::read_to_string(cache.join("kernels.json")).expect("kept").trim(), remembered_text(&remembered));
}

fn remembered_text(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).expect("text")
}

#[cfg(feature = "window")]
#[test]
fn settings_of_the_window_are_read_and_written_as_recorded() {
    let path = fixtures().join("window.json");
    let home = tempfile::tempdir().expect("a folder");
    let copy = home.path().join("window.json");
    hourglass::app::Settings::load(&path).save(&copy).expect("saved");
    let read = |path: &Path| std::fs::read_to_string(path).expect("settings").trim().to_owned();
    assert_eq!(read(&copy), read(&path));
    assert_ne!(hourglass::app::Settings::load(&path), hourglass::app::Settings::default());
}

/// Every command, with the word before it where commands are nested.
const COMMANDS: [&[&str]; 27] = [
    &[],
    &["train"],
    &["window"],
    &["resume"],
    &["evaluate"],
    &["encode"],
    &["decode"],
    &["probe"],
    &["project"],
    &["reconstruct"],
    &["denoise"],
    &["report"],
    &["detect"],
    &["detect", "fit"],
    &["detect", "score"],
    &["sample"],
    &["interpolate"],
    &["arithmetic"],
    &["traverse"],
    &["augment"],
    &["compress"],
    &["decompress"],
    &["verify"],
    &["data"],
    &["devices"],
    &["presets"],
    &["bench"],
];

#[test]
fn the_help_of_every_command_is_as_recorded() {
    let home = tempfile::tempdir().expect("a folder");
    let mut text = String::new();
    for command in COMMANDS {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = succeed(&arguments, home.path()).stdout;
        let _ = writeln!(text, "=== hourglass {}\n{}", arguments.join(" "), String::from_utf8_lossy(&help).trim_end());
    }
    check_recorded("help.txt", &text);
}

/// Paths of the keys of a JSON value; elements of lists share one path.
fn key_paths(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, inner) in fields {
                let path = format!("{path}.{key}");
                key_paths(inner, &path, found);
                found.insert(path);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| key_paths(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn json_keys_and_exit_codes_are_as_recorded() {
    let home = tempfile::tempdir().expect("a folder");
    let path = |name: &str| home.path().join(name).display().to_string();
    let table = repository().join("tests/fixtures/data/breast_cancer.csv").display().to_string();
    let camera = repository().join("assets/photographs/camera.png").display().to_string();
    copy_half_run(&home.path().join("half-run"));
    let (rows, autoencoder, variational) =
        (fixture("rows.csv"), fixture("autoencoder.safetensors"), fixture("variational.safetensors"));
    let (detector, denoiser, packed) =
        (fixture("detector.safetensors"), fixture("denoiser.safetensors"), fixture("rows.hg"));
    let train = ["train", "--data", &table, "--set", "train.steps=20", "--set", "data.labels=malignant"];
    let cases: Vec<Vec<String>> = [
        train.iter().copied().chain(["--out", &path("run")]).collect::<Vec<_>>(),
        train.iter().copied().chain(["--out", &path("run")]).collect(),
        vec!["train", "--preset", "nonsense"],
        vec!["train", "--set", "train.steps=0"],
        vec!["resume", &path("half-run"), "--epochs", "1"],
        vec!["verify", &path("half-run")],
        vec!["verify", &path("run")],
        vec!["report", &path("run")],
        vec!["evaluate", &variational, "--data", &table],
        vec!["evaluate", &rows],
        vec!["encode", &variational, "--data", &rows, "-o", &path("z.csv")],
        vec!["encode", &variational, "--data", "/no/such", "-o", &path("y.csv")],
        vec!["decode", &variational, "--data", &path("z.csv"), "-o", &path("decoded.csv")],
        vec!["probe", &variational, "--data", &table, "--set", "data.labels=malignant", "--labels", "10,100"],
        vec!["project", &variational, "--data", &rows, "-o", &path("map.csv")],
        vec!["reconstruct", &autoencoder, "--data", &rows, "-o", &path("made.csv")],
        vec!["denoise", &camera, "--model", &denoiser, "--fast", "-o", &path("clean.png")],
        vec!["denoise", "/no/such.png", &camera, "--model", &denoiser, "--fast", "-o", &path("cleaned")],
        vec!["detect", "fit", &table, "--label", "malignant", "-o", &path("detector.safetensors")],
        vec!["detect", "score", &detector, &rows, "-o", &path("scores.csv")],
        vec!["detect", "score", &detector, "/no/such.csv", "-o", &path("scores.csv")],
        vec!["sample", &variational, "-n", "3", "-o", &path("samples.csv")],
        vec!["interpolate", &variational, "0", "5", "--data", &rows, "-o", &path("between.csv")],
        vec!["arithmetic", &variational, "0", "1", "2", "--data", &rows, "-o", &path("sum.csv")],
        vec!["traverse", &variational, "-o", &path("traverse.csv")],
        vec!["augment", &variational, "--data", &rows, "-n", "2", "-o", &path("more.csv")],
        vec!["compress", &autoencoder, &rows, "-o", &path("rows.hg")],
        vec!["decompress", &packed, "--model", &autoencoder, "-o", &path("unpacked.csv")],
        vec!["decompress", &packed, "--model", &variational, "-o", &path("not.csv")],
        vec!["data", &table],
        vec!["devices"],
        vec!["presets"],
        vec!["nonsense"],
    ]
    .into_iter()
    .map(|case| case.into_iter().map(str::to_owned).collect())
    .collect();
    let mut text = String::new();
    for case in cases {
        let device = if case[0] == "devices" || case[0] == "presets" { None } else { Some(["--device", "cpu"]) };
        let arguments: Vec<&str> =
            case.iter().map(String::as_str).chain(device.into_iter().flatten()).chain(["--json"]).collect();
        let output = hourglass(&arguments, home.path());
        let words: Vec<String> = case
            .iter()
            .map(|word| word.rsplit_once('/').map_or_else(|| word.clone(), |(_, name)| name.to_owned()))
            .collect();
        let _ = writeln!(text, "=== {}\nexit code {}", words.join(" "), output.status.code().unwrap_or(-1));
        if !output.stdout.is_empty() {
            let mut found = BTreeSet::new();
            key_paths(&json(&output), "", &mut found);
            found.iter().for_each(|key| text.push_str(&format!("{}\n", &key[1..])));
        }
    }
    check_recorded("json_keys.txt", &text);
}
