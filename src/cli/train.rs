//! `hourglass train`, `window`, `resume` and the default run: a worker trains, its events are printed here.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::common::{Common, OpenWindow};
use super::error::{CliError, EXIT_INTERRUPTED};
use super::inputs::{open_data, read_spec, refuse_overwriting};
use super::output::{print_json, print_metrics, print_out};
use crate::data::{DataSet, DataSpec, near_duplicates};
use crate::device::{Device, DeviceChoice, trace};
use crate::model::{AutoSpec, Model, ModelSize, auto_spec, plain_spec, preset};
use crate::monitor::{Command, Event, RunSource, Worker, WorkerOptions};
use crate::platform::Instant;
use crate::report::draw_run;
use crate::train::{RunDir, RunReport, TrainError};
use crate::{report, style};

#[derive(Args, Debug)]
pub(super) struct TrainArgs {
    /// Spec in TOML; `window` also takes a model file (.safetensors), to explore it.
    #[arg(value_name = "SPEC.toml", conflicts_with = "preset")]
    spec: Option<PathBuf>,
    /// Name of a preset, see `hourglass presets` [default: undercomplete].
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Data to train on: mnist, or a file or folder of images, tables, arrays, audio or text. A preset is fitted to it;
    /// without spec and preset, the model is chosen to suit it (for mnist: undercomplete).
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// Size of the layers of a preset.
    #[arg(long, value_name = "SIZE", default_value = "medium", conflicts_with = "spec",
        value_parser = ["small", "medium", "large"])]
    model_size: String,
    /// Set a field of the spec, for example --set model.latent=16.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Number of epochs, instead of train.epochs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Folder of the run [default: a numbered one in the platform's data folder].
    #[arg(long, value_name = "RUN_DIR")]
    out: Option<PathBuf>,
    /// Choice of GPU kernel variants: by kind of adapter (off), measured once and cached (auto), or measured anew
    /// (again).
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = ["off", "auto", "again"])]
    tune: String,
    /// Write a timeline for Perfetto. Slows down training on a GPU, whose clock is read after each step.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// State to save and evaluate: the best by validation loss, or the last.
    #[arg(long, value_name = "WHICH", default_value = "best", value_parser = ["best", "last"])]
    keep: String,
}

pub(super) fn train(arguments: &TrainArgs, common: &Common) -> Result<u8, CliError> {
    let options = run_options(arguments, common)?;
    traced(arguments, common, || watch(options, common, false))
}

/// Runs `work`, recording a timeline if one was asked for; it is written even if `work` fails.
fn traced(arguments: &TrainArgs, common: &Common, work: impl FnOnce() -> Result<u8, CliError>) -> Result<u8, CliError> {
    let Some(path) = &arguments.trace else { return work() };
    let inputs = arguments.spec.iter().map(PathBuf::as_path).chain(arguments.data.iter().map(Path::new));
    refuse_overwriting(path, inputs)?;
    // Written once before the work: an unwritable path is an error before training, not after it.
    let unwritable = |error: std::io::Error| {
        CliError::usage(format!("cannot write the timeline, {}, {error}, name another file", path.display()))
    };
    trace::start();
    trace::write(path).map_err(unwritable)?;
    let result = work();
    let spans = trace::write(path).map_err(unwritable)?;
    if !common.quiet {
        eprintln!("timeline of {} spans: {} (open it in Perfetto)", style::grouped(spans as u64), path.display());
    }
    result
}

/// Opens the window with the run that `train` would do, or with a saved model.
pub(super) fn window(arguments: &TrainArgs, common: &Common, window: OpenWindow) -> Result<u8, CliError> {
    let is_model = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "safetensors");
    let (options, instead) = match arguments.spec.as_ref().filter(|path| is_model(path)) {
        Some(path) => {
            // An invalid model file is an error before a window opens.
            Model::load(path).map_err(TrainError::from)?;
            let mut options = WorkerOptions::from_source(RunSource::Open(path.clone()));
            options.device = common.device_choice()?;
            options.threads = common.threads();
            (options, "run `hourglass evaluate`")
        }
        None => (run_options(arguments, common)?, "run `hourglass train`"),
    };
    traced(arguments, common, || {
        window(options).map_err(|reason| CliError::usage(format!("{reason}, {instead} in the terminal instead")))
    })
}

