//! `hourglass data`: description of a file or folder as data, and of its preparation.

use std::path::{Path, PathBuf};

use clap::Args;

use super::common::Common;
use super::error::CliError;
use super::inputs::{open_data, refuse_overwriting};
use super::output::{near_duplicates_line, print_json, print_out, summary};
use crate::data::DataSpec;
use crate::device::Device;
use crate::model::{auto_spec, preset};
use crate::style;
use crate::tasks::{self, DataReport};
use crate::train::TrainError;

#[derive(Args, Debug)]
pub(super) struct DataArgs {
    /// A file or folder: images, CSV, TSV, XLSX or ODS, NPY, NPZ, safetensors, IDX, sound (WAV, FLAC, MP3, OGG), text; or
    /// mnist.
    #[arg(value_name = "PATH")]
    path: String,
    /// Set a field of the spec that concerns data, for example --set data.labels=species.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Also draw the first rows as a network sees them; clean and corrupted side by side with --set
    /// corruption.KEY=VALUE.
    #[arg(long, value_name = "OUT.png")]
    preview: Option<PathBuf>,
}

pub(super) fn describe(arguments: &DataArgs, common: &Common) -> Result<u8, CliError> {
    check_settings(&arguments.settings)?;
    if let Some(preview) = &arguments.preview {
        refuse_overwriting(preview, [Path::new(&arguments.path)])?;
    }
    let data = open_data(DataSpec::from_source(&arguments.path), &arguments.settings, common)?;
    let report = tasks::describe(&data, common.seed.unwrap_or(1))?;
    if let Some(path) = &arguments.preview {
        let spec = auto_spec(&data)?.spec.with_set(&arguments.settings)?;
        let device = Device::open(common.device_choice()?, common.threads())?;
        tasks::contact_sheet(&data, &spec, &device, path)?;
    }
    if common.json {
        print_json(&report)?;
        return Ok(0);
    }
    for line in summary(&data, common) {
        print_out(&line);
    }
    for line in details(&report) {
        print_out(&line);
    }
    if let Some(path) = &arguments.preview {
        print_out(&format!("preview   {}", path.display()));
    }
    Ok(0)
}

/// Rejects settings outside the sections that concern data, and keys that no spec has.
fn check_settings(settings: &[String]) -> Result<(), CliError> {
    const SECTIONS: [&str; 4] = ["data", "train", "corruption", "augmentation"];
    let strange = |setting: &&String| setting.split_once('.').is_some_and(|(section, _)| !SECTIONS.contains(&section));
    if let Some(setting) = settings.iter().find(strange) {
        let known = SECTIONS.join(", ");
        return Err(CliError::usage(format!("--set, {setting:?} does not concern data, use fields of {known}")));
    }
    // Any preset will do: every spec has these sections.
    preset("undercomplete").and_then(|preset| preset.spec.with_set(settings)).map_err(TrainError::from)?;
    Ok(())
}

fn details(report: &DataReport) -> Vec<String> {
    let mut lines =
        vec![format!("range     {} to {}, mean {:.4}", report.range.least, report.range.most, report.range.mean)];
    if report.missing > 0 {
        lines.push(format!("missing   {} cells, imputed from the train part", style::grouped(report.missing as u64)));
    }
    if !report.labels.is_empty() {
        let counts: Vec<String> = report
            .labels
            .iter()
            .take(12)
            .map(|(name, count)| format!("{name}: {}", style::grouped(*count as u64)))
            .collect();
        lines.push(format!("classes   {}", counts.join(", ")));
    }
    if !report.columns.is_empty() {
        let shown: Vec<&str> = report.columns.iter().take(16).map(String::as_str).collect();
        let more = if report.columns.len() > shown.len() { ", ..." } else { "" };
        lines.push(format!("features  {}{more}", shown.join(", ")));
    }
    lines.extend(near_duplicates_line(&report.duplicates));
    if let Some(suggestion) = &report.suggestion {
        lines.push(format!("training  {suggestion}"));
    }
    lines
}
