//! Models for data of any shape: every preset fitted to it, and suggested models, which begin as PCA.

use std::path::Path;
use std::sync::Arc;

use hourglass::data::{DataSet, DataSpec, Part, StoredElement, write_npy, write_npy_as};
use hourglass::device::Device;
use hourglass::metrics::{self, Pca};
use hourglass::model::{
    ConditionKind, ModelKind, ModelSize, Network, PCA_START, Spec, SpecError, auto_spec, data_shape, pca_start, preset,
    presets,
};
use hourglass::platform::Wait as _;
use hourglass::train::{Run, RunDir, Session};

use crate::support::{Tolerance, cpu, gpu, noise};

/// Rows of `features` values on a curve through a few dimensions, with a little noise beside it.
fn curved_rows(rows: usize, features: usize) -> Vec<f32> {
    let (places, noise) = (noise(rows * 2, 3), noise(rows * features, 4));
    (0..rows * features)
        .map(|at| {
            let (row, feature) = (at / features, at % features);
            let (a, b) = (places[2 * row], places[2 * row + 1]);
            let phase = feature as f32 / features as f32;
            (2.0 * a + 3.0 * phase).sin() + b * phase + a * a * (1.0 - phase) + 0.02 * noise[at]
        })
        .collect()
}

fn array(folder: &Path, shape: &[usize], values: &[f32]) -> DataSpec {
    let path = folder.join(format!("{}.npy", shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")));
    write_npy(&path, shape, values).expect("an array");
    DataSpec::from_source(path.display().to_string())
}

/// Pictures of bytes: soft blobs at random places.
fn pictures(folder: &Path, [count, height, width, channels]: [usize; 4]) -> DataSpec {
    let places = noise(count * 3, 5);
    let values: Vec<f32> = (0..count * height * width * channels)
        .map(|at| {
            let (picture, pixel) = (at / (height * width * channels), at / channels % (height * width));
            let (y, x) = ((pixel / width) as f32 / height as f32, (pixel % width) as f32 / width as f32);
            let [a, b, size] = [0, 1, 2].map(|i| 0.5 + 0.4 * places[3 * picture + i]);
            let distance = ((y - a).powi(2) + (x - b).powi(2)) / (0.02 + 0.1 * size);
            (255.0 * (0.2 + 0.6 * (-distance).exp())).round()
        })
        .collect();
    let path = folder.join(format!("pictures-{count}-{height}-{width}-{channels}.npy"));
    let shape = [count, height, width, channels];
    write_npy_as(&path, &shape, &values, StoredElement::U8).expect("an array");
    DataSpec { axes: Some("NYXC".to_owned()), ..DataSpec::from_source(path.display().to_string()) }
}

fn open(spec: &DataSpec) -> Arc<DataSet> {
    Arc::new(DataSet::open(spec, 0.1, 1).expect("it opens"))
}

/// Data of many shapes, with their names.
fn many_kinds(folder: &Path) -> Vec<(&'static str, Arc<DataSet>)> {
    let table: String =
        (0..60).map(|i| format!("{},{},{},{}\n", i % 7, (i * 31) % 17, (i * i) % 11, i as f32 * 0.37)).collect();
    let path = folder.join("table.csv");
    std::fs::write(&path, format!("a,b,c,d\n{table}")).expect("a table");
    vec![
        ("gray pictures of 9x13", open(&pictures(folder, [50, 9, 13, 1]))),
        ("color pictures of 33x20", open(&pictures(folder, [40, 33, 20, 3]))),
        ("gray pictures of 64x64", open(&pictures(folder, [40, 64, 64, 1]))),
        ("a table of four columns", open(&DataSpec::from_source(path.display().to_string()))),
        ("rows of 300 values", open(&array(folder, &[80, 300], &curved_rows(80, 300)))),
        ("rows of two values", open(&array(folder, &[40, 2], &curved_rows(40, 2)))),
    ]
}

/// Presets that may say that they do not apply.
const MAY_REFUSE: [&str; 5] = ["conditional", "unet", "restore", "self-restore", "deblurring"];

#[test]
fn every_preset_is_fitted_to_data_of_any_shape() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, data) in many_kinds(folder.path()) {
        for preset in presets().expect("presets") {
            let place = format!("{} on {name}", preset.name);
            for size in ModelSize::ALL {
                let fitted = match preset.fitted(&data, size) {
                    Ok(fitted) => fitted,
                    Err(error @ SpecError::DoesNotApply { .. }) => {
                        assert!(MAY_REFUSE.contains(&preset.name), "{place}: {error}");
                        assert!(!error.to_string().contains('\n'), "{error}");
                        continue;
                    }
                    Err(error) => panic!("{place}: {error}"),
                };
                // What is written is complete: it reads back the same.
                let text = fitted.spec.to_toml().expect("TOML");
                assert_eq!(Spec::from_toml(&text, "test").expect("it reads"), fitted.spec, "{place}");
                assert!(fitted.spec.train.batch_size <= data.train.len(), "{place}");
                if preset.takes_pieces() {
                    continue;
                }
                Network::new(&fitted.spec, data_shape(&fitted.spec, &data)).expect(&place);
                if size != ModelSize::Medium {
                    continue;
                }
                let mut session = Session::new(fitted.spec, Arc::clone(&data), cpu()).expect(&place);
                session.train(1).wait().expect(&place);
                let losses = session.take_losses(true).wait().expect(&place);
                assert!(losses.iter().all(|(_, loss)| loss.is_finite()), "{place}: {losses:?}");
            }
        }
    }
}

