//! Each kernel on both devices against plain f64 loops, at awkward sizes.

use std::sync::Arc;

use hourglass::device::Device;
use hourglass::kernels::StepState;
use hourglass::kernels::activation::{self, Activation};
use hourglass::kernels::dense::{DenseBackward, DenseForward};
use hourglass::kernels::gather::GatherRows;
use hourglass::kernels::gemm_variant::GemmVariant;
use hourglass::kernels::loss::{LOSS_CHUNK, Loss, LossTerm, ReconstructionLoss};
use hourglass::kernels::optimizer::{ClipFactor, DECAY_BLOCK, GradientSquares, Update, UpdateRule};
use hourglass::kernels::partial_sums::SplitK;
use hourglass::kernels::pointwise::{PointwiseKernel, PointwiseStage};
use hourglass::kernels::reduce::ReduceSum;
use hourglass::random::{permutation_keys, permute};

use crate::support::{Tolerance, bytes, devices, noise, run_kernel, state};

/// One rounding or a few, and an exp or log good to 2e-7 (WGSL allows exp 3 + 2|x| ulp: 1e-6 at |x| = 4).
const POINTWISE: Tolerance = Tolerance { absolute: 1e-6, relative: 2e-6 };

/// A sum of k products of numbers below 1 in any order: k roundings of 6e-8 of partial sums that grow as sqrt(k).
fn product_tolerance(k: usize) -> Tolerance {
    Tolerance { absolute: 1e-6 * (k as f64).sqrt().max(1.0), relative: 4e-6 }
}

const SIZES: [usize; 8] = [1, 2, 7, 63, 64, 65, 257, 1030];

/// Those whose derivative is taken from their output alone and that layers take in.
const FUSED: [Activation; 4] = [Activation::Identity, Activation::Relu, Activation::Sigmoid, Activation::Tanh];

fn apply(activation: Activation, x: f64) -> f64 {
    crate::ops::activate(activation, x)
}

/// The derivative by the output.
fn derivative(activation: Activation, y: f64) -> f64 {
    match activation {
        Activation::Identity => 1.0,
        Activation::Relu => f64::from(u8::from(y > 0.0)),
        Activation::Sigmoid => y * (1.0 - y),
        Activation::Tanh => 1.0 - y * y,
        other => panic!("{other:?} is tried elsewhere"),
    }
}

#[test]
fn exp_ln_sigmoid_and_tanh_match_f64() {
    for i in -860_000..880_000 {
        let x = i as f32 * 1e-4;
        let relative = f64::from(hourglass::math::exp(x)) / f64::from(x).exp() - 1.0;
        assert!(relative.abs() < 2e-7, "exp({x}): {relative:e}");
    }
    for i in 1..200_000 {
        let x = i as f32 * 1e-3;
        let error = f64::from(hourglass::math::ln(x)) - f64::from(x).ln();
        assert!(error.abs() < 2e-7 * f64::from(x).ln().abs().max(1.0), "ln({x}): {error:e}");
    }
    for x in [0.0, -0.0, 1e-30, -1e-30, 20.0, -20.0, 200.0, -200.0, f32::INFINITY, f32::NEG_INFINITY] {
        let sigmoid = f64::from(activation::sigmoid(x));
        assert!((sigmoid - apply(Activation::Sigmoid, f64::from(x))).abs() < 2e-7, "sigmoid({x}) = {sigmoid}");
        let tanh = f64::from(activation::tanh(x));
        assert!((tanh - f64::from(x).tanh()).abs() < 3e-7, "tanh({x}) = {tanh}");
    }
    assert!(activation::sigmoid(f32::NAN).is_nan(), "a NaN must show, not vanish");
}

