//! What a watcher sees of a run: sections of plain values, newest wins.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::latent_map::LatentMap;
use super::layer_health::{Filters, LayerState};
use super::pairs::Pairs;
use super::section::Section;
use crate::data::{DataSet, ImageShape};
use crate::device::DeviceInfo;
use crate::error::Advice;
use crate::inference::{FlatModel, UnitUse};
use crate::model::Spec;
use crate::plot::{AxisScale, LossCurves, Marker};
use crate::train::{CostEstimate, Finding, PcaReport, RunReport};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PlayState {
    #[default]
    Preparing,
    Playing,
    Paused,
    /// Measuring and saving at the end.
    Finishing,
    Finished,
    Failed,
}

/// Sizes of the parts and names of the classes, for the data card.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DataSummary {
    pub name: String,
    pub rows: usize,
    pub features: usize,
    pub image: Option<ImageShape>,
    pub train: usize,
    pub validation: usize,
    pub test: usize,
    /// Names of the classes, where the rows have any.
    pub classes: Vec<String>,
}

impl DataSummary {
    pub fn new(data: &DataSet) -> Self {
        Self {
            name: data.name.clone(),
            rows: data.rows,
            features: data.features,
            image: data.image,
            train: data.train.len(),
            validation: data.validation.len(),
            test: data.test.len(),
            classes: data.classes.clone(),
        }
    }
}

/// Identity of a run or an opened model within the program: what belongs to one is not shown of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunId(u64);

impl RunId {
    /// Returns a number that no other start of this program has.
    pub fn next() -> Self {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        Self(STARTED.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// What stays the same while a run goes on, but for live edits of its spec.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunInfo {
    /// Another one for each snapshot that is read: what was recorded is no run of this program.
    #[serde(skip, default = "RunId::next")]
    pub id: RunId,
    pub preset: Option<String>,
    /// The spec with the edits made so far.
    pub spec: Option<Spec>,
    pub device: Option<DeviceInfo>,
    pub data: DataSummary,
    /// Cost of training, read from its plan; `None` until that is made.
    pub cost: Option<CostEstimate>,
    /// Widths of the layers, input to output.
    pub widths: Vec<usize>,
    pub parameters: usize,
    /// Bytes that training holds on the device.
    pub memory_bytes: usize,
    pub total_steps: u64,
    pub steps_per_epoch: u64,
    /// True for an opened model that is a detector.
    pub has_detector: bool,
}

/// How far a run is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunProgress {
    pub state: PlayState,
    /// What is being done while preparing or finishing, or why it failed.
    pub message: String,
    /// What would help, where it failed.
    pub advice: Option<Advice>,
    pub step: u64,
    pub seconds: f64,
    pub samples_per_second: f64,
    pub learning_rate: f64,
    /// Epoch and loss of the best state by validation.
    pub best: Option<(u32, f64)>,
    /// Mean squared error on some validation rows, whatever the loss is.
    pub validation_mse: Option<f64>,
    /// Step at which the model file was last written; `None` before that.
    pub saved_step: Option<u64>,
}

/// Losses so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LossHistory {
    /// (epochs as a fraction, loss), thinned evenly where there are many.
    pub train: Vec<[f32; 2]>,
    pub validation: Vec<[f32; 2]>,
    /// PCA at the same latent size, on the validation part; `None` until it is fitted.
    pub pca: Option<PcaReport>,
}

/// Layers, filters and findings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// How each layer with weights does.
    pub layers: Vec<LayerState>,
    /// What the first layer looks for; empty where its weights are no pictures.
    pub filters: Filters,
    /// What the figures say so far.
    pub findings: Vec<Finding>,
}

/// All that can be recorded of a run at a step: no buffer of the engine, no path and no channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    pub run: Section<RunInfo>,
    pub progress: Section<RunProgress>,
    pub curves: Section<LossHistory>,
    pub pairs: Section<Pairs>,
    pub map: Section<LatentMap>,
    /// How each latent unit is used.
    pub units: Section<Vec<UnitUse>>,
    pub health: Section<Health>,
    /// The weights of now, where they were asked for, or those kept at the end.
    pub model: Option<Section<FlatModel>>,
    pub report: Option<Section<RunReport>>,
}

impl Snapshot {
    /// Returns the name of a class, or its number where it has none.
    pub fn class_name(&self, class: usize) -> String {
        self.run.data.classes.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// PCA's components and error, where the loss is the same quantity.
    fn comparable_pca(&self) -> Option<(usize, f64)> {
        self.run.spec.as_ref().filter(|spec| spec.loss_is_plain_mse())?;
        self.curves.pca.as_ref().map(|pca| (pca.components, pca.mse))
    }

    /// Curves up to `end` epochs; points of the smooth line are means of this share of the train curve.
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

    pub fn epochs_done(&self) -> f64 {
        self.progress.step as f64 / self.run.steps_per_epoch.max(1) as f64
    }

    /// Seconds left at the present rate; `None` before there is a rate.
    pub fn seconds_left(&self) -> Option<f64> {
        let batch = self.run.spec.as_ref()?.train.batch_size as f64;
        let left = self.run.total_steps.saturating_sub(self.progress.step) as f64 * batch;
        let rate = self.progress.samples_per_second;
        (rate > 0.0).then(|| left / rate)
    }
}

/// What a workspace draws: a snapshot, live or recorded, and what there is of its run on this machine.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    pub snapshot: Snapshot,
    /// The rows that it is trained on, where they are there.
    pub rows: Option<Arc<DataSet>>,
    /// The folder of the run.
    pub folder: Option<PathBuf>,
    /// Whether somebody answers a [`PreviewRequest`](super::PreviewRequest).
    pub live: bool,
}

impl Moment {
    /// Returns `snapshot` as it is seen where nothing else of its run is.
    pub fn recorded(snapshot: Snapshot) -> Self {
        Self { snapshot, ..Self::default() }
    }
}