#[test]
fn fitted_presets_train_on_the_gpu_as_on_the_cpu() {
    /// Few steps: where sums of f32 are taken in another order, Adam lets traces part by and by.
    const AGREE: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-3 };
    let Some(gpu) = gpu() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let data = open(&pictures(folder.path(), [60, 12, 9, 3]));
    for preset in presets().expect("presets").iter().filter(|preset| !MAY_REFUSE.contains(&preset.name)) {
        let spec = preset.fitted(&data, ModelSize::Small).expect("fitted").spec;
        let losses = |device: Device| {
            let mut session = Session::new(spec.clone(), Arc::clone(&data), device).expect("a session");
            session.train(2).wait().expect("it trains");
            session.take_losses(true).wait().expect("losses").into_iter().map(|(_, loss)| loss).collect::<Vec<f32>>()
        };
        let on_cpu: Vec<f64> = losses(cpu()).into_iter().map(f64::from).collect();
        AGREE.check(preset.name, &losses(gpu.clone()), &on_cpu);
    }
}

#[test]
fn presets_stay_what_they_are_on_the_digits() {
    let digits = crate::support::digits();
    for preset in presets().expect("presets").iter().filter(|preset| !preset.takes_pieces()) {
        let fitted = preset.fitted(&digits, ModelSize::Medium).expect("fitted").spec;
        assert_eq!((&fitted.model, &fitted.objective), (&preset.spec.model, &preset.spec.objective), "{}", preset.name);
        assert_eq!((&fitted.train, &fitted.optimizer), (&preset.spec.train, &preset.spec.optimizer), "{}", preset.name);
        assert_eq!(fitted.corruption, preset.spec.corruption, "{}", preset.name);
        // Layers of another size fit as well.
        for size in [ModelSize::Small, ModelSize::Large] {
            let spec = preset.fitted(&digits, size).expect("fitted").spec;
            Network::new(&spec, data_shape(&spec, &digits)).expect(preset.name);
            if preset.spec.model.kind != ModelKind::Denoiser && !preset.name.starts_with("sparse") {
                assert_ne!(spec.model, preset.spec.model, "{} {size}", preset.name);
            }
        }
    }
}

#[test]
fn layers_for_pictures_of_28x28_are_those_for_the_digits() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = open(&pictures(folder.path(), [40, 28, 28, 1]));
    for name in
        ["undercomplete", "map", "sparse", "convolutional", "convolutional-variational", "convolutional-deep", "vq"]
    {
        let preset = preset(name).expect("a preset");
        let fitted = preset.fitted(&data, ModelSize::Medium).expect("fitted").spec.model;
        assert_eq!(fitted.encoder, preset.spec.model.encoder, "{name}");
        if name != "convolutional-deep" {
            assert_eq!(fitted.decoder, preset.spec.model.decoder, "{name}");
        }
        assert_eq!((fitted.latent, fitted.top_k), (preset.spec.model.latent, preset.spec.model.top_k), "{name}");
    }
}

