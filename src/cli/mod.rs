//! Command line: parses the arguments, calls the library, prints text or JSON.

mod common;
mod compress;
mod data;
mod denoise;
mod detect;
mod error;
mod generate;
mod inputs;
mod inspect;
mod output;
mod represent;
mod selftest;
mod train;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::common::Common;
pub use self::common::OpenWindow;
pub use self::error::EXIT_INTERRUPTED;
use crate::bench;

/// Train autoencoders, watch them learn, and use them.
///
/// Without a command: start the default run on the embedded digits.
#[derive(Debug, Parser)]
#[command(name = "hourglass", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,

    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Train a model from a preset or a spec.
    Train(train::TrainArgs),
    /// Train a model or explore a saved one in the window.
    Window(train::TrainArgs),
    /// Resume a run exactly where it stopped.
    Resume {
        /// Folder of the run.
        run_dir: PathBuf,
        /// New total number of epochs.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        epochs: Option<u32>,
        /// Data that is not what the run began with: refuse it, or use it.
        #[arg(long, value_name = "HOW", default_value = "refuse", value_parser = ["refuse", "use"])]
        changed_data: String,
    },
    /// Evaluate a saved model on held-out rows, with PCA as a baseline.
    Evaluate(represent::EvaluateArgs),
    /// Write the latents of every row of a data set.
    Encode(represent::EncodeArgs),
    /// Decode latents and write the rows in the format of the model's data.
    Decode(represent::DecodeArgs),
    /// Train classifiers on frozen latents with few and with many labels, with PCA and raw values as baselines.
    Probe(represent::ProbeArgs),
    /// Project data to two dimensions and cluster its latents.
    Project(represent::ProjectArgs),
    /// Reconstruct every row of a data set with a model and write the rows in the format of the data.
    Reconstruct {
        /// Model file (.safetensors).
        model: PathBuf,
        /// Data to reconstruct, of the kind that the model was trained on.
        #[arg(long, value_name = "PATH")]
        data: String,
        /// A .csv or .npy file, or a folder for images or audio.
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
    },
    /// Denoise images of any size and .npy arrays.
    Denoise(denoise::DenoiseArgs),
    /// Write the report of a run: one self-contained HTML file.
    Report {
        /// Folder of the run.
        run_dir: PathBuf,
        /// File to write [default: report.html in the run's folder].
        #[arg(short, long, value_name = "FILE.html")]
        output: Option<PathBuf>,
    },
    /// Detect abnormal rows and explain why.
    #[command(subcommand)]
    Detect(detect::DetectCommand),
    /// Sample new rows from a model, each with its nearest train row.
    Sample(generate::SampleArgs),
    /// Interpolate between two rows in latent space.
    Interpolate(generate::InterpolateArgs),
    /// Compute A - B + C in latent space and decode it.
    Arithmetic(generate::ArithmeticArgs),
    /// Vary one latent unit at a time and decode the results.
    Traverse(generate::TraverseArgs),
    /// Generate variants of rows, with their labels.
    Augment(generate::AugmentArgs),
    /// Compress data to the quantized, entropy-coded latents of a model.
    Compress(compress::CompressArgs),
    /// Reconstruct data from a file written by `compress`.
    Decompress(compress::DecompressArgs),
    /// Repeat the first steps of a run and compare the losses: exact, within tolerance, or different.
    Verify {
        /// Folder of the run.
        run_dir: PathBuf,
    },
    /// Describe a file or folder as training data, and how it would be prepared.
    Data(data::DataArgs),
    /// List the compute devices of this machine.
    Devices,
    /// Test that a device computes correctly: every kernel against its CPU reference, training against PyTorch.
    Selftest(selftest::SelftestArgs),
    /// List the presets.
    Presets,
    /// Measure the engine's speed on this machine.
    Bench {
        /// Measure only the training step of this preset (or of denoiser-64), without the ceilings.
        #[arg(long, value_name = "PRESET")]
        only: Option<String>,
        /// Measure only how the cost of a step grows with batch size, width, image side and, on a CPU, threads.
        #[arg(long, conflicts_with = "only")]
        growth: bool,
        /// Measure only the kernel variants that autotuning chooses from on this GPU.
        #[arg(long, conflicts_with_all = ["only", "growth"])]
        variants: bool,
        /// Also write the measurements as JSON, with adapter, driver, version and date, for comparison across machines.
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
}

