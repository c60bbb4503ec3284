//! Work on a thread of its own: no frame waits for it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::threads::start_thread;

#[derive(Debug)]
struct Shared<S, T> {
    stage: Option<S>,
    outcome: Option<T>,
}

/// Background work that reports stages `S` and returns a `T`. Dropping it requests its end.
#[derive(Debug)]
pub(crate) struct Task<S, T> {
    shared: Arc<Mutex<Shared<S, T>>>,
    canceled: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn locked<S, T>(shared: &Mutex<Shared<S, T>>) -> MutexGuard<'_, Shared<S, T>> {
    // Whoever panicked while holding it left a stage or an outcome, both whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Copy + Send + 'static, T: Send + 'static> Task<S, T> {
    /// Starts `work` on a thread called `name`. Its argument takes a stage and returns whether to continue; `wake` is
    /// called after every stage and at the end.
    ///
    /// # Errors
    /// In words, where no thread can be had.
    pub fn start(
        name: &str,
        wake: impl Fn() + Send + 'static,
        work: impl FnOnce(&mut dyn FnMut(S) -> ControlFlow<()>) -> T + Send + 'static,
    ) -> Result<Self, String> {
        let shared = Arc::new(Mutex::new(Shared { stage: None, outcome: None }));
        let canceled = Arc::new(AtomicBool::new(false));
        let (slot, stop) = (Arc::clone(&shared), Arc::clone(&canceled));
        let run = move || {
            let mut watch = |stage| {
                locked(&slot).stage = Some(stage);
                wake();
                if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let outcome = work(&mut watch);
            locked(&slot).outcome = Some(outcome);
            wake();
        };
        let thread = start_thread(name, run)?;
        Ok(Self { shared, canceled, thread: Some(thread) })
    }

    #[cfg(feature = "window")]
    pub fn stage(&self) -> Option<S> {
        locked(&self.shared).stage
    }

    /// Takes the result of the work; `None` before the end or if taken already.
    pub fn take(&self) -> Option<T> {
        locked(&self.shared).outcome.take()
    }

    /// Returns whether the work is over.
    #[cfg(feature = "window")]
    pub fn is_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end of the work and returns its result; `None` if that was taken or the work panicked.
    pub fn finish(mut self) -> Option<T> {
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by the thread itself.
            let _ = thread.join();
        }
        self.take()
    }
}

impl<S, T> Drop for Task<S, T> {
    fn drop(&mut self) {
        self.canceled.store(true, Ordering::Relaxed);
    }
}
