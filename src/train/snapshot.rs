//! What a watcher sees of a run: plain values, newest wins.

use std::path::PathBuf;
use std::sync::Arc;

use super::report::{PcaReport, Report};
use crate::data::ImageShape;
use crate::device::DeviceInfo;
use crate::model::{Edit, Spec};

/// Held-out rows shown beside their reconstructions.
pub const PAIRS: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
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

/// Held-out rows and what the model makes of them.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    pub image: Option<ImageShape>,
    pub features: usize,
    /// [rows, features]
    pub inputs: Vec<f32>,
    /// What the network sees of them: the same, but for denoising models.
    pub seen: Vec<f32>,
    pub outputs: Vec<f32>,
    pub labels: Vec<u8>,
}

/// Held-out rows in two dimensions.
#[derive(Clone, Debug, Default)]
pub struct LatentMap {
    pub points: Vec<[f32; 2]>,
    /// A class for each point, or none.
    pub labels: Vec<u8>,
    /// Whether the points are the two main components of a wider latent space.
    pub projected: bool,
    /// Step whose weights made it.
    pub step: u64,
}

/// Sizes of the parts and some rows, for the data card.
#[derive(Clone, Debug, Default)]
pub struct DataSummary {
    pub name: String,
    pub rows: usize,
    pub features: usize,
    pub image: Option<ImageShape>,
    pub train: usize,
    pub validation: usize,
    pub test: usize,
}

/// All that a window shows of a run; never a buffer of the engine.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub state: PlayState,
    /// What is being done while preparing or finishing, or why it failed.
    pub message: String,
    pub preset: Option<String>,
    pub spec: Option<Spec>,
    pub device: Option<DeviceInfo>,
    pub data: DataSummary,
    /// Widths of the layers, input to output.
    pub widths: Vec<usize>,
    pub parameters: usize,
    /// Bytes that training holds on the device.
    pub memory_bytes: usize,
    pub step: u64,
    pub total_steps: u64,
    pub steps_per_epoch: u64,
    pub seconds: f64,
    pub samples_per_second: f64,
    /// (epochs as a fraction, loss), thinned evenly where there are many.
    pub train_curve: Arc<Vec<[f32; 2]>>,
    pub validation_curve: Arc<Vec<[f32; 2]>>,
    pub edits: Vec<Edit>,
    pub learning_rate: f64,
    pub best: Option<(u32, f64)>,
    pub pairs: Arc<Pairs>,
    pub map: Arc<LatentMap>,
    /// PCA at the same latent size, on the validation part; `None` until it is fitted.
    pub pca: Option<PcaReport>,
    pub run_dir: Option<PathBuf>,
    pub report: Option<Arc<Report>>,
}

impl Snapshot {
    pub fn epochs_done(&self) -> f64 {
        self.step as f64 / self.steps_per_epoch.max(1) as f64
    }

    /// Seconds left at the present rate; `None` before there is a rate.
    pub fn seconds_left(&self) -> Option<f64> {
        let batch = self.spec.as_ref()?.train.batch_size as f64;
        let left = self.total_steps.saturating_sub(self.step) as f64 * batch;
        (self.samples_per_second > 0.0).then(|| left / self.samples_per_second)
    }
}
