//! A model that is looked at, not trained.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::app::application::Trainer;
use crate::monitor::{Command, PlayState, Snapshot, open_model};
use crate::train::TrainError;

/// Its snapshot never changes.
#[derive(Debug)]
pub struct OpenedFile(pub Arc<Snapshot>);

impl Trainer for OpenedFile {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0)
    }

    fn send(&self, _: Command) {}
}

/// The same while it is still being opened, on a thread of its own: its data may take seconds.
pub(crate) struct OpeningModel(Arc<ArcSwap<Snapshot>>);

impl OpeningModel {
    /// Starts to open the model at `path`. `wake` is called when it is there.
    pub fn start(path: PathBuf, wake: impl FnOnce() + Send + 'static) -> Result<Self, TrainError> {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot {
            preset: Some(name.clone()),
            message: format!("Opening {name}"),
            ..Snapshot::default()
        }));
        let slot = Arc::clone(&snapshot);
        let open = move || {
            let next = open_model(&path).unwrap_or_else(|error| Snapshot {
                state: PlayState::Failed,
                preset: Some(name),
                message: error.to_string(),
                ..Snapshot::default()
            });
            slot.store(Arc::new(next));
            wake();
        };
        std::thread::Builder::new()
            .name("hourglass-open".to_owned())
            .spawn(open)
            .map_err(|error| TrainError::Worker(error.to_string()))?;
        Ok(Self(snapshot))
    }
}

impl Trainer for OpeningModel {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    fn send(&self, _: Command) {}
}
