//! Work on a thread of its own: no frame waits for it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct Shared<S, T> {
    stage: Option<S>,
    outcome: Option<T>,
}

/// Work that tells its stages `S` and comes to a `T`. Dropping it asks it to end.
#[derive(Debug)]
pub(crate) struct Task<S, T> {
    shared: Arc<Mutex<Shared<S, T>>>,
    canceled: Arc<AtomicBool>,
}

fn locked<S, T>(shared: &Mutex<Shared<S, T>>) -> MutexGuard<'_, Shared<S, T>> {
    // Whoever panicked while holding it left a stage or an outcome, both whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Copy + Send + 'static, T: Send + 'static> Task<S, T> {
    /// Starts `work` on a thread called `name`. What it is given tells a stage, and whether to go on; `wake` is called
    /// whenever there is something new to see.
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
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|error| format!("no thread for the work, {error}, close other programs"))?;
        Ok(Self { shared, canceled })
    }

    pub fn stage(&self) -> Option<S> {
        locked(&self.shared).stage
    }

    /// What it came to, once.
    pub fn take(&self) -> Option<T> {
        locked(&self.shared).outcome.take()
    }
}

impl<S, T> Drop for Task<S, T> {
    fn drop(&mut self) {
        self.canceled.store(true, Ordering::Relaxed);
    }
}
