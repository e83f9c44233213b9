//! Opens the project: repository, commit, rules, configuration.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use miette::Diagnostic;
use thiserror::Error;

use super::gates::Machine;
use super::included::{Found, Includer};
use super::remotes::{self, Remotes};
use super::{ProjectOptions, Run, whole_file};
use crate::error::Result;
use crate::event::Event;
use crate::file_tree::{Content, Entry, FileTree, ObjectId, ReadError, bytes_of_text};
use crate::images::buildkit::session;
use crate::images::git_layers::{DirectoryCache, LayerCache, Sums};
use crate::images::image::View;
use crate::project::config::image::{GitMapping, Image, Recipe, Revision, Secret, SecretSource};
use crate::project::config::{self, CommitData, Config, ConfigInput};
use crate::project::document::Warning;
use crate::project::git::{self, Commit, CommitTree, Provider, Repository};
use crate::project::giterminism::{self, Files, Giterminism, LOOSE_WARNING, Mode, Policy, Purpose, WorkTree};

/// One commit of one project, opened and checked.
pub struct Project {
    /// The repository.
    pub repository: Arc<Repository>,
    /// The commit that everything comes from.
    pub commit: Commit,
    /// What may come from elsewhere, and what broke the rules so far.
    pub giterminism: Arc<Giterminism>,
    /// The checked configuration.
    pub config: Arc<Config>,
    /// Whether the configuration was made from the environment too.
    reads_environment: bool,
    /// Environment name; empty without one.
    pub env: String,
    /// What is known of layers made before.
    pub layer_cache: Arc<dyn LayerCache>,
    /// What is known of sums of files.
    pub sums: Arc<Sums>,
    /// What is known of other repositories.
    pub remotes: Arc<Remotes>,
    /// `--insecure-registry`.
    pub insecure_registry: bool,
    provider: Arc<dyn Provider>,
    includer: Arc<Includer>,
    env_lookup: fn(&str) -> Option<String>,
}

/// A commit with its rules, before any configuration is read.
pub struct Opened {
    /// The repository.
    pub repository: Arc<Repository>,
    /// The commit.
    pub commit: Commit,
    /// The rules.
    pub giterminism: Arc<Giterminism>,
    /// Finds the way up to the nearest project above: only errors want it.
    above: Box<config::Above>,
    /// Who asks other repositories for what is included.
    pub includer: Arc<Includer>,
    /// Who brings what the clone lacks.
    provider: Arc<dyn Provider>,
}

/// Opens the commit that HEAD names (with `--dev`: a snapshot of the work tree), with what it includes.
pub fn open_commit(options: &ProjectOptions, run: &Run) -> Result<Opened> {
    open_with(options, run, |rules, includer| included(rules, includer, &mut |warnings| warn(run, &warnings)))
}

/// The same without what is included.
pub fn open_own(options: &ProjectOptions, run: &Run) -> Result<Opened> {
    open_with(options, run, |rules, _| Ok(rules))
}

/// The rules with what the commit includes of other repositories.
fn included(rules: Giterminism, includer: &Includer, warned: &mut dyn FnMut(Vec<Warning>)) -> Result<Giterminism> {
    let Some(Found { files, warnings }) = includer.find(&rules)? else { return Ok(rules) };
    warned(warnings);
    Ok(if files.is_empty() { rules } else { rules.with_included(files)? })
}

/// The repository, and the commit that HEAD names; with `--dev` a snapshot of the work tree.
pub fn newest(options: &ProjectOptions) -> Result<(Arc<Repository>, Commit)> {
    let dir = options.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    let repository = git::discover(&dir, options.work_tree.as_deref())?;
    let head = git::head(&repository)?;
    let commit = if options.dev { git::dev_snapshot(&repository, &head, git::DEV_BRANCH, &options.dev_ignore)? } else { head };
    Ok((repository, commit))
}

