//! Waiting for a future on a thread that has nothing else to do.

/// Blocking wait for a future, without an event loop.
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
