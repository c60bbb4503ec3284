//! Snapshots of a run: sections of plain values, each replaced by the newest.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::latent_map::LatentMap;
use super::layer_health::{Filters, LayerState};
use super::pairs::Pairs;
use super::section::Section;
use crate::data::{DataSet, Fit, ImageShape, SourceKind, TextUnit};
use crate::device::DeviceInfo;
use crate::error::Advice;
use crate::inference::{FlatModel, UnitUse};
use crate::model::Spec;
use crate::plot::{AxisScale, LossCurves, Marker};
use crate::style;
use crate::train::{BesidePca, CostEstimate, Finding, PcaReport, RunReport};

/// State of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PlayState {
    /// Opening data and device, planning and compiling.
    #[default]
    Preparing,
    /// Training.
    Playing,
    /// Waiting for a command between steps.
    Paused,
    /// Measuring and saving at the end.
    Finishing,
    /// After the end of a run, or with an opened model.
    Finished,
    /// After an error.
    Failed,
}

/// Sizes of the parts and names of the classes, for the data card.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DataSummary {
    /// Name for display.
    pub name: String,
    /// Rows of the whole data set.
    pub rows: usize,
    /// Values of a row.
    pub features: usize,
    /// Values of a row in words, such as `12 columns as 37 values`; empty in a snapshot of an earlier version.
    #[serde(default)]
    pub row: String,
    /// Shape of rows that are pictures; `None` for other rows.
    pub image: Option<ImageShape>,
    /// Rows of the train part.
    pub train: usize,
    /// Rows of the validation part.
    pub validation: usize,
    /// Rows of the test part.
    pub test: usize,
    /// Names of the classes, where the rows have any.
    pub classes: Vec<String>,
    /// Word for several rows, such as `pictures`; empty in a snapshot of an earlier version.
    #[serde(default)]
    pub noun: String,
}

impl DataSummary {
    /// Summarizes `data`.
    pub fn new(data: &DataSet) -> Self {
        Self {
            name: data.name.clone(),
            rows: data.rows,
            features: data.features,
            row: data.row_words(),
            image: data.image,
            train: data.train.len(),
            validation: data.validation.len(),
            test: data.test.len(),
            classes: data.classes.clone(),
            noun: noun_of(data).to_owned(),
        }
    }

    /// Returns the word for several rows: digits, pictures, windows and so on.
    pub fn noun(&self) -> &str {
        match (self.noun.as_str(), self.image) {
            ("", _) if self.name == "digits" => "digits",
            ("", Some(_)) => "pictures",
            ("", None) => "rows",
            (noun, _) => noun,
        }
    }

    /// Returns the word for one row.
    pub fn singular(&self) -> &str {
        let noun = self.noun();
        noun.strip_suffix('s').unwrap_or(noun)
    }
}

/// Returns the word for several rows of `data`.
fn noun_of(data: &DataSet) -> &'static str {
    match data.kind {
        _ if data.options.source == "mnist" => "digits",
        SourceKind::Audio if data.image.is_some() => "spectrograms",
        SourceKind::Audio => "recordings",
        SourceKind::Text if data.options.text == Some(TextUnit::Lines) => "lines",
        SourceKind::Text => "documents",
        SourceKind::Series => "windows",
        SourceKind::Images if data.options.fit == Some(Fit::Patches) => "pieces",
        _ if data.image.is_some() => "pictures",
        SourceKind::Images | SourceKind::Array | SourceKind::Table => "rows",
    }
}

/// Identity of a run or an opened model within the program, which separates the views of different runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunId(u64);

