//! Trains an autoencoder on rows that the program has in memory, and reconstructs one of them.

use std::sync::Arc;

use hourglass::data::{DataSpec, Part};
use hourglass::model::auto_spec;
use hourglass::platform::Wait as _;
use hourglass::{DataSet, Device, DeviceChoice, Session};

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 600 rows of 16 values: sines of multiples of one random number, a curve that bends out of every plane. The model
    // begins as PCA, which two latent numbers of a plane are.
    let phase = |row: usize| (row as f32 * 2.399_963).rem_euclid(std::f32::consts::TAU);
    let values = (0..600 * 16).map(|i| (phase(i / 16) * (0.5 + (i % 16) as f32 * 0.1)).sin()).collect();
    // A tenth of what the test part leaves is validation; 1 is the seed of the split.
    let data = Arc::new(DataSet::from_array(values, 16, &DataSpec::default(), 0.1, 1)?);

    let settings = ["model.latent=2", "train.steps=400"].map(str::to_owned);
    let spec = auto_spec(&data)?.spec.with_set(&settings)?;
    let mut session = Session::new(spec, Arc::clone(&data), Device::open(DeviceChoice::Cpu, None)?)?;
    let (before, _parts) = session.evaluate(Part::Validation).wait()?;
    while session.train(50).wait()? > 0 {
        let last = session.take_losses(true).wait()?.pop();
        println!("step and train loss: {last:.4?}");
    }
    let (after, _parts) = session.evaluate(Part::Validation).wait()?;
    println!("objective on rows not trained on: {before:.4} before, {after:.4} after");

    let row = data.part(Part::Test).start;
    // As the network evaluates rows: outputs too, not corrupted.
    let made = session.outputs(row..row + 1, true, false).wait()?;
    println!("latents {:?}\ngiven {:.2?}\nmade  {:.2?}", made.latents, data.rows_f32(row..row + 1)?, made.outputs);
    if after < before { Ok(()) } else { Err("it has learned nothing".into()) }
}
