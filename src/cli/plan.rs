//! `werf plan`.

use super::args::{LogArgs, whole};
use super::converge::DeploymentArgs;
use super::follow::FollowArgs;
use crate::ops;

/// Exit code of `--exit-code` where something would change.
const CHANGES: u8 = 2;

/// Arguments of `werf plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit with 2 where something would change
    #[arg(long, env = "WERF_EXIT_CODE")]
    exit_code: bool,
    /// Print JSON
    #[arg(long, env = "WERF_JSON")]
    json: bool,
    /// Stand-ins for the references of images, even if a repository is given
    #[arg(long, env = "WERF_STUB_TAGS")]
    stub_tags: bool,
    #[command(flatten)]
    diffs: DiffArgs,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    deployment: DeploymentArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What is shown of differences.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Differences")]
struct DiffArgs {
    /// Lines of context around each difference; 0 is 3
    #[arg(long, env = "WERF_DIFF_CONTEXT_LINES", value_name = "N", default_value_t = 3, value_parser = whole::<usize>)]
    diff_context_lines: usize,
    /// Show differences of annotations that steer Helm and werf alone
    #[arg(long, env = "WERF_SHOW_INSIGNIFICANT_DIFFS")]
    show_insignificant_diffs: bool,
    /// Show values that are secret
    #[arg(long, env = "WERF_SHOW_SENSITIVE_DIFFS")]
    show_sensitive_diffs: bool,
    /// Show whole definitions (CustomResourceDefinition) that are created
    #[arg(long, env = "WERF_SHOW_VERBOSE_CRD_DIFFS")]
    show_verbose_crd_diffs: bool,
    /// Show whole manifests of what is created; false leaves them out
    #[arg(long, env = "WERF_SHOW_VERBOSE_DIFFS", value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set, value_parser = super::go_bool, hide_possible_values = true)]
    show_verbose_diffs: bool,
}

impl DiffArgs {
    fn shown(&self) -> ops::plan::Shown {
        ops::plan::Shown {
            context: if self.diff_context_lines == 0 { 3 } else { self.diff_context_lines },
            sensitive: self.show_sensitive_diffs,
            verbose: self.show_verbose_diffs,
            verbose_definitions: self.show_verbose_crd_diffs,
            insignificant: self.show_insignificant_diffs,
        }
    }
}

/// Runs the command.
pub fn run(args: Args) -> u8 {
    let look = args.log.look();
    let (exit_code, json, shown) = (args.exit_code, args.json, args.diffs.shown());
    let options = ops::converge::Options { stub_tags: args.stub_tags, ..args.deployment.options(Vec::new()) };
    args.follow.run(&look, &options.project, || {
        super::run::run(
            look.clone(),
            |run| ops::plan::run(options.clone(), json, shown, run),
            |plan| {
                // secret values that are asked for are not masked on the way
                if shown.sensitive {
                    super::printed(&plan.text)
                } else {
                    super::told(&plan.text)
                };
                if exit_code && plan.changes { CHANGES } else { 0 }
            },
        )
    })
}
