//! `werf completion`.

use clap_complete::Shell;

use crate::ui;

/// Arguments of `werf completion`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shell to write for, as --shell has it
    #[arg(value_name = "SHELL")]
    of: Option<Shell>,
    /// Shell to write for
    #[arg(long, env = "WERF_SHELL", value_name = "SHELL", default_value = "bash", conflicts_with = "of")]
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args, command: &mut clap::Command) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.of.unwrap_or(args.shell), command, "werf", &mut script);
    ui::data(&String::from_utf8_lossy(&script));
    0
}
