//! What a watcher sees of a run: plain values, newest wins.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::layer_health::{Filters, LayerState};
use crate::data::{DataSet, ImageShape};
use crate::device::DeviceInfo;
use crate::inference::{FlatModel, UnitUse};
use crate::metrics::Pca;
use crate::model::{Edit, Spec};
use crate::plot::{AxisScale, LossCurves, Marker, Raster, RowView};
use crate::style::Palette;
use crate::train::{CostEstimate, Finding, PcaReport, RunReport};

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
    /// `[rows, features]`
    pub inputs: Vec<f32>,
    /// What the network sees of them: the same, but for denoising models.
    pub seen: Vec<f32>,
    pub outputs: Vec<f32>,
    pub labels: Vec<u16>,
    /// Their numbers in the data set.
    pub rows: Vec<usize>,
}

impl Pairs {
    pub fn count(&self) -> usize {
        self.inputs.len() / self.features.max(1)
    }

    /// How its rows are shown.
    pub fn view(&self) -> RowView {
        RowView::new(self.image.map(|image| [image.height, image.width, image.channels]), &self.inputs)
    }

    /// Whether the network sees something else than the input, as far as an eye can tell.
    pub fn corrupted(&self) -> bool {
        const VISIBLE: f32 = 1e-3;
        let differ = |(seen, input): (&f32, &f32)| (seen - input).abs() > VISIBLE;
        self.seen.len() == self.inputs.len() && self.seen.iter().zip(&self.inputs).any(differ)
    }

    /// One of the four pictures of a pair: input, seen, output, error.
    pub fn raster(&self, view: &RowView, which: usize, item: usize, palette: &Palette) -> Raster {
        let row = |values: &[f32]| -> Vec<f32> {
            values.get(item * self.features..(item + 1) * self.features).map(<[f32]>::to_vec).unwrap_or_default()
        };
        let input = row(&self.inputs);
        match which {
            0 => view.draw(&input, None, palette.ink(palette.second)),
            1 => view.draw(&row(&self.seen), Some(&input), palette.ink(palette.bad)),
            2 => view.draw(&row(&self.outputs), Some(&input), palette.ink(palette.accent)),
            _ => view.error(&row(&self.outputs), &input, palette.ink(palette.bad)),
        }
    }
}

/// Held-out rows in two dimensions, and in a third where there is one.
#[derive(Clone, Debug, Default)]
pub struct LatentMap {
    pub points: Vec<[f32; 2]>,
    /// The third coordinate of each point; empty below three latent numbers.
    pub depth: Vec<f32>,
    /// Mean squared error of each row; empty where nobody asked.
    pub errors: Vec<f32>,
    /// Number of each point's row in the data set.
    pub rows: Vec<u32>,
    /// So many points come first that were held out; those after them were trained on.
    pub held_out: usize,
    /// A class for each point, or none.
    pub labels: Vec<u16>,
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
        }
    }
}

impl LatentMap {
    /// Codes `[rows, latent]` of `rows` of `data` in two dimensions; `directions` are those of the projection before,
    /// so that the map does not flip.
    pub fn from_latents(
        latents: &[f32],
        latent: usize,
        data: &DataSet,
        rows: impl Iterator<Item = usize>,
        step: u64,
        directions: &mut Option<Vec<f32>>,
    ) -> Self {
        let (points, depth) = match latent {
            1 => (latents.iter().map(|&z| [z, 0.0]).collect(), Vec::new()),
            2 => (latents.chunks_exact(2).map(|z| [z[0], z[1]]).collect(), Vec::new()),
            // Of so many rows; a projection of more looks the same.
            _ => project(latents, latent, 5000, directions),
        };
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        let label_of = |labels: &Vec<u16>| rows.iter().map(|&row| labels[row as usize]).collect();
        let labels = data.labels.as_ref().map(label_of).unwrap_or_default();
        let held_out = points.len();
        Self { points, depth, labels, errors: Vec::new(), rows, held_out, projected: latent > 2, step }
    }
}

/// Codes `[rows, latent]` in two dimensions `[rows, 2]`: as they are where they have two or one, else their two main
/// components.
pub fn plane(latents: &[f32], latent: usize) -> Vec<f32> {
    match latent {
        0 => Vec::new(),
        1 => latents.iter().flat_map(|&z| [z, 0.0]).collect(),
        2 => latents.to_vec(),
        _ => project(latents, latent, usize::MAX, &mut None).0.into_iter().flatten().collect(),
    }
}

