//! Stages → LLB.
//!
//! Images that are not published yet and that this one is built upon or imports from are compiled into the same graph; equal stages
//! are equal vertices, whichever image's solve runs them first. What is published comes in by its manifest digest.

mod bring;
mod dockerfile;
mod import;
mod place;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{CommandFailure, CompileError};
use super::ground::{Ground, Look};
use super::script;
use super::spec::{self, SpecError};
use super::stage::{Base as BaseStage, Dependencies, Fact, Mount as StageMount, MountSource, Run, Source, Unseen, Work, user_stage};
use super::tree::{ImageTree, Node};
use crate::file_tree::FileTree;
use crate::images::git_layers::{LayerCache, LayerImage};
use crate::images::llb::{Definition, Exec, ImageSource, LocalSource, Location, Mount, Note, Sharing, SourceFile, State};
use crate::platform::Platform;
use crate::project::config::image::{self as config, ImageFact, ImageSpec, UserStage};

pub use bring::bring;

/// The name of the session's content store that serves the layers of a solve.
pub const STORE: &str = "werf-git";

/// An image outside the file, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// Full reference with its manifest digest, `docker.io/library/alpine@sha256:…`.
    pub reference: String,
    /// Its OCI config, the whole document.
    pub config: Value,
}

/// An image of the file that is in the registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Manifest digest, `sha256:…`.
    pub digest: String,
    /// Config digest, `sha256:…`: the image id.
    pub config_digest: String,
    /// Its OCI config, the whole document.
    pub config: Value,
}

/// What compiling needs to know besides the stages: where things are now, none of which is an input.
#[derive(Clone)]
pub struct Surroundings<'a> {
    /// The project's name, for a label.
    pub project: &'a str,
    /// Repository that images are published to, `HOST/REPO`.
    pub repo: &'a str,
    /// The commit, for a label.
    pub commit: &'a str,
    /// The platform to build for.
    pub platform: Platform,
    /// External bases by reference as written.
    pub bases: &'a BTreeMap<String, Base>,
    /// Images of the file that are in the registry, by name.
    pub published: &'a BTreeMap<String, Published>,
    /// What is known of the file systems that files go into.
    pub ground: &'a Ground,
    /// The rendered werf.yaml, which errors of steps point at.
    pub source: Arc<SourceFile>,
    /// The trees that files are from ([`ImageTree::trees`]).
    pub trees: &'a [Arc<dyn FileTree>],
    /// What is known of its layers.
    pub cache: &'a dyn LayerCache,
    /// How many threads may make layers.
    pub threads: usize,
}

/// One image compiled as far as that goes.
#[derive(Debug)]
pub struct Compiled {
    /// What is to be done next.
    pub next: Next,
    /// What the session's content store [`STORE`] serves for that.
    pub layers: Vec<LayerImage>,
    /// The commands behind build steps, to name the one that failed ([`Compiled::command_failure`]).
    pub commands: Vec<StageCommands>,
}

/// What is to be done with a compiled image.
#[derive(Debug)]
pub enum Next {
    /// Solve and push it.
    Solve(Solve),
    /// Answer questions, and compile again.
    Look(Box<Look>),
}

/// What BuildKit solves.
#[derive(Clone, Debug, PartialEq)]
pub enum Solve {
    /// A graph of ours, and the config of the image (`containerimage.config`).
    Llb {
        /// The graph.
        definition: Definition,
        /// OCI config JSON.
        config: Vec<u8>,
    },
    /// The built-in frontend `dockerfile.v0`.
    Dockerfile {
        /// Frontend options.
        attrs: BTreeMap<String, String>,
        /// Frontend inputs `context` and `dockerfile`.
        inputs: BTreeMap<String, Definition>,
        /// Changes of the configuration that the frontend gives.
        spec: Option<Box<ImageSpec>>,
    },
}

