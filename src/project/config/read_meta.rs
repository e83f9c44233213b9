//! The document that has `configVersion`.

use std::time::Duration;

use regex::Regex;

use super::context::Context;
use super::meta::{
    BuildDefaults, Cleanup, Deploy, GitWorktree, KeepPolicy, Limit, Meta, Operator, ReferenceKind, References, default_keep_policies,
};
use super::read_image::read_platforms;
use super::read_spec;
use crate::project::document::Fields;
use crate::words::duration;
use crate::words::quoted::quoted;
use crate::yaml::Node;

/// Longest project name.
const PROJECT_MAX: usize = 50;

/// Reads the meta document. `None` where its required parts are wrong.
pub(super) fn read(context: &Context<'_>, document: &Node, project_name: Option<&str>) -> Option<Meta> {
    let fields = Fields::open(context.sink, document, "werf.yaml")?;
    // Go's YAML drops what is behind the point.
    let is_one = |text: &str| text.parse::<f64>().is_ok_and(|number| number.trunc() == 1.0);
    if let Some(version) = fields.required("configVersion", "1").filter(|version| !is_one(&version.text)) {
        let message = format!("`configVersion` is `{}`, and only `1` is known", version.text);
        fields.problem(version.node, message, "unknown version", "write `configVersion: 1`".to_owned());
    }
    let project = read_project(&fields, project_name);
    let build = fields.fields("build").map(|build| read_build(context, build)).unwrap_or_default();
    let deploy = fields.fields("deploy").map(read_deploy).unwrap_or_default();
    let cleanup = match fields.fields("cleanup") {
        Some(cleanup) => read_cleanup(cleanup),
        None => Cleanup::default(),
    };
    let git_worktree = fields.fields("gitWorktree").map(read_git_worktree).unwrap_or_default();
    fields.finish();
    Some(Meta { project: project?, build, deploy, cleanup, git_worktree })
}

fn read_project(fields: &Fields<'_>, project_name: Option<&str>) -> Option<String> {
    let written = match project_name {
        Some(name) => {
            fields.value("project");
            return match project_problem(name) {
                None => Some(name.to_owned()),
                Some(rule) => {
                    let message = format!("the project name `{name}` is not valid: {rule}");
                    fields.problem(fields.node(), message, "overridden from outside", "set `WERF_PROJECT_NAME` to another name".to_owned());
                    None
                }
            };
        }
        None => fields.required("project", "my-app")?,
    };
    match project_problem(&written.text) {
        None => Some(written.text),
        Some(rule) => {
            let message = format!("the project name `{}` is not valid: {rule}", written.text);
            let help = format!("for example `project: {}`", valid_name(&written.text));
            fields.problem(written.node, message, "not a project name", help);
            None
        }
    }
}

fn project_problem(name: &str) -> Option<String> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = bytes.first().is_some_and(|byte| word(*byte)) && bytes.last().is_some_and(|byte| word(*byte));
    if !ends || !bytes.iter().all(|byte| word(*byte) || *byte == b'-') {
        return Some("it must be lower-case letters, digits and `-`, with a letter or digit at each end".to_owned());
    }
    (name.len() > PROJECT_MAX).then(|| format!("it has {} characters, at most {PROJECT_MAX} are allowed", name.len()))
}

/// A project name that resembles a text.
fn valid_name(text: &str) -> String {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: String = words.collect::<Vec<_>>().join("-").to_lowercase().chars().take(PROJECT_MAX).collect();
    if name.is_empty() { "my-app".to_owned() } else { name.trim_end_matches('-').to_owned() }
}

fn read_build(context: &Context<'_>, build: Fields<'_>) -> BuildDefaults {
    let defaults = BuildDefaults {
        cache_version: build.string("cacheVersion"),
        platform: read_platforms(context, &build),
        image_spec: build.fields("imageSpec").map(|spec| read_spec::read_global(context, spec)),
    };
    // Every build is split in steps that are cached on their own, which `staged` asked for.
    build.bool("staged");
    build.finish();
    defaults
}

fn read_deploy(fields: Fields<'_>) -> Deploy {
    let default = Deploy::default();
    let app_version = fields.fields("helmChartConfig").and_then(|chart| {
        let version = chart.string("appVersion");
        chart.finish();
        version
    });
    let deploy = Deploy {
        helm_chart_dir: fields.string("helmChartDir").map_or(default.helm_chart_dir, |dir| super::paths::relative(&dir)),
        app_version,
        helm_release: fields.string("helmRelease"),
        helm_release_slug: fields.bool("helmReleaseSlug").unwrap_or(true),
        namespace: fields.string("namespace"),
        namespace_slug: fields.bool("namespaceSlug").unwrap_or(true),
    };
    fields.finish();
    deploy
}

