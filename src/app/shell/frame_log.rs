//! Log of frame times, on request by the environment (`HOURGLASS_FRAME_LOG=FILE`): a line per frame with the
//! milliseconds from its start to its submission, and those since the previous frame.

use std::io::{BufWriter, Write as _};

use crate::device::trace;
use crate::device::trace::Track;
use crate::platform::Instant;
use crate::platform::files::File;

#[derive(Debug, Default)]
pub(crate) struct FrameLog {
    file: Option<BufWriter<File>>,
    before: Option<Instant>,
}

impl FrameLog {
    /// Opens the log that the environment names; none if the file cannot be created, as the window matters more.
    pub fn from_environment() -> Self {
        let file = std::env::var_os("HOURGLASS_FRAME_LOG").and_then(|path| File::create(path).ok());
        Self { file: file.map(BufWriter::new), before: None }
    }

    pub fn frame(&mut self, started: Instant) {
        trace::note(Track::Frames, "frame", started, started.elapsed());
        let Some(file) = &mut self.file else { return };
        let now = Instant::now();
        let since = self.before.map_or(0.0, |before| (now - before).as_secs_f64() * 1e3);
        self.before = Some(now);
        // A full disk ends the log, not the window.
        if writeln!(file, "{:.3} {since:.3}", (now - started).as_secs_f64() * 1e3).and_then(|()| file.flush()).is_err()
        {
            self.file = None;
        }
    }
}
