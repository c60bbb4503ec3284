//! Pictures on a desk: a thread that reads, cleans and saves them for whoever looks. Commands go in through a bounded
//! queue, and the newest [`DeskView`] is there to be looked at. The picture that is looked at comes first: the middle of
//! what is seen at once, then the whole at one look, then at eight.

mod save;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, bounded};

use self::work::Work;
use super::amount::Amount;
use crate::device::DeviceChoice;

/// What can be asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum DeskCommand {
    /// Files, and folders with what is in them; the first of them is looked at.
    Add(Vec<PathBuf>),
    Select(usize),
    Amount(Amount),
    /// A model.safetensors; the one that comes with the program where `None`.
    Model(Option<PathBuf>),
    /// Whether the shipped model's answer is wanted too.
    Compare(bool),
    /// Where the middle of what is seen lies, as shares of width and height.
    Look([f32; 2]),
    /// Saves the picture that is looked at beside its original.
    Save,
    SaveAll,
    /// Ends the work at hand.
    Stop,
    /// Takes all pictures off the desk.
    Clear,
}

/// Pixels to be shown: red, green, blue and alpha, line by line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    /// Pixels of the picture along one that is shown; 1 but for enormous pictures.
    pub step: usize,
    pub rgba: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum ItemState {
    #[default]
    Waiting,
    /// The share that is done.
    Working(f64),
    Done,
    Saved(PathBuf),
    Failed(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeskItem {
    pub path: PathBuf,
    pub state: ItemState,
}

/// The picture that is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeskPicture {
    pub name: String,
    pub width: usize,
    pub height: usize,
    /// Of a sample: 8, 16 or, for arrays, 32.
    pub bits: usize,
    pub colors: usize,
    pub before: Arc<Pixels>,
    /// As far as it is done.
    pub after: Option<Arc<Pixels>>,
    /// What the shipped model makes of it, where that was asked for.
    pub other: Option<Arc<Pixels>>,
    /// Estimated, on the scale of 0..255.
    pub sigma: Option<f64>,
    /// Why the result is to be looked at closely, if there is a reason.
    pub warning: Option<String>,
    /// Nothing is changed: it is clean by the estimate, or the strength is 0.
    pub unchanged: bool,
}

/// What there is to see.
#[derive(Clone, Debug, Default)]
pub struct DeskView {
    pub items: Vec<DeskItem>,
    pub selected: usize,
    pub picture: Option<Arc<DeskPicture>>,
    pub amount: Amount,
    /// `None` is the one that comes with the program.
    pub model: Option<PathBuf>,
    pub compare: bool,
    /// What is going on; nothing where `None`.
    pub working: Option<String>,
    pub seconds_left: Option<f64>,
    pub megapixels_per_second: Option<f64>,
    pub error: Option<String>,
    /// Where something was saved last.
    pub saved: Option<PathBuf>,
}

/// A handle to the thread. Dropping it ends the work at hand and waits for that.
#[derive(Debug)]
pub struct Desk {
    commands: Option<Sender<DeskCommand>>,
    view: Arc<ArcSwap<DeskView>>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Starts the thread; `wake` is called whenever there is something new to see.
    pub fn spawn(choice: DeviceChoice, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = bounded(64);
        let view = Arc::new(ArcSwap::from_pointee(DeskView::default()));
        let shared = Arc::clone(&view);
        let thread = std::thread::Builder::new().name("hourglass-denoise".to_owned()).spawn(move || {
            Work::new(receiver, shared, Box::new(wake), choice).run();
        })?;
        Ok(Self { commands: Some(sender), view, thread: Some(thread) })
    }

    /// Sends a command; a full queue drops it, as no frame may wait.
    pub fn send(&self, command: DeskCommand) {
        if let Some(commands) = &self.commands {
            let _ = commands.try_send(command);
        }
    }

    pub fn view(&self) -> Arc<DeskView> {
        self.view.load_full()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // The thread ends when nobody can send any more.
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by the thread itself.
            let _ = thread.join();
        }
    }
}
