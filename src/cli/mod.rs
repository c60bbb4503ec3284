//! The command line: arguments in, the library called, text or JSON out.

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

/// Watch an autoencoder learn, then use it.
///
/// Without a command: the default run on the embedded digits.
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
    /// The same, in the window.
    Window(train::TrainArgs),
    /// Go on exactly where a run stopped.
    Resume {
        /// The folder of a run.
        run_dir: PathBuf,
        /// New total of epochs.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        epochs: Option<u32>,
    },
    /// Measure a saved model on rows it has not seen, with PCA beside it.
    Evaluate(represent::EvaluateArgs),
    /// Write the latents of every row of some data.
    Encode(represent::EncodeArgs),
    /// Write the rows that latents stand for, in the form that the model's data had.
    Decode(represent::DecodeArgs),
    /// Train classifiers on frozen latents with few labels and many, beside PCA and raw values.
    Probe(represent::ProbeArgs),
    /// Lay data on a map in two dimensions, with its clusters.
    Project(represent::ProjectArgs),
    /// Run every row of some data through a model and write what comes out, in the form that the data has.
    Reconstruct {
        /// A model.safetensors.
        model: PathBuf,
        /// What to run through it, of the kind that it was trained on.
        #[arg(long, value_name = "PATH")]
        data: String,
        /// A .csv or .npy file, or a folder for pictures or recordings.
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
    },
    /// Take the noise out of pictures of any size, and out of .npy arrays.
    Denoise(denoise::DenoiseArgs),
    /// Write the report of a run: one HTML file that needs no network.
    Report {
        /// The folder of a run.
        run_dir: PathBuf,
        /// Where to write it [default: report.html in the run's folder].
        #[arg(short, long, value_name = "FILE.html")]
        output: Option<PathBuf>,
    },
    /// Find abnormal rows, and what makes them so.
    #[command(subcommand)]
    Detect(detect::DetectCommand),
    /// Draw new rows from a model, each beside the train row that is nearest to it.
    Sample(generate::SampleArgs),
    /// Rows on the way from one to another in latent space.
    Interpolate(generate::InterpolateArgs),
    /// A - B + C in latent space.
    Arithmetic(generate::ArithmeticArgs),
    /// What each latent number does.
    Traverse(generate::TraverseArgs),
    /// Make variants of rows, with their labels.
    Augment(generate::AugmentArgs),
    /// Write data as the few bits that a model needs to make it again.
    Compress(compress::CompressArgs),
    /// Make data again from what `compress` wrote.
    Decompress(compress::DecompressArgs),
    /// Run the first steps of a run again: exact, within tolerance, or different.
    Verify {
        /// The folder of a run.
        run_dir: PathBuf,
    },
    /// Say what a file or folder is and what would be done to it.
    Data(data::DataArgs),
    /// List what can compute here.
    Devices,
    /// Test that a device computes right: every kernel against its reference, training against PyTorch.
    Selftest(selftest::SelftestArgs),
    /// List the presets.
    Presets,
    /// Measure the engine's speed on this machine.
    Bench {
        /// Only the training step of this preset (or of denoiser-64), with the ceilings left out.
        #[arg(long, value_name = "PRESET")]
        only: Option<String>,
        /// Only how the cost of a step grows with batch, width and image side.
        #[arg(long, conflicts_with = "only")]
        growth: bool,
        /// Only the variants of each kernel that autotuning chooses among on this GPU.
        #[arg(long, conflicts_with_all = ["only", "growth"])]
        variants: bool,
        /// Also write the measurements as JSON, with adapter, driver, version and date, to compare with other machines.
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
}

/// Returns what was asked for, and the command that it belongs to.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Cli, clap::Command), clap::Error> {
    // A negative number is a value and no option: what is wrong with it, the option says.
    fn allow(command: clap::Command) -> clap::Command {
        let mut command = command.allow_negative_numbers(true);
        command.get_subcommands_mut().for_each(|inner| *inner = allow(std::mem::take(inner)));
        command
    }
    let mut command = allow(Cli::command());
    let matches = command.try_get_matches_from_mut(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let mut inner = Some(&matches);
    while let Some((name, matches)) = inner.and_then(clap::ArgMatches::subcommand) {
        if let Some(found) = command.find_subcommand(name) {
            command = found.clone();
        }
        inner = Some(matches);
    }
    Ok((cli, command))
}

/// Runs the program; gives its exit code. `window` is what `hourglass` alone opens.
pub fn run(arguments: impl IntoIterator<Item = OsString>, window: OpenWindow) -> u8 {
    let (cli, command) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) if !error.use_stderr() => {
            // Help and version: a reader that went away is no failure.
            let _ = error.print();
            return 0;
        }
        Err(error) => {
            // One line as everywhere; the usage may follow it.
            eprintln!("{}", error.to_string().trim_end());
            return 2;
        }
    };
    let common = &cli.common;
    let result = common.choose_backend().and_then(|()| match cli.command {
        None => train::default_run(common, window),
        Some(CliCommand::Train(arguments)) => train::train(&arguments, common),
        Some(CliCommand::Window(arguments)) => train::window(&arguments, common, window),
        Some(CliCommand::Resume { run_dir, epochs }) => train::resume(&run_dir, epochs, common),
        Some(CliCommand::Evaluate(arguments)) => represent::evaluate(&arguments, common),
        Some(CliCommand::Encode(arguments)) => represent::encode(&arguments, common),
        Some(CliCommand::Decode(arguments)) => represent::decode(&arguments, common),
        Some(CliCommand::Probe(arguments)) => represent::probe(&arguments, common),
        Some(CliCommand::Project(arguments)) => represent::project(&arguments, common),
        Some(CliCommand::Reconstruct { model, data, output }) => inspect::reconstruct(&model, &data, &output, common),
        Some(CliCommand::Denoise(arguments)) => denoise::run(arguments, common, &command),
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
            eprintln!("error: {}", error.told(&command));
            error.code
        }
    }
}
