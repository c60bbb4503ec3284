//! Services of the machine: whole files, folders, free memory, background work.

pub(crate) mod files;
pub(crate) mod folders;
#[cfg(feature = "window")]
mod latest;
mod memory;
mod suggest_name;
#[cfg(feature = "window")]
mod task;

#[cfg(feature = "window")]
pub(crate) use self::latest::Latest;
pub use self::memory::free_memory;
pub(crate) use self::suggest_name::{nearest, perhaps, perhaps_column};
#[cfg(feature = "window")]
pub(crate) use self::task::Task;