/// The two main components of codes, and the third, fitted to the first `most` of them.
fn project(
    latents: &[f32],
    latent: usize,
    most: usize,
    directions: &mut Option<Vec<f32>>,
) -> (Vec<[f32; 2]>, Vec<f32>) {
    let fitted = &latents[..latents.len().min(most.saturating_mul(latent))];
    let Ok(pca) = Pca::fit(fitted, latent, 3) else { return (Vec::new(), Vec::new()) };
    let count = pca.components();
    if count < 2 {
        return (Vec::new(), Vec::new());
    }
    let mut signs = vec![1.0_f32; count];
    if let Some(before) = directions {
        for (component, sign) in signs.iter_mut().enumerate() {
            let range = component * latent..(component + 1) * latent;
            let agreement: f32 = before
                .get(range.clone())
                .unwrap_or_default()
                .iter()
                .zip(&pca.directions()[range])
                .map(|(a, b)| a * b)
                .sum();
            *sign = if agreement < 0.0 { -1.0 } else { 1.0 };
        }
    }
    let turned = pca.directions().chunks_exact(latent).zip(signs.iter().copied());
    *directions = Some(turned.flat_map(|(direction, sign)| direction.iter().map(move |value| value * sign)).collect());
    let projected = pca.project(latents);
    let places = projected.chunks_exact(count);
    let points = places.clone().map(|z| [z[0] * signs[0], z[1] * signs[1]]).collect();
    (points, places.filter_map(|z| z.get(2).map(|z| z * signs[2])).collect())
}

/// Tells the runs of a program apart, and the models that it opens: what belongs to one is not shown of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunId(u64);

impl RunId {
    /// A number that no other start of this program has.
    pub fn next() -> Self {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        Self(STARTED.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// All that a window shows of a run; never a buffer of the engine.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub run: RunId,
    pub state: PlayState,
    /// What is being done while preparing or finishing, or why it failed.
    pub message: String,
    pub preset: Option<String>,
    pub spec: Option<Spec>,
    pub device: Option<DeviceInfo>,
    pub data: DataSummary,
    /// Cost of training, read from its plan; `None` until that is made.
    pub cost: Option<Arc<CostEstimate>>,
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
    /// How each layer with weights does.
    pub layers: Arc<Vec<LayerState>>,
    /// What the first layer looks for; empty where its weights are no pictures.
    pub filters: Arc<Filters>,
    /// What the figures say so far.
    pub findings: Arc<Vec<Finding>>,
    /// Whether somebody answers to what a watcher wishes to see.
    pub answers: bool,
    /// The rows that it is trained on, where they are there.
    pub rows: Option<Arc<DataSet>>,
    /// How each latent unit is used.
    pub units: Arc<Vec<UnitUse>>,
    /// The weights of now, where they were asked for, or those kept at the end.
    pub model: Option<Arc<FlatModel>>,
    /// True for an opened model that is a detector.
    pub has_detector: bool,
    /// Mean squared error on some validation rows, whatever the loss is.
    pub validation_mse: Option<f64>,
    /// PCA at the same latent size, on the validation part; `None` until it is fitted.
    pub pca: Option<PcaReport>,
    pub run_dir: Option<PathBuf>,
    /// Step at which the model file was last written; `None` before that.
    pub saved_step: Option<u64>,
    pub report: Option<Arc<RunReport>>,
}

impl Snapshot {
    /// The name of a class, or its number where it has none.
    pub fn class_name(&self, class: usize) -> String {
        let names = self.rows.as_ref().map(|rows| &rows.classes);
        names.and_then(|names| names.get(class).cloned()).unwrap_or_else(|| class.to_string())
    }

    /// PCA's components and error, where the loss is the same quantity.
    fn comparable_pca(&self) -> Option<(usize, f64)> {
        self.spec.as_ref().filter(|spec| spec.loss_is_plain_mse())?;
        self.pca.as_ref().map(|pca| (pca.components, pca.mse))
    }

    /// Curves up to `end` epochs; points of the smooth line are means of this share of the train curve.
    pub fn loss_curves(&self, smoothing: f64, scale: AxisScale, end: f64) -> LossCurves<'_> {
        let epoch = |step: u64| step as f64 / self.steps_per_epoch.max(1) as f64;
        let edits = self
            .spec
            .iter()
            .flat_map(|spec| self.edits.iter().map(move |edit| Marker::event(epoch(edit.step), spec.edit_words(edit))));
        LossCurves {
            train: &self.train_curve,
            validation: &self.validation_curve,
            pca: self.comparable_pca(),
            edits: edits.collect(),
            best: self.best.map(|(epoch, _)| epoch),
            smoothing,
            scale,
            epochs: (0.0, end),
        }
    }

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
