//! Ops, losses and optimizers against PyTorch's, recorded by `tests/fixtures/make_kernels.py`.

use std::sync::Arc;

use hourglass::graph::ops::{
    Conv, ConvTranspose, ElementLoss, Normalization, Normalize, Resample, Resampling, StopGradient,
};
use hourglass::graph::{Init, Op};
use hourglass::kernels::StepState;
use hourglass::kernels::activation::Activation;
use hourglass::kernels::loss::{LossTerm, ReconstructionLoss};
use hourglass::kernels::optimizer::{ClipFactor, DECAY_BLOCK, GradientSquares, Update, UpdateRule};

use super::{GRADIENT_ERROR, VALUE_ERROR, case, error, input, on_all_devices, run};
use crate::support::{noise, run_kernel};

/// Returns PyTorch's outputs and gradients of an op.
fn torch(name: &str) -> serde_json::Value {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/kernels.json")).expect("the fixture is JSON");
    fixture["ops"][name].clone()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap_or_else(|_| panic!("no numbers in the fixture: {value}"))
}

#[test]
fn ops_agree_with_pytorch() {
    let conv = |stride: usize, padding: usize, dilation: usize| Conv {
        stride: [stride; 2],
        padding: [padding; 2],
        dilation,
        activation: Activation::Identity,
    };
    let transposed = |output_padding: usize| ConvTranspose {
        stride: [2; 2],
        padding: [1; 2],
        output_padding: [output_padding; 2],
        dilation: 1,
        activation: Activation::Identity,
    };
    let norm = |kind| Normalize { kind, epsilon: 1e-5, activation: Activation::Identity };
    let resample = |kind, factor| Resample { kind, factor };
    let image = [2, 5, 6, 3];
    let conv_inputs =
        |x: [usize; 4], k: usize, side: usize| vec![input(&x, 10), input(&[k, side, side, x[3]], 20), input(&[k], 21)];
    let transposed_inputs =
        |x: [usize; 4], c: usize, side: usize| vec![input(&x, 30), input(&[x[3], side, side, c], 31), input(&[c], 32)];
    let norm_inputs = |x: &[usize]| {
        let channels = *x.last().expect("channels");
        vec![input(x, 60), input(&[channels], 61), input(&[channels], 62)]
    };
    type Inputs = Vec<(Vec<usize>, Vec<f32>)>;
    let ops: Vec<(&str, Inputs, Arc<dyn Op>)> = vec![
        ("conv 3x3/2", conv_inputs([2, 29, 31, 3], 2, 3), Arc::new(conv(2, 1, 1))),
        ("conv 3x3 dilated", conv_inputs([1, 7, 9, 4], 8, 3), Arc::new(conv(1, 2, 2))),
        ("conv 4x4/2", conv_inputs([1, 8, 8, 5], 4, 4), Arc::new(conv(2, 1, 1))),
        ("conv_transpose 4x4/2", transposed_inputs([1, 5, 6, 4], 3, 4), Arc::new(transposed(0))),
        ("conv_transpose 3x3/2 outpad", transposed_inputs([1, 4, 5, 3], 4, 3), Arc::new(transposed(1))),
        ("batch norm", norm_inputs(&[3, 4, 5, 6]), Arc::new(norm(Normalization::Batch { momentum: 0.1 }))),
        ("layer norm", norm_inputs(&[7, 65]), Arc::new(norm(Normalization::Group { groups: 1 }))),
        ("group norm", norm_inputs(&[2, 5, 4, 6]), Arc::new(norm(Normalization::Group { groups: 3 }))),
        ("nearest", vec![input(&image, 50)], Arc::new(resample(Resampling::Nearest, 2))),
        ("bilinear", vec![input(&image, 50)], Arc::new(resample(Resampling::Bilinear, 3))),
        ("average pool", vec![input(&image, 50)], Arc::new(resample(Resampling::AveragePool, 2))),
        ("max pool", vec![input(&image, 50)], Arc::new(resample(Resampling::MaxPool, 2))),
        ("pixel shuffle", vec![input(&[2, 3, 4, 8], 50)], Arc::new(resample(Resampling::PixelShuffle, 2))),
        ("pixel unshuffle", vec![input(&[2, 4, 6, 3], 50)], Arc::new(resample(Resampling::PixelUnshuffle, 2))),
    ];
    for (name, inputs, op) in ops {
        let fixture = torch(name);
        let is_batch_norm = name == "batch norm";
        let case = case(
            name,
            String::new(),
            inputs,
            move |graph, ids| {
                let mut ids = ids.to_vec();
                if is_batch_norm {
                    ids.push(graph.statistic("running", [6, 2], Init::Pairs([0.0, 1.0])));
                }
                Ok(vec![graph.add_op(Arc::clone(&op), &ids, "op")?[0]])
            },
            |_| Vec::new(),
        );
        on_all_devices(|device_name, device| {
            let outputs = run(&case, device);
            let worst = error(&outputs.values[0], &numbers(&fixture["output"]));
            assert!(worst < VALUE_ERROR, "{name} on {device_name} is off by {worst:e}");
            for (i, gradient) in outputs.gradients.iter().enumerate() {
                let worst = error(gradient, &numbers(&fixture["gradients"][i]));
                assert!(worst < GRADIENT_ERROR, "gradient {i} of {name} on {device_name} is off by {worst:e}");
            }
        });
    }
}

