//! Evaluation and export engine of the workspace: the library, or a script in tests.

use std::path::{Path, PathBuf};

use crate::device::{Device, DeviceChoice};
use crate::model::{Model, write_whole};
use crate::platform::files;
use crate::report::write_report;
use crate::tasks::{EvaluateOptions, EvaluationWatch, Measured, USUAL_BITS};
use crate::{style, tasks};

/// Model to report on.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportSubject {
    /// Path of the model file.
    pub model: PathBuf,
    /// Folder of its run, if it lies in one.
    pub run_dir: Option<PathBuf>,
    pub device: DeviceChoice,
    /// CPU threads; few while a run trains.
    pub threads: Option<usize>,
    pub seed: u64,
}

/// Metrics and findings of one model, measured together.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub measured: Measured,
}

/// Kind of export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// Report as one HTML file.
    Page,
    MetricsJson,
    MetricsCsv,
    /// Copy of the model file.
    Model,
    /// Latents of every row of the model's own data.
    Latents,
    /// Latents of other data, saved beside them.
    LatentsOf,
    /// Compressed form of other data, saved beside them.
    Compressed,
}

/// Engine of the Report workspace.
pub trait Reporting: Send + Sync {
    /// Evaluates a model; `watch` receives each stage.
    ///
    /// # Errors
    /// In words.
    fn evaluate(&self, subject: &ReportSubject, watch: &mut EvaluationWatch<'_>) -> Result<Evaluated, String>;
    /// Writes `what` to `path`, which for other data is their source; returns the written path and a message.
    ///
    /// # Errors
    /// In words.
    fn export(&self, subject: &ReportSubject, told: &Evaluated, what: Export, path: &Path) -> Result<Exported, String>;
}

/// Result of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub path: PathBuf,
    pub words: String,
}

/// Engine of the library.
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
        let evidence = EvaluateOptions { pictures: None, extremes: true, diagnosis: true, seed: subject.seed };
        let measured = tasks::measure(&subject.model, None, evidence, &device, watch).map_err(said)?;
        Ok(Evaluated { measured })
    }

    fn export(&self, subject: &ReportSubject, told: &Evaluated, what: Export, path: &Path) -> Result<Exported, String> {
        let device = || Device::open(subject.device, subject.threads).map_err(said);
        let evaluation = &told.measured.evaluation;
        let exported = |path: &Path, words: String| Exported { path: path.to_owned(), words };
        match what {
            Export::Page => {
                let run =
                    subject.run_dir.as_ref().ok_or("a report needs a run, and this model lies in no run folder")?;
                let written = write_report(run, Some(path), &device()?).map_err(said)?;
                Ok(exported(&written, format!("Report saved to {}", written.display())))
            }
            Export::MetricsJson => {
                let text = serde_json::to_vec_pretty(evaluation).map_err(said)?;
                write_whole(path, &text).map_err(said)?;
                Ok(exported(path, format!("Metrics saved to {}", path.display())))
            }
            Export::MetricsCsv => {
                write_whole(path, metrics_table(evaluation)?.as_bytes()).map_err(said)?;
                Ok(exported(path, format!("Metrics saved to {}", path.display())))
            }
            Export::Model => {
                // Written from its bytes, so that the copy is complete or absent.
                let bytes = files::read(&subject.model).map_err(said)?;
                write_whole(path, &bytes).map_err(said)?;
                Ok(exported(path, format!("Model saved to {}", path.display())))
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
                    "{} rows in {} bytes, {:.1}:1, MSE {}, saved to {}",
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
    let words =
        format!("{} rows of {} latents saved to {}", style::grouped(made.rows as u64), made.latent, made.output);
    Ok(Exported { path: output.to_owned(), words })
}

/// Returns a free path beside `data`: `data.csv` and `-latents.npy` give `data-latents.npy`, or a numbered one.
fn beside(data: &Path, ending: &str) -> PathBuf {
    let stem = data.file_stem().map_or_else(|| "data".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let folder = data.parent().unwrap_or(Path::new(""));
    let named = |number: u32| match number {
        1 => folder.join(format!("{stem}{ending}")),
        _ => folder.join(format!("{stem}-{number}{ending}")),
    };
    (1..10_000).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(1))
}

/// Returns the metrics as CSV: name, value, both ends of the interval, and the value of PCA.
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