#[test]
fn reduce_sums_in_place_of_its_slot() {
    for device in devices() {
        for count in SIZES {
            let values = noise(count, 3);
            let ring = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
            let state = StepState { loss_slot: 1, ..StepState::default() };
            let kernel = ReduceSum { count, parts: 3, part: 1 };
            let out = run_kernel(&device, Arc::new(kernel), &[bytes(&values)], &[6], &[&ring], state);
            let sum: f64 = values.iter().map(|&x| f64::from(x)).sum();
            product_tolerance(count).check("reduce", &out[0], &[1.0, 2.0, 3.0, 4.0, sum, 6.0]);
        }
    }
}

/// (N, D, K): one of everything awkward, non-square, vec4 and scalar variants, ragged tiles.
const DENSE_SHAPES: [(usize, usize, usize); 14] = [
    (1, 1, 1),
    (1, 4, 4),
    (7, 7, 7),
    (8, 32, 32),
    (63, 65, 64),
    (64, 64, 64),
    (65, 63, 257),
    (65, 68, 60),
    (257, 12, 4),
    (128, 256, 2),
    (128, 2, 256),
    (33, 784, 36),
    (9, 100, 260),
    (130, 20, 132),
];

const FORMS: [GemmVariant; 6] = [
    GemmVariant::Direct,
    GemmVariant::Wide,
    GemmVariant::Tiled,
    GemmVariant::Small,
    GemmVariant::Large,
    GemmVariant::Skinny,
];

/// The CPU has one form; a GPU is made to run all.
fn variants(device: &Device) -> &'static [GemmVariant] {
    match device {
        Device::Cpu(_) => &FORMS[..1],
        Device::Gpu(_) => &FORMS,
    }
}

#[test]
fn dense_forward_matches() {
    for device in devices() {
        for &variant in variants(&device) {
            for (i, (n, d, k)) in DENSE_SHAPES.into_iter().enumerate() {
                let activation = FUSED[i % 4];
                let (x, w, b) = (noise(n * d, 4), noise(k * d, 5), noise(k, 6));
                let kernel = DenseForward { batch: n, inputs: d, outputs: k, activation, variant };
                let out =
                    run_kernel(&device, Arc::new(kernel), &[bytes(&x), bytes(&w), bytes(&b)], &[n * k], &[], state(n));
                let mut expected = Vec::with_capacity(n * k);
                for row in 0..n {
                    for unit in 0..k {
                        let dot: f64 = (0..d).map(|j| f64::from(x[row * d + j]) * f64::from(w[unit * d + j])).sum();
                        expected.push(apply(activation, dot + f64::from(b[unit])));
                    }
                }
                let what = format!("dense_forward {n}x{d}x{k} {variant:?} on {}", device.info());
                product_tolerance(d).check(&what, &out[0], &expected);
            }
        }
    }
}

#[test]
fn dense_backward_matches() {
    for device in devices() {
        for &variant in variants(&device) {
            for (i, (n, d, k)) in DENSE_SHAPES.into_iter().enumerate() {
                let whole = SplitK { slots: 1, slot_rows: n };
                let split = SplitK { slots: n.div_ceil(32), slot_rows: 32 };
                for (needs_dinp, split) in [(true, whole), (false, whole), (true, split), (false, split)] {
                    let input_activation = FUSED[i % 4];
                    let (dout, w) = (noise(n * k, 7), noise(k * d, 8));
                    let mut x = noise(n * d, 9);
                    input_activation.apply(&mut x);
                    let kernel =
                        DenseBackward { batch: n, inputs: d, outputs: k, needs_dinp, input_activation, split, variant };
                    let all_reads = [bytes(&dout), bytes(&x), bytes(&w)];
                    let all_writes = [split.slots * k * d, split.slots * k, n * d];
                    let count = if needs_dinp { 3 } else { 2 };
                    let out =
                        run_kernel(&device, Arc::new(kernel), &all_reads[..count], &all_writes[..count], &[], state(n));
                    let at = |v: &[f32], i: usize| f64::from(v[i]);
                    let mut dweight = Vec::new();
                    let mut dbias = Vec::new();
                    for slot in 0..split.slots {
                        let rows = slot * split.slot_rows..((slot + 1) * split.slot_rows).min(n);
                        for unit in 0..k {
                            let douts = rows.clone().map(|row| at(&dout, row * k + unit));
                            dbias.push(douts.clone().sum::<f64>());
                            for j in 0..d {
                                let xs = rows.clone().map(|row| at(&x, row * d + j));
                                dweight.push(douts.clone().zip(xs).map(|(g, x)| g * x).sum::<f64>());
                            }
                        }
                    }
                    let what = format!("dense_backward {n}x{d}x{k} {split:?} {variant:?} on {}", device.info());
                    product_tolerance(n).check(&format!("{what} dweight"), &out[0], &dweight);
                    product_tolerance(n).check(&format!("{what} dbias"), &out[1], &dbias);
                    if needs_dinp {
                        let mut dinp = Vec::new();
                        for row in 0..n {
                            for j in 0..d {
                                let sum: f64 = (0..k).map(|u| at(&dout, row * k + u) * at(&w, u * d + j)).sum();
                                dinp.push(sum * derivative(input_activation, at(&x, row * d + j)));
                            }
                        }
                        product_tolerance(k).check(&format!("{what} dinp"), &out[2], &dinp);
                    }
                }
            }
        }
    }
}

