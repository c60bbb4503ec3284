//! Window. Panels read snapshots and send commands; no engine buffer comes here, so that each panel runs against a
//! scripted trainer in tests.

mod application;
mod choices;
mod control;
mod denoise;
mod detect;
mod explore;
pub(crate) mod frame;
mod latent_map;
mod opened;
mod report;
mod runs;
pub(crate) mod shell;
mod train;
mod trainer;
pub(crate) mod ui;
mod undo;
mod workspace;

pub use self::application::{App, AppOptions};
pub use self::denoise::{Cleaner, Denoising, LocalDenoising};
pub use self::detect::{Detection, LocalDetection, SavedScores};
pub use self::report::{Evaluated, Export, Exported, LocalReporting, ReportSubject, Reporting};
pub use self::shell::desktop::{Answer, Dialogs, NativeDialogs, Question, TypedPaths};
pub use self::shell::settings::Settings;
pub use self::shell::window::{WindowError, availability, open};
pub use self::trainer::{StartTrainer, Trainer};
pub use self::ui::theme::ThemeChoice;
