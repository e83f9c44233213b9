//! The images of one commit with their digests and what each needs of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::digest::Digest;
use super::error::{ImageError, Place};
use super::files::Files;
use super::stage::{Dockerfile, MountSource, Source, Stage, StageName, Work};
use super::view::View;
use super::{declare, digest, dockerfile_stages, stapel_stages};
use crate::file_tree::{FileTree, ReadError};
use crate::images::git_layers::Sums;
use crate::images::llb::Network;
use crate::project::config::Config;
use crate::project::config::image::{From, Image, ImageFact, ImageSpec, Location, Recipe, Revision};

/// The platform of images for which nobody names one. It is the same on every machine, as the names of images have to be.
pub const DEFAULT_PLATFORM: &str = "linux/amd64";

/// What the caller chooses besides the commit.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Target platforms of `--platform`; they replace those of werf.yaml. Empty: werf.yaml's, else [`DEFAULT_PLATFORM`].
    pub platform: Vec<String>,
    /// What was looked up before.
    pub looked_up: LookedUp,
    /// Sums of files that are remembered.
    pub sums: Arc<Sums>,
}

/// What werf.yaml asks for that is not in the commit, looked up beforehand.
#[derive(Clone, Debug, Default)]
pub struct LookedUp {
    /// Manifest digests of bases with `fromLatest`, by reference as written.
    pub latest: BTreeMap<String, String>,
    /// Commits of other repositories, by URL and revision as written.
    pub remotes: BTreeMap<(String, Revision), RemoteCommit>,
    /// Triggers (`ONBUILD`) of base images of Dockerfiles, by reference as written. Those that are not known count for nothing.
    pub triggers: BTreeMap<String, Vec<String>>,
}

/// A commit of another repository, with its files.
#[derive(Clone)]
pub struct RemoteCommit {
    /// The repository, without a password.
    pub url: String,
    /// The commit's id.
    pub commit: String,
    /// Its files.
    pub tree: Arc<dyn FileTree>,
}

impl std::fmt::Debug for RemoteCommit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.url, self.commit)
    }
}

/// The images of one commit, in the order of werf.yaml, each with its content digest.
#[derive(Debug)]
pub struct ImageTree {
    config: Arc<Config>,
    nodes: Vec<Node>,
    /// Dependencies before those that need them.
    order: Vec<usize>,
    views: Vec<View>,
    looked_up: LookedUp,
}

/// One image of the tree.
#[derive(Debug)]
pub struct Node {
    /// Its name in werf.yaml.
    pub name: String,
    /// Target platforms, at least one.
    pub platforms: Vec<String>,
    /// The content digest; its hex form is the tag.
    pub digest: Digest,
    /// The stages that have something to do, in order.
    pub stages: Vec<Stage>,
    /// What it needs of other images of this file.
    pub needs: Vec<Need>,
    /// The places of its views in [`ImageTree::views`], those of the images that it needs included.
    pub views: BTreeSet<usize>,
    pub(super) index: usize,
}

/// What the steps of an image need beyond a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights<'a> {
    /// Whether steps need the entitlement `network.host`.
    pub host_network: bool,
    /// Ids of secrets, each with an image whose secret it is.
    pub secrets: BTreeMap<&'a str, &'a str>,
    /// Directories of this machine that commands see, as werf.yaml writes them, each with such an image.
    pub folders: BTreeMap<&'a str, &'a str>,
}

/// One image's need of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The other image.
    pub image: String,
    /// In which form it is needed.
    pub form: NeedForm,
}

/// In which form another image is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeedForm {
    /// Its files: both may share one graph if both are Stapel images.
    Files,
    /// It must be in the registry first.
    Published,
    /// Only its name, which is known without building.
    Name,
}