fn loss_value(loss: ReconstructionLoss, y: f64, x: f64) -> f64 {
    match loss {
        ReconstructionLoss::Mse => (y - x).powi(2),
        ReconstructionLoss::Bce => y.max(0.0) - y * x + (-y.abs()).exp().ln_1p(),
        other => panic!("{other:?} is tried elsewhere"),
    }
}

#[test]
fn losses_match_and_leave_out_rows_without_data() {
    for device in devices() {
        for loss in [ReconstructionLoss::Mse, ReconstructionLoss::Bce] {
            for (batch, rows, features) in
                [(1, 1, 1), (7, 7, 1), (7, 3, 65), (2, 2, 1024), (64, 64, 257), (65, 1, 63), (5, 0, 4)]
            {
                let count = batch * features;
                // Logits from -12 to 12, targets in 0..1 with exact ends among them.
                let y: Vec<f32> = noise(count, 10).iter().map(|x| 12.0 * x).collect();
                let x: Vec<f32> = noise(count, 11).iter().map(|x| (1.2 * x).clamp(0.0, 1.0)).collect();
                let reads = [bytes(&y), bytes(&x)];
                let chunks = count.div_ceil(LOSS_CHUNK);
                let forward = Loss { term: LossTerm::mean(loss), batch, features, gradient: None };
                let mut total = None;
                if rows > 0 {
                    let out = run_kernel(&device, Arc::new(forward), &reads, &[chunks], &[], state(rows));
                    let valid = rows * features;
                    let expected: f64 =
                        (0..valid).map(|i| loss_value(loss, f64::from(y[i]), f64::from(x[i])) / valid as f64).sum();
                    let sum: f32 = out[0].iter().sum();
                    product_tolerance(16).check(&format!("{loss:?} {}", device.info()), &[sum], &[expected]);
                    total = Some(sum);
                }
                for activation in [Activation::Identity, Activation::Sigmoid] {
                    let gradient = Some(activation);
                    let both = Loss { term: LossTerm::mean(loss), batch, features, gradient };
                    let out = run_kernel(&device, Arc::new(both), &reads, &[chunks, count], &[], state(rows));
                    // With the gradient beside it, the value is the same to the bit.
                    assert!(total.is_none_or(|total| out[0].iter().sum::<f32>() == total), "{loss:?}");
                    let scale = 1.0 / (rows * features) as f64;
                    let expected: Vec<f64> = (0..count)
                        .map(|i| {
                            if i >= rows * features {
                                return 0.0;
                            }
                            let (y, x) = (f64::from(y[i]), f64::from(x[i]));
                            let gradient = match loss {
                                // d/dy (y - x)^2 = 2 (y - x)
                                ReconstructionLoss::Mse => 2.0 * (y - x),
                                // d/dz bce = sigmoid(z) - x
                                ReconstructionLoss::Bce => apply(Activation::Sigmoid, y) - x,
                                other => panic!("{other:?} is tried elsewhere"),
                            };
                            gradient * scale * derivative(activation, y)
                        })
                        .collect();
                    let what = format!("{loss:?} backward {batch}x{features} ({rows}) {}", device.info());
                    POINTWISE.check(&what, &out[1], &expected);
                }
            }
        }
    }
}

