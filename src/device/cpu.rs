//! The processor as a device: a named pool of threads, memory aligned to cache lines, and runtime choice of vector
//! instructions. Results do not depend on the number of threads: work is cut by size, never by thread count.

use std::cell::UnsafeCell;
use std::sync::Arc;

use super::{DeviceBackend, DeviceError, DeviceInfo, DeviceKind};

/// Processor with a pool of threads, which copies share.
#[derive(Clone, Debug)]
pub struct CpuDevice {
    pool: Arc<rayon::ThreadPool>,
    info: DeviceInfo,
}

impl CpuDevice {
    /// Starts a pool of `threads` threads; of all hardware threads where `None`.
    pub fn new(threads: Option<usize>) -> Result<Self, DeviceError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0))
            .thread_name(|index| format!("hourglass-cpu-{index}"))
            .build()
            .map_err(|error| DeviceError::Threads(error.to_string()))?;
        let count = pool.current_num_threads();
        let info = DeviceInfo {
            device: DeviceKind::Cpu,
            backend: DeviceBackend::Cpu,
            adapter: format!("{count} thread{}, native", if count == 1 { "" } else { "s" }),
            software: false,
            driver: String::new(),
            wrong_variants: Vec::new(),
            passed_over: Vec::new(),
        };
        Ok(Self { pool: Arc::new(pool), info })
    }

    pub(super) fn having_passed_over(mut self, passed_over: Vec<String>) -> Self {
        self.info.passed_over = passed_over;
        self
    }

    /// Returns the description of the device, which names its count of threads.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Returns the number of threads in the pool.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` inside the pool, so that everything parallel in it uses these threads.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}

/// Runs a loop compiled for the best vector instructions that this processor has.
#[inline(always)]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct CacheLine([u32; 16]);

/// Block of bytes that calls of a plan read and write through disjoint views.
pub struct CpuMemory {
    lines: Box<[UnsafeCell<CacheLine>]>,
    bytes: usize,
}

// SAFETY: the only ways in are `view` and `view_mut`, whose callers promise that no writer overlaps another view;
// the bytes themselves are plain numbers.
unsafe impl Sync for CpuMemory {}

impl std::fmt::Debug for CpuMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CpuMemory({} bytes)", self.bytes)
    }
}

impl CpuMemory {
    /// Allocates `bytes` bytes of zeros, rounded up to a multiple of 4 and aligned to 64.
    pub fn zeroed(bytes: usize) -> Self {
        let lines = (0..bytes.div_ceil(64)).map(|_| UnsafeCell::new(CacheLine([0; 16]))).collect();
        Self { lines, bytes: bytes.next_multiple_of(4) }
    }

    /// Returns the size in bytes, a multiple of 4.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Returns whether the block holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    fn range_checked(&self, offset: usize, bytes: usize) {
        assert!(
            offset.is_multiple_of(4) && offset.checked_add(bytes).is_some_and(|end| end <= self.bytes),
            "view {offset}+{bytes} lies outside a block of {} bytes",
            self.bytes
        );
    }

    /// Returns the `bytes` bytes from `offset` on, a multiple of 4; panics where they lie outside the block.
    ///
    /// # Safety
    /// While the slice lives, nobody may hold an overlapping slice from `view_mut`.
    pub unsafe fn view(&self, offset: usize, bytes: usize) -> &[u8] {
        self.range_checked(offset, bytes);
        // SAFETY: in range by the check above; the caller keeps writers away.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast::<u8>().add(offset), bytes) }
    }

    /// Returns the `bytes` bytes from `offset` on, to write; panics where they lie outside the block.
    ///
    /// # Safety
    /// While the slice lives, nobody may hold any other slice that overlaps it.
    #[expect(clippy::mut_from_ref, reason = "disjoint views of one block are handed out; the plan proves it")]
    pub unsafe fn view_mut(&self, offset: usize, bytes: usize) -> &mut [u8] {
        self.range_checked(offset, bytes);
        // SAFETY: in range by the check above, in cells; the caller keeps every other view away.
        unsafe {
            std::slice::from_raw_parts_mut(UnsafeCell::raw_get(self.lines.as_ptr()).cast::<u8>().add(offset), bytes)
        }
    }
}
