//! What cleans pictures for the workspace: the library, or a script in tests.

use std::sync::Arc;

use crate::device::DeviceChoice;
use crate::tasks::{DenoiseQueue, QueueCommand, QueueView};

/// The queue of images, on a thread of its own: no frame waits for it.
pub trait Cleaner: Send {
    fn view(&self) -> Arc<QueueView>;
    fn send(&self, command: QueueCommand);
}

/// Makes one, when the first picture comes.
pub trait Denoising: Send + Sync {
    /// `context` is asked for a frame whenever there is something new.
    ///
    /// # Errors
    /// In words.
    fn open(&self, device: DeviceChoice, context: egui::Context) -> Result<Box<dyn Cleaner>, String>;
}

/// The library itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDenoising;

impl Denoising for LocalDenoising {
    fn open(&self, device: DeviceChoice, context: egui::Context) -> Result<Box<dyn Cleaner>, String> {
        let queue = DenoiseQueue::spawn(device, move || context.request_repaint());
        queue.map(|queue| Box::new(queue) as Box<dyn Cleaner>)
    }
}

impl Cleaner for DenoiseQueue {
    fn view(&self) -> Arc<QueueView> {
        Self::view(self)
    }

    fn send(&self, command: QueueCommand) {
        Self::send(self, command);
    }
}
