//! Hourglass trains autoencoders on any GPU through hand-written WGSL compute shaders, or on the CPU through CPU
//! references of the same kernels, and puts the trained model to work.
//!
//! A [`Spec`] says what is trained, a [`DataSet`] on what, a [`Device`] where; a [`Session`] trains it. Reading results
//! back is awaited, and [`Wait`](platform::Wait) blocks a thread that has no event loop:
//!
//! ```
//! use hourglass::{DataSet, Device, DeviceChoice, Session, platform::Wait as _};
//!
//! let spec = hourglass::model::preset("undercomplete")?.spec.with_set(&["train.steps=20".to_owned()])?;
//! let data = std::sync::Arc::new(DataSet::open(&spec.data, spec.train.validation_fraction, spec.train.seed)?);
//! let mut session = Session::new(spec, data, Device::open(DeviceChoice::Cpu, None)?)?;
//! while session.train(10).wait()? > 0 {}
//! let losses = session.take_losses(true).wait()?;
//! assert!(losses[19].1 < losses[0].1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`train::Run`] adds epochs, the best state and files; [`monitor::Worker`] trains on a thread and shows moments;
//! [`tasks`] puts models to work. `examples/` has a program for each; ARCHITECTURE.md shows the rooms.

#![deny(missing_docs)]

#[cfg(feature = "window")]
#[doc(hidden)]
pub mod app;
pub mod bench;
#[cfg(feature = "cli")]
#[doc(hidden)]
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

pub use self::data::DataSet;
pub use self::device::{Device, DeviceChoice};
pub use self::model::{Model, Spec};
pub use self::train::Session;

/// The library example of README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