#[test]
fn gather_follows_the_permutation_and_pads_with_zero() {
    for device in devices() {
        for (features, total, offset, part) in [(1, 9, 2, 5), (5, 40, 0, 40), (784, 300, 100, 200), (63, 257, 57, 200)]
        {
            let stride = usize::next_multiple_of(features, 4);
            let data: Vec<u8> = (0..total * stride).map(|i| (i * 37 % 256) as u8).collect();
            let (batch, rows) = (7, 5);
            let floats: Vec<f32> = (0..total * features).map(|i| (i as f32 * 0.37).sin()).collect();
            for (shuffle, packed) in [(0, true), (1, true), (0, false), (1, false)] {
                let state = StepState {
                    rows,
                    first: 0,
                    part_offset: offset,
                    part_rows: part,
                    shuffle,
                    permutation_keys: permutation_keys(3, 1, 2),
                    ..StepState::default()
                };
                let kernel = GatherRows { batch, features, part_rows: part as usize, packed };
                let source = if packed { data.as_slice() } else { bytemuck::cast_slice(&floats) };
                let out = run_kernel(&device, Arc::new(kernel), &[source], &[batch * features], &[], state);
                let mut expected = Vec::new();
                for row in 0..batch as u32 {
                    for feature in 0..features {
                        let place = if shuffle == 1 { permute(row, part, state.permutation_keys) } else { row };
                        let at = (offset + place) as usize;
                        expected.push(match (row < rows, packed) {
                            (false, _) => 0.0,
                            (true, true) => f64::from(data[at * stride + feature]) / 255.0,
                            (true, false) => f64::from(floats[at * features + feature]),
                        });
                    }
                }
                // The f32 nearest 1/255, then one rounding.
                let tolerance = Tolerance { absolute: f64::MIN_POSITIVE, relative: 1.3e-7 };
                tolerance.check(&format!("gather {features} {}", device.info()), &out[0], &expected);
            }
        }
    }
}

