//! The first losses of some presets: CPU, GPU and PyTorch, from the same initial weights, batches and noise.

use hourglass::selftest::{TRACE_NAMES, check_trace};

use crate::support::{Tolerance, cpu, digits, gpu};

/// Bound for drivers whose cosine is as good as lavapipe's; a self-test allows as much as WGSL does.
fn strict(name: &str) -> f64 {
    if name == "convolutional-deep" { 3e-4 } else { 2e-5 }
}

#[test]
fn ten_losses_agree_with_pytorch_and_between_devices() {
    for name in TRACE_NAMES {
        let on_cpu = check_trace(&cpu(), &digits(), name, 10).expect("it trains");
        assert_eq!(on_cpu.losses.len(), 10);
        assert!(
            on_cpu.deviation.is_within() && on_cpu.deviation.worst <= strict(name),
            "{name}, CPU against PyTorch: {:?}",
            on_cpu.deviation
        );
        if let Some(gpu) = gpu() {
            // The software GPU takes seconds a step for the larger ones.
            let steps = match name {
                "undercomplete" | "undercomplete bce" => 10,
                "convolutional-deep" | "unet" => 2,
                _ => 4,
            };
            let on_gpu = check_trace(&gpu, &digits(), name, steps).expect("it trains");
            assert!(
                on_gpu.deviation.is_within() && on_gpu.deviation.worst <= strict(name),
                "{name}, GPU against PyTorch: {:?}",
                on_gpu.deviation
            );
            let cpu64: Vec<f64> = on_cpu.losses[..steps].iter().map(|&loss| f64::from(loss)).collect();
            let tolerance = Tolerance { absolute: 0.0, relative: strict(name) };
            tolerance.check(&format!("{name}, GPU against CPU"), &on_gpu.losses, &cpu64);
        }
    }
}
