//! `werf converge`.

use std::path::PathBuf;

use super::args::{
    AddCustomTagArgs, BuildArgs, BuildReportArgs, DEPLOY_REPORT, DeployArgs, KubeArgs, LogArgs, MetadataArgs, ProjectArgs, ReleaseArgs,
    ReposArgs, RuntimeArgs, UseCustomTagArgs, ValidateArgs, ValuesArgs, WithoutImagesArgs, json_path,
};
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
    build_report: BuildReportArgs,
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
    without: WithoutImagesArgs,
    #[command(flatten)]
    build: BuildArgs,
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
            project: self.without.of(self.project),
            registry: self.repo.options(),
            build: ops::BuildOptions { add_custom_tags: tags.0, use_custom_tag: tags.1, ..self.build.options() },
            values: self.values.options(),
            release: self.release.options(),
            kube: self.kube.options(),
            deploy: self.deploy.options(),
            metadata: self.runtime.added(self.metadata.options()),
            validate: self.validate.options(),
            report: None,
        }
    }
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let report = args.save_deploy_report.then_some(args.deploy_report_path);
    let mut options = ops::converge::Options { report, ..args.deployment.options(args.images) };
    options.build.report = args.build_report.path();
    options.deploy.create_namespace = !args.no_create_namespace;
    super::run::run(look, |run| ops::converge::run(options, run), |notes| notes.map_or(0, |text| super::told(&text)))
}