impl RunId {
    /// Returns a new identity, unique in this process.
    pub fn next() -> Self {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        Self(STARTED.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Constant properties of a run, and its spec with live edits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunInfo {
    /// Identity of the run or the opened model; a new one for each snapshot that is read from a file.
    #[serde(skip, default = "RunId::next")]
    pub id: RunId,
    /// Name of the preset; of an opened model, that of its run or file. `None` without one.
    pub preset: Option<String>,
    /// Reasons for a model that was chosen to suit the data, in a sentence; empty for a given one.
    #[serde(default)]
    pub reasons: String,
    /// The spec with the edits made so far.
    pub spec: Option<Spec>,
    /// Device of the run; `None` until opened.
    pub device: Option<DeviceInfo>,
    /// Summary of the data; empty until opened.
    pub data: DataSummary,
    /// Cost of training, read from its plan; `None` until that is made.
    pub cost: Option<CostEstimate>,
    /// Widths of the layers, input to output.
    pub widths: Vec<usize>,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Bytes that training holds on the device.
    pub memory_bytes: usize,
    /// Training steps of the whole run; 0 until known.
    pub total_steps: u64,
    /// Training steps of an epoch; 0 until known.
    pub steps_per_epoch: u64,
    /// True for an opened model that is a detector.
    pub has_detector: bool,
}

/// Progress of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunProgress {
    /// Current state of the worker.
    pub state: PlayState,
    /// Description of the current work or of an error; empty while training.
    pub message: String,
    /// Suggested remedy after an error.
    pub advice: Option<Advice>,
    /// Training steps taken.
    pub step: u64,
    /// Seconds of work so far, without pauses.
    pub seconds: f64,
    /// Training rate in rows per second, a moving average; 0 before the first step.
    pub samples_per_second: f64,
    /// Learning rate of the next step.
    pub learning_rate: f64,
    /// Epoch and loss of the best state by validation.
    pub best: Option<(u32, f64)>,
    /// Mean squared error on the first validation rows, independent of the loss; `None` before the first preview.
    pub validation_mse: Option<f64>,
    /// Mean squared error of PCA at the same latent size on the same rows from the same input; `None` until it is
    /// fitted.
    #[serde(default)]
    pub pca_mse: Option<f64>,
    /// Rows that both errors are measured on.
    #[serde(default)]
    pub error_rows: usize,
    /// Step at which the model file was last written; `None` before that.
    pub saved_step: Option<u64>,
}

/// Losses so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LossHistory {
    /// Points (epochs as a fraction, training loss), each a mean over equally many steps.
    pub train: Vec<[f32; 2]>,
    /// Points (epochs, validation loss), one for each epoch.
    pub validation: Vec<[f32; 2]>,
    /// PCA at the same latent size, on the validation part; `None` until it is fitted.
    pub pca: Option<PcaReport>,
}

/// Layers, filters and findings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// State of each layer with weights.
    pub layers: Vec<LayerState>,
    /// Filters of the first layer; empty if its weights are no pictures.
    pub filters: Filters,
    /// Findings of the diagnosis so far.
    pub findings: Vec<Finding>,
    /// Remarks of the diagnosis: what it has looked for and not found. Without them and findings, nothing was looked
    /// at.
    #[serde(default)]
    pub remarks: Vec<Finding>,
}

/// Recordable state of a run at a step: no buffer of the engine, no path and no channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Constant properties of the run.
    pub run: Section<RunInfo>,
    /// Step, rates and state.
    pub progress: Section<RunProgress>,
    /// Curves of losses.
    pub curves: Section<LossHistory>,
    /// Held-out rows beside their reconstructions.
    pub pairs: Section<Pairs>,
    /// Rows in the latent space.
    pub map: Section<LatentMap>,
    /// Use of each latent unit by held-out rows.
    pub units: Section<Vec<UnitUse>>,
    /// Layers, filters and findings.
    pub health: Section<Health>,
    /// Model with the current weights if requested, or with the weights kept at the end.
    pub model: Option<Section<FlatModel>>,
    /// Results of the run; `None` before its end.
    pub report: Option<Section<RunReport>>,
}

