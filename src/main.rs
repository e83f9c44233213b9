//! The `werf` program.

use std::process::ExitCode;

use werf::build::buildkit::embedded;

fn main() -> ExitCode {
    // Before any thread: the embedded daemon's helpers are this binary too.
    if let Some(code) = embedded::reexec(std::env::args_os()) {
        return code;
    }
    ExitCode::SUCCESS
}
