//! Short descriptions of a run: age, model, state.

use std::path::Path;

use crate::train::SavedRun;

/// Returns how long ago a run changed, in words.
pub(super) fn ago(run: &SavedRun) -> String {
    let seconds = run.changed.elapsed().unwrap_or_default().as_secs();
    let plural = |count: u64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
    match seconds {
        0..90 => "just now".to_owned(),
        90..5400 => format!("{} min ago", seconds.div_ceil(60)),
        5400..129_600 => plural((seconds + 1800) / 3600, "hour"),
        129_600..5_184_000 => plural((seconds + 43_200) / 86_400, "day"),
        _ => plural(seconds / 2_592_000, "month"),
    }
}

/// Returns the model of a run in a word or two.
pub(super) fn model_of(run: &SavedRun) -> String {
    match (&run.preset, &run.spec) {
        (Some(preset), _) => preset.clone(),
        (None, Ok(spec)) => spec.model.kind.title().to_owned(),
        (None, Err(_)) => "unreadable".to_owned(),
    }
}

pub(super) fn state_of(run: &SavedRun, running: Option<&Path>) -> &'static str {
    match (running == Some(run.path.as_path()), run.ended, run.has_checkpoint) {
        (true, ..) => "open here",
        (_, true, _) => "ended",
        (_, false, true) => "stopped",
        _ => "not saved",
    }
}
