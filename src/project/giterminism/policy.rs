//! `werf-giterminism.yaml`: what the project allows to come from outside the commit.

use std::sync::Arc;

use regex::Regex;

use crate::glob::{self, Globs};
use crate::project::document::{Fields, Problem, Sink, Text, Warning, read_document, warn_of_unknown};

/// The file's name where no flag names another.
pub const CONFIG_FILE: &str = "werf-giterminism.yaml";

/// What may come from outside the commit. The default allows nothing.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `cli.allowCustomTags`: `--use-custom-tag`.
    pub custom_tags: bool,
    /// `config.allowUncommitted`: werf.yaml itself from disk.
    pub uncommitted_config: bool,
    /// `config.allowUncommittedTemplates`: helper templates from disk.
    pub uncommitted_templates: Paths,
    /// `config.goTemplateRendering.allowEnvVariables`: what the function `env` may read.
    pub template_env: Names,
    /// `config.goTemplateRendering.allowUncommittedFiles`: what `.Files` may read from disk.
    pub template_files: Paths,
    /// `config.secrets.allowEnvVariables`: build secrets from the environment.
    pub secret_env: Names,
    /// `config.secrets.allowFiles`: build secrets from files, as written in werf.yaml.
    pub secret_files: Paths,
    /// `config.secrets.allowValueIds`: build secrets written in werf.yaml.
    pub secret_values: Names,
    /// `config.stapel.allowFromLatest`: `fromLatest`.
    pub from_latest: bool,
    /// `config.stapel.git.allowBranch`: `branch` of remote mappings.
    pub git_branch: bool,
    /// `config.stapel.mount.allowBuildDir`: `from: build_dir`.
    pub mount_build_dir: bool,
    /// `config.stapel.mount.allowFromPaths`: `fromPath`.
    pub mount_paths: Paths,
    /// `config.dockerfile.allowUncommitted`: Dockerfiles from disk.
    pub uncommitted_dockerfiles: Paths,
    /// `config.dockerfile.allowUncommittedDockerignoreFiles`: ignore files from disk.
    pub uncommitted_dockerignores: Paths,
    /// `config.dockerfile.allowContextAddFiles`: `contextAddFiles`.
    pub context_add_files: Paths,
    /// `helm.allowUncommittedFiles`: chart files from disk.
    pub chart_files: Paths,
    /// `includes.allowIncludesUpdate`: `--allow-includes-update`.
    pub includes_update: bool,
}

/// Names that are allowed: exact, or `/regular expression/` for names as a whole.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<Name>);

#[derive(Clone, Debug)]
enum Name {
    Exact(String),
    Pattern(Regex),
}

impl Names {
    /// Whether a name is allowed.
    pub fn allow(&self, name: &str) -> bool {
        self.0.iter().any(|allowed| match allowed {
            Name::Exact(exact) => exact == name,
            Name::Pattern(pattern) => pattern.is_match(name),
        })
    }

    fn read(fields: &Fields<'_>, key: &'static str) -> Self {
        let name = |Text { text, node }: Text<'_>| match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            None => Some(Name::Exact(text)),
            // Alternatives are bound together: `/A|B/` opens nothing that only begins with A.
            Some(pattern) => match Regex::new(&format!("^(?:{pattern})$")) {
                Ok(pattern) => Some(Name::Pattern(pattern)),
                Err(error) => {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    fields.problem(node, format!("`{text}` is not a regular expression: {reason}"), "cannot be read", None);
                    None
                }
            },
        };
        Names(fields.texts(key).into_iter().filter_map(name).collect())
    }

    /// Names of secrets: werf 2 knows no patterns for them.
    fn read_exact(fields: &Fields<'_>, key: &'static str) -> Self {
        Names(fields.strings(key).into_iter().map(Name::Exact).collect())
    }
}

/// Paths that are allowed: globs from the project's directory, where `*` stays inside a directory, `**` crosses them, and a directory
/// stands for all below it.
#[derive(Clone, Debug, Default)]
pub struct Paths(Globs);

