//! Groups of flags that several of Helm's commands share.

use std::path::PathBuf;

use clap::Args;

use crate::cli::env;
use crate::ops::ChartOptions;
use crate::ops::helm::source::{ReachOptions, SourceOptions};
use crate::ops::helm::{HelmValues, Secret};

/// Helm's own files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Helm's files")]
pub struct FilesArgs {
    /// Credentials for registries; registry/config.json in Helm's configuration directory by default
    #[arg(long, value_name = "FILE")]
    registry_config: Option<PathBuf>,
    /// Directory with the indexes of repositories; repository in Helm's cache directory by default
    #[arg(long, value_name = "DIR")]
    repository_cache: Option<PathBuf>,
    /// The list of repositories; repositories.yaml in Helm's configuration directory by default
    #[arg(long, value_name = "FILE")]
    repository_config: Option<PathBuf>,
}

impl FilesArgs {
    /// As operations take it.
    pub fn options(self) -> ChartOptions {
        let files = env::helm_files();
        ChartOptions {
            registry_config: self.registry_config.unwrap_or(files.registry_config),
            repository_cache: self.repository_cache.unwrap_or(files.repository_cache),
            repository_config: self.repository_config.unwrap_or(files.repository_config),
            ..files
        }
    }

    /// The same for commands that reach nobody.
    pub fn reach(self) -> ReachOptions {
        ReachOptions { charts: self.options(), docker_config: env::docker_config(), ..ReachOptions::default() }
    }
}

/// Values for a chart.
#[derive(Debug, Args)]
pub struct ValuesArgs {
    /// Files or URLs of values (may be given many times, or separated by commas); - is standard input
    #[arg(long, short = 'f', value_name = "FILE", value_delimiter = ',')]
    values: Vec<String>,
    /// Set a value: key.path=value (may be given many times)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Set a value that stays a string: key.path=value
    #[arg(long, value_name = "KEY=VALUE")]
    set_string: Vec<String>,
    /// Set a value to the contents of a file: key.path=file
    #[arg(long, value_name = "KEY=FILE")]
    set_file: Vec<String>,
    /// Set a value from JSON: key.path=json
    #[arg(long, value_name = "KEY=JSON")]
    set_json: Vec<String>,
    /// Set a value to a string taken as it is: key.path=text
    #[arg(long, value_name = "KEY=TEXT")]
    set_literal: Vec<String>,
}

impl ValuesArgs {
    /// As operations take it.
    pub fn options(self) -> HelmValues {
        HelmValues {
            files: self.values,
            set: self.set,
            set_string: self.set_string,
            set_file: self.set_file,
            set_json: self.set_json,
            set_literal: self.set_literal,
            ..HelmValues::default()
        }
    }
}

/// How repositories and registries are reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Repositories")]
pub struct ReachArgs {
    /// User name for the repository
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Password for the repository
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Certificates of authorities instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Client certificate
    #[arg(long, value_name = "FILE")]
    cert_file: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Accept any TLS certificate of the repository
    #[arg(long)]
    insecure_skip_tls_verify: bool,
    /// Talk plain HTTP to registries
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    files: FilesArgs,
}

impl ReachArgs {
    /// As operations take it.
    pub fn options(self) -> ReachOptions {
        ReachOptions {
            username: self.username.filter(|name| !name.is_empty()),
            password: self.password.filter(|password| !password.is_empty()).map(Secret::new),
            ca_file: self.ca_file,
            cert_file: self.cert_file,
            key_file: self.key_file,
            skip_tls_verify: self.insecure_skip_tls_verify,
            plain_http: self.plain_http,
            pass_credentials: false,
            ..self.files.reach()
        }
    }
}

/// Which chart of a repository.
#[derive(Debug, Args)]
#[command(next_help_heading = "Repositories")]
pub struct SourceArgs {
    /// Version of the chart, or a range such as ^2.0.0; the newest release by default
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Prereleases count too; with --version it means nothing
    #[arg(long)]
    devel: bool,
    /// URL of the repository that has the chart
    #[arg(long, value_name = "URL")]
    repo: Option<String>,
    /// Show user name and password to all hosts that the repository leads to
    #[arg(long)]
    pass_credentials: bool,
    /// Take the chart only if it is signed by a key of the keyring
    #[arg(long)]
    verify: bool,
    /// File of public keys; pubring.gpg of GnuPG by default
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    #[command(flatten)]
    reach: ReachArgs,
}

impl SourceArgs {
    /// As operations take it.
    pub fn options(self) -> SourceOptions {
        SourceOptions {
            reach: ReachOptions { pass_credentials: self.pass_credentials, ..self.reach.options() },
            version: self.version.unwrap_or_default(),
            devel: self.devel,
            repo: self.repo.filter(|url| !url.is_empty()),
            keyring: self.verify.then(|| self.keyring.unwrap_or_else(env::keyring)),
        }
    }
}
