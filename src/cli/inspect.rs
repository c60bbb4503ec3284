//! `hourglass devices`, `presets`, `reconstruct`, `report`, `verify` and `bench`.

use std::path::Path;

use serde_json::json;

use super::common::Common;
use super::error::CliError;
use super::inputs::refuse_overwriting;
use super::output::{print_json, print_out, say_notes};
use crate::device::{Device, gpu};
use crate::platform::Wait as _;
use crate::train::{Agreement, RunDir, TrainError};
use crate::{bench, model, report, style, tasks, train};

pub(super) fn devices(common: &Common) -> Result<u8, CliError> {
    let adapters = gpu::adapters();
    let threads = crate::platform::hardware_threads();
    let auto = adapters.iter().position(|adapter| !adapter.software);
    if common.json {
        let mut list: Vec<_> = adapters
            .iter()
            .enumerate()
            .map(|(index, info)| {
                json!({
                    "name": format!("gpu:{index}"), "device": info.device, "backend": info.backend, "adapter": info.adapter,
                    "software": info.software, "driver": info.driver, "auto": auto == Some(index),
                    "wrong_variants": info.wrong_variants.iter().map(ToString::to_string).collect::<Vec<_>>(),
                })
            })
            .collect();
        list.push(json!({
            "name": "cpu", "device": "cpu", "backend": "cpu", "adapter": format!("{threads} threads, native"),
            "software": false, "driver": "", "auto": auto.is_none(),
        }));
        print_json(&json!({ "devices": list }))?;
        return Ok(0);
    }
    for (index, info) in adapters.iter().enumerate() {
        let note = match (auto == Some(index), info.software) {
            (true, _) => "  chosen by auto",
            (_, true) => "  software, slower than cpu",
            _ => "",
        };
        print_out(&format!("gpu:{index}  {} ({}, {}){note}", info.adapter, info.backend, info.driver));
        info.notes().iter().for_each(|note| print_out(&format!("       {note}")));
    }
    let note = if auto.is_none() { "  chosen by auto: no real GPU found" } else { "" };
    print_out(&format!("cpu    {threads} threads, native{note}"));
    Ok(0)
}

pub(super) fn presets(common: &Common) -> Result<u8, CliError> {
    let presets = model::presets()?;
    if common.json {
        let list: Vec<_> = presets
            .iter()
            .map(|preset| json!({ "name": preset.name, "summary": preset.summary, "spec": preset.spec }))
            .collect();
        print_json(&json!({ "presets": list }))?;
        return Ok(0);
    }
    let width = presets.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
    for preset in presets {
        print_out(&format!("{:width$}  {}", preset.name, preset.summary));
    }
    Ok(0)
}

pub(super) fn reconstruct(path: &Path, data: &str, output: &Path, common: &Common) -> Result<u8, CliError> {
    refuse_overwriting(output, [path, Path::new(data)])?;
    let device = Device::open(common.device_choice()?, common.threads())?;
    let made = tasks::reconstruct(path, data, output, &device)?;
    say_notes(&made.notes, common);
    if common.json {
        print_json(&made)?;
    } else {
        let files = if made.files == 1 { made.output } else { format!("{} files in {}", made.files, made.output) };
        print_out(&format!("{} rows, MSE {:.5}: {files}", style::grouped(made.rows as u64), made.mse));
    }
    Ok(0)
}

pub(super) fn report(run_dir: &Path, output: Option<&Path>, common: &Common) -> Result<u8, CliError> {
    // An existing report may be overwritten, no other file of the run.
    if let Some(output) = output.filter(|output| output.extension().is_none_or(|extension| extension != "html")) {
        refuse_overwriting(output, [run_dir])?;
    }
    let device = Device::open(common.device_choice()?, common.threads())?;
    let path = report::write_report(run_dir, output, &device)?;
    if common.json {
        print_json(&json!({ "run_dir": run_dir.display().to_string(), "report": path.display().to_string() }))?;
    } else {
        print_out(&format!("report   {}", path.display()));
    }
    Ok(0)
}

/// Repeats the first steps of a run; returns exit code 0 if the losses agree exactly or within tolerance, else 1.
pub(super) fn verify(run_dir: &Path, common: &Common) -> Result<u8, CliError> {
    let dir = RunDir::open(run_dir).map_err(TrainError::from)?;
    let device = Device::open(common.device_choice()?, common.threads())?;
    let verified = train::verify(&dir, device).wait()?;
    say_notes(&verified.notes, common);
    if common.json {
        print_json(&verified)?;
    } else {
        let what = match verified.result {
            Agreement::Exact => "exact: all losses agree bit for bit".to_owned(),
            Agreement::WithinTolerance => format!("within tolerance: losses differ by {:.1e} at most", verified.worst),
            Agreement::Different => format!("different: losses differ by up to {:.1e}", verified.worst),
        };
        print_out(&format!("{} steps on {}, {what}", verified.steps, verified.adapter));
        if verified.adapter != verified.recorded_adapter {
            print_out(&format!("recorded on {}", verified.recorded_adapter));
        }
    }
    Ok(u8::from(verified.result == Agreement::Different))
}

