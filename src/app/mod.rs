//! The window. Panels see snapshots and send commands; no engine buffer ever comes here, so that each panel runs
//! against a scripted trainer in tests.

mod controls;
mod curves;
mod data_card;
mod denoise;
mod detect;
mod explore;
mod findings;
mod frame_log;
mod icons;
mod latest;
mod map;
mod network;
mod pairs;
mod scatter;
mod shell;
mod state;
mod theme;
mod thumbs;
mod widgets;

pub use denoise::{Cleaner, Denoising, LocalDenoising};
pub use detect::{Detection, LocalDetection, Saved};
pub use shell::{WindowError, availability, open};
pub use state::{App, AppOptions, OpenedModel, Trainer};
pub use theme::ThemeChoice;