/// The commands of one stage.
#[derive(Clone, Debug)]
pub struct StageCommands {
    /// The name of the build step, as events and errors have it; one stage of one image has one.
    pub step: String,
    /// The image whose stage it is.
    pub image: String,
    /// The stage.
    pub stage: UserStage,
    /// Its commands with their places.
    pub commands: Vec<config::Command>,
    /// Files that they do not see.
    pub unseen: Vec<Unseen>,
}

/// Compiles one image as far as what is known of the ground goes.
///
/// Reads Git objects only where `cache` does not know the layers of a file set.
///
/// # Errors
/// A base that the caller did not resolve, a prerequisite that is not published, an unreadable file, files that cannot be where they shall be.
pub fn compile(tree: &ImageTree, name: &str, around: &Surroundings<'_>) -> Result<Compiled, CompileError> {
    let Some(node) = tree.node(name) else {
        return Err(CompileError::NotPublished { image: name.to_owned(), prerequisite: name.to_owned() });
    };
    let mut compiler = Compiler { tree, around, layers: BTreeMap::new(), commands: Vec::new(), made: BTreeMap::new() };
    let next = match compiler.whole(node) {
        Ok(solve) => Next::Solve(solve),
        Err(Halt::Look(look)) => Next::Look(look),
        Err(Halt::Error(error)) => return Err(*error),
    };
    Ok(Compiled { next, layers: compiler.layers.into_values().collect(), commands: compiler.commands })
}

/// Changes the config that a Dockerfile's build has.
pub fn change_config(image: &str, spec: &ImageSpec, document: &mut Value) -> Result<(), SpecError> {
    spec::apply(image, spec, document)
}

/// Why compiling stops.
enum Halt {
    Look(Box<Look>),
    Error(Box<CompileError>),
}

impl<E: Into<CompileError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Halt::Error(Box::new(error.into()))
    }
}

/// A file system and the config of the image that it is.
#[derive(Clone)]
struct Made {
    state: State,
    config: Value,
}

struct Compiler<'a> {
    tree: &'a ImageTree,
    around: &'a Surroundings<'a>,
    layers: BTreeMap<String, LayerImage>,
    commands: Vec<StageCommands>,
    made: BTreeMap<(String, Option<String>), Made>,
}

