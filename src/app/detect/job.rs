//! Work for the Detect workspace on a thread of its own: no frame waits for it.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tasks::{DetectOutcome, DetectRequest, DetectStage, Watch, detect, save_detector, save_scores};

/// What finds abnormal rows: the library, or a script in tests.
pub trait Detection: Send + Sync {
    /// # Errors
    /// In words.
    fn detect(&self, request: &DetectRequest, watch: &mut Watch<'_>) -> Result<DetectOutcome, String>;
    /// # Errors
    /// In words.
    fn save(&self, outcome: &DetectOutcome, what: Saved, threshold: f64) -> Result<PathBuf, String>;
}

/// What is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    Scores,
    Detector,
}

/// The library itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDetection;

impl Detection for LocalDetection {
    fn detect(&self, request: &DetectRequest, watch: &mut Watch<'_>) -> Result<DetectOutcome, String> {
        detect(request, watch).map_err(|error| error.to_string())
    }

    fn save(&self, outcome: &DetectOutcome, what: Saved, threshold: f64) -> Result<PathBuf, String> {
        let saved = match what {
            Saved::Scores => save_scores(outcome, threshold),
            Saved::Detector => save_detector(outcome, threshold),
        };
        saved.map_err(|error| error.to_string())
    }
}

/// What a job comes to.
#[derive(Debug)]
pub(super) enum News {
    Detected(Result<Arc<DetectOutcome>, String>),
    Saved(Result<PathBuf, String>),
}

#[derive(Debug, Default)]
struct Shared {
    stage: Option<DetectStage>,
    news: Option<News>,
}

/// A job on its thread. Dropping it asks it to end.
#[derive(Debug)]
pub(super) struct Job {
    shared: Arc<Mutex<Shared>>,
    cancelled: Arc<AtomicBool>,
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Whoever panicked while holding it left a stage or news, both whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Job {
    fn start(
        context: &egui::Context,
        work: impl FnOnce(&mut Watch<'_>) -> News + Send + 'static,
    ) -> Result<Self, String> {
        let (shared, cancelled) = (Arc::new(Mutex::new(Shared::default())), Arc::new(AtomicBool::new(false)));
        let (slot, stop, context) = (Arc::clone(&shared), Arc::clone(&cancelled), context.clone());
        let run = move || {
            let watching = context.clone();
            let (stages, stopped) = (Arc::clone(&slot), Arc::clone(&stop));
            let mut watch = move |stage| {
                locked(&stages).stage = Some(stage);
                watching.request_repaint();
                if stopped.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let news = work(&mut watch);
            locked(&slot).news = Some(news);
            context.request_repaint();
        };
        std::thread::Builder::new()
            .name("hourglass-detect".to_owned())
            .spawn(run)
            .map_err(|error| format!("no thread for the work, {error}, close other programs"))?;
        Ok(Self { shared, cancelled })
    }

    pub fn detect(context: &egui::Context, engine: Arc<dyn Detection>, request: DetectRequest) -> Result<Self, String> {
        Self::start(context, move |watch| News::Detected(engine.detect(&request, watch).map(Arc::new)))
    }

    pub fn save(
        context: &egui::Context,
        engine: Arc<dyn Detection>,
        outcome: Arc<DetectOutcome>,
        what: Saved,
        threshold: f64,
    ) -> Result<Self, String> {
        Self::start(context, move |_| News::Saved(engine.save(&outcome, what, threshold)))
    }

    pub fn stage(&self) -> Option<DetectStage> {
        locked(&self.shared).stage
    }

    pub fn take_news(&self) -> Option<News> {
        locked(&self.shared).news.take()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}