impl ImageTree {
    /// Reads what the images see of a tree and computes every digest.
    ///
    /// `files` decides what is visible: a commit, or that commit with what giterminism lets in (as `contextAddFiles`).
    ///
    /// # Errors
    /// Every problem of every image: unknown images and stages, cycles, missing or malformed Dockerfiles, unreadable files.
    pub fn new(config: Arc<Config>, files: Arc<dyn FileTree>, options: &Options) -> Result<Self, Vec<ImageError>> {
        let order = order(&config)?;
        let mut files = Files::new(files, options);
        let mut made: BTreeMap<usize, Node> = BTreeMap::new();
        let mut problems = Vec::new();
        let mut skipped = BTreeSet::new();
        for index in &order {
            let image = &config.images[*index];
            if needs(image).iter().any(|(need, _)| skipped.contains(&need.image)) {
                skipped.insert(image.name.clone());
                continue;
            }
            files.begin();
            match node(&config, *index, &mut files, &made, options) {
                Ok(node) => drop(made.insert(*index, node)),
                Err(problem) => {
                    skipped.insert(image.name.clone());
                    problems.push(problem);
                }
            }
        }
        if problems.is_empty() {
            let (nodes, views, looked_up) = (made.into_values().collect(), files.views, options.looked_up.clone());
            Ok(ImageTree { config, nodes, order, views, looked_up })
        } else {
            Err(problems)
        }
    }

    /// The configuration that the tree was made from.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// All images in the order of werf.yaml.
    pub fn iter(&self) -> impl Iterator<Item = (&Image, &Node)> {
        self.nodes.iter().map(|node| (&self.config.images[node.index], node))
    }

    /// What was looked up for it.
    pub fn looked_up(&self) -> &LookedUp {
        &self.looked_up
    }

    /// The trees that files of images are in: the project's, and those of other repositories.
    pub fn trees(&self, project: Arc<dyn FileTree>) -> Vec<Arc<dyn FileTree>> {
        [project].into_iter().chain(self.looked_up.remotes.values().map(|remote| remote.tree.clone())).collect()
    }

    /// Which parts of the file tree the images see, each once.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// One image by name.
    pub fn get(&self, name: &str) -> Option<(&Image, &Node)> {
        self.iter().find(|(image, _)| image.name == name)
    }

    /// What one image is made of, by name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The tag of an image: its content digest.
    pub fn tag(&self, name: &str) -> Option<String> {
        self.get(name).map(|(_, node)| node.digest.tag())
    }