#[test]
fn likelihoods_suit_the_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let soft = open(&pictures(folder.path(), [40, 16, 16, 1]));
    let ink: Vec<f32> = (0..60 * 256).map(|at| if (at * 7 + at / 256) % 5 == 0 { 255.0 } else { 0.0 }).collect();
    let path = folder.path().join("ink.npy");
    write_npy_as(&path, &[60, 16, 16], &ink, StoredElement::U8).expect("an array");
    let ink = open(&DataSpec { axes: Some("NYX".to_owned()), ..DataSpec::from_source(path.display().to_string()) });
    let variational = preset("variational").expect("a preset");
    let loss = |data: &DataSet| {
        let spec = variational.fitted(data, ModelSize::Medium).expect("fitted").spec;
        (format!("{:?}", spec.objective.loss), spec.objective.variance)
    };
    assert_eq!(loss(&ink).0, "Bce");
    let (name, variance) = loss(&soft);
    assert_eq!(name, "Gaussian");
    assert!(variance > 0.0 && variance < 0.05, "{variance}");
}

#[test]
fn presets_that_do_not_apply_say_so_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = open(&array(folder.path(), &[40, 6], &curved_rows(40, 6)));
    let small = open(&pictures(folder.path(), [40, 7, 7, 1]));
    let odd = open(&pictures(folder.path(), [40, 18, 21, 1]));
    let said = |name: &str, data: &DataSet| {
        preset(name).expect("a preset").fitted(data, ModelSize::Medium).expect_err("refused").to_string()
    };
    assert!(said("conditional", &rows).contains("setting `data.labels=COLUMN`"), "{}", said("conditional", &rows));
    for name in ["unet", "restore", "self-restore", "deblurring"] {
        for data in [&rows, &small] {
            assert!(said(name, data).contains("pictures of at least 8x8"), "{}", said(name, data));
        }
    }
    assert!(said("unet", &odd).contains("setting `data.size=[20,24]`"), "{}", said("unet", &odd));
    // A short and a wide picture are rows like any others to the rest.
    for shape in [[40, 7, 7, 1], [40, 1, 500, 1]] {
        let data = open(&pictures(folder.path(), shape));
        let fitted = preset("convolutional").expect("a preset").fitted(&data, ModelSize::Medium).expect("fitted");
        assert!(fitted.reasons.contains("dense layers in place of convolutions"), "{}", fitted.reasons);
        assert_eq!(fitted.spec.model.condition, ConditionKind::None);
    }
}

#[test]
fn suggested_models_begin_as_pca() {
    /// Products of a few thousand f32 in two orders.
    const SAME: Tolerance = Tolerance { absolute: 2e-4, relative: 1e-3 };
    let folder = tempfile::tempdir().expect("a folder");
    for (name, data) in many_kinds(folder.path()) {
        let spec = auto_spec(&data).expect(name).spec;
        assert_eq!(spec.model.start.as_deref(), Some(PCA_START), "{name}");
        let rows = data.rows_f32(data.part(Part::Validation)).expect("rows");
        let train = data.rows_f32(data.part(Part::Train)).expect("rows");
        let pca = Pca::fit(&train, data.features, spec.model.latent).expect("PCA");
        // A clamp of the output to 0..1 bends what PCA has beyond.
        let expected: Vec<f64> = pca
            .reconstruct(&rows)
            .into_iter()
            .map(f64::from)
            .map(|x| {
                if data.options.scale == Some(hourglass::data::Scaling::Unit) {
                    x.clamp(0.0, 1.0) + 0.01 * (x - x.clamp(0.0, 1.0))
                } else {
                    x
                }
            })
            .collect();
        for device in [Some(cpu()), gpu().filter(|_| data.features < 800)].into_iter().flatten() {
            let mut session = Session::new(spec.clone(), Arc::clone(&data), device).expect(name);
            let made = session.outputs(data.part(Part::Validation), true, true).wait().expect("outputs").outputs;
            SAME.check(name, &made, &expected);
        }
        let network = Network::new(&spec, data_shape(&spec, &data)).expect(name);
        let [a, b] = [7, 7].map(|seed| pca_start(&network, &data, seed).expect("weights"));
        assert_eq!(a, b, "{name}: the same bits each time");
    }
}

