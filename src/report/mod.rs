//! Report of a run: one HTML file that opens from disk, needs no network, prints well and follows the reader's theme.

mod content;
mod html;
mod images;
mod page;
mod summary_png;
mod svg;

use std::path::{Path, PathBuf};

use self::content::ReportContent;
pub use self::summary_png::{draw_run, held_out_title};
use crate::device::Device;
use crate::model::write_whole;
use crate::tasks::TaskError;
use crate::train::RunDir;

/// Writes the report of the run in `run_dir` to `output`, or to `report.html` in the run's directory if `None`; returns
/// the path.
///
/// # Errors
/// When there is no run, its model cannot be read, or the file cannot be written. Missing data is noted in the report.
pub fn write_report(run_dir: &Path, output: Option<&Path>, device: &Device) -> Result<PathBuf, TaskError> {
    let dir = RunDir::open(run_dir)?;
    let story = ReportContent::gather(&dir, device)?;
    let path = output.map_or_else(|| dir.path().join("report.html"), Path::to_owned);
    write_whole(&path, page::page(&story).as_bytes())?;
    Ok(path)
}
