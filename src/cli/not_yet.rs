//! Flags of werf 2 that are missing here: whoever comes with one is told so.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Their names, for the commands that exist here.
pub const NOT_YET: &[&str] = &[
    // project and host
    "allow-includes-update",
    "backend-network",
    "backend-storage-path",
    "config-render-path",
    "dev-branch",
    "home-dir",
    "log-time-format",
    // registries
    "add-custom-tag",
    "cache-repo",
    "container-registry-mirror",
    "final-repo",
    "repo-container-registry",
    "repo-docker-hub-password",
    "repo-docker-hub-token",
    "repo-docker-hub-username",
    "repo-github-token",
    "repo-harbor-password",
    "repo-harbor-username",
    "repo-quay-token",
    "secondary-repo",
    "use-custom-tag",
    // builds
    "build-report-path",
    "follow",
    "introspect-before-error",
    "introspect-error",
    "introspect-stage",
    "save-build-report",
    "use-build-report",
    "without-images",
    // charts and plans
    "diff-context-lines",
    "lookup-resources",
    "plan-lifetime",
    "save-plan",
    "set-docker-config-json-value",
    "set-root-json",
    "set-runtime-json",
    "show-insignificant-diffs",
    "show-plan",
    "show-sensitive-diffs",
    "show-verbose-crd-diffs",
    "show-verbose-diffs",
    "templates-allow-dns",
    "use-plan",
    // deployments
    "delete-propagation",
    "deploy-graph-path",
    "deploy-report-path",
    "no-create-namespace",
    "no-final-tracking",
    "no-remove-manual-changes",
    "release-storage",
    "rollback-graph-path",
    "runtime-annotations",
    "runtime-labels",
    "save-deploy-report",
    "use-deploy-report",
    // cleanup
    "cleanup-report-path",
    "save-cleanup-report",
    "scan-context-only",
];

/// Says of an unknown flag that werf 2 has it.
pub fn advised(mut error: clap::Error) -> clap::Error {
    let is_missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if error.kind() == ErrorKind::UnknownArgument => {
            flag.strip_prefix("--").is_some_and(|flag| NOT_YET.contains(&flag.split('=').next().unwrap_or_default()))
        }
        _ => false,
    };
    if is_missing {
        let advice = StyledStr::from("werf 2 has this flag, and it is not supported here yet");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice]));
        error.remove(ContextKind::SuggestedArg);
    }
    error
}
