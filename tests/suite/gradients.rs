//! Gradients of whole networks, on both devices, against central differences of a plain f64 forward pass.

use hourglass::graph::{BufferView, Executable, Location, SharedBuffer, SharedBuffers};
use hourglass::kernels::StepState;
use hourglass::kernels::activation::Activation;
use hourglass::kernels::loss::ReconstructionLoss;
use hourglass::model::{DataShape, Layer, Network, RowSource, Spec};
use hourglass::platform::Wait as _;

use crate::support::{Tolerance, devices, noise};

const BATCH: usize = 5;
const FEATURES: usize = 7;

/// f32 sums of a few dozen terms against f64; differences of h = 1e-5 are good to 1e-10 themselves.
const GRADIENT: Tolerance = Tolerance { absolute: 2e-7, relative: 2e-5 };

fn spec(activation: &str, loss: &str) -> Spec {
    let text = format!(
        "version = 1\n[model]\nencoder = [\"dense 6 {activation}\", \"latent\"]\nlatent = 3\n\
         decoder = [\"dense 9 {activation}\", \"output sigmoid\"]\n[objective]\nloss = \"{loss}\"\n"
    );
    Spec::from_toml(&text, "test").expect("the spec is right")
}

/// Loss of the network in f64, and the smallest distance of any pre-activation from zero.
fn forward(spec: &Spec, network: &Network, flat: &[f64], x: &[f64]) -> (f64, f64) {
    let mut rows: Vec<Vec<f64>> = x.chunks(FEATURES).map(<[f64]>::to_vec).collect();
    let layers: Vec<&Layer> = spec.model.encoder.iter().chain(&spec.model.decoder).collect();
    let mut margin = f64::INFINITY;
    for (layer, pair) in layers.iter().zip(network.parameters().chunks(2)) {
        let activation = match layer {
            Layer::Dense { activation, .. } => *activation,
            Layer::Latent { activation } => *activation,
            // BCE takes logits.
            Layer::Output { activation, .. } => {
                if spec.objective.loss == ReconstructionLoss::Bce {
                    Activation::Identity
                } else {
                    *activation
                }
            }
            other => panic!("{other} is not in these specs"),
        };
        let extents = pair[0].shape.extents();
        let (units, inputs) = (extents[0], extents[1]);
        for row in &mut rows {
            *row = (0..units)
                .map(|unit| {
                    let weights = &flat[pair[0].offset + unit * inputs..][..inputs];
                    let sum: f64 = weights.iter().zip(row.iter()).map(|(w, x)| w * x).sum();
                    let z = sum + flat[pair[1].offset + unit];
                    if activation == Activation::Relu {
                        margin = margin.min(z.abs());
                    }
                    match activation {
                        Activation::Identity => z,
                        Activation::Relu => z.max(0.0),
                        Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()),
                        Activation::Tanh => z.tanh(),
                        other => panic!("{other:?} is not in these specs"),
                    }
                })
                .collect();
        }
    }
    let loss: f64 = rows
        .iter()
        .flatten()
        .zip(x)
        .map(|(&y, &x)| match spec.objective.loss {
            ReconstructionLoss::Mse => (y - x).powi(2),
            ReconstructionLoss::Bce => y.max(0.0) - y * x + (-y.abs()).exp().ln_1p(),
            other => panic!("{other:?} is not in these specs"),
        })
        .sum();
    (loss / x.len() as f64, margin)
}

#[test]
fn gradients_match_finite_differences() {
    const STEP: f64 = 1e-5;
    for activation in ["tanh", "sigmoid", "relu"] {
        for loss in ["mse", "bce"] {
            let spec = spec(activation, loss);
            let network =
                Network::new(&spec, DataShape { features: FEATURES, image: None, classes: 0 }).expect("the layers fit");
            let x: Vec<f32> = noise(BATCH * FEATURES, 31).iter().map(|v| 0.5 + 0.5 * v).collect();
            let flat = noise(network.flat_elements(), 32);
            let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
            let (x64, flat64) = (wide(&x), wide(&flat));
            let (expected_loss, margin) = forward(&spec, &network, &flat64, &x64);
            // The noise streams were chosen so that no ReLU sits within reach of the difference's step.
            assert!(margin > 100.0 * STEP, "a kink is too near: {margin}");

            let plan = network.training_pass(BATCH, RowSource::Input).expect("a training pass");
            for device in devices() {
                let mut externals = SharedBuffers::default();
                externals.allocate_for(&device, &plan);
                let mut executable = Executable::new(&device, &plan, &externals).expect("it fits");
                externals.write(&device, SharedBuffer::Input, bytemuck::cast_slice(&x)).expect("written");
                externals
                    .write(&device, SharedBuffer::DecayMask, bytemuck::cast_slice(&network.decay_mask()))
                    .expect("written");
                externals.write(&device, SharedBuffer::Parameters, bytemuck::cast_slice(&flat)).expect("written");
                // A step size of zero: parameters stay, gradients are left to read.
                executable.run(&[StepState { rows: BATCH as u32, ..StepState::default() }]).expect("it runs");
                let bytes = network.flat_elements() * 4;
                let mut read = |external, bytes| {
                    executable
                        .read(BufferView { place: Location::External(external), offset: 0, bytes })
                        .wait()
                        .expect("read")
                };
                let gradient = read(SharedBuffer::Gradients, bytes);
                let loss_there = read(SharedBuffer::Losses, 4);
                GRADIENT.check("the loss", &loss_there, &[expected_loss]);
                for parameter in network.parameters() {
                    let range = parameter.offset..parameter.offset + parameter.shape.elements();
                    let expected: Vec<f64> = range
                        .clone()
                        .map(|i| {
                            let at = |value| {
                                let mut moved = flat64.clone();
                                moved[i] = value;
                                forward(&spec, &network, &moved, &x64).0
                            };
                            (at(flat64[i] + STEP) - at(flat64[i] - STEP)) / (2.0 * STEP)
                        })
                        .collect();
                    let what = format!("{} {activation} {loss} on {}", parameter.name, device.info());
                    GRADIENT.check(&what, &gradient[range], &expected);
                }
            }
        }
    }
}
