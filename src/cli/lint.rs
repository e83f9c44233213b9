//! `werf lint`.

use super::args::{KubeArgs, LogArgs, MetadataArgs, PlatformArgs, ProjectArgs, ReleaseArgs, RepoArgs, ValidateArgs, ValuesArgs};
use crate::ops;

/// Arguments of `werf lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Warnings fail too
    #[arg(long, env = "WERF_STRICT")]
    strict: bool,
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
    repo: RepoArgs,
    #[command(flatten)]
    platform: PlatformArgs,
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
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let render = ops::render::Options {
        output: None,
        show_only: Vec::new(),
        include_crds: false,
        debug: false,
        stub_tags: args.stub_tags,
        kube_version: args.kube_version,
        api_versions: args.extra_apiversions,
        project: args.project.options(),
        registry: args.repo.options(),
        platform: args.platform.platform(),
        values: args.values.options(),
        release: args.release.options(),
        metadata: args.metadata.options(),
        validate: args.validate.options(),
        kube: args.kube.options(),
    };
    let options = ops::lint::Options { strict: args.strict, render };
    super::run::run(look, |run| ops::lint::run(options, run), |text| super::printed(&text))
}
