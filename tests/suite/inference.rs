//! A loaded model: newer weights go into the passes that are there, and the moving average is read where it lies.

use std::path::Path;
use std::sync::Arc;

use hourglass::graph::SharedBuffer;
use hourglass::inference::LoadedModel;
use hourglass::model::preset;
use hourglass::platform::Wait as _;
use hourglass::train::{Evaluator, Session, TrainingPlan, estimate_cost};

use crate::support::{cpu, devices, digits, noise};

fn session(name: &str, settings: &[&str], device: hourglass::device::Device) -> Session {
    let usual = ["train.batch_size=64", "data.rows=640", "model.latent=5"];
    let settings: Vec<String> = usual.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
    let spec = preset(name).expect("a preset").spec.with_set(&settings).expect("settings");
    Session::new(spec, digits(), device).expect("a session")
}

/// With running statistics, with classes, and with neither.
#[test]
fn newer_weights_decode_as_a_model_loaded_anew() {
    for (name, settings) in [
        ("undercomplete", &[][..]),
        ("conditional", &[]),
        ("undercomplete", &["model.encoder=[\"dense 32\", \"batchnorm relu\", \"latent\"]"]),
    ] {
        let mut session = session(name, settings, cpu());
        let before = session.weights().wait().expect("weights");
        let first = session.flat_model(before);
        let mut loaded = LoadedModel::on_one_thread(&first).expect("a model");
        let (latents, labels) = (noise(70 * loaded.latent(), 5), [3_usize; 70]);
        let untrained = loaded.decode_rows(&latents, &labels).wait().expect("rows");
        session.train(5).wait().expect("steps");
        let after = session.weights().wait().expect("weights");
        let newer = first.with_weights(after.clone());
        assert!(Arc::ptr_eq(&first.network, &newer.network));
        loaded.set_weights(&newer.weights).expect("weights of the same network");
        let replaced = loaded.decode_rows(&latents, &labels).wait().expect("rows");
        let codes = loaded.encode(&replaced, &labels).wait().expect("latents");
        let mut anew = LoadedModel::on_one_thread(&newer).expect("a model");
        assert!(replaced == anew.decode_rows(&latents, &labels).wait().expect("rows"), "{name}");
        assert!(codes == anew.encode(&replaced, &labels).wait().expect("latents"), "{name}");
        assert!(replaced != untrained, "{name}: training changed nothing");
        // As a file has it, and back.
        let model = newer.to_model();
        let mut from_file = LoadedModel::new(&model, Path::new("m"), &cpu()).expect("a model");
        assert!(replaced == from_file.decode_rows(&latents, &labels).wait().expect("rows"), "{name}");
        assert!(model.tensors == session.model(&after).tensors, "{name}");
    }
}

#[test]
fn weights_of_another_network_are_refused() {
    let mut small = session("undercomplete", &[], cpu());
    let mut large = session("undercomplete", &["model.encoder=[\"dense 512 relu\", \"latent\"]"], cpu());
    let (small_weights, large_weights) =
        (small.weights().wait().expect("weights"), large.weights().wait().expect("weights"));
    let mut loaded = LoadedModel::on_one_thread(&small.flat_model(small_weights)).expect("a model");
    let error = loaded.set_weights(&large_weights).expect_err("another network").to_string();
    assert!(error.contains("values, the network"), "{error}");
}

/// The average is evaluated, and evaluating leaves the weights that are trained as they are.
#[test]
fn an_average_is_evaluated_where_it_lies() {
    for device in devices() {
        let settings = ["optimizer.ema=0.9"];
        let mut watched = session("undercomplete", &settings, device.clone());
        let mut alone = session("undercomplete", &settings, device.clone());
        for _ in 0..3 {
            watched.train(2).wait().expect("steps");
            alone.train(2).wait().expect("steps");
            let rows = watched.data().validation.clone();
            let outputs = watched.outputs(rows.start..rows.start + 70, true, false).wait().expect("outputs");
            let weights = watched.weights().wait().expect("weights");
            let flat = watched.read_flat(SharedBuffer::Parameters).wait().expect("parameters");
            assert!(weights.parameters != flat, "the average lags behind");
            // The same average in a model of its own.
            let model = watched.model(&weights);
            let loaded = LoadedModel::new(&model, Path::new("m"), &device).expect("a model");
            let mut evaluator = Evaluator::over(&loaded, watched.data()).expect("an evaluator");
            let of_average = evaluator.outputs(rows.start..rows.start + 70, true, false).wait().expect("outputs");
            assert!(outputs.outputs == of_average.outputs, "{}", device.info());
            // The best state is measured in its place, and the run goes on from where it was.
            let raw = hourglass::model::Weights { parameters: flat, ..weights };
            let of_raw = watched
                .with_weights(&raw, async |evaluator| evaluator.outputs(rows.start..rows.start + 70, true, false).await)
                .wait()
                .expect("outputs");
            assert!(of_raw.outputs != outputs.outputs, "{}", device.info());
        }
        for (name, buffer) in watched.buffers() {
            let (a, b) = (
                watched.read_flat(buffer).wait().expect("a buffer"),
                alone.read_flat(buffer).wait().expect("a buffer"),
            );
            assert!(a == b, "{name} on {}", device.info());
        }
    }
}

/// A start's one plan tells what it costs.
#[test]
fn a_plan_tells_what_training_takes() {
    let spec = preset("variational").expect("a preset").spec;
    let plan = TrainingPlan::new(spec.clone(), digits(), &cpu()).expect("a plan");
    let estimate = estimate_cost(&spec, &digits()).expect("an estimate");
    assert_eq!(plan.cost(), estimate);
    let session = Session::from_plan(plan, cpu()).expect("a session");
    assert_eq!(**session.cost(), estimate);
}