#[test]
fn optimizers_match_their_formulas_over_many_steps() {
    const STEPS: u64 = 20;
    const RATE: f64 = 0.01;
    let adam = UpdateRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let sgd = |nesterov| UpdateRule::Sgd { momentum: 0.9, nesterov };
    let cases = [
        (adam, 64, 0.0, true, None, None),
        (adam, 192, 0.1, true, None, Some(0.9)),
        (adam, 4160, 0.1, false, Some(0.5), None),
        (sgd(false), 128, 0.1, false, None, None),
        (sgd(true), 20_032, 0.1, true, Some(2.0), Some(0.99)),
    ];
    for device in devices() {
        for (rule, count, weight_decay, decoupled, max_norm, average) in cases {
            let is_adam = matches!(rule, UpdateRule::Adam { .. });
            let kernel = Update {
                rule,
                count,
                weight_decay: weight_decay as f32,
                decoupled,
                clipped: max_norm.is_some(),
                average: average.map(|share: f64| share as f32),
            };
            // Every other block of parameters is left alone by weight decay.
            let mask: Vec<f32> = (0..count / DECAY_BLOCK).map(|block| (block % 2) as f32).collect();
            let start = noise(count, 12);
            let mut flat = vec![start.clone(), vec![0.0; count]];
            flat.extend(is_adam.then(|| vec![0.0; count]));
            flat.extend(average.map(|_| start.clone()));
            let mut p: Vec<f64> = start.iter().map(|&x| f64::from(x)).collect();
            let (mut m, mut v, mut mean) = (vec![0.0_f64; count], vec![0.0_f64; count], p.clone());
            for step in 0..STEPS {
                let grads = noise(count, 20 + step as u32);
                let squares = GradientSquares { count };
                let partials = squares.partials();
                let sums = run_kernel(&device, Arc::new(squares), &[bytes(&grads)], &[partials], &[], state(1));
                let factor = ClipFactor { partials, max_norm: max_norm.unwrap_or(f64::INFINITY) as f32 };
                let clip = run_kernel(&device, Arc::new(factor), &[bytes(&sums[0])], &[2], &[], state(1));
                let norm = grads.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
                let clipped = max_norm.map_or(1.0, |most: f64| (most / (norm + 1e-6)).min(1.0));
                product_tolerance(16).check("clip", &clip[0], &[clipped, norm]);
                let (step_size, inv_sqrt_correction) = kernel.corrections(RATE, step);
                let state =
                    StepState { step_size, inv_sqrt_correction, learning_rate: RATE as f32, ..StepState::default() };
                let initial: Vec<&[f32]> = flat.iter().map(Vec::as_slice).collect();
                let counts = vec![count; flat.len()];
                let reads = [bytes(&grads), bytes(&mask), bytes(&clip[0])];
                flat = run_kernel(&device, Arc::new(kernel.clone()), &reads, &counts, &initial, state);
                let t = (step + 1) as i32;
                for i in 0..count {
                    let decay = weight_decay * f64::from(mask[i / DECAY_BLOCK]);
                    let g = f64::from(grads[i]) * clipped + if decoupled { 0.0 } else { decay * p[i] };
                    if decoupled {
                        p[i] -= RATE * decay * p[i];
                    }
                    match rule {
                        UpdateRule::Adam { .. } => {
                            m[i] = 0.9 * m[i] + 0.1 * g;
                            v[i] = 0.999 * v[i] + 0.001 * g * g;
                            let (mh, vh) = (m[i] / (1.0 - 0.9_f64.powi(t)), v[i] / (1.0 - 0.999_f64.powi(t)));
                            p[i] -= RATE * mh / (vh.sqrt() + 1e-8);
                        }
                        UpdateRule::Sgd { nesterov, .. } => {
                            m[i] = 0.9 * m[i] + g;
                            p[i] -= RATE * if nesterov { g + 0.9 * m[i] } else { m[i] };
                        }
                    }
                    let share = average.unwrap_or(0.0);
                    mean[i] = share * mean[i] + (1.0 - share) * p[i];
                }
            }
            // Each step rounds the parameter once; beta2 as f32 is 1e-8 off, which the correction amplifies 1000 times.
            let tolerance = Tolerance { absolute: 4e-6, relative: 4e-6 };
            let what = format!("{rule:?} {count} on {}", device.info());
            tolerance.check(&what, &flat[0], &p);
            if average.is_some() {
                tolerance.check(&format!("average, {what}"), flat.last().expect("there"), &mean);
            }
        }
    }
}

/// Where a device offers timestamps they tell a plausible time: above nothing, below the wall clock's.
#[test]
fn the_device_tells_how_long_it_worked() {
    use hourglass::graph::{Executable, Plan, SharedBuffers};
    for device in devices() {
        let count = 1 << 20;
        let plan = Plan::from_kernel(
            Arc::new(PointwiseKernel::one(PointwiseStage::Add, count)),
            &[4 * count; 4],
            &[4 * count],
        );
        let mut executable = Executable::new(&device, &plan, &SharedBuffers::default()).expect("it fits");
        let started = std::time::Instant::now();
        executable.run(&[state(1); 8]).expect("it runs");
        let told = executable.device_seconds().expect("a clock or none");
        let wall = started.elapsed().as_secs_f64();
        if let Some(seconds) = told {
            assert!(seconds > 0.0 && seconds <= wall, "{seconds} of {wall} s on {}", device.info());
        }
    }
}
