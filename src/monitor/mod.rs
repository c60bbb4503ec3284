//! Observation of training: the loop around a run, the thread that drives it, its commands and events, and the
//! published snapshots.

mod latent_map;
mod layer_health;
mod opened_model;
mod pairs;
mod previews;
mod protocol;
mod section;
mod snapshot;
mod training_loop;
mod worker;

pub use self::latent_map::{LatentMap, plane};
pub use self::layer_health::{Filters, LayerState};
pub use self::opened_model::open_model;
pub use self::pairs::{PAIRS, Pairs};
pub use self::previews::{PreviewRequest, pick};
pub use self::protocol::{Command, Event, RunSource, WorkerOptions, data_in_pieces};
pub use self::section::Section;
pub use self::snapshot::{DataSummary, Health, LossHistory, Moment, PlayState, RunId, RunInfo, RunProgress, Snapshot};
pub use self::training_loop::{LoopOptions, Next, Progress, TrainingLoop};
pub use self::worker::Worker;
