//! Stages → LLB.
//!
//! Images that are not published yet and that this one is built upon or imports from are compiled into the same graph; equal stages
//! are equal vertices, whichever image's solve runs them first. What is published comes in by its manifest digest.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{CommandFailure, CompileError, Place};
use super::placing::{self, Step};
use super::script;
use super::spec;
use super::stage::{Placed, Stage, StageName, user_stage};
use super::tree::{DockerfileSource, ImageTree, Node};
use crate::file_tree::FileTree;
use crate::images::git_layers::{LayerCache, LayerImage, Owner, Placement, layers};
use crate::images::llb::{
    Copy, Definition, Exec, FileAction, GitSource, ImageSource, Location, Mkdir, Mkfile, Mount, Network, Note, OciLayoutSource, Platform,
    Sharing, SourceFile, State,
};
use crate::project::config::Config;
use crate::project::config::image::{
    self as config, Dependency, From, Image, ImageFact, MountSource, Recipe, Revision, Secret, Stapel, UserStage, When,
};

/// The name of the session's content store that serves [`Build::layers`].
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

/// What compiling needs to know besides the tree.
#[derive(Clone)]
pub struct Surroundings<'a> {
    /// Repository that images are published to, `HOST/REPO`.
    pub repo: &'a str,
    /// The commit, for labels.
    pub commit: &'a str,
    /// The platform to build for.
    pub platform: Platform,
    /// External bases by reference as written.
    pub bases: &'a BTreeMap<String, Base>,
    /// Images of the file that are in the registry, by name.
    pub published: &'a BTreeMap<String, Published>,
    /// The tree that the image tree was made from.
    pub files: &'a dyn FileTree,
    /// What is known of its layers.
    pub cache: &'a dyn LayerCache,
    /// How many threads may make layers.
    pub threads: usize,
}

/// One image, ready to be solved and pushed.
#[derive(Debug)]
pub struct Build {
    /// Its name in werf.yaml.
    pub image: String,
    /// Its tag: the content digest.
    pub tag: String,
    /// What BuildKit solves.
    pub solve: Solve,
    /// What the session's content store [`STORE`] serves.
    pub layers: Vec<LayerImage>,
    /// The commands behind build steps, to name the one that failed ([`Build::command_failure`]).
    pub commands: Vec<StageCommands>,
    /// Secrets that the session serves.
    pub secrets: Vec<Secret>,
    /// Whether steps need the entitlement `network.host`.
    pub host_network: bool,
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
    },
}

/// The commands of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageCommands {
    /// The name of the build step, as events and errors have it; one stage of one image has one.
    pub step: String,
    /// The image whose stage it is.
    pub image: String,
    /// The stage.
    pub stage: UserStage,
    /// Its commands with their places.
    pub commands: Vec<config::Command>,
}

/// Compiles one image.
///
/// Reads Git objects only where `cache` does not know the layers of a file set.
///
/// # Errors
/// A base that the caller did not resolve, a prerequisite that is not published, an unreadable file.
pub fn compile(tree: &ImageTree, name: &str, around: &Surroundings<'_>) -> Result<Build, CompileError> {
    let Some((image, node)) = tree.get(name) else {
        return Err(CompileError::NotPublished { image: name.to_owned(), prerequisite: name.to_owned() });
    };
    let config = tree.config();
    let source = Arc::new(SourceFile { name: config_name(image), text: config.rendered.to_string(), language: "YAML".into() });
    let mut compiler = Compiler {
        tree,
        around,
        source,
        layers: BTreeMap::new(),
        commands: Vec::new(),
        secrets: Vec::new(),
        host_network: false,
        made: BTreeMap::new(),
    };
    let labels = labels(tree, image, node, around);
    let solve = match &node.dockerfile {
        Some(source) => compiler.dockerfile(image, source, labels)?,
        None => {
            let Made { state, config: mut document } = compiler.image(image, node)?;
            spec::set_labels(spec::object(&mut document, "config"), &labels);
            finish(&mut document, &around.platform);
            Solve::Llb { definition: state.marshal(), config: document.to_string().into_bytes() }
        }
    };
    Ok(Build {
        image: image.name.clone(),
        tag: node.digest.tag(),
        solve,
        layers: compiler.layers.into_values().collect(),
        commands: compiler.commands,
        secrets: compiler.secrets,
        host_network: compiler.host_network,
    })
}