    /// Some images with all that they need in any form, each once, dependencies first. Unknown names are left out.
    pub fn closure<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        let mut stack: Vec<&str> = names.into_iter().collect();
        while let Some(name) = stack.pop() {
            let Some((image, node)) = self.get(name) else { continue };
            if wanted.insert(&image.name) {
                stack.extend(node.needs.iter().map(|need| need.image.as_str()));
            }
        }
        self.order.iter().map(|index| self.config.images[*index].name.as_str()).filter(|name| wanted.contains(name)).collect()
    }

    /// The images among `missing` that must be published before this one can be compiled.
    ///
    /// A missing Stapel image that this one is built upon or imports from is compiled into the same graph and is no prerequisite, but
    /// its own prerequisites are.
    pub fn prerequisites<'a>(&'a self, name: &str, missing: &BTreeSet<String>) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut inlined = BTreeSet::new();
        let mut stack: Vec<&Node> = self.get(name).map(|(_, node)| node).into_iter().collect();
        while let Some(node) = stack.pop() {
            for need in node.needs.iter().filter(|need| missing.contains(&need.image)) {
                let Some((image, other)) = self.get(&need.image) else { continue };
                match (need.form, &image.recipe) {
                    (NeedForm::Name, _) => {}
                    (NeedForm::Files, Recipe::Stapel(_)) => {
                        if inlined.insert(other.index) {
                            stack.push(other);
                        }
                    }
                    _ => drop(found.insert(image.name.as_str())),
                }
            }
        }
        found
    }

    /// The missing images in waves: each wave's prerequisites are in the waves before it. Callers that can start an image as soon as
    /// its own prerequisites are there should use [`ImageTree::prerequisites`] instead.
    pub fn waves(&self, missing: &BTreeSet<String>) -> Vec<Vec<&str>> {
        let mut left: Vec<&str> =
            self.order.iter().map(|index| self.config.images[*index].name.as_str()).filter(|name| missing.contains(*name)).collect();
        let mut unpublished: BTreeSet<String> = missing.clone();
        let mut waves = Vec::new();
        while !left.is_empty() {
            let (ready, waiting): (Vec<&str>, Vec<&str>) = left.iter().partition(|name| self.prerequisites(name, &unpublished).is_empty());
            if ready.is_empty() {
                break; // not reached: needs have no cycle
            }
            unpublished.retain(|name| !ready.contains(&name.as_str()));
            waves.push(ready);
            left = waiting;
        }
        waves
    }

    /// The external references that must be resolved to compile these images, with those of images compiled into their graphs.
    pub fn bases<'a>(&'a self, names: impl IntoIterator<Item = &'a str>, missing: &BTreeSet<String>) -> BTreeSet<&'a str> {
        self.in_graph(names, missing).into_iter().filter(|node| node.dockerfile().is_none()).flat_map(Node::bases).collect()
    }

    /// What the steps of an image need beyond a sandbox, with those of images compiled into its graph.
    pub fn rights<'a>(&'a self, name: &'a str, missing: &BTreeSet<String>) -> Rights<'a> {
        let mut rights = Rights::default();
        for node in self.in_graph([name], missing) {
            for stage in &node.stages {
                let (network, secrets) = match &stage.work {
                    Work::Run(run) => (run.network, &run.secrets[..]),
                    Work::Dockerfile(dockerfile) => (dockerfile.network, &dockerfile.secrets[..]),
                    Work::From(_) | Work::Dependencies(_) | Work::Git(_) | Work::ImageSpec(_) => continue,
                };
                rights.host_network |= network == Network::Host;
                rights.secrets.extend(secrets.iter().map(|id| (id.as_str(), node.name.as_str())));
                let mounts = if let Work::Run(run) = &stage.work { &run.mounts[..] } else { &[] };
                rights.folders.extend(mounts.iter().filter_map(|mount| match &mount.from {
                    MountSource::Machine(path) => Some((path.as_str(), node.name.as_str())),
                    MountSource::Empty | MountSource::Kept(_) => None,
                }));
            }
        }
        rights
    }

    /// What building these needs of other images: their own needs, and those of what is built into their graphs.
    pub fn needs_of<'a>(&'a self, names: impl IntoIterator<Item = &'a str>, missing: &BTreeSet<String>) -> Vec<&'a str> {
        let needs = self.in_graph(names, missing).into_iter().flat_map(|node| &node.needs).map(|need| need.image.as_str());
        needs.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Images with those that are compiled into their graphs.
    pub(super) fn in_graph<'a>(&'a self, names: impl IntoIterator<Item = &'a str>, missing: &BTreeSet<String>) -> Vec<&'a Node> {
        let mut found: Vec<&Node> = Vec::new();
        let mut stack: Vec<&Node> = names.into_iter().filter_map(|name| self.node(name)).collect();
        while let Some(node) = stack.pop() {
            if found.iter().any(|known| known.index == node.index) {
                continue;
            }
            found.push(node);
            let files = node.needs.iter().filter(|need| need.form == NeedForm::Files);
            let inlined = files.filter(|need| missing.contains(&need.image) || self.imports_stage(node, &need.image));
            stack.extend(inlined.filter_map(|need| self.node(&need.image)));
        }
        found
    }

    /// Whether an image imports from a named stage of another: stages are not published, so that one is compiled in any case.
    fn imports_stage(&self, node: &Node, other: &str) -> bool {
        let Recipe::Stapel(stapel) = &self.config.images[node.index].recipe else { return false };
        stapel.imports.iter().any(|import| import.stage.is_some() && import.from == From::Image(other.to_owned()))
    }
}

