//! Services of the machine: whole files, folders, free memory, the clock, threads and background work.

mod actor;
pub(crate) mod files;
pub(crate) mod folders;
#[cfg(feature = "window")]
mod latest;
mod memory;
mod suggest_name;
mod task;
mod threads;
mod wait;

// The clock of whatever the program runs on: in a browser that of the standard library panics.
pub use web_time::Instant;

pub(crate) use self::actor::{Actor, ActorContext};
#[cfg(feature = "window")]
pub(crate) use self::latest::Latest;
pub use self::memory::free_memory;
pub(crate) use self::suggest_name::{nearest, perhaps, perhaps_column};
pub(crate) use self::task::Task;
#[cfg(feature = "cli")]
pub(crate) use self::threads::hardware_threads;
pub use self::wait::Wait;