fn config_name(image: &Image) -> String {
    if image.at.file.is_empty() { "werf.yaml".into() } else { image.at.file.to_string() }
}

/// Labels by which published images are known.
fn labels(tree: &ImageTree, image: &Image, node: &Node, around: &Surroundings<'_>) -> BTreeMap<String, String> {
    [
        ("werf", tree.config().meta.project.clone()),
        ("werf-project-repo-commit", around.commit.to_owned()),
        ("werf.io/image", image.name.clone()),
        ("werf.io/digest", node.digest.tag()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Leaves in a config what a new image may have: the exporter writes the rest.
fn finish(document: &mut Value, platform: &Platform) {
    document["architecture"] = json!(platform.architecture);
    document["os"] = json!(platform.os);
    if let Some(document) = document.as_object_mut() {
        document.remove("rootfs");
        document.remove("created");
        if !platform.variant.is_empty() {
            document.insert("variant".into(), json!(platform.variant));
        }
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
    source: Arc<SourceFile>,
    layers: BTreeMap<String, LayerImage>,
    commands: Vec<StageCommands>,
    secrets: Vec<Secret>,
    host_network: bool,
    made: BTreeMap<(String, Option<String>), Made>,
}

impl Compiler<'_> {
    /// The image with its configuration.
    fn image(&mut self, image: &Image, node: &Node) -> Result<Made, CompileError> {
        let Made { state, mut config } = self.stapel(image, node, None)?;
        let spec = spec::effective(self.tree.config(), image);
        spec::apply(&spec, &mut config);
        Ok(Made { state, config })
    }

    /// The stages of a Stapel image up to one of them, or all.
    fn stapel(&mut self, image: &Image, node: &Node, until: Option<&str>) -> Result<Made, CompileError> {
        let key = (image.name.clone(), until.map(str::to_owned));
        if let Some(made) = self.made.get(&key) {
            return Ok(made.clone());
        }
        let Recipe::Stapel(stapel) = &image.recipe else {
            return Err(CompileError::NotPublished { image: image.name.clone(), prerequisite: image.name.clone() });
        };
        let mut made = self.base(image, &stapel.from)?;
        let mut ran = false;
        for stage in &node.stages {
            match stage.name {
                StageName::From | StageName::ImageSpec | StageName::Dockerfile => {}
                StageName::Git => self.place(image, stapel, &stage.placed, &mut made, ran)?,
                StageName::User(name) => {
                    self.place(image, stapel, &stage.placed, &mut made, ran)?;
                    self.run(image, stapel, name, &mut made)?;
                    ran = true;
                }
                StageName::Dependencies(when) => {
                    for import in stapel.imports.iter().filter(|import| import.when == when) {
                        self.import(image, import, &mut made)?;
                        ran = true;
                    }
                    let facts = image.dependencies.iter().filter(|dependency| dependency.when.unwrap_or(When::BeforeInstall) == when);
                    let facts = self.facts(image, facts)?;
                    spec::set_env(spec::object(&mut made.config, "config"), &facts, &[]);
                }
            }
            if until == Some(stage.name.as_str()) {
                break;
            }
        }
        self.made.insert(key, made.clone());
        Ok(made)
    }

    fn base(&mut self, image: &Image, from: &From) -> Result<Made, CompileError> {
        match from {
            From::Scratch => Ok(Made { state: State::scratch(), config: json!({ "config": {} }) }),
            From::Reference(reference) => {
                let base = self.external(image, reference)?;
                if !base.config.is_object() {
                    let cause = serde::de::Error::custom("it is no JSON object");
                    return Err(CompileError::BaseConfig { reference: reference.clone(), cause: Arc::new(cause) });
                }
                Ok(Made { state: self.registry_image(&base.reference, &format!("[{}] from {reference}", image.name)), config: base.config })
            }
            From::Image(name) => self.other(image, name, None),
        }
    }

    /// Another image of the file: from the registry, or its stages in this graph.
    fn other(&mut self, image: &Image, name: &str, stage: Option<&str>) -> Result<Made, CompileError> {
        let around = self.around;
        if let (Some(published), None) = (around.published.get(name), stage) {
            let state =
                self.registry_image(&format!("{}@{}", around.repo, published.digest), &format!("[{}] from image {name}", image.name));
            return Ok(Made { state, config: published.config.clone() });
        }
        let tree = self.tree;
        match tree.get(name) {
            Some((other, node)) if node.dockerfile.is_none() => match stage {
                None => self.image(other, node),
                Some(_) => self.stapel(other, node, stage),
            },
            _ => Err(CompileError::NotPublished { image: image.name.clone(), prerequisite: name.to_owned() }),
        }
    }

    fn external(&self, image: &Image, reference: &str) -> Result<Base, CompileError> {
        let unresolved = || CompileError::Unresolved { image: image.name.clone(), reference: reference.to_owned() };
        self.around.bases.get(reference).cloned().ok_or_else(unresolved)
    }

    fn registry_image(&self, reference: &str, note: &str) -> State {
        State::image(&ImageSource::new(reference), &self.around.platform, Note::named(note))
    }

    /// Puts files onto a state.
    fn place(&mut self, image: &Image, stapel: &Stapel, placed: &[Placed], made: &mut Made, ran: bool) -> Result<(), CompileError> {
        let mut pending: Vec<State> = Vec::new();
        for Placed { mapping, files } in placed {
            let Some(mapping) = stapel.git.get(*mapping) else { continue };
            let note = format!("[{}] git {} → {}", image.name, if mapping.add.is_empty() { "/" } else { &mapping.add }, mapping.to);
            match (placing::step(mapping, ran), files) {
                (Step::Merge(owner), Some(files)) => {
                    let placement = Placement { files: files.clone(), to: mapping.to.clone(), owner };
                    pending.extend(self.sources(&placement, &note)?);
                }
                (step, files) => {
                    merge(made, &mut pending, image);
                    let (from, owner) = match files {
                        Some(files) => {
                            let ids = if let Step::Copy(None) | Step::Merge(_) = step { placing::numeric_owner(mapping) } else { None };
                            let placement = Placement { files: files.clone(), to: mapping.to.clone(), owner: ids.unwrap_or_default() };
                            let sources = self.sources(&placement, &note)?;
                            (State::merge(&sources, Note::named(note.as_str())), placing::owner(mapping))
                        }
                        None => (remote(mapping), placing::owner(mapping)),
                    };
                    let src = if files.is_some() { &mapping.to } else { &mapping.add };
                    let copy = Copy {
                        from,
                        src: format!("/{}", src.trim_matches('/')),
                        dest: mapping.to.clone(),
                        owner,
                        contents_only: true,
                        create_parents: true,
                        include: if files.is_some() { Vec::new() } else { mapping.include_paths.clone() },
                        exclude: if files.is_some() { Vec::new() } else { mapping.exclude_paths.clone() },
                        ..Copy::default()
                    };
                    made.state = copy_with_parents(&made.state, copy, Note::named(note));
                }
            }
        }
        merge(made, &mut pending, image);
        Ok(())
    }

    /// The layers of a placement as sources.
    fn sources(&mut self, placement: &Placement, note: &str) -> Result<Vec<State>, CompileError> {
        let around = self.around;
        let mut states = Vec::new();
        for layer in layers(around.files, placement, around.cache, around.threads)? {
            let layer = LayerImage::new(layer, &around.platform);
            let source = OciLayoutSource { reference: layer.reference(around.repo), store: STORE.into(), layer_limit: None };
            states.push(State::oci_layout(&source, &around.platform, Note::named(note)));
            self.layers.insert(layer.manifest.digest.clone(), layer);
        }
        Ok(states)
    }

    fn run(&mut self, image: &Image, stapel: &Stapel, stage: UserStage, made: &mut Made) -> Result<(), CompileError> {
        let Some(shell) = stapel.shell.stages.get(&stage) else { return Ok(()) };
        let args = script::args(shell.commands.iter().map(|command| command.text.as_str()));
        if args.iter().any(|arg| arg.len() > script::LIMIT) {
            return Err(CompileError::TooLong { image: image.name.clone(), stage: user_stage(stage), limit: script::LIMIT });
        }
        let mut exec = Exec::new(args);
        exec.env = made.config.get("config").and_then(Value::as_object).map(spec::env).unwrap_or_default();
        exec.network = match image.network.as_deref() {
            Some("host") => Network::Host,
            Some("none") => Network::None,
            _ => Network::Default,
        };
        self.host_network |= exec.network == Network::Host;
        for mount in &stapel.mounts {
            let id = |kept: &str| format!("werf/{}/{kept}", self.tree.config().meta.project);
            exec = exec.mount(match &mount.from {
                MountSource::TmpDir => Mount::tmpfs(&mount.to),
                MountSource::BuildDir => Mount::cache(&mount.to, id(&format!("build_dir{}", mount.to)), Sharing::Shared),
                MountSource::Path(path) => Mount::cache(&mount.to, id(&format!("path/{}", path.trim_start_matches('/'))), Sharing::Shared),
            });
        }
        for secret in &image.secrets {
            exec = exec.mount(Mount::secret(format!("/run/secrets/{}", secret.id), &secret.id));
            if self.secrets.iter().all(|known| known.id != secret.id) {
                self.secrets.push(secret.clone());
            }
        }
        let lines = shell.commands.iter().map(|command| command.at.line as u32).filter(|line| *line > 0);
        let step = step_name(image, stage, &shell.commands);
        let mut note = Note::named(step.as_str());
        if let (Some(first_line), Some(last_line)) = (lines.clone().min(), lines.max()) {
            note = note.at(Location { file: self.source.clone(), first_line, last_line });
        }
        made.state = made.state.exec(exec, note);
        let commands = StageCommands { step, image: image.name.clone(), stage, commands: shell.commands.clone() };
        if !self.commands.contains(&commands) {
            self.commands.push(commands);
        }
        Ok(())
    }

    fn import(&mut self, image: &Image, import: &config::Import, made: &mut Made) -> Result<(), CompileError> {
        let from = match &import.from {
            From::Scratch => State::scratch(),
            From::Reference(reference) => {
                let base = self.external(image, reference)?;
                self.registry_image(&base.reference, &format!("[{}] import from {reference}", image.name))
            }
            From::Image(name) => self.other(image, name, import.stage.as_deref())?.state,
        };
        let name = match &import.from {
            From::Image(name) | From::Reference(name) => name.as_str(),
            From::Scratch => "scratch",
        };
        let copy = Copy {
            from,
            src: import.add.clone(),
            dest: import.to.clone(),
            owner: placing::named_owner(import.owner.as_deref(), import.group.as_deref()),
            follow_symlinks: true,
            contents_only: true,
            create_parents: true,
            include: import.include_paths.clone(),
            exclude: import.exclude_paths.clone(),
            ..Copy::default()
        };
        made.state =
            copy_with_parents(&made.state, copy, Note::named(format!("[{}] import {name} {} → {}", image.name, import.add, import.to)));
        Ok(())
    }

    /// Values of facts about other images, by variable or argument.
    fn facts<'d>(
        &self,
        image: &Image,
        dependencies: impl IntoIterator<Item = &'d Dependency>,
    ) -> Result<BTreeMap<String, String>, CompileError> {
        let mut facts = BTreeMap::new();
        for dependency in dependencies {
            let not_published = || CompileError::NotPublished { image: image.name.clone(), prerequisite: dependency.image.clone() };
            let tag = self.tree.tag(&dependency.image).ok_or_else(not_published)?;
            for import in &dependency.imports {
                let published = || self.around.published.get(&dependency.image).ok_or_else(not_published);
                let value = match import.fact {
                    ImageFact::Name => format!("{}:{tag}", self.around.repo),
                    ImageFact::Tag => tag.clone(),
                    ImageFact::Repo => self.around.repo.to_owned(),
                    ImageFact::Id => published()?.config_digest.clone(),
                    ImageFact::Digest => published()?.digest.clone(),
                };
                facts.insert(import.target.clone(), value);
            }
        }
        Ok(facts)
    }

    fn dockerfile(&mut self, image: &Image, source: &DockerfileSource, labels: BTreeMap<String, String>) -> Result<Solve, CompileError> {
        let Recipe::Dockerfile(recipe) = &image.recipe else {
            return Err(CompileError::NotPublished { image: image.name.clone(), prerequisite: image.name.clone() });
        };
        let spec = spec::effective(self.tree.config(), image);
        let removal = |key| CompileError::Removal { image: image.name.clone(), key };
        let lines = spec::instructions(&spec, source.file.escape).map_err(removal)?;
        let mut text = source.file.text.to_string();
        let mut attrs: BTreeMap<String, String> = BTreeMap::new();
        attrs.insert("filename".into(), source.path.clone());
        attrs.insert("platform".into(), self.around.platform.to_string());
        match &recipe.target {
            Some(target) if !lines.is_empty() => {
                text.push_str(&format!("\nFROM {target} AS {SPEC_STAGE}\n{}\n", lines.join("\n")));
                attrs.insert("target".into(), SPEC_STAGE.into());
            }
            Some(target) => drop(attrs.insert("target".into(), target.clone())),
            None if !lines.is_empty() => text.push_str(&format!("\n{}\n", lines.join("\n"))),
            None => {}
        }
        attrs.extend(labels.into_iter().chain(spec.labels).map(|(name, value)| (format!("label:{name}"), value)));
        attrs.extend(recipe.args.iter().map(|(name, value)| (format!("build-arg:{name}"), value.clone())));
        attrs.extend(self.facts(image, &image.dependencies)?.into_iter().map(|(name, value)| (format!("build-arg:{name}"), value)));
        if !recipe.add_host.is_empty() {
            let host = |line: &String| line.replacen(':', "=", 1);
            attrs.insert("add-hosts".into(), recipe.add_host.iter().map(host).collect::<Vec<_>>().join(","));
        }
        if let Some(network) = image.network.as_deref().filter(|network| *network != "default") {
            attrs.insert("force-network-mode".into(), network.to_owned());
            self.host_network |= network == "host";
        }
        self.secrets.extend(image.secrets.iter().cloned());

        let note = format!("[{}] context", image.name);
        let placement = Placement { files: source.context.clone(), to: "/".into(), owner: Owner::default() };
        let sources = self.sources(&placement, &note)?;
        let mut context = State::merge(&sources, Note::named(note.as_str()));
        if context.is_scratch() {
            // An empty definition would mean that the client sends a directory.
            context = State::scratch().file(
                [FileAction::Mkdir(Mkdir { path: "/.werf".into(), mode: 0o755, timestamp: Some(0), ..Mkdir::default() })],
                Note::named(note),
            );
        }
        let mut actions = Vec::new();
        if let Some((directory, _)) = source.path.rsplit_once('/') {
            actions.push(FileAction::Mkdir(Mkdir {
                path: format!("/{directory}"),
                mode: 0o755,
                parents: true,
                timestamp: Some(0),
                ..Mkdir::default()
            }));
        }
        actions.push(FileAction::Mkfile(Mkfile {
            path: format!("/{}", source.path),
            mode: 0o644,
            data: text.into_bytes(),
            timestamp: Some(0),
            ..Mkfile::default()
        }));
        let dockerfile = State::scratch().file(actions, Note::named(format!("[{}] {}", image.name, source.path)));
        let inputs = [("context".to_owned(), context.marshal()), ("dockerfile".to_owned(), dockerfile.marshal())].into();
        Ok(Solve::Dockerfile { attrs, inputs })
    }
}

/// The stage that `imageSpec` of a Dockerfile image with a target becomes.
const SPEC_STAGE: &str = "werf-image-spec";

/// Copies with an owner for what is copied: directories above, where they are missing, are root's.
fn copy_with_parents(state: &State, copy: Copy, note: Note) -> State {
    let above = copy.dest.trim_end_matches('/').rsplit_once('/').map_or("", |(above, _)| above);
    let parents = (!above.is_empty() && copy.owner.is_some()).then(|| Mkdir {
        path: above.to_owned(),
        mode: 0o755,
        parents: true,
        ..Mkdir::default()
    });
    state.file(parents.map(FileAction::Mkdir).into_iter().chain([FileAction::Copy(copy)]), note)
}

/// Lays pending layers onto the state in one merge.
fn merge(made: &mut Made, pending: &mut Vec<State>, image: &Image) {
    if !pending.is_empty() {
        let base = made.state.clone();
        made.state = State::merge([&base].into_iter().chain(pending.iter()), Note::named(format!("[{}] git", image.name)));
        pending.clear();
    }
}

fn remote(mapping: &config::GitMapping) -> State {
    let Some(remote) = &mapping.remote else { return State::scratch() };
    let (Revision::Branch(reference) | Revision::Tag(reference) | Revision::Commit(reference)) = &remote.revision;
    let source = GitSource { url: remote.url.clone(), reference: reference.clone(), ..GitSource::default() };
    State::git(&source, Note::named(format!("git {} {reference}", remote.url)))
}

/// `[image stage] first command…`, of a length that fits a line.
fn step_name(image: &Image, stage: UserStage, commands: &[config::Command]) -> String {
    let first = commands.iter().flat_map(|command| command.text.lines()).map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let more = commands.len() > 1 || commands.iter().any(|command| command.text.trim().contains('\n'));
    let short: String = first.chars().take(80).collect();
    let dots = if more || short.len() < first.len() { " …" } else { "" };
    format!("[{} {}] {short}{dots}", image.name, user_stage(stage))
}

impl Build {
    /// Says which command of werf.yaml failed, by the name of the failed step and the last lines of its output.
    ///
    /// `None` for steps that are not commands, and if the shell was killed before it could say.
    pub fn command_failure(&self, config: &Config, step: &str, output: &[String]) -> Option<CommandFailure> {
        let stage = self.commands.iter().find(|stage| stage.step == step)?;
        let failed = script::failed(&output.join("\n"))?;
        let command = stage.commands.get(failed.index)?;
        let Place { source_code, span } = Place::new(config, &command.at);
        let lines = output.iter().filter(|line| script::failed(line).is_none());
        let output: String = lines.map(|line| format!("\n  │ {line}")).collect();
        let (image, stage) = (stage.image.clone(), user_stage(stage.stage));
        Some(CommandFailure { image, stage, exit_code: failed.exit_code, line: command.at.line, output, source_code, span })
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

/// The stages of an image as text, for people and tests: name, digest, inputs.
pub fn describe(node: &Node) -> String {
    let mut text = String::new();
    for Stage { name, digest, inputs, .. } in &node.stages {
        text += &format!("{} {digest}\n", name.as_str());
        for input in inputs.iter() {
            text += &match &input.value {
                super::inputs::Value::Text(value) => format!("  {}: {value}\n", input.name),
                super::inputs::Value::List(values) => format!("  {}: {values:?}\n", input.name),
                super::inputs::Value::Files(files) => format!("  {}: {} files\n", input.name, files.len()),
                super::inputs::Value::Image { name, .. } => format!("  {}: image {name}\n", input.name),
            };
        }
    }
    text
}
