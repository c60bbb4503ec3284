//! Specs: what is read, what is refused and in which words.

use hourglass::model::{DataShape, Model, Network, Spec, preset, presets};

use crate::support::digit_shape;

#[test]
fn presets_read_and_build() {
    let presets = presets().expect("they read");
    for wanted in ["undercomplete", "map"] {
        assert!(presets.iter().any(|preset| preset.name == wanted));
    }
    for preset in presets {
        let network = Network::new(&preset.spec, digit_shape()).expect("it builds");
        assert_eq!(network.widths().first(), network.widths().last(), "{}", preset.name);
        assert!(!preset.summary.is_empty());
    }
    let canonical = Network::new(&preset("undercomplete").expect("there").spec, digit_shape()).expect("it builds");
    assert_eq!(canonical.widths(), [784, 256, 128, 32, 128, 784]);
}

#[test]
fn a_spec_survives_being_written() {
    let mut spec = preset("undercomplete").expect("there").spec;
    spec.edits.push(hourglass::model::Edit { step: 7, field: "optimizer.learning_rate".to_owned(), value: 5e-4 });
    let text = spec.to_toml().expect("it writes");
    assert_eq!(Spec::from_toml(&text, "test").expect("it reads"), spec);
}

#[test]
fn live_edits_hold_from_their_step_on() {
    let mut spec = preset("undercomplete").expect("there").spec;
    for (step, value) in [(5, 0.1), (9, 0.2)] {
        spec.edits.push(hourglass::model::Edit { step, field: "optimizer.learning_rate".to_owned(), value });
    }
    let rates: Vec<f64> = [4, 5, 8, 9, 100].map(|step| spec.learning_rate_at(step)).into();
    assert_eq!(rates, [0.001, 0.1, 0.1, 0.2, 0.2]);
}

#[test]
fn set_changes_any_field() {
    let spec = preset("undercomplete").expect("there").spec;
    let settings = ["model.latent=16", "optimizer.learning_rate=1", "data.source=some path", "train.steps=9"];
    let changed = spec.with_set(&settings.map(str::to_owned)).expect("they set");
    assert_eq!(changed.model.latent, 16);
    assert_eq!(changed.optimizer.learning_rate, 1.0);
    assert_eq!(changed.data.source, "some path");
    assert_eq!(changed.train.steps, Some(9));
}

/// Text of a later version is not taken for a misspelling of this one's, nor a misspelling for a later version.
#[test]
fn what_a_newer_version_wrote_is_told() {
    let text = preset("undercomplete").expect("there").spec.to_toml().expect("it writes");
    let said = |text: &str| Spec::from_toml(text, "spec.toml").expect_err("it is not known").to_string();
    let newer = text.replace("version = 1", "version = 2");
    for text in [
        newer.clone(),
        newer.replace("latent = 32", "latent = 32\nmemory = 7"),
        newer.replace("kind = \"autoencoder\"", "kind = \"diffusion\""),
        newer.replace("dense 256 relu", "attention 256"),
    ] {
        let said = said(&text);
        assert!(said.contains("newer version") && !said.contains("perhaps") && !said.contains("unknown"), "{said}");
    }
    let misspelled = said(&text.replace("latent = 32", "laten = 32"));
    assert!(misspelled.contains("perhaps latent") && !misspelled.contains("newer"), "{misspelled}");
    // In a model file: its spec, and its own format.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let said = |change: &dyn Fn(&mut serde_json::Value)| {
        let spec = serde_json::to_value(preset("undercomplete").expect("there").spec).expect("JSON");
        let mut metadata = serde_json::json!({ "format": 1, "features": 784, "labels": null, "spec": spec });
        change(&mut metadata);
        let header = serde_json::json!({ "__metadata__": { "hourglass": metadata.to_string() } }).to_string();
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        std::fs::write(&path, bytes).expect("written");
        Model::load(&path).map(|_| String::new()).unwrap_or_else(|error| error.to_string())
    };
    assert_eq!(said(&|_| ()), "", "the file is right but for its changes");
    assert!(said(&|metadata| metadata["format"] = 2.into()).contains("newer version"));
    let said_of_spec = said(&|metadata| {
        metadata["spec"]["version"] = 2.into();
        metadata["spec"]["model"]["memory"] = 7.into();
    });
    assert!(said_of_spec.contains("newer version") && !said_of_spec.contains("unknown"), "{said_of_spec}");
    let misspelled = said(&|metadata| metadata["spec"]["model"]["laten"] = 7.into());
    assert!(misspelled.contains("perhaps latent"), "{misspelled}");
}

#[test]
fn a_preset_for_another_size_names_the_way_out() {
    let image = |height, width, channels| Some(hourglass::data::ImageShape { height, width, channels });
    let pictures = DataShape { features: 48 * 48 * 3, image: image(48, 48, 3), classes: 0 };
    let rows = DataShape { features: 30, image: None, classes: 0 };
    for (shape, words) in [
        (pictures, &["28x28x3", "48x48x3", "setting `data.size=[28,28]`", "leave spec and preset out"][..]),
        (rows, &["no pictures", "leave spec and preset out"][..]),
    ] {
        let error = Network::new(&preset("convolutional").expect("there").spec, shape).expect_err("it does not fit");
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
    }
    // What is advised can be followed.
    preset("convolutional").expect("there").spec.with_set(&["data.size=[28,28]".to_owned()]).expect("a setting");
    let smaller = DataShape { features: 28 * 28 * 3, image: image(28, 28, 3), classes: 0 };
    Network::new(&preset("convolutional").expect("there").spec, smaller).expect("it fits");
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let spec = preset("undercomplete").expect("there").spec;
    for (setting, word) in [
        ("model.latent=0", "model.latent"),
        ("model.latent=-1", "-1"),
        ("train.batch_size=0", "batch_size"),
        ("optimizer.learning_rate=0", "learning_rate"),
        ("optimizer.learning_rate=nan", "learning_rate"),
        ("model.encoder=[\"dense 5\"]", "latent"),
        ("model.encoder=[\"dense x\", \"latent\"]", "dense x"),
        ("model.decoder=[\"output swish\"]", "relu"),
        ("train.epocs=3", "epochs"),
        ("nothing", "KEY=VALUE"),
        ("version=9", "version"),
        ("train.seed=-4", "-4"),
    ] {
        let error = spec.with_set(&[setting.to_owned()]).expect_err(setting).to_string();
        assert!(error.contains(word), "{setting}: {error}");
        assert!(!error.contains('\n'), "{setting}: {error}");
    }
    let bce = spec.with_set(&["objective.loss=bce".to_owned(), "model.decoder=[\"output\"]".to_owned()]);
    assert!(bce.expect_err("no probabilities").to_string().contains("sigmoid"));
}
