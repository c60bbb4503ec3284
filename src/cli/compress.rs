//! `hourglass compress` and `hourglass decompress`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::common::Common;
use super::error::CliError;
use super::inputs::refuse_overwriting;
use super::output::{print_json, print_out, say_notes};
use crate::device::Device;
use crate::{style, tasks};

/// Range of `--bits`: fewer bits carry no information, more are finer than the rounding of f32.
const BITS: std::ops::RangeInclusive<f64> = 0.1..=12.0;

#[derive(Args, Debug)]
pub(super) struct CompressArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Data to compress, of the kind that the model was trained on.
    #[arg(value_name = "IN")]
    data: String,
    /// File to write.
    #[arg(short, long, value_name = "FILE.hg", required_unless_present = "curve")]
    output: Option<PathBuf>,
    /// Mean number of bits per latent value: the more, the closer the error is to that of the model. Ignored by
    /// vector-quantized models, which store codes.
    #[arg(long, value_name = "BITS", default_value_t = tasks::USUAL_BITS)]
    bits: f64,
    /// Write a rate-distortion curve, with PCA and JPEG as baselines, to a .json, .csv or .png file.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["output", "bits"])]
    curve: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct DecompressArgs {
    /// File written by `compress`.
    #[arg(value_name = "FILE.hg")]
    input: PathBuf,
    /// Model that the data was compressed with.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// A .npy or .csv file, or a folder for images or audio.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

pub(super) fn compress(arguments: &CompressArgs, common: &Common) -> Result<u8, CliError> {
    if !BITS.contains(&arguments.bits) {
        return Err(CliError::usage(format!("--bits is {}, use a number from 0.1 to 12 (default 4)", arguments.bits)));
    }
    let device = Device::open(common.device_choice()?, common.threads())?;
    let Some(output) = &arguments.output else { return curve(arguments, common, &device) };
    refuse_overwriting(output, [&*arguments.model, Path::new(&arguments.data)])?;
    let made = tasks::compress(&arguments.model, &arguments.data, output, arguments.bits, &device)?;
    say_notes(&made.notes, common);
    if common.json {
        print_json(&made)?;
        return Ok(0);
    }
    if made.fitted_on == "input" && !common.quiet {
        eprintln!("note: the model's train rows are not available: step sizes and tables are fitted on the input");
    }
    print_out(&format!(
        "{} rows in {} bytes ({} of them header), {:.2} bytes per row, compression {:.1}:1",
        style::grouped(made.rows as u64),
        style::grouped(made.bytes as u64),
        style::grouped(made.header_bytes as u64),
        made.bytes_per_row,
        made.source_bytes as f64 / made.bytes as f64,
    ));
    print_out(&format!("MSE {:.5} ({:.5} without quantization): {}", made.mse, made.model_mse, made.output));
    Ok(0)
}

fn curve(arguments: &CompressArgs, common: &Common, device: &Device) -> Result<u8, CliError> {
    let Some(output) = &arguments.curve else { return Ok(0) };
    refuse_overwriting(output, [&*arguments.model, Path::new(&arguments.data)])?;
    let curve = tasks::rate_curve(&arguments.model, &arguments.data, output, device)?;
    if common.json {
        print_json(&curve)?;
        return Ok(0);
    }
    print_out(&format!("{:<12}{:<36}{:>12}{:>10}{:>8}", "method", "setting", "bytes/row", "MSE", "PSNR"));
    for point in &curve.points {
        print_out(&format!(
            "{:<12}{:<36}{:>12.2}{:>10.5}{:>8.2}",
            point.method, point.setting, point.bytes_per_row, point.mse, point.psnr
        ));
    }
    print_out(&format!("MSE of the model without quantization: {:.5}", curve.model_mse));
    curve.findings.iter().for_each(|finding| print_out(finding));
    print_out(&format!("curve {}", curve.output));
    Ok(0)
}

pub(super) fn decompress(arguments: &DecompressArgs, common: &Common) -> Result<u8, CliError> {
    let device = Device::open(common.device_choice()?, common.threads())?;
    refuse_overwriting(&arguments.output, [&*arguments.input, &*arguments.model])?;
    let made = tasks::decompress(&arguments.input, &arguments.model, &arguments.output, &device)?;
    if common.json {
        print_json(&made)?;
        return Ok(0);
    }
    let files = if made.files == 1 { made.output } else { format!("{} files in {}", made.files, made.output) };
    print_out(&format!("{} rows: {files}", style::grouped(made.rows as u64)));
    Ok(0)
}