impl Paths {
    /// Whether a path is allowed.
    pub fn allow(&self, path: &str) -> bool {
        self.0.matches(path)
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn read(fields: &Fields<'_>, key: &'static str) -> Self {
        let glob = |Text { text, node }: Text<'_>| match glob::check(&text) {
            Ok(()) => Some(text),
            Err(problem) => {
                fields.problem(node, format!("`{text}` of `{key}` is not a glob: {problem}"), "cannot be read", None);
                None
            }
        };
        Paths(Globs::new(&fields.texts(key).into_iter().filter_map(glob).collect::<Vec<_>>()))
    }
}

/// Reads the text of `werf-giterminism.yaml`. Unknown keys count for nothing, as in werf 2, and are told in the warnings.
pub(super) fn parse(file: &str, text: &str) -> Result<(Policy, Vec<Warning>), Vec<Problem>> {
    let text: Arc<str> = text.into();
    let sink = Sink::new(file, text.clone());
    let node = read_document(&sink, &text, 0);
    let policy = node.as_ref().and_then(|node| Fields::open(&sink, node, format!("`{file}`"))).map(read).unwrap_or_default();
    drop(node);
    match sink.is_empty() {
        true => Ok((policy, warn_of_unknown(file, "allow nothing", &sink.unknown_keys()))),
        false => Err(sink.into_problems()),
    }
}

fn read(fields: Fields<'_>) -> Policy {
    let mut policy = Policy::default();
    let is_one = |text: &str| text.parse::<f64>() == Ok(1.0);
    if let Some(version) = fields.required("giterminismConfigVersion", "1").filter(|version| !is_one(&version.text)) {
        let message = format!("`giterminismConfigVersion` is `{}`, and only `1` is known", version.text);
        fields.problem(version.node, message, "unknown version", None);
    }
    if let Some(cli) = fields.fields("cli") {
        policy.custom_tags = cli.bool("allowCustomTags").unwrap_or_default();
        cli.finish_leniently();
    }
    if let Some(config) = fields.fields("config") {
        read_config(&config, &mut policy);
        config.finish_leniently();
    }
    if let Some(helm) = fields.fields("helm") {
        policy.chart_files = Paths::read(&helm, "allowUncommittedFiles");
        helm.finish_leniently();
    }
    if let Some(includes) = fields.fields("includes") {
        policy.includes_update = includes.bool("allowIncludesUpdate").unwrap_or_default();
        includes.finish_leniently();
    }
    fields.finish_leniently();
    policy
}

fn read_config(config: &Fields<'_>, policy: &mut Policy) {
    policy.uncommitted_config = config.bool("allowUncommitted").unwrap_or_default();
    policy.uncommitted_templates = Paths::read(config, "allowUncommittedTemplates");
    if let Some(rendering) = config.fields("goTemplateRendering") {
        policy.template_env = Names::read(&rendering, "allowEnvVariables");
        policy.template_files = Paths::read(&rendering, "allowUncommittedFiles");
        rendering.finish_leniently();
    }
    if let Some(secrets) = config.fields("secrets") {
        policy.secret_env = Names::read_exact(&secrets, "allowEnvVariables");
        policy.secret_files = Paths::read(&secrets, "allowFiles");
        policy.secret_values = Names::read_exact(&secrets, "allowValueIds");
        secrets.finish_leniently();
    }
    if let Some(stapel) = config.fields("stapel") {
        policy.from_latest = stapel.bool("allowFromLatest").unwrap_or_default();
        if let Some(git) = stapel.fields("git") {
            policy.git_branch = git.bool("allowBranch").unwrap_or_default();
            git.finish_leniently();
        }
        if let Some(mount) = stapel.fields("mount") {
            policy.mount_build_dir = mount.bool("allowBuildDir").unwrap_or_default();
            policy.mount_paths = Paths::read(&mount, "allowFromPaths");
            mount.finish_leniently();
        }
        stapel.finish_leniently();
    }
    if let Some(dockerfile) = config.fields("dockerfile") {
        policy.uncommitted_dockerfiles = Paths::read(&dockerfile, "allowUncommitted");
        policy.uncommitted_dockerignores = Paths::read(&dockerfile, "allowUncommittedDockerignoreFiles");
        policy.context_add_files = Paths::read(&dockerfile, "allowContextAddFiles");
        dockerfile.finish_leniently();
    }
}
