//! `hourglass detect`: detection of abnormal rows, with reasons.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use super::common::Common;
use super::error::{CliError, EXIT_INTERRUPTED};
use super::inputs::{read_spec, refuse_overwriting};
use super::output::{print_json, print_out, say_notes};
use crate::device::Device;
use crate::model::{Model, preset};
use crate::style;
use crate::tasks::{
    self, DetectorOptions, DetectorReport, ScoreInput, ScoreOptions, ScoreOutput, Scores, TaskError, ThresholdRule,
};

/// Path that stands for standard input or standard output.
const STANDARD: &str = "-";

#[derive(Debug, Subcommand)]
pub(super) enum DetectCommand {
    /// Fit a detector to normal rows.
    Fit(FitArgs),
    /// Score every row and name the columns that make it abnormal.
    Score(ScoreArgs),
    /// Tell a detector of rows that are normal or abnormal: they count in its next scores without a fit. Without rows,
    /// list those that it was told of.
    Refine(RefineArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct RefineArgs {
    /// Detector of a table, written by `detect fit` or `detect refine`; it is never replaced.
    model: PathBuf,
    /// Table of judged rows, with the columns that the detector was fitted on.
    #[arg(value_name = "CSV", requires = "label", requires = "output")]
    data: Option<PathBuf>,
    /// Column of the judgments; rows without one are skipped.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    label: Option<String>,
    /// Judgments of abnormal rows, instead of those that the detector was fitted with.
    #[arg(long, value_name = "VALUE,...", value_delimiter = ',', requires = "data")]
    abnormal: Vec<String>,
    /// Detector to write, a safetensors file.
    #[arg(short, long, value_name = "NEW", requires = "data")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct FitArgs {
    /// Table (CSV, TSV, XLSX or ODS, plain or gzipped), series, or any other data that `train --data` takes.
    #[arg(value_name = "CSV")]
    data: String,
    /// Detector to write, a safetensors file.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// Label column that marks abnormal rows, never a feature; for images: folders, prefix or a list file. Without it
    /// all rows count as normal.
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Labels of abnormal rows [default: all but 0, false, normal and the empty label].
    #[arg(long, value_name = "VALUE,...", value_delimiter = ',', requires = "label")]
    abnormal: Vec<String>,
    /// Columns to ignore.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    exclude: Vec<String>,
    /// Expected share of unlabeled abnormal rows: the rows with the highest scores after a first fit are left out of a
    /// second.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    outliers: f64,
    /// False positive rate that sets the threshold: share of normal rows that score higher, by rows that took no part
    /// in fitting.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    false_alarms: f64,
    /// Number of false alarms a day that sets the threshold instead; for series and tables with times.
    #[arg(long, value_name = "N", conflicts_with = "threshold_by")]
    alarms_a_day: Option<f64>,
    /// Choose the threshold from labels instead: highest F1, or lowest cost.
    #[arg(long, value_name = "RULE", value_parser = ["f1", "cost"], requires = "label")]
    threshold_by: Option<String>,
    /// Cost of a missed abnormal row, in false alarms, for --threshold-by cost.
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    miss_cost: f64,
    /// Number of models, trained from consecutive seeds; a row's score is the mean of theirs.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    ensemble: u16,
    /// Spec of the model, instead of one chosen to suit the data.
    #[arg(long, value_name = "SPEC.toml", conflicts_with = "preset")]
    spec: Option<PathBuf>,
    /// Preset of the model, instead of one chosen to suit the data.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Set a field of the spec, for example --set data.window=48 or --set train.epochs=20.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ScoreArgs {
    /// Detector written by `detect fit`.
    model: PathBuf,
    /// Rows to score, of the kind that the detector was fitted on; - reads a table from standard input.
    #[arg(value_name = "CSV")]
    data: String,
    /// CSV file for row,score,abnormal,reasons,severity; severity N: about one in N normal rows is as abnormal; pictures and sounds have a column file before it; - writes to standard output.
    #[arg(short, long, value_name = "SCORES")]
    output: PathBuf,
    /// Score above which a row is abnormal, instead of the detector's threshold.
    #[arg(long, value_name = "SCORE")]
    threshold: Option<f64>,
    /// Label column, if it is not the one that the detector was fitted with.
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Labels of abnormal rows, instead of those that the detector was fitted with.
    #[arg(long, value_name = "VALUE,...", value_delimiter = ',')]
    abnormal: Vec<String>,
    /// Report unreadable rows by number and score the others.
    #[arg(long)]
    keep_going: bool,
    /// Folder for plots: a histogram of the scores and, with labels, the ROC and precision-recall curves.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
}

pub(super) fn run(command: DetectCommand, common: &Common) -> Result<u8, CliError> {
    match command {
        DetectCommand::Fit(arguments) => fit(arguments, common),
        DetectCommand::Score(arguments) => score(arguments, common),
        DetectCommand::Refine(arguments) => refine(&arguments, common),
    }
}

/// Returns `value` if it is a share of rows: at least 0 and below 1.
fn share(flag: &str, value: f64) -> Result<f64, CliError> {
    if (0.0..1.0).contains(&value) {
        return Ok(value);
    }
    Err(CliError::usage(format!(
        "{flag} is a share of rows, at least 0 and below 1, not {value}; 0.01 is one row in a hundred"
    )))
}

fn fit(arguments: FitArgs, common: &Common) -> Result<u8, CliError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&interrupted);
    let handled = ctrlc::set_handler(move || {
        if handler.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
        eprintln!("stopping, nothing is written; press Ctrl-C again to stop at once");
    });
    // Without a handler Ctrl-C ends the program at once; the detector is written whole or not at all in any case.
    drop(handled);
    let false_alarms = share("--false-alarms", arguments.false_alarms)?;
    let outliers = share("--outliers", arguments.outliers)?;
    if !(arguments.miss_cost.is_finite() && arguments.miss_cost > 0.0) {
        let problem = format!("--miss-cost is {}, use a number of false alarms above 0", arguments.miss_cost);
        return Err(CliError::usage(problem));
    }
    if arguments.alarms_a_day.is_some_and(|alarms| !(alarms.is_finite() && alarms > 0.0)) {
        return Err(CliError::usage("--alarms-a-day is a number of false alarms above 0, such as 1, or 0.1"));
    }
    let spec = arguments.spec.as_deref().map(read_spec).transpose().map_err(TaskError::from)?;
    let chosen = arguments.preset.as_deref().map(preset).transpose().map_err(TaskError::from)?;
    if arguments.settings.iter().any(|setting| setting.starts_with("data.source")) {
        let problem = "--set data.source: the data to fit to is named by itself, give its path instead of CSV";
        return Err(CliError::usage(problem));
    }
    // A seed that is set counts as that of the spec.
    let seeded: Vec<String> =
        arguments.settings.iter().filter(|setting| setting.starts_with("train.seed")).cloned().collect();
    let of_spec = spec.clone().map_or_else(|| preset("undercomplete").map(|found| found.spec), Ok);
    let of_spec = of_spec.and_then(|spec| spec.with_set(&seeded)).map_err(TaskError::from)?;
    let options = DetectorOptions {
        label: arguments.label,
        abnormal: arguments.abnormal,
        exclude: arguments.exclude,
        outliers,
        threshold: match arguments.threshold_by.as_deref() {
            None if arguments.alarms_a_day.is_some() => {
                ThresholdRule::AlarmsADay(arguments.alarms_a_day.unwrap_or_default())
            }
            Some("f1") => ThresholdRule::F1,
            Some(_) => ThresholdRule::MissCost(arguments.miss_cost),
            None => ThresholdRule::FalseAlarms(false_alarms),
        },
        ensemble: usize::from(arguments.ensemble),
        spec,
        preset: chosen,
        settings: arguments.settings,
        seed: common.seed.unwrap_or(of_spec.train.seed),
    };
    let device = Device::open(common.device_choice()?, common.threads())?;
    let bar = if common.has_bars() { ProgressBar::new(1000) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("fitting {wide_bar} {percent} %").unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    refuse_overwriting(&arguments.output, [Path::new(&arguments.data)])?;
    let fitted = tasks::fit_detector(&arguments.data, &arguments.output, &options, &device, &mut |done| {
        bar.set_position((1000.0 * done) as u64);
        if interrupted.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    let report = match fitted {
        Err(TaskError::Canceled) => {
            eprintln!("interrupted, no detector was written");
            return Ok(EXIT_INTERRUPTED);
        }
        other => other?,
    };
    if common.json {
        print_json(&report)?;
    } else {
        say_notes(&report.notes, common);
        describe_fit(&report);
    }
    Ok(0)
}

fn describe_fit(report: &DetectorReport) {
    let grouped = |rows: usize| style::grouped(rows as u64);
    let left_out = match report.left_out {
        0 => String::new(),
        rows => format!(", {} left out as abnormal", grouped(rows)),
    };
    print_out(&format!("fitted on {} normal rows, {} features{left_out}", grouped(report.train_rows), report.features));
    let models = if report.members > 1 { format!("{} models, ", report.members) } else { String::new() };
    let bottleneck = match report.latent {
        0 => "no bottleneck".to_owned(),
        latent => format!("bottleneck of {latent}"),
    };
    print_out(&format!("{models}{bottleneck}, {} epochs in {}", report.epochs, style::clock(report.seconds)));
    print_out(&format!(
        "threshold {:.3}: about {:.1}% of normal rows score higher, by {} rows{}",
        report.threshold,
        100.0 * report.false_alarms,
        grouped(report.scored_rows),
        match report.further_models {
            0 => " held out".to_owned(),
            further => format!(", each held out of one of {} models", further + report.members),
        }
    ));
    let kept = match report.kept_rows {
        0 => String::new(),
        rows => format!(", with {} of the rows ({:.1} MB)", grouped(rows), report.kept_bytes as f64 / 1e6),
    };
    print_out(&format!("detector  {}{kept}", report.model));
}

fn score(arguments: ScoreArgs, common: &Common) -> Result<u8, CliError> {
    if arguments.output == Path::new(STANDARD) && common.json {
        let problem = "--json and --output - both write to standard output, give a file for the scores".to_owned();
        return Err(CliError::usage(problem));
    }
    if arguments.threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return Err(CliError::usage("--threshold is not finite, give a score; normal rows score 1 on average"));
    }
    let to_output = arguments.output == Path::new(STANDARD);
    let options = ScoreOptions {
        threshold: arguments.threshold,
        label: arguments.label,
        abnormal: arguments.abnormal,
        keep_going: arguments.keep_going,
        pictures: arguments.pictures,
    };
    let device = Device::open(common.device_choice()?, common.threads())?;
    refuse_overwriting(&arguments.output, [&*arguments.model, Path::new(&arguments.data)])?;
    let (input, output) = (score_input(&arguments.data), score_output(&arguments.output));
    let mut scores = tasks::score_rows(&arguments.model, &input, &output, &options, &device)?;
    // Paths as given: the library names the streams in words.
    (scores.data, scores.output) = (arguments.data.clone(), arguments.output.display().to_string());
    if common.json {
        print_json(&scores)?;
    } else {
        say_notes(&scores.notes, common);
        // No summary among scores on standard output.
        if !to_output {
            describe_scores(&scores);
        }
    }
    Ok(u8::from(scores.unusable > 0 && options.keep_going))
}

fn refine(arguments: &RefineArgs, common: &Common) -> Result<u8, CliError> {
    let path = &arguments.model;
    let mut model = Model::load(path).map_err(TaskError::from)?;
    let report = match (&arguments.data, &arguments.label, &arguments.output) {
        (Some(data), Some(label), Some(output)) => {
            refuse_overwriting(output, [path.as_path(), data])?;
            let mut report = tasks::refine(&mut model, path, data, label, &arguments.abnormal)?;
            model.save(output).map_err(TaskError::from)?;
            report.model = output.display().to_string();
            report
        }
        _ => tasks::list_judged(&model, path)?,
    };
    if common.json {
        print_json(&report)?;
        return Ok(0);
    }
    say_notes(&report.notes, common);
    if arguments.data.is_none() {
        for row in &report.judged {
            print_out(&format!("{}  {}", if row.abnormal { "abnormal" } else { "normal  " }, row.cells));
        }
    }
    let read = match report.read + report.skipped {
        0 => String::new(),
        _ => format!(", {} of them told now, {} rows without a label skipped", report.read, report.skipped),
    };
    print_out(&format!("told of {} normal and {} abnormal rows{read}", report.normal, report.abnormal));
    print_out(&format!("detector  {}", report.model));
    Ok(0)
}

/// Returns the source of the rows; `-` is standard input.
fn score_input(data: &str) -> ScoreInput {
    if data == STANDARD { ScoreInput::StandardInput } else { ScoreInput::Path(data.to_owned()) }
}

/// Returns the destination of the scores; `-` is standard output.
fn score_output(output: &Path) -> ScoreOutput {
    if output == Path::new(STANDARD) { ScoreOutput::StandardOutput } else { ScoreOutput::File(output.to_owned()) }
}

fn describe_scores(scores: &Scores) {
    print_out(&format!(
        "{} rows, {} abnormal (score above {:.3}), {} rows/s",
        style::grouped(scores.rows),
        style::grouped(scores.abnormal),
        scores.threshold,
        style::grouped(scores.rows_per_second as u64),
    ));
    if scores.unusable > 0 {
        print_out(&format!("{} rows were not scored", style::grouped(scores.unusable)));
    }
    if let (Some(area), Some(average)) = (scores.roc_auc, scores.average_precision) {
        let beside = scores.pca_roc_auc.map_or_else(String::new, |pca| format!(" (PCA {pca:.4})"));
        print_out(&format!("ROC-AUC {area:.4}{beside}, average precision {average:.4}"));
        let or_none = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"));
        let (precision, recall, f1) = (or_none(scores.precision), or_none(scores.recall), or_none(scores.f1));
        print_out(&format!("at the threshold: precision {precision}, recall {recall}, F1 {f1}"));
    }
    print_out(&format!("scores    {}", scores.output));
    for plot in &scores.pictures {
        print_out(&format!("plot      {plot}"));
    }
}