/// `include` gives the rules what is included.
fn open_with(options: &ProjectOptions, run: &Run, include: impl FnOnce(Giterminism, &Includer) -> Result<Giterminism>) -> Result<Opened> {
    let (repository, commit) = newest(options)?;
    let mode = match options {
        ProjectOptions { loose_giterminism: true, .. } => Mode::Loose,
        ProjectOptions { dev: true, .. } => Mode::Dev,
        _ => Mode::Strict,
    };
    if mode == Mode::Loose {
        run.events.emit(Event::Warned { message: LOOSE_WARNING.into(), help: None });
    }
    let provider = remotes::upstream(options, &repository, run);
    let tree = Arc::new(git::commit_tree_with(&repository, &commit, provider.clone())?);
    let giterminism = giterminism::load(&commit.short(), tree.clone(), beside(&tree), mode, options.giterminism_config.as_deref())?;
    let giterminism = with_whole(giterminism, &tree, beside);
    warn(run, giterminism.warnings());
    let includer = Includer::new(options, &repository, run);
    let giterminism = Arc::new(include(giterminism, &includer)?);
    let above = above(tree);
    Ok(Opened { repository, commit, giterminism, above, provider, includer })
}

/// Tells what deserves attention.
pub fn warn(run: &Run, warnings: &[Warning]) {
    for Warning { message, help } in warnings {
        run.events.emit(Event::Warned { message: message.clone(), help: Some(help.clone()) });
    }
}

/// Lets images have the files of the whole repository where the project is below its root.
fn with_whole(rules: Giterminism, tree: &CommitTree, work_tree: fn(&Arc<CommitTree>) -> Option<Arc<dyn WorkTree>>) -> Giterminism {
    if tree.prefix().is_empty() {
        return rules;
    }
    let whole = Arc::new(tree.whole());
    rules.with_content(whole.clone(), work_tree(&whole))
}

fn above(tree: Arc<CommitTree>) -> Box<config::Above> {
    Box::new(move || tree.above_with(&config::NAMES))
}

/// The work tree beside a commit.
fn beside(tree: &Arc<CommitTree>) -> Option<Arc<dyn WorkTree>> {
    git::work_tree(tree).map(|work_tree| Arc::new(work_tree) as Arc<dyn WorkTree>)
}

/// Opens the project, checks its configuration, and tells what deserves attention in it.
pub fn open(options: &ProjectOptions, insecure_registry: bool, run: &Run) -> Result<Arc<Project>> {
    let project = read(options, insecure_registry, run)?;
    warn(run, &project.config.warnings);
    Ok(project)
}

/// Opens the project and checks its configuration.
pub fn read(options: &ProjectOptions, insecure_registry: bool, run: &Run) -> Result<Arc<Project>> {
    let project = checked(options, open_commit(options, run)?, insecure_registry, Remotes::new(options), None, &AtomicBool::default())?;
    if let Some(path) = &options.config_render_path {
        write_rendered(path, &project.config.rendered)?;
    }
    Ok(project)
}

/// Writes the configuration as its templates render it (`--config-render-path`).
pub fn write_rendered(path: &Path, text: &str) -> Result<()> {
    Ok(whole_file::write(path, text.as_bytes()).map_err(|cause| Unwritable { path: path.to_owned(), cause })?)
}

#[derive(Debug, Error, Diagnostic)]
#[error("--config-render-path: cannot write `{}`", .path.display())]
#[diagnostic(help("check the path, its permissions and the space on its disk"))]
struct Unwritable {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}

/// Another commit of the same project, by its own configuration. Nothing is compared with the work tree.
pub fn open_at(options: &ProjectOptions, project: &Project, commit: ObjectId) -> Result<Arc<Project>> {
    open_past(options, project, &project.repository, commit).0
}

