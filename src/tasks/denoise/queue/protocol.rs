//! Commands of the queue, and its published view.

use std::path::PathBuf;
use std::sync::Arc;

use crate::tasks::denoise::strength::Strength;

/// Pixels to be shown: red, green, blue and alpha, line by line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pixels {
    /// Width in shown pixels.
    pub width: usize,
    /// Height in shown pixels.
    pub height: usize,
    /// Image pixels along the side of a shown pixel; 1 unless a side of the image is longer than 8192.
    pub step: usize,
    /// Bytes `[height, width, 4]`.
    pub rgba: Vec<u8>,
}

/// Command to the queue.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueCommand {
    /// Adds files, and those in folders, and selects the first of them.
    Add(Vec<PathBuf>),
    /// Selects the file at this index, from 0.
    Select(usize),
    /// Sets the noise level and the share of the change that is made.
    Amount(Strength),
    /// Opens a `model.safetensors`; the shipped denoiser where `None`.
    Model(Option<PathBuf>),
    /// Sets whether the output of the shipped denoiser is computed too, where another model is open.
    Compare(bool),
    /// Sets the center of the visible part, `[x, y]` as shares of width and height.
    SetViewport([f32; 2]),
    /// Saves the selected image beside its original.
    Save,
    /// Saves all images that are not saved yet beside their originals.
    SaveAll,
    /// Ends the work at hand.
    Stop,
    /// Empties the queue.
    Clear,
}

/// File in the queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueItem {
    /// Path of the file.
    pub path: PathBuf,
    /// State of the work on the file.
    pub state: ItemState,
}

/// Selected image, before and after denoising.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueImage {
    /// Name of the file, without its folder.
    pub name: String,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Bits per sample: 8, 16 or, for arrays, 32.
    pub bits: usize,
    /// Number of channels, alpha left out.
    pub colors: usize,
    /// Pixels of the original.
    pub before: Arc<Pixels>,
    /// Denoised pixels as far as they are done; `None` before the first of them.
    pub after: Option<Arc<Pixels>>,
    /// Pixels denoised by the shipped model, where that was asked for.
    pub other: Option<Arc<Pixels>>,
    /// Estimated standard deviation of the noise on the scale of 0..255; `None` where it could not be estimated.
    pub sigma: Option<f64>,
    /// Reason to inspect the result closely, in words, if there is one.
    pub warning: Option<String>,
    /// True if nothing is changed: the image is clean by the estimate, or the strength is 0.
    pub unchanged: bool,
}

/// State of the queue for display.
#[derive(Clone, Debug, Default)]
pub struct QueueView {
    /// Files in the queue, in order.
    pub items: Vec<QueueItem>,
    /// Index of the selected file in `items`.
    pub selected: usize,
    /// Selected image; `None` until it is read.
    pub picture: Option<Arc<QueueImage>>,
    /// Noise level, and share of the change that is made.
    pub strength: Strength,
    /// Path of the model file; the shipped denoiser where `None`.
    pub model: Option<PathBuf>,
    /// True if the output of the shipped denoiser is computed too.
    pub compare: bool,
    /// Current work in one word; `None` at rest.
    pub working: Option<String>,
    /// Seconds left of the pass at work; `None` where unknown.
    pub seconds_left: Option<f64>,
    /// Megapixels per second of the last pass; `None` before the first.
    pub megapixels_per_second: Option<f64>,
    /// Last problem in words; `None` where there is none.
    pub error: Option<String>,
    /// Remark on the files added last, in words: what was left out and why; `None` where there is none.
    pub note: Option<String>,
    /// Path of the file that was saved last.
    pub saved: Option<PathBuf>,
}

/// State of a file in the queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ItemState {
    /// Pending, the default.
    #[default]
    Waiting,
    /// At work, with the share that is done, 0 to 1.
    Working(f64),
    /// Denoised, but not saved.
    Done,
    /// Saved at this path.
    Saved(PathBuf),
    /// Failed, with the cause in words.
    Failed(String),
}
