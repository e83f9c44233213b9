//! `werf render`.

use std::path::PathBuf;

use super::args::{
    BuildArgs, DependencyArgs, KubeArgs, LogArgs, MetadataArgs, ProjectArgs, ReleaseArgs, ReposArgs, SaveBuildReportArgs,
    UseBuildReportArgs, UseCustomTagArgs, ValidateArgs, ValuesArgs, WithoutImagesArgs,
};
use crate::ops;

/// Arguments of `werf render`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images that must be published, or globs (!glob leaves out); all by default
    images: Vec<String>,
    /// File to write to; standard output by default
    #[arg(long, env = "WERF_RENDER_OUTPUT", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only the manifests of these templates (may be given many times)
    #[arg(long, short = 's', env = "WERF_SHOW_ONLY", value_name = "TEMPLATE")]
    show_only: Vec<String>,
    /// Also the CRDs of the chart's crds directory
    #[arg(long, env = "WERF_INCLUDE_CRDS")]
    include_crds: bool,
    /// Where rendering fails, print what was rendered up to there, and below the error what Helm says of it
    #[arg(long, env = "WERF_DEBUG")]
    debug: bool,
    #[command(flatten)]
    save: SaveBuildReportArgs,
    #[command(flatten)]
    scene: SceneArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What a chart of a project is rendered for.
#[derive(Debug, clap::Args)]
pub struct SceneArgs {
    /// Kubernetes version for .Capabilities, such as 1.33
    #[arg(long, env = "WERF_KUBE_VERSION", value_name = "VERSION")]
    kube_version: Option<String>,
    /// API versions that .Capabilities has beside the built-in ones (may be given many times)
    #[arg(long, env = "WERF_EXTRA_APIVERSIONS", value_name = "API")]
    extra_apiversions: Vec<String>,
    /// Stand-ins for the references of images, even if a repository is given
    #[arg(long, env = "WERF_STUB_TAGS")]
    stub_tags: bool,
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
    use_tag: UseCustomTagArgs,
    #[command(flatten)]
    values: ValuesArgs,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    validate: ValidateArgs,
    #[command(flatten)]
    kube: KubeArgs,
}

impl SceneArgs {
    /// As operations take it; all that is rendered is wanted.
    pub fn options(self) -> ops::render::Options {
        ops::render::Options {
            output: None,
            show_only: Vec::new(),
            include_crds: false,
            debug: false,
            stub_tags: self.stub_tags,
            kube_version: self.kube_version,
            api_versions: self.extra_apiversions,
            project: self.dependencies.of(self.without.of(self.project)),
            registry: self.repo.options(),
            images: Vec::new(),
            build: ops::BuildOptions { use_custom_tag: self.use_tag.tag(), used_report: self.build_report.used(), ..self.build.options() },
            values: self.values.options(),
            release: self.release.options(),
            metadata: self.metadata.options(),
            validate: self.validate.options(),
            kube: self.kube.options(),
        }
    }
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let report = args.save.save_build_report.then(|| args.scene.build_report.path().to_owned());
    let mut options = ops::render::Options {
        images: args.images,
        output: args.output,
        show_only: args.show_only,
        include_crds: args.include_crds,
        debug: args.debug,
        ..args.scene.options()
    };
    options.build.report = report;
    super::run::run(look, |run| ops::render::run(options, run), |text| super::printed(&text))
}
