//! A thread that works on the newest of what it is asked, for what takes longer than a frame.

use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::threads::start_thread;

/// A thread that works on the newest of what it is asked.
#[derive(Debug)]
pub(crate) struct Latest<Q, A> {
    requests: Sender<Q>,
    /// To take back a request that was not begun.
    waiting: Receiver<Q>,
    answer: Arc<ArcSwap<A>>,
}

impl<Q: Send + 'static, A: Send + Sync + Default + 'static> Latest<Q, A> {
    /// `work` answers a request, and `wake` is called when it has; dropping the handle ends the thread.
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

    /// The newest wins: what nobody has begun is taken back.
    pub fn ask(&self, request: Q) {
        while self.waiting.try_recv().is_ok() {}
        // The slot was just made empty, and nobody else sends.
        let _ = self.requests.try_send(request);
    }

    pub fn answer(&self) -> Arc<A> {
        self.answer.load_full()
    }
}
