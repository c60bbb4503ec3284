//! Commands that generate rows with a model: `sample`, `interpolate`, `arithmetic`, `traverse`, `augment`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::common::Common;
use super::error::CliError;
use super::inputs::refuse_overwriting;
use super::output::{print_json, print_out, say_notes};
use crate::device::Device;
use crate::style;
use crate::tasks::{self, AugmentOptions, InterpolateOptions, Interpolation, SampleOptions};

#[derive(Args, Debug)]
pub(super) struct SampleArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Number of rows.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// A .png with the nearest train row to the right of each sample, a .npy or .csv file, or a folder.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Factor on the standard deviation of the latents: below 1, samples are closer to the mean.
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    temperature: f64,
    /// Class to sample, for conditional models or with --posterior.
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
    /// Sample from a Gaussian mixture fitted to the latents of the train rows, instead of from the prior.
    #[arg(long)]
    posterior: bool,
    /// Number of mixture components [default: up to 10, depending on the number of rows].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=1000))]
    components: Option<u16>,
}

#[derive(Args, Debug)]
pub(super) struct InterpolationArgs {
    /// A .png, a .npy or .csv file, or a folder.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Data that row numbers refer to [default: the data that the model was trained on].
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// Class given to a conditional model [default: the class of the first row].
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
}

impl InterpolationArgs {
    fn options(&self) -> InterpolateOptions<'_> {
        InterpolateOptions { data: self.data.as_deref(), label: self.label.as_deref(), output: &self.output }
    }
}

#[derive(Args, Debug)]
pub(super) struct InterpolateArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Start: a file with one row, a row number from 1, or class:NAME for the mean of a class.
    a: String,
    /// End, given in the same way.
    b: String,
    #[command(flatten)]
    walk: InterpolationArgs,
    /// Number of rows, both ends included.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u16).range(2..=1000))]
    steps: u16,
    /// Interpolate along a great circle instead of a straight line.
    #[arg(long)]
    spherical: bool,
}

#[derive(Args, Debug)]
pub(super) struct ArithmeticArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// First term: a file with one row, a row number from 1, or class:NAME for the mean of a class.
    a: String,
    /// Term to subtract, given in the same way.
    b: String,
    /// Term to add, given in the same way.
    c: String,
    #[command(flatten)]
    walk: InterpolationArgs,
}

#[derive(Args, Debug)]
pub(super) struct TraverseArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Row whose latents are varied: a number from 1, a file, or class:NAME [default: the mean of the train latents].
    #[arg(long, value_name = "R")]
    row: Option<String>,
    #[command(flatten)]
    walk: InterpolationArgs,
}

#[derive(Args, Debug)]
pub(super) struct AugmentArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Rows to vary.
    #[arg(long, value_name = "PATH")]
    data: String,
    /// Number of variants of each row.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// A folder, with a subfolder for each label, or a .npy or .csv file.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Noise in each latent unit, as a share of the unit's standard deviation over the rows.
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    strength: f64,
    /// Sample from a Gaussian mixture fitted to each class, instead of adding noise.
    #[arg(long, conflicts_with = "strength")]
    by_class: bool,
    /// Number of components of each mixture [default: up to 10, depending on the number of rows].
    #[arg(long, value_name = "K", requires = "by_class", value_parser = clap::value_parser!(u16).range(1..=1000))]
    components: Option<u16>,
}

fn check_scale(name: &str, value: f64) -> Result<(), CliError> {
    if value.is_finite() && (0.0..=100.0).contains(&value) {
        return Ok(());
    }
    Err(CliError::usage(format!("{name} is {value}, use a number from 0 to 100")))
}

fn written(files: usize, output: &str) -> String {
    if files == 1 { output.to_owned() } else { format!("{files} files in {output}") }
}