#[test]
fn curved_layers_are_kept_only_if_they_gain() {
    let folder = tempfile::tempdir().expect("a folder");
    let train = |spec: &DataSpec, settings: &[&str]| {
        let data = open(spec);
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let spec = auto_spec(&data).expect("a spec").spec.with_set(&settings).expect("settings");
        let session = Session::new(spec, data, cpu()).expect("a session");
        let mut run = Run::new(session, None, None, false).wait().expect("a run");
        while !run.is_done() {
            run.advance(64).wait().expect("it trains");
        }
        run.report(true).wait().expect("a report")
    };
    let curved = train(&array(folder.path(), &[600, 8], &curved_rows(600, 8)), &["train.epochs=40", "model.latent=2"]);
    let (own, pca) = (curved.test.expect("measured").mse, curved.pca.expect("compared").mse);
    assert!(curved.best_epoch > 0 && own < 0.8 * pca, "{own} against {pca}");
    assert!(curved.diagnosis.iter().all(|finding| finding.code != "kept_pca"));
    // Noise has no curve: PCA stays, and that is said.
    let plain = train(&array(folder.path(), &[700, 8], &noise(700 * 8, 9)), &["train.epochs=12"]);
    assert_eq!(plain.best_epoch, 0);
    let (own, pca) = (plain.test.expect("measured").mse, plain.pca.expect("compared").mse);
    assert!((own - pca).abs() < 1e-4 * pca, "{own} against {pca}");
    assert!(plain.diagnosis.iter().any(|finding| finding.code == "kept_pca"), "{:?}", plain.diagnosis);
    assert!(plain.diagnosis.iter().all(|finding| finding.code != "worse_than_pca"), "{:?}", plain.diagnosis);
}

#[test]
fn a_run_that_began_as_pca_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = open(&array(folder.path(), &[60, 8], &noise(60 * 8, 9)));
    let spec = auto_spec(&data).expect("a spec").spec;
    let spec = spec.with_set(&["train.epochs=6".to_owned()]).expect("settings");
    let session = || Session::new(spec.clone(), Arc::clone(&data), cpu()).expect("a session");
    let finish = |mut run: Run| {
        while !run.is_done() {
            run.advance(1).wait().expect("it trains");
        }
        let best = run.best();
        (best, run.kept_model().wait().expect("a model").to_bytes().expect("bytes"))
    };
    let whole = finish(Run::new(session(), None, None, false).wait().expect("a run"));
    let dir = folder.path().join("run");
    let made = RunDir::create(&dir).expect("a folder");
    let mut first = Run::new(session(), None, Some(made), false).wait().expect("a run");
    let per_epoch = first.session().steps_per_epoch();
    for _ in 0..2 * per_epoch {
        first.advance(1).wait().expect("it trains");
    }
    first.save().wait().expect("saved");
    drop(first);
    let again = Run::resume(session(), None, RunDir::open(&dir).expect("the folder"), false).wait().expect("resumed");
    assert_eq!(finish(again), whole);
}

#[test]
fn layers_without_a_linear_path_cannot_begin_as_pca() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = open(&array(folder.path(), &[40, 6], &curved_rows(40, 6)));
    let begin = |encoder: &str, decoder: &str| {
        let text = format!(
            "version = 1\n[model]\nencoder = [{encoder}]\nlatent = 2\ndecoder = [{decoder}]\nstart = \"pca\"\n\
             [train]\nbatch_size = 8\n"
        );
        Session::new(Spec::from_toml(&text, "test").expect("it reads"), Arc::clone(&data), cpu())
    };
    for (encoder, decoder) in [
        ("\"dense 6 relu\", \"latent\"", "\"output\""),
        ("\"latent\"", "\"dense 6 relu\", \"output\""),
        ("\"latent\"", "\"output sigmoid\""),
        ("\"save a\", \"dense 6 relu\", \"add a\", \"latent\"", "\"output\""),
    ] {
        let error = begin(encoder, decoder).expect_err("no linear path").to_string();
        assert!(error.contains("model.start") && error.contains("linear path"), "{error}");
    }
    begin("\"latent\"", "\"output\"").expect("PCA itself");
    let branch = "\"save code\", \"dense 9 silu\", \"dense 6\", \"save curve\", \"load code\", \"dense 6\", \
                  \"add curve\", \"output same\"";
    let mut session = begin("\"latent\"", branch).expect("a branch from the latents");
    let rows = data.rows_f32(data.part(Part::Validation)).expect("rows");
    let train = data.rows_f32(data.part(Part::Train)).expect("rows");
    let made = session.outputs(data.part(Part::Validation), true, true).wait().expect("outputs").outputs;
    let pca = Pca::fit(&train, 6, 2).expect("PCA").reconstruct(&rows);
    assert!(metrics::mse(&made, &pca) < 1e-9, "the branch begins at zero");
}
