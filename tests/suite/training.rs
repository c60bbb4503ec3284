//! Training that can be trusted: killed and resumed, verified, diagnosed, stopped in time.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hourglass::data::Part;
use hourglass::metrics::{Pca, mse};
use hourglass::model::{Edit, LEARNING_RATE, Spec, preset};
use hourglass::platform::Wait as _;
use hourglass::train::{
    Agreement, BesidePca, Diagnosis, DiagnosisInput, DiagnosticMetrics, EpochReport, FindingTone, LayerHealth, Run,
    RunDir, RunReport, Session, diagnose, verify,
};

use crate::support::{cpu, digits};

fn spec(name: &str, settings: &[&str]) -> Spec {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    preset(name).expect("a preset").spec.with_set(&settings).expect("settings")
}

fn train(spec: Spec) -> (Run, RunReport) {
    let session = Session::new(spec, digits(), cpu()).expect("a session");
    let mut run = Run::new(session, None, None, false).wait().expect("a run");
    while !run.is_done() {
        run.advance(50).wait().expect("it advances");
    }
    let report = run.report(true).wait().expect("a report");
    (run, report)
}

fn codes(report: &RunReport) -> Vec<&str> {
    report.diagnosis.iter().map(|finding| &*finding.code).collect()
}

/// A variational model with dropout and augmentation, killed at a moment that nobody chose: resumed, it ends in the same
/// bytes as one that was left alone.
#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spec.toml");
    let mut wanted = spec(
        "variational",
        &["model.encoder=[\"dense 64 relu\", \"dropout 0.2\", \"latent\"]", "train.epochs=8", "data.rows=6400"],
    );
    wanted.augmentation.shift = 2.0;
    wanted.augmentation.rotate = 10.0;
    wanted.optimizer.ema = Some(0.99);
    std::fs::write(&path, wanted.to_toml().expect("it writes")).expect("written");
    let hourglass = |arguments: &[&Path]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hourglass"));
        command.args(["--device", "cpu", "--threads", "1", "--quiet", "--json"]).args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let (train, resume, out) = (Path::new("train"), Path::new("resume"), Path::new("--out"));
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    assert!(hourglass(&[train, &path, out, &whole]).status().expect("it runs").success());

    let mut child = hourglass(&[train, &path, out, &killed]).spawn().expect("it starts");
    // Once there is something to resume, at some moment of the next second.
    while !killed.join("checkpoint").join("last.safetensors").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").subsec_micros();
    std::thread::sleep(Duration::from_micros(u64::from(moment % 1_000_000)));
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    let resumed = hourglass(&[resume, &killed]).stderr(Stdio::piped()).output().expect("it runs");
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let model = |run: &Path| std::fs::read(run.join("model.safetensors")).expect("a model");
    assert!(model(&whole) == model(&killed), "the models differ");
    let last = |run: &Path| RunDir::open(run).expect("a run").read_checkpoint("last").expect("a checkpoint").1;
    assert!(last(&whole) == last(&killed), "the last states differ");
}

#[test]
fn a_run_is_verified_to_the_bit_and_a_changed_one_is_found_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run");
    let dir = RunDir::create(&path).expect("a folder");
    let limited = spec("variational", &["train.steps=25", "data.rows=6400"]);
    let session = Session::new(limited, digits(), cpu()).expect("a session");
    let mut run = Run::new(session, None, Some(dir), false).wait().expect("a run");
    while !run.is_done() {
        run.advance(10).wait().expect("it advances");
    }
    run.save().wait().expect("it saves");
    let dir = RunDir::open(&path).expect("there");
    let verified = verify(&dir, cpu()).wait().expect("it runs");
    assert_eq!((verified.result, verified.steps, verified.worst), (Agreement::Exact, 20, 0.0));
    assert!(verified.notes.is_empty(), "{:?}", verified.notes);
    if let Some(gpu) = crate::support::gpu() {
        let verified = verify(&dir, gpu).wait().expect("it runs");
        assert_ne!(verified.result, Agreement::Different, "{verified:?}");
    }
    let spec = dir.read_spec().expect("its spec").with_set(&["train.seed=2".to_owned()]).expect("a setting");
    dir.write_spec(&spec).expect("written");
    assert_eq!(verify(&dir, cpu()).wait().expect("it runs").result, Agreement::Different);
}

