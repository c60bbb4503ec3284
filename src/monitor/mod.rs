//! Training as seen by whoever watches: the worker thread, its commands and events, and the snapshots it publishes.

mod layer_health;
mod opened_model;
mod previews;
mod protocol;
mod snapshot;
mod training_loop;
mod worker;

pub use self::layer_health::{Filters, LayerState};
pub use self::opened_model::open_model;
pub use self::previews::{PreviewRequest, pick};
pub use self::protocol::{Command, Event, RunSource, WorkerOptions};
pub use self::snapshot::{DataSummary, LatentMap, PAIRS, Pairs, PlayState, RunId, Snapshot, plane};
pub use self::worker::Worker;
