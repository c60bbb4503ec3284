//! Hourglass trains autoencoders on any GPU through hand-written WGSL compute shaders, or on the CPU through native
//! twins of the same kernels, and puts the trained model to work. ARCHITECTURE.md shows the rooms.

#[cfg(feature = "window")]
pub mod app;
pub mod cli;
pub mod data;
pub mod device;
mod files;
pub mod graph;
pub mod interop;
pub mod kernels;
pub mod metrics;
pub mod model;
pub mod nn;
pub mod style;
pub mod tasks;
pub mod tensor;
pub mod train;
