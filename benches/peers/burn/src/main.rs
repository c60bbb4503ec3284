//! Steps a second of 784-256-128-32-128-784 at batch 128 in burn. usage: peer-burn wgpu|flex SECONDS

use std::time::{Duration, Instant};

use burn::backend::{Autodiff, Flex, Wgpu};
use burn::nn::loss::{MseLoss, Reduction};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::prelude::*;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::Distribution;

const WIDTHS: [usize; 6] = [784, 256, 128, 32, 128, 784];

#[derive(Module, Debug)]
struct Canonical<B: Backend> {
    layers: Vec<Linear<B>>,
}

impl<B: Backend> Canonical<B> {
    fn new(device: &B::Device) -> Self {
        Self { layers: WIDTHS.windows(2).map(|w| LinearConfig::new(w[0], w[1]).init(device)).collect() }
    }

    fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let mut h = x;
        for (i, layer) in self.layers.iter().enumerate() {
            h = layer.forward(h);
            if matches!(i, 0 | 1 | 3) {
                h = relu(h);
            }
        }
        sigmoid(h)
    }
}

fn measure<B: AutodiffBackend>(device: B::Device, seconds: f64) -> f64 {
    let data = Tensor::<B, 2>::random([10_000, 784], Distribution::Uniform(0.0, 1.0), &device);
    let mut model = Canonical::<B>::new(&device);
    let mut optimizer = AdamConfig::new().init::<B, Canonical<B>>();
    let mut step = |i: usize| {
        let start = i * 128 % 9_800;
        let x = data.clone().slice([start..start + 128]);
        let loss = MseLoss::new().forward(model.forward(x.clone()), x, Reduction::Mean);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-3, model.clone(), gradients);
        // Reading the loss is what a training loop does, and it waits for the step.
        loss.into_scalar()
    };
    for i in 0..3 {
        step(i);
    }
    let started = Instant::now();
    let mut steps = 0;
    while started.elapsed() < Duration::from_secs_f64(seconds) {
        step(steps);
        steps += 1;
    }
    steps as f64 / started.elapsed().as_secs_f64()
}

fn main() {
    let backend = std::env::args().nth(1).unwrap_or_default();
    let seconds = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(5.0);
    let rate = match backend.as_str() {
        "wgpu" => measure::<Autodiff<Wgpu>>(Default::default(), seconds),
        "flex" => measure::<Autodiff<Flex>>(Default::default(), seconds),
        _ => {
            eprintln!("usage: peer-burn wgpu|flex SECONDS");
            std::process::exit(2);
        }
    };
    println!("{rate:.2}");
}
