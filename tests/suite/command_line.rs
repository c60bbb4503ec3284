//! The program as scripts see it: exit codes, one line of error, JSON fields.

use std::path::Path;
use std::process::{Command, Output};

/// The program under test: this build's, or another that is to be compared with it.
fn program() -> std::ffi::OsString {
    std::env::var_os("HOURGLASS_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_hourglass").into())
}

pub fn hourglass(arguments: &[&str], home: &Path) -> Output {
    Command::new(program())
        .args(arguments)
        .env("XDG_DATA_HOME", home)
        .env("XDG_CACHE_HOME", home.join(".cache"))
        .env("HOME", home)
        // Help is as wide as the terminal.
        .env("COLUMNS", "100")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts")
}

pub fn error_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().find(|line| line.starts_with("error: ") && !line.contains("XDG_RUNTIME_DIR")).unwrap_or("").to_owned()
}

pub fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim().lines().count(), 1, "exactly one JSON object: {text}");
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn train_arguments<'a>(out: &'a str, device: &'a str) -> Vec<&'a str> {
    let fixed = ["train", "--preset", "undercomplete", "--epochs", "1", "--set", "train.steps=6", "--json", "--quiet"];
    fixed.into_iter().chain(["--device", device, "--out", out]).collect()
}

#[test]
fn train_then_evaluate_gives_the_promised_fields() {
    let home = tempfile::tempdir().expect("a folder");
    let mut devices = vec!["cpu"];
    devices.extend(crate::support::gpu().map(|_| "gpu"));
    for device in devices {
        let out = home.path().join(device).display().to_string();
        let trained = hourglass(&train_arguments(&out, device), home.path());
        assert_eq!(trained.status.code(), Some(0), "{}", String::from_utf8_lossy(&trained.stderr));
        let report = json(&trained);
        for field in [
            "version",
            "device",
            "backend",
            "adapter",
            "preset",
            "seed",
            "parameters",
            "epochs",
            "steps",
            "seconds",
            "samples_per_second",
            "train_loss",
            "validation_loss",
            "best_epoch",
            "model",
            "run_dir",
            "test",
            "pca",
            "diagnosis",
        ] {
            assert!(report.get(field).is_some(), "{field} is missing");
        }
        assert_eq!(report["device"], *device);
        assert_eq!((&report["seed"], &report["steps"], &report["parameters"]), (&1.into(), &6.into(), &343_344.into()));
        for field in [
            "rows",
            "mse",
            "bce",
            "bce_excess",
            "psnr",
            "ssim",
            "negative_elbo",
            "reconstruction",
            "kl",
            "active_units",
        ] {
            assert!(report["test"].get(field).is_some(), "test.{field} is missing");
        }
        assert_eq!(report["pca"]["components"], 32);
        assert!(report["test"]["ssim"].as_f64().is_some_and(|ssim| ssim > 0.0 && ssim < 1.0));
        for file in ["spec.toml", "metrics.jsonl", "model.safetensors", "checkpoint/last.safetensors"] {
            assert!(Path::new(&out).join(file).is_file(), "{file}");
        }

        let model = report["model"].as_str().expect("a path");
        let evaluated = hourglass(&["evaluate", model, "--device", device, "--json"], home.path());
        assert_eq!(evaluated.status.code(), Some(0), "{}", String::from_utf8_lossy(&evaluated.stderr));
        let evaluation = json(&evaluated);
        assert_eq!(evaluation["mse"], report["test"]["mse"], "the saved model is the measured one");
        assert_eq!(evaluation["rows"], 10_000);
        for field in ["silhouette", "knn_accuracy", "probe_accuracy"] {
            assert!(evaluation["representation"].get(field).is_some(), "{field}");
        }
        // The run's own spec trains the same model.
        let again = home.path().join(format!("{device}-again"));
        let spec = Path::new(&out).join("spec.toml").display().to_string();
        let arguments =
            ["train", &spec, "--device", device, "--quiet", "--json", "--out", &again.display().to_string()];
        assert_eq!(hourglass(&arguments, home.path()).status.code(), Some(0));
        let bytes = |root: &Path| std::fs::read(root.join("model.safetensors")).expect("a model");
        assert!(bytes(Path::new(&out)) == bytes(&again), "a spec reproduces its run");
    }
}

