//! Options that every command takes.

use clap::Args;

use super::error::CliError;
use crate::device::DeviceChoice;
use crate::device::gpu::{self, Backend};
use crate::graph::GraphError;
use crate::monitor::WorkerOptions;
use crate::train::TrainError;

/// Options that work wherever they make sense.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Where to compute: auto, gpu (software adapters too), gpu:N or cpu.
    #[arg(long, global = true, default_value = "auto", value_name = "DEVICE")]
    pub device: String,

    /// Graphics interface of GPUs: vulkan, metal, dx12 or auto [default: auto, or HOURGLASS_BACKEND].
    #[arg(long, global = true, value_name = "BACKEND")]
    pub backend: Option<String>,

    /// Seed of everything random [default: 1, or the spec's].
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,

    /// Exactly one JSON object on standard output.
    #[arg(long, global = true)]
    pub json: bool,

    /// Say nothing but results and errors.
    #[arg(long, global = true)]
    pub quiet: bool,

    /// CPU threads [default: all].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl Common {
    pub fn device_choice(&self) -> Result<DeviceChoice, CliError> {
        Ok(self.device.parse::<DeviceChoice>().map_err(GraphError::from).map_err(TrainError::from)?)
    }

    /// Chooses the backend for the whole process: by the option, else by the environment.
    pub fn choose_backend(&self) -> Result<(), CliError> {
        let backend = match self.backend.as_deref() {
            None => {
                // Nothing is chosen: the window may remember one.
                if let Some(backend) = Backend::from_environment()? {
                    gpu::use_backend(Some(backend));
                }
                return Ok(());
            }
            Some("auto") => None,
            Some(name) => Some(name.parse()?),
        };
        gpu::use_backend(backend);
        Ok(())
    }

    pub fn threads(&self) -> Option<usize> {
        self.threads.map(usize::from)
    }
}

/// Opens the window with a run and gives the exit code; an error, in words, where there can be no window.
pub type OpenWindow = fn(WorkerOptions) -> Result<u8, String>;
