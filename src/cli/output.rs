//! Printed output of commands.

use super::common::Common;
use super::error::{CliError, worded};
use crate::data::{DataSet, Duplicates, Values};
use crate::style;
use crate::train::{PcaReport, TestMetrics};

/// Prints the metrics of the test part, with the MSE of PCA beside that of the model.
pub(super) fn print_metrics(test: &TestMetrics, pca: Option<&PcaReport>) {
    let beside = |pca: &PcaReport| format!("PCA, {}: {:.5}", style::counted(pca.components, "component"), pca.mse);
    let beside = pca.map(beside).unwrap_or_default();
    print_out(&format!("  rows        {:>9}", style::grouped(test.rows as u64)));
    print_out(&format!("  MSE         {:>9.5}   {beside}", test.mse));
    if let (Some(bce), Some(excess)) = (test.bce, test.bce_excess) {
        print_out(&format!("  BCE         {bce:>9.4}   nats per value, {excess:.4} above the data's entropy"));
    }
    print_out(&format!("  PSNR        {:>9.2}   dB", test.psnr));
    if let Some(ssim) = test.ssim {
        print_out(&format!("  SSIM        {ssim:>9.4}"));
    }
    if let (Some(elbo), Some(kl)) = (test.negative_elbo, test.kl) {
        print_out(&format!("  -ELBO       {elbo:>9.2}   nats per row, {kl:.2} of them KL divergence"));
    }
    print_units_and_input(test);
}

/// Prints the metrics that are not in the table of `evaluate`.
pub(super) fn print_particulars(test: &TestMetrics) {
    print_out(&format!("  rows        {:>9}", style::grouped(test.rows as u64)));
    if let Some(excess) = test.bce_excess {
        print_out(&format!("  BCE excess  {excess:>9.4}   nats per value above the data's entropy"));
    }
    if let Some(kl) = test.kl {
        print_out(&format!("  KL          {kl:>9.2}   nats per row"));
    }
    print_units_and_input(test);
}

pub(super) fn print_units_and_input(test: &TestMetrics) {
    if let Some(units) = test.active_units {
        let dead = test.dead_units.map_or(String::new(), |share| format!(", {:.0}% never used", 100.0 * share));
        print_out(&format!("  active      {units:>9}   latent units{dead}"));
    }
    if let (Some(used), Some(perplexity)) = (test.codebook_used, test.codebook_perplexity) {
        print_out(&format!("  codebook    {used:>9}   entries in use, perplexity {perplexity:.1}"));
    }
    if let (Some(clean), Some(corrupted)) = (test.clean_mse, test.corrupted_psnr) {
        print_out(&format!("  PSNR in     {corrupted:>9.2}   dB, corrupted input"));
        print_out(&format!("  clean MSE   {clean:>9.5}   on uncorrupted input"));
    }
}

/// Returns lines on a data set: kind and shape, split, scaling, labels and notes.
pub(super) fn summary(data: &DataSet, common: &Common) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {}, {} rows of {}",
        data.options.source,
        data.kind.name(),
        style::grouped(data.rows as u64),
        match data.image {
            Some(image) => format!("{}x{}x{} values", image.height, image.width, image.channels),
            None => format!("{} values", style::grouped(data.features as u64)),
        }
    )];
    lines.push(format!(
        "split     {}: {} train, {} validation, {} test",
        data.split_method(),
        style::grouped(data.train.len() as u64),
        style::grouped(data.validation.len() as u64),
        style::grouped(data.test.len() as u64)
    ));
    let place = if matches!(data.values, Values::Source { .. }) { ", read while training" } else { "" };
    lines.push(format!(
        "scaling   {}, {} MB{place}",
        data.preparation.kind.name(),
        style::grouped((data.bytes() as u64).div_ceil(1 << 20))
    ));
    if let Some(form) = &data.form {
        lines.push(format!("format    {form}"));
    }
    if data.labels.is_some() {
        let shown: Vec<&str> = data.classes.iter().take(12).map(String::as_str).collect();
        let more = if data.classes.len() > shown.len() { ", ..." } else { "" };
        lines.push(format!("labels    {} classes: {}{more}", data.classes.len(), shown.join(", ")));
    }
    lines.extend(data.notes.iter().map(|note| format!("note      {}", worded(note, &common.command))));
    lines
}

/// Returns a line on held-out rows that are equal or nearly equal to train rows, if there are any.
pub(super) fn near_duplicates_line(duplicates: &Duplicates) -> Option<String> {
    let examples: Vec<String> = duplicates.examples.iter().map(|(a, b)| format!("{a} and {b}")).collect();
    (duplicates.equal + duplicates.near > 0).then(|| {
        format!(
            "copies    {} of {} held-out rows equal a train row, {} nearly do (such as {}): metrics are optimistic",
            duplicates.equal,
            style::grouped(duplicates.compared as u64),
            duplicates.near,
            examples.join("; ")
        )
    })
}

pub(super) fn say_notes(notes: &[String], common: &Common) {
    if !common.quiet {
        notes.iter().for_each(|note| eprintln!("note: {}", worded(note, &common.command)));
    }
}

/// Prints a line to standard output. A closed pipe is no failure; any other error ends the program, as output is lost.
pub(crate) fn print_out(text: &str) {
    use std::io::Write as _;
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to standard output, {error}");
            std::process::exit(1);
        }
        _ => {}
    }
}

pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string(value).map_err(|error| CliError::work(error.to_string()))?;
    print_out(&text);
    Ok(())
}
