//! `hourglass detect`: which rows of a table are abnormal.

use std::path::PathBuf;

use clap::Subcommand;

use super::{CliError, Common, print_json, print_out};
use crate::device::Device;
use crate::style;
use crate::tasks::{self, DetectorOptions};

#[derive(Debug, Subcommand)]
pub(super) enum DetectCommand {
    /// Fit a detector to the normal rows of a table.
    Fit {
        /// A table: CSV or TSV, gzipped or not.
        #[arg(value_name = "CSV")]
        data: String,
        #[arg(short, long, value_name = "MODEL")]
        output: PathBuf,
        /// The column that says which rows are abnormal; all rows count as normal without it.
        #[arg(long, value_name = "COLUMN")]
        label: Option<String>,
        /// The label of abnormal rows [default: anything but 0, false, normal and nothing].
        #[arg(long, value_name = "VALUE", requires = "label")]
        abnormal: Option<String>,
        /// Columns to leave out.
        #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
        exclude: Vec<String>,
        /// Share of normal rows that may be called abnormal.
        #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
        false_alarms: f64,
    },
    /// Score each row of a table, with the columns that make it abnormal.
    Score {
        /// A detector made by `detect fit`.
        model: PathBuf,
        #[arg(value_name = "CSV")]
        data: String,
        #[arg(short, long, value_name = "SCORES")]
        output: PathBuf,
    },
}

pub(super) fn run(command: DetectCommand, common: &Common) -> Result<u8, CliError> {
    let device = Device::open(common.device_choice()?, common.threads())?;
    match command {
        DetectCommand::Fit { data, output, label, abnormal, exclude, false_alarms } => {
            if !(0.0..1.0).contains(&false_alarms) {
                return Err(CliError::usage(format!(
                    "--false-alarms is a share of rows from 0 to below 1, not {false_alarms}; 0.01 is one row of a hundred"
                )));
            }
            let options = DetectorOptions { label, abnormal, exclude, false_alarms, seed: common.seed.unwrap_or(1) };
            let report = tasks::fit_detector(&data, &output, &options, device)?;
            if common.json {
                print_json(&report)?;
                return Ok(0);
            }
            say_notes(&report.notes, common);
            print_out(&format!(
                "fitted on {} normal rows of {} values through {} numbers, {} epochs in {}",
                style::grouped(report.train_rows as u64),
                report.features,
                report.latent,
                report.epochs,
                style::clock(report.seconds),
            ));
            print_out(&format!(
                "threshold {:.3}: {:.1}% of {} normal rows held out score higher",
                report.threshold,
                100.0 * report.false_alarms,
                style::grouped(report.held_rows as u64),
            ));
            print_out(&format!("detector {}", report.model));
        }
        DetectCommand::Score { model, data, output } => {
            let scores = tasks::score_rows(&model, &data, &output, &device)?;
            if common.json {
                print_json(&scores)?;
                return Ok(0);
            }
            say_notes(&scores.notes, common);
            print_out(&format!(
                "{} rows, {} abnormal (score above {:.3})",
                style::grouped(scores.rows as u64),
                style::grouped(scores.abnormal as u64),
                scores.threshold,
            ));
            if let Some(area) = scores.roc_auc {
                print_out(&format!("ROC-AUC by the labels: {area:.4}"));
            }
            print_out(&format!("scores   {}", scores.output));
        }
    }
    Ok(0)
}

pub(super) fn say_notes(notes: &[String], common: &Common) {
    if !common.quiet {
        notes.iter().for_each(|note| eprintln!("note: {note}"));
    }
}