/// Faults made on purpose, each with its message; what they share is that training itself went on.
#[test]
fn faults_are_diagnosed_by_their_names() {
    for (name, settings, found) in [
        (
            "variational",
            &["objective.beta=60", "train.epochs=2", "data.rows=6400"][..],
            &[("posterior_collapse", "beta")][..],
        ),
        (
            "undercomplete",
            &["data.rows=200", "train.batch_size=20", "train.epochs=80"][..],
            &[("overfitting", "weight decay")][..],
        ),
        (
            "undercomplete",
            &["optimizer.learning_rate=1.0", "train.epochs=3", "data.rows=6400"][..],
            &[("learning_rate_too_high", "learning_rate"), ("blurred_to_mean", "mean")][..],
        ),
        (
            "undercomplete",
            &["optimizer.learning_rate=0.1", "train.epochs=2", "data.rows=6400"][..],
            &[("dead_units", "never active")][..],
        ),
        (
            "undercomplete",
            &["train.epochs=3", "optimizer.learning_rate=0.0001"][..],
            &[("learning_rate_too_low", "raise")][..],
        ),
        ("sparse", &["train.epochs=2", "objective.auxiliary=0"][..], &[("dead_units", "auxiliary")][..]),
    ] {
        let (_, report) = train(spec(name, settings));
        for (code, word) in found {
            let finding = report.diagnosis.iter().find(|finding| finding.code == *code);
            let finding =
                finding.unwrap_or_else(|| panic!("{name} {settings:?}: {code} is not in {:?}", report.diagnosis));
            assert!(finding.message.contains(word), "{}", finding.message);
        }
    }
}

/// Returns the codes of the findings on the learning rate for a curve of train losses, where the outputs have `own`
/// times the error of the mean of the data.
fn found_on(losses: &[f64], own: f64, ended: bool, settings: &[&str]) -> Vec<String> {
    let epochs: Vec<EpochReport> = (1_u32..)
        .zip(losses)
        .map(|(epoch, &loss)| EpochReport {
            epoch,
            step: u64::from(epoch) * 10,
            seconds: 0.0,
            train_loss: loss,
            validation_loss: loss,
            learning_rate: 0.001,
            samples_per_second: 1.0,
            parts: std::collections::BTreeMap::new(),
        })
        .collect();
    let figures = DiagnosticMetrics { mean_mse: Some((1.0, own)), ..DiagnosticMetrics::default() };
    let spec = spec("undercomplete", settings);
    let (test, pca) = (None, None);
    let found = diagnose(&DiagnosisInput { spec: &spec, epochs: &epochs, test, pca, figures: &figures, ended });
    let of_rate = found.iter().filter(|finding| finding.message.to_lowercase().contains("lower optimizer"));
    of_rate.map(|finding| finding.code.to_string()).collect()
}

