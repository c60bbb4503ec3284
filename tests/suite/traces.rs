//! The first ten losses of the canonical model: CPU, GPU and PyTorch, from the same initial weights and batches.

use hourglass::device::Device;
use hourglass::model::preset;
use hourglass::train::Session;

use crate::support::{Tolerance, digits, gpu};

/// Ten steps of Adam in f32 against f64: rounding of a few 1e-7 a step, which Adam's division by sqrt(v) may amplify
/// where gradients are tiny.
const TRACE: Tolerance = Tolerance { absolute: 0.0, relative: 2e-5 };

fn losses(device: Device, loss: &str) -> Vec<f32> {
    let spec = preset("undercomplete").expect("a preset").spec;
    let spec = spec.with_set(&[format!("objective.loss={loss}")]).expect("a loss");
    let mut session = Session::new(spec, digits(), device).expect("a session");
    session.train(10).expect("it trains");
    session.take_losses(true).expect("losses arrive").into_iter().map(|(_, loss)| loss).collect()
}

fn torch(loss: &str) -> Vec<f64> {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/traces.json")).expect("the fixture is JSON");
    serde_json::from_value(fixture["losses"][loss]["f64"].clone()).expect("ten numbers")
}

#[test]
fn ten_losses_agree_with_pytorch_and_between_devices() {
    for loss in ["mse", "bce"] {
        let expected = torch(loss);
        assert_eq!(expected.len(), 10);
        let on_cpu = losses(crate::support::cpu(), loss);
        TRACE.check(&format!("{loss}, CPU against PyTorch"), &on_cpu, &expected);
        if let Some(gpu) = gpu() {
            let on_gpu = losses(gpu, loss);
            TRACE.check(&format!("{loss}, GPU against PyTorch"), &on_gpu, &expected);
            let cpu64: Vec<f64> = on_cpu.iter().map(|&loss| f64::from(loss)).collect();
            TRACE.check(&format!("{loss}, GPU against CPU"), &on_gpu, &cpu64);
        }
    }
}
