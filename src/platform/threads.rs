//! Start of threads, common to the whole program.

use std::thread::JoinHandle;

/// Starts `work` on a thread called `name`.
///
/// # Errors
/// In words, where no thread can be had.
pub(super) fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, String> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| format!("no thread for the work, {error}, close other programs"))
}

/// Returns the number of hardware threads of the processor.
#[cfg(feature = "cli")]
pub(crate) fn hardware_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}