#[test]
fn a_lower_rate_is_advised_where_the_curve_tells_it() {
    let silent = |losses: &[f64], own, ended| {
        let found = found_on(losses, own, ended, &[]);
        assert!(found.is_empty(), "{losses:?}, {own} of the mean, ended {ended}: {found:?}");
    };
    // Too early, however bad: two epochs that fall, and one alone.
    for ended in [false, true] {
        silent(&[0.44, 0.35], 1.3, ended);
        silent(&[0.44], 1.3, ended);
        // Falling, steadily or with noise, is learning.
        silent(&[0.44, 0.35, 0.29, 0.25, 0.22], 1.3, ended);
        silent(&[0.44, 0.35, 0.29, 0.25, 0.22], 0.2, ended);
        silent(&[-1.0, -1.4, -1.9, -2.3], 1.0, ended);
        // At rest below the error of the mean: it has learned.
        silent(&[0.44, 0.1, 0.05, 0.05, 0.05, 0.05], 0.3, ended);
        // A last epoch that brings little after some that brought much, and a loss that creeps, are no large steps.
        silent(&[1.510, 1.436, 1.399, 1.362, 1.356], 1.7, ended);
        silent(&[1.510, 1.509, 1.508, 1.507, 1.506], 1.7, ended);
        // A single bad epoch.
        silent(&[0.44, 0.2, 0.1, 0.13, 0.09], 0.3, ended);
    }
    // While it runs, three epochs are few even where the last brought nothing.
    silent(&[0.115, 0.114, 0.114], 1.7, false);
    let advised = |losses: &[f64], own, ended| {
        let found = found_on(losses, own, ended, &[]);
        let has = found.iter().any(|code| code == "learning_rate_too_high");
        assert!(has, "{losses:?}, {own} of the mean, ended {ended}: {found:?}");
    };
    advised(&[0.115, 0.114, 0.114], 1.7, true);
    advised(&[0.1167, 0.1144, 0.1144], 1.7, true);
    for ended in [false, true] {
        // At rest where it began, or above the error of the mean.
        advised(&[0.115, 0.114, 0.114, 0.1142, 0.114], 0.99, ended);
        advised(&[0.9, 0.4, 0.3, 0.3, 0.3], 1.4, ended);
        // Diverging, by steps, at once, and below zero.
        advised(&[0.44, 0.2, 0.25, 0.27, 0.3], 0.5, ended);
        advised(&[0.44, 0.3, 0.9], 0.5, ended);
        advised(&[-3.0, -5.0, -3.5, -2.0], 0.5, ended);
    }
    // A term that grows by the spec's own wish is no divergence.
    let warmup = ["objective.beta_warmup_epochs=10"];
    assert!(found_on(&[0.44, 0.5, 0.6, 0.7], 0.5, false, &warmup).is_empty());
}

#[test]
fn a_healthy_run_has_no_findings() {
    for (name, settings) in [("variational", &["train.epochs=3"][..]), ("undercomplete", &["train.epochs=6"][..])] {
        let (_, report) = train(spec(name, settings));
        assert!(codes(&report).is_empty(), "{name}: {:?}", report.diagnosis);
    }
}

#[test]
fn early_stopping_stops_and_a_plateau_lowers_the_rate() {
    let settings = ["data.rows=200", "train.batch_size=20", "train.epochs=500", "train.early_stopping=5"];
    let (run, report) = train(spec("undercomplete", &settings));
    assert!(run.has_stopped_early() && report.epochs < 500, "{} epochs", report.epochs);
    assert_eq!(report.epochs, report.best_epoch + 5);
    let settings = ["data.rows=200", "train.batch_size=20", "train.epochs=70", "schedule.kind=plateau"];
    let (run, _) = train(spec("undercomplete", &settings));
    let rates: Vec<f64> = run.epochs().iter().map(|epoch| epoch.learning_rate).collect();
    assert!(rates[0] == 0.001 && *rates.last().expect("epochs") < 0.001, "{rates:?}");
}

#[test]
fn schedules_follow_their_formulas() {
    let mut spec = spec("undercomplete", &[]);
    spec.schedule.kind = hourglass::model::ScheduleKind::Cosine;
    spec.schedule.warmup_steps = 9;
    spec.schedule.final_fraction = 0.1;
    (spec.train.epochs, spec.train.steps) = (11, Some(109));
    let at = |step| spec.schedule_at(step, 10);
    assert!((at(0) - 0.1).abs() < 1e-12 && (at(9) - 1.0).abs() < 1e-12);
    assert!((at(59) - 0.55).abs() < 1e-12 && (at(109) - 0.1).abs() < 1e-12);
    // A longer run keeps what was laid, its bound of steps included, and goes on at its end.
    let before = [0, 9, 59].map(|step| spec.schedule_at(step, 10));
    spec.extend_to(20);
    assert_eq!([0, 9, 59].map(|step| spec.schedule_at(step, 10)), before);
    assert!((spec.schedule_at(150, 10) - 0.1).abs() < 1e-12);
    spec.schedule.kind = hourglass::model::ScheduleKind::Step;
    spec.schedule.every = 2;
    assert_eq!([10, 19, 20, 39, 40].map(|step| spec.schedule_at(step, 10)), [1.0, 1.0, 0.5, 0.5, 0.25]);
    spec.objective.beta_warmup_epochs = 2.0;
    assert_eq!([0, 9, 19, 50].map(|step| spec.beta_at(step, 10)), [0.05, 0.5, 1.0, 1.0]);
}