fn run_options(arguments: &TrainArgs, common: &Common) -> Result<WorkerOptions, CliError> {
    let started = Instant::now();
    let mut data = None;
    let (mut spec, preset_name) = match (&arguments.spec, &arguments.preset, &arguments.data) {
        (Some(path), ..) => (read_spec(path)?, None),
        // A preset is fitted to the data; without one, the model is chosen to suit it.
        (None, name, source) => {
            let source = source.as_deref().unwrap_or("mnist");
            let size: ModelSize = arguments.model_size.parse().map_err(CliError::usage)?;
            let name = name.as_deref().or((source == "mnist").then_some("undercomplete"));
            let found = name.map(preset).transpose()?;
            match found {
                Some(found) if source == "mnist" && size == ModelSize::Medium => {
                    (found.spec, Some(found.name.to_owned()))
                }
                found => {
                    let base = match &found {
                        Some(preset) if preset.takes_pieces() => preset.spec.data.clone(),
                        _ => DataSpec::default(),
                    };
                    let base = DataSpec { source: source.to_owned(), ..base };
                    let opened = open_data(base, &arguments.settings, common)?;
                    let chosen = match &found {
                        Some(preset) => preset.fitted(&opened, size)?,
                        // Layers and losses of one's own have no linear path to begin as PCA on.
                        None if redesigns(&arguments.settings) => plain_spec(&opened)?,
                        None => auto_spec(&opened)?,
                    };
                    say_choice(&opened, &chosen, common);
                    data = Some(opened);
                    (chosen.spec, found.map(|preset| preset.name.to_owned()))
                }
            }
        }
    };
    spec = spec.with_set(&arguments.settings)?;
    if let Some(data) = &arguments.data {
        spec.data.source.clone_from(data);
    }
    if let Some(epochs) = arguments.epochs {
        spec.train.epochs = epochs;
    }
    if let Some(seed) = common.seed {
        spec.train.seed = seed;
    }
    spec.check()?;
    let source = RunSource::Train { spec: Box::new(spec), preset: preset_name, data };
    let mut options = WorkerOptions::from_source(source);
    options.started = started;
    options.device = common.device_choice()?;
    options.threads = common.threads();
    options.out.clone_from(&arguments.out);
    options.keep_last = arguments.keep == "last";
    options.tune = arguments.tune.parse().map_err(CliError::usage)?;
    Ok(options)
}

/// Returns whether settings replace layers, bottleneck or loss of a suggested model.
fn redesigns(settings: &[String]) -> bool {
    let kept = ["model.latent", "model.start"];
    let replaces = |setting: &String| {
        let key = setting.split_once('=').map_or(setting.as_str(), |(key, _)| key);
        (key.starts_with("model.") && !kept.contains(&key)) || key == "objective.loss"
    };
    settings.iter().any(replaces)
}

/// Prints the data and the model chosen for it to standard error, as standard output may be for JSON.
fn say_choice(data: &DataSet, suggestion: &AutoSpec, common: &Common) {
    if common.quiet {
        return;
    }
    for line in super::output::summary(data, common) {
        eprintln!("{line}");
    }
    eprintln!("chosen: {}; edit the run's spec.toml to change it", suggestion.reasons);
}

