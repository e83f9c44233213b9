//! The checked image documents of werf.yaml: what the build room works from.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

/// Where something stands in the rendered werf.yaml, for errors: 1-based line and byte span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// File name, `werf.yaml`.
    pub file: Arc<str>,
    /// 1-based line in the rendered text.
    pub line: usize,
    /// Byte range in the rendered text.
    pub span: std::ops::Range<usize>,
}

/// What the image without a name (`image: ~`) is called.
pub const NAMELESS: &str = "~";

/// One image of werf.yaml.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// `image`, or the old `artifact`; [`NAMELESS`] where it has none.
    pub name: String,
    /// `final`, true by default: goes to the chart and to the final repo.
    pub is_final: bool,
    /// `platform`; empty: the meta document's, else `linux/amd64`. Such as `linux/amd64`.
    pub platform: Vec<String>,
    /// `cacheVersion` of the image, else of the meta document.
    pub cache_version: Option<String>,
    /// `network` of the steps: `host`, `none` or `default`.
    pub network: Option<String>,
    /// `secrets` mounted in the steps.
    pub secrets: Vec<Secret>,
    /// `dependencies`: facts about other images of this file that this one needs.
    pub dependencies: Vec<Dependency>,
    /// `imageSpec`, or for Stapel the old `docker` directive folded into it.
    pub image_spec: Option<ImageSpec>,
    /// Dockerfile or Stapel.
    pub recipe: Recipe,
    /// The `image` key.
    pub at: Location,
}

/// How an image is built.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// By BuildKit's Dockerfile frontend.
    Dockerfile(Box<Dockerfile>),
    /// By werf's own stages.
    Stapel(Box<Stapel>),
}

/// A Dockerfile image.
#[derive(Clone, Debug, PartialEq)]
pub struct Dockerfile {
    /// `dockerfile`: path inside the context.
    pub dockerfile: String,
    /// Where `dockerfile` stands in werf.yaml.
    pub dockerfile_at: Location,
    /// `context`: directory from the project's, `""` for that itself. See [`super::Config::from_root`].
    pub context: String,
    /// `contextAddFiles`: uncommitted files, allowed by giterminism.
    pub context_add_files: Vec<String>,
    /// `target`.
    pub target: Option<String>,
    /// Where `target` stands in werf.yaml.
    pub target_at: Location,
    /// `args`.
    pub args: BTreeMap<String, String>,
    /// `addHost`: `name:ip`.
    pub add_host: Vec<String>,
}

/// A Stapel image.
#[derive(Clone, Debug, PartialEq)]
pub struct Stapel {
    /// `from`.
    pub from: From,
    /// Where `from` stands.
    pub from_at: Location,
    /// `fromLatest`: the base counts by what the registry has now.
    pub from_latest: bool,
    /// `fromCacheVersion`.
    pub from_cache_version: Option<String>,
    /// `git`: local mappings.
    pub git: Vec<GitMapping>,
    /// `shell`.
    pub shell: Shell,
    /// `import`.
    pub imports: Vec<Import>,
    /// `mount`.
    pub mounts: Vec<Mount>,
}

/// The base of a Stapel image.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// `scratch`.
    Scratch,
    /// A reference outside this file, as written.
    Reference(String),
    /// Another image of this file.
    Image(String),
}

/// A user stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserStage {
    /// Before any file is there.
    BeforeInstall,
    /// Install dependencies.
    Install,
    /// Before set-up.
    BeforeSetup,
    /// Set up the application.
    Setup,
}

/// One `git` entry.
#[derive(Clone, Debug, PartialEq)]
pub struct GitMapping {
    /// `add`: path from the repository's root, no leading `/`; `""` is the whole repository.
    pub add: String,
    /// `to`: absolute path in the image.
    pub to: String,
    /// `owner`: user name or numeric id.
    pub owner: Option<String>,
    /// `group`.
    pub group: Option<String>,
    /// `includePaths`: globs relative to `add`; empty means all.
    pub include_paths: Vec<String>,
    /// `excludePaths`.
    pub exclude_paths: Vec<String>,
    /// `stageDependencies`: globs relative to `add`. A stage that is absent from the map has none declared.
    pub stage_dependencies: BTreeMap<UserStage, Vec<String>>,
    /// `url` and `branch`/`tag`/`commit` of a remote mapping.
    pub remote: Option<Remote>,
    /// Where it stands.
    pub at: Location,
}

/// A remote Git repository of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    /// `url`.
    pub url: String,
    /// What to check out.
    pub revision: Revision,
    /// `basicAuth`: who asks, over HTTP.
    pub basic_auth: Option<BasicAuth>,
}

/// `basicAuth` of a remote mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct BasicAuth {
    /// `username`.
    pub username: String,
    /// `password`; its id is the user's name where it has none.
    pub password: Secret,
}

/// A named revision of a remote repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// `branch`.
    Branch(String),
    /// `tag`.
    Tag(String),
    /// `commit`.
    Commit(String),
}

/// `shell`: the commands of each user stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shell {
    /// `shell.cacheVersion`.
    pub cache_version: Option<String>,
    /// Per stage.
    pub stages: BTreeMap<UserStage, ShellStage>,
}

/// One stage's commands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShellStage {
    /// `<stage>CacheVersion`.
    pub cache_version: Option<String>,
    /// The commands with their places.
    pub commands: Vec<Command>,
}

/// One shell command.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Text as written.
    pub text: String,
    /// Its line in werf.yaml.
    pub at: Location,
}