pub(super) fn bench(options: bench::BenchOptions, save: Option<&Path>, common: &Common) -> Result<u8, CliError> {
    let device = Device::open(common.device_choice()?, common.threads())?;
    let report = bench::bench(&device, &options, |what| {
        if !common.quiet {
            eprintln!("measuring {what}");
        }
    })?;
    if let Some(path) = save {
        let text = serde_json::to_vec_pretty(&bench::SavedBench::new(&report, &device));
        let text = text.map_err(|error| CliError::work(error.to_string()))?;
        model::write_whole(path, &text).map_err(TrainError::from)?;
    }
    if common.json {
        print_json(&report)?;
        return Ok(0);
    }
    print_out(&format!("{}", device.info()));
    if let Some(ceilings) = &report.ceilings {
        print_out(&format!(
            "ceilings: matmul {:.1} GFLOP/s, copy {:.1} GB/s, dispatch {:.2} us",
            ceilings.matmul_gflops, ceilings.copy_gbps, ceilings.dispatch_us
        ));
        print_kernels(&report.kernels);
    }
    if !report.training.is_empty() {
        print_training(&report.training);
    }
    if !report.growth.is_empty() {
        print_growth(&report.growth);
    }
    if !report.variants.is_empty() {
        print_variants(&report.variants);
    } else if options.variants {
        print_out("the CPU has one variant of each kernel");
    }
    Ok(0)
}

fn print_variants(variants: &[bench::VariantSpeed]) {
    print_out(&format!("{:<20}{:>28}  {:<10}{:>10}", "kernel", "shape", "variant", "ms"));
    for row in variants {
        let ms = row.ms.map_or_else(|| "wrong".to_owned(), |ms| format!("{ms:.4}"));
        let note = if row.chosen { "  chosen" } else { "" };
        print_out(&format!("{:<20}{:>28}  {:<10}{ms:>10}{note}", row.kernel, row.shape, row.variant));
    }
}

/// Prints the cost of a step by size. The slope is the change of log time over that of log FLOP since the row before:
/// 1 if time is proportional to arithmetic.
fn print_growth(growth: &[bench::Growth]) {
    print_out(&format!(
        "{:<8}{:>8}{:>12}{:>10}{:>12}{:>10}{:>8}",
        "axis", "value", "ms/step", "MB", "GFLOP", "GFLOP/s", "slope"
    ));
    let mut before: Option<&bench::Growth> = None;
    for row in growth {
        let slope = before.filter(|before| before.axis == row.axis && before.gflop < row.gflop);
        let slope = slope.map(|before| (row.ms / before.ms).ln() / (row.gflop / before.gflop).ln());
        print_out(&format!(
            "{:<8}{:>8}{:>12.3}{:>10.1}{:>12.3}{:>10.1}{:>8}",
            row.axis,
            row.value,
            row.ms,
            row.bytes as f64 / 1e6,
            row.gflop,
            1e3 * row.gflop / row.ms,
            slope.map_or(String::new(), |slope| format!("{slope:.2}"))
        ));
        before = Some(row);
    }
}

fn print_training(training: &[bench::TrainingSpeed]) {
    print_out(&format!(
        "{:<16}{:>6}{:>10}{:>12}{:>9}{:>11}{:>13}",
        "training", "batch", "steps/s", "dispatches", "MB", "record us", "first step s"
    ));
    for training in training {
        print_out(&format!(
            "{:<16}{:>6}{:>10.1}{:>12}{:>9.1}{:>11}{:>13.2}",
            training.model,
            training.batch,
            training.steps_per_second,
            training.dispatches,
            training.bytes as f64 / 1e6,
            training.record_us.map_or_else(|| "-".to_owned(), |us| format!("{us:.1}")),
            training.first_step_s
        ));
    }
}

fn print_kernels(kernels: &[bench::KernelSpeed]) {
    print_out(&format!(
        "{:<20}{:>28}{:>11}{:>10}{:>8}{:>12}",
        "kernel", "shape", "ms", "GFLOP/s", "GB/s", "of ceiling"
    ));
    for kernel in kernels {
        print_out(&format!(
            "{:<20}{:>28}{:>11.4}{:>10.1}{:>8.1}{:>11.0}%",
            kernel.name,
            kernel.shape,
            kernel.ms,
            kernel.gflops,
            kernel.gbps,
            kernel.fraction * 100.0
        ));
    }
}
