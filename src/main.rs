//! The `werf` program: the embedded builder's helpers are this binary too; else run the command and map the result to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    werf::build::buildkit::embedded::reexec(std::env::args_os()).unwrap_or_else(|| ExitCode::from(werf::cli::main(std::env::args_os())))
}
