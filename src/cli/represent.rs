//! `hourglass evaluate`, `encode`, `decode`, `probe` and `project`: the latents of a model, and their quality.

use std::path::{Path, PathBuf};

use clap::Args;

use super::common::Common;
use super::error::CliError;
use super::inputs::refuse_overwriting;
use super::output::{print_json, print_out, say_notes};
use crate::device::Device;
use crate::style;
use crate::tasks::{self, EvaluateOptions, Evaluation, LabelCount, Probe, ProbeReport};

#[derive(Args, Debug)]
pub(super) struct EvaluateArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Data to evaluate on, every row of it, instead of the test part of the model's own data.
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// Folder for images of the best and worst reconstructions of image data: input, output, error.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct EncodeArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Data to encode, of the kind that the model was trained on.
    #[arg(long, value_name = "PATH")]
    data: String,
    /// A .npy, .csv or .safetensors file: one row per row of the data, in order.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct DecodeArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Latents in a file as written by `encode`.
    latents: PathBuf,
    /// A .csv or .npy file, or a folder for images or audio.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Class of all rows, for models that are conditioned on classes.
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct ProbeArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Labeled data, instead of the model's own: every second row to train on, the others to test on.
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// Numbers of labeled rows to train on, of all classes together [default: 10,100,all; no fewer than classes].
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = label_count)]
    labels: Vec<LabelCount>,
}

#[derive(Args, Debug)]
pub(super) struct ProjectArgs {
    /// Model file (.safetensors).
    model: PathBuf,
    /// Data to project, of the kind that the model was trained on.
    #[arg(long, value_name = "PATH")]
    data: String,
    /// A .csv file with a line per row, or a .png.
    #[arg(short, long, value_name = "MAP")]
    output: PathBuf,
    /// Number of clusters [default: the number from 2 to 10 with the highest silhouette].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    clusters: Option<u16>,
}

fn label_count(text: &str) -> Result<LabelCount, String> {
    match text.parse::<usize>() {
        _ if text == "all" => Ok(LabelCount::All),
        Ok(count) if count > 0 => Ok(LabelCount::Some(count)),
        _ => Err("give numbers of rows above 0, or all".to_owned()),
    }
}

fn device(common: &Common) -> Result<Device, CliError> {
    Ok(Device::open(common.device_choice()?, common.threads())?)
}

pub(super) fn evaluate(arguments: &EvaluateArgs, common: &Common) -> Result<u8, CliError> {
    if let (Some(folder), Some(data)) = (&arguments.pictures, &arguments.data) {
        refuse_overwriting(folder, [Path::new(data)])?;
    }
    let evidence = EvaluateOptions {
        pictures: arguments.pictures.as_deref(),
        seed: common.seed.unwrap_or(1),
        ..EvaluateOptions::default()
    };
    let found = tasks::evaluate(&arguments.model, arguments.data.as_deref(), evidence, &device(common)?)?;
    say_notes(&found.notes, common);
    if common.json {
        print_json(&found)?;
        return Ok(0);
    }
    print_out(&format!("{} on {}", found.model, found.data));
    super::output::print_particulars(&found.test);
    print_evidence(&found);
    Ok(0)
}

fn print_evidence(found: &Evaluation) {
    if let Some(iwae) = &found.iwae {
        print_out(&format!(
            "  IWAE        {:>9.2}   nats per row, upper bound: {} samples for each of {} rows",
            iwae.negative_log_likelihood, iwae.k, iwae.rows
        ));
    }
    let ours = &found.representation;
    let beside = found.pca.as_ref();
    let range = |range: Option<&[f64; 2]>, digits: usize| {
        range.map_or_else(String::new, |[low, high]| format!("{low:.digits$} to {high:.digits$}"))
    };
    let line = |name: &str, model: String, pca: String, interval: String| {
        print_out(&format!("  {name:<16}{model:>10}{pca:>12}   {interval}"));
    };
    let column = beside.map_or_else(String::new, |pca| format!("PCA, {}", pca.report.components));
    line("", "model".to_owned(), column, "95% CI (bootstrap over rows)".to_owned());
    for (name, key, digits) in [
        ("MSE", "mse", 5),
        ("BCE", "bce", 4),
        ("PSNR, dB", "psnr", 2),
        ("SSIM", "ssim", 4),
        ("-ELBO", "negative_elbo", 2),
    ] {
        let value = match key {
            "mse" => Some(found.test.mse),
            "bce" => found.test.bce,
            "psnr" => Some(found.test.psnr),
            "ssim" => found.test.ssim,
            _ => found.test.negative_elbo,
        };
        let pca =
            beside.filter(|_| key == "mse").map_or_else(String::new, |pca| format!("{:.digits$}", pca.report.mse));
        if let Some(value) = value {
            line(name, format!("{value:.digits$}"), pca, range(found.intervals.get(key), digits));
        }
    }
    let theirs = beside.map(|pca| &pca.representation);
    for (name, key, model, pca) in [
        ("silhouette", "silhouette", ours.silhouette, theirs.and_then(|pca| pca.silhouette)),
        ("5-NN accuracy", "knn_accuracy", ours.knn_accuracy, theirs.and_then(|pca| pca.knn_accuracy)),
        ("linear probe", "probe_accuracy", ours.probe_accuracy, theirs.and_then(|pca| pca.probe_accuracy)),
        ("trustworthiness", "trustworthiness", ours.trustworthiness, theirs.and_then(|pca| pca.trustworthiness)),
    ] {
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
        if model.is_some() {
            line(name, number(model), number(pca), range(ours.intervals.get(key), 4));
        }
    }
    if ours.trustworthiness.is_some() {
        let learned = match ours.train_rows {
            0 => String::new(),
            rows => format!(
                "classifiers are trained on {} train rows and tested on {}; ",
                style::grouped(rows as u64),
                style::grouped(ours.rows as u64)
            ),
        };
        print_out(&format!(
            "  {learned}silhouette and trustworthiness of the map are computed on {} rows",
            style::grouped(ours.mutual_rows as u64)
        ));
    }
    found.pictures.iter().for_each(|path| print_out(&format!("  image       {path}")));
}

