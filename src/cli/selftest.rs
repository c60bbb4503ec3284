//! `hourglass selftest`: test of a device against references.

use clap::Args;

use super::common::Common;
use super::error::CliError;
use super::output::{print_json, print_out};
use crate::device::Device;
use crate::selftest::{SelftestOptions, SelftestReport, VariantCheck, selftest};

#[derive(Args, Debug)]
pub(super) struct SelftestArgs {
    /// Test only awkward sizes, and train fewer models.
    #[arg(long)]
    quick: bool,
    /// Also test the kernel variants that this kind of adapter does not choose from.
    #[arg(long)]
    all_variants: bool,
}

/// Tests the device; returns exit code 0 if everything agrees with its reference, else 1.
pub(super) fn run(arguments: &SelftestArgs, common: &Common) -> Result<u8, CliError> {
    let device = Device::open_to_test(common.device_choice()?, common.threads())?;
    let options = SelftestOptions { quick: arguments.quick, all_variants: arguments.all_variants };
    let report = selftest(&device, options, |what| {
        if !common.quiet {
            eprintln!("testing {what}");
        }
    })?;
    if common.json {
        print_json(&report)?;
    } else {
        print_table(&report, matches!(device, Device::Gpu(_)));
    }
    Ok(u8::from(!report.ok))
}

fn print_table(report: &SelftestReport, is_gpu: bool) {
    print_out(&format!("{} ({}, {})", report.adapter, report.backend, report.driver));
    if !is_gpu {
        print_out("the CPU runs the reference of each kernel: only whole training steps are compared");
    }
    print_out(&format!("{:<30}{:<27}{:>7}{:>10}{:>10}", "kernel", "variant", "shapes", "worst", "allowed"));
    let mut rows: Vec<Vec<&VariantCheck>> = Vec::new();
    for check in &report.variants {
        let same = |row: &&mut Vec<&VariantCheck>| row[0].kernel == check.kernel && row[0].variant == check.variant;
        match rows.iter_mut().find(same) {
            Some(row) => row.push(check),
            None => rows.push(vec![check]),
        }
    }
    rows.sort_by_key(|row| (&row[0].kernel, &row[0].variant));
    for row in rows {
        let worst = row.iter().map(|check| check.worst.unwrap_or(f64::INFINITY)).fold(0.0, f64::max);
        let verdict = if row.iter().all(|check| check.ok) { "" } else { "  WRONG" };
        print_out(&format!(
            "{:<30}{:<27}{:>7}{worst:>10.1e}{:>10.1e}{verdict}",
            row[0].kernel,
            row[0].variant,
            row.len(),
            row[0].allowed
        ));
    }
    let wrong: Vec<&VariantCheck> = report.variants.iter().filter(|check| !check.ok).collect();
    if wrong.is_empty() {
        print_out(&format!(
            "{} computes correctly: {} of {} checks passed",
            report.adapter,
            report.variants.len(),
            report.variants.len()
        ));
        return;
    }
    for check in &wrong {
        print_out(&describe(check));
    }
    let advice = if is_gpu {
        "update its driver; until then use --device cpu, or train on it: the wrong kernel variants are left out from \
         now on"
    } else {
        "this is a defect of the program or of the processor"
    };
    print_out(&format!(
        "{} computes incorrectly: {} of {} checks failed; {advice}",
        report.adapter,
        wrong.len(),
        report.variants.len()
    ));
}

fn describe(check: &VariantCheck) -> String {
    let VariantCheck { kernel, variant, shape, allowed, .. } = check;
    let name =
        [kernel.as_str(), variant, shape].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match (&check.problem, check.worst) {
        (Some(problem), _) => format!("{name}: {problem}"),
        (None, Some(worst)) => {
            format!("{name}: error {worst:.1e} relative to the largest value, allowed {allowed:.0e}")
        }
        (None, None) => format!("{name}: NaN or infinite, where the reference is not"),
    }
}
