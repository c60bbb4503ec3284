//! Queue of images: a thread that reads, denoises and saves them. Commands go in through a bounded queue, and the
//! newest [`QueueView`] is published. The selected image comes first: the center of its visible part, then the whole in
//! one pass, then the mean over its eight symmetries.

mod protocol;
mod save;
mod worker;

use std::sync::Arc;

pub use self::protocol::{ItemState, Pixels, QueueCommand, QueueImage, QueueItem, QueueView};
use self::worker::QueueWorker;
use crate::device::DeviceChoice;
use crate::platform::{Actor, ActorContext};

/// Handle to the thread of the queue. Dropping it ends the work at hand and waits for that.
#[derive(Debug)]
pub struct DenoiseQueue(Actor<QueueCommand, QueueView>);

impl DenoiseQueue {
    /// Starts the thread; `wake` is called whenever there is a new view.
    ///
    /// # Errors
    /// When no thread can be started, in words.
    pub fn spawn(choice: DeviceChoice, wake: impl Fn() + Send + 'static) -> Result<Self, String> {
        let work = move |context: &ActorContext<_, _>| QueueWorker::new(context, choice).run();
        Actor::start("hourglass-denoise", QueueView::default(), wake, work).map(Self)
    }

    /// Sends a command; a full queue drops it, as no frame may wait.
    pub fn send(&self, command: QueueCommand) {
        self.0.send(command);
    }

    /// Returns the newest view.
    pub fn view(&self) -> Arc<QueueView> {
        self.0.view()
    }
}