pub(super) fn sample(arguments: &SampleArgs, common: &Common) -> Result<u8, CliError> {
    check_scale("--temperature", arguments.temperature)?;
    let device = Device::open(common.device_choice()?, common.threads())?;
    let options = SampleOptions {
        count: arguments.count as usize,
        temperature: arguments.temperature,
        label: arguments.label.clone(),
        posterior: arguments.posterior,
        components: arguments.components.map(usize::from),
        seed: common.seed.unwrap_or(1),
    };
    refuse_overwriting(&arguments.output, [&*arguments.model])?;
    let made = tasks::sample(&arguments.model, &arguments.output, &options, &device)?;
    if common.json {
        print_json(&made)?;
        return Ok(0);
    }
    say_notes(&made.notes, common);
    let from = match &made.mixture {
        Some(mixture) => format!("a mixture of {} Gaussians fitted to the train latents", mixture.components),
        None => "the prior".to_owned(),
    };
    print_out(&format!(
        "{} samples from {from}: {}",
        style::grouped(made.samples as u64),
        written(made.files, &made.output)
    ));
    if let (Some(near), Some(usual)) = (made.nearest.iter().min_by(|a, b| a.mse.total_cmp(&b.mse)), made.held_out_mse) {
        print_out(&format!(
            "closest to a train row: sample {} to {}, MSE {:.5} (median of held-out rows: {usual:.5})",
            near.sample, near.train_row, near.mse
        ));
    }
    Ok(0)
}

fn print_walk(walk: &Interpolation, what: &str, common: &Common) -> Result<u8, CliError> {
    if common.json {
        print_json(walk)?;
    } else {
        print_out(&format!("{what}: {}", written(walk.files, &walk.output)));
    }
    Ok(0)
}

pub(super) fn interpolate(arguments: &InterpolateArgs, common: &Common) -> Result<u8, CliError> {
    let device = Device::open(common.device_choice()?, common.threads())?;
    let ends = [arguments.a.as_str(), arguments.b.as_str()];
    let (steps, options) = (usize::from(arguments.steps), arguments.walk.options());
    let walk = tasks::interpolate(&arguments.model, ends, steps, arguments.spherical, options, &device)?;
    print_walk(&walk, &format!("{} rows from {} to {}", walk.rows, walk.from[0], walk.from[1]), common)
}

pub(super) fn arithmetic(arguments: &ArithmeticArgs, common: &Common) -> Result<u8, CliError> {
    let device = Device::open(common.device_choice()?, common.threads())?;
    let terms = [arguments.a.as_str(), arguments.b.as_str(), arguments.c.as_str()];
    let walk = tasks::arithmetic(&arguments.model, terms, arguments.walk.options(), &device)?;
    let what = format!("{0}, {1}, {2} and {0} - {1} + {2}", walk.from[0], walk.from[1], walk.from[2]);
    print_walk(&walk, &what, common)
}

pub(super) fn traverse(arguments: &TraverseArgs, common: &Common) -> Result<u8, CliError> {
    let device = Device::open(common.device_choice()?, common.threads())?;
    let made = tasks::traverse(&arguments.model, arguments.row.as_deref(), arguments.walk.options(), &device)?;
    if common.json {
        print_json(&made)?;
        return Ok(0);
    }
    let units: Vec<String> = made.units.iter().map(usize::to_string).collect();
    print_out(&format!(
        "units {0}, from -{1} to +{1} standard deviations: {2}",
        units.join(", "),
        made.reach,
        written(made.files, &made.output)
    ));
    Ok(0)
}

pub(super) fn augment(arguments: &AugmentArgs, common: &Common) -> Result<u8, CliError> {
    check_scale("--strength", arguments.strength)?;
    let device = Device::open(common.device_choice()?, common.threads())?;
    let options = AugmentOptions {
        count: usize::from(arguments.count),
        strength: arguments.strength,
        by_class: arguments.by_class,
        components: arguments.components.map(usize::from),
        seed: common.seed.unwrap_or(1),
    };
    refuse_overwriting(&arguments.output, [&*arguments.model, Path::new(&arguments.data)])?;
    let made = tasks::augment(&arguments.model, &arguments.data, &arguments.output, &options, &device)?;
    say_notes(&made.notes, common);
    if common.json {
        print_json(&made)?;
        return Ok(0);
    }
    let rows = style::grouped(made.variants as u64);
    print_out(&format!(
        "{rows} variants of {} rows: {}",
        style::grouped(made.rows as u64),
        written(made.files, &made.output)
    ));
    if let Some(mse) = made.mse {
        let own = made.reconstruction_mse;
        print_out(&format!("MSE to the original rows {mse:.5} ({own:.5} without noise)"));
    }
    Ok(0)
}
