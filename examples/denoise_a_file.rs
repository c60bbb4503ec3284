//! Takes the noise out of a picture with the denoiser that comes with the program.

use std::ops::ControlFlow;
use std::path::PathBuf;

use hourglass::tasks::{DenoiseOptions, denoise};
use hourglass::{Device, DeviceChoice};

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("hourglass-denoise-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (noisy, clean) = (folder.join("noisy.png"), folder.join("clean.png"));
    // A gradient with noise of deviation 20, by a small congruential generator.
    let mut state = 1_u32;
    let mut uniform = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mut normal = move || (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
    image::GrayImage::from_fn(96, 96, |x, y| image::Luma([(x as f32 + y as f32 + 20.0 * normal()) as u8]))
        .save(&noisy)?;

    let device = Device::open(DeviceChoice::Cpu, None)?;
    let mut progress = |_: f64, _: &std::path::Path| ControlFlow::Continue(());
    let inputs = [PathBuf::from(&noisy)];
    let denoised = denoise(&inputs, &clean, &DenoiseOptions::default(), &device, &mut progress)?;
    for file in &denoised.files {
        println!("{} -> {:?}, noise of deviation {:?}", file.input, file.output, file.sigma);
    }
    let done = denoised.failed == 0 && clean.is_file();
    std::fs::remove_dir_all(&folder)?;
    if done { Ok(()) } else { Err("nothing was written".into()) }
}
