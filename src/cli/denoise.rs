//! `hourglass denoise`: denoising of images and arrays.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::common::Common;
use super::error::{CliError, EXIT_INTERRUPTED, worded};
use super::output::{print_json, print_out, say_notes};
use crate::device::Device;
use crate::error::ErrorKind;
use crate::tasks::{self, DenoiseOptions, Denoised, FileOutcome, Sigma, Strength, TaskError};

#[derive(Debug, clap::Args)]
pub(super) struct DenoiseArgs {
    /// Images (PNG, JPEG, WebP, TIFF with all pages, BMP, GIF, PNM), .npy arrays (pictures or stacks of them), or folders
    /// of them.
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// A file for one input, else a folder in which the names are kept. The format is that of the input; GIF becomes PNG,
    /// and a name in .tif keeps the frames of an animation as pages.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Model file (.safetensors), instead of the built-in denoiser.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Share of the noise to remove, 0 to 1; 0 copies the file.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    strength: f64,
    /// Standard deviation of the noise on the 0..255 scale: upper bound on the change, unless the model also repairs
    /// other damage. auto estimates it and leaves clean images as they are.
    #[arg(long, value_name = "auto|N", default_value = "auto", value_parser = sigma)]
    sigma: Sigma,
    /// Clean image, or a folder of clean images under the same names, to compute PSNR and SSIM against.
    #[arg(long, value_name = "CLEAN")]
    reference: Option<PathBuf>,
    /// Memory limit of the network [default: a quarter of the free memory, at most 1024].
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(1..))]
    memory: Option<u32>,
    /// Values of black and white in pictures and arrays of more than 8 bits, such as 0,4095 [default: those of the
    /// model, or what each file holds].
    #[arg(long, value_name = "LOW,HIGH", value_parser = range, allow_hyphen_values = true)]
    range: Option<[f64; 2]>,
    /// Meaning of the dimensions of arrays, a letter for each: T or N counts pictures, Y lines, X columns, C channels,
    /// such as TYX, CYX or YXC [default: by their shape].
    #[arg(long, value_name = "LETTERS")]
    axes: Option<String>,
    /// Run the network once per image instead of averaging over 8 flips and rotations: 8 times as fast, 0.1 dB worse.
    #[arg(long)]
    fast: bool,
}

fn sigma(text: &str) -> Result<Sigma, String> {
    let given = || text.parse::<f64>().ok().filter(|sigma| (0.0..=255.0).contains(sigma)).map(Sigma::Given);
    match text {
        "auto" => Ok(Sigma::Auto),
        _ => given().ok_or_else(|| "give auto or a number from 0 to 255".to_owned()),
    }
}

fn range(text: &str) -> Result<[f64; 2], String> {
    let given = || {
        let (low, high) = text.split_once(',')?;
        let (low, high) = (low.trim().parse::<f64>().ok()?, high.trim().parse::<f64>().ok()?);
        (low.is_finite() && high.is_finite() && low < high).then_some([low, high])
    };
    given().ok_or_else(|| "give black and white as two numbers, such as 0,4095".to_owned())
}

pub(super) fn run(arguments: DenoiseArgs, common: &Common) -> Result<u8, CliError> {
    if !(0.0..=1.0).contains(&arguments.strength) {
        let problem = format!("--strength is {}, use a number from 0 to 1; 1 removes all noise", arguments.strength);
        return Err(CliError::usage(problem));
    }
    let options = DenoiseOptions {
        model: arguments.model,
        strength: Strength { sigma: arguments.sigma, strength: arguments.strength },
        reference: arguments.reference,
        memory: arguments.memory.map(|megabytes| (megabytes as usize) << 20),
        fast: arguments.fast,
        range: arguments.range,
        axes: arguments.axes,
    };
    let device = Device::open(common.device_choice()?, common.threads())?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&interrupted);
    // Without a handler Ctrl-C ends the program at once; files are written whole or not at all in any case.
    let _ = ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed));
    let bar = if common.has_bars() { ProgressBar::new(1000) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("denoising {wide_bar} {percent} %, {eta} left  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let denoised = tasks::denoise(&arguments.inputs, &arguments.output, &options, &device, &mut |done, file| {
        bar.set_position((1000.0 * done) as u64);
        bar.set_message(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    let denoised = match denoised {
        Err(TaskError::Canceled) => {
            eprintln!("interrupted; finished files are kept, no other was written");
            return Ok(EXIT_INTERRUPTED);
        }
        other => other?,
    };
    // The error of a single input is that of the command.
    if let [FileOutcome { error: Some(error), unusable, .. }] = &denoised.files[..] {
        return Err(CliError::new(error, if *unusable { ErrorKind::Usage } else { ErrorKind::Work }, None));
    }
    for error in denoised.files.iter().filter_map(|file| file.error.as_ref()) {
        eprintln!("error: {}", worded(error, &common.command));
    }
    if common.json {
        print_json(&denoised)?;
    } else {
        describe(&denoised, common);
    }
    Ok(u8::from(denoised.failed > 0))
}

fn describe(denoised: &Denoised, common: &Common) {
    say_notes(&denoised.notes, common);
    for file in denoised.files.iter().filter(|file| file.error.is_none()) {
        let sigma = file.sigma.map_or_else(String::new, |sigma| format!(", sigma {sigma:.1}"));
        let done = if file.copied { "copied" } else { "denoised" };
        let (width, height) = (file.width.unwrap_or(0), file.height.unwrap_or(0));
        let pages = file.pages.map_or_else(String::new, |pages| format!(", {pages} pages"));
        let output = file.output.as_deref().unwrap_or_default();
        print_out(&format!("{output}  {width}x{height}{pages}{sigma}, {done} in {:.2} s", file.seconds));
        if let Some(comparison) = &file.comparison {
            let number = |value: Option<f64>, digits: usize| {
                value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
            };
            print_out(&format!(
                "  PSNR {} dB (input {}), SSIM {} (input {})",
                number(comparison.psnr, 2),
                number(comparison.input_psnr, 2),
                number(comparison.ssim, 4),
                number(comparison.input_ssim, 4)
            ));
        }
        if !common.quiet {
            let place = &file.input;
            file.notes.iter().for_each(|note| eprintln!("note: {place}: {}", worded(note, &common.command)));
            if !file.not_kept.is_empty() {
                eprintln!("note: {place}: metadata not kept: {}", file.not_kept.join(", "));
            }
        }
    }
    let files = if denoised.done == 1 { "file" } else { "files" };
    let failed = if denoised.failed > 0 { format!(", {} failed", denoised.failed) } else { String::new() };
    print_out(&format!(
        "{} {files}{failed}, {:.1} megapixels in {:.1} s: {:.2} megapixels/s",
        denoised.done, denoised.megapixels, denoised.seconds, denoised.megapixels_per_second
    ));
}
