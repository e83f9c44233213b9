//! `werf helm lint`, with Helm's own arguments and flags.

use std::path::PathBuf;

use super::args::{FilesArgs, ValuesArgs};
use super::told;
use crate::cli::args::{LogArgs, helm_version};
use crate::cli::env;
use crate::ops;
use crate::ops::helm::lint;

/// Arguments of `werf helm lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Charts: directories or .tgz archives; the working directory by default with --helm-compat 3
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Warnings fail too
    #[arg(long)]
    strict: bool,
    /// Only warnings and errors
    #[arg(long)]
    quiet: bool,
    /// Look at the charts below charts/ as well
    #[arg(long)]
    with_subcharts: bool,
    /// Namespace of the release; that of the kubeconfig's context by default
    #[arg(long, short = 'n', env = "HELM_NAMESPACE", value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// kubeconfig file, for the namespace
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, for the namespace
    #[arg(long, env = "HELM_KUBECONTEXT", value_name = "CONTEXT")]
    kube_context: Option<String>,
    #[command(flatten)]
    values: ValuesArgs,
    /// Kubernetes version for .Capabilities and for deprecated APIs, such as 1.33
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// Do not hold the values against values.schema.json
    #[arg(long)]
    skip_schema_validation: bool,
    /// Whose ways are followed: those of Helm 3 or 4
    #[arg(long, env = "WERF_HELM_COMPAT", value_name = "3|4", default_value_t = 3, value_parser = helm_version)]
    helm_compat: u8,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = lint::Options {
        paths: args.paths,
        strict: args.strict,
        quiet: args.quiet,
        with_subcharts: args.with_subcharts,
        namespace: args.namespace,
        kube: ops::KubeOptions {
            kubeconfig: args.kubeconfig,
            context: args.kube_context,
            home: env::home(),
            ..ops::KubeOptions::default()
        },
        reach: args.files.reach(),
        values: args.values.options(),
        kube_version: args.kube_version.filter(|version| !version.is_empty()),
        skip_schema: args.skip_schema_validation,
        helm_4: args.helm_compat == 4,
    };
    told(look, |_| lint::run(options))
}