impl Compiler<'_> {
    fn whole(&mut self, node: &Node) -> Result<Solve, Halt> {
        let labels = self.labels(node);
        if let Some(dockerfile) = node.dockerfile() {
            return self.dockerfile(&node.name, dockerfile, node.image_spec(), labels);
        }
        let Made { state, config: mut document } = self.image(node)?;
        spec::set_labels(spec::object(&mut document, "config"), &labels);
        finish(&mut document, &self.around.platform);
        Ok(Solve::Llb { definition: state.marshal(), config: document.to_string().into_bytes() })
    }

    /// Labels by which published images are known.
    fn labels(&self, node: &Node) -> BTreeMap<String, String> {
        [
            ("werf", self.around.project.to_owned()),
            ("werf-project-repo-commit", self.around.commit.to_owned()),
            ("werf.io/image", node.name.clone()),
            ("werf.io/digest", node.digest.tag()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The image with its configuration.
    fn image(&mut self, node: &Node) -> Result<Made, Halt> {
        self.stages(node, None)
    }

    /// The stages of a Stapel image up to one of them, or all.
    fn stages(&mut self, node: &Node, until: Option<&str>) -> Result<Made, Halt> {
        let image = node.name.as_str();
        let key = (image.to_owned(), until.map(str::to_owned));
        if let Some(made) = self.made.get(&key) {
            return Ok(made.clone());
        }
        let mut made = Made { state: State::scratch(), config: json!({}) };
        for stage in &node.stages {
            match &stage.work {
                Work::From(base) => made = self.base(image, base)?,
                Work::Git(placed) => made.state = self.place(image, placed, &made.state)?,
                Work::Run(run) => made.state = self.run(image, run, &made)?,
                Work::Dependencies(Dependencies { when: _, imports, facts }) => {
                    for import in imports {
                        made.state = self.import(image, import, &made)?;
                    }
                    let facts = self.facts(image, facts)?;
                    spec::set_env(spec::object(&mut made.config, "config"), &facts);
                }
                Work::ImageSpec(spec) => spec::apply(image, spec, &mut made.config)?,
                Work::Dockerfile(_) => {
                    return Err(CompileError::NotPublished { image: image.to_owned(), prerequisite: image.to_owned() }.into());
                }
            }
            if until == Some(stage.name().as_str()) {
                break;
            }
        }
        self.made.insert(key, made.clone());
        Ok(made)
    }

    fn base(&mut self, image: &str, base: &BaseStage) -> Result<Made, Halt> {
        // The platform is this build's; versions are only there to be hashed.
        let BaseStage { platforms: _, cache_version: _, from_cache_version: _, source } = base;
        match source {
            Source::Scratch => Ok(Made { state: State::scratch(), config: json!({ "config": {} }) }),
            Source::Reference { written, latest: _ } => {
                let base = self.external(image, written)?;
                if !base.config.is_object() {
                    let cause = serde::de::Error::custom("it is no JSON object");
                    return Err(CompileError::BaseConfig { reference: written.clone(), cause: Arc::new(cause) }.into());
                }
                Ok(Made { state: self.registry_image(&base.reference, &format!("[{image}] from {written}")), config: base.config })
            }
            Source::Image { name, stage, digest: _ } => self.other(image, name, stage.as_deref()),
        }
    }

    /// Another image of the file: from the registry, or its stages in this graph.
    fn other(&mut self, image: &str, name: &str, stage: Option<&str>) -> Result<Made, Halt> {
        let around = self.around;
        if let (Some(published), None) = (around.published.get(name), stage) {
            let state = self.registry_image(&format!("{}@{}", around.repo, published.digest), &format!("[{image}] from image {name}"));
            return Ok(Made { state, config: published.config.clone() });
        }
        let tree = self.tree;
        match tree.node(name) {
            Some(node) if node.dockerfile().is_none() => self.stages(node, stage),
            _ => Err(CompileError::NotPublished { image: image.to_owned(), prerequisite: name.to_owned() }.into()),
        }
    }

    fn external(&self, image: &str, reference: &str) -> Result<Base, CompileError> {
        let unresolved = || CompileError::Unresolved { image: image.to_owned(), reference: reference.to_owned() };
        self.around.bases.get(reference).cloned().ok_or_else(unresolved)
    }

    fn registry_image(&self, reference: &str, note: &str) -> State {
        State::image(&ImageSource::new(reference), &self.around.platform, Note::named(note))
    }

    fn run(&mut self, image: &str, run: &Run, made: &Made) -> Result<State, Halt> {
        // Versions are only there to be hashed.
        let Run { stage, placed, unseen, shell_cache_version: _, stage_cache_version: _, commands, network, secrets, mounts } = run;
        let state = self.place(image, placed, &made.state)?;
        let args = script::args(commands.iter().map(|command| command.text.as_str()));
        if args.iter().any(|arg| arg.len() > script::LIMIT) {
            return Err(CompileError::TooLong { image: image.to_owned(), stage: user_stage(*stage), limit: script::LIMIT }.into());
        }
        let mut exec = Exec::new(args);
        exec.env = made.config.get("config").and_then(Value::as_object).map(spec::env).unwrap_or_default();
        exec.network = *network;
        for StageMount { to, from } in mounts {
            exec = exec.mount(match from {
                MountSource::Empty => Mount::tmpfs(to),
                MountSource::Kept(name) => Mount::cache(to, name, Sharing::Shared),
                MountSource::Machine(path) => {
                    let local = LocalSource { name: path.clone(), shared_key_hint: path.clone(), ..LocalSource::default() };
                    let note = Note::named(format!("[{image}] folder {path} of this machine"));
                    Mount::read_write(to, &State::local(&local, note))
                }
            });
        }
        for id in secrets {
            exec = exec.mount(Mount::secret(format!("/run/secrets/{id}"), id));
        }
        let lines = commands.iter().map(|command| command.at.line as u32).filter(|line| *line > 0);
        let step = step_name(image, *stage, commands);
        let mut note = Note::named(step.as_str());
        if let (Some(first_line), Some(last_line)) = (lines.clone().min(), lines.max()) {
            note = note.at(Location { file: self.around.source.clone(), first_line, last_line });
        }
        if self.commands.iter().all(|known| known.step != step) {
            let (commands, unseen) = (commands.clone(), unseen.clone());
            self.commands.push(StageCommands { step, image: image.to_owned(), stage: *stage, commands, unseen });
        }
        Ok(state.exec(exec, note))
    }

    /// Values of facts about other images, by variable or argument.
    fn facts(&self, image: &str, facts: &[Fact]) -> Result<BTreeMap<String, String>, CompileError> {
        let mut values = BTreeMap::new();
        for Fact { image: other, digest, fact, target } in facts {
            let published = || {
                let not_published = || CompileError::NotPublished { image: image.to_owned(), prerequisite: other.clone() };
                self.around.published.get(other).ok_or_else(not_published)
            };
            let value = match fact {
                ImageFact::Name => format!("{}:{}", self.around.repo, digest.tag()),
                ImageFact::Tag => digest.tag(),
                ImageFact::Repo => self.around.repo.to_owned(),
                ImageFact::Id => published()?.config_digest.clone(),
                ImageFact::Digest => published()?.digest.clone(),
            };
            values.insert(target.clone(), value);
        }
        Ok(values)
    }
}

/// Leaves in a config what a new image may have: the exporter writes the rest.
fn finish(document: &mut Value, platform: &Platform) {
    document["architecture"] = json!(platform.architecture());
    document["os"] = json!(platform.os());
    if let Some(document) = document.as_object_mut() {
        document.remove("rootfs");
        document.remove("created");
        if !platform.variant().is_empty() {
            document.insert("variant".into(), json!(platform.variant()));
        }
    }
}

/// `[image stage] first command…`, of a length that fits a line.
fn step_name(image: &str, stage: UserStage, commands: &[config::Command]) -> String {
    let first = commands.iter().flat_map(|command| command.text.lines()).map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let more = commands.len() > 1 || commands.iter().any(|command| command.text.trim().contains('\n'));
    let short: String = first.chars().take(80).collect();
    let dots = if more || short.len() < first.len() { " …" } else { "" };
    format!("[{image} {}] {short}{dots}", user_stage(stage))
}

impl Compiled {
    /// Says which command of werf.yaml failed, by the name of the failed step and the last lines of its output.
    ///
    /// `None` for steps that are not commands, and if the shell was killed before it could say.
    pub fn command_failure(&self, tree: &ImageTree, step: &str, output: &[String]) -> Option<CommandFailure> {
        let stage = self.commands.iter().find(|stage| stage.step == step)?;
        let failed = script::failed(&output.join("\n"))?;
        CommandFailure::new(tree.config(), stage, stage.commands.get(failed.index)?, failed.exit_code, output)
    }

    /// Every blob that the session's content store serves, by digest.
    pub fn blobs(&self) -> impl Iterator<Item = (&str, BlobSource<'_>)> {
        self.layers.iter().flat_map(|image| {
            [
                (image.manifest.digest.as_str(), BlobSource::Bytes(&image.manifest_bytes)),
                (image.config.digest.as_str(), BlobSource::Bytes(&image.config_bytes)),
                (image.layer.blob.digest.as_str(), BlobSource::Layer(&image.layer)),
            ]
        })
    }
}

/// Where the bytes of a blob are.
#[derive(Clone, Copy, Debug)]
pub enum BlobSource<'a> {
    /// At hand.
    Bytes(&'a Arc<[u8]>),
    /// Made from Git objects when asked for.
    Layer(&'a Arc<crate::images::git_layers::Layer>),
}
