//! `werf dismiss`.

use std::path::PathBuf;

use super::args::{DEPLOY_REPORT, DeployArgs, KubeArgs, LogArgs, ProjectArgs, ReleaseArgs, json_path};
use crate::ops;

/// Arguments of `werf dismiss`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Delete the namespace too
    #[arg(long, env = "WERF_WITH_NAMESPACE")]
    with_namespace: bool,
    /// Delete the objects of hooks too
    #[arg(long, env = "WERF_WITH_HOOKS", value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set, value_parser = super::go_bool, hide_possible_values = true)]
    with_hooks: bool,
    /// Take release and namespace from the report of a deployment; the project is not needed then
    #[arg(long, env = "WERF_USE_DEPLOY_REPORT")]
    use_deploy_report: bool,
    /// Where the report of a deployment is, a .json file
    #[arg(long, env = "WERF_DEPLOY_REPORT_PATH", value_name = "FILE", default_value = DEPLOY_REPORT, value_parser = json_path)]
    deploy_report_path: PathBuf,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    deploy: DeployArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = ops::dismiss::Options {
        with_namespace: args.with_namespace,
        with_hooks: args.with_hooks,
        project: args.project.options(),
        release: args.release.options(),
        kube: args.kube.options(),
        deploy: args.deploy.options(),
        report: args.use_deploy_report.then_some(args.deploy_report_path),
    };
    super::run::run(look, |run| ops::dismiss::run(options, run), |()| 0)
}