fn node(
    config: &Arc<Config>,
    index: usize,
    files: &mut Files<'_>,
    made: &BTreeMap<usize, Node>,
    options: &Options,
) -> Result<Node, ImageError> {
    let image = &config.images[index];
    let chosen = [&options.platform, &image.platform, &config.meta.build.platform];
    let platforms = chosen.into_iter().find(|platforms| !platforms.is_empty()).cloned();
    let platforms = platforms.unwrap_or_else(|| vec![DEFAULT_PLATFORM.to_owned()]);
    let other = |name: &str| made.values().find(|node| config.images[node.index].name == name);
    let known = Known { config, image, platforms: &platforms, looked_up: &options.looked_up, other: &other };
    for (need, at) in needs(image).into_iter().filter(|(need, _)| need.form != NeedForm::Name) {
        let others = other(&need.image).map(|node| &node.platforms).filter(|others| platforms.iter().any(|one| !others.contains(one)));
        if let Some(others) = others {
            let Place { source_code, span } = known.place(at);
            let (platforms, others) = (platforms.join(", "), others.join(", "));
            return Err(ImageError::Platforms { image: image.name.clone(), platforms, other: need.image, others, source_code, span });
        }
    }
    let chain = match &image.recipe {
        Recipe::Stapel(stapel) => stapel_stages::stages(&known, stapel, files)?,
        Recipe::Dockerfile(recipe) => dockerfile_stages::stages(&known, recipe, files)?,
    };
    let needs: BTreeSet<Need> = needs(image).into_iter().map(|(need, _)| need).collect();
    let inherited = needs.iter().filter_map(|need| other(&need.image)).flat_map(|node| node.views.iter().copied());
    let views = files.used().iter().copied().chain(inherited).collect();
    Ok(Node {
        views,
        name: image.name.clone(),
        platforms,
        digest: chain.image_digest(),
        stages: chain.0,
        needs: needs.into_iter().collect(),
        index,
    })
}

/// Appends stages and chains their digests.
#[derive(Default)]
pub(super) struct Chain(Vec<Stage>);

impl Chain {
    pub fn push(&mut self, work: Work) -> Result<(), ReadError> {
        let mut stage = Stage { work, digest: Digest::default() };
        stage.digest = digest::of_stage(&stage, self.0.last().map(|parent| parent.digest))?;
        self.0.push(stage);
        Ok(())
    }

    /// Appends changes of the configuration, if there are any.
    pub fn push_spec(&mut self, spec: ImageSpec) -> Result<(), ReadError> {
        let work = Work::ImageSpec(Box::new(spec));
        if declare::inputs(&work).is_empty() { Ok(()) } else { self.push(work) }
    }

    /// The digest of the image that these stages make.
    fn image_digest(&self) -> Digest {
        digest::of_image(self.0.last().map(|last| last.digest))
    }
}

/// What the making of stages knows of its surroundings.
pub(super) struct Known<'a> {
    pub config: &'a Arc<Config>,
    pub image: &'a Image,
    pub platforms: &'a [String],
    pub looked_up: &'a LookedUp,
    other: &'a dyn Fn(&str) -> Option<&'a Node>,
}

impl<'a> Known<'a> {
    /// Another image of the file, made before; unknown names were refused by the ordering.
    pub fn other(&self, name: &str) -> Option<&'a Node> {
        (self.other)(name)
    }

    pub fn place(&self, at: &Location) -> Place {
        Place::new(self.config, at)
    }

    /// `cacheVersion` of the image or of the file.
    pub fn cache_version(&self) -> Option<&str> {
        self.image.cache_version.as_deref().or(self.config.meta.build.cache_version.as_deref())
    }

    /// `network` of the image.
    pub fn network(&self) -> Network {
        match self.image.network.as_deref() {
            Some("host") => Network::Host,
            Some("none") => Network::None,
            _ => Network::Default,
        }
    }

    /// Ids of the image's secrets.
    pub fn secrets(&self) -> Vec<String> {
        self.image.secrets.iter().map(|secret| secret.id.clone()).collect()
    }
}

