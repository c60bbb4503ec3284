//! A thread that carries out commands in their order, and shows the newest state of its work.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select};

use super::threads::start_thread;

/// Capacity of the command queue; further commands are dropped.
const QUEUE: usize = 64;

/// A handle to a thread that takes commands `C` and shows a view `V`. Dropping it closes the queue, so that the work
/// ends, and waits for the thread.
#[derive(Debug)]
pub(crate) struct Actor<C, V> {
    commands: Sender<C>,
    /// Closing signal, dropped with the handle: clones of `commands` keep no queue open.
    handle: Option<Sender<Infallible>>,
    view: Arc<ArcSwap<V>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread's side of an [`Actor`].
pub(crate) struct ActorContext<C, V> {
    commands: Receiver<C>,
    handle: Receiver<Infallible>,
    view: Arc<ArcSwap<V>>,
    wake: Box<dyn Fn() + Send>,
}

impl<C: Send + 'static, V: Send + Sync + 'static> Actor<C, V> {
    /// Starts `work` on a thread called `name`, with `view` as the first view. `wake` is called after every new view
    /// and at the end.
    ///
    /// # Errors
    /// In words, where no thread can be had.
    pub fn start(
        name: &str,
        view: V,
        wake: impl Fn() + Send + 'static,
        work: impl FnOnce(&ActorContext<C, V>) + Send + 'static,
    ) -> Result<Self, String> {
        let (commands, inbox) = bounded(QUEUE);
        let (handle, closed) = bounded(0);
        let view = Arc::new(ArcSwap::from_pointee(view));
        let context = ActorContext { commands: inbox, handle: closed, view: Arc::clone(&view), wake: Box::new(wake) };
        let thread = start_thread(name, move || {
            work(&context);
            (context.wake)();
        })?;
        Ok(Self { commands, handle: Some(handle), view, thread: Some(thread) })
    }

    /// Sends a command; drops it if the queue is full or the thread has ended, as no frame may wait.
    pub fn send(&self, command: C) {
        let _ = self.commands.try_send(command);
    }

    /// Returns a sender of commands, for signal handlers and the like.
    pub fn sender(&self) -> Sender<C> {
        self.commands.clone()
    }

    /// Returns the newest view.
    pub fn view(&self) -> Arc<V> {
        self.view.load_full()
    }

    /// Returns whether the thread has ended.
    pub fn is_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<C, V> Drop for Actor<C, V> {
    fn drop(&mut self) {
        self.handle = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by the thread itself.
            let _ = thread.join();
        }
    }
}

impl<C, V> ActorContext<C, V> {
    /// Waits for the next command; `None` once the handle is gone and no command is left.
    pub fn next(&self) -> Option<C> {
        select! {
            recv(self.commands) -> command => command.ok(),
            recv(self.handle) -> _ => self.commands.try_recv().ok(),
        }
    }

    /// Returns the next command if there is one.
    ///
    /// # Errors
    /// `Empty` where none waits, `Disconnected` once the handle is gone and no command is left.
    pub fn try_next(&self) -> Result<C, TryRecvError> {
        let is_closed = matches!(self.handle.try_recv(), Err(TryRecvError::Disconnected));
        self.commands.try_recv().map_err(|error| if is_closed { TryRecvError::Disconnected } else { error })
    }

    /// Shows another view.
    pub fn show(&self, view: V) {
        self.view.store(Arc::new(view));
        self.wake();
    }

    /// Returns the newest view.
    pub fn view(&self) -> Arc<V> {
        self.view.load_full()
    }

    /// Notifies the observer.
    pub fn wake(&self) {
        (self.wake)();
    }
}
