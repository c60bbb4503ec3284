//! Commands of the queue, and what is to be seen of it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::tasks::denoise::strength::Strength;

/// Pixels to be shown: red, green, blue and alpha, line by line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    /// Pixels of the picture along one that is shown; 1 but for enormous pictures.
    pub step: usize,
    pub rgba: Vec<u8>,
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueCommand {
    /// Files, and folders with what is in them; the first of them is looked at.
    Add(Vec<PathBuf>),
    Select(usize),
    Amount(Strength),
    /// A model.safetensors; the one that comes with the program where `None`.
    Model(Option<PathBuf>),
    /// Whether the shipped model's answer is wanted too.
    Compare(bool),
    /// Where the middle of what is seen lies, as shares of width and height.
    SetViewport([f32; 2]),
    /// Saves the picture that is looked at beside its original.
    Save,
    SaveAll,
    /// Ends the work at hand.
    Stop,
    /// Empties the queue.
    Clear,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueItem {
    pub path: PathBuf,
    pub state: ItemState,
}

/// The picture that is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueImage {
    pub name: String,
    pub width: usize,
    pub height: usize,
    /// Of a sample: 8, 16 or, for arrays, 32.
    pub bits: usize,
    pub colors: usize,
    pub before: Arc<Pixels>,
    /// As far as it is done.
    pub after: Option<Arc<Pixels>>,
    /// What the shipped model makes of it, where that was asked for.
    pub other: Option<Arc<Pixels>>,
    /// Estimated, on the scale of 0..255.
    pub sigma: Option<f64>,
    /// Why the result is to be looked at closely, if there is a reason.
    pub warning: Option<String>,
    /// Nothing is changed: it is clean by the estimate, or the strength is 0.
    pub unchanged: bool,
}

/// What there is to see.
#[derive(Clone, Debug, Default)]
pub struct QueueView {
    pub items: Vec<QueueItem>,
    pub selected: usize,
    pub picture: Option<Arc<QueueImage>>,
    pub strength: Strength,
    /// `None` is the one that comes with the program.
    pub model: Option<PathBuf>,
    pub compare: bool,
    /// What is going on; nothing where `None`.
    pub working: Option<String>,
    pub seconds_left: Option<f64>,
    pub megapixels_per_second: Option<f64>,
    pub error: Option<String>,
    /// Where something was saved last.
    pub saved: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum ItemState {
    #[default]
    Waiting,
    /// The share that is done.
    Working(f64),
    Done,
    Saved(PathBuf),
    Failed(String),
}
