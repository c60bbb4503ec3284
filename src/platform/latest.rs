//! Thread that answers only the newest request, for work longer than a frame.

use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::threads::start_thread;

/// Thread that answers only the newest request.
#[derive(Debug)]
pub(crate) struct Latest<Q, A> {
    requests: Sender<Q>,
    /// Second receiver of the queue, to withdraw a request not yet begun.
    waiting: Receiver<Q>,
    answer: Arc<ArcSwap<A>>,
}

impl<Q: Send + 'static, A: Send + Sync + Default + 'static> Latest<Q, A> {
    /// Starts a thread called `name`; `None` if no thread can be started. `work` answers a request from the previous
    /// answer, then `wake` is called; dropping the handle ends the thread.
    pub fn start(
        name: &str,
        wake: impl Fn() + Send + 'static,
        mut work: impl FnMut(Q, &A) -> A + Send + 'static,
    ) -> Option<Self> {
        let (requests, waiting) = bounded::<Q>(1);
        let answer = Arc::new(ArcSwap::from_pointee(A::default()));
        let (inbox, slot) = (waiting.clone(), Arc::clone(&answer));
        let work = move || {
            // Ends when the last sender is gone; the receiver kept for taking back does not count.
            while let Ok(request) = inbox.recv() {
                let next = work(request, &slot.load());
                slot.store(Arc::new(next));
                wake();
            }
        };
        start_thread(name, work).ok()?;
        Some(Self { requests, waiting, answer })
    }

    /// Sends a request; withdraws an earlier one that was not begun.
    pub fn ask(&self, request: Q) {
        while self.waiting.try_recv().is_ok() {}
        // The slot was just made empty, and nobody else sends.
        let _ = self.requests.try_send(request);
    }

    pub fn answer(&self) -> Arc<A> {
        self.answer.load_full()
    }
}
