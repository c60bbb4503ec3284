//! One test binary, in modules by what they prove, cheapest first: each further binary would link wgpu and egui again.
#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "suite/command_line.rs"]
mod command_line;
#[path = "suite/compatibility.rs"]
mod compatibility;
#[path = "suite/compress.rs"]
mod compress;
#[path = "suite/corruptions.rs"]
mod corruptions;
#[path = "suite/data.rs"]
mod data;
#[path = "suite/denoise.rs"]
mod denoise;
#[path = "suite/detect.rs"]
mod detect;
#[path = "suite/engine.rs"]
mod engine;
#[path = "suite/generate.rs"]
mod generate;
#[path = "suite/gradients.rs"]
mod gradients;
#[path = "suite/inference.rs"]
mod inference;
#[path = "suite/kernels.rs"]
mod kernels;
#[path = "suite/layering.rs"]
mod layering;
#[path = "suite/metrics.rs"]
mod metrics;
#[path = "suite/ops.rs"]
mod ops;
#[path = "suite/plan.rs"]
mod plan;
#[path = "suite/plot.rs"]
mod plot;
#[path = "suite/randomness.rs"]
mod randomness;
#[path = "suite/readers.rs"]
mod readers;
#[cfg(feature = "window")]
#[path = "suite/real_window.rs"]
mod real_window;
#[path = "suite/report.rs"]
mod report;
#[path = "suite/runs.rs"]
mod runs;
#[path = "suite/selftest.rs"]
mod selftest;
#[path = "suite/shader_translation.rs"]
mod shader_translation;
#[path = "suite/shaders.rs"]
mod shaders;
#[path = "suite/specs.rs"]
mod specs;
#[path = "suite/speed.rs"]
mod speed;
#[path = "suite/spelling.rs"]
mod spelling;
#[path = "suite/style.rs"]
mod style;
#[path = "suite/support.rs"]
mod support;
#[path = "suite/traces.rs"]
mod traces;
#[path = "suite/training.rs"]
mod training;
#[cfg(feature = "window")]
#[path = "suite/window.rs"]
mod window;
#[cfg(feature = "window")]
#[path = "suite/window_changes.rs"]
mod window_changes;
#[cfg(feature = "window")]
#[path = "suite/window_denoise.rs"]
mod window_denoise;
#[cfg(feature = "window")]
#[path = "suite/window_detect.rs"]
mod window_detect;
#[cfg(feature = "window")]
#[path = "suite/window_explore.rs"]
mod window_explore;
#[cfg(feature = "window")]
#[path = "suite/window_report.rs"]
mod window_report;
#[cfg(feature = "window")]
#[path = "suite/window_runs.rs"]
mod window_runs;
#[cfg(feature = "window")]
#[path = "suite/window_shell.rs"]
mod window_shell;
#[cfg(feature = "window")]
#[path = "suite/window_train.rs"]
mod window_train;
#[cfg(all(feature = "window", target_os = "linux"))]
#[path = "suite/xdnd.rs"]
mod xdnd;
