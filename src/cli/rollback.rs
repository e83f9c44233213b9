//! `werf rollback`.

use std::path::PathBuf;

use super::args::{
    DeployArgs, KubeArgs, LogArgs, MetadataArgs, ProjectArgs, PropagationArgs, ReleaseArgs, RollbackGraphArgs, RuntimeArgs, json_path,
    whole,
};
use crate::ops;

/// Arguments of `werf rollback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Revision to go back to; by default the one that was deployed well before the newest
    #[arg(long, env = "WERF_REVISION", value_name = "N", value_parser = whole::<u32>)]
    revision: Option<u32>,
    /// Write what was changed to a report
    #[arg(long, env = "WERF_SAVE_ROLLBACK_REPORT", help_heading = "Deploy")]
    save_rollback_report: bool,
    /// Where the report of --save-rollback-report is, a .json file
    #[arg(long, env = "WERF_ROLLBACK_REPORT_PATH", value_name = "FILE", default_value = ".werf-rollback-report.json", value_parser = json_path, help_heading = "Deploy")]
    rollback_report_path: PathBuf,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    deploy: DeployArgs,
    #[command(flatten)]
    graph: RollbackGraphArgs,
    #[command(flatten)]
    propagation: PropagationArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = ops::rollback::Options {
        revision: args.revision.filter(|&revision| revision > 0),
        project: args.project.options(),
        release: args.release.options(),
        kube: args.kube.options(),
        deploy: args.propagation.added(args.deploy.options()),
        metadata: args.runtime.added(args.metadata.options()),
        graphs: ops::GraphOptions { deploy: None, rollback: args.graph.rollback_graph_path },
        report: args.save_rollback_report.then_some(args.rollback_report_path),
    };
    super::run::run(look, |run| ops::rollback::run(options, run), |notes| super::told(&notes.unwrap_or_default()))
}
