//! What measures a model and writes what is told of it: the library, or a script in tests.

use std::path::{Path, PathBuf};

use crate::device::{Device, DeviceChoice};
use crate::model::{Model, write_whole};
use crate::platform::files;
use crate::report::write_report;
use crate::tasks::{EvaluateOptions, EvaluationWatch, Measured, USUAL_BITS};
use crate::train::RunDir;
use crate::{style, tasks};

/// What is told of.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportSubject {
    /// The model's file.
    pub model: PathBuf,
    /// Its run's folder, where it lies in one.
    pub run_dir: Option<PathBuf>,
    pub device: DeviceChoice,
    /// Threads of the processor; few where a run goes on beside it.
    pub threads: Option<usize>,
    pub seed: u64,
}

/// What the figures of a subject are.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub measured: Measured,
    /// What the run's end said of it: a code and a sentence each.
    pub findings: Vec<(String, String)>,
}

/// What can be taken along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// The report as one HTML file.
    Page,
    MetricsJson,
    MetricsCsv,
    /// A copy of the model's file.
    Model,
    /// Latents of every row of its own data.
    Latents,
    /// Latents of other data, beside them.
    LatentsOf,
    /// Other data as few bytes, beside them.
    Compressed,
}

/// The engine behind the Report workspace.
pub trait Reporting: Send + Sync {
    /// # Errors
    /// In words.
    fn evaluate(&self, subject: &ReportSubject, watch: &mut EvaluationWatch<'_>) -> Result<Evaluated, String>;
    /// Writes `what` to `path`; of other data `path` is the data. Gives what was written, in words.
    ///
    /// # Errors
    /// In words.
    fn export(&self, subject: &ReportSubject, told: &Evaluated, what: Export, path: &Path) -> Result<Exported, String>;
}

/// What an export came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub path: PathBuf,
    pub words: String,
}

/// The library itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalReporting;

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Reporting for LocalReporting {
    fn evaluate(&self, subject: &ReportSubject, watch: &mut EvaluationWatch<'_>) -> Result<Evaluated, String> {
        if watch("Starting the device").is_break() {
            return Err("canceled".to_owned());
        }
        let device = Device::open(subject.device, subject.threads).map_err(said)?;
        let evidence = EvaluateOptions { pictures: None, extremes: true, seed: subject.seed };
        let measured = tasks::measure(&subject.model, None, evidence, &device, watch).map_err(said)?;
        let recorded = subject.run_dir.as_ref().and_then(|path| RunDir::open(path).ok()?.read_report());
        let findings = recorded.as_ref().and_then(|report| report["diagnosis"].as_array());
        let findings = findings.into_iter().flatten().filter_map(|finding| {
            Some((finding["code"].as_str()?.to_owned(), finding["message"].as_str()?.to_owned()))
        });
        Ok(Evaluated { findings: findings.collect(), measured })
    }

    fn export(&self, subject: &ReportSubject, told: &Evaluated, what: Export, path: &Path) -> Result<Exported, String> {
        let device = || Device::open(subject.device, subject.threads).map_err(said);
        let evaluation = &told.measured.evaluation;
        let exported = |path: &Path, words: String| Exported { path: path.to_owned(), words };
        match what {
            Export::Page => {
                let run = subject.run_dir.as_ref().ok_or("a report is told of a run, and this model lies in none")?;
                let written = write_report(run, Some(path), &device()?).map_err(said)?;
                Ok(exported(&written, format!("The report is in {}", written.display())))
            }
            Export::MetricsJson => {
                let text = serde_json::to_vec_pretty(evaluation).map_err(said)?;
                write_whole(path, &text).map_err(said)?;
                Ok(exported(path, format!("The metrics are in {}", path.display())))
            }
            Export::MetricsCsv => {
                write_whole(path, metrics_table(evaluation)?.as_bytes()).map_err(said)?;
                Ok(exported(path, format!("The metrics are in {}", path.display())))
            }
            Export::Model => {
                // Through its bytes, so that the copy is whole or not there.
                let bytes = files::read(&subject.model).map_err(said)?;
                write_whole(path, &bytes).map_err(said)?;
                Ok(exported(path, format!("The model is in {}", path.display())))
            }
            Export::Latents => {
                let source = Model::load(&subject.model).map_err(said)?.spec.data.source;
                latents(subject, &source, path, &device()?)
            }
            Export::LatentsOf => {
                let output = beside(path, "-latents.npy");
                latents(subject, &path.display().to_string(), &output, &device()?)
            }
            Export::Compressed => {
                let output = beside(path, ".hg");
                let source = path.display().to_string();
                let made = tasks::compress(&subject.model, &source, &output, USUAL_BITS, &device()?).map_err(said)?;
                let words = format!(
                    "{} rows in {} bytes, {:.1} times smaller, MSE {}: {}",
                    style::grouped(made.rows as u64),
                    style::grouped(made.bytes as u64),
                    made.source_bytes as f64 / made.bytes.max(1) as f64,
                    style::figure(made.mse),
                    output.display()
                );
                Ok(exported(&output, words))
            }
        }
    }
}

fn latents(subject: &ReportSubject, source: &str, output: &Path, device: &Device) -> Result<Exported, String> {
    let made = tasks::encode(&subject.model, source, output, device).map_err(said)?;
    let words = format!("{} rows of {} numbers are in {}", style::grouped(made.rows as u64), made.latent, made.output);
    Ok(Exported { path: output.to_owned(), words })
}

/// `data.csv` and `-latents.npy` give `data-latents.npy`; a number is added where that is taken.
fn beside(data: &Path, ending: &str) -> PathBuf {
    let stem = data.file_stem().map_or_else(|| "data".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let folder = data.parent().unwrap_or(Path::new(""));
    let named = |number: u32| match number {
        1 => folder.join(format!("{stem}{ending}")),
        _ => folder.join(format!("{stem}-{number}{ending}")),
    };
    (1..10_000).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(1))
}

/// Name, value, both ends of the interval, and PCA's value, a line a figure.
fn metrics_table(evaluation: &tasks::Evaluation) -> Result<String, String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["metric", "value", "low", "high", "pca"]).map_err(said)?;
    for figure in super::metrics::figures(evaluation) {
        let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let [low, high] = figure.interval.map_or([None, None], |[low, high]| [Some(low), Some(high)]);
        let line = [figure.key.to_owned(), figure.value.to_string(), text(low), text(high), text(figure.pca)];
        table.write_record(line).map_err(said)?;
    }
    String::from_utf8(table.into_inner().map_err(said)?).map_err(said)
}