fn read_git_worktree(fields: Fields<'_>) -> GitWorktree {
    let default = GitWorktree::default();
    let settings = GitWorktree {
        force_shallow_clone: fields.bool("forceShallowClone").unwrap_or(default.force_shallow_clone),
        allow_unshallow: fields.bool("allowUnshallow").unwrap_or(default.allow_unshallow),
        allow_fetch: fields.bool("allowFetchOriginBranchesAndTags").unwrap_or(default.allow_fetch),
    };
    fields.finish();
    settings
}

fn read_cleanup(fields: Fields<'_>) -> Cleanup {
    let default = Cleanup::default();
    let hours = fields.int("keepImagesBuiltWithinLastNHours").and_then(|hours| match u64::try_from(hours) {
        Ok(hours) => Some(hours_long(hours)),
        Err(_) => {
            if let Some(node) = fields.value("keepImagesBuiltWithinLastNHours") {
                let message = format!("`keepImagesBuiltWithinLastNHours` is {hours}, and hours count from 0");
                let help = "`disableBuiltWithinLastNHoursPolicy: true` switches the rule off".to_owned();
                fields.problem(node, message, "not a number of hours", help);
            }
            None
        }
    });
    let keep_policies = match fields.entry("keepPolicies") {
        Some((_, node)) if !node.is_null() => fields.list("keepPolicies").iter().filter_map(|node| read_policy(&fields, node)).collect(),
        _ => default_keep_policies(),
    };
    let cleanup = Cleanup {
        disable: fields.bool("disable").unwrap_or_default(),
        disable_kubernetes_based_policy: fields.bool("disableKubernetesBasedPolicy").unwrap_or_default(),
        disable_git_history_based_policy: fields.bool("disableGitHistoryBasedPolicy").unwrap_or_default(),
        disable_built_within_last_n_hours_policy: fields.bool("disableBuiltWithinLastNHoursPolicy").unwrap_or_default(),
        keep_images_built_within: hours.unwrap_or(default.keep_images_built_within),
        keep_policies,
    };
    fields.finish();
    cleanup
}

fn read_policy(cleanup: &Fields<'_>, node: &Node) -> Option<KeepPolicy> {
    let policy = Fields::open(cleanup.sink(), node, "an entry of `keepPolicies`")?;
    let unlimited = Limit { last: None, within: None, operator: Operator::And };
    let references = match policy.fields("references") {
        Some(fields) => read_references(fields, unlimited),
        None => {
            policy.missing("references", "{branch: main}");
            None
        }
    };
    let images = policy.fields("imagesPerReference").map(|fields| read_limit(fields, Limit { last: Some(1), ..unlimited }));
    policy.finish();
    Some(KeepPolicy { references: references?, images: images.unwrap_or(Limit { last: Some(1), ..unlimited }) })
}

fn read_references(fields: Fields<'_>, unlimited: Limit) -> Option<References> {
    let (branch, tag) = (fields.text("branch"), fields.text("tag"));
    let limit = fields.fields("limit").map_or(unlimited, |limit| read_limit(limit, unlimited));
    let (kind, pattern) = match (branch, tag) {
        (Some(branch), None) => (ReferenceKind::Branch, branch),
        (None, Some(tag)) => (ReferenceKind::Tag, tag),
        (Some(_), Some(tag)) => {
            fields.problem(tag.node, "`references` has both `branch` and `tag`", "one too many", "write two policies".to_owned());
            return None;
        }
        (None, None) => {
            fields.missing("branch` or `tag", "main");
            return None;
        }
    };
    if let Some(expression) = pattern.text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'))
        && Regex::new(expression).is_err()
    {
        fields.problem(pattern.node, format!("`{}` is not a regular expression", pattern.text), "cannot be read", None);
    }
    fields.finish();
    Some(References { kind, pattern: pattern.text, limit })
}

fn read_limit(fields: Fields<'_>, default: Limit) -> Limit {
    let last = match fields.int("last") {
        None => default.last,
        Some(last) => u32::try_from(last).ok(),
    };
    let within = fields.text("in").and_then(|text| match duration::parse(&text.text) {
        Some(duration) => Some(duration),
        None => {
            let help = "write hours, minutes and seconds, such as `168h` or `1h30m`".to_owned();
            fields.problem(text.node, format!("`in: {}` is not a duration", text.text), "not a duration", help);
            None
        }
    });
    let operator = match fields.text("operator") {
        None => default.operator,
        Some(text) if text.text == "And" => Operator::And,
        Some(text) if text.text == "Or" => Operator::Or,
        Some(text) => {
            let message = format!("`operator` is `{}`, not one of {}", text.text, quoted(&["And", "Or"]));
            fields.problem(text.node, message, "unknown operator", None);
            default.operator
        }
    };
    fields.finish();
    Limit { last, within, operator }
}

/// Hours as a duration; more than there can be are as many as there can be.
pub fn hours_long(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3600))
}
