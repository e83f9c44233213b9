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
