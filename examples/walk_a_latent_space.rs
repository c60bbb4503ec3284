//! Trains a small variational autoencoder on digits, and decodes the latents on the way from one to another.

use std::sync::Arc;

use hourglass::inference::LoadedModel;
use hourglass::model::preset;
use hourglass::platform::Wait as _;
use hourglass::{DataSet, Device, DeviceChoice, Session};

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = preset("map")?.spec.with_set(&["train.steps=60".to_owned()])?;
    let data = Arc::new(DataSet::open(&spec.data, spec.train.validation_fraction, spec.train.seed)?);
    let device = Device::open(DeviceChoice::Cpu, None)?;
    let mut session = Session::new(spec, data, device.clone())?;
    while session.train(20).wait()? > 0 {}

    // The weights stay flat: they are written into passes that are planned once, as often as there are newer ones.
    let weights = session.weights().wait()?;
    let mut model = LoadedModel::from_flat(&session.flat_model(weights), &device)?;
    let steps = 5;
    let latents: Vec<f32> = (0..steps).flat_map(|i| [-1.5 + 0.75 * i as f32, 0.5]).collect();
    let rows = model.decode(&latents, 0).wait()?;
    for line in 0..14 {
        for row in rows.chunks_exact(784) {
            // Two lines of pixels are one of characters.
            let ink = |x: usize| row[2 * line * 28 + x] + row[(2 * line + 1) * 28 + x];
            let text: String = (0..28).map(|x| [' ', '.', ':', 'o', '#'][(ink(x) * 2.49) as usize]).collect();
            print!("{text} ");
        }
        println!();
    }
    if rows.len() == steps * 784 { Ok(()) } else { Err("not every latent was decoded".into()) }
}
