//! `werf build`.

use super::args::{AddCustomTagArgs, BuildArgs, BuildReportArgs, LogArgs, ProjectArgs, ReposArgs, SaveBuildReportArgs, seconds, whole};
use super::follow::FollowArgs;
use crate::ops;

/// Arguments of `werf build`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images to build; all by default
    images: Vec<String>,
    /// Build nothing: name the inputs of each image that changed since its last published commit
    #[arg(long, env = "WERF_EXPLAIN", help_heading = "Build")]
    explain: bool,
    /// Give up after this many seconds; unlimited by default
    #[arg(long, short = 't', env = "WERF_BUILD_TIMEOUT", value_name = "SECONDS", value_parser = whole::<u64>, help_heading = "Build")]
    timeout: Option<u64>,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    repo: ReposArgs,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    add_tags: AddCustomTagArgs,
    #[command(flatten)]
    save: SaveBuildReportArgs,
    #[command(flatten)]
    report: BuildReportArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let limit = seconds(args.timeout);
    let options = ops::build::Options {
        images: args.images,
        project: args.project.options(),
        registry: args.repo.options(),
        build: ops::BuildOptions {
            report: args.save.save_build_report.then_some(args.report.build_report_path),
            add_custom_tags: args.add_tags.tags(),
            ..args.build.options()
        },
    };
    if args.explain {
        return super::run::run_within(limit, look, |run| ops::build::explain(options, run), |text| super::printed(&text));
    }
    args.follow
        .run(&look, &options.project, || super::run::run_within(limit, look.clone(), |run| ops::build::run(options.clone(), run), |()| 0))
}
