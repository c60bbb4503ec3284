//! Fits a detector to the normal rows of a CSV file and scores the rows of another.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use hourglass::tasks::{DetectorOptions, ScoreInput, ScoreOptions, ScoreOutput, fit_detector, score_rows};
use hourglass::{Device, DeviceChoice};

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("hourglass-detect-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (detector, scores) = (folder.join("detector.safetensors"), folder.join("scores.csv"));
    // Pump speed, pressure and power go together; in every hundredth row to be scored the power does not.
    let write = |name: &str, faulty: bool| -> Result<String, Box<dyn std::error::Error>> {
        let mut text = String::from("speed,pressure,power\n");
        for row in 0..600 {
            let speed = 1.0 + 0.5 * (f64::from(row) * 0.37).sin();
            let power = if faulty && row % 100 == 50 { 6.0 } else { speed * speed };
            writeln!(text, "{speed:.4},{:.4},{power:.4}", 2.0 * speed)?;
        }
        std::fs::write(folder.join(name), text)?;
        Ok(folder.join(name).display().to_string())
    };

    let device = Device::open(DeviceChoice::Cpu, None)?;
    let normal = write("normal.csv", false)?;
    fit_detector(&normal, &detector, &DetectorOptions::default(), &device, &mut |_| ControlFlow::Continue(()))?;
    let (input, output) = (ScoreInput::Path(write("table.csv", true)?), ScoreOutput::File(scores.clone()));
    let found = score_rows(&detector, &input, &output, &ScoreOptions::default(), &device)?;
    println!("{} of {} rows are abnormal; the scores begin", found.abnormal, found.rows);
    std::fs::read_to_string(&scores)?.lines().take(3).for_each(|line| println!("  {line}"));
    std::fs::remove_dir_all(&folder)?;
    if found.abnormal >= 6 { Ok(()) } else { Err("the six abnormal rows were not found".into()) }
}