/// The same from a repository that has the project at the same place. Beside it: whether the environment was asked, however it ended.
pub fn open_past(
    options: &ProjectOptions,
    project: &Project,
    repository: &Arc<Repository>,
    commit: ObjectId,
) -> (Result<Arc<Project>>, bool) {
    let asked = AtomicBool::new(false);
    let open = || {
        let commit = git::commit(repository, &commit.to_string())?;
        let provider = project.provider.clone();
        let tree = Arc::new(git::commit_tree_with(repository, &commit, provider.clone())?);
        let giterminism = giterminism::load(&commit.short(), tree.clone(), None, Mode::Strict, options.giterminism_config.as_deref())?;
        let giterminism = Arc::new(included(with_whole(giterminism, &tree, |_| None), &project.includer, &mut |_| {})?);
        let (repository, includer) = (repository.clone(), project.includer.clone());
        let opened = Opened { repository, commit, giterminism, provider, above: above(tree), includer };
        checked(options, opened, project.insecure_registry, project.remotes.clone(), Some(project.sums.clone()), &asked)
    };
    (open(), asked.load(Ordering::Relaxed))
}

/// `asked` becomes true where the environment is.
fn checked(
    options: &ProjectOptions,
    opened: Opened,
    insecure_registry: bool,
    remotes: Arc<Remotes>,
    sums: Option<Arc<Sums>>,
    asked: &AtomicBool,
) -> Result<Arc<Project>> {
    let lookup = options.env_lookup;
    let variable = |name: &str| {
        asked.store(true, Ordering::Relaxed);
        lookup(name)
    };
    let words = ConfigWords::new(&opened);
    let config = config::load(&ConfigInput { variable: &variable, ..words.input(options, &opened) })?;
    let mut config = config.from_root(opened.repository.project_prefix());
    if options.without_images {
        config.images.clear();
    }
    let config = Arc::new(config);
    let Opened { repository, commit, giterminism, provider, includer, above: _ } = opened;
    let sums = sums.unwrap_or_else(|| Arc::new(Sums::load(&options.cache_dir.join("sums").join(&config.meta.project))));
    Ok(Arc::new(Project {
        sums,
        repository,
        commit,
        giterminism,
        reads_environment: asked.load(Ordering::Relaxed) || config.mentions.env,
        config,
        env: options.env.clone().unwrap_or_default(),
        layer_cache: Arc::new(DirectoryCache::new(options.cache_dir.join("layers"))),
        remotes,
        provider,
        includer,
        insecure_registry,
        env_lookup: options.env_lookup,
    }))
}

/// The words of a commit that configuration templates see.
pub struct ConfigWords {
    hash: String,
    date: String,
}

impl ConfigWords {
    /// The commit's words.
    pub fn new(opened: &Opened) -> Self {
        ConfigWords { hash: opened.commit.id.to_string(), date: opened.commit.authored.human() }
    }

    /// What the configuration is made from.
    pub fn input<'a>(&'a self, options: &'a ProjectOptions, opened: &'a Opened) -> ConfigInput<'a> {
        ConfigInput {
            giterminism: &opened.giterminism,
            commit: CommitData { hash: &self.hash, date_human: &self.date, date_unix: opened.commit.authored.seconds },
            config: options.config.as_deref(),
            above: &*opened.above,
            templates_dir: options.config_templates_dir.as_deref(),
            env: options.env.as_deref().unwrap_or_default(),
            project_name: options.project_name.as_deref(),
            variable: &options.env_lookup,
            host: Some(&Machine),
        }
    }
}

