//! Waiting for a future on a thread that has nothing else to do.

/// Waits for futures, where there is no event loop to return to.
pub trait Wait: Future {
    /// Blocks the thread until the future is ready, and returns its output.
    fn wait(self) -> Self::Output
    where
        Self: Sized,
    {
        pollster::block_on(self)
    }
}

impl<F: Future> Wait for F {}
