//! The queue of images: a thread that reads, cleans and saves them for whoever looks. Commands go in through a bounded
//! queue, and the newest [`QueueView`] is there to be looked at. The picture that is looked at comes first: the middle
//! of what is seen at once, then the whole at one look, then at eight.

mod protocol;
mod save;
mod worker;

use std::sync::Arc;

pub use self::protocol::{ItemState, Pixels, QueueCommand, QueueImage, QueueItem, QueueView};
use self::worker::QueueWorker;
use crate::device::DeviceChoice;
use crate::platform::{Actor, ActorContext};

/// A handle to the thread. Dropping it ends the work at hand and waits for that.
#[derive(Debug)]
pub struct DenoiseQueue(Actor<QueueCommand, QueueView>);

impl DenoiseQueue {
    /// Starts the thread; `wake` is called whenever there is something new to see.
    ///
    /// # Errors
    /// In words, where no thread can be had.
    pub fn spawn(choice: DeviceChoice, wake: impl Fn() + Send + 'static) -> Result<Self, String> {
        let work = move |context: &ActorContext<_, _>| QueueWorker::new(context, choice).run();
        Actor::start("hourglass-denoise", QueueView::default(), wake, work).map(Self)
    }

    /// Sends a command; a full queue drops it, as no frame may wait.
    pub fn send(&self, command: QueueCommand) {
        self.0.send(command);
    }

    /// Returns what is to be seen now.
    pub fn view(&self) -> Arc<QueueView> {
        self.0.view()
    }
}