impl Project {
    /// Why the names of images may be others in another run of the same commit; `None` where the commit alone makes them.
    pub fn more_than_the_commit(&self, platform: Option<&str>) -> Option<String> {
        let follows = |image: &Image| match &image.recipe {
            Recipe::Stapel(stapel) => {
                let is_branch =
                    |mapping: &GitMapping| mapping.remote.as_ref().is_some_and(|remote| matches!(remote.revision, Revision::Branch(_)));
                stapel.from_latest || stapel.git.iter().any(is_branch)
            }
            Recipe::Dockerfile(recipe) => !recipe.context_add_files.is_empty(),
        };
        let may_be_uncommitted = |policy: &Policy| {
            let paths = [&policy.uncommitted_templates, &policy.template_files, &policy.uncommitted_dockerfiles];
            policy.uncommitted_config || paths.iter().any(|paths| !paths.is_empty()) || !policy.uncommitted_dockerignores.is_empty()
        };
        let why = match () {
            () if self.giterminism.mode() == Mode::Loose => "giterminism is loose",
            () if self.reads_environment => "werf.yaml reads the environment",
            () if self.config.images.iter().any(follows) => "werf.yaml follows what is no part of the commit",
            () if self.giterminism.has_included() && self.giterminism.allows(|policy| policy.includes_update) => {
                "files of other repositories may be included as they are at the time"
            }
            () if self.giterminism.allows(may_be_uncommitted) => "files that are not committed are allowed",
            () if platform.is_some() => "the platform is chosen by the run",
            () => return None,
        };
        Some(why.to_owned())
    }

    /// Files that images see: the commit's, with what the rules let in.
    pub fn image_files(self: &Arc<Self>) -> Arc<dyn FileTree> {
        Arc::new(ImageFiles(self.clone()))
    }

    /// Files of the chart.
    pub fn chart_files(&self) -> Files<'_> {
        self.giterminism.files(Purpose::Chart)
    }

    /// What was made of the project's files. Where files that were read so far, or that images see, differ from the commit, the error is
    /// that, whatever was made of them: their author looks at others. It names all of them, so it is asked for when everything is read.
    pub fn checked<T>(&self, views: &[View], made: Result<T>) -> Result<T> {
        // Dockerfiles and ignore files have rules of their own and are compared as they are read.
        let wanted = |path: &str| views.iter().any(|view| view.sees(path)) && self.purpose(path).is_none();
        for directory in View::outermost(views) {
            self.giterminism.check_below(directory, &wanted)?;
        }
        self.giterminism.finish()?;
        made
    }

    /// Whether a file that was read so far differs from the commit.
    pub fn is_breached(&self) -> bool {
        self.giterminism.finish().is_err()
    }

    /// The values of build secrets: of each id that of the image beside it.
    pub fn secrets_of(&self, wanted: &BTreeMap<&str, &str>) -> Result<BTreeMap<String, session::Secret>> {
        let images = self.config.images.iter();
        let all = images.flat_map(|image| image.secrets.iter().map(move |secret| (image.name.as_str(), secret)));
        let wanted = all.filter(|(image, secret)| wanted.get(secret.id.as_str()) == Some(image));
        wanted.map(|(_, secret)| Ok((secret.id.clone(), self.secret(secret)?))).collect()
    }

    fn secret(&self, secret: &Secret) -> Result<session::Secret> {
        Ok(session::Secret::new(self.value(secret)?))
    }

    /// The value of a secret that is a password: one line.
    pub fn password(&self, secret: &Secret) -> Result<String, SecretError> {
        let bytes = self.value(secret)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
    }

    fn value(&self, secret: &Secret) -> Result<Vec<u8>, SecretError> {
        secret_value(secret, self.env_lookup, &directory(&self.repository))
    }

    /// A path of this machine as werf.yaml writes it: `~/…` is in the user's home, everything else that is relative is below the project's
    /// directory.
    pub fn machine_path(&self, path: &str) -> PathBuf {
        machine_path(path, self.env_lookup, &directory(&self.repository))
    }

    /// A path from the repository's root as one from the project's directory, which has it.
    fn own_path<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(self.repository.project_prefix()).unwrap_or(path).trim_start_matches('/')
    }

    /// Which rule a file of a build context falls under.
    fn purpose(&self, path: &str) -> Option<Purpose> {
        self.config.images.iter().find_map(|image| {
            let Recipe::Dockerfile(recipe) = &image.recipe else { return None };
            let dockerfile = join(&recipe.context, &recipe.dockerfile);
            if path == dockerfile {
                return Some(Purpose::Dockerfile);
            }
            let ignored = path == join(&recipe.context, ".dockerignore") || path.strip_suffix(".dockerignore") == Some(&dockerfile);
            ignored.then_some(Purpose::Dockerignore)
        })
    }
}

