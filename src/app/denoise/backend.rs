//! Denoising engine of the workspace: the library, or a script in tests.

use std::sync::Arc;

use crate::device::DeviceChoice;
use crate::tasks::{DenoiseQueue, QueueCommand, QueueView};

/// Queue of images on a thread of its own, so that no frame waits for it.
pub trait Cleaner: Send {
    fn view(&self) -> Arc<QueueView>;
    fn send(&self, command: QueueCommand);
}

/// Factory of queues, called for the first picture.
pub trait Denoising: Send + Sync {
    /// Opens a queue that requests a repaint of `context` after each change.
    ///
    /// # Errors
    /// When no thread can be started, in words.
    fn open(&self, device: DeviceChoice, context: egui::Context) -> Result<Box<dyn Cleaner>, String>;
}

/// Engine of the library.
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