/// All noise follows the strength that can be edited live; at zero the network sees the input itself.
#[test]
fn the_strength_of_corruption_reaches_every_noise() {
    for noise in [
        "gaussian_range=[0.3, 0.5]",
        "gaussian=0.4",
        "masking=0.5",
        "salt_and_pepper=0.3",
        "poisson=20",
        "grain=0.4",
        "scratches=4",
        "dust=6",
    ] {
        let seen = |strength: &str| {
            let settings = [format!("corruption.{noise}"), format!("corruption.strength={strength}")];
            let spec = preset("undercomplete").expect("a preset").spec.with_set(&settings).expect("settings");
            let mut session = Session::new(spec, digits(), cpu()).expect("a session");
            let outputs = session.outputs(0..20, true, true).wait().expect("outputs");
            mse(&outputs.seen, &digits().rows_f32(0..20).expect("rows"))
        };
        let [none, half, whole] = ["0.0", "0.5", "1.0"].map(seen);
        assert!(none < 1e-12 && half > 1e-4 && whole > 1.5 * half, "{noise}: {none} {half} {whole}");
    }
}

/// Model files say what PyTorch would.
#[test]
fn tensors_lie_in_a_file_as_in_pytorch() {
    let mut session = Session::new(spec("convolutional-deep", &[]), digits(), cpu()).expect("a session");
    session.train(1).wait().expect("a step");
    let weights = session.weights().wait().expect("weights");
    let model = session.model(&weights);
    let shape = |name: &str| model.tensors[name].shape.to_string();
    assert_eq!(shape("encoder.0.weight"), "32x1x3x3");
    assert_eq!(shape("encoder.4.weight"), "64x32x3x3");
    assert_eq!(shape("encoder.6.weight"), "32x3136");
    assert_eq!(shape("encoder.1.running"), "2x32");
    assert_eq!(shape("decoder.2.weight"), "64x32x4x4");
    assert!(model.to_flat(session.network(), Path::new("m")).expect("flat") == weights);
    // Filter 3, channel 5, tap (1, 2) of encoder.4: in memory [filter, row, column, channel].
    let parameter = session.network().parameters().iter().find(|p| p.name == "encoder.4.weight").expect("there");
    let in_memory = weights.parameters[parameter.offset + ((3 * 3 + 1) * 3 + 2) * 32 + 5];
    assert_eq!(model.tensors["encoder.4.weight"].data[((3 * 32 + 5) * 3 + 1) * 3 + 2], in_memory);
}

/// A decoder that is not named goes the encoder's way back.
#[test]
fn decoders_mirror_their_encoders() {
    use hourglass::model::Network;
    let digits = crate::support::digit_shape();
    for (encoder, decoder) in [
        ("[\"dense 256 relu\", \"dense 128 tanh\", \"latent\"]", "dense 128 tanh, dense 256 relu, output sigmoid"),
        (
            "[\"conv 16 3x3 stride 2 relu\", \"conv 32 3x3 stride 2 relu\", \"latent\"]",
            "dense 1568 relu, reshape 7x7x32, conv_transpose 16 4x4 stride 2 relu, output conv_transpose 4x4 stride 2 \
             sigmoid",
        ),
        (
            "[\"conv 8 5x5 stride 3 pad 1 silu\", \"maxpool 3\", \"latent\"]",
            "dense 72 silu, reshape 3x3x8, upsample 3, output conv_transpose 5x5 stride 3 pad 1 outpad 1 sigmoid",
        ),
    ] {
        let mut mirrored = spec("undercomplete", &[&format!("model.encoder={encoder}")]);
        mirrored.model.decoder.clear();
        mirrored.check().expect("it is right");
        let network = Network::new(&mirrored, digits).expect("it builds");
        let layers: Vec<String> = network.decoder().iter().map(ToString::to_string).collect();
        assert_eq!(layers.join(", "), decoder);
        for layer in network.decoder() {
            assert_eq!(layer.to_string().parse::<hourglass::model::Layer>().expect("it reads"), *layer);
        }
    }
}