/// When an import or a dependency is brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// `before: install`.
    BeforeInstall,
    /// `after: install`.
    AfterInstall,
    /// `before: setup`.
    BeforeSetup,
    /// `after: setup`.
    AfterSetup,
}

/// One `import` entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Where the files come from.
    pub from: From,
    /// `stage` of a source image of this file.
    pub stage: Option<String>,
    /// `before`/`after`.
    pub when: When,
    /// `add`: absolute path in the source.
    pub add: String,
    /// `to`: absolute path here; `add` by default.
    pub to: String,
    /// `owner`.
    pub owner: Option<String>,
    /// `group`.
    pub group: Option<String>,
    /// `includePaths`.
    pub include_paths: Vec<String>,
    /// `excludePaths`.
    pub exclude_paths: Vec<String>,
    /// Where it stands.
    pub at: Location,
}

/// One `dependencies` entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// `image` (or `from`): another image of this file.
    pub image: String,
    /// `before`/`after`; `None` for Dockerfile images.
    pub when: Option<When>,
    /// `imports`.
    pub imports: Vec<DependencyImport>,
    /// Where it stands.
    pub at: Location,
}

/// One fact about another image and the variable that receives it.
#[derive(Clone, Debug, PartialEq)]
pub struct DependencyImport {
    /// `type`.
    pub fact: ImageFact,
    /// `targetBuildArg` or `targetEnv`.
    pub target: String,
}

/// A fact about a published image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFact {
    /// `repo:tag`.
    Name,
    /// Tag.
    Tag,
    /// Repository.
    Repo,
    /// Config digest.
    Id,
    /// Manifest digest.
    Digest,
}

/// One `mount` entry: storage that only user stages see.
#[derive(Clone, Debug, PartialEq)]
pub struct Mount {
    /// What is mounted.
    pub from: MountSource,
    /// Absolute path.
    pub to: String,
}

/// What a `mount` mounts.
#[derive(Clone, Debug, PartialEq)]
pub enum MountSource {
    /// `from: tmp_dir`: empty for each build.
    TmpDir,
    /// `from: build_dir`: kept between builds (a cache mount).
    BuildDir,
    /// `fromPath`: a directory of this machine.
    Path(String),
}

/// A build secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Secret {
    /// `id`.
    pub id: String,
    /// Where its value comes from.
    pub source: SecretSource,
}

/// Where a build secret's value comes from.
#[derive(Clone, PartialEq)]
pub enum SecretSource {
    /// `env`.
    Env(String),
    /// `src`: path of a file.
    File(String),
    /// `value`.
    Value(String),
}

impl std::fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretSource::Env(name) => write!(f, "Env({name:?})"),
            SecretSource::File(path) => write!(f, "File({path:?})"),
            SecretSource::Value(_) => write!(f, "Value(***)"),
        }
    }
}

/// `imageSpec`: changes to the image's configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageSpec {
    /// `author`.
    pub author: Option<String>,
    /// `clearHistory`.
    pub clear_history: bool,
    /// `config.cmd`.
    pub cmd: Option<Vec<String>>,
    /// `config.entrypoint`.
    pub entrypoint: Option<Vec<String>>,
    /// `config.env`; values are words of a Dockerfile, expanded with the variables of the image that is changed.
    pub env: BTreeMap<String, String>,
    /// `config.expose`: all ports of the image, where there are any.
    pub expose: Vec<String>,
    /// `EXPOSE` of the old `docker` directive: ports beside those of the image.
    pub add_ports: Vec<String>,
    /// `config.labels`; names and values may have `%project%` and `%image%`.
    pub labels: BTreeMap<String, String>,
    /// `config.volumes`.
    pub volumes: Vec<String>,
    /// `config.user`.
    pub user: Option<String>,
    /// `config.workingDir`.
    pub working_dir: Option<String>,
    /// `config.stopSignal`.
    pub stop_signal: Option<String>,
    /// `config.healthcheck`.
    pub healthcheck: Option<Healthcheck>,
    /// `config.removeEnv`: exact or `/regex/` ([`whole_name`]).
    pub remove_env: Vec<String>,
    /// `config.removeLabels`: exact or `/regex/`; werf's own labels stay.
    pub remove_labels: Vec<String>,
    /// `config.removeVolumes`: exact or `/regex/`.
    pub remove_volumes: Vec<String>,
    /// `config.keepEssentialWerfLabels`: says what always holds, that `removeLabels` spares werf's own labels.
    pub keep_essential_labels: bool,
    /// `config.clearCmd`.
    pub clear_cmd: bool,
    /// `config.clearEntrypoint`.
    pub clear_entrypoint: bool,
    /// `config.clearUser`.
    pub clear_user: bool,
    /// `config.clearWorkingDir`.
    pub clear_working_dir: bool,
}

/// The expression of a `/regex/` of `imageSpec`, which is for a name as a whole; one that has an anchor of its own says itself where it is fast.
pub fn whole_name(expression: &str) -> Result<Regex, regex::Error> {
    match expression.starts_with('^') || expression.ends_with('$') && !expression.ends_with("\\$") {
        true => Regex::new(expression),
        false => Regex::new(&format!("^(?:{expression})$")),
    }
}

/// `config.healthcheck`; times in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Healthcheck {
    /// `test`, such as `["CMD-SHELL", "…"]`.
    pub test: Vec<String>,
    /// `interval`.
    pub interval: u64,
    /// `timeout`.
    pub timeout: u64,
    /// `startPeriod`.
    pub start_period: u64,
    /// `retries`.
    pub retries: u64,
}
