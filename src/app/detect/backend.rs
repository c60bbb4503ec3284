//! Detection engine of the workspace, and its background jobs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::ui::waker;
use crate::platform::Task;
use crate::tasks::{DetectOutcome, DetectRequest, DetectStage, Watch, detect, save_detector, save_scores};

/// Detection engine: the library, or a script in tests.
pub trait Detection: Send + Sync {
    /// Fits a detector, or reads the given one, and scores the data; `watch` receives the progress.
    ///
    /// # Errors
    /// In words.
    fn detect(&self, request: &DetectRequest, watch: &mut Watch<'_>) -> Result<DetectOutcome, String>;
    /// Saves the scores or the detector with `threshold`; returns the path.
    ///
    /// # Errors
    /// In words.
    fn save(&self, outcome: &DetectOutcome, what: SavedScores, threshold: f64) -> Result<PathBuf, String>;
}

/// Kind of file to save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedScores {
    Scores,
    Detector,
}

/// Engine of the library.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDetection;

impl Detection for LocalDetection {
    fn detect(&self, request: &DetectRequest, watch: &mut Watch<'_>) -> Result<DetectOutcome, String> {
        detect(request, watch).map_err(|error| error.to_string())
    }

    fn save(&self, outcome: &DetectOutcome, what: SavedScores, threshold: f64) -> Result<PathBuf, String> {
        let saved = match what {
            SavedScores::Scores => save_scores(outcome, threshold),
            SavedScores::Detector => save_detector(outcome, threshold),
        };
        saved.map_err(|error| error.to_string())
    }
}

/// Result of a job.
#[derive(Debug)]
pub(super) enum DetectEvent {
    Detected(Result<Arc<DetectOutcome>, String>),
    Saved(Result<PathBuf, String>),
}

pub(super) type DetectJob = Task<DetectStage, DetectEvent>;

const THREAD: &str = "hourglass-detect";

pub(super) fn start_detecting(
    context: &egui::Context,
    engine: Arc<dyn Detection>,
    request: DetectRequest,
) -> Result<DetectJob, String> {
    Task::start(THREAD, waker(context), move |watch| {
        DetectEvent::Detected(engine.detect(&request, watch).map(Arc::new))
    })
}

pub(super) fn start_saving(
    context: &egui::Context,
    engine: Arc<dyn Detection>,
    outcome: Arc<DetectOutcome>,
    what: SavedScores,
    threshold: f64,
) -> Result<DetectJob, String> {
    Task::start(THREAD, waker(context), move |_| DetectEvent::Saved(engine.save(&outcome, what, threshold)))
}