fn epoch(number: u32, train_loss: f64, validation_loss: f64) -> EpochReport {
    EpochReport {
        epoch: number,
        step: u64::from(number) * 100,
        seconds: f64::from(number),
        train_loss,
        validation_loss,
        learning_rate: 0.001,
        samples_per_second: 1000.0,
        parts: std::collections::BTreeMap::new(),
    }
}

fn judged(spec: &Spec, epochs: &[EpochReport], figures: &DiagnosticMetrics) -> Diagnosis {
    Diagnosis::new(&DiagnosisInput { spec, epochs, test: None, pca: None, figures, ended: true })
}

fn words_of(diagnosis: &Diagnosis) -> Vec<String> {
    diagnosis.lines().map(|finding| finding.message.clone()).collect()
}

/// Checks that were not made are not called fine, and those that were are named.
#[test]
fn no_sign_is_said_of_what_was_looked_at_alone() {
    let spec = spec("undercomplete", &[]);
    let nothing = DiagnosticMetrics::default();
    let none = judged(&spec, &[], &nothing);
    assert_eq!(none.lines().map(|line| line.tone()).collect::<Vec<_>>(), [FindingTone::Neutral]);
    assert!(words_of(&none)[0].starts_with("not checked"), "{none:?}");
    // Losses side by side: overfitting is judged, units are not.
    let near = [epoch(1, 0.05, 0.051), epoch(2, 0.04, 0.0412)];
    let calm = judged(&spec, &near, &nothing);
    assert_eq!(calm.remarks[0].code, "no_sign");
    assert_eq!(calm.remarks[0].tone(), FindingTone::Good);
    let words = &calm.remarks[0].message;
    assert!(words.contains("overfitting") && words.contains("0.04120"), "{words}");
    assert!(!words.contains("dead") && !words.contains("collapse"), "{words}");
    // A wide gap without a rise is no overfitting yet, and no sign of its absence either.
    let apart = [epoch(1, 0.05, 0.06), epoch(2, 0.03, 0.0462)];
    let wide = judged(&spec, &apart, &nothing);
    assert!(wide.findings.is_empty(), "{wide:?}");
    assert!(words_of(&wide).iter().all(|words| !words.contains("no sign of overfitting")), "{wide:?}");
    assert!(wide.remarks[0].message.contains("1.54 times train loss"), "{wide:?}");
    // Units are looked at once there is an epoch; overfitting not before the second.
    let layer = LayerHealth {
        layer: "encoder.0".to_owned(),
        activation: hourglass::kernels::activation::Activation::Relu,
        units: 64,
        dead: 1,
        saturated: 0,
    };
    let units = DiagnosticMetrics { health: vec![layer], ..DiagnosticMetrics::default() };
    let early = judged(&spec, &near[..1], &units);
    let words = &early.remarks[0].message;
    assert!(words.starts_with("no sign of dead units") && words.contains("not checked"), "{words}");
}

/// A wide gap is no overfitting while validation gets better, and what is worse than the mean is not called close to it.
#[test]
fn findings_say_what_the_losses_say() {
    let spec = spec("undercomplete", &[]);
    let found = |epochs: &[EpochReport], figures: &DiagnosticMetrics| {
        judged(&spec, epochs, figures).findings.iter().map(|one| (one.code.to_string(), one.message.clone())).collect()
    };
    let nothing = DiagnosticMetrics::default();
    let better: Vec<EpochReport> =
        (1..=6_u32).map(|at| epoch(at, 0.5 / f64::from(at), 1.0 - 0.02 * f64::from(at))).collect();
    let codes: Vec<(String, String)> = found(&better, &nothing);
    assert!(codes.iter().all(|(code, _)| code != "overfitting"), "{codes:?}");
    let mut worse = better.clone();
    worse.push(epoch(7, 0.07, 0.89));
    let codes: Vec<(String, String)> = found(&worse, &nothing);
    assert!(codes.iter().any(|(code, _)| code == "overfitting"), "{codes:?}");
    let slow: Vec<EpochReport> = (0..6_u32).map(|at| epoch(at + 1, 2.0 - 0.001 * f64::from(at), 2.0)).collect();
    let far = DiagnosticMetrics { mean_mse: Some((1.16, 2.0)), ..DiagnosticMetrics::default() };
    let codes: Vec<(String, String)> = found(&slow, &far);
    assert!(codes.iter().all(|(code, _)| code != "learning_rate_too_high"), "{codes:?}");
    let words = &codes.iter().find(|(code, _)| code == "blurred_to_mean").expect("a finding").1;
    assert!(words.contains("worse than the mean") && words.contains("raise"), "{words}");
}