pub(super) fn encode(arguments: &EncodeArgs, common: &Common) -> Result<u8, CliError> {
    refuse_overwriting(&arguments.output, [&*arguments.model, Path::new(&arguments.data)])?;
    let made = tasks::encode(&arguments.model, &arguments.data, &arguments.output, &device(common)?)?;
    say_notes(&made.notes, common);
    if common.json {
        print_json(&made)?;
    } else {
        print_out(&format!("{} rows of {} latents: {}", style::grouped(made.rows as u64), made.latent, made.output));
    }
    Ok(0)
}

pub(super) fn decode(arguments: &DecodeArgs, common: &Common) -> Result<u8, CliError> {
    let DecodeArgs { model, latents, output, label } = arguments;
    refuse_overwriting(output, [&**model, &**latents])?;
    let made = tasks::decode(model, latents, output, label.as_deref(), &device(common)?)?;
    say_notes(&made.notes, common);
    if common.json {
        print_json(&made)?;
    } else {
        let files = if made.files == 1 { made.output } else { format!("{} files in {}", made.files, made.output) };
        print_out(&format!("{} rows: {files}", style::grouped(made.rows as u64)));
    }
    Ok(0)
}

pub(super) fn probe(arguments: &ProbeArgs, common: &Common) -> Result<u8, CliError> {
    let options = Probe { labels: arguments.labels.clone(), seed: common.seed.unwrap_or(1) };
    let found = tasks::probe(&arguments.model, arguments.data.as_deref(), &options, &device(common)?)?;
    say_notes(&found.notes, common);
    if common.json {
        print_json(&found)?;
    } else {
        print_probes(&found);
    }
    Ok(0)
}

fn print_probes(found: &ProbeReport) {
    print_out(&format!(
        "{} on {}: accuracy on {} test rows, mean over draws (SD)",
        found.model,
        found.data,
        style::grouped(found.test_rows as u64)
    ));
    print_out(&format!("  {:>8}  {:<10}{:>6}  {:<18}{:<18}", "labels", "features", "", "linear probe", "k-NN"));
    let with = |mean: f64, deviation: Option<f64>| match deviation {
        Some(deviation) => format!("{mean:.4} ({deviation:.4})"),
        None => format!("{mean:.4}"),
    };
    for result in &found.results {
        print_out(&format!(
            "  {:>8}  {:<10}{:>6}  {:<18}{:<18}",
            style::grouped(result.labels as u64),
            result.features,
            result.width,
            with(result.probe, result.probe_sd),
            with(result.knn, result.knn_sd),
        ));
    }
}

pub(super) fn project(arguments: &ProjectArgs, common: &Common) -> Result<u8, CliError> {
    let output: &Path = &arguments.output;
    refuse_overwriting(output, [&*arguments.model, Path::new(&arguments.data)])?;
    let clusters = arguments.clusters.map(usize::from);
    let seed = common.seed.unwrap_or(1);
    let made = tasks::project(&arguments.model, &arguments.data, output, clusters, seed, &device(common)?)?;
    say_notes(&made.notes, common);
    if common.json {
        print_json(&made)?;
    } else {
        let part = made.silhouette.map_or_else(String::new, |score| format!(", silhouette {score:.3}"));
        print_out(&format!(
            "{} rows in {} clusters{part}: {}",
            style::grouped(made.rows as u64),
            made.clusters,
            made.output
        ));
    }
    Ok(0)
}