/// The value of a secret. Paths are relative to the directory.
pub fn secret_value(secret: &Secret, variable: fn(&str) -> Option<String>, directory: &Path) -> Result<Vec<u8>, SecretError> {
    Ok(match &secret.source {
        SecretSource::Value(text) => text.clone().into_bytes(),
        SecretSource::Env(name) => {
            let value = variable(name);
            let value = value.ok_or_else(|| SecretError::NoVariable { id: secret.id.clone(), name: name.clone() })?;
            bytes_of_text(&value).into_owned()
        }
        SecretSource::File(path) => {
            let place = machine_path(path, variable, directory);
            std::fs::read(&place).map_err(|cause| SecretError::NoFile { id: secret.id.clone(), path: place, cause })?
        }
    })
}

fn machine_path(path: &str, variable: fn(&str) -> Option<String>, directory: &Path) -> PathBuf {
    at_home(variable, path).unwrap_or_else(|| directory.join(path))
}

/// The place of `~/…`.
pub fn at_home(variable: fn(&str) -> Option<String>, path: &str) -> Option<PathBuf> {
    let home = bytes_of_text(&variable("HOME")?).into_owned();
    Some(Path::new(OsStr::from_bytes(&home)).join(path.strip_prefix("~/")?))
}

/// The project's directory in the work tree.
pub fn directory(repository: &Repository) -> PathBuf {
    repository.work_tree().unwrap_or(Path::new(".")).join(repository.project_prefix())
}

fn join(dir: &str, path: &str) -> String {
    if dir.is_empty() { path.to_owned() } else { format!("{dir}/{path}") }
}

/// The files that images see, from the repository's root.
struct ImageFiles(Arc<Project>);

impl ImageFiles {
    fn committed(&self) -> &dyn FileTree {
        &**self.0.giterminism.content()
    }
}

impl FileTree for ImageFiles {
    fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        match self.0.purpose(path) {
            Some(purpose) => self.0.giterminism.files(purpose).read(self.0.own_path(path)),
            None => self.committed().read(path),
        }
    }

    fn list(&self, dir: &str) -> Result<Arc<[Entry]>, ReadError> {
        self.committed().list(dir)
    }

    fn identity(&self, dir: &str) -> Result<Option<[u8; 32]>, ReadError> {
        self.committed().identity(dir)
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, ReadError> {
        self.committed().entry(path)
    }

    fn blob(&self, entry: &Entry) -> Result<Arc<[u8]>, ReadError> {
        self.committed().blob(entry)
    }

    fn content(&self, entry: &Entry) -> Result<Content, ReadError> {
        self.committed().content(entry)
    }

    fn check(&self, entry: &Entry) -> Result<(), ReadError> {
        self.committed().check(entry)
    }

    fn fetch(&self, entries: &[&Entry]) -> Result<bool, ReadError> {
        self.committed().fetch(entries)
    }

    fn blob_sizes(&self, entries: &[&Entry]) -> Result<Vec<u64>, ReadError> {
        self.committed().blob_sizes(entries)
    }

    fn blob_size(&self, entry: &Entry) -> Result<u64, ReadError> {
        self.committed().blob_size(entry)
    }
}

/// A secret of werf.yaml has no value.
#[derive(Debug, Error, Diagnostic)]
pub enum SecretError {
    #[error("secret `{id}`: the variable {name} is not set")]
    #[diagnostic(help("set {name}, or remove the secret where it is named"))]
    NoVariable { id: String, name: String },
    #[error("secret `{id}`: cannot read {}", .path.display())]
    #[diagnostic(help("the path is relative to the project's directory; `~/` is the home directory"))]
    NoFile {
        id: String,
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
}
