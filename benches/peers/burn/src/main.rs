//! Steps a second at batch 128 in burn: 784-256-128-32-128-784, or conv 1-16-32 with a code of 32 and transposed
//! convolutions back. usage: peer-burn wgpu|flex SECONDS [convolutional]

use std::time::{Duration, Instant};

use burn::backend::{Autodiff, Flex, Wgpu};
use burn::module::AutodiffModule;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::loss::{MseLoss, Reduction};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::prelude::*;
use burn::tensor::Distribution;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::backend::AutodiffBackend;

const WIDTHS: [usize; 6] = [784, 256, 128, 32, 128, 784];

trait Net<B: Backend> {
    fn new(device: &B::Device) -> Self;
    fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2>;
}

#[derive(Module, Debug)]
struct Canonical<B: Backend> {
    layers: Vec<Linear<B>>,
}

impl<B: Backend> Net<B> for Canonical<B> {
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

#[derive(Module, Debug)]
struct Convolutional<B: Backend> {
    down: Vec<Conv2d<B>>,
    code: Linear<B>,
    back: Linear<B>,
    up: Vec<ConvTranspose2d<B>>,
}

impl<B: Backend> Net<B> for Convolutional<B> {
    fn new(device: &B::Device) -> Self {
        let conv = |channels| {
            Conv2dConfig::new(channels, [3, 3])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let transposed = |channels| {
            ConvTranspose2dConfig::new(channels, [4, 4]).with_stride([2, 2]).with_padding([1, 1]).init(device)
        };
        Self {
            down: vec![conv([1, 16]), conv([16, 32])],
            code: LinearConfig::new(1568, 32).init(device),
            back: LinearConfig::new(32, 1568).init(device),
            up: vec![transposed([32, 16]), transposed([16, 1])],
        }
    }

    fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let batch = x.dims()[0];
        let mut h = x.reshape([batch, 1, 28, 28]);
        for conv in &self.down {
            h = relu(conv.forward(h));
        }
        let z = self.code.forward(h.reshape([batch, 1568]));
        let mut h = relu(self.back.forward(z)).reshape([batch, 32, 7, 7]);
        h = relu(self.up[0].forward(h));
        sigmoid(self.up[1].forward(h)).reshape([batch, 784])
    }
}

fn measure<B: AutodiffBackend, M: AutodiffModule<B> + Net<B>>(device: B::Device, seconds: f64) -> f64 {
    let data = Tensor::<B, 2>::random([10_000, 784], Distribution::Uniform(0.0, 1.0), &device);
    let mut model = M::new(&device);
    let mut optimizer = AdamConfig::new().init::<B, M>();
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
    let argument = |at: usize| std::env::args().nth(at).unwrap_or_default();
    let seconds = argument(2).parse().unwrap_or(5.0);
    type Gpu = Autodiff<Wgpu>;
    type Cpu = Autodiff<Flex>;
    let rate = match (argument(1).as_str(), argument(3).as_str()) {
        ("wgpu", "convolutional") => measure::<Gpu, Convolutional<Gpu>>(Default::default(), seconds),
        ("flex", "convolutional") => measure::<Cpu, Convolutional<Cpu>>(Default::default(), seconds),
        ("wgpu", "") => measure::<Gpu, Canonical<Gpu>>(Default::default(), seconds),
        ("flex", "") => measure::<Cpu, Canonical<Cpu>>(Default::default(), seconds),
        _ => {
            eprintln!("usage: peer-burn wgpu|flex SECONDS [convolutional]");
            std::process::exit(2);
        }
    };
    println!("{rate:.2}");
}
