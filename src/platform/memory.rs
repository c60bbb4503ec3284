//! Free memory of the machine.

use sysinfo::System;

/// Returns the free memory in bytes, at most the limit of a container if there is one; `None` if the system does not
/// report it.
pub fn free_memory() -> Option<usize> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    // What is free of a container's share is not told: files that are only cached count as used there.
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    let free = system.available_memory().min(limit);
    usize::try_from(free).ok().filter(|free| *free > 0)
}