impl Snapshot {
    /// Returns the name of a class, or its number where it has none.
    pub fn class_name(&self, class: usize) -> String {
        self.run.data.classes.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// Returns the components and the error of PCA, if the loss is the same quantity.
    fn comparable_pca(&self) -> Option<(usize, f64)> {
        self.run.spec.as_ref().filter(|spec| spec.loss_is_plain_mse())?;
        self.curves.pca.as_ref().map(|pca| (pca.components, pca.mse))
    }

    /// Returns the curves up to `end` epochs; points of the smooth line are means over the share `smoothing` of the
    /// train curve.
    pub fn loss_curves(&self, smoothing: f64, scale: AxisScale, end: f64) -> LossCurves<'_> {
        let epoch = |step: u64| step as f64 / self.run.steps_per_epoch.max(1) as f64;
        let edits =
            self.run.spec.iter().flat_map(|spec| {
                spec.edits.iter().map(move |edit| Marker::event(epoch(edit.step), spec.edit_words(edit)))
            });
        LossCurves {
            train: &self.curves.train,
            validation: &self.curves.validation,
            pca: self.comparable_pca(),
            edits: edits.collect(),
            best: self.progress.best.map(|(epoch, _)| epoch),
            smoothing,
            scale,
            epochs: (0.0, end),
        }
    }

    /// Returns the epochs trained so far, as a fraction.
    pub fn epochs_done(&self) -> f64 {
        self.progress.step as f64 / self.run.steps_per_epoch.max(1) as f64
    }

    /// Returns the findings and the remarks on the run so far, in the order of display: of the diagnosis while it goes
    /// on, of that at its end, and the comparison with PCA.
    pub fn finding_lines(&self) -> Vec<Finding> {
        let ended = self.report.iter().flat_map(|report| &report.diagnosis);
        let late = ended.filter(|late| !self.health.findings.iter().any(|finding| finding.code == late.code));
        let findings = self.health.findings.iter().chain(late).filter(|finding| !finding.is_on_pca());
        let mut lines: Vec<Finding> = findings.cloned().collect();
        lines.extend(self.beside_pca());
        let has_findings = lines.iter().any(|line| !line.is_on_pca());
        lines.extend(self.health.remarks.iter().filter(|_| !has_findings).cloned());
        lines
    }

    /// Returns the comparison with PCA on the test part, before the end of the run on validation rows.
    fn beside_pca(&self) -> Option<Finding> {
        let spec = self.run.spec.as_ref()?;
        let measured = self.report.as_ref().and_then(|report| report.test.as_ref().zip(report.pca.as_ref()));
        if let Some((test, pca)) = measured {
            let rows = style::counted(test.rows, "test row");
            let (components, own, pca) = (pca.components, test.mse, pca.mse);
            return BesidePca { spec, components, own, pca, rows: &rows, ended: true }.finding();
        }
        let components = self.curves.pca.as_ref()?.components;
        let (own, pca) = (self.progress.validation_mse?, self.progress.pca_mse?);
        let rows = style::counted(self.progress.error_rows, "validation row");
        BesidePca { spec, components, own, pca, rows: &rows, ended: self.report.is_some() }.finding()
    }

    /// Seconds left at the present rate; `None` before there is a rate.
    pub fn seconds_left(&self) -> Option<f64> {
        let batch = self.run.spec.as_ref()?.train.batch_size as f64;
        let left = self.run.total_steps.saturating_sub(self.progress.step) as f64 * batch;
        let rate = self.progress.samples_per_second;
        (rate > 0.0).then(|| left / rate)
    }
}

/// Contents of a workspace: a snapshot, live or recorded, with the data and the folder of its run on this machine.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// Recordable state of the run.
    pub snapshot: Snapshot,
    /// Data of the run; `None` if it is not there.
    pub rows: Option<Arc<DataSet>>,
    /// Folder of the run; `None` without one.
    pub folder: Option<PathBuf>,
    /// True if a worker answers a [`PreviewRequest`](super::PreviewRequest).
    pub live: bool,
}

impl Moment {
    /// Returns the moment of a snapshot alone, without data and folder.
    pub fn recorded(snapshot: Snapshot) -> Self {
        Self { snapshot, ..Self::default() }
    }
}