#[test]
fn losses_agree_with_pytorch() {
    for kind in ReconstructionLoss::ALL {
        let name = format!("{kind:?}").to_lowercase();
        let fixture = torch(&name);
        let (extents, values) = input(&[7, 13], 90);
        let (_, goal) = input(&[7, 13], 91);
        let doubled = values.iter().map(|value| 2.0 * value).collect();
        let goal = goal.iter().map(|value| 0.5 + 0.5 * value).collect();
        let term = LossTerm { variance: 0.5, ..LossTerm::mean(kind) };
        let mut case = case(
            &name,
            String::new(),
            vec![(extents.clone(), doubled), (extents, goal)],
            move |graph, ids| {
                let goal = graph.add(StopGradient, &ids[1..], "goal")?;
                Ok(vec![graph.add(ElementLoss::new(term), &[ids[0], goal], "loss")?])
            },
            |_| Vec::new(),
        );
        case.is_loss = true;
        on_all_devices(|device_name, device| {
            let outputs = run(&case, device);
            let total: f32 = outputs.values[0].iter().sum();
            let worst = error(&[total], &numbers(&fixture["output"]));
            assert!(worst < VALUE_ERROR, "{name} on {device_name} is off by {worst:e}");
            let worst = error(&outputs.gradients[0], &numbers(&fixture["gradients"][0]));
            assert!(worst < GRADIENT_ERROR, "gradient of {name} on {device_name} is off by {worst:e}");
        });
    }
}

#[test]
fn optimizers_agree_with_pytorch() {
    const COUNT: usize = 128;
    let adam = UpdateRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let sgd = |nesterov| UpdateRule::Sgd { momentum: 0.9, nesterov };
    for (name, rule, weight_decay, decoupled, clip) in [
        ("adam", adam, 0.1, false, None),
        ("adamw", adam, 0.1, true, None),
        ("sgd", sgd(false), 0.1, false, None),
        ("sgd nesterov clipped", sgd(true), 0.0, false, Some(0.5)),
    ] {
        let update = Update { rule, count: COUNT, weight_decay, decoupled, clipped: clip.is_some(), average: None };
        on_all_devices(|device_name, device| {
            let mut flat = vec![noise(COUNT, 12), vec![0.0; COUNT]];
            flat.extend(matches!(rule, UpdateRule::Adam { .. }).then(|| vec![0.0; COUNT]));
            for step in 0..5 {
                let grads = noise(COUNT, 20 + step as u32);
                let (step_size, inv_sqrt_correction) = update.corrections(0.01, step);
                let state = StepState { step_size, inv_sqrt_correction, learning_rate: 0.01, ..StepState::default() };
                let squares = GradientSquares { count: COUNT };
                let partials = squares.partials();
                let sums =
                    run_kernel(device, Arc::new(squares), &[bytemuck::cast_slice(&grads)], &[partials], &[], state);
                let factor = ClipFactor { partials, max_norm: clip.unwrap_or(f32::INFINITY) };
                let factor = run_kernel(device, Arc::new(factor), &[bytemuck::cast_slice(&sums[0])], &[2], &[], state);
                let mask = [1.0_f32; COUNT / DECAY_BLOCK];
                let reads =
                    [bytemuck::cast_slice(&grads), bytemuck::cast_slice(&mask), bytemuck::cast_slice(&factor[0])];
                let initial: Vec<&[f32]> = flat.iter().map(Vec::as_slice).collect();
                flat = run_kernel(device, Arc::new(update.clone()), &reads, &vec![COUNT; flat.len()], &initial, state);
            }
            let worst = error(&flat[0], &numbers(&torch(name)["output"]));
            assert!(worst < VALUE_ERROR, "{name} on {device_name} is off by {worst:e}");
        });
    }
}
