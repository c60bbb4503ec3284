//! The queue of images: a thread that reads, cleans and saves them for whoever looks. Commands go in through a bounded
//! queue, and the newest [`QueueView`] is there to be looked at. The picture that is looked at comes first: the middle
//! of what is seen at once, then the whole at one look, then at eight.

mod protocol;
mod save;
mod worker;

use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, bounded};

pub use self::protocol::{ItemState, Pixels, QueueCommand, QueueImage, QueueItem, QueueView};
use self::worker::QueueWorker;
use crate::device::DeviceChoice;

/// A handle to the thread. Dropping it ends the work at hand and waits for that.
#[derive(Debug)]
pub struct DenoiseQueue {
    commands: Option<Sender<QueueCommand>>,
    view: Arc<ArcSwap<QueueView>>,
    thread: Option<JoinHandle<()>>,
}

impl DenoiseQueue {
    /// Starts the thread; `wake` is called whenever there is something new to see.
    pub fn spawn(choice: DeviceChoice, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = bounded(64);
        let view = Arc::new(ArcSwap::from_pointee(QueueView::default()));
        let shared = Arc::clone(&view);
        let thread = std::thread::Builder::new().name("hourglass-denoise".to_owned()).spawn(move || {
            QueueWorker::new(receiver, shared, Box::new(wake), choice).run();
        })?;
        Ok(Self { commands: Some(sender), view, thread: Some(thread) })
    }

    /// Sends a command; a full queue drops it, as no frame may wait.
    pub fn send(&self, command: QueueCommand) {
        if let Some(commands) = &self.commands {
            let _ = commands.try_send(command);
        }
    }

    pub fn view(&self) -> Arc<QueueView> {
        self.view.load_full()
    }
}

impl Drop for DenoiseQueue {
    fn drop(&mut self) {
        // The thread ends when nobody can send any more.
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by the thread itself.
            let _ = thread.join();
        }
    }
}
