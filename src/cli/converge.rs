//! `werf converge`.

use std::path::PathBuf;

use super::args::{
    AddCustomTagArgs, BuildArgs, DEPLOY_REPORT, DependencyArgs, DeployArgs, DeployGraphArgs, KubeArgs, LogArgs, MetadataArgs, ProjectArgs,
    PropagationArgs, ReleaseArgs, ReposArgs, RollbackGraphArgs, RuntimeArgs, SaveBuildReportArgs, UseBuildReportArgs, UseCustomTagArgs,
    ValidateArgs, ValuesArgs, WithoutImagesArgs, json_path,
};
use super::follow::FollowArgs;
use crate::ops;

/// Arguments of `werf converge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images to build; all final ones by default
    images: Vec<String>,
    /// Write what was changed to a report
    #[arg(long, env = "WERF_SAVE_DEPLOY_REPORT", help_heading = "Deploy")]
    save_deploy_report: bool,
    /// Where the report of a deployment is, a .json file
    #[arg(long, env = "WERF_DEPLOY_REPORT_PATH", value_name = "FILE", default_value = DEPLOY_REPORT, value_parser = json_path, help_heading = "Deploy")]
    deploy_report_path: PathBuf,
    /// Do not make the namespace of the release: it must be there
    #[arg(long, env = "WERF_NO_CREATE_NAMESPACE", help_heading = "Deploy")]
    no_create_namespace: bool,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    save: SaveBuildReportArgs,
    #[command(flatten)]
    rollback_graph: RollbackGraphArgs,
    #[command(flatten)]
    deployment: DeploymentArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What is deployed, from where, and how.
#[derive(Debug, clap::Args)]
pub struct DeploymentArgs {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    repo: ReposArgs,
    #[command(flatten)]
    dependencies: DependencyArgs,
    #[command(flatten)]
    without: WithoutImagesArgs,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    build_report: UseBuildReportArgs,
    #[command(flatten)]
    add_tags: AddCustomTagArgs,
    #[command(flatten)]
    use_tag: UseCustomTagArgs,
    #[command(flatten)]
    values: ValuesArgs,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    deploy: DeployArgs,
    #[command(flatten)]
    propagation: PropagationArgs,
    #[command(flatten)]
    graph: DeployGraphArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    validate: ValidateArgs,
}

impl DeploymentArgs {
    /// As operations take it.
    pub fn options(self, images: Vec<String>) -> ops::converge::Options {
        let tags = (self.add_tags.tags(), self.use_tag.tag());
        ops::converge::Options {
            images,
            project: self.dependencies.of(self.without.of(self.project)),
            registry: self.repo.options(),
            build: ops::BuildOptions {
                add_custom_tags: tags.0,
                use_custom_tag: tags.1,
                used_report: self.build_report.used(),
                ..self.build.options()
            },
            values: self.values.options(),
            release: self.release.options(),
            kube: self.kube.options(),
            deploy: self.propagation.added(self.deploy.options()),
            metadata: self.runtime.added(self.metadata.options()),
            validate: self.validate.options(),
            report: None,
            graphs: ops::GraphOptions { deploy: self.graph.deploy_graph_path, rollback: None },
            stub_tags: false,
        }
    }
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let report = args.save_deploy_report.then_some(args.deploy_report_path);
    let images_report = args.save.save_build_report.then(|| args.deployment.build_report.path().to_owned());
    let mut options = ops::converge::Options { report, ..args.deployment.options(args.images) };
    options.build.report = images_report;
    options.graphs.rollback = args.rollback_graph.rollback_graph_path;
    options.deploy.create_namespace = !args.no_create_namespace;
    args.follow.run(&look, &options.project, || {
        let converge = |run| ops::converge::run(options.clone(), run);
        super::run::run(look.clone(), converge, |notes| notes.map_or(0, |text| super::told(&text)))
    })
}