/// Parses the arguments, and keeps the innermost command with them.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    // Negative numbers are parsed as values, so that the check of the option reports them.
    fn allow(command: clap::Command) -> clap::Command {
        let mut command = command.allow_negative_numbers(true);
        command.get_subcommands_mut().for_each(|inner| *inner = allow(std::mem::take(inner)));
        command
    }
    let mut command = allow(Cli::command());
    let matches = command.try_get_matches_from_mut(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let mut inner = Some(&matches);
    while let Some((name, matches)) = inner.and_then(clap::ArgMatches::subcommand) {
        if let Some(found) = command.find_subcommand(name) {
            command = found.clone();
        }
        inner = Some(matches);
    }
    cli.common.command = command;
    Ok(cli)
}

/// Runs the program and returns its exit code. `window` opens the window, also for `hourglass` without a command.
pub fn run(arguments: impl IntoIterator<Item = OsString>, window: OpenWindow) -> u8 {
    let cli = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) if !error.use_stderr() => {
            // Help and version: a closed pipe is no failure.
            let _ = error.print();
            return 0;
        }
        Err(error) => {
            // One line, as for every error; clap may add the usage below it.
            eprintln!("{}", error.to_string().trim_end());
            return 2;
        }
    };
    let common = &cli.common;
    common.show_stages();
    let result = common.choose_backend().and_then(|()| match cli.command {
        None => train::default_run(common, window),
        Some(CliCommand::Train(arguments)) => train::train(&arguments, common),
        Some(CliCommand::Window(arguments)) => train::window(&arguments, common, window),
        Some(CliCommand::Resume { run_dir, epochs, changed_data }) => {
            train::resume(&run_dir, epochs, changed_data == "use", common)
        }
        Some(CliCommand::Evaluate(arguments)) => represent::evaluate(&arguments, common),
        Some(CliCommand::Encode(arguments)) => represent::encode(&arguments, common),
        Some(CliCommand::Decode(arguments)) => represent::decode(&arguments, common),
        Some(CliCommand::Probe(arguments)) => represent::probe(&arguments, common),
        Some(CliCommand::Project(arguments)) => represent::project(&arguments, common),
        Some(CliCommand::Reconstruct { model, data, output }) => inspect::reconstruct(&model, &data, &output, common),
        Some(CliCommand::Denoise(arguments)) => denoise::run(arguments, common),
        Some(CliCommand::Report { run_dir, output }) => inspect::report(&run_dir, output.as_deref(), common),
        Some(CliCommand::Detect(command)) => detect::run(command, common),
        Some(CliCommand::Sample(arguments)) => generate::sample(&arguments, common),
        Some(CliCommand::Interpolate(arguments)) => generate::interpolate(&arguments, common),
        Some(CliCommand::Arithmetic(arguments)) => generate::arithmetic(&arguments, common),
        Some(CliCommand::Traverse(arguments)) => generate::traverse(&arguments, common),
        Some(CliCommand::Augment(arguments)) => generate::augment(&arguments, common),
        Some(CliCommand::Compress(arguments)) => compress::compress(&arguments, common),
        Some(CliCommand::Decompress(arguments)) => compress::decompress(&arguments, common),
        Some(CliCommand::Verify { run_dir }) => inspect::verify(&run_dir, common),
        Some(CliCommand::Data(arguments)) => data::describe(&arguments, common),
        Some(CliCommand::Selftest(arguments)) => selftest::run(&arguments, common),
        Some(CliCommand::Devices) => inspect::devices(common),
        Some(CliCommand::Presets) => inspect::presets(common),
        Some(CliCommand::Bench { only, growth, variants, save }) => {
            inspect::bench(bench::BenchOptions { only, growth, variants }, save.as_deref(), common)
        }
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", error.told(&common.command));
            error.code
        }
    }
}
