//! The window. Panels see snapshots and send commands; no engine buffer ever comes here, so that each panel runs
//! against a scripted trainer in tests.

mod controls;
mod curves;
mod data_card;
mod denoise;
mod desktop;
mod detect;
mod explore;
mod findings;
mod frame_log;
mod help;
mod hints;
mod history;
mod icons;
mod latest;
mod map;
mod meshes;
mod network;
mod opened;
mod opening;
mod pairs;
mod pasting;
mod picker;
mod report;
mod runs;
mod scatter;
mod settings;
mod sheet;
mod shell;
mod state;
mod task;
mod theme;
mod thumbs;
mod widgets;
mod window_icon;

pub use denoise::{Cleaner, Denoising, LocalDenoising};
pub use desktop::{Answer, Dialogs, NativeDialogs, Question, TypedPaths};
pub use detect::{Detection, LocalDetection, Saved};
pub use opened::OpenedModel;
pub use report::{Export, Exported, LocalReporting, ReportSubject, Reporting, Told};
pub use settings::Settings;
pub use shell::{WindowError, availability, open};
pub use state::{App, AppOptions, Trainer};
pub use theme::ThemeChoice;
