//! One test binary, in modules by what they prove, cheapest first: each further binary would link wgpu and egui again.
#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod command_line;
mod compatibility;
mod compress;
mod corruptions;
mod data;
mod denoise;
mod detect;
mod detect_near;
mod detect_series;
mod dialects;
mod engine;
mod examples;
mod generate;
mod gradients;
mod inference;
mod kernels;
mod layering;
mod metrics;
mod no_data;
mod ops;
mod own_data;
mod parameters;
mod picture_files;
mod plan;
mod plot;
mod prose;
mod randomness;
mod readers;
#[cfg(feature = "window")]
mod real_window;
mod report;
mod runs;
mod selftest;
mod shader_translation;
mod shaders;
mod specs;
mod speed;
mod spelling;
mod style;
mod support;
mod table_rules;
mod traces;
mod training;
#[cfg(feature = "window")]
mod window;
#[cfg(feature = "window")]
mod window_changes;
#[cfg(feature = "window")]
mod window_data;
#[cfg(feature = "window")]
mod window_denoise;
#[cfg(feature = "window")]
mod window_detect;
#[cfg(feature = "window")]
mod window_explore;
#[cfg(feature = "window")]
mod window_report;
#[cfg(feature = "window")]
mod window_runs;
#[cfg(feature = "window")]
mod window_shell;
#[cfg(feature = "window")]
mod window_train;
#[cfg(all(feature = "window", target_os = "linux"))]
mod xdnd;
