//! Training from the command line: the worker does it, this shows it.

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
use crate::data::{DataSet, near_duplicates};
use crate::device::{Device, DeviceChoice, trace};
use crate::model::{AutoSpec, Model, auto_spec, preset};
use crate::monitor::{Command, Event, RunSource, Worker, WorkerOptions};
use crate::platform::Instant;
use crate::report::draw_run;
use crate::train::{RunDir, RunReport, TrainError};
use crate::{report, style};

#[derive(Args, Debug)]
pub(super) struct TrainArgs {
    /// A spec in TOML; `window` also takes a model.safetensors, to explore it.
    #[arg(value_name = "SPEC.toml", conflicts_with = "preset")]
    spec: Option<PathBuf>,
    /// A preset by name, see `hourglass presets` [default: undercomplete].
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// What to train on: mnist, or a file or folder of pictures, tables, arrays, recordings or text; without a spec or
    /// preset, the model is chosen by what it is.
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// Any field of the spec, for example --set model.latent=16.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Epochs to train for, instead of train.epochs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// The run's folder [default: a numbered one in the platform's data folder].
    #[arg(long, value_name = "RUN_DIR")]
    out: Option<PathBuf>,
    /// Kernels of a GPU: by kind of adapter (off), measured once and remembered (auto), or measured anew (again).
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = ["off", "auto", "again"])]
    tune: String,
    /// Write where time goes, for Perfetto. Training waits for each step's clock, so it is slower.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Which state to save and measure.
    #[arg(long, value_name = "WHICH", default_value = "best", value_parser = ["best", "last"])]
    keep: String,
}

pub(super) fn train(arguments: &TrainArgs, common: &Common) -> Result<u8, CliError> {
    let options = run_options(arguments, common)?;
    traced(arguments, common, || watch(options, common, false))
}

/// Runs `work` with the timeline on where one was asked for, and writes it at the end, whatever that is.
fn traced(arguments: &TrainArgs, common: &Common, work: impl FnOnce() -> Result<u8, CliError>) -> Result<u8, CliError> {
    let Some(path) = &arguments.trace else { return work() };
    let inputs = arguments.spec.iter().map(PathBuf::as_path).chain(arguments.data.iter().map(Path::new));
    refuse_overwriting(path, inputs)?;
    // Refused before the work rather than after it.
    let unwritable = |error: std::io::Error| {
        CliError::usage(format!("cannot write the timeline, {}, {error}, name another file", path.display()))
    };
    trace::start();
    trace::write(path).map_err(unwritable)?;
    let result = work();
    let spans = trace::write(path).map_err(unwritable)?;
    if !common.quiet {
        eprintln!("timeline of {} spans in {}: it opens in Perfetto", style::grouped(spans as u64), path.display());
    }
    result
}

/// The run that `train` would do, in the window.
pub(super) fn window(arguments: &TrainArgs, common: &Common, window: OpenWindow) -> Result<u8, CliError> {
    let is_model = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "safetensors");
    let options = match arguments.spec.as_ref().filter(|path| is_model(path)) {
        // A saved model is explored as it is.
        Some(path) => {
            // A file that is none is refused before a window opens.
            Model::load(path).map_err(TrainError::from)?;
            let mut options = WorkerOptions::from_source(RunSource::Open(path.clone()));
            options.device = common.device_choice()?;
            options.threads = common.threads();
            options
        }
        None => run_options(arguments, common)?,
    };
    traced(arguments, common, || {
        window(options)
            .map_err(|reason| CliError::usage(format!("{reason}, run `hourglass train` in the terminal instead")))
    })
}

