//! `werf cleanup`.

use std::path::PathBuf;

use super::args::{KubeArgs, LogArgs, PlatformArgs, ProjectArgs, RepoArgs, seconds, whole};
use super::env;
use crate::ops;

/// Arguments of `werf cleanup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Delete nothing; print each image with its reason
    #[arg(long, env = "WERF_DRY_RUN")]
    dry_run: bool,
    /// Do not look at the cluster: images that only it uses will go
    #[arg(long, env = "WERF_WITHOUT_KUBE")]
    without_kube: bool,
    /// Keep images built in the last N hours; from werf.yaml, else 2
    #[arg(long, env = "WERF_KEEP_STAGES_BUILT_WITHIN_LAST_N_HOURS", value_name = "N", value_parser = whole::<u64>)]
    keep_stages_built_within_last_n_hours: Option<u64>,
    /// File with tags or references to keep, one a line
    #[arg(long, env = "WERF_KEEP_LIST", value_name = "FILE")]
    keep_list: Option<PathBuf>,
    /// Namespace whose workloads count as use (may be given many times); all by default
    #[arg(long, env = "WERF_KUBE_SCAN_NAMESPACES", value_name = "NAMESPACE")]
    kube_scan_namespaces: Vec<String>,
    /// Only workloads in the namespace of the kubeconfig's context count as use
    #[arg(long, env = "WERF_SCAN_CONTEXT_NAMESPACE_ONLY")]
    scan_context_namespace_only: bool,
    /// Only the cluster of this context of the kubeconfig is asked, not those of all contexts
    #[arg(long, env = "WERF_SCAN_CONTEXT_ONLY", value_name = "CONTEXT")]
    scan_context_only: Option<String>,
    /// Give up after this many seconds; unlimited by default
    #[arg(long, short = 't', env = "WERF_CLEANUP_TIMEOUT", value_name = "SECONDS", value_parser = whole::<u64>)]
    timeout: Option<u64>,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    repo: RepoArgs,
    #[command(flatten)]
    platform: PlatformArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let limit = seconds(args.timeout);
    let mut kube = args.kube.options();
    kube.context = args.scan_context_only.filter(|context| !context.is_empty()).or(kube.context);
    let options = ops::cleanup::Options {
        dry_run: args.dry_run,
        without_kube: args.without_kube,
        keep_hours: args.keep_stages_built_within_last_n_hours,
        keep_list: args.keep_list,
        namespaces: env::list("KUBE_SCAN_NAMESPACES", args.kube_scan_namespaces),
        context_namespace_only: args.scan_context_namespace_only,
        project: args.project.options(),
        registry: args.repo.options(),
        platform: args.platform.platform(),
        kube,
    };
    super::run::run_within(limit, look, |run| ops::cleanup::run(options, run), |text| super::printed(&text))
}