#[test]
fn wrong_usage_is_one_line_and_exit_code_2() {
    let home = tempfile::tempdir().expect("a folder");
    let path = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(path("empty.toml"), "").expect("written");
    std::fs::write(
        path("misfit.toml"),
        "version = 1\n[model]\nencoder = [\"latent\", \"dense 4\"]\nlatent = 3\ndecoder = [\"output\"]\n",
    )
    .expect("written");
    std::fs::write(path("torn.toml"), "version = 1\n[model\n").expect("written");
    std::fs::write(path("zero.idx"), "").expect("written");
    std::fs::write(path("liar.idx"), [0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 1, 2, 3]).expect("written");
    std::fs::write(path("float.idx"), [0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0]).expect("written");
    std::fs::write(path("text.idx"), "hello, I am text").expect("written");
    std::fs::create_dir(path("empty")).expect("made");
    let cases: Vec<(Vec<String>, &str)> = [
        (vec!["train", "--preset", "nonsense"], "undercomplete"),
        (vec!["train", "--device", "gpu:99"], "gpu:99"),
        (vec!["train", "--device", "tpu"], "tpu"),
        (vec!["evaluate", "/no/such/model"], "/no/such/model"),
        (vec!["train", "/no/such/spec.toml"], "/no/such/spec.toml"),
        (vec!["train", "--data", "/no/such/folder"], "/no/such/folder"),
        (vec!["train", "--set", "model.latent=none"], "latent"),
        (vec!["train", "--set", "train.batch_size=60000"], "batch"),
        (vec!["resume", "/no/such/run"], "/no/such/run"),
    ]
    .into_iter()
    .map(|(arguments, word)| (arguments.into_iter().map(str::to_owned).collect(), word))
    .chain([
        (vec!["train".to_owned(), path("empty.toml")], "version"),
        (vec!["train".to_owned(), path("misfit.toml")], "model.encoder"),
        (vec!["train".to_owned(), path("torn.toml")], "torn.toml"),
        (vec!["train".to_owned(), "--data".to_owned(), path("empty")], "folder is empty"),
        (vec!["train".to_owned(), "--data".to_owned(), path("zero.idx")], "empty"),
        (vec!["train".to_owned(), "--data".to_owned(), path("liar.idx")], "9x9x9"),
        (vec!["train".to_owned(), "--data".to_owned(), path("float.idx")], "shape [1]"),
        (vec!["train".to_owned(), "--data".to_owned(), path("text.idx")], "IDX"),
        (vec!["evaluate".to_owned(), path("text.idx")], "text.idx"),
    ])
    .collect();
    for (mut arguments, word) in cases {
        if !arguments.iter().any(|argument| argument == "--device") {
            arguments.extend(["--device".to_owned(), "cpu".to_owned()]);
        }
        let borrowed: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = hourglass(&borrowed, home.path());
        let line = error_line(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {line}");
        assert!(line.contains(word), "{arguments:?}: {line}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr.lines().filter(|line| !line.contains("XDG_RUNTIME_DIR")).count(), 1, "{stderr}");
    }
    // Found by the argument parser, whose usage help may follow.
    for arguments in [&["train", "--epochs", "0"][..], &["nonsense"], &["train", "--threads", "0"]] {
        assert_eq!(hourglass(arguments, home.path()).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn own_data_is_described_trained_on_and_reconstructed() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &str| home.path().join(name).display().to_string();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data/breast_cancer.csv");
    let preview = at("preview.png");
    let found = hourglass(&["data", table, "--json", "--preview", &preview, "--device", "cpu"], home.path());
    assert_eq!(found.status.code(), Some(0), "{}", String::from_utf8_lossy(&found.stderr));
    let found = json(&found);
    assert_eq!((found["kind"].as_str(), found["rows"].as_u64()), (Some("table"), Some(569)));
    let picture = image::open(&preview).expect("a contact sheet");
    assert!(picture.width() > 100 && picture.height() > 100);

    let out = at("run");
    let trained = ["train", "--data", table, "--set", "train.steps=8", "--device", "cpu", "--json", "--out", &out];
    let trained = hourglass(&trained, home.path());
    assert_eq!(trained.status.code(), Some(0), "{}", String::from_utf8_lossy(&trained.stderr));
    assert!(String::from_utf8_lossy(&trained.stderr).contains("chosen: "), "the choice is said");
    let split = std::fs::read(home.path().join("run/split.json")).expect("the split is kept");
    let split: serde_json::Value = serde_json::from_slice(&split).expect("JSON");
    let rows = |part: &str| -> u64 {
        split[part].as_array().expect("runs").iter().map(|run| run[1].as_u64().expect("a count")).sum()
    };
    assert_eq!(rows("train") + rows("validation") + rows("test"), 569);
    assert_eq!(split["seed"], 1);

    let (model, made) = (json(&trained)["model"].as_str().expect("a model").to_owned(), at("made.csv"));
    let output = hourglass(&["reconstruct", &model, "--data", table, "-o", &made, "--device", "cpu"], home.path());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&made).expect("a table");
    assert_eq!(text.lines().count(), 570, "a header and a row for each row");
    let refused = hourglass(&["reconstruct", &model, "--data", table, "-o", &at("made.xyz")], home.path());
    assert_eq!(refused.status.code(), Some(2));
    assert!(error_line(&refused).contains("made.xyz"));
    let missing = hourglass(&["data", &at("nothing")], home.path());
    assert_eq!(missing.status.code(), Some(2));
    assert!(error_line(&missing).contains("nothing"));
}

#[test]
fn lists_are_json_on_request() {
    let home = tempfile::tempdir().expect("a folder");
    let presets = json(&hourglass(&["presets", "--json"], home.path()));
    let first = &presets["presets"][0];
    assert!(first["name"].is_string() && first["summary"].is_string() && first["spec"]["model"].is_object());
    let devices = json(&hourglass(&["devices", "--json"], home.path()));
    let last = devices["devices"].as_array().expect("a list").last().expect("the CPU");
    assert_eq!(last["name"], "cpu");
    assert!(hourglass(&["--help"], home.path()).status.success());
}

/// A detector that is being fitted is left alone by Ctrl-C: nothing is written, and it is no failure.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_fit_with_130_and_writes_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let (table, model) = (home.path().join("table.csv"), home.path().join("model.safetensors"));
    let rows: String = (0..60).map(|row| format!("{},{}\n", f64::from(row).sin(), f64::from(row).cos())).collect();
    std::fs::write(&table, format!("a,b\n{rows}")).expect("written");
    let mut child = Command::new(program())
        .args(["detect", "fit"])
        .arg(&table)
        .arg("-o")
        .arg(&model)
        .args(["--device", "cpu", "--set", "train.epochs=1000000", "--set", "train.early_stopping=1000000"])
        .env("HOME", home.path())
        .env("XDG_CACHE_HOME", home.path().join(".cache"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(child.try_wait().expect("a child").is_none(), "it is at work");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let left: Vec<_> =
        std::fs::read_dir(home.path()).expect("the folder").flatten().map(|file| file.file_name()).collect();
    assert!(!model.exists() && left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

/// Where there are more classes than the usual least number of labels, probes start at their number and say so.
#[test]
fn probes_of_many_classes_start_at_their_number() {
    let home = tempfile::tempdir().expect("a folder");
    let (table, run) = (home.path().join("table.csv"), home.path().join("run"));
    let rows: String = (0..400)
        .map(|row| format!("{},{},{},c{}\n", row % 40, (row / 7) % 13, f64::from(row % 40).sin(), row % 40))
        .collect();
    std::fs::write(&table, format!("a,b,c,kind\n{rows}")).expect("written");
    let (table, run) = (table.display().to_string(), run.display().to_string());
    let quick = ["--set", "data.labels=kind", "--epochs", "1", "--device", "cpu", "--quiet", "--out", &run];
    let trained = hourglass(&[&["train", "--data", &table][..], &quick].concat(), home.path());
    assert_eq!(trained.status.code(), Some(0), "{}", String::from_utf8_lossy(&trained.stderr));
    let model = format!("{run}/model.safetensors");
    let probe = |more: &[&str]| hourglass(&[&["probe", &model, "--device", "cpu"][..], more].concat(), home.path());
    let found = json(&probe(&["--json"]));
    let mut counts: Vec<u64> =
        found["results"].as_array().expect("results").iter().filter_map(|result| result["labels"].as_u64()).collect();
    counts.dedup();
    assert_eq!(counts[..2], [40, 100], "{counts:?}");
    assert!(found["notes"].to_string().contains("cannot show 40 classes"), "{}", found["notes"]);
    // Asked for, the number stands, and what would be right is said.
    let refused = error_line(&probe(&["--labels", "10"]));
    assert!(refused.contains("--labels") && refused.contains("give 40 or more"), "{refused}");
}

/// Advice names options that the command takes.
#[test]
fn advice_can_be_followed() {
    let home = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: String| {
        let path = home.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let levels: String = (0..120).map(|row| format!("{}\n", f64::from(row * 7919 % 1009) / 7.0)).collect();
    let one = file("one.csv", format!("level\n{levels}"));
    let pairs = |scale: f64| -> String {
        let rows = (0..12).map(|row| format!("{},{}\n", f64::from(row * 5 % 13) / 3.0, scale * f64::from(row).sin()));
        format!("a,b\n{}", rows.collect::<String>())
    };
    let few = file("few.csv", pairs(1.0));
    let model = home.path().join("model").display().to_string();
    for (arguments, words) in [
        (vec!["detect", "fit", &one, "-o", &model], "--set data.window="),
        (vec!["detect", "fit", &few, "-o", &model, "--set", "train.batch_size=500"], "try --set train.batch_size="),
        (vec!["detect", "fit", &few, "-o", &model, "--set", "data.source=x"], "data.source"),
        (vec!["train", "--data", &one], "--set data.window="),
        (vec!["train", "--data", &few, "--preset", "unet"], "use denoising"),
        (vec!["train", "--data", &few, "--preset", "conditional"], "--set data.labels=COLUMN"),
    ] {
        let output = hourglass(&[&arguments[..], &["--device", "cpu"]].concat(), home.path());
        let said = error_line(&output);
        assert!(output.status.code() == Some(2) && said.contains(words), "{arguments:?}: {said}");
    }
    // The seed of a setting counts as that of an option does.
    let seeded = |more: &[&str]| {
        let fixed = ["detect", "fit", &few, "-o", &model, "--device", "cpu", "--set", "train.epochs=1", "--quiet"];
        let output = hourglass(&[&fixed[..], more].concat(), home.path());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(&model).expect("a detector")
    };
    assert!(seeded(&["--set", "train.seed=9"]) == seeded(&["--seed", "9"]), "the seeds differ");
    // Data that changed under a run.
    let run = home.path().join("run").display().to_string();
    let train = ["train", "--data", &few, "--epochs", "1", "--device", "cpu", "--quiet", "--out", &run];
    assert_eq!(hourglass(&train, home.path()).status.code(), Some(0));
    // One value is another.
    file("few.csv", pairs(1.0).replace(&format!("{}\n", f64::from(11).sin()), "0.75\n"));
    let resume = ["resume", &run, "--epochs", "2", "--device", "cpu", "--quiet"];
    let refused = hourglass(&resume, home.path());
    let said = error_line(&refused);
    assert!(refused.status.code() == Some(2) && said.contains("try --changed-data use"), "{said}");
    let gone_on = hourglass(&[&resume[..], &["--changed-data", "use"]].concat(), home.path());
    assert_eq!(gone_on.status.code(), Some(0), "{}", String::from_utf8_lossy(&gone_on.stderr));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_exits_with_130() {
    use std::io::{BufRead as _, BufReader};
    let home = tempfile::tempdir().expect("a folder");
    let out = home.path().join("run");
    let mut child = Command::new(env!("CARGO_BIN_EXE_hourglass"))
        .args(["train", "--device", "cpu", "--epochs", "1000", "--out"])
        .arg(&out)
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let first = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("training on"));
    assert!(first.is_some(), "it starts training");
    // kill(1) is everywhere; no crate is needed for one signal.
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    while lines.next().is_some() {}
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    for file in ["model.safetensors", "spec.toml", "checkpoint/last.safetensors"] {
        assert!(out.join(file).is_file(), "{file} was saved");
    }
}

#[test]
fn detect_writes_what_scripts_read() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &str| home.path().join(name).display().to_string();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data/breast_cancer.csv");
    let (model, scores) = (at("model.safetensors"), at("scores.csv"));
    let fit = ["detect", "fit", table, "-o", &model, "--label", "malignant", "--device", "cpu"];
    let fitted = hourglass(&[&fit[..], &["--json"]].concat(), home.path());
    assert_eq!(fitted.status.code(), Some(0), "{}", String::from_utf8_lossy(&fitted.stderr));
    assert!(json(&fitted)["threshold"].as_f64().is_some_and(|threshold| threshold > 1.0));
    let scored = hourglass(
        &["detect", "score", &model, table, "-o", &scores, "--json", "--device", "cpu", "--pictures", &at("pictures")],
        home.path(),
    );
    assert_eq!(scored.status.code(), Some(0), "{}", String::from_utf8_lossy(&scored.stderr));
    assert_eq!(json(&scored)["pictures"].as_array().map(Vec::len), Some(3));
    let written = std::fs::read_to_string(&scores).expect("scores");
    let mut lines = written.lines();
    assert_eq!(lines.next(), Some("row,score,abnormal,reasons,severity"));
    assert!(lines.next().is_some_and(|line| line.starts_with("1,") && line.contains(" (expected ")));
    assert_eq!(lines.count(), 568);
    // The same through pipes.
    let piped = Command::new(env!("CARGO_BIN_EXE_hourglass"))
        .args(["detect", "score", &model, "-", "-o", "-", "--device", "cpu"])
        .env("HOME", home.path())
        .stdin(std::fs::File::open(table).expect("the table"))
        .output()
        .expect("the program starts");
    assert_eq!(piped.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&piped.stdout) == written, "a pipe gives other scores than a file");

    let refused = |arguments: &[&str], code: i32, said: &str| {
        let output = hourglass(arguments, home.path());
        let line = error_line(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {line}");
        assert!(line.contains(said), "{arguments:?}: {line}");
    };
    std::fs::write(at("short.csv"), "mean_radius\n17.5\n").expect("it is written");
    std::fs::write(at("broken.csv"), std::fs::read_to_string(table).expect("a table").replacen("17.99", "much", 1))
        .expect("it is written");
    let score = |data: &'static str| ["detect", "score", &model, data, "-o", &scores].map(str::to_owned);
    for (data, code, said) in
        [("short.csv", 2, "mean_texture"), ("broken.csv", 2, "row 1"), ("nothing.csv", 2, "no such file")]
    {
        let mut arguments = score(data);
        arguments[3] = at(data);
        refused(&arguments.each_ref().map(String::as_str), code, said);
    }
    let broken = at("broken.csv");
    let going = hourglass(&["detect", "score", &model, &broken, "-o", &scores, "--keep-going"], home.path());
    assert_eq!(going.status.code(), Some(1), "some rows failed");
    assert!(String::from_utf8_lossy(&going.stderr).contains("row 1 was not scored"));
    refused(&["detect", "fit", table, "-o", &model, "--label", "malignent"], 2, "\"malignant\"");
    refused(&["detect", "fit", table, "-o", &model, "--label", "malignant", "--abnormal", "yes"], 2, "yes");
    refused(&["detect", "fit", table, "-o", &model, "--false-alarms", "2"], 2, "--false-alarms");
    refused(&["detect", "fit", table, "-o", &at("no/such/folder")], 1, "no/such/folder");
    let run = at("run");
    let trained = hourglass(&train_arguments(&run, "cpu"), home.path());
    assert_eq!(trained.status.code(), Some(0));
    let plain = home.path().join("run/model.safetensors").display().to_string();
    refused(&["detect", "score", &plain, table, "-o", &scores], 2, "detect fit");
}

#[test]
fn latents_go_out_and_come_back_and_are_worth_something() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &str| home.path().join(name).display().to_string();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data/breast_cancer.csv");
    let run = at("run");
    let labels = "data.labels=malignant";
    let trained =
        ["train", "--data", table, "--set", labels, "--set", "train.steps=300", "--device", "cpu", "--out", &run];
    assert_eq!(hourglass(&trained, home.path()).status.code(), Some(0));
    let model = at("run/model.safetensors");
    let done = |arguments: &[&str]| {
        let output = hourglass(&[arguments, &["--device", "cpu", "--json"]].concat(), home.path());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        json(&output)
    };
    let mut decoded = Vec::new();
    for kind in ["csv", "npy", "safetensors"] {
        let (latents, made) = (at(&format!("z.{kind}")), at(&format!("made-{kind}.csv")));
        done(&["encode", &model, "--data", table, "-o", &latents]);
        done(&["decode", &model, &latents, "-o", &made]);
        decoded.push(std::fs::read_to_string(&made).expect("rows"));
    }
    let text = std::fs::read_to_string(at("z.csv")).expect("latents");
    assert!(text.starts_with("z0,z1,") && text.lines().count() == 570, "a line of names and one for each row");
    assert!(decoded[1] == decoded[2], "arrays and tensors hold the same");
    assert_eq!(decoded[0].lines().count(), 570);
    // What is decoded is what the model makes of the rows.
    done(&["reconstruct", &model, "--data", table, "-o", &at("whole.csv")]);
    assert!(
        decoded[1] == std::fs::read_to_string(at("whole.csv")).expect("rows"),
        "decode(encode(x)) is reconstruct(x)"
    );

    let evaluated = done(&["evaluate", &model]);
    for field in ["silhouette", "knn_accuracy", "probe_accuracy"] {
        let value = evaluated["representation"][field].as_f64().expect(field);
        assert!(value.is_finite() && value <= 1.0, "{field} {value}");
    }
    assert!(evaluated["representation"]["probe_accuracy"].as_f64().expect("a share") > 0.8);
    let probed = done(&["probe", &model, "--labels", "10,100,all"]);
    assert!(probed.to_string().contains("pca"), "{probed}");
    done(&["project", &model, "--data", table, "-o", &at("map.csv")]);
    let map = std::fs::read_to_string(at("map.csv")).expect("a map");
    assert_eq!(map.lines().count(), 570, "{}", map.lines().next().unwrap_or_default());
    done(&["project", &model, "--data", table, "-o", &at("map.png")]);
    image::open(at("map.png")).expect("a picture");
    let refused = hourglass(&["decode", &model, table, "-o", &at("x.csv")], home.path());
    assert_eq!(refused.status.code(), Some(2), "a table of other columns holds no latents");
}

#[test]
fn what_is_read_is_never_written_over() {
    let home = tempfile::tempdir().expect("a folder");
    let place = |name: &str| home.path().join(name).display().to_string();
    let (table, run) = (place("table.csv"), place("run"));
    small_table(&table);
    let few = ["--set", "train.steps=2", "--set", "train.batch_size=8", "--device", "cpu", "--quiet"];
    let train = |out: &str| hourglass(&[&["train", "--data", &table, "--out", out][..], &few].concat(), home.path());
    assert_eq!(train(&run).status.code(), Some(0));
    let model = format!("{run}/model.safetensors");
    let bytes = |path: &str| std::fs::read(path).expect("read");
    let before = (bytes(&table), bytes(&model));
    for command in [
        ["encode", &model, "--data", &table, "-o", &table],
        ["encode", &model, "--data", &table, "-o", &model],
        ["reconstruct", &model, "--data", &table, "-o", &table],
        ["project", &model, "--data", &table, "-o", &table],
        ["augment", &model, "--data", &table, "-o", &table],
    ] {
        let made = hourglass(&command, home.path());
        assert_eq!(made.status.code(), Some(2), "{command:?}: {}", String::from_utf8_lossy(&made.stderr));
        assert!(error_line(&made).contains("would be written over"), "{}", error_line(&made));
    }
    for command in [["compress", &model, &table, "-o", &model], ["detect", "fit", &table, "-o", &table]] {
        assert_eq!(hourglass(&command, home.path()).status.code(), Some(2), "{command:?}");
    }
    // Nor is a folder with something in it taken for a run.
    let taken = place("taken");
    std::fs::create_dir(&taken).expect("a folder");
    std::fs::write(format!("{taken}/model.safetensors"), "mine").expect("written");
    assert_ne!(train(&taken).status.code(), Some(0));
    assert_eq!(bytes(&format!("{taken}/model.safetensors")), b"mine");
    assert_eq!((bytes(&table), bytes(&model)), before);
    // A link stays a link, and what it points to is written.
    #[cfg(unix)]
    {
        let (link, target) = (place("link.csv"), place("target.csv"));
        std::fs::write(&target, "old").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("a link");
        let made = hourglass(&["encode", &model, "--data", &table, "-o", &link], home.path());
        assert_eq!(made.status.code(), Some(0), "{}", error_line(&made));
        assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
        assert!(bytes(&target).starts_with(b"z0"));
        // Latents without their line of names would lose their first row.
        let numbers = place("numbers.csv");
        let text = String::from_utf8(bytes(&target)).expect("text");
        std::fs::write(&numbers, text.split_once('\n').expect("lines").1).expect("written");
        let made = hourglass(&["decode", &model, &numbers, "-o", &place("again.csv")], home.path());
        assert_eq!(made.status.code(), Some(2), "{}", error_line(&made));
        assert!(error_line(&made).contains("z0"), "{}", error_line(&made));
    }
}

/// A table of 80 rows of three columns.
fn small_table(path: &str) {
    let lines: Vec<String> = (0..80).map(|i| format!("{},{},{}", i % 17, (i * i) % 23, i % 5)).collect();
    std::fs::write(path, format!("a,b,c\n{}\n", lines.join("\n"))).expect("written");
}

/// Trains on [`small_table`] in `home`; returns the paths of the table and of the run.
fn trained_on_small_table(home: &Path) -> (String, String) {
    let [table, run] = ["table.csv", "run"].map(|name| home.join(name).display().to_string());
    small_table(&table);
    let arguments = ["train", "--data", &table, "--epochs", "2", "--set", "train.batch_size=8", "--device", "cpu"];
    let trained = hourglass(&[&arguments[..], &["--out", &run, "--quiet"]].concat(), home);
    assert_eq!(trained.status.code(), Some(0), "{}", error_line(&trained));
    (table, run)
}

#[test]
fn a_run_under_a_cosine_goes_on_and_is_still_verified() {
    let home = tempfile::tempdir().expect("a folder");
    // Specs for tables have a cosine.
    let (_, run) = trained_on_small_table(home.path());
    let spec = || std::fs::read_to_string(format!("{run}/spec.toml")).expect("read");
    assert!(spec().contains("kind = \"cosine\""), "{}", spec());
    let resume = |epochs: &str| hourglass(&["resume", &run, "--epochs", epochs, "--device", "cpu"], home.path());
    let too_few = resume("1");
    assert_eq!(too_few.status.code(), Some(2));
    assert!(error_line(&too_few).contains("2 are done already"), "{}", error_line(&too_few));
    assert_eq!(resume("4").status.code(), Some(0));
    assert!(spec().contains("epochs = 4") && spec().contains("epochs = 2"), "{}", spec());
    let verified = hourglass(&["verify", &run, "--device", "cpu", "--json"], home.path());
    assert_eq!(json(&verified)["result"], "exact");
}

#[test]
fn a_run_whose_columns_changed_says_so() {
    let home = tempfile::tempdir().expect("a folder");
    let (table, run) = trained_on_small_table(home.path());
    let whole = std::fs::read_to_string(&table).expect("read");
    let resume = |more: &[&str]| {
        let resumed = hourglass(&[&["resume", &run, "--epochs", "4", "--device", "cpu"], more].concat(), home.path());
        assert_eq!(resumed.status.code(), Some(2), "{}", String::from_utf8_lossy(&resumed.stderr));
        error_line(&resumed)
    };
    let narrow: String =
        whole.lines().map(|line| line.rsplit_once(',').expect("columns").0.to_owned() + "\n").collect();
    std::fs::write(&table, narrow).expect("written");
    for more in [&[][..], &["--changed-data", "use"]] {
        let error = resume(more);
        assert!(error.contains("2 values a row and the model takes 3"), "{error}");
    }
    std::fs::write(&table, whole.replacen("a,b,c", "a,b,d", 1)).expect("written");
    assert!(resume(&[]).contains("other names"), "{}", resume(&[]));
    // Fewer rows: the epochs that are done are more of them.
    let few: String = whole.lines().take(31).map(|line| line.to_owned() + "\n").collect();
    std::fs::write(&table, few).expect("written");
    let error = resume(&["--changed-data", "use"]);
    assert!(error.contains("of the 2 epochs that are done already are those of"), "{error}");
}

#[test]
fn a_detector_is_not_fitted_where_it_cannot_be_written() {
    let home = tempfile::tempdir().expect("a folder");
    let table = home.path().join("table.csv").display().to_string();
    small_table(&table);
    let nowhere = home.path().join("none").join("model.safetensors").display().to_string();
    let made = hourglass(&["detect", "fit", &table, "-o", &nowhere, "--device", "cpu"], home.path());
    assert!(!made.status.success() && error_line(&made).contains("no folder"), "{}", error_line(&made));
    let inside = home.path().display().to_string();
    let made = hourglass(&["detect", "fit", &table, "-o", &inside, "--device", "cpu"], home.path());
    assert!(!made.status.success() && error_line(&made).contains("it is a folder"), "{}", error_line(&made));
}

#[test]
fn labels_of_a_series_that_are_not_there_are_refused() {
    let home = tempfile::tempdir().expect("a folder");
    let place = |name: &str| home.path().join(name).display().to_string();
    let (series, model, out) = (place("series.csv"), place("model.safetensors"), place("scores.csv"));
    let row = |i: usize| format!("2024-01-{:02} {:02}:00:00,{}\n", 1 + i / 24, i % 24, (i % 24 * 7 % 24) as f64 + 0.5);
    std::fs::write(&series, format!("time,v\n{}", (0..480).map(row).collect::<String>())).expect("written");
    let fit = ["detect", "fit", &series, "-o", &model, "--device", "cpu", "--set", "train.epochs=2"];
    let fitted = hourglass(&fit, home.path());
    assert_eq!(fitted.status.code(), Some(0), "{}", error_line(&fitted));
    let score = ["detect", "score", &model, &series, "-o", &out, "--device", "cpu", "--label", "zz"];
    let scored = hourglass(&score, home.path());
    assert!(scored.status.code() == Some(2) && error_line(&scored).contains("zz"), "{}", error_line(&scored));
}

#[test]
fn what_was_meant_is_guessed() {
    let home = tempfile::tempdir().expect("a folder");
    let table = home.path().join("table.csv").display().to_string();
    small_table(&table);
    for (command, expected) in [
        (vec!["train", "--preset", "undercomplet"], "perhaps undercomplete"),
        (vec!["train", "--set", "model.encoder=[\"dens 64 relu\",\"latent\"]"], "perhaps dense"),
        (vec!["data", &table, "--set", "data.lables=c"], "perhaps labels"),
        (vec!["data", &table, "--set", "model.latent=3"], "does not concern data"),
        (vec!["train", "--epochs", "-3"], "-3 is not in 1.."),
        (vec!["detect", "fit", &table, "-o", "d.safetensors", "--outliers", "-1"], "is a share of rows"),
        (vec!["sample", "model.safetensors", "-o", "x.npy", "--temperature", "-1"], "use a number from 0 to 100"),
    ] {
        let made = hourglass(&command, home.path());
        assert_eq!(made.status.code(), Some(2), "{command:?}");
        let text = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(text.contains(expected), "{command:?}: {text}");
    }
}

#[test]
fn a_folder_with_damage_and_doubles_is_told_of_and_written_whole() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("pictures");
    std::fs::create_dir(&folder).expect("a folder");
    let picture = |shade: u8, side: u32| {
        image::GrayImage::from_fn(side, side, |x, y| image::Luma([shade.wrapping_add((x * y) as u8)]))
    };
    for i in 0..40_u8 {
        picture(i, 12).save(folder.join(format!("{i}.png"))).expect("saved");
    }
    let place = |name: &str| home.path().join(name).display().to_string();
    let (source, run, out) = (folder.display().to_string(), place("run"), place("out"));
    let few = ["--set", "train.steps=2", "--set", "train.batch_size=8", "--device", "cpu", "--quiet", "--out", &run];
    let trained = hourglass(&[&["train", "--data", &source][..], &few].concat(), home.path());
    assert_eq!(trained.status.code(), Some(0), "{}", error_line(&trained));
    picture(7, 20).save(folder.join("1.bmp")).expect("saved");
    picture(9, 12).save(folder.join("cat, dog.png")).expect("saved");
    std::fs::write(folder.join("torn.png"), &std::fs::read(folder.join("3.png")).expect("read")[..40])
        .expect("written");
    let model = format!("{run}/model.safetensors");
    let made = hourglass(&["reconstruct", &model, "--data", &source, "-o", &out], home.path());
    assert_eq!(made.status.code(), Some(0), "{}", error_line(&made));
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(said.contains("torn.png"), "{said}");
    assert!(said.contains("1 of 42 pictures are brought to 12x12"), "{said}");
    for name in ["1.png", "1.png.png", "cat, dog.png", "39.png"] {
        assert!(Path::new(&out).join(name).is_file(), "{name} of {:?}", std::fs::read_dir(&out));
    }
    assert_eq!(std::fs::read_dir(&out).expect("a folder").count(), 42);
    let encoded = hourglass(&["encode", &model, "--data", &source, "-o", &place("z.npy"), "--json"], home.path());
    assert!(json(&encoded)["notes"].to_string().contains("torn.png"));
}

/// Settings in errors of the library are worded as options of the command, and advice is one that it takes.
#[test]
fn errors_name_options_that_the_command_takes() {
    let help = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/compatibility/help.txt"));
    let help = help.expect("the recorded help");
    for setting in hourglass::error::Setting::OPTIONS {
        assert!(
            help.contains(&format!("--{} ", setting.name())) || help.contains(&format!("--{}\n", setting.name())),
            "{setting}"
        );
    }
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &str| home.path().join(name).display().to_string();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data/breast_cancer.csv");
    let failed = |arguments: &[&str], code: i32| {
        let output = hourglass(arguments, home.path());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let batch = ["train", "--data", table, "--set", "train.batch_size=100000", "--device", "cpu", "--out", &at("a")];
    let said = failed(&batch, 2);
    assert!(said.contains("; try --set train.batch_size=256"), "{said}");
    // Layers and keys of a spec that are named as options are no options.
    let layers = r#"model.decoder=["dense 256", "out"]"#;
    let said = failed(&["train", "--set", layers, "--device", "cpu", "--out", &at("b")], 2);
    assert!(said.contains("`out` is no layer"), "{said}");
    let said = failed(&["train", "--set", "modle.latent=3", "--device", "cpu", "--out", &at("b")], 2);
    assert!(said.contains("`data`") && said.contains("(perhaps model)") && !said.contains("--data"), "{said}");
    let label = ["detect", "fit", table, "-o", &at("d.safetensors"), "--label", "nothing", "--device", "cpu"];
    let said = failed(&label, 2);
    assert!(said.contains(" --label, ") && !said.contains('`'), "{said}");
    std::fs::create_dir(at("full")).expect("a folder");
    std::fs::write(home.path().join("full/file"), "x").expect("a file");
    let said = failed(&["train", "--device", "cpu", "--out", &at("full")], 1);
    assert!(said.contains("name another folder (--out)"), "{said}");
    let said = failed(&["encode", &at("none"), "--data", table, "-o", &at("z.txt"), "--device", "cpu"], 2);
    assert!(said.contains("--output") || said.contains("cannot read the model"), "{said}");
}
