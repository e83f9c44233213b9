//! Groups of flags of the commands about secrets.

use std::path::PathBuf;

use clap::Args;

use crate::cli::env;
use crate::ops::secret::KeyOptions;

/// Where the key is looked for. The key itself is only in `WERF_SECRET_KEY` or a file: arguments are visible to others.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// Project directory, which may have the key in .werf_secret_key; the current directory by default
    #[arg(long, env = "WERF_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Directory that may have the user's global_secret_key; ~/.werf by default
    #[arg(long, env = "WERF_HOME", value_name = "DIR")]
    home_dir: Option<PathBuf>,
    /// Directory for a text that is edited; a place in memory where the system has one by default
    #[arg(long, env = "WERF_TMP_DIR", value_name = "DIR")]
    tmp_dir: Option<PathBuf>,
    #[command(flatten)]
    _without_effect: WithoutEffect,
    #[command(flatten)]
    _inherited: InheritedArgs,
}

impl KeyArgs {
    /// As operations take it.
    pub fn options(self) -> KeyOptions {
        KeyOptions {
            given: env::text("WERF_SECRET_KEY"),
            dir: Some(self.dir.unwrap_or_default()),
            home: self.home_dir.or_else(env::werf_home),
        }
    }

    /// Where a decrypted text may be for a while.
    pub fn temporary(&self) -> PathBuf {
        self.tmp_dir.clone().unwrap_or_else(env::private_dir)
    }
}

/// Flags of werf 2 about commits: secrets are files of the disk.
#[derive(Debug, Args)]
struct WithoutEffect {
    /// No effect: files are those of the disk
    #[arg(long, hide = true)]
    dev: bool,
    /// No effect: files are those of the disk
    #[arg(long, hide = true)]
    dev_branch: Option<String>,
    /// No effect: files are those of the disk
    #[arg(long, hide = true)]
    dev_ignore: Vec<String>,
    /// No effect: files are those of the disk
    #[arg(long, hide = true)]
    loose_giterminism: bool,
}

/// Flags that all commands of werf 2's `helm` have, and that have nothing to do here.
#[derive(Debug, Args)]
pub struct InheritedArgs {
    /// No effect: no cluster is asked
    #[arg(long, hide = true)]
    kube_config: Option<String>,
    /// No effect: no cluster is asked
    #[arg(long, hide = true)]
    kube_config_base64: Option<String>,
    /// No effect: no cluster is asked
    #[arg(long, hide = true)]
    kube_context: Option<String>,
    /// No effect: no cluster is asked
    #[arg(long, short = 'n', hide = true)]
    namespace: Option<String>,
    /// No effect: no cluster is asked
    #[arg(long, hide = true, allow_hyphen_values = true)]
    status_progress_period: Option<String>,
    /// No effect: no cluster is asked
    #[arg(long, hide = true, allow_hyphen_values = true)]
    hooks_status_progress_period: Option<String>,
}