fn run_options(arguments: &TrainArgs, common: &Common) -> Result<WorkerOptions, CliError> {
    let started = Instant::now();
    let mut data = None;
    let (mut spec, preset_name) = match (&arguments.spec, &arguments.preset, &arguments.data) {
        (Some(path), ..) => (read_spec(path)?, None),
        // Data alone: what is done with it depends on what it is.
        (None, None, Some(source)) if source != "mnist" => {
            let opened = open_data(source, &arguments.settings, common)?;
            let suggestion = auto_spec(&opened)?;
            say_choice(&opened, &suggestion, common);
            data = Some(opened);
            (suggestion.spec, None)
        }
        (None, name, _) => {
            let found = preset(name.as_deref().unwrap_or("undercomplete"))?;
            (found.spec, Some(found.name.to_owned()))
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

/// What was found and what is made of it: on standard error, where `--json` leaves it alone.
fn say_choice(data: &DataSet, suggestion: &AutoSpec, common: &Common) {
    if common.quiet {
        return;
    }
    for line in super::output::summary(data) {
        eprintln!("{line}");
    }
    eprintln!("chosen: {}; the run's spec.toml is yours to edit", suggestion.reasons);
}

pub(super) fn resume(run_dir: &Path, epochs: Option<u32>, common: &Common) -> Result<u8, CliError> {
    let dir = RunDir::open(run_dir).map_err(TrainError::from)?;
    let mut spec = dir.read_spec()?;
    if let Some(epochs) = epochs {
        spec.extend_to(epochs);
    }
    if common.seed.is_some_and(|seed| seed != spec.train.seed) {
        return Err(CliError::usage(format!(
            "a run keeps its seed, --seed, this one has {}; start a new run for another",
            spec.train.seed
        )));
    }
    let source = RunSource::Resume { folder: run_dir.to_owned(), spec: Box::new(spec), preset: None };
    let mut options = WorkerOptions::from_source(source);
    options.device = common.device_choice()?;
    options.threads = common.threads();
    watch(options, common, false)
}

/// What `hourglass` alone does: the default run, in the window where there is one.
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
        print_out("A network learns to squeeze 70,000 handwritten digits through two numbers each, and back.");
    }
    watch(options, common, true)
}

/// Runs `options` to its end, showing progress; draws a picture at the end where asked.
fn watch(options: WorkerOptions, common: &Common, with_picture: bool) -> Result<u8, CliError> {
    let mut options = options;
    // The picture is drawn from a snapshot.
    options.watched = with_picture;
    let auto = options.device == DeviceChoice::Auto;
    let epochs = options.source.spec().map_or(0, |spec| spec.train.epochs);
    // Looked through at the end, so that training need not wait for it.
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
                    eprintln!("choosing among variants of {all} kernels for this GPU, once");
                }
            }
            Event::Ready { info, auto_reason, steps_per_epoch: per_epoch, total_steps, batch: rows } => {
                (batch, steps_per_epoch) = (rows, per_epoch);
                if loud {
                    let why = if auto { format!(": {auto_reason}") } else { String::new() };
                    eprintln!("training on the {info}{why}");
                    info.notes().iter().for_each(|note| eprintln!("{note}"));
                    if std::io::stderr().is_terminal() {
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
                        print_out(&format!("picture  {}", path.display()));
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
    Err(TrainError::Worker("its thread stopped without a word".to_owned()).into())
}

/// The first Ctrl-C stops the run after its step and saves; a second ends the program at once.
fn stop_on_ctrl_c(worker: &Worker, interrupted: &Arc<AtomicBool>) {
    let commands = worker.commands();
    let interrupted = Arc::clone(interrupted);
    let result = ctrlc::set_handler(move || {
        if interrupted.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
        eprintln!("stopping after this step and saving; press Ctrl-C again to stop at once");
        // The queue is only full if a stop is already in it.
        let _ = commands.try_send(Command::Stop);
    });
    if let Err(error) = result {
        eprintln!("Ctrl-C will stop without saving: {error}");
    }
}

/// Writes the report of a run that ended; a run is no worse for having none.
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
        "{} epoch{}, {} steps of {batch} in {}, {} samples/s; best by validation: epoch {}",
        report.epochs,
        if report.epochs == 1 { "" } else { "s" },
        style::grouped(report.steps),
        style::clock(report.seconds),
        style::grouped(report.samples_per_second.round() as u64),
        report.best_epoch,
    ));
    if let (Some(waited), Some(first)) = (report.waited_for_data_seconds, report.first_step_seconds) {
        print_out(&format!(
            "data was read while training: steps waited {waited:.1} s for it, the first was done after {first:.1} s"
        ));
    }
    if let Some(test) = &report.test {
        print_out("on test rows, never seen in training:");
        print_metrics(test, report.pca.as_ref());
    }
    for finding in &report.diagnosis {
        print_out(&format!("note     {}", finding.message));
    }
    if let Some(model) = &report.model {
        print_out(&format!("model    {model}"));
    }
}
