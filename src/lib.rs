//! Hourglass trains autoencoders on any GPU through hand-written WGSL compute shaders, or on the CPU through CPU
//! references of the same kernels, and puts the trained model to work. ARCHITECTURE.md shows the rooms.

#[cfg(feature = "window")]
pub mod app;
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod device;
pub mod error;
pub mod graph;
pub mod inference;
pub mod kernels;
pub mod math;
pub mod metrics;
pub mod model;
pub mod monitor;
pub mod nn;
pub mod platform;
pub mod plot;
pub mod random;
pub mod report;
pub mod selftest;
pub mod style;
pub mod tasks;
pub mod tensor;
pub mod train;
