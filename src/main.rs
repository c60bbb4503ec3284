//! The binary: the command line, which opens the window where there is one.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(hourglass::cli::run(std::env::args_os()))
}
