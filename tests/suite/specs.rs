//! Specs: what is read, what is refused and in which words.

use hourglass::model::{Network, Spec, preset, presets};

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