impl Node {
    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name().as_str() == name)
    }

    /// For a Dockerfile image, its one stage.
    pub fn dockerfile(&self) -> Option<&Dockerfile> {
        self.stages.iter().find_map(|stage| match &stage.work {
            Work::Dockerfile(dockerfile) => Some(&**dockerfile),
            _ => None,
        })
    }

    /// Changes of the configuration, if there are any.
    pub fn image_spec(&self) -> Option<&ImageSpec> {
        self.stages.iter().find_map(|stage| match &stage.work {
            Work::ImageSpec(spec) => Some(&**spec),
            _ => None,
        })
    }

    /// References outside this file that it is built from, as written (arguments substituted), each once.
    pub fn bases(&self) -> BTreeSet<&str> {
        fn reference(source: &Source) -> Option<&str> {
            match source {
                Source::Reference { written, .. } => Some(written),
                Source::Scratch | Source::Image { .. } => None,
            }
        }
        let mut found = BTreeSet::new();
        for stage in &self.stages {
            match &stage.work {
                Work::From(base) => found.extend(reference(&base.source)),
                Work::Dependencies(work) => found.extend(work.imports.iter().filter_map(|import| reference(&import.source))),
                Work::Dockerfile(dockerfile) => found.extend(dockerfile.bases.iter().map(|base| base.reference.as_str())),
                Work::Run(_) | Work::Git(_) | Work::ImageSpec(_) => {}
            }
        }
        found
    }

    /// The last stage before `imageSpec`.
    pub(super) fn last_with_files(&self) -> Option<&Stage> {
        self.stages.iter().rfind(|stage| stage.name() != StageName::ImageSpec)
    }
}

/// What an image needs of others, with where werf.yaml says so.
fn needs(image: &Image) -> Vec<(Need, &Location)> {
    let need = |image: &str, form| Need { image: image.to_owned(), form };
    let mut found = Vec::new();
    let is_dockerfile = matches!(image.recipe, Recipe::Dockerfile(_));
    for dependency in &image.dependencies {
        // A Dockerfile uses a name in FROM as a rule, and BuildKit resolves it when the build starts.
        let published = is_dockerfile || dependency.imports.iter().any(|import| matches!(import.fact, ImageFact::Id | ImageFact::Digest));
        found.push((need(&dependency.image, if published { NeedForm::Published } else { NeedForm::Name }), &dependency.at));
    }
    if let Recipe::Stapel(stapel) = &image.recipe {
        if let From::Image(base) = &stapel.from {
            found.push((need(base, NeedForm::Files), &stapel.from_at));
        }
        for import in &stapel.imports {
            if let From::Image(source) = &import.from {
                found.push((need(source, NeedForm::Files), &import.at));
            }
        }
    }
    found
}

/// Indexes of the images, dependencies first, else in file order.
fn order(config: &Config) -> Result<Vec<usize>, Vec<ImageError>> {
    let index: BTreeMap<&str, usize> = config.images.iter().enumerate().map(|(at, image)| (image.name.as_str(), at)).collect();
    let mut problems = Vec::new();
    let mut edges: Vec<Vec<usize>> = vec![Vec::new(); config.images.len()];
    for (at, image) in config.images.iter().enumerate() {
        for (need, place) in needs(image) {
            match index.get(need.image.as_str()) {
                Some(other) => edges[at].push(*other),
                None => {
                    let Place { source_code, span } = Place::new(config, place);
                    let names: Vec<&str> = config.images.iter().map(|image| image.name.as_str()).collect();
                    let help = format!("images here: `{}`", names.join("`, `"));
                    problems.push(ImageError::UnknownImage { image: image.name.clone(), wanted: need.image, source_code, span, help });
                }
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut order = Vec::new();
    let mut way = Vec::new();
    for at in 0..edges.len() {
        if let Err(cycle) = visit(at, &edges, &mut way, &mut order) {
            let names: Vec<String> = cycle.iter().map(|at| config.images[*at].name.clone()).collect();
            let Place { source_code, span } = Place::new(config, &config.images[cycle[0]].at);
            return Err(vec![ImageError::Cycle { names, source_code, span }]);
        }
    }
    Ok(order)
}

fn visit(at: usize, edges: &[Vec<usize>], way: &mut Vec<usize>, order: &mut Vec<usize>) -> Result<(), Vec<usize>> {
    if order.contains(&at) {
        return Ok(());
    }
    if let Some(start) = way.iter().position(|known| *known == at) {
        return Err(way[start..].iter().copied().chain([at]).collect());
    }
    way.push(at);
    edges[at].iter().try_for_each(|next| visit(*next, edges, way, order))?;
    way.pop();
    order.push(at);
    Ok(())
}