pub(super) fn resume(run_dir: &Path, epochs: Option<u32>, changed_data: bool, common: &Common) -> Result<u8, CliError> {
    let dir = RunDir::open(run_dir).map_err(TrainError::from)?;
    let mut spec = dir.read_spec()?;
    if let Some(epochs) = epochs {
        spec.extend_to(epochs);
    }
    if common.seed.is_some_and(|seed| seed != spec.train.seed) {
        return Err(CliError::usage(format!(
            "a run keeps its seed, --seed, this run has {}; start a new run for another seed",
            spec.train.seed
        )));
    }
    let source = RunSource::Resume { folder: run_dir.to_owned(), spec: Box::new(spec), preset: None };
    let mut options = WorkerOptions::from_source(source);
    options.device = common.device_choice()?;
    options.threads = common.threads();
    options.changed_data = changed_data;
    if dir.read_data_fingerprint().is_none() && !common.quiet {
        eprintln!("note: the run keeps no fingerprint of its data, so changed values would not be noticed");
    }
    watch(options, common, false)
}

/// Starts the default run of `hourglass` without a command: in the window if one can open, else in the terminal.
pub(super) fn default_run(common: &Common, window: OpenWindow) -> Result<u8, CliError> {
    let found = preset("map")?;
    let mut spec = found.spec;
    if let Some(seed) = common.seed {
        spec.train.seed = seed;
        spec.check()?;
    }
    let preset = Some(found.name.to_owned());
    let mut options = WorkerOptions::from_source(RunSource::Train { spec: Box::new(spec), preset, data: None });
    options.device = common.device_choice()?;
    options.threads = common.threads();
    if !common.json {
        match window(options.clone()) {
            Ok(code) => return Ok(code),
            Err(reason) if !common.quiet => eprintln!("training in the terminal: {reason}"),
            Err(_) => {}
        }
    }
    if !common.quiet && !common.json {
        print_out("Training an autoencoder on handwritten digits (MNIST) with a bottleneck of two units.");
    }
    watch(options, common, true)
}

/// Runs a training to its end and prints its progress; draws an image at the end if asked to.
fn watch(options: WorkerOptions, common: &Common, with_picture: bool) -> Result<u8, CliError> {
    let mut options = options;
    // The image is drawn from a snapshot, which only a watched run makes.
    options.watched = with_picture;
    let auto = options.device == DeviceChoice::Auto;
    let epochs = options.source.spec().map_or(0, |spec| spec.train.epochs);
    // Searched for near-duplicates at the end, so that training does not wait for it.
    let brought = match &options.source {
        RunSource::Train { data, .. } => data.clone(),
        _ => None,
    };
    let worker = Worker::spawn(options, || {})?;
    let interrupted = Arc::new(AtomicBool::new(false));
    stop_on_ctrl_c(&worker, &interrupted);

    let loud = !common.quiet;
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let mut batch = 1;
    let mut steps_per_epoch = 1;
    let mut validation = String::new();
    while let Ok(event) = worker.events().recv() {
        match event {
            Event::Tuning { done, all } => {
                if loud && done == 0 {
                    eprintln!("measuring the variants of {all} kernels on this GPU, once");
                }
            }
            Event::Ready { info, auto_reason, steps_per_epoch: per_epoch, total_steps, batch: rows } => {
                (batch, steps_per_epoch) = (rows, per_epoch);
                if loud {
                    let why = if auto { format!(": {auto_reason}") } else { String::new() };
                    eprintln!("training on the {info}{why}");
                    info.notes().iter().for_each(|note| eprintln!("{note}"));
                    if common.has_bars() && std::io::stderr().is_terminal() {
                        bar.set_draw_target(ProgressDrawTarget::stderr());
                        let template = "{bar:28.yellow/black} {msg} {eta} left";
                        if let Ok(style) = ProgressStyle::with_template(template) {
                            bar.set_style(style.progress_chars("━━─"));
                        }
                    }
                }
                bar.set_length(total_steps);
            }
            Event::Progress { step, loss, samples_per_second } => {
                bar.set_position(step);
                bar.set_message(format!(
                    "epoch {}/{epochs}  loss {}{validation}  {} samples/s",
                    step / steps_per_epoch.max(1) + 1,
                    style::figure(f64::from(loss)),
                    style::grouped(samples_per_second.round() as u64),
                ));
            }
            Event::Epoch(report) => {
                validation = format!("  validation {}", style::figure(report.validation_loss));
                if loud && bar.is_hidden() {
                    eprintln!(
                        "epoch {}/{epochs}  train {}  validation {}  {} samples/s",
                        report.epoch,
                        style::figure(report.train_loss),
                        style::figure(report.validation_loss),
                        style::grouped(report.samples_per_second.round() as u64),
                    );
                }
            }
            Event::Finished { report, interrupted } => {
                bar.finish_and_clear();
                let page = if interrupted { None } else { write_page(&report, common) };
                if with_picture {
                    let path = draw_picture(&worker, &report)?;
                    if !common.json {
                        finish_text(&report, batch);
                        print_out(&format!("image    {}", path.display()));
                    }
                } else if !common.json {
                    finish_text(&report, batch);
                    let duplicates = brought.as_deref().map(near_duplicates).transpose().map_err(TrainError::from)?;
                    duplicates
                        .as_ref()
                        .and_then(super::output::near_duplicates_line)
                        .iter()
                        .for_each(|line| print_out(line));
                }
                if common.json {
                    print_json(&*report)?;
                } else if let Some(page) = page {
                    print_out(&format!("report   {}", page.display()));
                }
                return Ok(if interrupted { EXIT_INTERRUPTED } else { 0 });
            }
            Event::Failed { message, kind, advice } => {
                bar.finish_and_clear();
                return Err(CliError::new(message, kind, advice));
            }
        }
    }
    Err(TrainError::Worker("it sent no result".to_owned()).into())
}

