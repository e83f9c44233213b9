//! `werf helm template`, with Helm's own arguments and flags.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, FromArgMatches};

use super::args::{SourceArgs, ValuesArgs};
use super::told;
use crate::cli::args::{LogArgs, helm_version};
use crate::cli::env;
use crate::ops;
use crate::ops::helm::plugin::PluginOptions;
use crate::ops::helm::post_renderer::PostRendererOptions;
use crate::ops::helm::template;

/// Arguments of `werf helm template`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "werf helm template [OPTIONS] [NAME] CHART")]
pub struct Args {
    /// Release name (may be left out), then the chart: a directory, a .tgz archive, REPOSITORY/CHART, oci://… or the URL of an archive
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required = true)]
    name_and_chart: Vec<String>,
    /// Accepted for Helm's sake: without a name the release is called release-name
    #[arg(long, short = 'g')]
    generate_name: bool,
    /// Template of the release's name
    #[arg(long, value_name = "TEMPLATE")]
    name_template: Option<String>,
    /// Namespace; that of the kubeconfig's context by default
    #[arg(long, short = 'n', env = "HELM_NAMESPACE", value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// kubeconfig file, for the namespace and --validate
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, for the namespace and --validate
    #[arg(long, env = "HELM_KUBECONTEXT", value_name = "CONTEXT")]
    kube_context: Option<String>,
    #[command(flatten)]
    values: ValuesArgs,
    /// Kubernetes version for .Capabilities, such as 1.33
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// API versions that .Capabilities has beside the built-in ones (may be given many times, or separated by commas)
    #[arg(long, short = 'a', value_name = "API", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// Also the CRDs of the chart's crds directory
    #[arg(long)]
    include_crds: bool,
    /// Leave test hooks out
    #[arg(long)]
    skip_tests: bool,
    /// Leave all hooks out
    #[arg(long)]
    no_hooks: bool,
    /// Only the manifests of these templates (may be given many times)
    #[arg(long, short = 's', value_name = "TEMPLATE")]
    show_only: Vec<String>,
    /// Set .Release.IsUpgrade instead of .Release.IsInstall
    #[arg(long)]
    is_upgrade: bool,
    /// Whose ways are followed: those of Helm 3 or 4
    #[arg(long, env = "WERF_HELM_COMPAT", value_name = "3|4", default_value_t = 3, value_parser = helm_version)]
    helm_compat: u8,
    /// The same input gives the same bytes: random values, keys, certificates and uuids of templates come from the names of the release,
    /// the namespace, the chart and the template's file, and the time is 2000-01-01 00:00:00 UTC. For reviews and tests: whoever knows the
    /// chart can work out such passwords and keys, so they are no secrets
    #[arg(long, env = "WERF_DETERMINISTIC")]
    deterministic: bool,
    /// Do not hold the values against values.schema.json
    #[arg(long)]
    skip_schema_validation: bool,
    /// Where rendering fails, print what was rendered up to there, and below the error what Helm says of it
    #[arg(long)]
    debug: bool,
    /// Hold all manifests against the cluster's schemas; .Capabilities are the cluster's
    #[arg(long)]
    validate: bool,
    /// Directory with OpenAPI documents, kubeconform's JSON schemas or CustomResourceDefinitions to hold manifests against (may be given many times)
    #[arg(long, value_name = "DIR")]
    validate_schemas: Vec<PathBuf>,
    /// A program that changes the manifests before they are printed: it reads them from its standard input and writes what they become.
    /// With Helm 4's ways the name of a plugin
    #[arg(long, value_name = "PROGRAM")]
    post_renderer: Option<String>,
    /// An argument of that program (may be given many times)
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    post_renderer_args: Vec<String>,
    /// server: `lookup` asks the cluster; with Helm 4's ways .Capabilities are the cluster's too
    #[arg(long, value_name = "client|server", num_args = 0..=1, require_equals = true, default_missing_value = "client", value_parser = dry_run)]
    dry_run: Option<String>,
    /// Let templates ask for the addresses of hosts (`getHostByName`)
    #[arg(long)]
    enable_dns: bool,
    /// Write the manifests into files below this directory
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Bring charts/ up to date first where a dependency is missing, as `dependency update` does
    #[arg(long)]
    dependency_update: bool,
    /// In the output directory, put them below a directory named for the release
    #[arg(long)]
    release_name: bool,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    without_effect: WithoutEffect,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let options = args.options();
    told(look, |run| template::run(options, run))
}

impl Args {
    fn options(mut self) -> template::Options {
        let chart = self.name_and_chart.pop().unwrap_or_default();
        template::Options {
            name: self.name_and_chart.pop(),
            name_template: self.name_template,
            chart,
            namespace: self.namespace,
            kube: ops::KubeOptions {
                kubeconfig: self.kubeconfig,
                context: self.kube_context,
                home: env::home(),
                ..ops::KubeOptions::default()
            },
            values: self.values.options(),
            kube_version: self.kube_version.filter(|version| !version.is_empty()),
            api_versions: self.api_versions,
            is_upgrade: self.is_upgrade,
            include_crds: self.include_crds,
            skip_tests: self.skip_tests,
            no_hooks: self.no_hooks,
            show_only: self.show_only,
            helm_4: self.helm_compat == 4,
            deterministic: self.deterministic,
            allow_dns: self.enable_dns,
            skip_schema: self.skip_schema_validation,
            debug: self.debug,
            validate: ops::ValidateOptions { cluster: self.validate, schemas: self.validate_schemas, cache_dir: env::cache_dir() },
            post_renderer: self.post_renderer.filter(|program| !program.is_empty()).map(|program| PostRendererOptions {
                program,
                arguments: self.post_renderer_args,
                path: env::path(),
                plugins: PluginOptions { dirs: env::helm_plugins(), variable: env::lookup },
            }),
            server: self.dry_run.as_deref() == Some("server"),
            output_dir: self.output_dir,
            release_dir: self.release_name,
            source: self.source.options(),
            dependency_update: self.dependency_update,
        }
    }
}

/// Flags of `helm template` that change nothing in what it prints: they are taken, so that its command lines work unchanged.
#[derive(Debug)]
struct WithoutEffect;

const SWITCHES: [&str; 13] = [
    "atomic",
    "create-namespace",
    "disable-openapi-validation",
    "force",
    "force-conflicts",
    "force-replace",
    "hide-notes",
    "render-subchart-notes",
    "replace",
    "rollback-on-failure",
    "skip-crds",
    "take-ownership",
    "wait-for-jobs",
];
const SETTINGS: [&str; 5] = ["burst-limit", "description", "labels", "qps", "timeout"];

impl clap::Args for WithoutEffect {
    fn augment_args(command: clap::Command) -> clap::Command {
        let hidden = |name: &'static str| Arg::new(name).long(name).hide(true).help("Taken for Helm's sake; changes nothing here");
        let switches = SWITCHES.into_iter().map(|name| hidden(name).action(ArgAction::SetTrue));
        let settings = SETTINGS.into_iter().map(|name| hidden(name).action(ArgAction::Append));
        // these may stand alone
        let optional = |name| hidden(name).num_args(0..=1).require_equals(true);
        command.args(switches).args(settings).args(["server-side", "wait"].map(optional))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for WithoutEffect {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(WithoutEffect)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

/// Checks how Helm is told to only pretend; it takes the words of a switch too.
fn dry_run(text: &str) -> Result<String, String> {
    match text {
        "client" | "server" | "none" | "true" | "false" => Ok(text.to_owned()),
        text => Err(format!("`{text}` is neither client nor server")),
    }
}
