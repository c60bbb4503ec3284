//! The binary: the command line, which opens the window where there is one.

use std::process::ExitCode;

use hourglass::monitor::WorkerOptions;

fn main() -> ExitCode {
    ExitCode::from(hourglass::cli::run(std::env::args_os(), open_window))
}

#[cfg(feature = "window")]
fn open_window(run: WorkerOptions) -> Result<u8, String> {
    hourglass::app::availability().map_err(|error| error.to_string())?;
    match hourglass::app::open(run) {
        Ok(()) => Ok(0),
        Err(unavailable @ hourglass::app::WindowError::Unavailable(_)) => Err(unavailable.to_string()),
        Err(error) => {
            eprintln!("error: {error}");
            Ok(1)
        }
    }
}

#[cfg(not(feature = "window"))]
fn open_window(_: WorkerOptions) -> Result<u8, String> {
    Err("this build has no window".to_owned())
}
