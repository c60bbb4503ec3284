//! Options of every command.

use clap::Args;

use super::error::CliError;
use crate::device::DeviceChoice;
use crate::device::gpu::{self, Backend};
use crate::graph::GraphError;
use crate::monitor::WorkerOptions;
use crate::train::TrainError;

/// Options that every command accepts.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Compute device: auto, gpu (software adapters included), gpu:N or cpu.
    #[arg(long, global = true, default_value = "auto", value_name = "DEVICE")]
    pub device: String,

    /// Graphics API of the GPU: vulkan, metal, dx12 or auto [default: auto, or HOURGLASS_BACKEND].
    #[arg(long, global = true, value_name = "BACKEND")]
    pub backend: Option<String>,

    /// Random seed [default: 1, or the spec's].
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,

    /// Print exactly one JSON object on standard output.
    #[arg(long, global = true)]
    pub json: bool,

    /// Print only results and errors.
    #[arg(long, global = true)]
    pub quiet: bool,

    /// Also print each stage of the work and the time it took, on standard error, instead of progress bars.
    #[arg(long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Number of CPU threads [default: all].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// The command at hand, in whose options errors and notes are worded.
    #[arg(skip)]
    pub command: clap::Command,
}

impl Common {
    pub fn device_choice(&self) -> Result<DeviceChoice, CliError> {
        Ok(self.device.parse::<DeviceChoice>().map_err(GraphError::from).map_err(TrainError::from)?)
    }

    /// Sets the backend of the whole process: from the option, else from the environment.
    pub fn choose_backend(&self) -> Result<(), CliError> {
        let backend = match self.backend.as_deref() {
            None => {
                // Left unset without a choice, so that the window can use the one in its settings.
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

    /// Returns whether progress bars are drawn: they would tear the lines of stages.
    pub fn has_bars(&self) -> bool {
        !self.quiet && !self.verbose
    }

    /// Prints the spans of the library as they end, where `verbose`.
    pub fn show_stages(&self) {
        use tracing_subscriber::filter::{LevelFilter, Targets};
        use tracing_subscriber::fmt::format::FmtSpan;
        use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
        use tracing_subscriber::util::SubscriberInitExt as _;
        if self.verbose {
            let lines = tracing_subscriber::fmt::layer()
                .with_span_events(FmtSpan::CLOSE)
                .with_writer(std::io::stderr)
                .with_target(false)
                .with_timer(tracing_subscriber::fmt::time::uptime())
                .compact()
                .with_filter(Targets::new().with_target("hourglass", LevelFilter::DEBUG));
            // A program that has set up its own log keeps it.
            let _ = tracing_subscriber::registry().with(lines).try_init();
        }
    }

    pub fn threads(&self) -> Option<usize> {
        self.threads.map(usize::from)
    }
}

/// Function that opens the window with a run and returns the exit code, or the reason why no window can open.
pub type OpenWindow = fn(WorkerOptions) -> Result<u8, String>;