/// Losses below zero, as those of likelihoods, fall by a share of their size; findings name the live values.
#[test]
fn findings_have_the_sign_and_the_rate_that_the_run_has() {
    let mut spec = spec("undercomplete", &[]);
    spec.edits.push(Edit { step: 150, field: LEARNING_RATE.to_owned(), value: 0.25 });
    let nothing = DiagnosticMetrics::default();
    let falling: Vec<EpochReport> =
        (1..=5).map(|number| epoch(number, -f64::from(number), -f64::from(number))).collect();
    for words in words_of(&judged(&spec, &falling, &nothing)) {
        assert!(!words.contains("by -"), "{words}");
    }
    let rising = [epoch(1, 0.03, 0.03), epoch(2, 0.05, 0.05), epoch(3, 0.09, 0.09)];
    let judged = judged(&spec, &rising, &nothing);
    let high = judged.findings.iter().find(|finding| finding.code == "learning_rate_too_high").expect("a finding");
    assert!(high.message.contains("now 0.25"), "{}", high.message);
}

/// One rule for every place that puts a model beside PCA.
#[test]
fn models_are_judged_against_pca_on_the_same_terms() {
    let beside = |name: &str, settings: &[&str], components: usize, own: f64, ended: bool| {
        let spec = spec(name, settings);
        let beside = BesidePca { spec: &spec, components, own, pca: 0.05, rows: "100 test rows", ended };
        beside.finding().expect("a line")
    };
    for own in [0.01, 0.09] {
        for name in ["variational", "map", "wasserstein", "contractive"] {
            let line = beside(name, &[], 2, own, true);
            assert_eq!(line.tone(), FindingTone::Neutral, "{name}: {}", line.message);
            assert!(line.message.contains("No verdict"), "{}", line.message);
        }
        let line = beside("denoising", &[], 64, own, true);
        assert!(line.message.contains("same corrupted input"), "{}", line.message);
    }
    assert_eq!(beside("undercomplete", &[], 32, 0.01, true).tone(), FindingTone::Good);
    assert_eq!(beside("undercomplete", &[], 32, 0.09, true).tone(), FindingTone::Problem);
    assert_eq!(beside("undercomplete", &[], 32, 0.09, false).tone(), FindingTone::Notice);
    let one = beside("undercomplete", &["model.latent=1"], 1, 0.01, true);
    assert!(one.message.contains("1 component:"), "{}", one.message);
    assert!(one.title_and_evidence()[0].ends_with("1 component."), "{one:?}");
}

/// A model of corrupted rows is measured beside PCA of the same corrupted rows, which is worse than PCA of clean ones.
#[test]
fn pca_is_given_the_input_that_the_model_is_given() {
    let settings = ["train.steps=10", "train.epochs=1", "data.rows=1280", "train.batch_size=64", "model.latent=8"];
    let (mut run, report) = train(spec("denoising", &settings));
    let data = Arc::clone(run.session().data());
    let rows = data.part(Part::Test);
    let clean = data.rows_f32(rows.clone()).expect("rows");
    let seen = run.session_mut().outputs(rows, true, true).wait().expect("outputs").seen;
    let train = data.some_f32(Part::Train).expect("rows");
    let pca = Pca::fit(&train, data.features, 8).expect("it is fitted");
    let wanted = mse(&pca.reconstruct(&seen), &clean);
    let found = report.pca.expect("PCA").mse;
    assert!((found - wanted).abs() < 1e-6 * wanted, "{found} {wanted}");
    assert!(found > 1.05 * pca.reconstruction_mse(&clean), "masked rows cost PCA too");
}
