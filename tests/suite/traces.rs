//! The first ten losses of some presets: CPU, GPU and PyTorch, from the same initial weights, batches and noise.

use hourglass::device::Device;
use hourglass::model::preset;
use hourglass::train::Session;

use crate::support::{Tolerance, digits, gpu};

/// Ten steps of Adam in f32 against f64: rounding of a few 1e-7 a step, which Adam's division by sqrt(v) amplifies where
/// gradients are tiny.
const TRACE: Tolerance = Tolerance { absolute: 0.0, relative: 2e-5 };
/// Biases before batch normalization have a gradient of exactly zero; in f32 it is rounding, which Adam divides by itself,
/// so that they wander by whole steps. PyTorch's own f32 differs from its f64 by up to 2.8e-4 over these ten steps.
const NORMALIZED: Tolerance = Tolerance { absolute: 0.0, relative: 3e-4 };

fn losses(device: Device, name: &str, steps: usize) -> Vec<f32> {
    let (name, setting) = name.split_once(' ').map_or((name, None), |(name, loss)| (name, Some(loss)));
    let settings: Vec<String> = setting.map(|loss| format!("objective.loss={loss}")).into_iter().collect();
    let spec = preset(name).expect("a preset").spec.with_set(&settings).expect("a loss");
    let mut session = Session::new(spec, digits(), device).expect("a session");
    session.train(steps).expect("it trains");
    session.take_losses(true).expect("losses arrive").into_iter().map(|(_, loss)| loss).collect()
}

fn torch(name: &str) -> Vec<f64> {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/traces.json")).expect("the fixture is JSON");
    serde_json::from_value(fixture["losses"][name].clone()).expect("ten numbers")
}

#[test]
fn ten_losses_agree_with_pytorch_and_between_devices() {
    for (name, tolerance) in [
        ("undercomplete", TRACE),
        ("undercomplete bce", TRACE),
        ("convolutional", TRACE),
        ("convolutional-variational", TRACE),
        ("convolutional-deep", NORMALIZED),
        ("unet", TRACE),
    ] {
        let expected = torch(name);
        assert_eq!(expected.len(), 10);
        let on_cpu = losses(crate::support::cpu(), name, 10);
        tolerance.check(&format!("{name}, CPU against PyTorch"), &on_cpu, &expected);
        if let Some(gpu) = gpu() {
            // The software GPU takes seconds a step for the larger ones.
            let steps = if name.starts_with("undercomplete") { 10 } else { 4 };
            let on_gpu = losses(gpu, name, steps);
            tolerance.check(&format!("{name}, GPU against PyTorch"), &on_gpu, &expected[..steps]);
            let cpu64: Vec<f64> = on_cpu[..steps].iter().map(|&loss| f64::from(loss)).collect();
            tolerance.check(&format!("{name}, GPU against CPU"), &on_gpu, &cpu64);
        }
    }
}