/// Handles Ctrl-C: the first stops the run after its step and saves it, a second ends the program at once.
fn stop_on_ctrl_c(worker: &Worker, interrupted: &Arc<AtomicBool>) {
    let commands = worker.commands();
    let interrupted = Arc::clone(interrupted);
    let result = ctrlc::set_handler(move || {
        if interrupted.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
        eprintln!("stopping after this step and saving; press Ctrl-C again to stop at once");
        // The queue can only be full if a stop is already in it.
        let _ = commands.try_send(Command::Stop);
    });
    if let Err(error) = result {
        eprintln!("Ctrl-C will stop without saving: {error}");
    }
}

/// Writes the report of a finished run; a failure is printed and does not fail the run.
fn write_page(report: &RunReport, common: &Common) -> Option<PathBuf> {
    let folder = PathBuf::from(report.run_dir.as_ref()?);
    let device = Device::open(common.device_choice().ok()?, common.threads()).ok()?;
    match report::write_report(&folder, None, &device) {
        Ok(path) => Some(path),
        Err(error) => {
            eprintln!("no report was written: {error}");
            None
        }
    }
}

fn draw_picture(worker: &Worker, report: &RunReport) -> Result<PathBuf, CliError> {
    let folder = report.run_dir.as_ref().map_or_else(PathBuf::new, PathBuf::from);
    let path = folder.join("picture.png");
    draw_run(&worker.moment().snapshot, &path)?;
    Ok(path)
}

fn finish_text(report: &RunReport, batch: usize) {
    print_out(&format!(
        "{} epoch{}, {} steps of batch size {batch} in {}, {} samples/s; best by validation: epoch {}",
        report.epochs,
        if report.epochs == 1 { "" } else { "s" },
        style::grouped(report.steps),
        style::clock(report.seconds),
        style::grouped(report.samples_per_second.round() as u64),
        report.best_epoch,
    ));
    if let (Some(waited), Some(first)) = (report.waited_for_data_seconds, report.first_step_seconds) {
        print_out(&format!(
            "data was read while training: steps waited {waited:.1} s for it, the first step ended after {first:.1} s"
        ));
    }
    if let Some(test) = &report.test {
        print_out("on the test part, never used in training:");
        print_metrics(test, report.pca.as_ref());
    }
    for finding in &report.diagnosis {
        print_out(&format!("note     {}", finding.message));
    }
    if let Some(model) = &report.model {
        print_out(&format!("model    {model}"));
    }
}
