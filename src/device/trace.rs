//! Timeline of a program in the trace format that Perfetto and Chrome open: recording and readback on the host,
//! dispatches by the device's clock, frames of the window.
//!
//! One timeline a program, off until [`start`]: an atomic load is all that a span costs then. While it is on, a GPU is
//! waited for after each step, so that its clock can be read: the spans are true, the gaps between steps are not.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::platform::Instant;

/// Row of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Work of the training thread.
    Host,
    /// Dispatches on a GPU, or calls of kernels on the processor.
    Device,
    /// Frames of the window.
    Frames,
}

impl Track {
    const ALL: [(Self, &'static str); 3] = [(Self::Host, "host"), (Self::Device, "device"), (Self::Frames, "frames")];

    fn number(self) -> usize {
        1 + Self::ALL.iter().position(|(track, _)| *track == self).unwrap_or(0)
    }
}

#[derive(Debug)]
struct TraceSpan {
    track: Track,
    name: String,
    start: Duration,
    length: Duration,
}

#[derive(Debug)]
struct Timeline {
    origin: Instant,
    noted: Mutex<Vec<TraceSpan>>,
}

/// Upper bound of the spans kept: a file of some 100 MB. Later ones are left out.
const MOST_SPANS: usize = 1_000_000;

static IS_ON: AtomicBool = AtomicBool::new(false);
static TIMELINE: OnceLock<Timeline> = OnceLock::new();

/// Begins the timeline.
pub fn start() {
    TIMELINE.get_or_init(|| Timeline { origin: Instant::now(), noted: Mutex::default() });
    IS_ON.store(true, Ordering::Release);
}

/// Returns whether spans are recorded.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Acquire)
}

/// Records a span of `track` that began at `start` and lasted `length`; does nothing while the timeline is off.
pub fn note(track: Track, name: &str, start: Instant, length: Duration) {
    let Some(timeline) = TIMELINE.get().filter(|_| is_on()) else { return };
    let start = start.saturating_duration_since(timeline.origin);
    let mut noted = timeline.noted.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.len() < MOST_SPANS {
        noted.push(TraceSpan { track, name: name.to_owned(), start, length });
    }
}

/// Runs `work` and records its duration as a span of `track`.
pub fn span<R>(track: Track, name: &str, work: impl FnOnce() -> R) -> R {
    if !is_on() {
        return work();
    }
    let started = Instant::now();
    let result = work();
    note(track, name, started, started.elapsed());
    result
}

#[derive(Serialize)]
struct TraceEvent<'n> {
    name: &'n str,
    /// Phase: `X` for a span, `M` for the name of a track.
    ph: &'static str,
    pid: usize,
    tid: usize,
    /// Start of the span, in microseconds since that of the timeline.
    ts: f64,
    dur: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Args>,
}

#[derive(Serialize)]
struct Args {
    name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'n> {
    display_time_unit: &'static str,
    trace_events: Vec<TraceEvent<'n>>,
}

/// Writes the timeline so far to `path` and returns the count of its spans; recording goes on. Writes no file and
/// returns 0 before [`start`].
pub fn write(path: &Path) -> io::Result<usize> {
    let Some(timeline) = TIMELINE.get() else { return Ok(0) };
    let noted = timeline.noted.lock().unwrap_or_else(PoisonError::into_inner);
    let titles = Track::ALL.map(|(track, name)| TraceEvent {
        name: "thread_name",
        ph: "M",
        pid: 1,
        tid: track.number(),
        ts: 0.0,
        dur: 0.0,
        args: Some(Args { name }),
    });
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let spans = noted.iter().map(|span| TraceEvent {
        name: &span.name,
        ph: "X",
        pid: 1,
        tid: span.track.number(),
        ts: micros(span.start),
        dur: micros(span.length),
        args: None,
    });
    let file = File { display_time_unit: "ms", trace_events: titles.into_iter().chain(spans).collect() };
    crate::platform::files::write_whole(path, |writer| Ok(serde_json::to_writer(writer, &file)?))?;
    Ok(noted.len())
}
